//! Tests of the pkeyconfig reader, on files made by `keystow_makers::pkeyconfig`.

use keystow_makers::pkeyconfig::{Row, inner, utf16, wrap, xrm_ms};
use proptest::prelude::*;

use super::*;
use crate::identify::{Edition, Evidence, Generation, GroupSerial, Knowledge};

const PRO: Row<'_> = Row {
    group: 3308,
    activation_id: "4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c",
    edition: "Professional",
    description: "Win 10 RTM Professional Retail",
    channel: "Retail",
    older: false,
    start: 0,
    end: 999,
    part_number: "[TH]X19-98841",
    eula: "Retail",
    valid: true,
};

/// Two ranges of one product, a Windows 7 group and a server with an add-on.
fn rows() -> Vec<Row<'static>> {
    let more = Row { start: 2000, end: 2999, part_number: "[Ge]X24-00001:Virtual", eula: "Retail:WAU:98;", ..PRO };
    let seven = Row {
        group: 172,
        activation_id: "a0cde89c-3304-4157-b61c-c8ad785d1fad",
        edition: "Ultimate",
        description: "Win 7 RTM Ultimate Retail",
        older: true,
        part_number: "X15-39004",
        ..PRO
    };
    let server = Row {
        group: 4909,
        activation_id: "00000000-0000-0000-0000-000000000001",
        edition: "ServerDatacenter;AzureStackHCIAddOn2025",
        description: "Windows Server 2025 RTM ServerDatacenter OEM:DM (MUI locked to zh-CN)",
        channel: "OEM:DM",
        part_number: "[Ge]X24-00002",
        ..PRO
    };
    vec![more, PRO, seven, server]
}

fn file() -> PkeyConfig {
    PkeyConfig::parse(&xrm_ms(&rows())).unwrap()
}

fn error(file: &[u8]) -> String {
    PkeyConfig::parse(file).unwrap_err().to_string()
}

#[test]
fn a_serial_finds_the_range_that_holds_it_and_no_other() {
    let file = file();
    assert_eq!(file.len(), 4);
    let part = |serial| file.find(KeyForm::Pkey2009, 3308, serial).and_then(|product| product.part_number);
    for (serial, expected) in [(0, "[TH]X19-98841"), (999, "[TH]X19-98841"), (2000, "[Ge]X24-00001:Virtual")] {
        assert_eq!(part(serial).unwrap().as_str(), expected, "{serial}");
    }
    for serial in [1000, 1999, 3000, u32::MAX] {
        assert_eq!(part(serial), None, "{serial}");
    }
    assert_eq!(file.find(KeyForm::Pkey2009, 3307, 0), None);
}

#[test]
fn a_product_carries_all_that_the_file_says() {
    let product = file().find(KeyForm::Pkey2009, 4909, 5).unwrap();
    assert_eq!(product.edition, Edition::parse("ServerDatacenter"));
    assert_eq!(product.add_on, Edition::parse("AzureStackHCIAddOn2025"));
    assert_eq!((product.channel, product.generation), (Some(Channel::OemDm), Some(Generation::Server)));
    assert_eq!(product.name, "Windows Server 2025 Datacenter");
    assert_eq!(product.locked_language.as_deref(), Some("zh-CN"));
    assert_eq!(product.basis, Basis::PkeyconfigFile);
    assert_eq!(file().find(KeyForm::Pkey2009, 3308, 2500).unwrap().upgrades_from(), [98]);
}

#[test]
fn groups_of_the_older_form_are_kept_apart() {
    assert_eq!(file().find(KeyForm::Pkey2009, 172, 0), None);
    let product = file().find(KeyForm::Pkey2005, 172, 0).unwrap();
    assert_eq!((product.name.as_str(), product.generation), ("Windows 7 Ultimate", Some(Generation::Windows7)));
}

#[test]
fn part_number_and_activation_id_name_a_product_too() {
    let part = |text| file().by_part_number(&PartNumber::parse(text).unwrap());
    assert_eq!(part("X24-00001").map(|product| product.basis), Some(Basis::PartNumber));
    assert_eq!(part("X15-39004").unwrap().edition, Edition::parse("Ultimate"));
    assert_eq!(part("X24-99998"), None);
    let id = ActivationId::parse(PRO.activation_id).unwrap();
    assert_eq!(file().by_activation_id(id).unwrap().name, "Windows 10/11 Pro");
}

#[test]
fn a_file_of_the_device_wins_over_the_shipped_table() {
    let moved = Row { edition: "Education", description: "Win 10 RTM Education Retail", ..PRO };
    let mut knowledge = Knowledge::shipped();
    let group = Some(GroupSerial { form: KeyForm::Pkey2009, group: 3308, serial: Some(0) });
    let evidence = Evidence { group, ..Evidence::default() };
    assert_eq!(knowledge.product_for(&evidence).unwrap().basis, Basis::ShippedTable);
    knowledge.add(PkeyConfig::parse(&xrm_ms(&[moved])).unwrap());
    let product = knowledge.product_for(&evidence).unwrap();
    assert_eq!((product.basis, product.edition), (Basis::PkeyconfigFile, Edition::parse("Education")));
}

