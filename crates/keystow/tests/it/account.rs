//! An account on a server of one's own: from the first PC to the next one, and through everything that goes wrong.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::home::{Home, KEYSTOW, OLD_LAPTOP_KEYS, old_laptop, text};

const NAME: &str = "anna@example.org";
const PASSWORD: &str = "a horse eats green cucumbers";

/// A server as people run it, on a port of its own.
pub(crate) struct Server {
    child: Child,
    url: String,
    pin: String,
}

impl Server {
    pub(crate) fn start(data: &str) -> Self {
        Self::at(data, "127.0.0.1:0")
    }

    /// One on a given address.
    pub(crate) fn at(data: &str, listen: &str) -> Self {
        let mut command = Command::new(KEYSTOW);
        command.args(["serve", "--json", "--data", data, "--listen", listen, "--address-per-minute", "10000"]);
        command.args(["--account-per-minute", "1000"]).env_clear().env("HOME", data).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
        let said: String = lines.by_ref().take_while(|line| line != "}").chain(["}".to_owned()]).collect();
        let said: Value = serde_json::from_str(&said).unwrap();
        let member = |name: &str| said[name].as_str().unwrap().to_owned();
        Self { child, url: member("address"), pin: member("pin") }
    }

    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }

    pub(crate) fn at_args(&self) -> [&str; 4] {
        ["--server", &self.url, "--pin", &self.pin]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything that a test needs: a server, a password in a file.
fn begin(name: &str) -> (Server, Home, String) {
    let home = Home::new(name);
    let server = Server::start(&home.folder("server"));
    let password = home.file("password.txt", PASSWORD);
    (server, home, password)
}

pub(crate) fn with<'a>(first: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    [first, rest].concat()
}

/// A first PC with an account and a backup in it.
fn first_pc(name: &str) -> (Server, Home, String) {
    let (server, home, password) = begin(name);
    let create = with(&["account", "create", NAME, "--password-file", &password], &server.at_args());
    home.run(&create).ended(0).says("recovery code was tried: it opens it");
    home.run(&["backup", &old_laptop(), "--to", "account", "--password-file", &password])
        .ended(0)
        .says("account  read back and opened");
    (server, home, password)
}

#[test]
fn a_sign_in_on_a_new_pc_finds_the_licenses_and_says_which_belongs_there() {
    let (server, old, password) = first_pc("account-old");
    old.run(&["account", "status"]).ended(0).says("1 records");
    old.run(&["verify"]).ended(0).says("good  account");
    let new = Home::new("account-new");
    let login = with(&["account", "login", NAME, "--password-file", &password], &server.at_args());
    let said = new.run(&login).ended(0).says("The vault of the account opens here.");
    for key in OLD_LAPTOP_KEYS {
        assert!(said.out.contains(&key[24..]) && !said.out.contains(key), "hidden until asked");
    }
    new.run(&["restore", "--passphrase-file", &password]).ended(0).says("XM76F");
    let said = new.run(&["list", "--passphrase-file", &password, "--reveal"]).ended(0);
    assert!(OLD_LAPTOP_KEYS.iter().all(|key| said.out.contains(key)), "the password opens the vault");
    new.run(&["backup", &old_laptop(), "--passphrase-file", &password]).ended(0).says("account  read back and opened");
    new.run(&["verify", "--open", "--passphrase-file", &password]).ended(0).says("2 records, 2 opened");
    old.run(&["list"]).ended(0).says("FC2HD");
    let devices = new.run(&["account", "devices", "--json"]).ended(0).json();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2, "a later sign-in takes the place of the one before");
}

#[test]
fn a_pc_that_signed_in_early_is_led_to_the_vault_and_makes_no_second_one() {
    let (server, one, password) = begin("account-early-one");
    let create = with(&["account", "create", NAME, "--password-file", &password], &server.at_args());
    one.run(&create).ended(0);
    let two = Home::new("account-early-two");
    let login = with(&["account", "login", NAME, "--password-file", &password], &server.at_args());
    two.run(&login).ended(0).says("keystow backup --to account");
    one.run(&["backup", &old_laptop(), "--to", "account", "--password-file", &password]).ended(0);
    assert!(two.run(&["list", "--no-input"]).failed(10, "signed in").err.contains("keystow account login"));
    let said = two.run(&["backup", &old_laptop(), "--password-file", &password]).failed(1, "keeps a vault already");
    assert!(said.err.contains("keystow account login"), "{}", said.err);
    two.run(&["account", "login", "--password-file", &password]).ended(0).says("XM76F");
    two.run(&["list", "--password-file", &password, "--no-input"]).ended(0).says("FC2HD");
}

