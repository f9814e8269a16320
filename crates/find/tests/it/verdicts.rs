//! Which product key is the one to keep, and what each is worth.

use keystow_core::identify::Basis;
use keystow_core::identify::verdict::VerdictKind as V;
use keystow_core::product_id::{CheckName, Outcome};
use keystow_find::{Held, PlaceKind as P, Scan};
use keystow_makers::acpi::MsdmTable;
use keystow_makers::digital_product_id::{V3, V4};
use keystow_makers::key::pack;
use keystow_makers::pkeyconfig::{Row, xrm_ms};

use crate::pc::*;

fn with_firmware(pc: &Pc, key: &str) -> Scan {
    pc.write("msdm.bin", MsdmTable { data: key.as_bytes(), ..MsdmTable::default() }.make());
    pc.scan()
}

/// Windows 10 Pro with values that were edited after they were made.
fn edited(edit: impl Fn(&mut Vec<u8>, &mut Vec<u8>)) -> Scan {
    let (mut v3, mut v4) = (V3::default().make(), V4::default().make());
    edit(&mut v3, &mut v4);
    let mut hive = keystow_makers::hive::Hive::new();
    pro_default().put_raw(windows_in(hive.at(CURRENT), "Windows 10 Pro", "Professional", 19045), v3, v4);
    Pc::of(&hive, &system()).scan()
}

fn failed(scan: &Scan) -> Vec<CheckName> {
    let checks = scan.findings[0].checks.iter();
    checks.filter(|check| check.outcome == Outcome::Failed).map(|check| check.name).collect()
}

#[test]
fn the_firmware_key_is_the_one_to_keep_when_a_shared_one_is_installed() {
    let pc = Pc::of(&software("Windows 11 Pro", "Professional", 22631, &pro_default()), &system());
    let scan = with_firmware(&pc, PRO_FIRMWARE);
    assert_said(&scan, &[(P::Installed, Some("3V66T"), V::NoKeyNeeded), (P::Firmware, Some("WFG6P"), V::KeepThisPc)]);
    assert_eq!(kept(&scan), ["WFG6P"]);
    assert_eq!(product(&scan.findings[1]), (Some("Professional"), Some("OEM:DM")));
}

#[test]
fn an_installed_retail_key_is_movable_and_comes_before_the_firmware() {
    let hive = software("Windows 7 Home Premium", "HomePremium", 7601, &seven_retail());
    let scan = with_firmware(&Pc::of(&hive, &system()), PRO_FIRMWARE);
    assert_said(&scan, &[(P::Installed, Some("XM76F"), V::KeepMovable), (P::Firmware, Some("WFG6P"), V::KeepThisPc)]);
    assert_eq!(kept(&scan), ["XM76F", "WFG6P"]);
    assert_eq!(product(&scan.findings[0]), (Some("HomePremium"), Some("Retail")));
    assert_eq!(scan.findings[0].product.name, "Windows 7 Home Premium");
}

#[test]
fn a_sticker_key_belongs_to_its_pc() {
    let hive = software("Windows 7 Home Premium", "HomePremium", 7601, &seven_oem());
    let scan = Pc::of(&hive, &system()).scan();
    assert_said(&scan, &[(P::Installed, Some("XM76F"), V::KeepThisPc)]);
    assert_eq!(product(&scan.findings[0]).1, Some("OEM:COA"));
}

#[test]
fn the_license_digit_tells_a_pc_makers_key_where_nothing_names_the_edition() {
    for (license, verdict) in [(0, V::Unsure), (2, V::KeepThisPc), (3, V::Organization)] {
        let value = V3 { license, ..seven_oem().v3 }.make();
        let mut hive = keystow_makers::hive::Hive::new();
        hive.at(CURRENT).text("CurrentBuild", "7601").value("DigitalProductId", 3, value);
        let scan = scan_file(hive.bytes());
        assert_eq!(scan.findings[0].verdict.kind, verdict, "{license}");
    }
}

