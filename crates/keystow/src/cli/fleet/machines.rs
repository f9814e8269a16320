//! Machines: what they reported, and the files to set them up again.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use keystow_account::id::SeriesId;
use keystow_account::wire::organization::{Action, Entry, Role};
use keystow_os::files as disk;
use serde_json::json;

use super::{Run, date, refused, say_faults, time};
use crate::app::error::{Error, at};
use crate::app::fleet::inventory::{Filter, Inventory, Line, Machine};
use crate::app::fleet::{Fleet, FleetError, plan, table};
use crate::app::setup;
use crate::cli::args::fleet::Table;
use crate::cli::failure::{Failure, FailureKind, Outcome};
use crate::cli::out::{Out, Tone};

impl Run<'_> {
    /// For every role: what the server says, with names where the role opens reports.
    pub(super) fn machines(&self, out: &mut Out) -> Result<Outcome, Failure> {
        let fleet = self.fleet(out)?;
        let (inventory, faults) = match fleet.role {
            Role::Collector => (Inventory::default(), Vec::new()),
            Role::Owner | Role::Auditor => self.opened(&fleet)?,
        };
        let listed = fleet.client.machines(fleet.id).map_err(refused)?;
        let known: BTreeMap<_, _> =
            inventory.machines.iter().map(|machine| (machine.series, machine.name.as_str())).collect();
        let names = listed.iter().map(|machine| known.get(&machine.series).copied().unwrap_or_default());
        let names: Vec<_> = names.collect();
        let objects = listed.iter().zip(&names).map(|(machine, name)| {
            json!({
                "id": machine.series, "name": name, "token": machine.invite,
                "enrolled": time(machine.created).to_string(), "reports": machine.last.map_or(0, |last| last.index),
                "last_report": machine.last.map(|last| time(last.received).to_string()),
            })
        });
        let tokens = match fleet.role {
            Role::Auditor => Vec::new(),
            Role::Owner | Role::Collector => fleet.client.invites(fleet.id).map_err(refused)?,
        };
        let tokens: Vec<_> = tokens.into_iter().filter(|token| token.role.is_none()).collect();
        let token_objects = tokens.iter().map(
            |token| json!({"id": token.invite, "expires": time(token.expires).to_string(), "uses_left": token.uses}),
        );
        let removed = removed(&fleet)?;
        let removed_objects = removed
            .iter()
            .map(|(series, name, at)| json!({"id": series, "name": name, "removed": time(*at).to_string()}));
        out.object(&json!({
            "schema": "keystow.fleet-machines/1", "machines": objects.collect::<Vec<_>>(),
            "tokens": token_objects.collect::<Vec<_>>(), "removed": removed_objects.collect::<Vec<_>>(),
        }))?;
        for (machine, name) in listed.iter().zip(&names) {
            let last = machine.last.map_or("no report yet".to_owned(), |last| {
                format!("{} reports, last on {}", last.index, date(last.received))
            });
            out.line(format_args!("{}  {name:<20} since {}, {last}", machine.series, date(machine.created)))?;
        }
        if listed.is_empty() {
            out.line("No machine has enrolled yet.")?;
        }
        for (series, name, at) in &removed {
            out.line(format_args!("{series}  {name:<20} removed on {}", date(*at)))?;
        }
        for token in &tokens {
            let uses = token.uses.map_or(String::new(), |uses| format!(", for {uses} more machines"));
            out.line(format_args!("Token {}  good until {}{uses}", token.invite, date(token.expires)))?;
        }
        Ok(say_faults(&faults, &inventory, out))
    }

    pub(super) fn remove_machine(&self, wanted: &str, out: &mut Out) -> Result<Outcome, Failure> {
        if self.only_said(&format!("{wanted} would be removed"), out)? {
            return Ok(Outcome::Done);
        }
        let fleet = self.fleet(out)?;
        let (inventory, _) = self.opened(&fleet)?;
        let machine = pick(&inventory, wanted)?;
        fleet.client.remove_machine(fleet.id, fleet.key()?, machine.series, &machine.name).map_err(refused)?;
        out.line(format_args!("{} and its reports are removed.", machine.name))?;
        Ok(Outcome::Done)
    }

    pub(super) fn inventory(&self, filters: &[String], check: bool, out: &mut Out) -> Result<Outcome, Failure> {
        let filters = parse(filters)?;
        let fleet = self.fleet(out)?;
        let (mut inventory, mut faults) = self.opened(&fleet)?;
        if check {
            let tally = fleet.client.check_reports(fleet.id, &self.app.known(&fleet)?).map_err(refused)?;
            out.note(format!("{} reports were opened, each after the one before.", tally.reports));
            faults.extend(tally.faults);
        }
        inventory.filter(&filters, self.app.now());
        if out.json {
            let mut object = table::json(&inventory, &fleet.membership.name);
            if let serde_json::Value::Object(members) = &mut object {
                let said = faults.iter().map(|fault| json!({"machine": fault.series, "what": fault.what}));
                members.insert("not_believed".to_owned(), json!(said.collect::<Vec<_>>()));
            }
            out.object(&object)?;
        } else {
            show(&inventory, out)?;
        }
        let ended = say_faults(&faults, &inventory, out);
        Ok(if ended == Outcome::Done && inventory.lines.is_empty() { Outcome::NothingFound } else { ended })
    }

    pub(super) fn report(
        &self,
        format: Table,
        file: &Path,
        filters: &[String],
        out: &mut Out,
    ) -> Result<Outcome, Failure> {
        let filters = parse(filters)?;
        if self.only_said(&format!("the inventory would go into {}", file.display()), out)? {
            return Ok(Outcome::Done);
        }
        let fleet = self.fleet(out)?;
        let (mut inventory, faults) = self.opened(&fleet)?;
        inventory.filter(&filters, self.app.now());
        let name = &fleet.membership.name;
        let text = match format {
            Table::Csv => table::csv(&inventory),
            Table::Html => table::html(&inventory, name, self.app.now()),
            Table::Json => crate::cli::out::ascii(
                &serde_json::to_string_pretty(&table::json(&inventory, name)).map_err(std::io::Error::other)?,
            ),
        };
        disk::write_new(file, text.as_bytes()).map_err(at(file))?;
        out.line(format_args!("{} lines are in {}. Product keys are hidden.", inventory.lines.len(), file.display()))?;
        Ok(say_faults(&faults, &inventory, out))
    }

    pub(super) fn plan(
        &self,
        wanted: Option<&str>,
        folder: &Path,
        anyway: bool,
        out: &mut Out,
    ) -> Result<Outcome, Failure> {
        let fleet = self.fleet(out)?;
        let (inventory, faults) = self.opened(&fleet)?;
        let one = wanted.map(|wanted| pick(&inventory, wanted)).transpose()?.map(|machine| machine.series);
        let plans = plan::plans(&inventory, |machine| one.is_none_or(|one| machine.series == one), folder);
        let (mut written, mut left) = (Vec::new(), Vec::new());
        for plan in &plans {
            let (found, key) = match plan.needs {
                Ok(needs) => needs,
                Err(why) => {
                    out.note(format!("{}: {why}", plan.machine.name));
                    left.push(json!({"name": plan.machine.name, "why": why}));
                    continue;
                }
            };
            if self.only_said(&format!("would write {}", plan.folder.display()), out)? {
                continue;
            }
            let failed = |error: &dyn Display| Failure::new(FailureKind::Failed, error);
            let files = setup::files(key, found.edition.as_deref(), found.license_type());
            for (name, text) in files.map_err(|error| failed(&error))? {
                let path = plan.folder.join(name);
                disk::create_dir(path.parent().unwrap_or(folder)).map_err(at(&path))?;
                self.app.write_plain(&path, text.as_bytes(), anyway)?;
            }
            out.line(format_args!("{}", plan.folder.display()))?;
            written.push(json!({"name": plan.machine.name, "folder": plan.folder.display().to_string()}));
        }
        out.object(&json!({"schema": "keystow.fleet-plan/1", "written": written, "left": left}))?;
        if !written.is_empty() {
            out.warn("These files show product keys to everyone who gets them. Delete them after the installation.");
        }
        let ended = say_faults(&faults, &inventory, out);
        Ok(match (ended, written.is_empty() && !self.app.dry_run) {
            (Outcome::Done, true) => Outcome::NothingFound,
            (ended, _) => ended,
        })
    }

    /// The inventory as it is now, and what is not believed.
    fn opened(&self, fleet: &Fleet) -> Result<(Inventory, Vec<keystow_account::client::Fault>), Failure> {
        let mut known = self.app.known(fleet)?;
        let looked = self.app.look(fleet, &mut known)?;
        Ok((Inventory::of(&known), looked.faults))
    }
}

