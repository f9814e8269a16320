//! The numbers of `docs/performance.md`: one table, each number with its limit.
//!
//! Times of commands are compared with an almost empty process, `keystow --version`, in the same run, so that they mean
//! the same on every machine. Pages and memory need strace and GNU time; without them those rows are left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::run::{Done, has, root, run};

/// How often each command runs in a round, and how many rounds there are; the commands of a round follow each other.
const RUNS: usize = 20;
const ROUNDS: usize = 25;
/// A node that every SOFTWARE hive has, for the comparison with hivexget.
const CURRENT_VERSION: &str = r"Microsoft\Windows NT\CurrentVersion";
/// The length of one bin that [`grow`] appends, in bytes: a power of two, as every reader takes it.
const BIN: usize = 1 << 20;
/// How many times as large as a hive the grown one is.
const TIMES: usize = 10;

/// One row of the table: what was measured, the number, and what it shall be.
type Row = [String; 3];

/// What a command took in all its runs, in seconds.
struct Took {
    least: f64,
    median: f64,
}

/// Measures with the SOFTWARE hive at `hive`, or with the small made one.
pub(crate) fn bench(hive: Option<&str>) -> Done {
    run("cargo", &["build", "--release", "--locked", "-p", "keystow"])?;
    let made = root().join("testdata/old-laptop/Windows/System32/config/SOFTWARE");
    let hive = hive.map_or(made, PathBuf::from);
    let large = std::env::temp_dir().join(format!("keystow-bench-{}", std::process::id()));
    fs::write(&large, grow(fs::read(&hive).map_err(|error| format!("{}: {error}", hive.display()))?)?)
        .map_err(|error| format!("{}: {error}", large.display()))?;
    let rows = measure(&hive, &large);
    fs::remove_file(&large).map_err(|error| format!("{}: {error}", large.display()))?;
    show(&rows?);
    Ok(())
}

fn measure(hive: &Path, large: &Path) -> Result<Vec<Row>, String> {
    let mut rows = library()?;
    rows.extend(commands(hive, large)?);
    rows.extend(pages(hive)?);
    rows.extend(memory(hive)?);
    Ok(rows)
}

/// The benchmark of the library prints lines such as `parse:   20.9 ns each,   47.8 million a second`.
fn library() -> Result<Vec<Row>, String> {
    let args = ["bench", "--locked", "-p", "keystow-core", "--bench", "identify"];
    let printed = output(Command::new("cargo").args(args).current_dir(root()).stderr(Stdio::inherit()))?;
    let lines = printed.lines().filter_map(|line| line.split_once(':'));
    let row = |(what, numbers): (&str, &str)| {
        let each_second = numbers.split_once(',')?.1.trim();
        let goal = if what.trim() == "parse and identify" { "at least 15 million" } else { "" };
        Some([format!("library: {}", what.trim()), each_second.to_owned(), goal.to_owned()])
    };
    Ok(lines.filter_map(row).collect())
}

fn commands(hive: &Path, large: &Path) -> Result<Vec<Row>, String> {
    let keystow = keystow();
    let words = |words: &[&Path]| words.iter().map(|word| word.display().to_string()).collect::<Vec<_>>();
    let mut commands = vec![
        words(&[&keystow, "--version".as_ref()]),
        words(&[&keystow, "scan".as_ref(), hive]),
        words(&[&keystow, "scan".as_ref(), large]),
    ];
    if has("hivexget") {
        commands.push(words(&["hivexget".as_ref(), hive, CURRENT_VERSION.as_ref(), "ProductName".as_ref()]));
    }
    let took = if has("hyperfine") { hyperfine(&commands)? } else { own_loop(&commands)? };
    let [version, scan, grown, rest @ ..] = took.as_slice() else { return Err("a command was not measured".into()) };
    let mut rows = vec![
        ["keystow --version".into(), milliseconds(version), String::new()],
        ["keystow scan of the hive".into(), milliseconds(scan), String::new()],
        ratio("scan / --version", scan, version, "at most 2"),
        ratio("scan of ten times the size / scan", grown, scan, "about 1"),
    ];
    rows.extend(rest.first().map(|hivex| ratio("hivexget of one value / scan", hivex, scan, "")));
    Ok(rows)
}

fn milliseconds(took: &Took) -> String {
    format!("{:.2} ms, median {:.2} ms", took.least * 1e3, took.median * 1e3)
}

fn ratio(what: &str, of: &Took, to: &Took, goal: &str) -> Row {
    let numbers = format!("{:.2}, of medians {:.2}", of.least / to.least, of.median / to.median);
    [what.to_owned(), numbers, goal.to_owned()]
}

/// Runs the commands in rounds under hyperfine: the least of all runs, and the middle one of the rounds' medians.
fn hyperfine(commands: &[Vec<String>]) -> Result<Vec<Took>, String> {
    let csv = std::env::temp_dir().join(format!("keystow-bench-{}.csv", std::process::id()));
    let mut took = vec![Vec::new(); commands.len()];
    for _ in 0..ROUNDS {
        let mut hyperfine = Command::new("hyperfine");
        hyperfine.args(["-N", "--style", "none", "--warmup", "5", "--runs", &RUNS.to_string(), "--export-csv"]);
        hyperfine.arg(&csv).args(commands.iter().map(|words| quoted(words)));
        output(hyperfine.stderr(Stdio::null()))?;
        let table = fs::read_to_string(&csv).map_err(|error| format!("{}: {error}", csv.display()))?;
        for (times, line) in took.iter_mut().zip(table.lines().skip(1)) {
            // The last columns are median, user, system, min, max.
            let columns: Vec<f64> = line.rsplit(',').take(5).filter_map(|column| column.parse().ok()).collect();
            if let [_, min, _, _, median] = columns.as_slice() {
                times.push((*min, *median));
            }
        }
    }
    fs::remove_file(&csv).map_err(|error| format!("{}: {error}", csv.display()))?;
    let took = took.into_iter().map(|times| {
        let (least, median): (Vec<f64>, Vec<f64>) = times.into_iter().unzip();
        Took { least: least.into_iter().fold(f64::INFINITY, f64::min), median: middle(median) }
    });
    Ok(took.collect())
}

