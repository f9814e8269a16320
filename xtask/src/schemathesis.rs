//! Schemathesis: asks the account server what its description allows, and checks that every answer is one it names.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{Done, has, root, run_with};

/// The version whose findings we know.
const VERSION: &str = "4.32.5";
/// How much is asked at each route; the everyday tests ask less.
const CASES: &str = "80";

/// Asks for about a minute.
pub(crate) fn run_long() -> Done {
    install()?;
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "-p", "keystow-account", "--test", "it", "--", "--nocapture", "schemathesis"]);
    run_with(cargo.env("KEYSTOW_CASES", CASES).current_dir(root()))
}

/// Puts it below `~/.cache/keystow`, where its test looks for it.
pub(crate) fn install() -> Done {
    let home = std::env::var_os("HOME").ok_or("HOME is not set")?;
    let folder = PathBuf::from(home).join(".cache/keystow/schemathesis");
    if folder.join("bin/schemathesis").is_file() {
        return Ok(());
    }
    if !has("python3") {
        return Err("schemathesis needs Python: apt-get install python3-venv".into());
    }
    run_with(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run_with(Command::new(folder.join("bin/pip")).args(["install", "-q", &format!("schemathesis=={VERSION}")]))
}
