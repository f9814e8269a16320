//! `keystow agent`: a machine of an organization. It never asks, so that it runs from a schedule.

use std::path::Path;
use std::thread;
use std::time::Duration;

use keystow_account::client::ClientError;
use keystow_account::wire::Refusal;
use serde_json::json;

use super::args::fleet::{AgentArgs, AgentCommand};
use super::failure::{Failure, FailureKind, Outcome};
use super::out::Out;
use super::words;
use crate::app::App;
use crate::app::error::Error;
use crate::app::vaults::first_line;

/// What helps where the server has lost this machine, or too much of it.
const ENROLL_AGAIN: &str = "a new token from who runs the fleet, then: keystow agent enroll --again --token-file FILE";

pub(super) fn run(args: &AgentArgs, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    match &args.command {
        AgentCommand::Enroll { token_file, again, name } => {
            if app.dry_run {
                out.line("Dry run: this machine would be enrolled.")?;
                return Ok(Outcome::Done);
            }
            app.enroll_machine(&first_line(token_file)?, *again, name.as_deref()).map_err(refused)?;
            out.line("This machine is enrolled.")?;
            out.note("\nNext:  keystow agent run     by a schedule: once a day is good");
            Ok(Outcome::Done)
        }
        AgentCommand::Run { from, every: None, once: _ } => report(from.as_deref(), app, out),
        AgentCommand::Run { from, every: Some(hours), once: _ } => loop {
            match report(from.as_deref(), app, out) {
                // What passes by itself is no reason to stop.
                Err(failure) if matches!(failure.kind, FailureKind::NetworkNeeded | FailureKind::Locked) => {
                    out.warn(failure.error);
                }
                Err(failure) => return Err(failure),
                Ok(_) => {}
            }
            out.flush()?;
            thread::sleep(Duration::from_secs(hours * 3600));
        },
    }
}

fn report(from: Option<&Path>, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    if app.dry_run {
        out.line("Dry run: this machine would report.")?;
        return Ok(Outcome::Done);
    }
    let (scan, reported) = app.report(from).map_err(refused)?;
    let index = reported.record.index;
    out.object(&json!({
        "schema": "keystow.agent-report/1", "report": index, "findings": scan.findings.len(),
        "problems": scan.problems.len(), "put_back": reported.put_back, "lost": reported.lost,
    }))?;
    out.line(format_args!("Report {index} is with the organization: {} findings.", scan.findings.len()))?;
    if !reported.put_back.is_empty() {
        out.warn(format!(
            "The server had lost reports of this machine, and has them again: {}.",
            list(&reported.put_back)
        ));
    }
    if !reported.lost.is_empty() {
        out.warn(format!("The server has others in place of reports of this machine: {}.", list(&reported.lost)));
        out.note(format!("  try: {ENROLL_AGAIN}"));
    }
    words::show_problems(&scan, out);
    // A report that says that nothing is there is a report.
    Ok(if scan.problems.is_empty() && reported.lost.is_empty() { Outcome::Done } else { Outcome::Partly })
}

fn list(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// What the server refuses a machine has other reasons than what it refuses a person.
fn refused(error: Error) -> Failure {
    if matches!(error, Error::Account(ClientError::Lie { .. })) {
        return Failure::new(FailureKind::Damaged, error).hint(ENROLL_AGAIN);
    }
    let refusal = match &error {
        Error::Account(error) => error.refusal(),
        _ => None,
    };
    match refusal {
        Some(Refusal::NotSignedIn) => {
            let error = "the organization takes no reports from this machine: it was removed, the server lost it, or its token is over";
            Failure::new(FailureKind::ForbiddenByPolicy, error).hint(ENROLL_AGAIN)
        }
        _ => error.into(),
    }
}
