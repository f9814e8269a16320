//! What is not what it should be: each has its own message, a next step, its exit code, and changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::home::{Home, KEYSTOW, Said, old_laptop};

/// Files that hold no Windows, with words that say what they are.
const WRONG_FILES: &[(&str, &[u8], &str)] = &[
    ("elf", b"\x7fELF\x02\x01\x01", "a Linux program"),
    ("zip", b"PK\x03\x04\x14\0", "a ZIP archive; unpack it first"),
    ("png", b"\x89PNG\r\n\x1a\n", "firmware table"),
    ("qcow2", b"QFI\xFB\0\0\0\x03", "a QEMU disk; mount it"),
    ("creg", b"CREG\0\0\x01\0", "a Windows 95, 98 or ME registry"),
    ("SOFTWARE", b"\x01\x02\x03\x04", "firmware table"),
    ("empty", b"", "firmware table"),
];

#[test]
fn files_that_hold_no_windows_are_called_what_they_are() {
    let home = Home::backed_up("wrong-files");
    for (name, start, words) in WRONG_FILES {
        let mut bytes = start.to_vec();
        bytes.resize(if start.is_empty() { 0 } else { 700 }, 0);
        let file = home.file(name, bytes);
        for command in ["scan", "explain", "backup", "ready"] {
            let said = home.changes_nothing(&[command, &file]).ended(4).says(words);
            assert!(said.err.contains("try: "), "{command} {name}: {}", said.err);
        }
    }
}

#[test]
fn a_hive_that_ends_too_early_is_never_quietly_less() {
    let home = Home::backed_up("cut-hive");
    let hive = fs::read(format!("{}/Windows/System32/config/SOFTWARE", old_laptop())).unwrap();
    for length in [4, 100, 512, 4096, 5000, 8192, 12_000, hive.len() - 4096] {
        let file = home.file("SOFTWARE", &hive[..length]);
        let said = home.changes_nothing(&["scan", &file]);
        assert!([3, 13].contains(&said.code), "{length}: {} {}", said.code, said.err);
        let named = said.err.contains("problem: ") || said.err.contains("error: ");
        assert!(named && said.err.contains("try: "), "{length}: {}", said.err);
    }
    let file = home.file("SOFTWARE", &hive[..100]);
    home.changes_nothing(&["backup", &file]).failed(13, "needs 512 bytes, 100 are left");
}

#[test]
fn a_folder_without_windows_and_a_path_without_anything_are_told_apart() {
    let home = Home::backed_up("no-windows");
    let empty = home.folder("empty");
    let said = home.changes_nothing(&["backup", &empty]).ended(4);
    assert!(
        said.err.contains("lies in this folder") && said.err.contains("try: the folder that holds"),
        "{}",
        said.err
    );
    home.changes_nothing(&["backup", "/nowhere"]).failed(10, "there is nothing of this name");
    home.changes_nothing(&["fit", "k1", "--for", "/nowhere"]).failed(10, "neither a folder or hive nor");
    home.changes_nothing(&["import", "/nowhere"]).failed(10, "/nowhere");
    home.changes_nothing(&["identify", "/nowhere"]).failed(10, "/nowhere: No such file");
}

#[test]
fn a_file_that_may_not_be_read_asks_for_more_rights() {
    let home = Home::new("unreadable");
    let file = home.file("SOFTWARE", "regf");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let said = if fs::read(&file).is_ok() {
        // Root may read everything, so somebody else looks.
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--clear-groups", KEYSTOW, "scan", &file]).env("HOME", "/");
        match command.output() {
            Ok(output) => Said::from(output),
            Err(error) => return eprintln!("skipped: setpriv: {error}"),
        }
    } else {
        home.run(&["scan", &file])
    };
    if said.err.contains("setpriv: failed to execute") {
        return eprintln!("skipped: the program cannot be run by another user here");
    }
    said.failed(14, "reading it needs more rights");
}

#[test]
fn a_mistyped_product_key_is_refused_with_the_place_and_never_mended() {
    let home = Home::backed_up("mistyped");
    let cases = [
        ("W269N-WFGWX-YVC9B-4J6C9-T83G", "25 characters, here are 24 (group 5 has 4 instead of 5)"),
        ("W269N-WFGWX-YVC9BB-4J6C9-T83GX", "25 characters, here are 26 (group 3 has 6 instead of 5)"),
        ("W269N-WFGWX-YVC9B-4J6O9-T83GX", "character 19 is 'O', which no product key contains"),
        ("W269N-WFGWX-YVC9B-4J6C9-T83GY", "typed wrong somewhere: its checksum fails"),
    ];
    let before = home.files();
    for (key, words) in cases {
        let said = home.typed(&["add"], key).failed(13, words);
        assert!(!said.out.contains("T83GX") && !said.err.contains("T83GX"), "nothing is suggested");
    }
    crate::home::assert_same(&before, &home.files(), &["add"]);
}

#[test]
fn a_passphrase_that_is_weak_or_missing_makes_nothing() {
    let home = Home::new("weak-phrase");
    let (weak, none) = (home.file("weak.txt", "secret\n"), home.file("none.txt", "\n"));
    for file in [&weak, &none] {
        home.changes_nothing(&["backup", &old_laptop(), "--passphrase-file", file]).failed(2, "");
    }
    home.changes_nothing(&["backup", &old_laptop(), "--passphrase-file", "/nowhere"]).failed(10, "/nowhere");
}
