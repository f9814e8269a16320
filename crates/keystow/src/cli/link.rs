//! `keystow link`

use keystow_os::desktop;
use serde_json::json;

use super::args::Link;
use super::failure::{Failure, FailureKind, Outcome};
use super::out::{Out, Tone};
use super::phrase;
use crate::app::App;
use crate::app::link::{self, Needed};
use crate::app::running::{ACTIVATION_PAGE, running};

pub(super) fn run(args: &Link, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let running = running().map_err(|why| {
        Failure::new(FailureKind::Failed, format!("{why}; a license is linked on the Windows that it activates"))
    })?;
    let needed = link::needed(&running);
    let refused = needed.iter().any(|needed| needed.holds == Some(false) && needed.what != "Account");
    show(&needed, out)?;
    let confirmed = if refused || app.dry_run { false } else { args.confirm || guide(app, out)? };
    let noted = if confirmed { note(&running, app, out)? } else { false };
    out.object(&json!({
        "schema": "keystow.link/1",
        "needed": needed.iter().map(|needed| json!({
            "what": needed.what, "holds": needed.holds, "says": needed.says,
        })).collect::<Vec<_>>(),
        "confirmed": confirmed,
        "noted": noted,
    }))?;
    Ok(if refused { Outcome::AnswerNo } else { Outcome::Done })
}

fn show(needed: &[Needed], out: &mut Out) -> Result<(), Failure> {
    for Needed { what, holds, says, next } in needed {
        let mark = match holds {
            Some(true) => out.tone(Tone::Good, "ok"),
            Some(false) => out.tone(Tone::Bad, "no"),
            None => out.tone(Tone::Warn, "??"),
        };
        out.line(format_args!("{mark}  {what:<14} {says}"))?;
        if *holds == Some(false) {
            out.note(format!("      try: {next}"));
        }
    }
    Ok(())
}

/// Opens the page, says what to do there, waits, and asks what the person saw.
fn guide(app: &App, out: &mut Out) -> Result<bool, Failure> {
    out.note("\nThe page Activation opens now. Under \"Add an account\", sign in with your Microsoft account.");
    out.note(
        "It is done when the page says: Windows is activated with a digital license linked to your Microsoft account.",
    );
    out.note("Keystow cannot see this by itself: no trace of the link is kept on this PC.");
    out.flush()?;
    if let Err(error) = desktop::open(ACTIVATION_PAGE) {
        out.warn(format!("The page could not be opened ({error}). Open Settings, System, Activation yourself."));
    }
    if !app.may_ask {
        out.note("Once you saw it:  keystow link --confirm");
        return Ok(false);
    }
    phrase::confirm("Does the page say that it is linked?", false, app, out)
}

/// Writes it down in the vault, when this PC has one.
fn note(running: &crate::app::running::Running, app: &App, out: &mut Out) -> Result<bool, Failure> {
    if app.needs_vault()? || app.device().is_none() {
        out.warn("There is no vault on this PC to write it down in.");
        out.note("Next:  keystow backup, then keystow link --confirm");
        return Ok(false);
    }
    let _lock = app.begin()?;
    app.note_linked(running, app.open_vault()?)?;
    let today = app.now().strftime("%Y-%m-%d").to_string();
    out.line(format_args!("Written down: on {today} you saw in Settings that the license is linked."))?;
    Ok(true)
}
