//! Which license of the vault belongs on this PC, in words: after a sign-in, and for `restore` without an item.

use keystow_core::identify::transfer::{Asked, Step};
use keystow_vault::{Opened, Vault};
use serde_json::json;

use super::failure::{Failure, Outcome};
use super::list;
use super::out::{Out, Tone};
use crate::app::App;
use crate::app::belongs::{Belonging, belonging};
use crate::app::items::Items;

/// Compares every item with this PC, says which belongs here and why, and what to do next.
pub(super) fn show(app: &App, vault: &Vault, opened: &Opened, out: &mut Out) -> Result<Outcome, Failure> {
    let items = Items::read(vault, opened, app.device().as_ref());
    let found = belonging(&items);
    let object = |found: &Belonging<'_>| {
        json!({
            "item": found.named.name, "product": found.product.name, "likeness": found.comparison.likeness.as_str(),
            "step": found.decision.step.as_str(), "rule": found.decision.rule.id, "words": found.decision.sentence(),
        })
    };
    out.object(&json!({
        "schema": "keystow.belongs/1",
        "windows": found.windows, "items": found.items.iter().map(object).collect::<Vec<_>>(),
    }))?;
    if found.items.is_empty() {
        out.line("The vault holds no product key or license yet.")?;
        out.note("Next:  keystow backup");
        return Ok(Outcome::NothingFound);
    }
    match &found.windows {
        Some(windows) => out.line(format_args!("\n{windows}, beside each item of the vault:"))?,
        None => out.line("\nNo Windows runs here, so editions are not compared:")?,
    }
    for found in &found.items {
        let (mark, tone) = match found.decision.step {
            Step::Apply | Step::LeaveToSetup => ("BELONGS HERE", Tone::Good),
            Step::Ask(Asked::OnlyPc) => ("MAY MOVE HERE", Tone::Good),
            Step::Ask(_) => ("PERHAPS", Tone::Strong),
            Step::Account => ("ACCOUNT", Tone::Strong),
            Step::Organization => ("ORGANIZATION", Tone::Strong),
            Step::Refuse => ("NOT HERE", Tone::Bad),
        };
        let mark = out.tone(tone, &format!("{mark:<13}"));
        let (name, key) = (&found.named.name, list::key(found.named, out));
        out.line(format_args!("{mark} {name:<3} {key}  {}", found.product.name))?;
        out.note(format!("              {}", found.comparison.sentence()));
        out.note(format!("              {}", found.decision.sentence()));
    }
    let best = found.items.iter().find(|found| matches!(found.decision.step, Step::Apply | Step::Ask(_)));
    match (best, &found.windows) {
        (Some(best), Some(_)) => out.note(format!("\nNext:  keystow restore {}", best.named.name)),
        (Some(best), None) => {
            out.note(format!(
                "\nNext:  keystow restore {} --setup FOLDER     the files that Setup reads",
                best.named.name
            ));
        }
        (None, _) => out.note("\nNothing of it can be entered on this PC.  keystow list shows all."),
    }
    Ok(Outcome::Done)
}