#[test]
fn a_kms_client_key_is_the_organizations() {
    let scan = Pc::of(&software("Windows 10 Pro", "Professional", 19045, &pro_kms()), &system()).scan();
    assert_said(&scan, &[(P::Installed, Some("T83GX"), V::Organization)]);
    assert_eq!(kept(&scan), Vec::<String>::new());
}

#[test]
fn a_subscription_is_the_organizations_though_the_product_key_is_a_shared_pro() {
    let mut hive = software("Windows 10 Enterprise", "Enterprise", 19045, &pro_default());
    hive.at(CURRENT).text("CompositionEditionID", "Enterprise");
    let scan = Pc::of(&hive, &system()).scan();
    assert!(scan.installations[0].subscription);
    assert_said(&scan, &[(P::Installed, Some("3V66T"), V::Organization)]);
}

#[test]
fn the_composition_edition_of_a_pro_is_enterprise_and_no_subscription() {
    let mut hive = software("Windows 10 Pro", "Professional", 19045, &pro_default());
    hive.at(CURRENT).text("CompositionEditionID", "Enterprise");
    let scan = Pc::of(&hive, &system()).scan();
    assert!(!scan.installations[0].subscription);
    assert_said(&scan, &[(P::Installed, Some("3V66T"), V::NoKeyNeeded)]);
}

#[test]
fn a_windows_7_key_under_a_windows_10_is_for_its_old_version_only_and_kept() {
    let mut system = system();
    let seven = system.at(r"Setup\Source OS (Updated on 7/30/2016 09:12:44)");
    seven_retail().put(windows_in(seven, "Windows 7 Home Premium", "HomePremium", 7601));
    let scan = Pc::of(&software("Windows 10 Pro", "Professional", 19045, &pro_default()), &system).scan();
    assert_said(
        &scan,
        &[(P::Installed, Some("3V66T"), V::NoKeyNeeded), (P::EarlierWindows, Some("XM76F"), V::OldVersionOnly)],
    );
    assert_eq!(kept(&scan), ["XM76F"]);
    let rule = scan.findings[1].verdict.rule;
    assert_eq!((rule.id, rule.date), ("old-windows", "2023-09-20"));
}

#[test]
fn a_windows_7_key_that_windows_10_took_is_for_its_old_version_only() {
    let scan = Pc::of(&software("Windows 10 Home", "Core", 10586, &seven_retail()), &system()).scan();
    assert_said(&scan, &[(P::Installed, Some("XM76F"), V::OldVersionOnly)]);
    assert_eq!(kept(&scan), ["XM76F"]);
}

#[test]
fn a_windows_8_firmware_key_stays_with_its_pc_and_warns_of_windows_10() {
    let pc = Pc::of(&software("Windows 10 Pro", "Professional", 19045, &pro_default()), &system());
    let scan = with_firmware(&pc, EIGHT_FIRMWARE);
    assert_said(&scan, &[(P::Installed, Some("3V66T"), V::NoKeyNeeded), (P::Firmware, Some("RJMRD"), V::KeepThisPc)]);
    assert!(scan.findings[1].old_windows);
    let why = &scan.findings[1].verdict.why;
    assert!(why.iter().any(|why| why.contains("before 10")), "{why:?}");
    assert_eq!(kept(&scan), ["RJMRD"]);
}

#[test]
fn a_blanked_mak_is_partial_and_its_product_id_still_tells_edition_and_channel() {
    let product_id = "00331-20000-00001-AA123";
    let mut hive = keystow_makers::hive::Hive::new();
    let value = V3 { product_id, group: 3312, part_number: "", key: [0; 16], license: 3, ..V3::default() }.make();
    let node = windows_in(hive.at(CURRENT), "Windows 10 Pro", "Professional", 19045);
    node.text("ProductId", product_id).value("DigitalProductId", 3, value);
    let scan = Pc::of(&hive, &system()).scan();
    assert_said(&scan, &[(P::Installed, None, V::PartialOnly)]);
    let finding = &scan.findings[0];
    assert_eq!((&finding.held, product(finding)), (&Held::Blanked, (Some("Professional"), Some("Volume:MAK"))));
    assert_eq!(finding.verdict.rule.id, "blanked");
    assert_eq!(finding.product_id.as_deref(), Some(product_id));
}

