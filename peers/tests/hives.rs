//! Real hives against yarp's listings of them, and hives of our maker against libhivex and libregf.
//!
//! The samples lie beside the repository and may be absent; then those tests say so and pass.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a judge may stop and speak")]

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

#[test]
fn every_hive_sample_reads_as_yarp_reads_it_or_says_why_not() {
    let Some(rows) = hive_samples() else { return };
    let (mut same, mut slowest) = (0, Duration::ZERO);
    let mut different = Vec::new();
    for row in &rows {
        let bytes = unpack(row);
        let start = Instant::now();
        let read = Hive::open(bytes).map(|hive| (hive.condition(), Listing::of(&hive)));
        let took = start.elapsed();
        slowest = slowest.max(took);
        assert!(took < Duration::from_secs(30), "{} took {took:?}", text(row, "path"));
        let expected = text(row, "yarp_dump_sha256");
        match read {
            Ok((condition, listing)) => {
                let summary = format!(
                    "{}: {condition:?}, {} nodes, {} values, {} errors, first {:?}; yarp has {} and {}; {took:?}",
                    text(row, "path"),
                    listing.nodes,
                    listing.values,
                    listing.errors.len(),
                    listing.errors.first(),
                    row["yarp_keys"],
                    row["yarp_values"],
                );
                if let Ok(folder) = std::env::var("KEYSTOW_DUMP") {
                    let mut lines = listing.lines.clone();
                    lines.sort_unstable();
                    std::fs::write(Path::new(&folder).join(text(row, "id")), lines.join("\n")).unwrap();
                }
                if !expected.is_empty() && listing.sha256() == expected {
                    same += 1;
                } else {
                    different.push(summary);
                }
            }
            Err(error) => different.push(format!("{}: {error}", text(row, "path"))),
        }
    }
    println!("{same} of {} samples list as yarp lists them; slowest {slowest:?}\n{}", rows.len(), different.join("\n"));
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
