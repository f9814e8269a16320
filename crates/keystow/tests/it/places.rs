//! Places: named, listed, left, and those that cannot be written.

use std::fs;
use std::path::Path;

use crate::home::{Home, old_laptop, text};
use crate::mounted::Mounted;

#[test]
fn places_are_added_listed_and_left_and_a_copy_that_was_left_stays() {
    let home = Home::backed_up("place-list");
    let stick = home.folder("stick");
    home.run(&["vault", "place", "add", &stick]).ended(0).says("stick/keystow-vault");
    let listed = home.changes_nothing(&["vault", "place", "list", "--json"]).ended(0).json();
    assert_eq!(listed["places"].as_array().unwrap().len(), 3);
    home.changes_nothing(&["vault", "place", "remove", "stick", "--dry-run"]).ended(0);
    home.run(&["vault", "place", "remove", "stick"]).ended(0).says("The copy there stays.");
    assert!(home.dir.join("stick/keystow-vault/vault.json").is_file());
    home.changes_nothing(&["vault", "place", "remove", "stick"]).failed(10, "no copy of the vault is kept there");
}

#[test]
fn the_only_copy_cannot_be_left() {
    let home = Home::backed_up("only-copy");
    home.run(&["vault", "place", "remove", &text(&home.data("vault-second-copy"))]).ended(0);
    home.changes_nothing(&["vault", "place", "remove", &text(&home.data("vault"))]).failed(2, "the only copy");
}

#[test]
fn a_place_that_does_not_exist_is_not_made() {
    let home = Home::new("no-place");
    home.changes_nothing(&["backup", &old_laptop(), "--to", "/nowhere"])
        .failed(10, "/nowhere: this place does not exist");
    let home = Home::backed_up("no-place-later");
    home.changes_nothing(&["backup", &old_laptop(), "--to", "/nowhere"]).failed(10, "does not exist");
    home.changes_nothing(&["vault", "place", "add", "/nowhere"]).failed(10, "does not exist");
    home.changes_nothing(&["restore", "k2", "--setup", "/nowhere"]).failed(10, "does not exist");
    home.changes_nothing(&["export", "--output", "/nowhere/all.txt"]).failed(10, "/nowhere/all.txt");
}

#[test]
fn a_read_only_place_is_named_and_the_vault_stays_as_it_was() {
    let home = Home::backed_up("read-only");
    let stick = home.folder("stick");
    let Some(_mounted) = Mounted::new(Path::new(&stick), "ro") else { return };
    home.changes_nothing(&["vault", "place", "add", &stick]).failed(1, "the place is read-only");
    home.changes_nothing(&["export", "--output", "stick/all.txt"]).failed(1, "the place is read-only");
    home.run(&["verify", "--open"]).ended(0);
}

#[test]
fn a_full_place_is_named_and_what_could_be_written_opens() {
    let home = Home::new("full");
    let stick = home.folder("stick");
    let Some(_mounted) = Mounted::new(Path::new(&stick), "size=16k") else { return };
    let said = home.run(&["backup", &old_laptop(), "--to", &stick]).ended(3);
    let out = &said.out;
    assert!(
        out.contains("NOT ") && out.contains("No space left") && said.err.contains("try: mend"),
        "{out} {}",
        said.err
    );
    home.run(&["list"]).ended(0).says("FC2HD");
    home.run(&["verify"]).ended(5).says("stick/keystow-vault");
    let later = Home::backed_up("full-later");
    let stick = later.folder("stick");
    let Some(_mounted) = Mounted::new(Path::new(&stick), "size=16k") else { return };
    later.run(&["vault", "place", "add", &stick]).failed(1, "make room there");
    later.run(&["verify", "--open"]).ended(0);
}

#[test]
fn a_place_that_is_away_is_reported_and_caught_up_with_when_it_is_back() {
    let home = Home::new("away");
    let stick = home.folder("stick");
    home.run(&["backup", &old_laptop(), "--to", &stick]).ended(0);
    let (here, away) = (Path::new(&stick).join("keystow-vault"), home.dir.join("away"));
    fs::rename(&here, &away).unwrap();
    let said = home.typed(&["add"], crate::home::PRO_KEY);
    assert_ne!(said.code, 0, "{} {}", said.out, said.err);
    home.run(&["verify"]).ended(5).says("stick/keystow-vault");
    let _ = fs::remove_dir_all(&here);
    fs::rename(&away, &here).unwrap();
    home.run(&["backup", &old_laptop()]).ended(0);
    let said = home.run(&["verify", "--open"]).ended(0);
    assert_eq!(said.out.matches("2 records, 2 opened").count(), 2, "{}", said.out);
}

#[test]
fn all_places_away_is_no_reason_to_make_another_vault() {
    let home = Home::backed_up("all-away");
    for name in ["vault", "vault-second-copy"] {
        fs::rename(home.data(name), home.dir.join(name)).unwrap();
    }
    home.changes_nothing(&["backup", &old_laptop()]).failed(10, "");
    home.changes_nothing(&["list"]).failed(10, "");
}

#[test]
fn a_place_that_holds_another_vault_is_left_alone() {
    let (home, other) = (Home::backed_up("foreign"), Home::backed_up("foreign-other"));
    let place = text(&other.data("vault"));
    let before = other.files();
    home.run(&["vault", "place", "add", &place]).failed(13, "another vault");
    crate::home::assert_same(&before, &other.files(), &["vault place add"]);
}