#[test]
fn the_old_hashes_beside_a_blanked_key_are_no_reason_for_doubt() {
    let scan = edited(|v3, v4| {
        *v3 = V3 { key: [0; 16], ..V3::default() }.make();
        v4[0x328..0x338].fill(0);
    });
    assert_eq!(failed(&scan), [CheckName::KeyHash, CheckName::WholeHash]);
    assert_said(&scan, &[(P::Installed, None, V::PartialOnly)]);
}

#[test]
fn two_values_of_one_node_that_disagree_are_doubtful() {
    let scan = edited(|_, v4| *v4 = pro_kms().v4.make());
    assert!(failed(&scan).contains(&CheckName::TwinKey));
    assert_said(&scan, &[(P::Installed, Some("T83GX"), V::Unsure)]);
    assert_eq!(kept(&scan), Vec::<String>::new());
}

#[test]
fn a_wrong_crc_or_hash_is_doubtful_and_names_the_check() {
    type Edit = fn(&mut Vec<u8>, &mut Vec<u8>);
    let edits: [(CheckName, Edit); 3] = [
        (CheckName::Crc, |v3, _| v3[0xA0] ^= 1),
        (CheckName::WholeHash, |_, v4| v4[0x358] ^= 1),
        (CheckName::KeyHash, |_, v4| v4[0x338] ^= 1),
    ];
    for (name, edit) in edits {
        let scan = edited(edit);
        assert!(failed(&scan).contains(&name), "{name:?}");
        assert_said(&scan, &[(P::Installed, Some("3V66T"), V::Unsure)]);
        assert_eq!(scan.findings[0].verdict.rule.id, "check-failed");
        assert!(!scan.findings[0].verdict.why.is_empty());
    }
}

#[test]
fn the_table_on_the_disk_wins_over_the_shipped_one() {
    let row = Row {
        group: 3308,
        activation_id: "11111111-2222-3333-4444-555555555555",
        edition: "Education",
        description: "Win 10 RTM Education Retail",
        channel: "Retail",
        older: false,
        start: 0,
        end: 9,
        part_number: "[KS]X00-00001",
        eula: "Retail",
        valid: true,
    };
    let mut hive = keystow_makers::hive::Hive::new();
    let path = format!(r"{CURRENT}\SoftwareProtectionPlatform");
    hive.at(&path).text("BackupProductKeyDefault", PRO_DEFAULT);
    let pc = Pc::of(&hive, &system());
    let of = |scan: &Scan| (product(&scan.findings[0]).0.map(str::to_owned), scan.findings[0].product.basis);
    assert_eq!(of(&pc.scan()), (Some("Professional".to_owned()), Basis::ShippedTable));
    pc.write("Windows/System32/spp/tokens/pkeyconfig/pkeyconfig.xrm-ms", xrm_ms(&[row]));
    assert_eq!(of(&pc.scan()), (Some("Education".to_owned()), Basis::PkeyconfigFile));
}

#[test]
fn a_typed_key_of_the_older_form_is_doubtful_since_it_shows_nothing() {
    let scan = scan_file(format!("Sticker: {SEVEN}\n"));
    assert_said(&scan, &[(P::Typed, Some("XM76F"), V::Unsure)]);
    assert_eq!(scan.findings[0].verdict.rule.id, "hidden-channel");
    assert_eq!(pack(SEVEN), scan.findings[0].held.full().unwrap().pack());
}
