//! The `age` program opens a vault with nothing but the recovery phrase, as `README.txt` in every vault says.

#![expect(clippy::unwrap_used, reason = "a test that stops is a test that failed")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use keystow_core::ProductKey;
use keystow_vault::{About, Change, Folder, Item, Phrase, Place, Vault};

/// A published product key.
const KEY: &str = "W269N-WFGWX-YVC9B-4J6C9-T83GX";

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Opens a sealed identity with `age`, which asks for the phrase on a terminal; `script` gives it one.
fn open_identity(dir: &Path, file: &str, phrase: &str) -> bool {
    let mut script = Command::new("script");
    script.args(["-qec", &format!("age -d -o id.txt {file}"), "/dev/null"]).current_dir(dir);
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{phrase}\n").as_bytes()).unwrap();
    child.wait().unwrap().success()
}

#[test]
fn age_alone_opens_what_was_backed_up() {
    if !has("age") || !has("script") {
        println!("skipped: the programs `age` and `script` are needed");
        return;
    }
    let dir = std::env::temp_dir().join(format!("keystow-peer-age-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let (place, phrase) = (dir.join("vault"), Phrase::generate().unwrap());
    let now = Timestamp::UNIX_EPOCH;
    let places: Vec<Box<dyn Place>> = vec![Box::new(Folder::new(&place))];
    let (mut vault, _) = Vault::create(places, &dir.join("state"), &phrase, now).unwrap();
    let about = About { product: "Windows 10 Pro".to_owned(), ..About::default() };
    let item = Item { product_key: ProductKey::parse(KEY).ok(), about, evidence: Vec::new() };
    let receipt = vault.writer(&dir.join("state")).unwrap().append(vec![Change::Put(item)], now).unwrap();

    assert!(open_identity(&place, "identity.age", phrase.reveal()), "age takes the phrase");
    let body = receipt.record.unwrap().body_file();
    let output = Command::new("age").args(["-d", "-i", "id.txt", &body]).current_dir(&place).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json.pointer("/entries/0/put/product_key").and_then(|key| key.as_str()), Some(KEY));
    assert!(!open_identity(&dir.join("vault"), "identity.age", "abacus zoom"), "and no other phrase");
    std::fs::remove_dir_all(&dir).unwrap();
}
