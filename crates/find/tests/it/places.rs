//! Where one may point: folders, single files of every kind, and what is said when there is nothing.

use keystow_core::identify::verdict::VerdictKind as V;
use keystow_find::{PlaceKind as P, ProblemKind, Source, scan};
use keystow_makers::acpi::{MsdmTable, SlicTable, dump};
use keystow_makers::digital_product_id::V3;
use keystow_makers::hive::Hive;

use crate::pc::*;

const DEFAULT: Said<'_> = (P::Installed, Some("3V66T"), V::NoKeyNeeded);
const EARLIER: Said<'_> = (P::EarlierWindows, Some("XM76F"), V::OldVersionOnly);

fn ten() -> Hive {
    software("Windows 10 Pro", "Professional", 19045, &pro_default())
}

fn with_seven() -> Hive {
    let mut hive = system();
    let seven = hive.at(r"Setup\Source OS (Updated on 7/30/2016 09:12:44)");
    seven_oem().put(windows_in(seven, "Windows 7 Home Premium", "HomePremium", 7601));
    hive
}

#[test]
fn a_windows_is_found_from_its_root_its_folder_and_its_config_folder_in_any_case() {
    for config in
        ["Windows/System32/config", "WINDOWS/system32/CONFIG", "windows/SYSTEM32/Config", "WINNT/system32/config"]
    {
        for (software, system) in [("SOFTWARE", "SYSTEM"), ("software", "System")] {
            let pc = Pc::new();
            pc.write(&format!("{config}/{software}"), ten().bytes());
            pc.write(&format!("{config}/{system}"), with_seven().bytes());
            for from in ["", config.split('/').next().unwrap(), config] {
                let scan = pc.scan_in(&[from]);
                assert_said(&scan, &[DEFAULT, EARLIER]);
                assert_eq!(problems(&scan), [], "{config}, {software}, from {from:?}");
            }
        }
    }
}

#[test]
fn loose_hives_are_told_by_their_content_and_are_of_one_pc() {
    let pc =
        Pc::new().with("one.hiv", ten().bytes()).with("two.hiv", with_seven().bytes()).with("photo.jpg", [0xFF, 0xD8]);
    assert_said(&pc.scan(), &[DEFAULT, EARLIER]);
    for files in [["one.hiv", "two.hiv"], ["two.hiv", "one.hiv"]] {
        assert_said(&pc.scan_in(&files), &[DEFAULT, EARLIER]);
    }
    assert_said(&pc.scan_in(&["one.hiv"]), &[DEFAULT]);
    assert_said(&pc.scan_in(&["two.hiv"]), &[EARLIER]);
    let twice = pc.scan_in(&["one.hiv", "one.hiv"]);
    assert_said(&twice, &[DEFAULT, DEFAULT]);
}

#[test]
fn each_kind_of_file_is_told_by_its_content() {
    let msdm = MsdmTable { data: PRO_FIRMWARE.as_bytes(), ..MsdmTable::default() }.make();
    let slic = SlicTable::default().make();
    let firmware = (P::Firmware, Some("WFG6P"), V::KeepThisPc);
    let marker = (P::FirmwareMarker, None, V::KeepThisPc);
    assert_said(&scan_file(&msdm), &[firmware]);
    assert_said(&scan_file(&slic), &[marker]);
    assert_said(&scan_file(dump(&[("MSDM", &msdm), ("SLIC", &slic)])), &[firmware, marker]);
    let path = format!(r"SOFTWARE\{CURRENT}");
    assert_said(&scan_file(export(&path, &[("DigitalProductId", &V3::default().make())])), &[DEFAULT]);
    let typed = (P::Typed, Some("3V66T"), V::NoKeyNeeded);
    assert_said(&scan_file(format!("My Windows: {PRO_DEFAULT}\n")), &[typed]);
    assert_said(&scan_file(format!("Computer,Product Key\nKITCHEN,{PRO_DEFAULT}\n")), &[typed]);
}

#[test]
fn the_windows_before_an_upgrade_is_read_from_windows_old() {
    let pc = Pc::of(&ten(), &system());
    let seven = software("Windows 7 Home Premium", "HomePremium", 7601, &seven_retail());
    let pc = pc.with("Windows.old/WINDOWS/System32/config/SOFTWARE", seven.bytes());
    let scan = pc.with("Windows.old/WINDOWS/System32/config/SYSTEM", system().bytes()).scan();
    assert_said(&scan, &[DEFAULT, EARLIER]);
    assert_eq!(scan.installations[1].replaced.as_deref(), Some("Windows.old"));
    assert_eq!(kept(&scan), ["XM76F"]);
}

