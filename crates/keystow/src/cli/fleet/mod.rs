//! `keystow fleet`: an organization, its members, and its machines.

mod accept;
mod machines;
mod members;

use std::path::Path;

use jiff::Timestamp;
use keystow_account::client::{ClientError, Fault};
use keystow_account::wire::Refusal;
use keystow_account::wire::organization::Role;
use keystow_os::files;

use super::account::sign_in_again;
use super::args::fleet::{FleetArgs, FleetCommand, RoleArg};
use super::failure::{Failure, FailureKind, Outcome, SET_BACK};
use super::out::Out;
use crate::app::App;
use crate::app::error::{Error, at};
use crate::app::fleet::Fleet;
use crate::app::fleet::inventory::Inventory;

/// A day in seconds.
const DAY: u64 = 24 * 3600;

/// What every part of the command needs.
struct Run<'a> {
    app: &'a App,
    organization: Option<&'a str>,
}

pub(super) fn run(args: &FleetArgs, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let run = Run { app, organization: args.organization.as_deref() };
    match &args.command {
        FleetCommand::Init { name } => run.init(name, out),
        FleetCommand::Invite { role, name, days, out: file } => run.invite(*role, name, *days, file.as_deref(), out),
        FleetCommand::Join { from } => run.join(from.as_deref(), out),
        FleetCommand::Members { remove: Some(name), .. } => run.remove_member(name, out),
        FleetCommand::Members { role: Some(change), .. } => run.set_role(change, out),
        FleetCommand::Members { .. } => run.members(out),
        FleetCommand::Enroll { revoke: Some(token), .. } => run.revoke_token(token, out),
        FleetCommand::Enroll { out: Some(file), days, uses, .. } => run.enroll(file, *days, *uses, out),
        FleetCommand::Enroll { .. } => Err(Failure::usage("no file was named").hint("--out FILE")),
        FleetCommand::Machines { remove: Some(machine) } => run.remove_machine(machine, out),
        FleetCommand::Machines { remove: None } => run.machines(out),
        FleetCommand::Inventory { filter, check } => run.inventory(filter, *check, out),
        FleetCommand::Report { format, out: file, filter } => run.report(*format, file, filter, out),
        FleetCommand::Plan { machine, out: folder, anyway, .. } => run.plan(machine.as_deref(), folder, *anyway, out),
        FleetCommand::Audit { accept: true } => run.accept(out),
        FleetCommand::Audit { accept: false } => run.audit(out),
    }
}

impl Run<'_> {
    /// The organization, after a sign-in: only the password opens its keys.
    fn fleet(&self, out: &mut Out) -> Result<Fleet, Failure> {
        let (account, key) = sign_in_again(self.app, out)?;
        Ok(self.app.fleet(account, &key, self.organization)?)
    }

    /// Says what would be done, where nothing shall be.
    fn only_said(&self, what: &str, out: &mut Out) -> Result<bool, Failure> {
        if self.app.dry_run {
            out.line(format_args!("Dry run: {what}."))?;
        }
        Ok(self.app.dry_run)
    }
}

/// Writes a secret into a new file that only its owner can read.
fn write_secret(path: &Path, line: &str) -> Result<(), Failure> {
    Ok(files::write_new(path, format!("{line}\n").as_bytes()).map_err(at(path))?)
}

/// What the server refuses of an organization has other reasons than what it refuses of an account.
fn refused(error: ClientError) -> Failure {
    match error.refusal() {
        Some(Refusal::NotAllowed) => {
            Failure::new(FailureKind::ForbiddenByPolicy, "your role does not allow this").hint("ask an owner")
        }
        Some(Refusal::Conflict) => {
            let error = "the last owner stays one, and a collector needs a new invitation to read";
            Failure::new(FailureKind::ForbiddenByPolicy, error).hint("keystow fleet invite --role … --name …")
        }
        Some(Refusal::NotFound) => {
            Failure::new(FailureKind::NotFound, "it is not there, was used, or is over").hint("keystow fleet machines")
        }
        _ => Error::from(error).into(),
    }
}

/// Says what is wrong with machines. Where anything is, the command ends with an answer of no.
fn say_faults(faults: &[Fault], inventory: &Inventory, out: &mut Out) -> Outcome {
    for fault in faults.iter().take(20) {
        let name = inventory.name(fault.series).map_or_else(|| fault.series.to_string(), str::to_owned);
        out.warn(format!("not believed: {name}: {}", fault.what));
    }
    if faults.len() > 20 {
        out.warn(format!("and {} more", faults.len() - 20));
    }
    if faults.is_empty() {
        return Outcome::Done;
    }
    out.note("What was known before is shown.");
    out.note(format!("  try: {SET_BACK}"));
    Outcome::AnswerNo
}

fn role(role: RoleArg) -> Role {
    match role {
        RoleArg::Auditor => Role::Auditor,
        RoleArg::Collector => Role::Collector,
        RoleArg::Owner => Role::Owner,
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn date(seconds: i64) -> String {
    time(seconds).strftime("%Y-%m-%d").to_string()
}
