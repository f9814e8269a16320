//! A server without its database or without its secrets.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::account::{Server, with};
use crate::home::Home;

const SECRETS: &str = "server-secrets.json";
const STORE: &str = "accounts.sqlite";

/// A server with an account, stopped.
fn stopped(home: &Home) -> String {
    let data = home.folder("server");
    make_account(home, &Server::start(&data));
    data
}

fn make_account(home: &Home, server: &Server) {
    let password = home.file("password.txt", "a horse eats green cucumbers");
    let create = ["account", "create", "anna", "--password-file", &password];
    home.run(&with(&create, &server.at_args())).ended(0);
}

/// Starts a server that shall not start, and that shall make nothing in its folder.
fn refused(home: &Home, data: &str, words: &str) {
    let names = || fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>();
    let before = names();
    let said = home.run(&["serve", "--data", data, "--listen", "127.0.0.1:0"]).failed(13, words);
    assert!(said.err.contains("restore") || said.err.contains("of a backup"), "{}", said.err);
    assert!(names().is_subset(&before), "{:?}", names());
}

#[test]
fn secrets_whose_database_was_emptied_or_lost_are_no_new_server() {
    let home = Home::new("serve-no-store");
    let data = stopped(&home);
    let (store, aside) = (Path::new(&data).join(STORE), Path::new(&data).join("aside"));
    fs::rename(&store, &aside).unwrap();
    refused(&home, &data, "their database is empty or gone");
    fs::write(&store, b"").unwrap();
    refused(&home, &data, "their database is empty or gone");
    assert_eq!(fs::metadata(&store).unwrap().len(), 0);
    for look in ["check", "backup"] {
        let args = ["serve", look, "--data", &data, &home.data("backup").display().to_string()];
        let args = if look == "check" { &args[..4] } else { &args };
        home.run(args).failed(13, "their database is empty or gone");
        assert_eq!(fs::metadata(&store).unwrap().len(), 0);
    }
    fs::rename(&aside, &store).unwrap();
    home.run(&["serve", "check", "--data", &data]).ended(0);
    drop(Server::start(&data));
}

#[test]
fn a_database_in_use_gets_no_new_secrets() {
    let home = Home::new("serve-no-secrets");
    let data = stopped(&home);
    let (secrets, aside) = (Path::new(&data).join(SECRETS), Path::new(&data).join("aside"));
    fs::rename(&secrets, &aside).unwrap();
    refused(&home, &data, "its server secrets do not");
    home.run(&["serve", "check", "--data", &data]).failed(13, "its server secrets do not");
    fs::write(&secrets, b"{").unwrap();
    home.run(&["serve", "check", "--data", &data]).failed(13, SECRETS);
    fs::rename(&aside, &secrets).unwrap();
    drop(Server::start(&data));
}

#[test]
fn a_first_start_that_was_broken_off_before_the_secrets_is_made_good() {
    let home = Home::new("serve-first");
    let data = home.folder("server");
    drop(Server::start(&data));
    fs::remove_file(Path::new(&data).join(SECRETS)).unwrap();
    make_account(&home, &Server::start(&data));
}

#[test]
fn a_server_of_an_older_keystow_is_backed_up_and_restored_and_brought_up_to_date_by_that() {
    let home = Home::new("serve-older");
    let data = stopped(&home);
    let older = include_str!("../../../account/tests/before-step-3.sql");
    rusqlite::Connection::open(Path::new(&data).join(STORE)).unwrap().execute_batch(older).unwrap();
    let said = home.run(&["serve", "check", "--data", &data]).failed(1, "older Keystow");
    assert!(said.err.contains("keystow serve: its start brings the database up to date"), "{}", said.err);
    // What lies in its folder is what a backup of that time holds.
    let [backup, new, other] = ["backup", "new", "other"].map(|name| home.data(name).display().to_string());
    home.run(&["serve", "backup", &backup, "--data", &data]).ended(0);
    home.run(&["serve", "check", "--data", &data]).failed(1, "older Keystow");
    for (from, to) in [(&backup, &new), (&data, &other)] {
        home.run(&["serve", "restore", from, "--data", to]).ended(0);
        home.run(&["serve", "check", "--data", to]).ended(0);
    }
    drop(Server::start(&data));
    home.run(&["serve", "check", "--data", &data]).ended(0);
    // What only a newer one knows is no server that is whole.
    let newer = "INSERT INTO migration VALUES (99, x'00')";
    rusqlite::Connection::open(Path::new(&data).join(STORE)).unwrap().execute_batch(newer).unwrap();
    home.run(&["serve", "check", "--data", &data]).failed(1, "newer Keystow");
    let failed = home.data("failed").display().to_string();
    home.run(&["serve", "backup", &failed, "--data", &data]).failed(1, "newer Keystow");
    assert_eq!(fs::read_dir(&failed).unwrap().count(), 0, "nothing is left of it");
    // What is another's is neither replaced nor removed.
    let key = home.data("failed").join("certificate-key.pem");
    fs::write(&key, "of another").unwrap();
    home.run(&["serve", "restore", &backup, "--data", &failed]).failed(1, "a server is here already");
    assert_eq!(fs::read_to_string(&key).unwrap(), "of another");
    assert_eq!(fs::read_dir(&failed).unwrap().count(), 1);
}
