//! What Windows keeps in several places: copies, defaults, earlier installations.

use keystow_core::identify::verdict::VerdictKind as V;
use keystow_find::{PlaceKind as P, ProblemKind};
use keystow_makers::hive::{Hive, REG_BINARY};
use keystow_makers::key::pack;

use crate::pc::*;

const BROWSER: &str = r"Microsoft\Internet Explorer\Registration";

fn ten() -> Hive {
    software("Windows 10 Pro", "Professional", 19045, &pro_default())
}

#[test]
fn an_installation_is_told_with_name_edition_build_and_release() {
    let mut hive = software("Windows 10 Pro", "Professional", 22631, &pro_default());
    hive.at(CURRENT).text("DisplayVersion", "23H2").text("ReleaseId", "2009");
    let scan = Pc::of(&hive, &system()).scan();
    let windows = &scan.installations[0];
    assert_eq!((windows.name.as_str(), windows.build), ("Windows 11 Pro", Some(22631)));
    assert_eq!(windows.edition.as_ref().map(|edition| edition.id()), Some("Professional"));
    assert_eq!(windows.release.as_deref(), Some("23H2"));
    assert_eq!(windows.product_id.as_deref(), Some("00330-80000-00000-AA965"));
    assert_eq!((windows.replaced.as_deref(), windows.subscription), (None, false));
    assert_eq!(scan.findings[0].installation, Some(0));
}

#[test]
fn earlier_installations_come_newest_first_whatever_the_order_of_their_names() {
    let mut system = system();
    for (updated, build) in [("1/6/2019 02:18:37", 15063), ("10/5/2017 11:00:00", 10586), ("9/30/2021 08:00:00", 19041)]
    {
        let node = system.at(&format!("Setup\\Source OS (Updated on {updated})"));
        pro_default().put(windows_in(node, "Windows 10 Pro", "Professional", build));
    }
    let node = system.at(r"Setup\Source OS (Updated on 3/2/2015 08:00:00)");
    seven_retail().put(windows_in(node, "Windows 7 Home Premium", "HomePremium", 7601));
    let scan = Pc::of(&software("Windows 11 Pro", "Professional", 22631, &pro_kms()), &system).scan();
    let builds: Vec<_> = scan.installations.iter().map(|windows| windows.build.unwrap()).collect();
    assert_eq!(builds, [22631, 19041, 15063, 10586, 7601]);
    let replaced: Vec<_> =
        scan.installations[1..3].iter().map(|windows| windows.replaced.as_deref().unwrap()).collect();
    assert_eq!(replaced, ["9/30/2021 08:00:00", "1/6/2019 02:18:37"]);
    assert_said(
        &scan,
        &[
            (P::Installed, Some("T83GX"), V::Organization),
            (P::EarlierWindows, Some("3V66T"), V::NoKeyNeeded),
            (P::EarlierWindows, Some("XM76F"), V::OldVersionOnly),
        ],
    );
    assert_eq!(scan.findings[1].origin.path, r"SYSTEM\Setup\Source OS (Updated on 9/30/2021 08:00:00)");
    assert_eq!(scan.findings[1].also.len(), 2);
}

#[test]
fn a_differing_backup_key_stands_beside_the_installed_one() {
    let mut hive = ten();
    hive.at(&format!(r"{CURRENT}\SoftwareProtectionPlatform")).text("BackupProductKeyDefault", PRO_KMS);
    let scan = Pc::of(&hive, &system()).scan();
    assert_said(
        &scan,
        &[(P::Installed, Some("3V66T"), V::NoKeyNeeded), (P::BackupDefault, Some("T83GX"), V::Organization)],
    );
}

#[test]
fn copies_of_the_same_key_are_one_finding() {
    let mut hive = ten();
    hive.at(&format!(r"{CURRENT}\SoftwareProtectionPlatform")).text("BackupProductKeyDefault", PRO_DEFAULT);
    pro_default().put(hive.at(&format!(r"{CURRENT}\DefaultProductKey")));
    pro_default().put(hive.at(BROWSER));
    let scan = Pc::of(&hive, &system()).scan();
    assert_said(&scan, &[(P::Installed, Some("3V66T"), V::NoKeyNeeded)]);
    assert_eq!(scan.findings[0].also.len(), 3);
}

#[test]
fn a_key_that_only_internet_explorers_copy_holds_is_kept_too() {
    let mut hive = software("Windows 7 Ultimate", "Ultimate", 7601, &seven_retail());
    let mut other = seven_retail();
    other.v3.key = pack(SEVEN_ULTIMATE);
    other.v4.key = pack(SEVEN_ULTIMATE);
    other.put(hive.at(BROWSER));
    let scan = Pc::of(&hive, &system()).scan();
    assert_said(
        &scan,
        &[(P::Installed, Some("XM76F"), V::KeepMovable), (P::BrowserCopy, Some("3MBMV"), V::KeepMovable)],
    );
    assert_eq!(kept(&scan), ["XM76F", "3MBMV"]);
}

#[test]
fn what_setup_used_by_default_is_nobodys_own() {
    let mut hive = software("Windows 7 Home Premium", "HomePremium", 7601, &seven_retail());
    let mut other = seven_retail();
    other.v3.key = pack(SEVEN_ULTIMATE);
    other.v4.key = pack(SEVEN_ULTIMATE);
    other.put(hive.at(&format!(r"{CURRENT}\DefaultProductKey")));
    let scan = Pc::of(&hive, &system()).scan();
    assert_said(
        &scan,
        &[(P::Installed, Some("XM76F"), V::KeepMovable), (P::SetupDefault, Some("3MBMV"), V::NoKeyNeeded)],
    );
    assert_eq!(kept(&scan), ["XM76F"]);
}

#[test]
fn a_wine_placeholder_is_a_problem_and_no_finding() {
    let mut hive = Hive::new();
    let node = windows_in(hive.at(CURRENT), "Microsoft Windows 10", "Professional", 19043);
    node.text("ProductId", "12345-oem-0000001-54321").value("DigitalProductId", REG_BINARY, [0; 164]);
    let scan = Pc::of(&hive, &system()).scan();
    assert_said(&scan, &[]);
    assert_eq!(problems(&scan), [ProblemKind::Unknown]);
    assert!(scan.problems[0].message.contains("Wine"));
}

#[test]
fn a_value_that_is_cut_short_is_read_as_far_as_it_goes() {
    let v3 = pro_default().v3.make();
    let mut hive = Hive::new();
    let node = windows_in(hive.at(CURRENT), "Windows 10 Pro", "Professional", 19045);
    node.value("DigitalProductId", REG_BINARY, &v3[..156]);
    assert_said(&Pc::of(&hive, &system()).scan(), &[(P::Installed, Some("3V66T"), V::NoKeyNeeded)]);
    let mut hive = Hive::new();
    let node = windows_in(hive.at(CURRENT), "Windows 10 Pro", "Professional", 19045);
    node.value("DigitalProductId", REG_BINARY, &v3[..0x43]);
    let scan = Pc::of(&hive, &system()).scan();
    assert_eq!((scan.findings.len(), problems(&scan)), (0, vec![ProblemKind::Damaged]));
}
