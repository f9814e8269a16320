//! Registry exports and reports, judged by what other people's real files are known to hold. Without the samples
//! beside the project, every test says so and returns.
//!
//! No product key of a sample is printed: they are compared by the SHA-256 of their text.

#![expect(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use keystow_core::ProductKey;
use keystow_core::key_text::{Found, decode, find};
use keystow_core::reg_file::{RegFile, RegNode, Root};
use serde_json::Value;
use sha2::{Digest, Sha256};

#[test]
fn every_registry_export_is_read_without_a_problem() {
    let Some(samples) = beside("samples") else { return };
    let mut slowest = 0;
    for sample in of_category(&samples, "reg") {
        let (name, bytes) = read(&samples, &sample);
        let start = Instant::now();
        let file = RegFile::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let took = start.elapsed().as_micros();
        slowest = slowest.max(took);
        let values: usize = file.nodes().iter().map(|node| node.values.len()).sum();
        println!("{name}: {} nodes, {values} values, {took} µs", file.nodes().len());
        assert_eq!(file.problems(), [], "{name}");
        assert!(!file.nodes().is_empty(), "{name}");
        // Every line that opens a section or a value gave one, as these files neither repeat nor delete.
        let text = decode(&bytes);
        let begin = |marks: &[char]| text.lines().filter(|line| line.starts_with(marks)).count();
        let fragment = usize::from(name.ends_with(".txt"));
        assert_eq!(file.nodes().len(), begin(&['[']) + fragment, "{name}");
        assert_eq!(values, begin(&['"', '@']), "{name}");
    }
    println!("slowest {slowest} µs");
}

#[test]
fn every_product_key_is_found_at_its_registry_path() {
    let Some(samples) = beside("samples") else { return };
    let mut found = 0;
    for sample in of_category(&samples, "reg") {
        let (name, bytes) = read(&samples, &sample);
        let file = RegFile::parse(&bytes).unwrap();
        for known in sample["product_keys"].as_array().into_iter().flatten() {
            let path = known["key_path"].as_str().unwrap().strip_prefix("HKEY_LOCAL_MACHINE\\").unwrap();
            let node = file.node(Root::LocalMachine, path).unwrap_or_else(|| panic!("{name}: no {path}"));
            let value = known["value"].as_str().unwrap();
            let (data, hash) = (data(node, value), key_hash(data(node, value)));
            assert_eq!(data.len() as u64, known["length"].as_u64().unwrap(), "{name}");
            assert_eq!(hash.as_deref(), known["sha256"].as_str(), "{name}");
            found += 1;
        }
    }
    println!("{found} product keys");
    assert_eq!(found, 2);
}

#[test]
fn a_pasted_value_holds_its_product_key() {
    let Some(samples) = beside("samples") else { return };
    let bytes = std::fs::read(samples.join("winprodkeyfinder/dpid_example.regfrag.txt")).unwrap();
    let file = RegFile::parse(&bytes).unwrap();
    let node = file.node(Root::Unnamed, "").unwrap();
    let known = of_category(&samples, "reg").into_iter().find(|s| s["subcategory"] == "reg-fragment").unwrap();
    assert_eq!(key_hash(data(node, "DigitalProductId")).as_deref(), known["key_sha256"].as_str());
}

#[test]
fn the_zero_placeholder_of_wine_is_whole() {
    let Some(samples) = beside("samples") else { return };
    let file = RegFile::parse(&std::fs::read(samples.join("peer-output/pol_regedit4_zero_dpid.reg")).unwrap()).unwrap();
    let node = file.node(Root::LocalMachine, "software\\microsoft\\windows nt\\currentversion").unwrap();
    let value = data(node, "DigitalProductId");
    assert!(value.len() >= 0x80 && value.iter().all(|b| *b == 0), "{} bytes", value.len());
}

