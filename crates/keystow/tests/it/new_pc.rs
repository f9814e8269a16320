//! The old PC is gone: a copy and the phrase are enough.

use std::fs;

use crate::home::{Home, PRO_KEY, old_laptop, text};

/// An old PC with a copy on a stick, and the file with its phrase.
fn old_pc(name: &str) -> (Home, String, String) {
    let home = Home::new(name);
    let stick = home.folder("stick");
    home.run(&["backup", &old_laptop(), "--to", &stick]).ended(0);
    let phrase = text(&home.data("RECOVERY-PHRASE.txt"));
    (home, stick, phrase)
}

#[test]
fn a_copy_is_read_on_a_pc_that_has_nothing() {
    let (_old, stick, phrase) = old_pc("old-read");
    let new = Home::new("new-read");
    let said = new.changes_nothing(&["list", "--vault", &stick, "--passphrase-file", &phrase]).ended(0);
    assert_eq!(said.out.lines().count(), 5, "{}", said.out);
    new.changes_nothing(&["list", "--vault", &stick, "--no-input"]).failed(12, "no phrase was given");
    new.changes_nothing(&["backup", &old_laptop(), "--vault", "/nowhere"]).failed(10, "does not exist");
}

#[test]
fn a_new_pc_takes_the_vault_over_and_both_pcs_see_what_the_other_keeps() {
    let (old, stick, phrase) = old_pc("old-merge");
    let new = Home::new("new-merge");
    new.run(&["vault", "init", &stick, "--passphrase-file", &phrase]).ended(0).says("keeps a copy of its own");
    assert!(new.data("vault/vault.json").is_file());
    new.run(&["list", "--passphrase-file", &phrase]).ended(0).says("FC2HD");
    new.typed(&["add", "--note", "bought in May"], PRO_KEY).ended(0);
    new.run(&["backup", &old_laptop(), "--passphrase-file", &phrase]).ended(0).says("read back and opened");
    new.run(&["list", "--passphrase-file", &phrase]).ended(0).says("bought in May");
    old.run(&["backup", &old_laptop()]).ended(0);
    old.run(&["list"]).ended(0).says("bought in May");
    for home in [&old, &new] {
        home.run(&["verify", "--open", "--passphrase-file", &phrase]).ended(0);
    }
}

#[test]
fn a_new_pc_makes_no_second_vault_over_the_one_on_a_stick() {
    let (_old, stick, _) = old_pc("old-stick");
    let new = Home::new("new-stick");
    new.changes_nothing(&["backup", &old_laptop(), "--to", &stick]).failed(1, "a vault lies there already");
}

#[test]
fn of_two_first_backups_at_once_one_makes_the_vault_and_the_other_waits_for_its_turn() {
    let home = Home::new("two-first");
    let run = || home.run(&["backup", &old_laptop()]).code;
    let codes = std::thread::scope(|scope| {
        let other = scope.spawn(run);
        [run(), other.join().unwrap()]
    });
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 11].contains(code)), "{codes:?}");
    home.run(&["verify", "--open"]).ended(0);
    home.run(&["list"]).ended(0).says("FC2HD");
}

#[test]
fn a_wrong_phrase_takes_nothing_over() {
    let (_old, stick, _) = old_pc("old-wrong");
    let new = Home::new("new-wrong");
    let wrong = new.file("wrong.txt", "abacus abdomen abdominal abide abiding ability\n");
    new.changes_nothing(&["vault", "init", &stick, "--passphrase-file", &wrong]).failed(12, "phrase");
}

#[test]
fn a_pc_that_lost_what_it_knew_takes_its_own_vault_over_again() {
    let (old, stick, phrase) = old_pc("old-lost");
    fs::remove_dir_all(old.data("device")).unwrap();
    fs::remove_file(old.data("places.json")).unwrap();
    old.run(&["vault", "init", &stick, "--passphrase-file", &phrase]).ended(0);
    old.run(&["list"]).ended(0).says("FC2HD");
    old.run(&["verify", "--open"]).ended(0).says(".local/share/keystow/vault");
}