/// hyperfine splits its commands as a shell does.
fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect::<Vec<_>>().join(" ")
}

fn own_loop(commands: &[Vec<String>]) -> Result<Vec<Took>, String> {
    let mut took = vec![Vec::new(); commands.len()];
    for _ in 0..RUNS * ROUNDS {
        for (times, words) in took.iter_mut().zip(commands) {
            let start = Instant::now();
            output(command(words)?.stderr(Stdio::null()))?;
            times.push(start.elapsed().as_secs_f64());
        }
    }
    let took = took
        .into_iter()
        .map(|times| Took { least: times.iter().copied().fold(f64::INFINITY, f64::min), median: middle(times) });
    Ok(took.collect())
}

fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How many pages of the hive are read: one system call each.
fn pages(hive: &Path) -> Result<Option<Row>, String> {
    if !has("strace") {
        return Ok(None);
    }
    let scan = Command::new("strace").args(["-e", "trace=pread64"]).arg(keystow()).arg("scan").arg(hive).output();
    let traced = scan.map_err(|error| format!("strace: {error}"))?;
    let pages = String::from_utf8_lossy(&traced.stderr).lines().filter(|line| line.ends_with("= 4096")).count();
    Ok(Some(["pages of 4 KiB read by scan, all products".into(), pages.to_string(), String::new()]))
}

fn memory(hive: &Path) -> Result<Option<Row>, String> {
    let time = Path::new("/usr/bin/time");
    if !time.is_file() {
        return Ok(None);
    }
    let scan = Command::new(time).args(["-f", "%M"]).arg(keystow()).arg("scan").arg(hive).output();
    let measured = scan.map_err(|error| format!("{}: {error}", time.display()))?;
    let printed = String::from_utf8_lossy(&measured.stderr).into_owned();
    let kib: f64 = printed.lines().last().and_then(|line| line.parse().ok()).ok_or("GNU time printed no memory")?;
    Ok(Some(["peak memory of scan".into(), format!("{:.1} MiB", kib / 1024.0), "below 8 MiB".into()]))
}

/// A hive of ten times the size: bins that nothing refers to, each one free cell, and a base block that knows of them.
fn grow(mut hive: Vec<u8>) -> Result<Vec<u8>, String> {
    let bins = hive.len().saturating_sub(4096);
    let stop = 4096 + (bins * TIMES).next_multiple_of(4096);
    u32::try_from(stop).map_err(|_| format!("{stop} bytes are too many for a hive"))?;
    while hive.len() < stop {
        let at = hive.len();
        let len = BIN.min(stop - at);
        hive.extend_from_slice(b"hbin");
        for word in [(at - 4096) as u32, len as u32] {
            hive.extend_from_slice(&word.to_le_bytes());
        }
        hive.resize(at + 32, 0);
        hive.extend_from_slice(&((len - 32) as u32).to_le_bytes());
        hive.resize(at + len, 0);
    }
    let length = (hive.len() - 4096) as u32;
    let block = hive.first_chunk_mut::<512>().ok_or("the hive ends within its base block")?;
    let words = block.as_chunks_mut::<4>().0;
    let [fields @ .., checksum] = words else { return Err("the base block is too short".into()) };
    if let Some(bins) = fields.get_mut(10) {
        *bins = length.to_le_bytes();
    }
    // The results 0 and all ones stand for something else; no real base block comes to either.
    *checksum = fields.iter().fold(0, |sum, word| sum ^ u32::from_le_bytes(*word)).to_le_bytes();
    Ok(hive)
}

fn keystow() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release/keystow")
}

fn command(words: &[String]) -> Result<Command, String> {
    let (program, args) = words.split_first().ok_or("a command without a name")?;
    let mut command = Command::new(program);
    command.args(args);
    Ok(command)
}

/// What a program prints; fails when it does.
fn output(command: &mut Command) -> Result<String, String> {
    let ran = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().and_then(|child| child.wait_with_output());
    let ran = ran.map_err(|error| format!("{command:?} did not start: {error}"))?;
    if ran.status.success() {
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    } else {
        Err(format!("{command:?} failed: {}", ran.status))
    }
}

#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
fn show(rows: &[Row]) {
    println!();
    for [what, number, goal] in rows {
        println!("{what:<44}{number:<34}{goal}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grown_hive_has_ten_times_the_bins_and_a_right_checksum() {
        let whole = keystow_makers::hive::Hive::new().bytes();
        let large = grow(whole.clone()).unwrap();
        assert_eq!(large.len() - 4096, (whole.len() - 4096) * TIMES);
        assert_eq!(large[4096..whole.len()], whole[4096..]);
        let sum = large[..512].as_chunks::<4>().0.iter().fold(0, |sum, word| sum ^ u32::from_le_bytes(*word));
        assert_eq!(sum, 0, "the checksum is the sum of all words before it");
        assert_eq!(large[whole.len()..][..4], *b"hbin");
    }

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(middle(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
