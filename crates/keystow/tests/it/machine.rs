//! The machine interface: stable names, one object, all ASCII.

use serde_json::Value;

use crate::home::{Home, PRO_KEY, old_laptop};

/// What every finding has. More may be added; none of these may go.
const FINDING: &[&str] = &[
    "channel",
    "checks",
    "edition",
    "generic",
    "group",
    "id",
    "origin",
    "partial_key",
    "product",
    "product_key",
    "serial",
    "verdict",
];
/// What a line of `identify` has, in this order.
const LINE: &[&str] = &[
    "line",
    "form",
    "valid",
    "group",
    "serial",
    "checksum_ok",
    "edition",
    "channel",
    "product",
    "generic",
    "partial_key",
];

fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_scan_has_the_names_that_programs_rely_on() {
    let home = Home::new("scan-json");
    let scan = home.changes_nothing(&["scan", "--json", &old_laptop()]).ended(0).json();
    assert_eq!(names(&scan), ["findings", "keep", "problems", "schema"]);
    assert_eq!(scan["schema"], "keystow.scan/1");
    assert_eq!(scan["keep"], serde_json::json!(["k2", "k3"]));
    for finding in scan["findings"].as_array().unwrap() {
        let names = names(finding);
        assert!(FINDING.iter().all(|name| names.contains(name)), "{names:?}");
        assert_eq!(self::names(&finding["origin"]), ["path", "source", "value"]);
    }
    let k2 = scan["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == "k2").unwrap();
    let facts = ["verdict", "product_key", "partial_key", "edition", "channel", "generic", "group", "serial"];
    let facts: Vec<_> = facts.iter().map(|name| k2[name].to_string()).collect();
    insta::assert_snapshot!(facts.join("\n"), @r#"
    "keep-this-pc"
    "*****-*****-*****-*****-FC2HD"
    "FC2HD"
    "Core"
    "OEM:DM"
    true
    3258
    0
    "#);
}

#[test]
fn a_scan_shows_whole_product_keys_only_when_asked() {
    let home = Home::new("scan-reveal");
    let scan = home.run(&["scan", "--json", "--reveal", &old_laptop()]).ended(0).json();
    assert_eq!(scan["findings"][0]["product_key"], "YTMG3-N6DKC-DKB77-7M9GH-8HVX7");
}

#[test]
fn identify_answers_one_object_a_line() {
    let home = Home::new("identify");
    let said = home.typed(&["identify", "--json"], &format!("{PRO_KEY}\n\nRHPQ2-RMFJH-74XYM-BH4JX-XM76F\n")).ended(0);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let value: Value = serde_json::from_str(line).unwrap();
        let mut wanted = LINE.to_vec();
        wanted.sort_unstable();
        assert_eq!(names(&value), wanted);
        let at = |name: &&str| line.find(&format!("\"{name}\":")).unwrap();
        assert!(LINE.is_sorted_by_key(at), "{line}");
    }
    insta::assert_snapshot!(lines[0], @r#"
    {"line":1,"form":"PKEY2009","valid":true,"group":3311,"serial":1,"checksum_ok":true,"edition":"Professional","channel":"Volume:GVLK","product":"Windows 10/11 Pro","generic":true,"partial_key":"T83GX"}
    "#);
}

#[test]
fn lines_that_are_all_wrong_are_still_one_object_a_line() {
    let home = Home::new("identify-wrong");
    let said = home.typed(&["identify", "--json"], "nothing\nW269N-WFGWX-YVC9B-4J6C9-T83GY\n").failed(13, "typed");
    assert_eq!(said.out.lines().count(), 2, "{}", said.out);
    assert!(said.out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

/// Every command that ends without a change, with the exit code it has in a home folder that has a backup.
fn commands<'a>(laptop: &'a str, empty: &'a str) -> Vec<(i32, Vec<&'a str>)> {
    vec![
        (0, vec!["scan", laptop]),
        (4, vec!["scan", empty]),
        (10, vec!["scan", "/nowhere"]),
        (0, vec!["explain", laptop]),
        (10, vec!["identify", "/nowhere"]),
        (0, vec!["backup", laptop]),
        (0, vec!["backup", laptop, "--dry-run"]),
        (4, vec!["backup", empty]),
        (0, vec!["verify"]),
        (0, vec!["verify", "--open"]),
        (0, vec!["verify", "--repair", "--dry-run"]),
        (5, vec!["ready", laptop]),
        (4, vec!["ready", empty]),
        (0, vec!["restore", "k2"]),
        (0, vec!["restore", "k2", "--for", laptop]),
        (16, vec!["restore", "k2", "--for", "Professional"]),
        (0, vec!["restore", "k2", "--setup", empty, "--dry-run"]),
        (0, vec!["restore", "k2", "--export", "k2.txt", "--dry-run"]),
        (0, vec!["list"]),
        (4, vec!["list", "--fits", "ServerStandard"]),
        (0, vec!["show", "k1"]),
        (10, vec!["show", "k9"]),
        (13, vec!["add", "--from", "no-key.txt"]),
        (0, vec!["add", "--from", "pro.txt", "--dry-run"]),
        (0, vec!["export"]),
        (0, vec!["export", "--output", "all.txt", "--dry-run"]),
        (0, vec!["import", "pro.txt", "--dry-run"]),
        (4, vec!["import", "empty.txt"]),
        (0, vec!["forget", "k1", "--dry-run"]),
        (0, vec!["fit", "k1", "--for", "Home"]),
        (5, vec!["fit", "k2", "--for", "Professional"]),
        (1, vec!["vault", "init"]),
        (0, vec!["vault", "place", "list"]),
        (0, vec!["vault", "place", "add", empty, "--dry-run"]),
        (10, vec!["vault", "place", "remove", empty]),
        (0, vec!["vault", "rekey", "--dry-run"]),
        (0, vec!["vault", "prune", "--dry-run"]),
        (0, vec!["doctor"]),
        (0, vec!["completions", "bash"]),
        (0, vec!["man"]),
        (0, vec!["man", "--output", "pages", "--dry-run"]),
        (2, vec!["no-such-command"]),
        (2, vec!["scan", "--no-such-option"]),
        (0, vec!["restore"]),
        (0, vec!["account", "status", "--dry-run"]),
        (10, vec!["account", "status"]),
        (10, vec!["account", "devices"]),
        (10, vec!["account", "logout"]),
        (10, vec!["account", "approve", "0000-0000-0000"]),
        (2, vec!["account", "login"]),
        (2, vec!["account", "create", "anna", "--server", "http://example.org"]),
        (10, vec!["vault", "place", "add", "account"]),
        (10, vec!["serve", "check"]),
    ]
}

#[test]
fn every_command_gives_programs_one_object_and_people_no_panic_and_changes_nothing_it_should_not() {
    let home = Home::backed_up("every-command");
    let (laptop, empty) = (old_laptop(), home.folder("empty"));
    home.file("pro.txt", PRO_KEY);
    home.file("no-key.txt", "nothing here");
    home.file("empty.txt", "nothing here");
    for (code, args) in commands(&laptop, &empty) {
        let json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let said = home.changes_nothing(&json).ended(code);
        let object = said.json();
        assert!(object["schema"].as_str().is_some_and(|name| name.starts_with("keystow.")), "{args:?}: {object}");
        home.changes_nothing(&args).ended(code);
    }
}

#[test]
fn a_failure_is_an_object_with_its_exit_code_and_the_next_step() {
    let home = Home::new("failure-json");
    let failure = home.run(&["list", "--json"]).failed(10, "there is no vault yet").json();
    assert_eq!(failure["schema"], "keystow.failure/1");
    assert_eq!(failure["exit"], 10);
    assert!(failure["hint"].as_str().unwrap().contains("keystow backup"));
}

#[test]
fn completions_are_made_for_every_shell_and_the_manual_page_is_one() {
    let home = Home::new("completions");
    for (shell, mark) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef keystow"),
        ("fish", "complete -c keystow"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        home.run(&["completions", shell]).ended(0).says(mark);
    }
    home.run(&["man"]).ended(0).says(".TH keystow 1");
    home.run(&["man", "--output", "pages"]).ended(0);
    assert!(home.dir.join("pages/keystow-backup.1").is_file());
}

#[test]
fn the_command_reference_in_docs_is_that_of_the_program() {
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md")).unwrap();
    let made = Home::new("cli-md").run(&["man", "--markdown"]).ended(0).out;
    assert_eq!(written, made, "write it with: keystow man --markdown > docs/cli.md");
}
