//! The shared fact sheets as judges of identification. Without `../shared` beside the repository nothing is judged.

#![expect(clippy::unwrap_used, reason = "a judge stops at the first thing it does not understand")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use keystow_core::identify::{Channel, GenericKind, PartNumber, Product, identify, tables};
use keystow_core::{KeyForm, ProductKey};

type Row = BTreeMap<String, String>;

/// The rows of a sheet; none when the sheets are not there.
fn sheet(name: &str) -> Vec<Row> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/tables").join(name);
    let Ok(text) = fs::read_to_string(path) else {
        return Vec::new();
    };
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = cells(lines.next().unwrap());
    lines.map(|line| names.iter().cloned().zip(cells(line)).collect()).collect()
}

/// Splits at commas outside quotes. No cell of these sheets holds a quote.
fn cells(line: &str) -> Vec<String> {
    let mut quoted = false;
    let outside = |symbol: char| {
        quoted ^= symbol == '"';
        symbol == ',' && !quoted
    };
    line.split(outside).map(|cell| cell.trim_matches('"').to_owned()).collect()
}

fn number(row: &Row, column: &str) -> u32 {
    row[column].parse().unwrap()
}

/// What the truth file says of every Windows whose Product ID shows group and serial: both, and the `EditionID`.
fn installed_windows() -> Vec<(u32, u32, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/samples/truth.json");
    let Ok(text) = fs::read_to_string(path) else {
        return Vec::new();
    };
    let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entries = truth.as_array().unwrap().iter().flat_map(|sample| {
        let older = sample["source_os"].as_array().into_iter().flatten();
        older.chain([&sample["currentversion"]])
    });
    let shown = entries.filter_map(|entry| {
        let (id, edition) = (entry["ProductId"].as_str()?, entry["EditionID"].as_str()?);
        let digits: String = id.get(..17)?.split('-').collect();
        let newer = id.get(17..20) == Some("-AA") && digits.len() == 15;
        let (group, serial) = digits.split_at_checked(6).filter(|_| newer)?;
        Some((group.parse().ok()?, serial.parse().ok()?, edition.to_owned()))
    });
    shown.collect()
}

/// `A;B` where there is an add-on.
fn editions(product: &Product) -> String {
    let ids = [&product.edition, &product.add_on].into_iter().flatten().map(|edition| edition.id());
    ids.collect::<Vec<_>>().join(";")
}

#[test]
fn every_published_key_has_its_group_serial_and_checksum() {
    let (mut shown, mut hidden) = (0, 0);
    for row in sheet("published_keys.csv") {
        let key = ProductKey::parse(&row["key"]).unwrap();
        assert_eq!(key.form().as_str(), row["algorithm"], "{key:?}");
        match key.form() {
            KeyForm::Pkey2009 => {
                let fields = key.fields().unwrap();
                let expected = (number(&row, "group_id"), number(&row, "serial"));
                assert_eq!((fields.group, fields.serial), expected, "{key:?}");
                assert_eq!(key.checksum_ok(), Some(row["checksum_ok"] == "yes"), "{key:?}");
                shown += 1;
            }
            KeyForm::Pkey2005 => {
                assert_eq!((key.fields(), key.checksum_ok()), (None, None), "{key:?}");
                hidden += 1;
            }
        }
    }
    println!("{shown} show group, serial and checksum, {hidden} hide them");
}

#[test]
fn every_published_key_has_the_edition_and_channel_of_the_pkeyconfig_file() {
    let (mut agreed, mut example, mut hidden) = (0, 0, 0);
    for row in sheet("published_keys.csv") {
        let identified = identify(&ProductKey::parse(&row["key"]).unwrap());
        let Some(product) = identified.product() else {
            assert_eq!(identified.form, KeyForm::Pkey2005, "{}", row["product_as_published"]);
            hidden += 1;
            continue;
        };
        if row["pkeyconfig_edition_id"].is_empty() {
            assert!(identified.found.is_none() && product.basis.is_hint(), "{}", row["product_as_published"]);
            example += 1;
            continue;
        }
        let channel = product.channel.map_or("", Channel::as_str);
        assert_eq!(editions(&product), row["pkeyconfig_edition_id"], "{}", row["product_as_published"]);
        assert_eq!(channel, row["pkeyconfig_key_type"], "{}", row["product_as_published"]);
        assert!(identified.generic.is_some(), "{}", row["product_as_published"]);
        agreed += 1;
    }
    println!("{agreed} agree, {example} are known by example, {hidden} hide their product");
}

