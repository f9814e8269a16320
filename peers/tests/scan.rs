//! Whole scans of other people's real files, judged by what is known of them. Without the samples beside the project,
//! every test says so and returns.
//!
//! No product key of a sample is printed: they are compared by the SHA-256 of their text.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a judge may stop and speak"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use keystow_core::identify::verdict::VerdictKind as V;
use keystow_core::product_id::Outcome;
use keystow_find::{Finding, Held, PlaceKind, ProblemKind, Scan, Source, scan};
use keystow_makers::hive::{Hive, REG_BINARY};
use serde_json::Value;
use sha2::{Digest, Sha256};

const CURRENT: &str = r"Microsoft\Windows NT\CurrentVersion";

#[test]
fn every_product_key_of_a_hive_or_export_is_found_where_it_lies_and_no_other() {
    let Some(samples) = Samples::new() else { return };
    let (mut places, mut keys) = (0, BTreeSet::new());
    for row in samples.rows().iter().filter(|row| matches!(text(row, "category"), "hive" | "reg")) {
        let name = text(row, "path");
        let scan = samples.scan(row);
        let mut expected = BTreeSet::new();
        for known in row["product_keys"].as_array().into_iter().flatten() {
            expected.insert((below_the_hive(text(known, "key_path")), text(known, "sha256").to_owned()));
        }
        if text(row, "id") == "regfrag-0" {
            expected.insert((String::new(), text(row, "key_sha256").to_owned()));
        }
        assert_eq!(found_keys(&scan), expected, "{name}");
        places += expected.len();
        keys.extend(expected.into_iter().map(|(_, hash)| hash));
    }
    println!("{places} places with {} product keys", keys.len());
    assert!(places >= 8);
}

#[test]
fn each_real_product_key_gets_the_verdict_of_a_careful_expert() {
    let Some(samples) = Samples::new() else { return };
    let seven = samples.scan_of("hive-0000");
    let expected = [
        (PlaceKind::Installed, V::KeepMovable, Some("Ultimate")),
        // Setup's default is published for Windows 7 Ultimate.
        (PlaceKind::SetupDefault, V::NoKeyNeeded, Some("Ultimate")),
        (PlaceKind::Office, V::KeepMovable, Some("HomeBusinessR")),
    ];
    assert_eq!(judged(&seven), expected);
    assert_eq!(seven.findings[0].product_id.as_deref(), Some("00426-067-1817155-86250"));
    assert_eq!(seven.keep, [seven.findings[0].id.clone(), seven.findings[2].id.clone()]);
    assert_eq!(seven.findings[0].also.len(), 1, "Internet Explorer's copy");

    let earlier = samples.scan_of("hive-0005");
    assert_eq!(judged(&earlier), [(PlaceKind::EarlierWindows, V::KeepMovable, Some("Professional"))]);
    assert_eq!(earlier.findings[0].product_id.as_deref(), Some("00330-80111-62153-AA442"), "the newest");
    assert_eq!(earlier.problems.iter().map(|problem| problem.kind).collect::<Vec<_>>(), [ProblemKind::Dirty]);

    let office = samples.scan_of("reg-0222");
    assert_eq!(judged(&office), [(PlaceKind::Office, V::KeepMovable, Some("HomeBusinessR"))]);
    // This one was made anonymous by its publisher, so its hashes fail.
    let edited = samples.scan_of("reg-0224");
    assert_eq!(judged(&edited), [(PlaceKind::Office, V::Unsure, Some("HomeBusinessR"))]);

    let fragment = samples.scan_of("regfrag-0");
    assert_eq!(judged(&fragment), [(PlaceKind::Installed, V::NoKeyNeeded, Some("Professional"))]);

    let wine = samples.scan_of("reg-regedit4");
    assert_eq!((judged(&wine), wine.problems.len()), (vec![], 1));
    assert!(wine.problems[0].message.contains("Wine"));
}

