//! Fuzz targets: libFuzzer with coverage from the stable compiler, so that no other toolchain is needed.

use std::process::Command;

use crate::run::{Done, files, root, run_with};

/// What `cargo fuzz` passes to the compiler, less the sanitizers that only nightly has.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=4";
/// Needed so that the flags reach the targets and not the build scripts.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// More than any parser may hold for inputs of this size.
const MOST_MEMORY: &str = "-rss_limit_mb=512";

pub(crate) fn run(args: &[&str]) -> Done {
    let seconds = args.iter().find_map(|word| word.parse().ok()).unwrap_or(10);
    let only = args.iter().find(|word| word.parse::<u32>().is_err());
    build()?;
    for name in targets() {
        if only.is_none_or(|only| *only == name) {
            fuzz(&name, seconds)?;
        }
    }
    Ok(())
}

/// The names of all targets, sorted.
pub(crate) fn targets() -> Vec<String> {
    let sources = files(&root().join("fuzz/src/bin"), &["rs"]);
    sources.iter().filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect()
}

fn build() -> Done {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--target", TARGET, "--manifest-path", "fuzz/Cargo.toml"]);
    cargo.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", root().join("target")).current_dir(root());
    run_with(&mut cargo)
}

fn fuzz(name: &str, seconds: u32) -> Done {
    let found = root().join("target/fuzz-corpus").join(name);
    let crashes = root().join("fuzz/artifacts").join(name);
    for folder in [&found, &crashes] {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut target = Command::new(root().join("target").join(TARGET).join("release").join(name));
    target.args([
        &format!("-max_total_time={seconds}"),
        MOST_MEMORY,
        "-timeout=5",
        "-print_final_stats=0",
        "-verbosity=0",
    ]);
    target.arg(format!("-artifact_prefix={}/", crashes.display()));
    target.arg(found).arg(root().join("fuzz/corpus").join(name));
    run_with(&mut target)
}
