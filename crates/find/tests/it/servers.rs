//! SQL Server and Visual Studio.

use keystow_find::{Held, PlaceKind as P, ProblemKind};
use keystow_makers::digital_product_id::V3;
use keystow_makers::hive::{Hive, REG_BINARY};
use keystow_makers::key::pack;

use crate::pc::*;

const SERVER: &str = r"Microsoft\Microsoft SQL Server";

#[test]
fn sql_server_keeps_a_whole_value_until_2008_and_the_bare_key_since_2012() {
    let whole = V3 { key: pack(SEVEN), ..V3::default() }.make();
    let bare = pack(SEVEN).to_vec();
    for (release, path, name, value) in [
        ("2005", r"MSSQL.1\ProductID", "DigitalProductID77599", &whole),
        ("2008", r"MSSQL10.SALES\Setup", "DigitalProductID", &whole),
        ("2012", r"MSSQL11.SALES\Setup", "DigitalProductID", &bare),
        ("2012, client", r"MSSQL11.SALES\ClientSetup", "DigitalProductID", &bare),
        ("2014, tools", r"120\Tools\Setup", "DigitalProductID", &bare),
    ] {
        let mut hive = Hive::new();
        hive.at(&format!(r"{SERVER}\{path}")).text("Edition", "Standard Edition").value(
            name,
            REG_BINARY,
            value.clone(),
        );
        let scan = Pc::of(&hive, &system()).scan();
        assert_eq!(scan.findings.len(), 1, "{release}: {:?}", scan.problems);
        let finding = &scan.findings[0];
        assert_eq!(finding.held.full().unwrap().pack(), pack(SEVEN), "{release}");
        assert_eq!((finding.place, finding.id.to_string().as_str()), (P::SqlServer, "s1"), "{release}");
        assert!(finding.product.name.starts_with("SQL Server Standard Edition ("), "{release}");
        assert_eq!(finding.origin.value, name, "{release}");
    }
}

#[test]
fn a_cleared_sql_server_key_is_blanked() {
    let mut hive = Hive::new();
    hive.at(&format!(r"{SERVER}\MSSQL11.SALES\Setup")).value("DigitalProductID", REG_BINARY, [0; 16]);
    let scan = Pc::of(&hive, &system()).scan();
    assert_eq!(scan.findings[0].held, Held::Blanked);
}

#[test]
fn visual_studio_is_a_locked_problem_and_no_finding() {
    let mut hive = Hive::new();
    hive.at("Microsoft").text("", "");
    hive.at(r"Classes\Licenses\{41717607-F34E-432C-A138-A3CFD7E25CDA}\09278").value("", REG_BINARY, [1, 0, 0, 0, 0xD0]);
    let scan = Pc::of(&hive, &system()).scan();
    assert_eq!((scan.findings.len(), problems(&scan)), (0, vec![ProblemKind::Locked]));
    assert!(scan.problems[0].message.contains("Visual Studio 2019"));
}
