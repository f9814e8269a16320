//! The real program scans made Windows, alive and as a disk, and says the same of both.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

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

fn pc(name: &str) -> (Prefix, Value) {
    let made = windows::all().into_iter().find(|made| made.name == name).unwrap();
    (Prefix::of(&made).unwrap(), scenario(&made))
}

fn found<'a>(scan: &'a Value, place: &str) -> &'a Value {
    let found = scan["findings"].as_array().unwrap().iter().find(|finding| finding["place"] == place);
    found.unwrap_or_else(|| panic!("no {place}: {scan}"))
}

#[test]
fn a_registry_and_a_license_service_that_disagree_make_it_unsure() {
    let (prefix, mut scenario) = pc("windows-10-home");
    scenario["products"][0]["PartialProductKey"] = json!("T83GX");
    prefix.standins(&scenario).unwrap();
    let live = scan(&prefix, &[]);
    let installed = found(&live, "Windows (registry)");
    assert_eq!((&installed["verdict"], &installed["rule"]), (&json!("unsure"), &json!("check-failed")), "{installed}");
}

#[test]
fn a_shared_product_key_without_a_license_is_no_license() {
    let (prefix, mut scenario) = pc("windows-10-home");
    scenario["products"][0]["LicenseStatus"] = json!(5);
    prefix.standins(&scenario).unwrap();
    let live = scan(&prefix, &[]);
    let installed = found(&live, "Windows (registry)");
    assert_eq!((&installed["verdict"], &installed["rule"]), (&json!("unsure"), &json!("generic-unlicensed")));
    assert_eq!(installed["windows"]["activation"]["status"], "notification");
}

#[test]
fn a_service_that_knows_no_product_key_of_windows_knows_no_license() {
    let (prefix, mut scenario) = pc("windows-10-home");
    for rows in [json!([]), json!([{"ApplicationID": "55c92734-d682-4d71-983e-d6ec3f16059f"}])] {
        scenario["products"] = rows;
        prefix.standins(&scenario).unwrap();
        assert_eq!(found(&scan(&prefix, &[]), "Windows (registry)")["rule"], "generic-unlicensed");
    }
}

#[test]
fn what_only_the_license_service_knows_of_office_is_shown() {
    let (prefix, scenario) = pc("upgraded");
    prefix.standins(&scenario).unwrap();
    let live = scan(&prefix, &[]);
    let office: Vec<_> = live["findings"].as_array().unwrap().iter().filter(|f| f["place"] == "Office").collect();
    let partial: Vec<_> = office.iter().filter(|found| found["partial_key"] == "YDX76").collect();
    assert_eq!(partial.len(), 1, "one Office in two spellings: {office:#?}");
    assert_eq!(partial[0]["verdict"], "partial-only");
}

#[test]
fn a_firmware_table_that_cannot_be_read_is_asked_of_the_license_service() {
    let (prefix, mut scenario) = pc("windows-10-home");
    scenario["firmware"] = json!({});
    scenario["service"]["OA3xOriginalProductKey"] = json!("37GNV-YCQVD-38XP9-T848R-FC2HD");
    prefix.standins(&scenario).unwrap();
    let live = scan(&prefix, &[]);
    assert_eq!(found(&live, "Firmware (MSDM)")["partial_key"], "FC2HD");
}

#[test]
fn a_license_service_that_hangs_costs_half_a_minute_and_nothing_else() {
    let (prefix, mut scenario) = pc("windows-10-home");
    scenario["wmi"] = json!("hangs");
    prefix.standins(&scenario).unwrap();
    let live = scan(&prefix, &[]);
    assert_eq!(found(&live, "Windows (registry)")["partial_key"], "8HVX7");
    assert!(live["problems"].to_string().contains("has not answered in time"), "{live}");
}

#[test]
fn scanning_needs_no_administrator() {
    let (prefix, mut scenario) = pc("windows-10-pro-firmware");
    prefix.standins(&scenario).unwrap();
    let with = scan(&prefix, &[]);
    scenario["rights"] = json!("user");
    prefix.standins(&scenario).unwrap();
    assert_eq!(scan(&prefix, &[]), with);
}

#[test]
fn another_windows_on_an_attached_disk_is_found_beside_the_one_that_runs() {
    let (prefix, scenario) = pc("windows-10-home");
    prefix.standins(&scenario).unwrap();
    let made = windows::all().into_iter().find(|made| made.name == "windows-7").unwrap();
    // Wine sees a new drive when it starts.
    prefix.stop().unwrap();
    prefix.drive('d', &disk(&made, &prefix)).unwrap();
    let live = scan(&prefix, &[]);
    let of = |partial: &str| live["findings"].as_array().unwrap().iter().find(|found| found["partial_key"] == partial);
    assert_eq!(of("8HVX7").unwrap()["origin"]["source"], "this PC");
    assert!(of("XM76F").unwrap()["origin"]["source"].as_str().unwrap().starts_with("D:"));
}

#[test]
fn winpe_reads_the_disks_and_asks_no_license_service() {
    let (prefix, mut scenario) = pc("windows-10-home");
    scenario["wmi"] = json!("absent");
    scenario["sl"] = json!("absent");
    prefix.standins(&scenario).unwrap();
    prefix
        .import_reg("Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\MiniNT]\r\n")
        .unwrap();
    let made = windows::all().into_iter().find(|made| made.name == "windows-7").unwrap();
    // Wine sees a new drive when it starts.
    prefix.stop().unwrap();
    prefix.drive('d', &disk(&made, &prefix)).unwrap();
    let ran = prefix.keystow(&["scan", "--json"]).unwrap();
    let scan = json_of(&ran);
    let sources: Vec<_> = scan["findings"].as_array().unwrap().iter().map(|f| &f["origin"]["source"]).collect();
    assert!(!sources.is_empty() && sources.iter().all(|source| source.to_string().contains("D:")), "{ran:?}");
    assert_eq!(scan["problems"], json!([]));
    let restore = prefix.keystow(&["restore", "k1", "--method", "service", "--json"]).unwrap();
    assert_eq!(restore.code, Some(1), "{restore:?}");
    assert!(json_of(&restore)["hint"].as_str().unwrap().contains("--setup"), "{restore:?}");
}
