//! `cargo run --release -p keystow-load -- WHAT` prints what one thing costs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this program is for")]

mod failover;
mod tables;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Builder;

const USAGE: &str = "keystow-load atuin [SECONDS] | patroni";
/// How long each visit of a table is driven.
const TIME: u64 = 10;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["atuin", rest @ ..] => seconds(rest).and_then(|time| in_loop(tables::atuin(time))),
        ["patroni"] => in_loop(failover::run()),
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

fn in_loop(what: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(what)
}

fn seconds(rest: &[&str]) -> io::Result<Duration> {
    match rest {
        [] => Ok(Duration::from_secs(TIME)),
        [time] => time.parse().map(Duration::from_secs).map_err(|_| usage()),
        _ => Err(usage()),
    }
}

fn usage() -> io::Error {
    io::Error::other(format!("usage: {USAGE}"))
}
