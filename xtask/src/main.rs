//! Chores of the project.

mod tables;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tables"] => tables::run(&tables::root(), false),
        ["tables", "--check"] => tables::run(&tables::root(), true),
        _ => Err("cargo xtask tables [--check]".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "this is a program")]
            {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
    }
}
