//! The stand-ins answer as the scenario says, to the calls that the program makes.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::time::Duration;

use keystow_rig::{Prefix, wine};
use serde_json::{Value, json};

const ID: &str = "4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c";
const OTHER: &str = "2de67392-b7a7-462a-b1ca-108dd189f588";
const WINDOWS: &str = "55c92734-d682-4d71-983e-d6ec3f16059f";
/// The published product keys for installing Professional and Home without a license of one's own.
const PROFESSIONAL: &str = "VK7JG-NPHTM-C97JM-9MPGT-3V66T";
const HOME: &str = "YTMG3-N6DKC-DKB77-7M9GH-8HVX7";

#[test]
fn the_license_service_answers_the_same_by_wmi_and_natively() {
    let prefix = Prefix::new("look").unwrap();
    prefix.standins(&windows("works")).unwrap();
    let by_wmi = ask(&prefix, &["look"]);
    assert_eq!(by_wmi["way"], "Wmi");
    let [product] = by_wmi["products"].as_array().unwrap().as_slice() else { panic!("{by_wmi}") };
    assert_eq!(
        *product,
        json!({
            "ID": ID, "ApplicationID": WINDOWS, "Name": "Windows(R), Professional edition",
            "Description": "Windows(R) Operating System, RETAIL channel", "PartialProductKey": "3V66T",
            "ProductKeyChannel": "Retail", "LicenseFamily": "Professional", "LicenseStatus": 5,
            "LicenseStatusReason": 0xC004_F034_u32, "GracePeriodRemaining": 90, "LicenseIsAddon": false,
        })
    );
    assert_eq!((&by_wmi["firmware_key"], &by_wmi["firmware_description"]), (&json!("8HVX7"), &json!("Core")));
    for wmi in ["absent", "denied"] {
        prefix.standins(&windows(wmi)).unwrap();
        let mut natively = ask(&prefix, &["look"]);
        assert_eq!(natively["way"], "Native", "{wmi}");
        natively["way"] = json!("Wmi");
        assert_eq!(natively, by_wmi, "{wmi}");
    }
}

#[test]
fn a_product_key_goes_in_and_out_in_both_ways() {
    for way in ["works", "absent"] {
        let prefix = Prefix::new("install").unwrap();
        let mut scenario = windows(way);
        scenario["InstallProductKey"] = json!([{"hresult": "0xC004F050"}, {"installs": row(OTHER, "Core")}]);
        scenario["Activate"] = json!([{"hresult": "0xC004C008"}, {"status": 1}]);
        prefix.standins(&scenario).unwrap();
        assert!(refusal(&ask(&prefix, &["install", HOME])).ends_with("0xC004F050"), "{way}");
        assert_eq!(ask(&prefix, &["install", HOME]), "done", "{way}");
        assert!(refusal(&ask(&prefix, &["activate", OTHER])).ends_with("0xC004C008"), "{way}");
        assert_eq!(ask(&prefix, &["activate", OTHER]), "done", "{way}");
        let seen = ask(&prefix, &["look"]);
        let seen: Vec<_> =
            rows(&seen).map(|row| (&row["ID"], &row["PartialProductKey"], &row["LicenseStatus"])).collect();
        assert_eq!(seen, [(&json!(OTHER), &json!("8HVX7"), &json!(1))], "{way}: the other has lost its own");
        assert_eq!(ask(&prefix, &["refresh"]), "done", "{way}");
        assert_eq!(ask(&prefix, &["uninstall", OTHER]), "done", "{way}");
        assert_eq!(rows(&ask(&prefix, &["look"])).count(), 0, "{way}");
        let calls = prefix.calls().unwrap();
        let installed = calls.iter().filter(|call| call["call"] == "InstallProductKey");
        let expected = if way == "works" { "wmi" } else { "sl" };
        assert!(installed.clone().all(|call| call["way"] == expected && call["args"] == json!([HOME])), "{way}");
        assert_eq!(installed.count(), 2, "{way}");
        assert_eq!(prefix.calls().unwrap(), [] as [Value; 0], "the log was taken away");
    }
}

#[test]
fn activation_by_telephone_takes_the_ids_in_both_ways() {
    for way in ["works", "absent"] {
        let prefix = Prefix::new("telephone").unwrap();
        prefix.standins(&windows(way)).unwrap();
        assert_eq!(ask(&prefix, &["installation-id", ID]), "123456789", "{way}");
        prefix.calls().unwrap();
        assert_eq!(ask(&prefix, &["deposit", ID, "123456789", "987654321"]), "done", "{way}");
        let calls = prefix.calls().unwrap();
        let deposit = calls.iter().find(|call| call["call"] == "DepositOfflineConfirmationId").unwrap();
        assert_eq!(deposit["args"], json!([ID, "123456789", "987654321"]), "{way}");
        assert_eq!(prefix.scenario().unwrap()["products"][0]["LicenseStatus"], 1, "{way}");
    }
}

#[test]
fn an_old_windows_lacks_properties_and_a_hanging_one_does_not_answer() {
    let prefix = Prefix::new("old").unwrap();
    let mut scenario = windows("works");
    scenario["lacks"] = json!(["OA3xOriginalProductKey", "OA3xOriginalProductKeyDescription", "ProductKeyChannel"]);
    scenario["Activate"] = json!({"hang": true});
    prefix.standins(&scenario).unwrap();
    let seen = ask(&prefix, &["look"]);
    assert_eq!((&seen["firmware_key"], &seen["products"][0]["ProductKeyChannel"]), (&Value::Null, &Value::Null));
    assert_eq!(seen["products"][0]["PartialProductKey"], "3V66T");
    assert!(refusal(&ask(&prefix, &["activate", ID])).contains("has not answered"));
    prefix.standins(&windows("hangs")).unwrap();
    assert!(refusal(&ask(&prefix, &["refresh"])).contains("has not answered"));
}

