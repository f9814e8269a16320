//! Product IDs, `DigitalProductId` values and firmware tables, judged by what other people's real data is known to
//! say. Without the samples beside the project, every test says so and returns.
//!
//! No product key of a sample is printed: they are compared by the SHA-256 of their text.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use keystow_core::acpi::{Msdm, MsdmContent, Slic, SlicContent, SoldWith, TableHeader, TableKind, Tables};
use keystow_core::product_id::{Check, CheckName, DigitalProductId, KeyState, Outcome, ProductId};
use keystow_core::{KeyForm, ProductKey};
use serde_json::Value;
use sha2::{Digest, Sha256};

#[test]
fn every_published_value_says_what_is_known_of_it() {
    let Some(samples) = beside("samples") else { return };
    let vectors = json(&samples.join("dpid-vectors/open.json"));
    let vectors = vectors.as_array().unwrap();
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let bytes = unhex(vector["hex"].as_str().unwrap());
        let value = DigitalProductId::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (version, id) = match &value {
            DigitalProductId::V3(value) => (3, value.product_id.clone()),
            DigitalProductId::V4(value) => (4, value.extended_pid.clone()),
            _ => (0, None),
        };
        assert_eq!(vector["dpid_version"], version, "{name}");
        assert_eq!(vector["product_id"].as_str().unwrap(), id.as_deref().unwrap_or_default(), "{name}");
        let crc = outcome(value.checks(), CheckName::Crc).map(|outcome| outcome == Outcome::Passed);
        assert_eq!(vector["crc_ok"].as_bool(), crc, "{name}");
        let key = value.key().product_key();
        let form = key.map_or("zero", |key| if key.form() == KeyForm::Pkey2009 { "N" } else { "classic" });
        assert_eq!(vector["key"]["form"], form, "{name}");
        assert_eq!(vector["key"]["sha256"].as_str().map(str::to_owned), key.map(key_hash), "{name}");
    }
    println!("{} values", vectors.len());
    assert_eq!(vectors.len(), 29);
}

#[test]
fn every_check_passes_in_published_values_but_in_the_two_that_were_made_up_or_edited() {
    let Some(samples) = beside("samples") else { return };
    let mut passed = 0;
    for vector in json(&samples.join("dpid-vectors/open.json")).as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let value = DigitalProductId::parse(&unhex(vector["hex"].as_str().unwrap())).unwrap();
        let failed: Vec<_> = value.checks().iter().filter(|check| check.outcome != Outcome::Passed).collect();
        let failed: Vec<_> = failed.iter().map(|check| check.name.as_str()).collect();
        let expected: &[&str] = match name {
            "halo_bogus" => &["check-digit", "crc", "group-in-product-id"],
            "glpi_3" => &["key-hash", "whole-hash"],
            _ => &[],
        };
        assert_eq!(failed, expected, "{name}");
        passed += value.checks().len() - failed.len();
        if let DigitalProductId::V3(value) = &value {
            assert!(value.product_id().is_some(), "{name}");
        }
        if let DigitalProductId::V4(value) = &value {
            assert!(value.extended_pid().is_some_and(|pid| pid.date().is_some()), "{name}");
            let hash = value.key_hash.as_ref();
            assert!(value.key.product_key().is_none_or(|key| hash.is_some_and(|hash| hash.is_of(key))), "{name}");
        }
    }
    println!("{passed} checks passed");
    assert!(passed > 120);
}

#[test]
fn every_firmware_table_says_what_is_known_of_it() {
    let Some(samples) = beside("samples") else { return };
    let truth = json(&samples.join("truth.json"));
    let (mut msdm, mut slic) = (0, 0);
    for row in truth.as_array().unwrap() {
        let name = row["id"].as_str().unwrap();
        let read = || std::fs::read(samples.join(row["path"].as_str().unwrap())).unwrap();
        match row["category"].as_str() {
            Some("msdm") => {
                let bytes = read();
                assert_eq!(TableKind::recognise(&bytes), Some(TableKind::Msdm), "{name}");
                judge_msdm(name, row, &bytes);
                msdm += 1;
            }
            Some("slic") => {
                let bytes = read();
                assert_eq!(TableKind::recognise(&bytes), Some(TableKind::Slic), "{name}");
                judge_slic(name, &bytes);
                slic += 1;
            }
            _ => {}
        }
    }
    println!("{msdm} MSDM and {slic} SLIC tables");
    assert!(msdm > 0 && slic > 0);
}