/// The machines that were removed, as the audit log names them, and when.
fn removed(fleet: &Fleet) -> Result<Vec<(SeriesId, String, i64)>, Failure> {
    if !fleet.role.reads() {
        return Ok(Vec::new());
    }
    let key = fleet.membership.held.enroll_key();
    let removed = |entry: &Entry| {
        let id = entry.subject.0.first_chunk::<16>().filter(|_| entry.action == Action::MachineRemoved)?;
        Some((SeriesId::new(*id), entry.name(&key).unwrap_or_default(), entry.time))
    };
    let entries = fleet.client.audit(fleet.id, None).map_err(refused)?;
    Ok(entries.iter().filter_map(removed).collect())
}

fn parse(filters: &[String]) -> Result<Vec<Filter>, Failure> {
    let one = |text: &String| {
        Filter::parse(text).ok_or_else(|| Failure::usage(format!("{text} is no filter")).hint(Filter::ALL))
    };
    filters.iter().map(one).collect()
}

/// The machine that a person means: by name, or by the beginning of its id.
fn pick<'a>(inventory: &'a Inventory, wanted: &str) -> Result<&'a Machine, Failure> {
    let named = |machine: &&Machine| {
        machine.name.eq_ignore_ascii_case(wanted)
            || (wanted.len() >= 4 && machine.series.to_string().starts_with(wanted))
    };
    let found: Vec<_> = inventory.machines.iter().filter(named).collect();
    match found.as_slice() {
        [machine] => Ok(machine),
        [] => Err(Error::from(FleetError::NoMachine { name: wanted.to_owned() }).into()),
        several => {
            let ids: Vec<_> = several.iter().map(|machine| machine.series.to_string()).collect();
            let error = format!("{wanted} means {} machines", several.len());
            Err(Failure::usage(error).hint(ids.join(", ")))
        }
    }
}