#[test]
fn neither_way_is_no_license_service() {
    let prefix = Prefix::new("none").unwrap();
    prefix.standins(&json!({"wmi": "absent", "sl": "absent"})).unwrap();
    assert_eq!(refusal(&ask(&prefix, &["look"])), "there is no license service on this system");
}

#[test]
fn firmware_tables_are_those_of_the_scenario() {
    let prefix = Prefix::new("firmware").unwrap();
    assert_eq!(ask(&prefix, &["table", "ACPI", "MSDM"]), json!({"error": 1}), "Wine itself has none");
    prefix.standins(&json!({"firmware": {"MSDM": "4d53444d00ff"}, "smbios": "7f040000"})).unwrap();
    assert_eq!(ask(&prefix, &["table", "ACPI", "MSDM"]), "4d53444d00ff");
    assert_eq!(ask(&prefix, &["table", "ACPI", "SLIC"]), json!({"error": 1168}));
    assert_eq!(ask(&prefix, &["tables"]), json!(["MSDM"]));
    assert_eq!(ask(&prefix, &["table", "RSMB", ""]), "00030300040000007f040000");
}

#[test]
fn rights_are_those_of_the_scenario_and_uac_lends_more() {
    let prefix = Prefix::new("rights").unwrap();
    for (rights, token) in [("administrator", [1, 2]), ("may-elevate", [0, 3]), ("user", [0, 1])] {
        prefix.standins(&json!({"rights": rights})).unwrap();
        assert_eq!(ask(&prefix, &["token"]), json!(token), "{rights}");
    }
    let mut scenario = windows("works");
    scenario["rights"] = json!("may-elevate");
    scenario["uac"] = json!("no");
    prefix.standins(&scenario).unwrap();
    assert!(refusal(&ask(&prefix, &["refresh"])).ends_with("0xC004F025"), "the service wants an administrator");
    let program = format!("Z:{}", probe().display());
    let elevated = |words: &str| ask(&prefix, &["run", "runas", &program, words]);
    assert_eq!(elevated("exit 7"), json!({"error": 1223}), "the person said no");
    scenario["uac"] = json!("yes");
    prefix.standins(&scenario).unwrap();
    prefix.calls().unwrap();
    assert_eq!(elevated("exit 7"), json!({"ended": true, "code": 7}));
    assert_eq!(elevated(&format!("activate {ID}")), json!({"ended": true, "code": 0}));
    assert_eq!(prefix.scenario().unwrap()["products"][0]["LicenseStatus"], 1, "it ran as an administrator");
    assert_eq!(ask(&prefix, &["run", "open", "http://127.0.0.1:1/", ""]), "opened");
    let calls = prefix.calls().unwrap();
    let opened: Vec<_> =
        calls.iter().filter(|call| call["call"] == "ShellExecuteExW").map(|call| &call["args"]).collect();
    assert_eq!(*opened[0], json!(["runas", program, "exit 7"]));
    assert_eq!(*opened[2], json!(["open", "http://127.0.0.1:1/", ""]));
}

#[test]
fn the_console_has_as_many_programs_as_the_scenario_says() {
    let prefix = Prefix::new("console").unwrap();
    for count in [1, 3] {
        prefix.standins(&json!({"console_processes": count})).unwrap();
        assert_eq!(ask(&prefix, &["console"]), json!(count));
    }
}

#[test]
fn the_program_itself_runs_beside_the_stand_ins() {
    let prefix = Prefix::new("program").unwrap();
    prefix.standins(&json!({"firmware": {}})).unwrap();
    let ran = prefix.keystow(&["scan", "--json"]).unwrap();
    assert!(ran.json().is_ok(), "{ran:?}");
}

/// A Windows whose license service has what both ways can tell.
fn windows(wmi: &str) -> Value {
    let mut licensed = row(ID, "Professional");
    licensed["PartialProductKey"] = json!(&PROFESSIONAL[24..]);
    licensed["OfflineInstallationId"] = json!("123456789");
    let service = json!({
        "Version": "10.0.19041.1", "OA3xOriginalProductKey": HOME, "OA3xOriginalProductKeyDescription": "Core",
    });
    json!({"wmi": wmi, "products": [licensed, row("00000000-0000-0000-0000-00000000000a", "Starter")], "service": service})
}

fn row(id: &str, family: &str) -> Value {
    json!({
        "ID": id, "ApplicationID": WINDOWS, "Name": format!("Windows(R), {family} edition"),
        "Description": "Windows(R) Operating System, RETAIL channel", "ProductKeyChannel": "Retail",
        "LicenseFamily": family, "LicenseStatus": 5, "LicenseStatusReason": 0xC004_F034_u32,
        "GracePeriodRemaining": 90, "LicenseIsAddon": false,
    })
}

fn probe() -> PathBuf {
    wine::target().join("x86_64-pc-windows-gnu/debug/examples/probe.exe")
}

fn ask(prefix: &Prefix, words: &[&str]) -> Value {
    let ran = prefix.prepare(probe()).args(words).within(Duration::from_secs(30)).run().unwrap();
    ran.json().unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

fn refusal(answer: &Value) -> &str {
    answer["error"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

fn rows(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["products"].as_array().unwrap().iter()
}
