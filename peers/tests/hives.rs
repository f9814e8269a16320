//! Real hives against yarp's listings of them, and hives of our maker against libhivex and libregf.
//!
//! The samples lie beside the repository and may be absent; then those tests say so and pass.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a judge may stop and speak")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use keystow_core::hive::{Condition, Hive, HiveError, Node};
use keystow_core::read::ReadAt;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// What a walk over a hive finds.
#[derive(Default)]
struct Listing {
    lines: Vec<String>,
    nodes: usize,
    values: usize,
    errors: Vec<HiveError>,
}

impl Listing {
    fn of<R: ReadAt>(hive: &Hive<R>) -> Self {
        let mut listing = Self::default();
        let mut walk = hive.walk();
        while let Some(node) = walk.next() {
            match node {
                Ok(node) => listing.add(walk.path(), &node),
                Err(error) => listing.errors.push(error),
            }
        }
        listing
    }

    /// Adds a node and its values, one line each, written as the samples' README says.
    fn add<R: ReadAt>(&mut self, path: &str, node: &Node<'_, R>) {
        let path = if path.is_empty() { String::new() } else { format!("\\{path}") };
        self.nodes += 1;
        self.lines.push(format!("K\t{path}\t{}", iso(node.last_written())));
        for value in node.values() {
            let read = value.and_then(|value| Ok((value.data()?, value)));
            let (data, value) = match read {
                Ok(read) => read,
                Err(error) => {
                    self.errors.push(error);
                    continue;
                }
            };
            self.values += 1;
            self.lines.push(format!("V\t{path}\t{}\t{}\t{}", value.name(), value.kind().raw(), sha256(&data)));
        }
    }

    fn sha256(mut self) -> String {
        self.lines.sort_unstable();
        sha256(self.lines.join("\n").as_bytes())
    }
}

/// Hives that yarp lists shorter than they are, because it stops at the first child that it finds odd and forgets the
/// siblings behind it. Windows lists those.
const YARP_STOPS: &[(&str, usize, &str)] = &[
    ("hive-0105", 5003, "two children have one name"),
    ("hive-0112", 5003, "a child names another parent"),
    ("hive-0157", 528, "names are sorted by UTF-16 units, as Windows does, and yarp expects code points"),
];

/// Hives in which yarp finds no root or refuses the file size, with the nodes that can be read.
const YARP_FAILS: &[(&str, usize)] = &[
    ("hive-0017", 1687),
    ("hive-0147", 2),
    ("hive-0188", 5),
    ("hive-0189", 4),
    ("hive-0190", 5),
    ("hive-0192", 14),
    ("hive-0193", 7),
    ("hive-0194", 13),
    ("hive-0195", 1),
];

#[test]
fn every_hive_sample_reads_as_yarp_reads_it_or_is_a_known_exception() {
    let Some(rows) = hive_samples() else { return };
    let (mut same, mut slowest) = (0, Duration::ZERO);
    for row in &rows {
        let (id, path) = (text(row, "id"), text(row, "path"));
        let bytes = unpack(row);
        let start = Instant::now();
        let read = Hive::open(bytes).map(|hive| (hive.condition(), Listing::of(&hive)));
        let took = start.elapsed();
        slowest = slowest.max(took);
        // Without optimization, on a busy machine, the largest one takes over a second.
        assert!(took < Duration::from_secs(20), "{path} took {took:?}");
        let (condition, listing) = match read {
            Ok(read) => read,
            Err(error) => {
                assert!(is_refused_rightly(row, &error), "{path}: {error}");
                continue;
            }
        };
        assert_eq!(
            condition == Condition::Clean,
            text(row, "dirty").starts_with("clean") && id != "hive-0147",
            "{path}"
        );
        if let Some((_, nodes, why)) = YARP_STOPS.iter().find(|(known, ..)| *known == id) {
            assert_eq!((listing.nodes, listing.errors.len()), (*nodes, 0), "{path}: {why}");
        } else if let Some((_, nodes)) = YARP_FAILS.iter().find(|(known, _)| *known == id) {
            assert_eq!(listing.nodes, *nodes, "{path}");
        } else {
            let counts = (Some(listing.nodes as u64), Some(listing.values as u64));
            assert_eq!(counts, (row["yarp_keys"].as_u64(), row["yarp_values"].as_u64()), "{path}");
            assert_eq!(listing.sha256(), text(row, "yarp_dump_sha256"), "{path}");
            same += 1;
        }
    }
    println!("{same} of {} samples list as yarp lists them; the slowest took {slowest:?}", rows.len());
}

/// Whether a sample that is refused is no hive of a known format: yarp refuses it as well.
fn is_refused_rightly(row: &Json, error: &HiveError) -> bool {
    text(row, "yarp_dump_sha256").is_empty()
        && match error {
            HiveError::NotAHive { .. } => text(row, "parse_yarp") == "not-regf",
            HiveError::Windows9x => text(row, "parse_yarp") == "not-regf",
            HiveError::Version { .. } => text(row, "regf_version") == "0.0",
            _ => false,
        }
}