#[test]
fn a_server_that_keeps_records_and_not_what_opens_them_is_named() {
    let (server, home, password) = first_pc("account-omission");
    let data = home.folder("server");
    let listen = format!("127.0.0.1:{}", server.port());
    drop(server);
    let database = Path::new(&data).join("accounts.sqlite");
    rusqlite::Connection::open(database).unwrap().execute("DELETE FROM file", []).unwrap();
    let server = Server::at(&data, &listen);
    let new = Home::new("account-omission-new");
    let login = with(&["account", "login", NAME, "--password-file", &password], &server.at_args());
    new.run(&login).failed(13, "keeps records of this account, and not what opens them");
    new.run(&["backup", &old_laptop(), "--to", "account", "--password-file", &password]).failed(1, "keeps a vault");
    home.run(&["account", "login", "--password-file", &password]).ended(0);
    home.run(&["verify", "--repair"]).ended(0);
    new.run(&login).ended(0).says("XM76F");
}

#[test]
fn the_copy_alone_opens_with_the_phrase_where_the_server_is_out_of_reach() {
    let (server, home, _) = first_pc("account-gone");
    drop(server);
    home.run(&["list"]).ended(0).says("FC2HD");
    home.run(&["verify"]).ended(5).says("NOT GOOD  account");
    let said = home.run(&["backup", &old_laptop()]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.out.contains("cannot be reached") || said.err.contains("cannot be reached"), "{said:?}");
}

#[test]
fn a_server_that_was_put_back_in_time_is_named_and_mended() {
    let (server, home, password) = first_pc("account-rollback");
    let (data, copy) = (home.folder("server"), home.dir.join("server-copy").display().to_string());
    home.run(&["serve", "backup", &copy, "--data", &data]).ended(0).says("is whole");
    home.typed(&["add", "--note", "newer"], crate::home::PRO_KEY).ended(0);
    home.run(&["verify"]).ended(0);
    let listen = format!("127.0.0.1:{}", server.port());
    drop(server);
    let older = home.dir.join("server-older").display().to_string();
    home.run(&["serve", "restore", &copy, "--data", &older]).ended(0).says("restored");
    let _server = Server::at(&older, &listen);
    let said = home.run(&["verify"]);
    assert_eq!(said.code, 5, "{said:?}");
    assert!(said.out.contains("missing") && said.out.contains("keystow verify --repair"), "{}", said.out);
    home.run(&["verify", "--repair"]).ended(0);
    home.run(&["verify"]).ended(0).says("good  account  2 records");
    home.run(&["account", "status", "--password-file", &password]).ended(0).says("2 records");
}

#[test]
fn a_damaged_store_is_refused_with_the_next_step() {
    let (server, home, _) = first_pc("account-damaged");
    let data = home.folder("server");
    let copy = home.dir.join("copy").display().to_string();
    drop(server);
    home.run(&["serve", "check", "--data", &data]).ended(0).says("1 records");
    home.run(&["serve", "backup", &copy, "--data", &data]).ended(0);
    let path = Path::new(&copy).join("accounts.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    // Bodies are age files, and their first line is in the clear. What follows it may lie on another page.
    let places = bytes.windows(22).enumerate().filter(|(_, window)| window == b"age-encryption.org/v1\n");
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at] ^= 1);
    std::fs::write(&path, bytes).unwrap();
    for args in [&["serve", "check", "--data", &copy][..], &["serve", "--listen", "127.0.0.1:0", "--data", &copy]] {
        let said = home.run(args).failed(13, "damaged");
        assert!(said.err.contains("serve restore"), "{}", said.err);
    }
    home.run(&["serve", "restore", &copy, "--data", &home.dir.join("x").display().to_string()]).failed(13, "damaged");
}

