//! `keystow agent`: a machine of an organization. It never asks, so that it runs from a schedule.

use std::path::Path;
use std::thread;
use std::time::Duration;

use keystow_account::wire::Refusal;
use serde_json::json;

use super::args::fleet::{AgentArgs, AgentCommand};
use super::failure::{Failure, FailureKind, Outcome};
use super::out::Out;
use super::words;
use crate::app::App;
use crate::app::error::Error;
use crate::app::vaults::first_line;

pub(super) fn run(args: &AgentArgs, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    match &args.command {
        AgentCommand::Enroll { token_file, again } => {
            if app.dry_run {
                out.line("Dry run: this machine would be enrolled.")?;
                return Ok(Outcome::Done);
            }
            app.enroll_machine(&first_line(token_file)?, *again).map_err(refused)?;
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
    let (scan, index) = app.report(from).map_err(refused)?;
    out.object(&json!({
        "schema": "keystow.agent-report/1", "report": index, "findings": scan.findings.len(),
        "problems": scan.problems.len(),
    }))?;
    out.line(format_args!("Report {index} is with the organization: {} findings.", scan.findings.len()))?;
    words::show_problems(&scan, out);
    // A report that says that nothing is there is a report.
    Ok(if scan.problems.is_empty() { Outcome::Done } else { Outcome::Partly })
}

/// What the server refuses a machine has other reasons than what it refuses a person.
fn refused(error: Error) -> Failure {
    let refusal = match &error {
        Error::Account(error) => error.refusal(),
        _ => None,
    };
    match refusal {
        Some(Refusal::NotSignedIn) => {
            let error = "the organization takes no reports from this machine: it was removed, or its token is over";
            Failure::new(FailureKind::ForbiddenByPolicy, error)
                .hint("a new token from who runs the fleet, then: keystow agent enroll --again --token-file FILE")
        }
        _ => error.into(),
    }
}