#[test]
fn every_dump_gives_its_tables_whole() {
    let Some(samples) = beside("samples") else { return };
    let truth = json(&samples.join("truth.json"));
    let (mut dumps, mut tables) = (0, 0);
    for row in truth.as_array().unwrap().iter().filter(|row| row["category"] == "acpidump") {
        let name = row["id"].as_str().unwrap();
        let Some(text) = unpacked(&samples.join(row["path"].as_str().unwrap())) else { return };
        assert_eq!(TableKind::recognise(&text), Some(TableKind::Dump), "{name}");
        let found: Vec<_> = Tables::new(&text).map(|table| table.unwrap()).collect();
        let note = row["note"].as_str().unwrap();
        // The disassembly prints no raw data for the two tables of code, SSDT and DSDT.
        let expected = note.split(' ').skip_while(|word| *word != "text,").nth(1).map_or(8, |n| n.parse().unwrap());
        assert_eq!(found.len(), expected, "{name}");
        for table in &found {
            let header = TableHeader::parse(table.bytes()).unwrap();
            assert_eq!(header.length as usize, table.bytes().len(), "{name} {}", table.name());
            assert_eq!(header.signature, table.name().as_bytes(), "{name}");
            // FACS has no checksum, and the maker of TAMG got it wrong by one.
            let has_none = matches!(table.name(), "FACS" | "TAMG");
            assert!(header.checksum_ok != has_none, "{name} {}", table.name());
        }
        let msdm = found.iter().find(|table| table.name() == "MSDM");
        assert_eq!(msdm.is_none(), note.contains("MSDM absent"), "{name}");
        if let Some(msdm) = msdm {
            assert_eq!(Msdm::parse(msdm.bytes()).unwrap().content, MsdmContent::NoKey, "{name}");
        }
        if let Some(slic) = found.iter().find(|table| table.name() == "SLIC") {
            judge_slic(name, slic.bytes());
        }
        dumps += 1;
        tables += found.len();
    }
    println!("{dumps} dumps, {tables} tables");
    assert!(dumps > 0);
}

#[test]
fn every_published_product_key_shows_the_group_and_serial_known_of_it() {
    let Some(tables) = beside("tables") else { return };
    let text = std::fs::read_to_string(tables.join("published_keys.csv")).unwrap();
    let (mut modern, mut older) = (0, 0);
    for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let row = fields(line);
        let key = ProductKey::parse(&row[0]).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(key.reveal().as_str(), row[0]);
        assert_eq!(KeyState::parse_bare(&key.pack()), Ok(KeyState::Present(key.clone())), "{line}");
        assert_eq!(key.form().as_str(), row[3], "{line}");
        match key.fields() {
            Some(shown) => {
                assert_eq!([shown.group.to_string(), shown.serial.to_string()], row[4..6], "{line}");
                assert_eq!((key.checksum_ok(), row[6].as_str()), (Some(true), "yes"), "{line}");
                let id = format!("{:06}{:09}", shown.group, shown.serial);
                let id = format!("{}-{}-{}-AAOEM", &id[..5], &id[5..10], &id[10..]);
                assert_eq!(ProductId::parse(&id).unwrap().agrees_with_group(shown.group), Some(true), "{line}");
                modern += 1;
            }
            None => {
                assert_eq!((row[4].as_str(), row[6].as_str()), ("", "n/a"), "{line}");
                older += 1;
            }
        }
    }
    println!("{} product keys: {modern} with N, {older} without", modern + older);
    assert!(modern > 0 && older > 0);
}

fn judge_msdm(name: &str, row: &Value, bytes: &[u8]) {
    let table = Msdm::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(row["header_checksum_ok"], table.header.checksum_ok, "{name}");
    let known = row["key_sha256"].as_str().filter(|hash| !hash.is_empty());
    assert_eq!(known.map(str::to_owned), table.product_key().map(key_hash), "{name}");
    if row["key_form"] == "blank" {
        assert_eq!(table.content, MsdmContent::NoKey, "{name}");
    }
}

fn judge_slic(name: &str, bytes: &[u8]) {
    let table = Slic::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(table.header.checksum_ok, "{name}");
    match &table.content {
        SlicContent::HeaderOnly => assert_eq!(bytes.len(), 36, "{name}"),
        SlicContent::Unused => assert!(bytes.iter().skip(36).all(|byte| matches!(byte, 0 | 0xFF)), "{name}"),
        SlicContent::Parts { public_key, marker } => {
            let marker = marker.as_ref().unwrap_or_else(|| panic!("{name} has no marker"));
            assert!(*public_key && marker.windows_flag, "{name}");
            assert_eq!(marker.slic_version.sold_with(), Some(SoldWith::Windows7), "{name}");
            assert_eq!(table.is_intact(), marker.agrees_with_header, "{name}");
        }
        other => panic!("{name}: {other:?}"),
    }
}

fn outcome(checks: &[Check], name: CheckName) -> Option<Outcome> {
    checks.iter().find(|check| check.name == name).map(|check| check.outcome)
}

fn key_hash(key: &ProductKey) -> String {
    hex(&Sha256::digest(key.reveal().as_str()))
}

/// The folder with other people's data, which lies beside the project where it lies at all.
fn beside(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if !path.is_dir() {
        println!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

/// The content of a file that may be packed with xz.
fn unpacked(path: &Path) -> Option<Vec<u8>> {
    match Command::new("xz").arg("--decompress").arg("--stdout").arg(path).output() {
        Ok(output) => {
            assert!(output.status.success(), "xz: {}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
        Err(error) => {
            println!("skipped: xz does not run: {error}");
            None
        }
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The fields of one line of CSV, in which a comma may be quoted.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}
