//! Every test, in the order in which a failure is cheapest.

use std::process::Command;

use crate::run::{Done, has, is_root, root, run, run_with};
use crate::{fixtures, fuzz, schemathesis, tables, tidy, windows, wine};

/// Debian packages of the judges and tools, each with a program that shows whether it is there.
const PACKAGES: &[(&str, &str)] = &[
    ("age", "age"),
    ("debootstrap", "debootstrap"),
    ("g++", "g++"),
    ("gcc-mingw-w64-x86-64-win32", "x86_64-w64-mingw32-gcc"),
    ("libhivex-bin", "hivexget"),
    ("libregf-utils", "regfinfo"),
    ("postgresql", "pg_ctlcluster"),
    ("python3-venv", "python3"),
    ("strace", "strace"),
    ("xz-utils", "xz"),
];

pub(crate) fn run_tests() -> Done {
    install()?;
    run("cargo", &["fmt", "--all", "--check"])?;
    tidy::run()?;
    if root().join("../shared/tables").is_dir() {
        tables::run(&root(), true)?;
    }
    fixtures::run(true)?;
    run("cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    // The tests drive the program itself, so it is built first.
    run("cargo", &["build", "--workspace", "--locked"])?;
    if let Err(error) = schemathesis::install() {
        eprintln!("── {error}: the description of the account server was not asked");
    }
    wine::build()?;
    windows::build()?;
    run("cargo", &["test", "--workspace", "--locked"])?;
    windows::test()?;
    windows::release()?;
    fuzz::run(&["5"])?;
    if has("cargo-deny") || run("cargo", &["install", "--locked", "cargo-deny"]).is_ok() {
        run("cargo", &["deny", "check", "bans", "licenses", "sources"])?;
    } else {
        eprintln!("── cargo-deny could not be installed: the licenses of dependencies were not checked");
    }
    Ok(())
}

fn install() -> Done {
    let missing: Vec<_> = PACKAGES.iter().filter(|(_, program)| !has(program)).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !has("apt-get") {
        eprintln!(
            "── not a Debian system: please install {} yourself; their judges say when they are absent",
            missing.join(", ")
        );
        return Ok(());
    }
    apt_get(&["update", "-q"])?;
    apt_get(&[&["install", "-y", "-q", "--no-install-recommends"], missing.as_slice()].concat())
}

fn apt_get(args: &[&str]) -> Done {
    let program = if is_root() { "apt-get" } else { "sudo" };
    let mut command = Command::new(program);
    if program == "sudo" {
        command.arg("apt-get");
    }
    run_with(command.args(args).env("DEBIAN_FRONTEND", "noninteractive"))
}
