//! The command line: one file per command. Each reads its arguments, calls `app` once, shows, and says how it ended.

mod account;
mod add;
mod agent;
mod args;
mod backup;
mod belongs;
mod doctor;
mod explain;
mod export;
mod failure;
mod fit;
mod fleet;
mod forget;
mod identify;
mod import;
mod install;
mod link;
mod list;
mod manual;
mod out;
mod phrase;
mod ready;
mod restore;
mod scan;
mod serve;
mod show;
mod start;
mod vault;
mod verify;
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
    let _console = keystow_os::process::prepare_console();
    if start::is_wanted() {
        return start::run();
    }
    if std::env::args_os().any(|arg| is_product_key(&arg)) {
        return ExitCode::from(Out::new(asked_style()).end(Err(product_key_in_argument())));
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(misused(&error)),
    };
    let all = &cli.all;
    let mut unseen = false;
    if let Some(process) = all.console_of {
        // Where that fails, nobody sees what this run says, so nobody can be asked.
        unseen = keystow_os::process::join_console(process).is_err();
    }
    let style = Style { json: all.json, plain: all.plain, quiet: all.quiet, reveal: all.reveal };
    let mut out = Out::new(style);
    let ended = start(&cli, unseen).and_then(|mut app| dispatch(&cli.command, &mut app, &mut out));
    ExitCode::from(out.end(ended))
}

/// Shows help where it was asked for; else says what is wrong with the arguments.
fn misused(error: &clap::Error) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return 0;
    }
    if !asked_style().json {
        let _ = error.print();
        return FailureKind::Usage.exit_code();
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    Out::new(asked_style()).end(Err(Failure::usage(first).hint("keystow --help")))
}

/// The style, where the arguments could not be understood.
fn asked_style() -> Style {
    Style { json: std::env::args_os().any(|arg| arg == "--json"), ..Style::default() }
}

/// Whether an argument, or the value in it, is a product key.
fn is_product_key(arg: &std::ffi::OsStr) -> bool {
    let text = arg.to_string_lossy();
    text.rsplit('=').next().is_some_and(|value| keystow_core::ProductKey::parse(value).is_ok())
}

/// Shells remember arguments, and other users of the PC can see them. The words do not repeat it.
fn product_key_in_argument() -> Failure {
    Failure::usage("a product key is no argument: the shell would remember it, and others on this PC could see it")
        .hint("type it when asked, or put it into a file: keystow add --from FILE, keystow fit --for WINDOWS < FILE")
}

fn start(cli: &Cli, unseen: bool) -> Result<App, Failure> {
    let told = cli.all.data_folder.clone().map(Paths::below);
    let paths = told.or_else(Paths::find).ok_or_else(|| {
        Failure::new(FailureKind::NotFound, "this system names no home folder").hint("set HOME, or XDG_DATA_HOME")
    })?;
    Ok(App {
        paths,
        passphrase_file: cli.all.passphrase_file.clone(),
        account_password_file: cli.all.password_file.clone(),
        vault: cli.all.vault.clone(),
        may_ask: !unseen && !cli.all.no_input && !cli.all.json && std::io::IsTerminal::is_terminal(&std::io::stdin()),
        dry_run: cli.all.dry_run,
    })
}

fn dispatch(command: &Command, app: &mut App, out: &mut Out) -> Result<Outcome, Failure> {
    match command {
        Command::Account(args) => account::run(args, app, out),
        Command::Add(args) => add::run(args, app, out),
        Command::Agent(args) => agent::run(args, app, out),
        Command::Backup(args) => backup::run(args, app, out),
        Command::Completions(args) => manual::completions(args, out),
        Command::Doctor => doctor::run(app, out),
        Command::Explain(args) => explain::run(args, out),
        Command::Export(args) => export::run(args, app, out),
        Command::Fit(args) => fit::run(args, app, out),
        Command::Fleet(args) => fleet::run(args, app, out),
        Command::Forget(args) => forget::run(args, app, out),
        Command::Identify(args) => identify::run(args, out),
        Command::Import(args) => import::run(args, app, out),
        Command::Link(args) => link::run(args, app, out),
        Command::List(args) => list::run(args, app, out),
        Command::Man(args) => manual::man(args, app, out),
        Command::Ready(args) => ready::run(args, app, out),
        Command::Restore(args) => restore::run(args, app, out),
        Command::Scan(args) => scan::run(args, out),
        Command::Serve(args) => serve::run(args, app, out),
        Command::Show(args) => show::run(args, app, out),
        Command::Vault(args) => vault::run(args, app, out),
        Command::Verify(args) => verify::run(args, app, out),
    }
}