#[test]
fn every_installation_is_told_as_it_is_known() {
    let Some(samples) = Samples::new() else { return };
    let mut told = 0;
    for row in samples.rows().iter().filter(|row| text(row, "category") == "hive") {
        let name = text(row, "path");
        let scan = samples.scan(row);
        let earlier = row["source_os"].as_array().cloned().unwrap_or_default();
        let current = Some(&row["currentversion"]).filter(|known| text(known, "path") == CURRENT);
        assert_eq!(scan.installations.len(), earlier.len() + usize::from(current.is_some()), "{name}");
        for known in earlier.iter().chain(current) {
            let node = text(known, "path");
            let replaced = node.split_once("(Updated on ").map(|(_, when)| when.trim_end_matches(')'));
            let windows = scan.installations.iter().find(|windows| windows.replaced.as_deref() == replaced).unwrap();
            let optional = |field: &str| known[field].as_str().map(str::to_owned);
            assert_eq!(windows.name, text(known, "ProductName"), "{name} {node}");
            assert_eq!(
                windows.edition.as_ref().map(|edition| edition.id().to_owned()),
                optional("EditionID"),
                "{name}"
            );
            assert_eq!(windows.build.map(|build| build.to_string()), optional("CurrentBuild"), "{name}");
            assert_eq!(windows.product_id, optional("ProductId"), "{name}");
            assert_eq!(windows.release, optional("ReleaseId"), "{name}");
            assert!(!windows.subscription, "{name}");
            told += 1;
        }
    }
    println!("{told} installations");
    assert!(told >= 4);
}

#[test]
fn every_firmware_table_says_what_is_known_of_it() {
    let Some(samples) = Samples::new() else { return };
    let mut sold = 0;
    for row in samples.rows() {
        let (category, note) = (text(row, "category"), text(row, "note"));
        let name = text(row, "path");
        if !matches!(category, "acpidump" | "msdm" | "slic") {
            continue;
        }
        let scan = samples.scan(row);
        let markers = scan.findings.iter().filter(|finding| finding.place == PlaceKind::FirmwareMarker).count();
        assert_eq!(markers, scan.findings.len(), "{name}: no sample holds a product key");
        assert!(scan.problems.iter().all(|problem| problem.kind == ProblemKind::Empty), "{name}: {:?}", scan.problems);
        let says = |table: &str| scan.problems.iter().filter(|problem| problem.place.ends_with(table)).count();
        match category {
            "msdm" => assert_eq!((says("MSDM"), markers), (1, 0), "{name}"),
            "slic" => assert_eq!(says("SLIC") + markers, 1, "{name}"),
            _ => assert_eq!(says("MSDM"), usize::from(!note.contains("MSDM absent")), "{name}"),
        }
        for finding in &scan.findings {
            assert_eq!((finding.verdict.kind, &finding.held), (V::KeepThisPc, &Held::Nothing), "{name}");
            assert!(finding.product.name.starts_with("Sold with Windows 7 by "), "{name}");
        }
        sold += markers;
    }
    println!("{sold} tables name the Windows a PC was sold with");
    assert!(sold > 0);
}

#[test]
fn every_published_value_is_judged_in_a_hive_as_in_an_export() {
    let Some(samples) = Samples::new() else { return };
    let vectors: Value = json(&samples.folder.join("dpid-vectors/open.json"));
    let vectors = vectors.as_array().unwrap();
    for vector in vectors {
        let name = text(vector, "name");
        let hive = samples.scan_bytes(&hive_of(vector).bytes());
        let export = samples.scan_bytes(export_of(vector).as_bytes());
        let lines = |scan: &Scan| scan.findings.iter().map(line).collect::<Vec<_>>();
        assert_eq!(lines(&hive), lines(&export), "{name}");
        judge_vector(name, vector, &hive);
    }
    println!("{} values", vectors.len());
}

fn judge_vector(name: &str, vector: &Value, scan: &Scan) {
    if vector["dpid_version"] == 0 {
        assert_eq!((scan.findings.len(), scan.problems.len()), (0, 1), "{name}");
        return;
    }
    let [finding] = scan.findings.as_slice() else { panic!("{name}: {:?}", scan.problems) };
    assert_eq!(vector["key"]["sha256"].as_str().map(str::to_owned), finding.held.full().map(hash_of), "{name}");
    let channel = finding.product.channel.map(|channel| channel.as_str());
    println!("{name}: {} {:?} {channel:?} {}", finding.verdict.kind, finding.product.name, finding.verdict.rule.id);
    let kind = finding.verdict.kind;
    let edition = finding.product.edition.as_ref().map(|edition| edition.id());
    match (name, text(&vector["key"], "klass")) {
        ("halo_bogus", _) => assert_eq!(kind, V::Unsure, "{name}"),
        // Windows XP writes neither edition nor channel beside its product key.
        ("nist_hacking_case_xp", _) => assert_eq!(finding.verdict.rule.id, "hidden-channel", "{name}"),
        (_, "none") => {
            assert_eq!((&finding.held, kind), (&Held::Blanked, V::PartialOnly), "{name}");
        }
        _ if name.starts_with("ve_") => {
            // Named for its edition, and always a shared one.
            let expected = name.splitn(3, '_').nth(2).unwrap().rsplit_once('_').unwrap().0;
            // Its group is in no table here, and version 3 does not name the edition.
            let known = name != "ve_02_IoTEnterpriseS_v3";
            assert_eq!(edition, known.then_some(expected), "{name}");
            assert!(kind != V::KeepMovable && kind != V::Unsure, "{name}");
        }
        (_, "published-generic") if !name.starts_with("win7") => assert_eq!(kind, V::NoKeyNeeded, "{name}"),
        _ => assert!(kind != V::Unsure, "{name}: {}", finding.verdict.rule.id),
    }
    let failed = finding.checks.iter().any(|check| check.outcome == Outcome::Failed);
    assert_eq!(failed, matches!(name, "glpi_3" | "halo_bogus"), "{name}");
    if name == "win10_pro_vl_nokey" {
        assert_eq!((edition, channel), (Some("Professional"), Some("Volume:MAK")), "{name}");
    }
}