#[test]
fn reports_of_other_programs_give_the_partial_keys_and_products_they_show() {
    let Some(samples) = beside("samples") else { return };
    for (name, expected) in [
        // Its publisher made the five symbols up: one is an E.
        ("glpi-agent/office_2016_01-SoftwareLicensingProduct.wmi", None),
        ("peer-output/cim_softwarelicensingproduct_oemdm.txt", Some(("F6YP2", "Windows(R), Professional edition"))),
        ("peer-output/mgadiag_win7_oem_slp.txt", Some(("DVQJG", "Windows 7 Home Premium"))),
        ("peer-output/regripper_winnt_cv_xp_nist.txt", None),
        ("peer-output/slmgr_dlv_office_kms_host.txt", Some(("KDQ2G", "Office 16, OfficeKMSHostVL_KMS_Host edition"))),
        ("peer-output/slmgr_dlv_win11_retail_licensed.txt", Some(("3V66T", "Windows(R), Professional edition"))),
    ] {
        let scan = find(&decode(&std::fs::read(samples.join(name)).unwrap()));
        let found: Vec<_> =
            scan.findings.iter().map(|f| (show(&f.found), f.label.clone().unwrap_or_default())).collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(last, label)| (format!("…{last}"), label.to_owned())).collect();
        assert_eq!(found, expected, "{name}");
        assert_eq!(scan.problems, [], "{name}");
    }
}

#[test]
fn exports_of_password_managers_without_product_keys_give_none() {
    let Some(samples) = beside("samples") else { return };
    let mut read = 0;
    for entry in std::fs::read_dir(samples.join("pass-import")).unwrap() {
        let path = entry.unwrap().path();
        let scan = find(&decode(&std::fs::read(&path).unwrap()));
        assert!(scan.findings.is_empty() && scan.problems.is_empty(), "{}", path.display());
        read += 1;
    }
    assert!(read >= 4, "{read}");
}

#[test]
fn every_published_key_is_found_in_its_table() {
    let Some(tables) = beside("tables") else { return };
    let bytes = std::fs::read(tables.join("published_keys.csv")).unwrap();
    let text = decode(&bytes);
    // The first line of that file is a comment, so the table begins below it.
    let table = text.split_once('\n').unwrap().1;
    let scan = find(table);
    let rows = table.lines().count() - 1;
    println!("{rows} rows");
    assert!(rows > 100, "{rows}");
    assert_eq!((scan.findings.len(), scan.problems.len()), (rows, 0));
    assert_eq!(find(&text).findings.len(), rows, "with the comment, as plain text");
    for (row, finding) in table.lines().skip(1).zip(&scan.findings) {
        let Found::Whole(key) = &finding.found else { panic!("a whole product key") };
        assert_eq!(key.reveal().as_str(), &row[..29]);
    }
}

#[test]
fn no_sample_of_any_kind_makes_the_readers_fail() {
    let Some(samples) = beside("samples") else { return };
    let mut read = 0;
    for sample in json(&samples.join("truth.json")).as_array().unwrap() {
        let path = samples.join(sample["path"].as_str().unwrap());
        let small = std::fs::metadata(&path).is_ok_and(|meta| meta.len() < 200_000);
        if small {
            let bytes = std::fs::read(&path).unwrap();
            let _ = RegFile::parse(&bytes);
            let _ = find(&decode(&bytes));
            read += 1;
        }
    }
    println!("{read} files");
    assert!(read > 50);
}

fn show(found: &Found) -> String {
    match found {
        Found::Whole(key) => key.partial().to_string(),
        Found::Partial(partial) => format!("…{partial}"),
    }
}

fn data<'a>(node: &'a RegNode, value: &str) -> &'a [u8] {
    node.value(value).unwrap_or_else(|| panic!("no {value} in {}", node.path)).data()
}

/// The hash of the product key in a `DigitalProductId` value, decoded here so that only the export is judged.
fn key_hash(data: &[u8]) -> Option<String> {
    let offset = if data.len() >= 1272 { 808 } else { 52 };
    let key = ProductKey::unpack(data.get(offset..)?.first_chunk()?).ok()?;
    let digest = Sha256::digest(key.reveal().as_str());
    Some(digest.iter().map(|b| format!("{b:02x}")).collect())
}

fn of_category(samples: &Path, category: &str) -> Vec<Value> {
    let truth = json(&samples.join("truth.json"));
    let of: Vec<Value> = truth.as_array().unwrap().iter().filter(|s| s["category"] == category).cloned().collect();
    assert!(!of.is_empty(), "samples of category {category}");
    of
}

fn read(samples: &Path, sample: &Value) -> (String, Vec<u8>) {
    let name = sample["path"].as_str().unwrap().to_owned();
    let bytes = std::fs::read(samples.join(&name)).unwrap();
    (name, bytes)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The folder of that name in `shared`, beside the project.
fn beside(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if !folder.exists() {
        println!("skipped: no {}", folder.display());
        return None;
    }
    Some(folder)
}
