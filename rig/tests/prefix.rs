//! A prefix is a Windows of its own, and what runs in it is given back whole.

use std::io;
use std::time::{Duration, Instant};

use keystow_rig::Prefix;

#[test]
fn keystow_runs_and_says_its_version() {
    let prefix = Prefix::new("version").unwrap();
    let ran = prefix.keystow(&["--version"]).unwrap();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "keystow 0.1.0\n"), "{}", ran.stderr);
}

#[test]
fn what_reg_imports_is_in_this_registry_and_in_no_other() {
    let (one, other) = (Prefix::new("one").unwrap(), Prefix::new("other").unwrap());
    let node = r"HKEY_LOCAL_MACHINE\Software\Keystow rig";
    one.import_reg(&format!("Windows Registry Editor Version 5.00\n\n[{node}]\n\"Grün\"=\"schön\"\n")).unwrap();
    let query = |prefix: &Prefix| prefix.run("reg", &["query", node]).unwrap();
    assert_eq!(query(&one).code, Some(0));
    assert_eq!(query(&other).code, Some(1));
    one.stop().unwrap();
    let registry = std::fs::read_to_string(one.folder().join("system.reg")).unwrap();
    let (_, section) = registry.split_once("Keystow rig]").unwrap();
    assert!(section.lines().any(|line| line == r#""Gr\xfcn"="sch\xf6n""#), "{}", section.get(..200).unwrap());
    assert_eq!(query(&one).code, Some(0), "the registry survives the server");
}

#[test]
fn a_drive_shows_its_folder() {
    let prefix = Prefix::new("drive").unwrap();
    let folder = prefix.folder().join("stick");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("note.txt"), "on the stick").unwrap();
    prefix.drive('d', &folder).unwrap();
    let ran = prefix.run("cmd", &["/c", "type", r"D:\note.txt"]).unwrap();
    assert_eq!(ran.stdout, "on the stick");
}

#[test]
fn input_and_variables_arrive() {
    let prefix = Prefix::new("input").unwrap();
    let prepared = prefix.prepare("cmd").args(&["/v:on", "/c", "set /p LINE= & echo !LINE! %WORD%"]);
    let ran = prepared.input("typed\r\n").variable("WORD", "given").run().unwrap();
    assert_eq!(ran.stdout.trim(), "typed given", "{}", ran.stderr);
}

#[test]
fn a_program_that_hangs_is_ended_and_is_an_error() {
    let prefix = Prefix::new("hang").unwrap();
    let start = Instant::now();
    let error = prefix.prepare("cmd").args(&["/c", "ping -n 100 127.0.0.1"]).within(Duration::from_secs(2)).run();
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(10), "it was ended");
}

#[test]
fn nothing_stays_behind() {
    let prefix = Prefix::new("drop").unwrap();
    prefix.run("cmd", &["/c", "echo"]).unwrap();
    let folder = prefix.folder().to_path_buf();
    drop(prefix);
    assert!(!folder.exists());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("wine-root-1"), "no mount outlives a program");
}