#[test]
fn a_lost_password_is_no_lost_account() {
    let (server, home, _) = first_pc("account-recovery");
    let code = text(&home.data("RECOVERY-CODE.txt"));
    let next = home.file("next.txt", "another horse eats red beets");
    let new = Home::new("account-recovery-new");
    let mut recover = with(&["account", "recovery", NAME, "--code-file", &code], &server.at_args());
    recover.extend(["--new-password-file", &next]);
    new.run(&recover).ended(0).says("The new password counts now.").says("XM76F");
    let said = home.run(&["account", "status"]);
    assert_eq!(said.code, 12, "the first PC is signed out: {said:?}");
    let login = with(&["account", "login", NAME, "--password-file", &next], &server.at_args());
    home.run(&login).ended(0);
    home.run(&["verify"]).ended(0);
    let wrong = new.file("wrong.txt", text_of(&code).replace(|c: char| c.is_ascii_digit(), "7"));
    let mut recover = with(&["account", "recovery", NAME, "--code-file", &wrong], &server.at_args());
    recover.extend(["--new-password-file", &next]);
    new.run(&recover).failed(12, "recovery code");
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn an_old_device_lets_a_new_one_in_by_its_code_and_signs_it_out_again() {
    let (server, old, password) = first_pc("account-approve");
    let new = Home::new("account-approve-new");
    let login = with(&["account", "login", NAME, "--by-device"], &server.at_args());
    let mut waiting = new.command(&login).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(waiting.stdout.take().unwrap()).lines();
    let code = lines.find_map(|line| Some(line.unwrap().split_once("this code:")?.1.trim().to_owned())).unwrap();
    old.run(&["account", "approve", "0000-0000-0000", "--password-file", &password]).failed(12, "shows this code");
    old.run(&["account", "approve", &code, "--password-file", &password]).ended(0).says("let in");
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(waiting.wait().unwrap().success(), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("The vault of the account opens here.")), "{rest:?}");
    let listed = new.run(&["account", "devices", "--json"]).ended(0).json();
    let all = listed["devices"].as_array().unwrap();
    let mine = all.iter().find(|device| device["this"] == true).unwrap()["name"].as_str().unwrap();
    old.run(&["account", "rename", mine, "Anna's laptop"]).ended(0);
    new.run(&["account", "devices"]).ended(0).says("Anna's laptop");
    for bad in ["", "\u{1b}[31mred", "two\nlines", &"x".repeat(65)] {
        old.run(&["account", "rename", mine, bad]).failed(2, "a device has a name");
    }
    new.run(&["account", "revoke", mine, "--password-file", &password]).failed(2, "that is this PC");
    old.run(&["account", "revoke", mine, "--password-file", &password]).ended(0);
    new.run(&["account", "status"]).failed(12, "not signed in any more");
    old.run(&["account", "status"]).ended(0);
}

#[test]
fn an_account_is_deleted_after_seven_days_and_can_be_kept_until_then() {
    let (_server, home, password) = first_pc("account-delete");
    home.run(&["account", "delete", "--password-file", &password]).ended(0).says("will be deleted on");
    home.run(&["account", "status"]).ended(0);
    home.run(&["account", "delete", "--keep"]).ended(0).says("stays");
    home.run(&["account", "logout"]).ended(0);
    home.run(&["account", "status"]).failed(10, "signed in to no account");
    home.run(&["list"]).ended(0).says("FC2HD");
}

#[test]
fn a_server_is_believed_by_its_pin_alone() {
    let (server, home, password) = begin("account-pin");
    let create = |pin: &[&str]| {
        let args = with(&["account", "create", NAME, "--password-file", &password, "--server", &server.url], pin);
        home.run(&args)
    };
    let said = create(&[]).failed(20, "its pin is");
    assert!(said.err.contains(&server.pin), "the person can compare it: {}", said.err);
    create(&["--pin", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]).failed(20, "was expected");
    assert!(!home.data("account.json").exists());
    create(&["--pin", &server.pin]).ended(0);
    let other = Home::new("account-pin-taken");
    let args = with(&["account", "create", NAME, "--password-file", &password], &server.at_args());
    other.run(&args).failed(1, "is taken");
    let wrong = other.file("wrong.txt", "not the password at all");
    let login = |name: &str| {
        let args = with(&["account", "login", name, "--password-file", &wrong], &server.at_args());
        other.run(&args).failed(12, "there is no such account, or the password or code is wrong")
    };
    assert_eq!(login(NAME).err, login("nobody@example.org").err);
}

#[test]
fn two_pcs_that_back_up_at_once_both_keep_everything() {
    let (server, one, password) = first_pc("account-two-one");
    let two = Home::new("account-two-two");
    let login = with(&["account", "login", NAME, "--password-file", &password], &server.at_args());
    two.run(&login).ended(0);
    thread::scope(|scope| {
        for (home, note) in [(&one, "from one"), (&two, "from two")] {
            scope.spawn(move || {
                for key in OLD_LAPTOP_KEYS {
                    let note = format!("{note} {}", &key[24..]);
                    home.typed(&["add", "--note", &note], key).ended(0);
                }
            });
        }
    });
    for home in [&one, &two] {
        home.run(&["backup", &old_laptop(), "--passphrase-file", &password]).ended(0);
        home.run(&["verify", "--open", "--passphrase-file", &password]).ended(0);
    }
}