#[test]
fn texts_of_other_programs_give_the_last_five_symbols_they_show() {
    let Some(samples) = Samples::new() else { return };
    let mut read = 0;
    for row in samples.rows().iter().filter(|row| text(row, "category") == "peer-output") {
        let (name, subcategory) = (text(row, "path"), text(row, "subcategory"));
        let scan = samples.scan(row);
        // The list was made anonymous with a letter that no product key has; the other shows bytes, and no text.
        if matches!(subcategory, "regripper" | "wmi-list") {
            assert_eq!((scan.findings.len(), scan.problems[0].kind), (0, ProblemKind::Unknown), "{name}");
            continue;
        }
        let shown = String::from_utf8(fs::read(samples.folder.join(name)).unwrap()).unwrap();
        let labels = ["Partial Product Key", "PartialProductKey", "Windows Product Key:"];
        let line = shown.lines().find(|line| labels.iter().any(|label| line.starts_with(label))).unwrap();
        let [finding] = scan.findings.as_slice() else { panic!("{name}: {:?}", scan.problems) };
        let partial = finding.held.partial().unwrap();
        assert!(line.ends_with(partial.as_str()), "{name}");
        assert_eq!((finding.verdict.kind, finding.place), (V::PartialOnly, PlaceKind::Typed), "{name}");
        assert_ne!(finding.product.name, "Unknown product", "{name}");
        read += 1;
    }
    assert!(read >= 4, "{read}");
}

#[test]
fn every_file_of_any_kind_gives_an_answer_in_bounded_time() {
    let Some(samples) = Samples::new() else { return };
    let mut slowest = (Duration::ZERO, PathBuf::new());
    let mut count = 0;
    let mut look = |file: &Path, name: &Path| {
        let start = Instant::now();
        let scan = scan(&[Source::Path(file.to_owned())]);
        let took = start.elapsed();
        // Without optimization, on a busy machine.
        assert!(took < Duration::from_secs(5), "{} took {took:?}", name.display());
        let quiet = scan.findings.is_empty() && scan.installations.is_empty() && scan.problems.is_empty();
        count += 1;
        slowest = slowest.clone().max((took, name.to_owned()));
        quiet
    };
    let mut quiet = Vec::new();
    let mut folders = vec![samples.folder.clone()];
    while let Some(folder) = folders.pop() {
        look(&folder, &folder);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            quiet.extend(look(&path, &path).then(|| path.clone()));
            if path.extension().is_some_and(|ending| ending == "xz") {
                let file = samples.file(&unpack(&path));
                quiet.extend(look(&file, &path).then(|| path.clone()));
            }
        }
    }
    println!("{count} files; the slowest took {:?}: {}", slowest.0, slowest.1.display());
    println!("{} hold nothing to speak of: {quiet:?}", quiet.len());
    assert!(count > 200);
}

/// The samples, and a folder for what is unpacked of them, gone when the test ends.
struct Samples {
    folder: PathBuf,
    rows: Vec<Value>,
    unpacked: PathBuf,
}