fn show(inventory: &Inventory, out: &mut Out) -> Result<(), Failure> {
    for line in &inventory.lines {
        if let Some(text) = text(inventory, line, out) {
            out.line(text)?;
        }
    }
    let (machines, lines) = (inventory.machines.len(), inventory.lines.len());
    out.note(format!("\n{lines} lines, {machines} machines."));
    if lines > 0 {
        out.note("Next:  keystow fleet plan --for MACHINE --out FOLDER     the files that Setup reads");
    }
    Ok(())
}

fn text(inventory: &Inventory, line: &Line, out: &Out) -> Option<String> {
    let (machine, found) = inventory.parts(line)?;
    let seen = machine
        .report
        .as_ref()
        .map_or_else(|| "no report".to_owned(), |report| report.time.strftime("%Y-%m-%d").to_string());
    let Some(found) = found else {
        let what = if machine.report.is_some() { "nothing found" } else { "not reported yet, or not to be read" };
        return Some(format!("{:<20} {:<10}  {what}", machine.name, seen));
    };
    let key = found.last_five().map_or_else(|| "-----".to_owned(), |partial| partial.to_string());
    let channel = found.channel.as_deref().unwrap_or("?");
    let copies =
        if line.copies > 1 { out.tone(Tone::Warn, &format!("  on {} machines", line.copies)) } else { String::new() };
    let generic = if found.generic { ", nobody's own" } else { "" };
    Some(format!(
        "{:<20} {seen:<10}  {key}  {} ({channel}{generic}), {}{copies}",
        machine.name, found.product, found.verdict
    ))
}
