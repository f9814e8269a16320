//! `keystow serve`

use std::io::{IsTerminal, Write};

use keystow_account::store::StoreError;
use serde_json::json;

use super::args::serve::{Serve, ServeCommand, Server};
use super::failure::{Failure, FailureKind, Outcome};
use super::out::{Out, Tone};
use crate::app::App;
use crate::app::serve::{self, Config, ServeError, Started};

pub(super) fn run(args: &Serve, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let config = config(&args.server, app)?;
    match &args.command {
        None => {
            log(out);
            serve::run(&config, |started| show(started, out))?;
            Ok(Outcome::Done)
        }
        Some(ServeCommand::Check) => checked(&serve::check_store(&config)?, "The server is whole", out),
        Some(ServeCommand::Backup { to }) => {
            let words = format!("The copy in {} is whole, and holds the server's secrets: keep it safe", to.display());
            checked(&serve::back_up(&config, to)?, &words, out)
        }
        Some(ServeCommand::Restore { from }) => checked(&serve::restore(&config, from)?, "The server is restored", out),
        Some(ServeCommand::Openapi) => {
            let text = keystow_account::server::document().to_pretty_json();
            out.line(text.map_err(|error| Failure::new(FailureKind::Failed, error))?)?;
            Ok(Outcome::Done)
        }
    }
}

fn config(args: &Server, app: &App) -> Result<Config, Failure> {
    let told = Config {
        data: args.data.clone(),
        listen: args.listen,
        database: args.database.clone(),
        database_password_file: args.database_password_file.clone(),
        certificate: args.certificate.clone(),
        certificate_key: args.certificate_key.clone(),
        names: args.names.clone(),
        plain_http: args.plain_http,
        closed: args.closed,
        behind_proxy: args.behind_proxy,
        account_per_minute: args.account_per_minute,
        address_per_minute: args.address_per_minute,
    };
    let file = args.config.as_deref().map(Config::read).transpose()?.unwrap_or_default();
    let own = Config { data: Some(app.paths.data().join("server")), ..Config::default() };
    Ok(told.or(file).or(own))
}

/// One JSON object a line on the error stream; to a terminal only what somebody must know.
fn log(out: &Out) {
    let seen = std::io::stderr().is_terminal() && !out.json;
    let level = if seen { tracing::Level::WARN } else { tracing::Level::INFO };
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).with_ansi(false);
    // A second logger in one process is none of ours.
    let _ = if seen { log.try_init() } else { log.json().try_init() };
}

fn show(started: &Started, out: &mut Out) -> std::io::Result<()> {
    out.object(&json!({"schema": "keystow.serve/1", "address": started.address, "pin": started.pin}))?;
    out.line(format_args!("Keystow's account server listens at {}", out.tone(Tone::Strong, &started.address)))?;
    if let Some(pin) = &started.pin {
        out.line(format_args!("Its certificate has the pin      {}", out.tone(Tone::Strong, pin)))?;
    }
    out.line(format_args!("Everything of it lies in         {}", started.data.display()))?;
    let pin = started.pin.as_ref().map(|pin| format!(" --pin {pin}")).unwrap_or_default();
    out.note(format!("\nOn a PC:  keystow account create NAME --server {}{pin}", started.address));
    out.note("Ctrl-C stops it.");
    out.flush()?;
    std::io::stdout().flush()
}

fn checked(checked: &keystow_account::server::Checked, words: &str, out: &mut Out) -> Result<Outcome, Failure> {
    let faults: Vec<String> = checked.faults.iter().map(ToString::to_string).collect();
    out.object(&json!({
        "schema": "keystow.serve-check/1",
        "records": checked.records,
        "series": checked.series,
        "faults": faults,
    }))?;
    for fault in &faults {
        out.line(fault)?;
    }
    if faults.is_empty() {
        out.line(format_args!("{words}: {} records in {} series.", checked.records, checked.series))?;
        return Ok(Outcome::Done);
    }
    let error = format!("the database is damaged: {}", serve::faults(checked));
    Err(Failure::new(FailureKind::Damaged, error).hint(NEXT))
}

const NEXT: &str = "stop the server, keystow serve restore FOLDER-WITH-A-BACKUP --data NEW-FOLDER; each device then puts \
                    back what is newer with keystow verify --repair";

/// Words the next step.
impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        use FailureKind as K;
        let (kind, hint) = match &error {
            ServeError::Certificate(_) => (K::Usage, "--certificate and --certificate-key, both PEM, or neither"),
            ServeError::Config { .. } => (K::Usage, "keystow serve --help names what may stand there"),
            ServeError::File { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                (K::Locked, "another --listen ADDRESS:PORT, or stop what listens there")
            }
            ServeError::File { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                (K::RightsNeeded, "--data with a folder of yours")
            }
            ServeError::PasswordInAddress => (K::Usage, "--database-password-file FILE: arguments can be seen"),
            ServeError::PlainOutside(_) => (K::ForbiddenByPolicy, "--listen 127.0.0.1:PORT, or no --plain-http"),
            ServeError::NotSqlite => {
                (K::Usage, "pg_dump, and a copy of server-secrets.json of --data: see docs/operations.md")
            }
            ServeError::Locked(_) => (K::Locked, "stop it, or another --data FOLDER"),
            ServeError::NoServer(_) => (K::NotFound, "--data with the folder of a server"),
            ServeError::BrokenOff(_) => (K::Failed, "delete it, and back up anew"),
            ServeError::ServerThere(_) => (K::Failed, "another folder; Keystow replaces no server"),
            ServeError::SecretsLost(_) | ServeError::OtherSecrets(_) => {
                (K::Damaged, "put server-secrets.json of a backup there; without it nobody can sign in any more")
            }
            ServeError::StoreLost(_) => (
                K::Damaged,
                "keystow serve restore FOLDER-WITH-A-BACKUP --data NEW-FOLDER; without one, begin in a new folder",
            ),
            ServeError::Secrets { .. } => (K::Damaged, "put server-secrets.json of a backup in its place"),
            ServeError::Damaged { .. } | ServeError::Store(StoreError::Damaged(_)) => (K::Damaged, NEXT),
            ServeError::Store(StoreError::OtherMigration(_)) => (K::Damaged, NEXT),
            ServeError::Store(StoreError::DiskFull) => (K::Failed, "make room on the disk of --data"),
            ServeError::Store(StoreError::Newer { .. }) => (K::Failed, "a newer Keystow"),
            ServeError::Store(StoreError::Older { .. }) => {
                (K::Failed, "keystow serve: its start brings the database up to date and checks it")
            }
            ServeError::Store(StoreError::Unavailable(_)) => {
                (K::NetworkNeeded, "start the database, or check --database")
            }
            ServeError::Store(_) | ServeError::File { .. } => (K::Failed, ""),
        };
        let failure = Self::new(kind, error);
        if hint.is_empty() { failure } else { failure.hint(hint) }
    }
}
