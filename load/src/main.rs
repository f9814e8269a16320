//! `cargo run --release -p keystow-load -- WHAT` prints what one thing costs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this program is for")]

mod failover;
mod survive;
mod tables;

use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use keystow_load::Report;
use tokio::runtime::Builder;

use crate::tables::Database;

const USAGE: &str = "keystow-load account | both | many | survive | patroni [SECONDS]";
/// How long each visit of a table is driven.
const TIME: u64 = 10;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [what] => in_loop(run(what, Duration::from_secs(TIME))),
        [what, time] => match time.parse() {
            Ok(seconds) => in_loop(run(what, Duration::from_secs(seconds))),
            Err(_) => Err(usage()),
        },
        _ => Err(usage()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(what: &str, time: Duration) -> io::Result<()> {
    if what == "patroni" {
        return failover::run().await;
    }
    let all = what == "account";
    let program = program()?;
    if all || ["both", "many"].contains(&what) {
        println!("{}", Report::HEAD);
        for database in Database::both()? {
            if all || what == "both" {
                tables::both(time, &database, &program).await?;
            }
            if all || what == "many" {
                tables::many(time, &database, &program).await?;
            }
        }
    }
    if all || what == "survive" { survive::run(&program).await } else { Ok(()) }
}

/// Builds the `keystow` of the same profile and gives its place, which is beside our own.
fn program() -> io::Result<PathBuf> {
    let ours = std::env::current_exe()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "keystow"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    keystow_load::process::run(&mut build)?;
    Ok(ours.with_file_name("keystow"))
}

fn in_loop(what: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(what)
}

fn usage() -> io::Error {
    io::Error::other(format!("usage: {USAGE}"))
}