#[test]
fn the_current_version_of_a_large_real_hive_costs_few_pages() {
    let Some(rows) = hive_samples() else { return };
    let row = rows.iter().find(|row| row["id"] == "hive-0000").unwrap();
    let bytes = unpack(row);
    let start = Instant::now();
    let hive = Hive::open(bytes.as_slice()).unwrap();
    let node = hive.node("Microsoft\\Windows NT\\CurrentVersion").unwrap().unwrap();
    let read: usize = node.values().map(|value| value.unwrap().data().unwrap().len()).sum();
    let took = start.elapsed();
    println!(
        "{} values, {read} bytes, out of {} MB: {} pages, {took:?}",
        node.values().count(),
        bytes.len() >> 20,
        hive.pages_read()
    );
    assert!(hive.pages_read() <= 20, "{} pages", hive.pages_read());
    assert_eq!(node.value("productname").unwrap().unwrap().text().unwrap().as_deref(), row["product_name"].as_str());
}

#[test]
fn libregf_opens_every_hive_that_is_made_and_lists_the_same_nodes_and_values() {
    if absent("regfexport") {
        return;
    }
    for_each_made_hive("libregf", |name, file, hive| {
        let info = run("regfinfo", &[file]);
        assert!(info.contains(&format!("1.{}\n", hive.minor_version())), "{name}: {info}");
        let export = run("regfexport", &[file]);
        let count = |word: &str| export.lines().filter(|line| line.starts_with(word)).count();
        let ours = Listing::of(hive);
        assert_eq!((count("Key path:"), count("Value:")), (ours.nodes, ours.values), "{name}");
        assert_eq!(export.contains("Data: Windows 10 Pro\n"), name != "big_data", "{name}");
    });
}

#[test]
fn libhivex_opens_every_hive_that_is_made_and_reads_the_same_values() {
    if absent("hivexget") {
        return;
    }
    for_each_made_hive("libhivex", |name, file, hive| {
        if name == "big_data" {
            let data = hive.root().unwrap().value("Big").unwrap().unwrap().data().unwrap();
            let hex: Vec<String> = data.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(run("hivexget", &[file, "\\"]).trim() == format!("\"Big\"=hex(3):{}", hex.join(",")));
            return;
        }
        let get = |path: &str, value: &str| run("hivexget", &[file, path, value]);
        assert_eq!(get("Microsoft\\Windows NT\\CurrentVersion", "ProductName"), "Windows 10 Pro\n", "{name}");
        assert_eq!(get("Microsoft\\Größe\\Ωmega", "Ω"), "Unicode name\n", "{name}");
        assert_eq!(get("Classes\\.77", "n").trim(), "7", "{name}");
        let commands = format!("{file}.commands");
        std::fs::write(&commands, "cd \\Classes\nls\n").unwrap();
        let listed = run("hivexsh", &["-f", &commands, file]);
        assert_eq!(listed, ".00\n.11\n.22\n.33\n.44\n.55\n.66\n.77\n.88\n", "{name}");
    });
}

/// Calls `judge` with the name, the file and the open hive of all that the maker makes, but for the one in the format of
/// Windows NT 3.1, which no other program here reads.
fn for_each_made_hive(purpose: &str, judge: impl Fn(&str, &str, &Hive<Vec<u8>>)) {
    let folder = std::env::temp_dir().join(format!("keystow-hives-{purpose}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in keystow_makers::hive::seeds().into_iter().filter(|(name, _)| *name != "nt31") {
        let file = folder.join(name);
        std::fs::write(&file, &bytes).unwrap();
        judge(name, file.to_str().unwrap(), &Hive::open(bytes).unwrap());
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Whether a program is missing; then the test says so.
fn absent(program: &str) -> bool {
    let absent = Command::new(program).arg("-V").output().is_err();
    if absent {
        println!("no {program} here, nothing to judge");
    }
    absent
}

/// What a program prints, when it succeeds.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The rows of category "hive", or nothing when the samples are absent.
fn hive_samples() -> Option<Vec<Json>> {
    let Ok(truth) = std::fs::read_to_string(samples().join("truth.json")) else {
        println!("no samples at {}, nothing to judge", samples().display());
        return None;
    };
    let rows: Vec<Json> = serde_json::from_str(&truth).unwrap();
    Some(rows.into_iter().filter(|row| row["category"] == "hive").collect())
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/samples")
}

fn text<'j>(row: &'j Json, field: &str) -> &'j str {
    row[field].as_str().unwrap_or_default()
}

/// The bytes of a sample, unpacked.
fn unpack(row: &Json) -> Vec<u8> {
    let path = samples().join(text(row, "path"));
    if text(row, "stored_as") != "xz" {
        return std::fs::read(path).unwrap();
    }
    let output = Command::new("xz").arg("-dc").arg(&path).output().unwrap();
    assert!(output.status.success(), "xz on {}", path.display());
    output.stdout
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// A file time as yarp prints it. It counts microseconds in a 64-bit float, which since the year 1886 holds even
/// numbers only.
fn iso(file_time: u64) -> String {
    let step = if file_time >= 10 << 53 { 20 } else { 10 };
    let (whole, rest) = (file_time / step, file_time % step);
    let up = rest * 2 > step || rest * 2 == step && whole % 2 == 1;
    let micros = (whole + u64::from(up)) * (step / 10);
    let (days, in_day) = (micros / 86_400_000_000, micros % 86_400_000_000);
    let (year, month, day) = civil(days);
    let seconds = in_day / 1_000_000;
    let mut text =
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if in_day % 1_000_000 != 0 {
        write!(text, ".{:06}", in_day % 1_000_000).unwrap();
    }
    text
}

/// Year, month and day, from the days since 1601-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1601 + days / 146_097 * 400;
    days %= 146_097;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}
