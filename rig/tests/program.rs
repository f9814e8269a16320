//! `keystow.exe` as people on Windows meet it: a double-click, a stick, a link.

#![expect(clippy::unwrap_used, reason = "tests")]

use keystow_makers::windows;
use keystow_rig::made::scenario;
use keystow_rig::{Prefix, wine};
use serde_json::{Value, json};

fn pc(name: &str, change: impl FnOnce(&mut Value)) -> Prefix {
    let made = windows::all().into_iter().find(|made| made.name == name).unwrap();
    let prefix = Prefix::of(&made).unwrap();
    let mut scenario = scenario(&made);
    change(&mut scenario);
    prefix.standins(&scenario).unwrap();
    prefix
}

#[test]
fn a_double_click_shows_three_things_to_do_and_waits() {
    let prefix = pc("windows-10-home", |scenario| scenario["console_processes"] = json!(1));
    let ran = prefix.prepare_keystow(&[]).input("1q").on_terminal().run().unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for words in ["Look what is on this PC", "Back up", "Give a product key", "build 19045", "8HVX7"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert_eq!(ran.stdout.matches("Press 1, 2, 3 or Q").count(), 2, "it waits again after each thing");
    let shared = pc("windows-10-home", |scenario| scenario["console_processes"] = json!(2));
    assert_eq!(shared.keystow(&[]).unwrap().code, Some(2), "in a terminal it is a command");
}

#[test]
fn everything_lies_in_local_app_data_and_elsewhere_in_portable_mode() {
    let prefix = pc("windows-10-home", |_| {});
    assert_eq!(prefix.keystow(&["backup", "--no-input"]).unwrap().code, Some(0));
    let folder = prefix.local_app_data().join("Keystow");
    assert!(folder.join("vault/vault.json").is_file());
    let stick = prefix.folder().join("stick");
    std::fs::create_dir(&stick).unwrap();
    let program = stick.join("keystow.exe");
    std::fs::copy(wine::target().join("x86_64-pc-windows-gnu/debug/keystow.exe"), &program).unwrap();
    std::fs::write(stick.join("keystow.portable"), "").unwrap();
    let before = std::fs::read_dir(&folder).unwrap().count();
    let ran = prefix.run(program.clone(), &["backup", "--no-input"]).unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(stick.join("keystow-data/vault/vault.json").is_file());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), before, "nothing new on the PC");
}

#[test]
fn the_link_is_guided_and_what_the_person_saw_is_written_down() {
    let prefix = pc("windows-10-home", |_| {});
    assert_eq!(prefix.keystow(&["backup", "--no-input"]).unwrap().code, Some(0));
    prefix.calls().unwrap();
    let ran = prefix.keystow(&["link", "--no-input"]).unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let calls = prefix.calls().unwrap();
    assert!(calls.iter().any(|call| call.to_string().contains("ms-settings:activation")), "{calls:?}");
    let ready = |prefix: &Prefix| prefix.keystow(&["ready", "--json"]).unwrap().json().unwrap();
    assert!(ready(&prefix)["reminder"].to_string().contains("link it"), "before a board swap");
    let noted = prefix.keystow(&["link", "--confirm", "--json"]).unwrap();
    assert_eq!((noted.code, &noted.json().unwrap()["noted"]), (Some(0), &json!(true)), "{noted:?}");
    assert!(ready(&prefix)["reminder"].to_string().contains("is linked"), "{}", ready(&prefix));
}

#[test]
fn the_link_needs_an_activated_windows_10() {
    let old = pc("windows-7", |_| {}).keystow(&["link", "--confirm", "--json"]).unwrap();
    assert_eq!(old.code, Some(5), "{old:?}");
    let not_activated = pc("windows-10-home", |scenario| scenario["products"][0]["LicenseStatus"] = json!(5));
    let ran = not_activated.keystow(&["link", "--confirm", "--json"]).unwrap();
    assert_eq!((ran.code, &ran.json().unwrap()["confirmed"]), (Some(5), &json!(false)), "{ran:?}");
}

#[test]
fn json_is_ascii_and_one_object_on_windows_too() {
    let prefix = pc("windows-10-home", |_| {});
    for words in [&["scan", "--json"][..], &["doctor", "--json"], &["link", "--json"], &["restore", "k9", "--json"]] {
        let ran = prefix.keystow(words).unwrap();
        assert!(ran.stdout.is_ascii(), "{ran:?}");
        ran.json().unwrap();
    }
}
