//! Keystow finds, explains, backs up and restores Windows product keys.

mod app;
mod cli;
mod lines;

use std::process::ExitCode;

fn main() -> ExitCode {
    keystow_os::process::harden();
    cli::run()
}