#[test]
fn every_shared_pair_is_recognised_as_generic() {
    let rows = sheet("default_key_tuples.csv");
    for row in &rows {
        let (group, serial) = (number(row, "group_id"), number(row, "serial"));
        let generic = tables::generic(group, serial).unwrap();
        assert_eq!(generic.group_and_serial(), (group, serial));
        let kind = match row["kind"].split(' ').next().unwrap() {
            "AVMA" => GenericKind::Avma,
            "EVAL-DEFAULT" => GenericKind::Evaluation,
            "OEM-DEFAULT" => GenericKind::OemDefault,
            "PKEYCONFIG-EMBEDDED" => GenericKind::Embedded,
            kind if kind.starts_with("GENERIC") => GenericKind::Setup,
            _ => GenericKind::KmsClient,
        };
        assert_eq!(generic.kind(), kind, "{}", row["product"]);
        assert!(!generic.name().is_empty() && !generic.product().name.is_empty());
        for near in [serial.wrapping_sub(1), serial + 1] {
            let listed = rows.iter().any(|row| (number(row, "group_id"), number(row, "serial")) == (group, near));
            assert_eq!(tables::generic(group, near).is_some(), listed, "{group} {near}");
        }
    }
    println!("{} pairs", rows.len());
}

#[test]
fn every_range_finds_edition_channel_and_part_number_at_both_ends() {
    let (mut found, mut unnamed) = (0, 0);
    for row in sheet("pkeyconfig_table.csv") {
        let group = number(&row, "group_id");
        for serial in [number(&row, "range_start"), number(&row, "range_end")] {
            let span = tables::find(group, serial);
            if row["edition_id"].starts_with("special-key") {
                assert_eq!(span, None);
                unnamed += 1;
                continue;
            }
            let product = span.unwrap().product(keystow_core::identify::Basis::ShippedTable);
            assert_eq!(editions(&product), row["edition_id"]);
            assert_eq!(product.channel.unwrap().as_str(), row["key_type"]);
            assert_eq!(product.eula.unwrap().as_str(), row["eula_type"]);
            assert_eq!(product.part_number.unwrap().as_str(), row["part_number"]);
            assert_eq!(product.activation_id.unwrap().to_string(), row["act_config_id"]);
            found += 1;
        }
    }
    println!("{found} range ends found; {unnamed} name no edition and are left out");
}

#[test]
fn every_part_number_alone_names_edition_and_channel() {
    let (mut named, mut placeholders) = (0, 0);
    for row in sheet("pkeyconfig_table.csv") {
        let part = PartNumber::parse(&row["part_number"]).unwrap();
        let Some(found) = tables::by_part_number(&part) else {
            assert_eq!(part.number(), "X99-99999");
            placeholders += 1;
            continue;
        };
        let edition = found.edition().unwrap();
        assert_eq!(edition.id(), row["edition_id"].split(';').next().unwrap(), "{part}");
        assert_eq!(found.channel().as_str(), row["key_type"], "{part}");
        named += 1;
    }
    println!("{named} part numbers name a product, {placeholders} are the placeholder");
}

#[test]
fn every_observed_group_has_an_example() {
    let mut groups = 0;
    for row in sheet("pkeyconfig_observed.csv") {
        let older = row["basis"].contains("PKEY2005") || row["basis"].contains("Windows 7");
        let form = if older { KeyForm::Pkey2005 } else { KeyForm::Pkey2009 };
        let product = tables::observed(form, number(&row, "group_id")).unwrap().product();
        let channel = row["channel"].split(" (").next().unwrap();
        if let Some(known) = product.channel {
            assert_eq!(known.as_str(), channel, "{}", row["product_or_edition"]);
        }
        assert!(product.basis.is_hint());
        groups += 1;
    }
    println!("{groups} examples");
}

#[test]
fn real_product_ids_name_the_edition_of_their_windows() {
    let (mut agreed, mut unlisted) = (0, 0);
    for (group, serial, edition) in installed_windows() {
        match tables::find(group, serial) {
            Some(found) => {
                assert_eq!(found.edition().unwrap().id(), edition, "group {group}");
                agreed += 1;
            }
            None => unlisted += 1,
        }
    }
    println!("{agreed} agree, {unlisted} are in no listed range");
}
