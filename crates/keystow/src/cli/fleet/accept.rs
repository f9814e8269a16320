//! `keystow fleet audit --accept`: the server was restored from an older copy, and what it has now is the new beginning.

use std::collections::BTreeMap;

use keystow_account::client::{Known, Missing, MissingReports, MissingRows};
use keystow_account::id::SeriesId;
use serde_json::json;

use super::{Run, say_faults};
use crate::app::fleet::inventory::Inventory;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::out::Out;

impl Run<'_> {
    pub(super) fn accept(&self, out: &mut Out) -> Result<Outcome, Failure> {
        let fleet = self.fleet(out)?;
        let mut known = self.app.known(&fleet)?;
        let before = Inventory::of(&known);
        let (missing, looked) = self.app.accept(&fleet, &mut known)?;
        let now = Inventory::of(&known);
        let names: BTreeMap<_, _> = [&now, &before]
            .into_iter()
            .flat_map(|inventory| inventory.machines.iter().map(|machine| (machine.series, machine.name.as_str())))
            .collect();
        let named = |series: SeriesId| names.get(&series).map_or_else(|| series.to_string(), |name| (*name).to_owned());
        out.object(&object(&missing, named))?;
        for line in words(&missing, &known, named) {
            out.line(line)?;
        }
        match (missing.is_nothing(), self.app.dry_run) {
            (true, _) => out.line("Nothing is missing.")?,
            (false, true) => out.line("Dry run: this would be taken as the new beginning.")?,
            (false, false) => {
                out.line("What the server has now is taken as the new beginning.")?;
                out.note("PCs put their last reports back by themselves, when they report next.");
            }
        }
        Ok(say_faults(&looked.faults, &now, out))
    }
}

fn object(missing: &Missing, named: impl Fn(SeriesId) -> String) -> serde_json::Value {
    let machine = |series: &SeriesId| json!({"id": series, "name": named(*series)});
    let reports = missing.reports.iter().map(|MissingReports { series, before, now }| {
        json!({"id": series, "name": named(*series), "before": before, "now": now})
    });
    json!({
        "schema": "keystow.fleet-accept/1",
        "audit": missing.audit.map(|MissingRows { before, now }| json!({"before": before, "now": now})),
        "reports": reports.collect::<Vec<_>>(),
        "machines": missing.machines.iter().map(machine).collect::<Vec<_>>(),
        "again": missing.again.iter().map(machine).collect::<Vec<_>>(),
    })
}

/// What is missing, a line each.
fn words(missing: &Missing, known: &Known, named: impl Fn(SeriesId) -> String) -> Vec<String> {
    let audit = missing.audit.map(|MissingRows { before, now }| match before.checked_sub(now) {
        Some(rows @ 1..) => format!("The audit log had {before} rows and has {now}: at least {rows} are missing."),
        _ => format!(
            "The audit log had {before} rows and has {now}; row {before}, and maybe rows before it, are others."
        ),
    });
    let reports = missing.reports.iter().map(|MissingReports { series, before, now }| {
        let name = named(*series);
        if before == now {
            format!("{name}: its report {now} is another one than before.")
        } else {
            format!("{name}: went back from report {before} to {now}.")
        }
    });
    let gone = missing.machines.iter().map(|series| {
        format!(
            "{}: the server does not know it any more; it has to enroll again (keystow agent enroll --again).",
            named(*series)
        )
    });
    let again = missing.again.iter().map(|series| {
        let reports = known.machines.get(series).and_then(|machine| machine.last).map_or(0, |last| last.index);
        let name = named(*series);
        format!(
            "{name}: was removed, and is there again with {reports} reports (keystow fleet machines --remove {series})."
        )
    });
    audit.into_iter().chain(reports).chain(gone).chain(again).collect()
}
