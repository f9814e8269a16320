//! The real program scans made Windows, alive and as a disk, and says the same of both.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::PathBuf;

use keystow_makers::windows::{self, MadeWindows};
use keystow_rig::made::scenario;
use keystow_rig::{Prefix, Ran};
use serde_json::{Value, json};

/// A running Windows without a license service, which a disk does not have either.
fn without_service(made: &MadeWindows) -> Value {
    let mut scenario = scenario(made);
    scenario["wmi"] = json!("absent");
    scenario["sl"] = json!("absent");
    scenario
}

fn disk(made: &MadeWindows, prefix: &Prefix) -> PathBuf {
    let root = prefix.folder().join("disk");
    for (path, bytes) in windows::folder(made) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    root
}

fn scan(prefix: &Prefix, sources: &[&str]) -> Value {
    let ran = prefix.keystow(&[&["scan", "--json"], sources].concat()).unwrap();
    json_of(&ran)
}

fn json_of(ran: &Ran) -> Value {
    ran.json().unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

/// What a scan says, without the words that name the source.
fn told(mut scan: Value) -> Value {
    for finding in scan["findings"].as_array_mut().unwrap() {
        finding["origin"]["source"] = Value::Null;
        for also in finding["also"].as_array_mut().unwrap() {
            also["source"] = Value::Null;
        }
    }
    scan["problems"].as_array_mut().unwrap().retain(|problem| problem["kind"] != "service");
    scan
}

#[test]
fn a_running_windows_and_its_disk_say_the_same() {
    for made in windows::all() {
        let prefix = Prefix::of(&made).unwrap();
        prefix.standins(&without_service(&made)).unwrap();
        let live = scan(&prefix, &[]);
        let services = live["problems"].as_array().unwrap().iter().filter(|problem| problem["kind"] == "service");
        assert_eq!(services.count(), 1, "{}: that nothing tells of activation is said: {live}", made.name);
        let folder = format!("Z:{}", disk(&made, &prefix).display());
        let offline = scan(&prefix, &[&folder]);
        assert!(!offline["findings"].as_array().unwrap().is_empty(), "{}", made.name);
        assert_eq!(told(live), told(offline), "{}", made.name);
    }
}

#[test]
fn a_running_windows_says_whether_it_is_activated() {
    for made in windows::all() {
        let prefix = Prefix::of(&made).unwrap();
        for way in ["works", "absent"] {
            let mut scenario = scenario(&made);
            scenario["wmi"] = json!(way);
            prefix.standins(&scenario).unwrap();
            let live = scan(&prefix, &[]);
            let row = &scenario["products"][0];
            let installed =
                live["findings"].as_array().unwrap().iter().find(|found| found["place"] == "Windows (registry)");
            let installed = installed.unwrap();
            let activation = &installed["windows"]["activation"];
            let licensed = row["LicenseStatus"] == 1;
            assert_eq!(activation["status"] == "licensed", licensed, "{} {way}: {activation}", made.name);
            assert_eq!(activation["partial_key"], row["PartialProductKey"], "{} {way}", made.name);
            assert_eq!(installed["partial_key"], row["PartialProductKey"], "{} {way}", made.name);
            assert!(
                installed["checks"]
                    .as_array()
                    .unwrap()
                    .contains(&json!({"check": "license-service", "outcome": "passed"})),
                "{} {way}: {installed}",
                made.name
            );
        }
    }
}
