//! No product key leaves the program unasked, and nobody else can read what it writes.

use std::path::Path;

use crate::home::{Home, OLD_LAPTOP_KEYS, PRO_KEY, Said, files_in, mode, old_laptop};

#[track_caller]
fn says_no_key(said: &Said, what: &[&str]) {
    for key in OLD_LAPTOP_KEYS.iter().chain([&PRO_KEY]) {
        for form in [(*key).to_owned(), key.replace('-', ""), key.to_ascii_lowercase()] {
            assert!(!said.out.contains(&form) && !said.err.contains(&form), "{what:?} said a product key");
        }
    }
}

#[test]
fn no_command_says_a_product_key_unasked() {
    let home = Home::backed_up("unasked");
    let laptop = old_laptop();
    let from = home.file("pro.txt", PRO_KEY);
    let other = home.file("list.csv", format!("Product,Product Key\nWindows 11 Pro,{PRO_KEY}\n"));
    let media = home.folder("media");
    let commands: &[&[&str]] = &[
        &["scan", &laptop],
        &["scan", &from],
        &["explain", &laptop],
        &["identify", &from],
        &["backup", &laptop],
        &["add", "--from", &from],
        &["import", &other],
        &["list"],
        &["list", "--retired"],
        &["show", "k2"],
        &["verify", "--open"],
        &["ready", &laptop],
        &["restore", "k2"],
        &["restore", "k2", "--for", &laptop],
        &["restore", "k2", "--for", "Professional"],
        &["restore", "k2", "--setup", &media],
        &["restore", "k2", "--export", "k2.txt"],
        &["export"],
        &["export", "--format", "csv"],
        &["export", "--format", "json"],
        &["fit", "k1", "--for", "Home"],
        &["doctor"],
        &["vault", "place", "list"],
        &["forget", "k1"],
        &["vault", "prune"],
    ];
    for args in commands {
        for more in [&[][..], &["--json"], &["--plain"], &["--dry-run"]] {
            let args: Vec<&str> = args.iter().chain(more).copied().collect();
            says_no_key(&home.run(&args), &args);
        }
    }
    home.run(&["export", "--reveal"]).ended(0).says(OLD_LAPTOP_KEYS[1]);
}

#[test]
fn a_product_key_as_an_argument_is_refused_and_not_repeated() {
    let home = Home::backed_up("argument");
    let wrong: &[&[&str]] = &[
        &["add", PRO_KEY],
        &["fit", PRO_KEY, "--for", "Home"],
        &["restore", PRO_KEY],
        &["show", "W269NWFGWXYVC9B4J6C9T83GX"],
        &["add", "--note=W269N-WFGWX-YVC9B-4J6C9-T83GX"],
    ];
    for args in wrong {
        says_no_key(&home.changes_nothing(args).failed(2, "a product key is no argument"), args);
        let json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        assert_eq!(home.changes_nothing(&json).failed(2, "no argument").json()["exit"], 2);
    }
    home.typed(&["fit", "--for", "Professional"], PRO_KEY).ended(0).says("it fits");
}

#[test]
fn no_file_of_the_vault_shows_a_product_key_or_what_it_is_for() {
    let home = Home::backed_up("sealed");
    home.typed(&["add", "--note", "sticker on the lid"], PRO_KEY).ended(0);
    for (path, bytes) in files_in(&home.data("")) {
        let text = String::from_utf8_lossy(&bytes);
        for word in OLD_LAPTOP_KEYS.iter().chain(&[PRO_KEY, "T83GX", "Windows 10/11", "sticker on the lid"]) {
            assert!(!text.contains(*word), "{} shows what it should hide", path.display());
        }
    }
}

#[test]
fn everything_that_is_written_is_its_owners_alone() {
    let home = Home::backed_up("modes");
    let (stick, media) = (home.folder("stick"), home.folder("media"));
    home.run(&["vault", "place", "add", &stick]).ended(0);
    home.run(&["export", "--output", "all.txt"]).ended(0);
    home.run(&["restore", "k2", "--export", "k2.json", "--format", "json"]).ended(0);
    home.run(&["restore", "k2", "--setup", &media]).ended(0);
    let written = |path: &Path| path != Path::new(&stick) && path != Path::new(&media);
    for path in home.files().into_keys().filter(|path| written(path)) {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), wanted, "{}", path.display());
    }
}
