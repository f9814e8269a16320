//! The real program gives product keys back to made Windows, beside a license service that plays every answer.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::time::Duration;

use keystow_makers::smbios::{self, BoardFacts, SystemFacts};
use keystow_makers::windows::{self, MadeWindows};
use keystow_rig::made::{hex, scenario};
use keystow_rig::{Prefix, Ran};
use serde_json::{Value, json};

/// The published product key of KMS clients of Windows 10 and 11 Pro: an organization's, and nobody's own.
const PRO: &str = "W269N-WFGWX-YVC9B-4J6C9-T83GX";
/// The activation ID of Pro as a KMS client, and the row that the service has once the product key is in.
const PRO_ID: &str = "2de67392-b7a7-462a-b1ca-108dd189f588";

/// A PC with a made Windows, a license service, and a vault that holds one typed product key, `k1`.
struct Pc {
    prefix: Prefix,
}

impl Pc {
    fn new(name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let made = made(name);
        let prefix = Prefix::of(&made).unwrap();
        let mut scenario = scenario(&made);
        scenario["InstallProductKey"] = json!({"installs": {
            "ID": PRO_ID, "ApplicationID": "55c92734-d682-4d71-983e-d6ec3f16059f",
            "Name": "Windows(R), Professional edition", "LicenseStatus": 0,
            "Description": "Windows(R) Operating System, VOLUME_KMSCLIENT channel",
            "ProductKeyChannel": "Volume:GVLK", "LicenseFamily": "Professional",
        }});
        scenario["Activate"] = json!({"status": 1});
        change(&mut scenario);
        prefix.standins(&scenario).unwrap();
        let key = prefix.folder().join("key.txt");
        std::fs::write(&key, PRO).unwrap();
        let from = format!("Z:{}", key.display());
        let made = prefix.keystow(&["vault", "init", "--no-input"]).unwrap();
        assert_eq!(made.code, Some(0), "{made:?}");
        let added = prefix.keystow(&["add", "--from", &from, "--no-input"]).unwrap();
        assert_eq!(added.code, Some(0), "{added:?}");
        prefix.calls().unwrap();
        Self { prefix }
    }

    fn restore(&self, args: &[&str]) -> Ran {
        self.prefix.keystow(&[&["restore", "k1", "--json"], args].concat()).unwrap()
    }

    /// What the license service was asked to do, in order; questions are left out.
    fn done(&self) -> Vec<String> {
        let calls = self.prefix.calls().unwrap();
        let names = calls.iter().map(|call| call["call"].as_str().unwrap().to_owned());
        let asks = ["ExecQuery", "GetSystemFirmwareTable", "SLGet", "SLOpen"];
        names.filter(|name| !asks.iter().any(|ask| name.starts_with(ask))).collect()
    }
}

fn made(name: &str) -> MadeWindows {
    windows::all().into_iter().find(|made| made.name == name).unwrap()
}

