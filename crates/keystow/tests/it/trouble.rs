//! Damage, two runs at once, a wrong clock, an interrupted run: nothing is lost, and the next step is named.

use std::fs;
use std::path::PathBuf;

use crate::home::{Home, PRO_KEY, files_in, old_laptop, text};

/// The files of a copy.
fn copy_files(home: &Home, copy: &str) -> Vec<PathBuf> {
    files_in(&home.data(copy)).into_keys().filter(|path| path.is_file()).collect()
}

#[test]
fn one_changed_byte_in_any_file_of_any_copy_is_found_named_and_healed() {
    let home = Home::backed_up("one-byte");
    for copy in ["vault", "vault-second-copy"] {
        let files = copy_files(&home, copy);
        assert_eq!(files.len(), 6, "{files:?}");
        for path in files {
            let good = fs::read(&path).unwrap();
            let mut bad = good.clone();
            bad[good.len() / 2] ^= 1;
            fs::write(&path, bad).unwrap();
            let name = path.strip_prefix(home.data(copy)).unwrap().to_str().unwrap().to_owned();
            let said = home.changes_nothing(&["verify"]).ended(5).says(&name);
            assert!(said.out.contains("try: keystow verify --repair"), "{name}: {}", said.out);
            home.run(&["verify", "--repair"]).ended(0).says("mended");
            assert_eq!(fs::read(&path).unwrap(), good, "{name}");
            home.changes_nothing(&["verify", "--open"]).ended(0);
        }
    }
}

#[test]
fn a_copy_that_was_exchanged_for_another_vault_is_found() {
    let (home, other) = (Home::backed_up("exchanged"), Home::backed_up("exchanged-other"));
    fs::remove_dir_all(home.data("vault-second-copy")).unwrap();
    fs::rename(other.data("vault-second-copy"), home.data("vault-second-copy")).unwrap();
    home.changes_nothing(&["verify"]).ended(5).says("another vault");
    home.run(&["list"]).ended(0).says("FC2HD");
}

#[test]
fn a_wrong_phrase_opens_nothing_and_changes_nothing() {
    let home = Home::backed_up("wrong-phrase");
    let wrong = home.file("wrong.txt", "abacus abdomen abdominal abide abiding ability\n");
    let commands: &[&[&str]] = &[
        &["list"],
        &["show", "k1"],
        &["restore", "k1"],
        &["export"],
        &["verify", "--open"],
        &["forget", "k1"],
        &["vault", "rekey"],
        &["vault", "prune"],
    ];
    for args in commands {
        let args: Vec<&str> = args.iter().copied().chain(["--passphrase-file", &wrong]).collect();
        home.changes_nothing(&args).failed(12, "phrase");
    }
}

#[test]
fn two_runs_at_once_do_not_write_together() {
    let home = Home::backed_up("two-runs");
    let lock = fs::File::options().write(true).open(home.data("device/lock")).unwrap();
    lock.lock().unwrap();
    home.changes_nothing(&["backup", &old_laptop()]).failed(11, "another Keystow");
    home.changes_nothing(&["vault", "rekey"]).failed(11, "another Keystow");
    home.changes_nothing(&["list"]).ended(0);
    drop(lock);
    home.run(&["backup", &old_laptop()]).ended(0);
}

#[test]
fn a_clock_that_was_set_back_is_told_and_removes_nothing_for_good() {
    let home = Home::backed_up("clock");
    let path = home.data("device/state.json");
    let mut state: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    state["last"] = "2099-01-01T00:00:00Z".into();
    fs::write(&path, state.to_string()).unwrap();
    home.run(&["backup", &old_laptop()]).ended(0).says("try: set the clock");
    home.changes_nothing(&["vault", "prune"]).failed(1, "clock");
    home.typed(&["add"], PRO_KEY).ended(0).says("try: set the clock");
    home.run(&["verify", "--open"]).ended(0);
}

#[test]
fn what_an_interrupted_run_left_is_swept_and_everything_opens() {
    let home = Home::backed_up("interrupted");
    let log = fs::read_dir(home.data("vault/log")).unwrap().next().unwrap().unwrap().path();
    let left = [log.join(".keystow-tmp-999-0"), home.data("vault/.keystow-tmp-999-1"), log.join("2.age")];
    for path in &left {
        fs::write(path, "half a record").unwrap();
    }
    home.run(&["verify"]).ended(0).says("an interrupted run left it");
    home.typed(&["add"], PRO_KEY).ended(0);
    home.run(&["verify", "--repair"]).ended(0);
    assert!(!left[0].exists() && !left[1].exists(), "temporary files are swept");
    let said = home.run(&["verify", "--open"]).ended(0);
    assert_eq!(said.out.matches("2 records, 2 opened").count(), 2, "{}", said.out);
}

#[test]
fn a_damaged_list_of_places_makes_no_second_vault_and_is_made_again() {
    let home = Home::backed_up("places-json");
    fs::write(home.data("places.json"), "{\"places\": [").unwrap();
    for args in [&["backup", &old_laptop()][..], &["list"], &["verify"], &["ready", &old_laptop()]] {
        home.changes_nothing(args).failed(13, "the list of places is damaged");
    }
    fs::remove_file(home.data("places.json")).unwrap();
    home.run(&["backup", &old_laptop()]).ended(0).says("Nothing new");
    home.run(&["verify", "--open"]).ended(0);
}

#[test]
fn a_damaged_device_file_is_named_and_the_pc_is_enrolled_again() {
    let home = Home::backed_up("device-json");
    fs::write(home.data("device/device.json"), "{").unwrap();
    home.changes_nothing(&["backup", &old_laptop()]).failed(13, "damaged; enroll this device again");
    home.run(&["list"]).ended(0).says("FC2HD");
    fs::rename(home.data("device"), home.dir.join("device-damaged")).unwrap();
    home.run(&["vault", "init", &text(&home.data("vault-second-copy"))]).ended(0);
    home.run(&["backup", &old_laptop()]).ended(0);
    home.run(&["verify", "--open"]).ended(0);
}

#[test]
fn a_full_standard_output_is_a_failure() {
    let home = Home::backed_up("dev-full");
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = home.command(&["list"]);
    assert_eq!(command.stdout(full).status().unwrap().code(), Some(1));
}
