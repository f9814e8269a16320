//! Chores of the project. `cargo xtask` lists them.

#![expect(clippy::print_stderr, reason = "what a chore has to say")]

mod bench;
mod fixtures;
mod fuzz;
mod run;
mod schemathesis;
mod tables;
mod test;
mod tidy;
mod windows;
mod wine;

use std::process::ExitCode;

const HELP: &str = "\
Chores of the project:

  cargo xtask test              every test, and the Debian packages its judges need
  cargo xtask tidy              the invariants of ARCHITECTURE.md
  cargo xtask fixtures          make testdata/ anew (--check: only compare)
  cargo xtask tables            make the product tables anew from ../shared/tables (--check: only compare)
  cargo xtask fuzz [NAME] [S]   run one or all fuzz targets for S seconds each (10)
  cargo xtask schemathesis      ask the account server everything that its description allows, and more
  cargo xtask wine              build the Wine that the Windows tests run under (as root, once)
  cargo xtask windows           the Windows program: build, lints, tests under Wine, size and imports (release: only these)
  cargo xtask bench [HIVE]      the numbers of docs/performance.md, with a SOFTWARE hive of yours
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["test"] => test::run_tests(),
        ["tidy"] => tidy::run(),
        ["fixtures", rest @ ..] => fixtures::run(rest.contains(&"--check")),
        ["tables", rest @ ..] => tables::run(&run::root(), rest.contains(&"--check")),
        ["schemathesis"] => schemathesis::run_long(),
        ["wine"] => wine::build(),
        ["windows"] => windows::run_all(),
        ["windows", "release"] => windows::release(),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["bench", hive @ ..] => bench::bench(hive.first().copied()),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