fn json_of(ran: &Ran) -> Value {
    ran.json().unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn a_fitting_product_key_is_installed_and_activated_by_wmi() {
    let pc = Pc::new("windows-11-pro-retail", |_| {});
    let ran = pc.restore(&["--yes"]);
    let answer = json_of(&ran);
    assert_eq!(
        (ran.code, &answer["activated"], &answer["status"]),
        (Some(0), &json!(true), &json!("licensed")),
        "{ran:?}"
    );
    let calls = pc.prefix.calls().unwrap();
    let install = calls.iter().find(|call| call["call"] == "InstallProductKey").unwrap();
    assert_eq!((&install["way"], &install["args"]), (&json!("wmi"), &json!([PRO])));
    let names: Vec<_> = calls
        .iter()
        .map(|call| call["call"].as_str().unwrap())
        .filter(|name| !["ExecQuery", "GetSystemFirmwareTable"].contains(name))
        .collect();
    assert_eq!(names, ["InstallProductKey", "RefreshLicenseStatus", "Activate", "RefreshLicenseStatus"]);
    assert!(!format!("{ran:?}").contains(PRO), "the product key is not shown");
}

#[test]
fn without_wmi_the_native_interface_does_the_same() {
    let pc = Pc::new("windows-11-pro-retail", |scenario| scenario["wmi"] = json!("absent"));
    let ran = pc.restore(&["--yes"]);
    assert_eq!((ran.code, &json_of(&ran)["activated"]), (Some(0), &json!(true)), "{ran:?}");
    let calls = pc.prefix.calls().unwrap();
    assert!(calls.iter().any(|call| call["call"] == "Activate" && call["way"] == "sl"), "{calls:?}");
}

#[test]
fn nobody_who_was_not_asked_gets_a_product_key_installed() {
    let pc = Pc::new("windows-11-pro-retail", |_| {});
    let ran = pc.restore(&[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(json_of(&ran)["hint"].as_str().unwrap().contains("--yes"), "{ran:?}");
    assert_eq!(pc.done(), [""; 0]);
}

#[test]
fn a_dry_run_shows_every_step_and_takes_none() {
    let pc = Pc::new("windows-11-pro-retail", |scenario| scenario["rights"] = json!("user"));
    let ran = pc.restore(&["--dry-run"]);
    let steps = json_of(&ran)["steps"].to_string();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for step in ["ask", "sealed", "InstallProductKey", "Activate"] {
        assert!(steps.contains(step), "{step}: {steps}");
    }
    assert_eq!(pc.done(), [""; 0]);
}

#[test]
fn a_change_of_edition_is_named_and_must_be_agreed_to() {
    let pc = Pc::new("windows-10-home", |_| {});
    let ran = pc.restore(&["--yes"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let failure = json_of(&ran);
    assert!(failure["error"].as_str().unwrap().contains("edition"), "{failure}");
    assert!(failure["hint"].as_str().unwrap().contains("--upgrade"), "{failure}");
    assert_eq!(pc.done(), [""; 0]);
    let ran = pc.restore(&["--yes", "--upgrade"]);
    assert_eq!((ran.code, &json_of(&ran)["plan"]["fit"]), (Some(0), &json!("upgrades-in-place")), "{ran:?}");
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason_before_anything_is_asked() {
    let pc = Pc::new("windows-7", |_| {});
    let ran = pc.restore(&["--yes", "--upgrade"]);
    assert_eq!(ran.code, Some(16), "{ran:?}");
    assert!(json_of(&ran)["error"].as_str().unwrap().contains("does not fit"), "{ran:?}");
    assert_eq!(pc.done(), [""; 0]);
}

#[test]
fn every_class_of_refusal_is_said_in_plain_words_with_its_code() {
    let pc = Pc::new("windows-11-pro-retail", |_| {});
    for (code, exit) in [
        ("0xC004C003", 18), // blocked
        ("0xC004C008", 18), // used too often
        ("0xC004C020", 18), // no activations left
        ("0xC004F015", 18), // another edition
        ("0xC004F050", 18), // no valid product key
        ("0xC004F074", 18), // no KMS host
        ("0xC004F211", 18), // hardware changed
        ("0xC004F213", 18), // no product key on the device
        ("0x80072EE7", 19), // no network
        ("0x80070005", 14), // rights
        ("0xC004FFFF", 18), // nobody knows this one
    ] {
        let mut scenario = pc.prefix.scenario().unwrap();
        scenario["Activate"] = json!({"hresult": code});
        pc.prefix.standins(&scenario).unwrap();
        let ran = pc.restore(&["--yes"]);
        let failure = json_of(&ran);
        assert_eq!((ran.code, &failure["hresult"]), (Some(exit), &json!(code)), "{ran:?}");
        let words = failure["error"].as_str().unwrap().len() > 40 && failure["hint"].as_str().unwrap().len() > 20;
        assert!(words, "{code}: {failure}");
    }
}

#[test]
fn a_restart_that_is_needed_is_no_failure() {
    let pc = Pc::new("windows-11-pro-retail", |scenario| scenario["Activate"] = json!({"hresult": "0xC004D302"}));
    let ran = pc.restore(&["--yes"]);
    assert_eq!((ran.code, &json_of(&ran)["restart"]), (Some(3), &json!(true)), "{ran:?}");
    let pc = Pc::new("windows-11-pro-retail", |scenario| {
        scenario["InstallProductKey"] = json!({"hresult": "0x80070BC2"});
    });
    let ran = pc.restore(&["--yes"]);
    assert_eq!((ran.code, &json_of(&ran)["restart"]), (Some(3), &json!(true)), "{ran:?}");
}

#[test]
fn a_service_that_hangs_is_left_after_the_time_limit() {
    let pc = Pc::new("windows-11-pro-retail", |scenario| scenario["Activate"] = json!({"hang": true}));
    let ran = pc.prefix.prepare_keystow(&["restore", "k1", "--json", "--yes", "--timeout", "2"]);
    let ran = ran.within(Duration::from_secs(40)).run().unwrap();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(json_of(&ran)["error"].as_str().unwrap().contains("2 seconds"), "{ran:?}");
}

#[test]
fn without_rights_nothing_is_done_and_uac_is_asked_once_when_told() {
    let pc = Pc::new("windows-11-pro-retail", |scenario| {
        scenario["rights"] = json!("may-elevate");
        scenario["uac"] = json!("no");
    });
    let ran = pc.restore(&["--yes"]);
    assert_eq!(ran.code, Some(14), "{ran:?}");
    assert!(json_of(&ran)["hint"].as_str().unwrap().contains("--elevate"), "{ran:?}");
    let ran = pc.restore(&["--yes", "--elevate"]);
    assert_eq!(ran.code, Some(14), "the person says no: {ran:?}");
    assert!(!pc.done().iter().any(|name| name == "InstallProductKey"));
    let mut scenario = pc.prefix.scenario().unwrap();
    scenario["uac"] = json!("yes");
    pc.prefix.standins(&scenario).unwrap();
    let ran = pc.restore(&["--yes", "--elevate"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(pc.done().iter().any(|name| name == "Activate"));
}

#[test]
fn by_telephone_the_installation_id_goes_out_and_the_confirmation_id_is_kept() {
    let (installation, confirmation) = ("123456789".repeat(7), "123456".repeat(8));
    let pc = Pc::new("windows-11-pro-retail", |scenario| {
        scenario["InstallProductKey"]["installs"]["OfflineInstallationId"] = json!(installation);
        scenario["DepositOfflineConfirmationId"] = json!({"status": 1});
    });
    let ran = pc.restore(&["--yes", "--method", "offline"]);
    let answer = json_of(&ran);
    assert_eq!((ran.code, &answer["activated"]), (Some(3), &json!(false)), "{ran:?}");
    assert_eq!((answer["groups"].as_array().unwrap().len(), &answer["groups"][0]), (9, &json!("1234567")));
    pc.done();
    let short = pc.restore(&["--yes", "--method", "offline", "--confirmation-id", "123"]);
    assert_eq!((short.code, pc.done()), (Some(2), Vec::new()), "before anything is changed: {short:?}");
    let ran = pc.restore(&["--yes", "--method", "offline", "--confirmation-id", &confirmation, "--save-cid"]);
    assert_eq!((ran.code, &json_of(&ran)["activated"]), (Some(0), &json!(true)), "{ran:?}");
    pc.prefix.calls().unwrap();
    let again = pc.restore(&["--yes", "--method", "offline"]);
    assert_eq!(
        (again.code, &json_of(&again)["activated"]),
        (Some(0), &json!(true)),
        "nobody is asked again: {again:?}"
    );
    let calls = pc.prefix.calls().unwrap();
    let deposit = calls.iter().find(|call| call["call"] == "DepositOfflineConfirmationId").unwrap();
    assert!(deposit["args"].as_array().unwrap().contains(&json!(confirmation)), "{deposit}");
    let mut scenario = pc.prefix.scenario().unwrap();
    scenario["DepositOfflineConfirmationId"] = json!({"hresult": "0xC004E021"});
    pc.prefix.standins(&scenario).unwrap();
    let refused = pc.restore(&["--yes", "--method", "offline"]);
    assert_eq!((refused.code, json_of(&refused)["groups"].as_array().map(Vec::len)), (Some(3), Some(9)), "{refused:?}");
}

#[test]
fn an_undo_that_could_not_activate_can_be_run_again() {
    let pc = Pc::new("windows-11-pro-retail", |_| {});
    assert_eq!(pc.restore(&["--yes"]).code, Some(0));
    let undo = |activate: Value| {
        let mut scenario = pc.prefix.scenario().unwrap();
        (scenario["InstallProductKey"], scenario["Activate"]) = (json!({}), activate);
        pc.prefix.standins(&scenario).unwrap();
        pc.prefix.keystow(&["restore", "--undo", "--yes", "--json"]).unwrap().code
    };
    assert_eq!(undo(json!({"hresult": "0xC004C003"})), Some(18));
    assert_eq!(undo(json!({"status": 1})), Some(0));
}

#[test]
fn a_changed_edition_is_not_undone_by_a_product_key() {
    let pc = Pc::new("windows-10-home", |_| {});
    assert_eq!(pc.restore(&["--yes", "--upgrade"]).code, Some(0));
    let current = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    let now = format!("Windows Registry Editor Version 5.00\r\n\r\n[{current}]\r\n\"EditionID\"=\"Professional\"\r\n");
    pc.prefix.import_reg(&now).unwrap();
    pc.done();
    let ran = pc.prefix.keystow(&["restore", "--undo", "--yes", "--json"]).unwrap();
    assert_eq!((ran.code, pc.done()), (Some(16), Vec::new()), "{ran:?}");
}

#[test]
fn undo_puts_back_what_only_the_vault_has_whole() {
    // The registry holds what Windows came with; the service alone says which product key is there now.
    let pc = Pc::new("windows-11-pro-retail", |scenario| scenario["products"][0]["PartialProductKey"] = json!("T83GX"));
    let enterprise = pc.prefix.folder().join("enterprise.txt");
    std::fs::write(&enterprise, "NPPR9-FWDCX-D2C8J-H872K-2YT43").unwrap();
    let from = format!("Z:{}", enterprise.display());
    assert_eq!(pc.prefix.keystow(&["add", "--from", &from, "--no-input"]).unwrap().code, Some(0));
    let ran = pc.prefix.keystow(&["restore", "2YT43", "--yes", "--upgrade", "--json"]).unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = pc.prefix.keystow(&["restore", "--undo", "--yes", "--json"]).unwrap();
    assert_eq!((ran.code, &json_of(&ran)["back"]), (Some(0), &json!("T83GX")), "{ran:?}");
}

#[test]
fn the_second_half_of_a_restore_does_not_forget_what_was_there_before_the_first() {
    let pc = Pc::new("windows-11-pro-retail", |_| {});
    assert_eq!(pc.restore(&["--yes"]).code, Some(0));
    assert_eq!(pc.restore(&["--yes"]).code, Some(0));
    let ran = pc.prefix.keystow(&["restore", "--undo", "--yes", "--json"]).unwrap();
    assert_eq!((ran.code, &json_of(&ran)["back"]), (Some(0), &json!("3V66T")), "{ran:?}");
}

#[test]
fn what_the_service_says_steers_no_terminal() {
    let pc = Pc::new("windows-11-pro-retail", |scenario| {
        scenario["InstallProductKey"]["installs"]["Name"] = json!("Evil\u{1b}[31m\r\nINJECTED\u{202e}");
    });
    let ran = pc.prefix.keystow(&["restore", "k1", "--yes", "--no-input"]).unwrap();
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("Evil") && !said.contains(['\u{1b}', '\u{202e}']) && !said.contains("\nINJECTED"), "{said}");
}

#[test]
fn undo_puts_back_the_product_key_that_was_there() {
    let pc = Pc::new("windows-11-pro-retail", |_| {});
    assert_eq!(pc.restore(&["--yes"]).code, Some(0));
    let mut scenario = pc.prefix.scenario().unwrap();
    scenario["InstallProductKey"] = json!({});
    pc.prefix.standins(&scenario).unwrap();
    pc.prefix.calls().unwrap();
    let ran = pc.prefix.keystow(&["restore", "--undo", "--yes", "--json"]).unwrap();
    assert_eq!((ran.code, &json_of(&ran)["back"]), (Some(0), &json!("3V66T")), "{ran:?}");
    let calls = pc.prefix.calls().unwrap();
    let install = calls.iter().find(|call| call["call"] == "InstallProductKey").unwrap();
    assert_eq!(install["args"], json!(["VK7JG-NPHTM-C97JM-9MPGT-3V66T"]), "what the made Windows came with");
    let again = pc.prefix.keystow(&["restore", "--undo", "--yes", "--json"]).unwrap();
    assert_eq!(again.code, Some(10), "there is nothing to undo any more: {again:?}");
}

#[test]
fn settings_open_at_the_right_page_and_need_no_rights() {
    let pc = Pc::new("windows-11-pro-retail", |scenario| scenario["rights"] = json!("user"));
    let ran = pc.prefix.prepare_keystow(&["restore", "k1", "--json", "--yes", "--method", "settings"]);
    let ran = ran.within(Duration::from_secs(90)).run().unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let calls = pc.prefix.calls().unwrap();
    assert!(calls.iter().any(|call| call.to_string().contains("ms-settings:activation")), "{calls:?}");
}

/// The SMBIOS structures of a PC with this mainboard.
fn mainboard(serial_number: &str, uuid: [u8; 16]) -> Value {
    let system = SystemFacts { serial_number, uuid, ..SystemFacts::default() };
    let board = BoardFacts { serial_number, ..BoardFacts::default() };
    json!(hex(&smbios::table(&[system.make(), board.make()])))
}

/// A PC that was sold with its Windows 7, backed up on its first mainboard. The row that comes with a product key is
/// that of its own Windows.
fn sold_with_windows_7(smbios: Value) -> Prefix {
    let made = made("windows-7");
    let prefix = Prefix::of(&made).unwrap();
    let mut scenario = scenario(&made);
    scenario["smbios"] = smbios;
    scenario["InstallProductKey"] = json!({"installs": scenario["products"][0].clone()});
    prefix.standins(&scenario).unwrap();
    let ran = prefix.keystow(&["backup", "--no-input"]).unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    prefix
}

fn restored(prefix: &Prefix, args: &[&str]) -> (Option<i32>, Value, bool) {
    prefix.calls().unwrap();
    let ran = prefix.keystow(&[&["restore", "k1", "--json", "--yes"], args].concat()).unwrap();
    let installed = prefix.calls().unwrap().iter().any(|call| call["call"] == "InstallProductKey");
    (ran.code, json_of(&ran), installed)
}

#[test]
fn an_oem_license_goes_back_to_its_own_mainboard_and_to_no_other() {
    let first = mainboard("MB-1", *b"\x31\x07\x5e\x1f\x20\x4b\xd1\x48keystow\x01");
    let prefix = sold_with_windows_7(first);
    let (code, answer, installed) = restored(&prefix, &[]);
    assert_eq!((code, &answer["plan"]["device"], installed), (Some(0), &json!("same"), true), "{answer}");
    let mut scenario = prefix.scenario().unwrap();
    scenario["smbios"] = mainboard("MB-2", *b"\x77\x07\x5e\x1f\x20\x4b\xd1\x48another\x02");
    prefix.standins(&scenario).unwrap();
    for stated in [&[][..], &["--same-pc"], &["--repaired"], &["--same-pc", "--upgrade"]] {
        let (code, failure, installed) = restored(&prefix, stated);
        assert_eq!((code, installed), (Some(17), false), "{stated:?}: {failure}");
        assert!(failure["error"].as_str().unwrap().contains("another PC"), "{failure}");
    }
}

#[test]
fn where_nothing_tells_whose_pc_it_is_the_person_is_asked() {
    let prefix = sold_with_windows_7(json!(""));
    let (code, failure, installed) = restored(&prefix, &[]);
    assert_eq!((code, installed), (Some(2), false), "{failure}");
    assert!(failure["hint"].as_str().unwrap().contains("--same-pc"), "{failure}");
    let (code, answer, installed) = restored(&prefix, &["--same-pc"]);
    assert_eq!((code, &answer["plan"]["device"], installed), (Some(0), &json!("unknown"), true), "{answer}");
}

#[test]
fn a_product_key_that_many_share_is_not_entered() {
    let made = made("windows-10-home");
    let prefix = Prefix::of(&made).unwrap();
    prefix.standins(&scenario(&made)).unwrap();
    assert_eq!(prefix.keystow(&["backup", "--no-input"]).unwrap().code, Some(0));
    let (code, failure, installed) = restored(&prefix, &[]);
    assert_eq!((code, &failure["hint"], installed), (Some(20), &json!("keystow link"), false), "{failure}");
}

/// The installed edition and build, a published product key, whether it fits and what the program makes of it.
const FITS: [(&str, &str, &str, &str, i32); 12] = [
    ("Professional", "26100", PRO, "same", 0),
    ("Core", "26100", PRO, "upgrades-in-place", 0),
    ("Enterprise", "26100", PRO, "downgrades-in-place", 0),
    ("EnterpriseS", "26100", PRO, "needs-setup", 16),
    ("Professional", "26100", "TX9XD-98N7V-6WMQ6-BX7FG-H8Q99", "not-this-edition", 16),
    ("Professional", "26100", "MH37W-N47XK-V7XM9-C7227-GCQG9", "n-only-with-n", 16),
    ("Professional", "26100", "M7XTQ-FN8P6-TTKYV-9D4CC-J462D", "needs-clean-install", 16),
    ("Professional", "26100", "XQNVK-8JYDB-WJ9W3-YJ8YR-WFG99", "other-product", 16),
    ("Professional", "26100", "GCRJD-8NW9H-F2CDX-CCM8D-9D6T9", "old-version-only", 16),
    ("Professional", "26100", "FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4", "unknown", 0),
    ("Professional", "7601", PRO, "newer-version-only", 16),
    ("ServerStandardEval", "17763", "N69G4-B89J2-4G8F4-WWYCC-J464C", "needs-set-edition", 16),
];

#[test]
fn every_answer_about_the_fit_is_acted_on() {
    let pc = Pc::new("windows-11-pro-retail", |_| {});
    for (edition, build, key, answer, exit) in FITS {
        let current = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
        let values = format!(
            "\"EditionID\"=\"{edition}\"\r\n\"CurrentBuild\"=\"{build}\"\r\n\"CurrentBuildNumber\"=\"{build}\""
        );
        pc.prefix
            .import_reg(&format!("Windows Registry Editor Version 5.00\r\n\r\n[{current}]\r\n{values}\r\n"))
            .unwrap();
        let file = pc.prefix.folder().join("next.txt");
        std::fs::write(&file, key).unwrap();
        pc.prefix.keystow(&["add", "--from", &format!("Z:{}", file.display()), "--no-input"]).unwrap();
        pc.done();
        let partial = &key[24..];
        let words = ["restore", partial, "--yes", "--upgrade", "--same-pc", "--no-input"];
        let ran = pc.prefix.keystow(&words).unwrap();
        let fit = pc.prefix.keystow(&["fit", partial, "--for", "live", "--json", "--no-input"]).unwrap();
        assert_eq!((ran.code, &json_of(&fit)["answer"]), (Some(exit), &json!(answer)), "{edition}: {ran:?} {fit:?}");
        let installed = pc.done().iter().any(|call| call == "InstallProductKey");
        assert_eq!(installed, exit == 0, "{edition} {answer}");
        assert!(exit == 0 || ran.stderr.contains("does not fit"), "{ran:?}");
    }
}
