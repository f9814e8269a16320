//! The Windows program: built here, linted, tested under Wine, weighed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keystow_rig::wine;

use crate::run::{Done, has, root, run, run_with};

const TARGET: &str = "x86_64-pc-windows-gnu";
/// The crates whose unit tests meet the system.
const TESTED: &[&str] = &["keystow-os", "keystow-vault"];
/// The crates whose tests are Linux programs, or have nothing that differs: linted as they are shipped.
const SHIPPED: &[&str] = &["keystow", "keystow-core", "keystow-find"];
/// Known DLLs of every Windows since 7, and of WinPE: only these may be imported, because Windows looks for any other
/// beside keystow.exe first, in whatever folder it was saved to.
const KNOWN_DLLS: &[&str] = &[
    "advapi32.dll",
    "api-ms-win-core-synch-l1-2-0.dll",
    "bcryptprimitives.dll",
    "combase.dll",
    "gdi32.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "ole32.dll",
    "oleaut32.dll",
    "rpcrt4.dll",
    "sechost.dll",
    "shell32.dll",
    "user32.dll",
    "ws2_32.dll",
];
/// Pairs of starts that the start time is measured by.
const STARTS: usize = 20;

pub(crate) fn run_all() -> Done {
    crate::wine::build()?;
    build()?;
    run("cargo", &["test", "--locked", "-p", "keystow-rig"])?;
    test()?;
    release()
}

/// Builds the program and the stand-ins that the rig's tests run, and lints what only Windows compiles.
pub(crate) fn build() -> Done {
    if has("rustup") {
        run("rustup", &["target", "add", TARGET])?;
    }
    // One command, so that both share what they depend on; the example is what the rig's tests ask with.
    cargo(&["build", "--bins", "--lib", "--examples"], &["keystow", "keystow-standins"], &[])?;
    cargo(&["clippy"], SHIPPED, &["--", "-D", "warnings"])?;
    cargo(&["clippy", "--all-targets"], &[TESTED, &["keystow-standins"]].concat(), &["--", "-D", "warnings"])
}

/// Runs the unit tests that meet the system under Wine.
pub(crate) fn test() -> Done {
    let prefix = keystow_rig::Prefix::new("unit-tests").map_err(|error| error.to_string())?;
    let runner = format!("{} {}", wine::script().display(), prefix.folder().display());
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--locked", "--no-fail-fast", "--lib", "--target", TARGET]);
    cargo.args(TESTED.iter().flat_map(|name| ["-p", name])).current_dir(root());
    cargo.envs(wine::variables(&[])).env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", runner);
    run_with(&mut cargo)
}

/// Builds what people get; says its size, imports and start time, and fails at an import that is no known DLL.
pub(crate) fn release() -> Done {
    cargo(&["build", "--release"], &["keystow"], &[])?;
    let program = wine::target().join(TARGET).join("release/keystow.exe");
    let size = std::fs::metadata(&program).map_err(|error| format!("{}: {error}", program.display()))?.len();
    let imports = imports(&program)?;
    let start = start(&program)?;
    eprintln!("── keystow.exe: {:.2} MB; starts in {start:.2} times the time of an empty program", size as f64 / 1e6);
    eprintln!("── keystow.exe imports {}", imports.join(", "));
    let strange: Vec<_> = imports.iter().filter(|name| !KNOWN_DLLS.contains(&name.as_str())).cloned().collect();
    if strange.is_empty() { Ok(()) } else { Err(format!("keystow.exe imports {}, no known DLL", strange.join(", "))) }
}

fn cargo(command: &[&str], crates: &[&str], rest: &[&str]) -> Done {
    let crates = crates.iter().flat_map(|name| ["-p", name]);
    let mut cargo = Command::new("cargo");
    cargo.args(command).args(["--locked", "--target", TARGET]).args(crates).args(rest).current_dir(root());
    run_with(&mut cargo)
}

/// The DLLs a program is linked with, in lower case, sorted.
fn imports(program: &PathBuf) -> Result<Vec<String>, String> {
    let dump = Command::new("x86_64-w64-mingw32-objdump").arg("-p").arg(program).stderr(Stdio::inherit()).output();
    let dump = dump.map_err(|error| format!("x86_64-w64-mingw32-objdump: {error}"))?;
    let text = String::from_utf8_lossy(&dump.stdout).to_lowercase();
    let mut names: Vec<_> =
        text.lines().filter_map(|line| line.trim().strip_prefix("dll name: ").map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    if names.is_empty() { Err(format!("{}: no imports found", program.display())) } else { Ok(names) }
}

/// How long `--version` takes, as a multiple of a program that ends at once; medians of runs in turn.
fn start(program: &PathBuf) -> Result<f64, String> {
    let folder = wine::target().join(TARGET);
    let source = folder.join("empty.c");
    let empty = folder.join("empty.exe");
    std::fs::write(&source, "int main(void) { return 0; }\n").map_err(|error| error.to_string())?;
    run_with(Command::new("x86_64-w64-mingw32-gcc").arg("-O2").arg("-o").arg(&empty).arg(&source))?;
    let prefix = keystow_rig::Prefix::new("start").map_err(|error| error.to_string())?;
    let (mut ours, mut none) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        ours.push(time(&prefix, program)?);
        none.push(time(&prefix, &empty)?);
    }
    Ok(median(ours).as_secs_f64() / median(none).as_secs_f64())
}

fn time(prefix: &keystow_rig::Prefix, program: &PathBuf) -> Result<Duration, String> {
    let start = Instant::now();
    let ran = prefix.run(program, &["--version"]).map_err(|error| error.to_string())?;
    if ran.code == Some(0) { Ok(start.elapsed()) } else { Err(format!("{}: {ran:?}", program.display())) }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