#[test]
fn an_origin_names_file_node_and_value() {
    let pc = Pc::of(&ten(), &with_seven());
    let scan = pc.scan();
    let origin = &scan.findings[0].origin;
    assert_eq!(origin.path, format!(r"SOFTWARE\{CURRENT}"));
    assert!(["DigitalProductId", "DigitalProductId4"].contains(&origin.value.as_str()));
    assert_eq!(origin.source, pc.path().join(CONFIG).join("SOFTWARE").display().to_string());
    assert_eq!(scan.findings[1].origin.path, r"SYSTEM\Setup\Source OS (Updated on 7/30/2016 09:12:44)");
}

#[test]
fn what_is_not_there_or_not_known_is_a_problem_of_its_kind() {
    let pc = Pc::new().with("notes/holiday.txt", "sun and sea").with("empty/.keep", "");
    let kinds = |path: &str| problems(&pc.scan_in(&[path]));
    assert_eq!(kinds("missing"), [ProblemKind::Missing]);
    assert_eq!(kinds("empty"), [ProblemKind::WithoutWindows]);
    assert_eq!(kinds("notes"), [ProblemKind::WithoutWindows]);
    assert_eq!(kinds("notes/holiday.txt"), [ProblemKind::Unknown]);
    assert_eq!(problems(&scan_file([])), [ProblemKind::Unknown]);
    assert_eq!(problems(&scan_file([0x89, b'P', b'N', b'G', 0, 0, 0])), [ProblemKind::Unknown]);
    assert_eq!(problems(&scan_file("%PDF-1.7")), [ProblemKind::Unknown]);
    assert_eq!(problems(&scan_file(disk())), [ProblemKind::Unknown]);
    let mut other = Hive::new();
    other.at(r"SAM\Domains").text("", "accounts");
    assert_eq!(problems(&scan_file(other.bytes())), [ProblemKind::Unknown]);
}

/// A disk image of 64 MB that holds a product key as text somewhere, which reading it whole would find.
fn disk() -> Vec<u8> {
    let mut disk = vec![0; 64 << 20];
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk[1 << 20..][..PRO_DEFAULT.len()].copy_from_slice(PRO_DEFAULT.as_bytes());
    disk
}

#[test]
fn a_folder_with_a_hive_that_says_nothing_is_not_called_a_folder_without_windows() {
    let scan = Pc::new().with("two.hiv", system().bytes()).scan();
    assert_eq!((scan.findings.len(), problems(&scan)), (0, vec![]));
    let scan = Pc::of(&Hive::new(), &system()).scan();
    assert_eq!((scan.findings.len(), problems(&scan)), (0, vec![]));
}

#[test]
fn a_file_that_may_not_be_read_is_a_problem_of_rights() {
    let pc = Pc::of(&ten(), &with_seven());
    let path = pc.path().join(CONFIG).join("SOFTWARE");
    let _ = std::process::Command::new("chmod").arg("000").arg(&path).status();
    // An administrator reads it all the same, and some systems know no such rights.
    if std::fs::File::open(&path).is_err() {
        let scan = pc.scan();
        assert_eq!(problems(&scan), [ProblemKind::Rights]);
        assert_said(&scan, &[EARLIER]);
    }
}

#[test]
fn one_unreadable_source_does_not_keep_the_others_from_being_read() {
    let pc = Pc::of(&ten(), &system());
    let scan = scan(&[Source::Path(pc.path().join("missing")), Source::Path(pc.path().to_owned())]);
    assert_said(&scan, &[DEFAULT]);
    assert_eq!(problems(&scan), [ProblemKind::Missing]);
}

#[test]
fn two_folders_are_two_pcs_and_each_keeps_its_own() {
    let seven = || software("Windows 7 Home Premium", "HomePremium", 7601, &seven_retail());
    let (old, new) = (Pc::of(&seven(), &system()), Pc::of(&ten(), &with_seven()));
    let scan = look(&[old.path(), new.path()]);
    assert_said(&scan, &[(P::Installed, Some("XM76F"), V::KeepMovable), DEFAULT, EARLIER]);
    assert_eq!(kept(&scan), ["XM76F", "XM76F"]);
}