impl Samples {
    fn new() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/samples");
        let truth = folder.join("truth.json");
        if !truth.exists() {
            println!("no samples at {}, nothing to judge", folder.display());
            return None;
        }
        let Value::Array(rows) = json(&truth) else { panic!("the truth is a list") };
        let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "-");
        let unpacked = std::env::temp_dir().join(format!("keystow-scan-{}-{thread}", std::process::id()));
        fs::create_dir_all(&unpacked).unwrap();
        Some(Self { folder, rows, unpacked })
    }

    fn rows(&self) -> &[Value] {
        &self.rows
    }

    fn scan(&self, row: &Value) -> Scan {
        let path = self.folder.join(text(row, "path"));
        if path.extension().is_some_and(|ending| ending == "xz") {
            return self.scan_bytes(&unpack(&path));
        }
        scan(&[Source::Path(path)])
    }

    fn scan_of(&self, id: &str) -> Scan {
        self.scan(self.rows.iter().find(|row| text(row, "id") == id).unwrap())
    }

    fn scan_bytes(&self, bytes: &[u8]) -> Scan {
        scan(&[Source::Path(self.file(bytes))])
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let file = self.unpacked.join("sample");
        fs::write(&file, bytes).unwrap();
        file
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.unpacked);
    }
}

/// Every place with a whole product key: the node below the hive's root, and the hash.
fn found_keys(scan: &Scan) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for finding in &scan.findings {
        let Some(key) = finding.held.full() else { continue };
        for origin in std::iter::once(&finding.origin).chain(&finding.also) {
            found.insert((below_the_hive(&origin.path), hash_of(key)));
        }
    }
    found
}

fn below_the_hive(path: &str) -> String {
    let path = path.strip_prefix("HKEY_LOCAL_MACHINE\\").unwrap_or(path);
    let hive = ["SOFTWARE", "SYSTEM", "pasted"].iter().find_map(|hive| path.strip_prefix(hive)?.strip_prefix('\\'));
    hive.unwrap_or(path).to_owned()
}

fn judged(scan: &Scan) -> Vec<(PlaceKind, V, Option<&str>)> {
    let one = |finding| -> (PlaceKind, V, Option<&str>) {
        let finding: &Finding = finding;
        (finding.place, finding.verdict.kind, finding.product.edition.as_ref().map(|edition| edition.id()))
    };
    scan.findings.iter().map(one).collect()
}

/// What a hive and an export must say alike.
fn line(finding: &Finding) -> String {
    let product = &finding.product;
    format!(
        "{:?} {:?} {} {:?} {:?} {} {:?} {:?}",
        finding.place,
        finding.held,
        finding.verdict.kind,
        product.edition,
        product.channel,
        product.name,
        finding.product_id,
        finding.checks
    )
}

fn hive_of(vector: &Value) -> Hive {
    let mut hive = Hive::new();
    let node = hive.at(CURRENT);
    if vector["dpid_version"] == 3 {
        node.text("ProductId", text(vector, "product_id"));
    }
    node.text("CurrentBuild", build_of(vector));
    node.value(value_of(vector), REG_BINARY, unhex(text(vector, "hex")));
    hive
}

fn export_of(vector: &Value) -> String {
    let hex: Vec<String> = unhex(text(vector, "hex")).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut export =
        format!("Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\{CURRENT}]\r\n");
    if vector["dpid_version"] == 3 {
        export += &format!("\"ProductId\"=\"{}\"\r\n", text(vector, "product_id"));
    }
    export + &format!("\"CurrentBuild\"=\"{}\"\r\n\"{}\"=hex:{}\r\n", build_of(vector), value_of(vector), hex.join(","))
}

fn value_of(vector: &Value) -> &'static str {
    if vector["dpid_version"] == 4 { "DigitalProductId4" } else { "DigitalProductId" }
}

/// A build of the Windows that a published value is of.
fn build_of(vector: &Value) -> &'static str {
    let windows = text(vector, "windows").to_ascii_lowercase();
    let builds = [("xp", "2600"), ("win7", "7601"), ("windows 7", "7601"), ("win8", "9600")];
    builds.iter().find(|(name, _)| windows.contains(name)).map_or("19045", |(_, build)| build)
}

/// What xz gives; a sample that is no archive of it ends the test.
fn unpack(path: &Path) -> Vec<u8> {
    let output = Command::new("xz").arg("-dc").arg(path).output().unwrap();
    assert!(output.status.success(), "xz on {}", path.display());
    output.stdout
}

fn hash_of(key: &keystow_core::ProductKey) -> String {
    Sha256::digest(key.reveal().as_str()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text<'j>(row: &'j Value, field: &str) -> &'j str {
    row[field].as_str().unwrap_or_default()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
