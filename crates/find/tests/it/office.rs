//! Microsoft Office of every age.

use keystow_core::identify::verdict::VerdictKind as V;
use keystow_find::{Held, PlaceKind as P, Scan};
use keystow_makers::digital_product_id::{V3, V4};
use keystow_makers::hive::{Hive, REG_BINARY};
use keystow_makers::key::pack;

use crate::pc::*;

/// Office 2010 Standard, KMS client.
const OFFICE_2010: &str = "V7QKV-4XVVR-XYV4D-F7DFM-8R6BM";
/// Office 2016 Professional Plus, KMS client.
const OFFICE_2016: &str = "XQNVK-8JYDB-WJ9W3-YJ8YR-WFG99";
const VIEWS: [&str; 2] = [r"Microsoft\Office", r"Wow6432Node\Microsoft\Office"];

fn installed(view: &str, release: &str, name: &str, value: Vec<u8>) -> Scan {
    let mut hive = Hive::new();
    let node = hive.at(&format!(r"{view}\{release}\Registration\{{90140000-0012-0000-0000-0000000FF1CE}}"));
    node.text("ProductName", name).text("ProductID", "02260-018-0001231-86512");
    node.value("DigitalProductID", REG_BINARY, value);
    // The other nodes list what else there could be.
    hive.at(&format!(r"{view}\{release}\Registration\{{00000000-0000-0000-0000-000000000001}}"))
        .text("ProductName", "Microsoft Visio")
        .text("ProductNameBrand", "Microsoft Visio");
    Pc::of(&hive, &system()).scan()
}

#[test]
fn office_2003_and_2007_keep_their_key_as_version_3_in_both_views() {
    for view in VIEWS {
        for release in ["11.0", "12.0"] {
            let value = V3 {
                product_id: "02260-018-0001231-86512",
                group: 86,
                part_number: "X10-00001",
                key: pack(SEVEN),
                ..V3::default()
            };
            let scan = installed(view, release, "Microsoft Office 2007", value.make());
            assert_eq!(scan.findings.len(), 1, "{view} {release}");
            let finding = &scan.findings[0];
            assert_eq!((finding.place, finding.product.name.as_str()), (P::Office, "Microsoft Office 2007"));
            assert_eq!(finding.held.full().unwrap().pack(), pack(SEVEN));
            assert_eq!((finding.origin.value.as_str(), finding.id.to_string().as_str()), ("DigitalProductID", "o1"));
        }
    }
}

#[test]
fn office_2010_keeps_its_key_as_version_4_in_both_views() {
    for view in VIEWS {
        let value = V4 {
            extended_pid: "82503-00172-000-000000-03-1033-7601.0000-0772012",
            activation_id: "9da2a678-fb6b-4e67-ab84-60dd6a9c819a",
            edition: "StandardVL",
            key: pack(OFFICE_2010),
            part_number: "X15-87192",
            channel: "Volume:GVLK",
            eula: "Volume",
            is_upgrade: false,
        };
        let scan = installed(view, "14.0", "Microsoft Office Standard 2010", value.make());
        assert_said(&scan, &[(P::Office, Some("8R6BM"), V::Organization)]);
        assert_eq!(scan.findings[0].product.name, "Microsoft Office Standard 2010");
    }
}

#[test]
fn office_2016_in_volume_keeps_its_key_as_well() {
    for view in VIEWS {
        let value = V4 {
            extended_pid: "03612-03391-000-000000-03-1033-14393.0000-0772017",
            activation_id: "",
            edition: "ProPlusVL",
            key: pack(OFFICE_2016),
            part_number: "",
            channel: "Volume:GVLK",
            eula: "Volume",
            is_upgrade: false,
        };
        let scan = installed(view, "16.0", "Microsoft Office Professional Plus 2016", value.make());
        assert_said(&scan, &[(P::Office, Some("WFG99"), V::Organization)]);
    }
}

#[test]
fn office_2013_and_later_from_an_msi_is_told_by_its_product_id_and_holds_no_key() {
    for release in ["15.0", "16.0"] {
        let mut hive = Hive::new();
        let registration = format!(r"Microsoft\Office\{release}\Registration");
        hive.at(&format!("{registration}\\{{90160000-0011-0000-1000-0000000FF1CE}}"))
            .text("ProductID", "00339-10000-00000-AA310")
            .text("ConvertToEdition", "Microsoft Office Professional Plus");
        for number in 0..300 {
            hive.at(&format!("{registration}\\{{{number:08}-0000-0000-0000-000000000000}}"))
                .text("ProductName", "Microsoft Office 365")
                .text("ProductNameBrand", "Microsoft Office 365");
        }
        let scan = Pc::of(&hive, &system()).scan();
        assert_said(&scan, &[(P::Office, None, V::PartialOnly)]);
        let finding = &scan.findings[0];
        assert_eq!(
            (&finding.held, finding.product.name.as_str()),
            (&Held::Nothing, "Microsoft Office Professional Plus")
        );
        assert_eq!(finding.product_id.as_deref(), Some("00339-10000-00000-AA310"));
    }
}

#[test]
fn click_to_run_names_each_product_and_holds_no_key() {
    let mut hive = Hive::new();
    hive.at(r"Microsoft\Office\ClickToRun\Configuration")
        .text("ProductReleaseIds", "HomeBusiness2019Retail, VisioPro2019Retail,");
    let scan = Pc::of(&hive, &system()).scan();
    assert_said(&scan, &[(P::Office, None, V::PartialOnly), (P::Office, None, V::PartialOnly)]);
    let names: Vec<_> = scan.findings.iter().map(|finding| finding.product.name.as_str()).collect();
    assert_eq!(names, ["Office HomeBusiness2019Retail", "Office VisioPro2019Retail"]);
}