#[test]
fn every_encoding_and_prefix_is_read_alike() {
    let plain = xrm_ms(&rows());
    let text = String::from_utf8(plain.clone()).unwrap();
    let without_mark = &plain[3..];
    let big_endian: Vec<u8> = utf16(&text).chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    let inner = inner(&rows());
    let prefixed = inner.replace("</", "</pkc:").replace('<', "<pkc:").replace("<pkc:/pkc:", "</pkc:");
    let prefixed = prefixed.replace("<pkc:?", "<?");
    for (what, file) in [
        ("without mark", without_mark.to_vec()),
        ("UTF-16", utf16(&text)),
        ("UTF-16, big-endian", big_endian.clone()),
        ("UTF-16 without mark", utf16(&text)[2..].to_vec()),
        ("UTF-16, big-endian, without mark", big_endian[2..].to_vec()),
        ("inner UTF-16", wrap(&utf16(&inner))),
        ("prefixed", wrap(prefixed.as_bytes())),
        ("CDATA", text.replace("[TH]", "<![CDATA[[TH]]]>").into_bytes()),
    ] {
        assert_eq!(PkeyConfig::parse(&file).unwrap(), self::file(), "{what}");
    }
}

#[test]
fn invalid_ranges_and_ranges_of_unlisted_products_are_left_out() {
    let invalid = Row { valid: false, ..PRO };
    assert!(PkeyConfig::parse(&xrm_ms(&[invalid])).unwrap().is_empty());
    let orphan = inner(&[PRO]).replacen(PRO.activation_id, "00000000-0000-0000-0000-000000000009", 1);
    assert!(PkeyConfig::parse(&wrap(orphan.as_bytes())).unwrap().is_empty());
}

#[test]
fn a_product_key_written_out_in_a_file_goes_no_further() {
    let key = "VK7JG-NPHTM-C97JM-9MPGT-3V66T";
    for (edition, description) in [(key, key), ("Professional", "special VK7JG-NPHTM-C97JM-9MPGT-3V66T (x)")] {
        let file = PkeyConfig::parse(&xrm_ms(&[Row { edition, description, ..PRO }])).unwrap();
        assert!(!format!("{file:?} {:?}", file.find(KeyForm::Pkey2009, 3308, 0)).contains("VK7JG"));
    }
}

#[test]
fn entities_are_resolved_and_unknown_ones_refused() {
    let row = Row { description: "Win 10 <&> Moon", edition: "Moon", ..PRO };
    let text = inner(&[row]).replace("Moon</EditionId>", "M&#111;on</EditionId>");
    let product = PkeyConfig::parse(&wrap(text.as_bytes())).unwrap().find(KeyForm::Pkey2009, 3308, 0).unwrap();
    assert_eq!(product.edition, Edition::parse("Moon"));
    let unknown = wrap(b"<a>&moon;</a>");
    assert_eq!(error(&unknown), "the inner document refers at byte 9 to an entity that XML does not define");
}

#[test]
fn an_error_names_the_document_and_the_place() {
    let with = |from: &str, to: &str| error(&wrap(inner(&[PRO]).replace(from, to).as_bytes()));
    assert_eq!(error(b""), "the file has no infoBin named pkeyConfigData");
    assert_eq!(error(b"<a>"), "the file ends at byte 3 inside 1 open elements");
    assert_eq!(error(b"\xFF\xFE<\0a"), "the file is neither UTF-8 nor UTF-16 at byte 4");
    assert_eq!(error(b"<a>\xFF"), "the file is neither UTF-8 nor UTF-16 at byte 3");
    assert_eq!(
        error(br#"<infoBin name="pkeyConfigData">AA A*</infoBin>"#),
        "the data is not base64 at character 3, white space left out"
    );
    assert!(error(&wrap(b"<a></b>")).starts_with("the inner document is not XML at byte 3: "));
    assert!(with("<Start>0", "<Start>-1").ends_with("of the inner document needs a valid Start"));
    assert!(with("<RefGroupId>3308", "<RefGroupId>").ends_with("of the inner document needs a valid RefGroupId"));
    let deep = "<a>".repeat(65);
    assert_eq!(error(deep.as_bytes()), "the file is nested deeper than 64 elements at byte 195");
}

#[test]
fn very_many_attributes_cost_no_more_than_their_length() {
    let attributes: String = (0..200_000).map(|number| format!(" a{number}=''")).collect();
    assert_eq!(error(format!("<infoBin{attributes}/>").as_bytes()), "the file has no infoBin named pkeyConfigData");
}

#[test]
fn a_cut_file_is_an_error_at_every_length() {
    let whole = xrm_ms(&[PRO]);
    for length in 0..whole.len() {
        assert!(PkeyConfig::parse(&whole[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_file_or_an_error(text in r#"(<a>|</a>|<infoBin name="pkeyConfigData">|&amp;|<KeyRange/>|[ -~]){0,20}"#) {
        let _ = PkeyConfig::parse(text.as_bytes());
        let _ = PkeyConfig::parse(&wrap(text.as_bytes()));
    }

    #[test]
    fn every_range_written_is_found(start in 0_u32..1 << 30, length in 0_u32..1 << 20, group in 1_u32..1 << 20) {
        let row = Row { group, start, end: start + length, ..PRO };
        let file = PkeyConfig::parse(&xrm_ms(&[row])).unwrap();
        prop_assert!(file.find(KeyForm::Pkey2009, group, start).is_some());
        prop_assert!(file.find(KeyForm::Pkey2009, group, start + length).is_some());
        prop_assert_eq!(file.find(KeyForm::Pkey2009, group, start + length + 1), None);
    }
}
