//! After a whole backup to an account, nothing that was backed up, nothing that names the person or the PC, and no
//! secret lies in the server's folder, its log or its numbers.

#[path = "../../../account/tests/it/markers.rs"]
mod markers;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::home::{Home, KEYSTOW, OLD_LAPTOP_KEYS, old_laptop};
use markers::Markers;

const NAME: &str = "anna.marker-7731@example.org";
const PASSWORD: &str = "a horse eats green cucumbers";
const DEVICE: &str = "The old laptop in Anna's kitchen";
/// The members of what the program prints whose values must not be found.
const TOLD: [&str; 6] = ["activation_id", "edition", "path", "product", "product_id", "source"];

/// The values of some members, however deep.
fn values(of: &Value, found: &mut Vec<String>) {
    match of {
        Value::Object(members) => {
            for (name, value) in members {
                if let Some(text) = value.as_str().filter(|_| TOLD.contains(&name.as_str())) {
                    found.push(text.to_owned());
                }
                values(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, found)),
        _ => {}
    }
}

/// What the server says about itself to who asks for its numbers.
fn numbers(url: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    said
}

#[test]
fn nothing_that_was_backed_up_or_names_anybody_lies_on_the_server() {
    let home = Home::new("account-secrets");
    let (data, log) = (home.folder("server"), home.dir.join("server.log"));
    let mut command = Command::new(KEYSTOW);
    command.args(["serve", "--json", "--plain-http", "--listen", "127.0.0.1:0", "--data", &data]);
    command.env_clear().env("HOME", &data).stdin(Stdio::null()).stderr(File::create(&log).unwrap());
    let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(server.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
    let started: String = lines.take_while(|line| line != "}").collect();
    let started: Value = serde_json::from_str(&(started + "}")).unwrap();
    let url = started["address"].as_str().unwrap();

    let password = home.file("password.txt", PASSWORD);
    let password = ["--password-file", &password];
    home.run(&[&["account", "create", NAME, "--server", url], &password[..]].concat()).ended(0);
    home.run(&[&["backup", &old_laptop(), "--to", "account"], &password[..]].concat()).ended(0);
    let listed = home.run(&["account", "devices", "--json"]).ended(0).json();
    home.run(&["account", "rename", listed["devices"][0]["name"].as_str().unwrap(), DEVICE]).ended(0);
    home.run(&["account", "status"]).ended(0);
    home.run(&[&["verify"], &password[..]].concat()).ended(0);

    let mut words: Vec<String> =
        OLD_LAPTOP_KEYS.iter().flat_map(|key| [(*key).to_owned(), key.replace('-', "")]).collect();
    values(&home.run(&["scan", &old_laptop(), "--json"]).ended(0).json(), &mut words);
    words.extend([NAME, PASSWORD, DEVICE, "old-laptop"].map(str::to_owned));
    words.retain(|word| word.len() >= 8);
    words.sort();
    words.dedup();
    assert!(words.len() > 15, "{words:?}");
    let markers = Markers::new(words);
    let numbers = numbers(url);
    assert!(numbers.windows(22).any(|window| window == b"keystow_requests_total"));
    assert_eq!(markers.found(&numbers), [""; 0], "numbers");
    server.kill().unwrap();
    server.wait().unwrap();
    let (found, bytes) = markers.found_below(data.as_ref());
    assert!(bytes > 50_000, "{bytes}");
    assert_eq!(found, [""; 0]);
    let log = std::fs::read(log).unwrap();
    assert!(log.windows(7).any(|window| window == b"/v1/log"), "{}", String::from_utf8_lossy(&log));
    assert_eq!(markers.found(&log), [""; 0], "log");
    // They are all there where they belong.
    let kept = std::fs::read(std::path::Path::new(&old_laptop()).join("msdm.bin")).unwrap();
    assert_eq!(markers.found(&kept), [OLD_LAPTOP_KEYS[1]]);
}
