//! The command line: one file per command. Each reads its arguments, calls `app` once, shows, and says how it ended.

mod args;
mod explain;
mod failure;
mod manual;
mod out;
mod scan;
mod words;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::app::App;
use crate::app::paths::Paths;
use args::{Cli, Command};
use failure::{Failure, FailureKind, Outcome};
use out::{Out, Style};

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { 0 } else { FailureKind::Usage.exit_code() });
        }
    };
    let all = &cli.all;
    let style = Style { json: all.json, plain: all.plain, quiet: all.quiet, reveal: all.reveal };
    let mut out = Out::new(style);
    let ended = start(&cli).and_then(|mut app| dispatch(&cli.command, &mut app, &mut out));
    ExitCode::from(out.end(ended))
}

fn start(cli: &Cli) -> Result<App, Failure> {
    let paths = Paths::find().ok_or_else(|| {
        Failure::new(FailureKind::NotFound, "this system names no home folder").hint("set HOME, or XDG_DATA_HOME")
    })?;
    Ok(App {
        paths,
        passphrase_file: cli.all.passphrase_file.clone(),
        vault: cli.all.vault.clone(),
        may_ask: !cli.all.no_input && !cli.all.json && std::io::IsTerminal::is_terminal(&std::io::stdin()),
        dry_run: cli.all.dry_run,
    })
}

fn dispatch(command: &Command, app: &mut App, out: &mut Out) -> Result<Outcome, Failure> {
    match command {
        Command::Completions(args) => manual::completions(args, out),
        Command::Explain(args) => explain::run(args, out),
        Command::Man(args) => manual::man(args, out),
        Command::Scan(args) => scan::run(args, out),
        _ => unreachable!(),
    }
}
