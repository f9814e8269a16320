//! `keystow backup`

use std::path::Path;

use keystow_find::Scan;
use keystow_vault::{Opened, Vault};
use serde_json::json;

use super::args::Backup;
use super::failure::{Failure, Outcome};
use super::out::{Out, Tone};
use super::phrase::{self, New};
use super::{account, scan, vault, words};
use crate::app::App;
use crate::app::account::ACCOUNT;
use crate::app::backup::{BackedUp, Proven};
use crate::app::error::Error;
use crate::app::places::is_account;

pub(super) fn run(args: &Backup, app: &mut App, out: &mut Out) -> Result<Outcome, Failure> {
    let scan = keystow_find::scan(&words::sources(&args.sources));
    if scan.findings.is_empty() {
        words::show_problems(&scan, out);
        out.line("No product key was found, so there is nothing to back up.")?;
        return words::outcome(&scan);
    }
    scan::show(&scan, out)?;
    words::show_problems(&scan, out);
    if app.dry_run {
        out.line("\nDry run: these would go into the vault; nothing was written.")?;
        return words::outcome(&scan);
    }
    let _lock = app.begin()?;
    let new = app.needs_vault()?;
    let (vault, opened, left) = if new { create(args, app, out)? } else { existing(args, app, out)? };
    let (done, _) = app.back_up(&scan, vault, opened.as_ref())?;
    if out.json {
        out.object(&object(&done, &scan))?;
    }
    show(&done, &scan, out)?;
    let whole = done.places.iter().all(|place| place.failed.is_none() && !matches!(place.proof, Proven::No(_)));
    advice(new && whole, left, app, out)?;
    if !whole {
        out.warn("\nNot every copy is good.  try: mend or free the place that is named, then: keystow verify --repair");
        return Ok(Outcome::Partly);
    }
    words::outcome(&scan)
}

type Ready = (Vault, Option<Opened>, Option<std::path::PathBuf>);

/// Makes the vault: phrase first, so that a run that stops here leaves nothing that cannot be opened.
fn create(args: &Backup, app: &App, out: &mut Out) -> Result<Ready, Failure> {
    app.expect_no_vault()?;
    app.expect_empty_account()?;
    let named = if args.to.is_empty() { phrase::ask_place(app, out)?.into_iter().collect() } else { args.to.clone() };
    let places = app.new_places(&named)?;
    app.expect_free(&places)?;
    let New { phrase, left } = phrase::make(app.passphrase_file.as_deref(), app, out)?;
    for refused in app.create_vault(&places, &phrase)? {
        out.warn(format!("problem: {refused}"));
    }
    let vault = app.open_vault()?;
    let opened = vault.unlock(&phrase).map_err(Error::from)?;
    account::connect(&places, app, &opened, out)?;
    Ok((vault, Some(opened), left))
}

fn existing(args: &Backup, app: &App, out: &mut Out) -> Result<Ready, Failure> {
    let mut vault = app.open_vault()?;
    let mut opened = None;
    if app.device().is_none() || app.passphrase_file.is_some() {
        let key = phrase::open(&vault, app, out)?;
        app.enroll(&mut vault, &key)?;
        opened = Some(key);
    }
    if args.to.iter().any(|place| is_account(place)) && !app.holds_copy(Path::new(ACCOUNT)) {
        let key = match opened.take() {
            Some(key) => key,
            None => phrase::open(&vault, app, out)?,
        };
        account::connect(&args.to, app, &key, out)?;
        opened = Some(key);
    }
    app.finish_places(&mut vault)?;
    let vault = app.add_places(&args.to, vault)?;
    Ok((vault, opened, None))
}

fn show(done: &BackedUp, scan: &Scan, out: &mut Out) -> Result<(), Failure> {
    let count = scan.findings.len();
    let text = if done.news {
        format!("\nBacked up: {count} findings, sealed.")
    } else {
        "\nNothing new: it is all in the vault.".to_owned()
    };
    let text = out.tone(Tone::Strong, &text);
    out.line(text)?;
    for place in &done.places {
        let state = match (&place.failed, &place.proof) {
            (Some(why), _) => out.tone(Tone::Bad, &format!("NOT WRITTEN: {why}")),
            (None, Proven::Opened) => out.tone(Tone::Good, "read back and opened"),
            (None, Proven::Matched) => out.tone(Tone::Good, "read back and matched (--passphrase-file opens it too)"),
            (None, Proven::No(why)) => out.tone(Tone::Bad, &format!("NOT PROVEN: {why}")),
        };
        out.line(format_args!("  {}  {state}", place.place))?;
    }
    vault::clock(done, out);
    Ok(())
}

fn advice(new: bool, left: Option<std::path::PathBuf>, app: &App, out: &mut Out) -> Result<(), Failure> {
    let places = app.places()?;
    if let Some(left) = &left {
        out.warn(format!("\nThe recovery phrase is in {}", left.display()));
        out.note(
            "  Write its six words on paper, then delete the file: whoever has it and a copy can open everything.",
        );
    }
    let account = app.account()?.is_some() && !places.iter().any(|place| is_account(place));
    if account {
        out.note("\nNothing of it is in the account yet:  keystow backup --to account");
    }
    if app.independent(&places) < 2 {
        out.note("\nAll copies lie on one disk, and one disk is not two places: if it dies, all are gone.");
        out.note("Next:  keystow vault place add FOLDER      a USB stick or another PC's disk");
    } else if new {
        out.note("\nNext:  keystow verify                      now and then");
    }
    out.note("       keystow list                        what is in the vault");
    out.note("       keystow ready SOURCE                before you wipe a PC");
    Ok(())
}

fn object(done: &BackedUp, scan: &Scan) -> serde_json::Value {
    let place = |place: &crate::app::backup::PlaceState| {
        let (proof, why) = match &place.proof {
            Proven::Opened => ("opened", None),
            Proven::Matched => ("matched", None),
            Proven::No(why) => ("no", Some(why.clone())),
        };
        json!({"place": place.place, "written": place.failed.is_none(), "proof": proof, "error": place.failed.clone().or(why)})
    };
    let items: Vec<_> = scan
        .findings
        .iter()
        .zip(&done.items)
        .map(|(finding, item)| json!({"finding": finding.id.to_string(), "item": item.as_str()}))
        .collect();
    json!({
        "schema": "keystow.backup/1",
        "news": done.news,
        "items": items,
        "places": done.places.iter().map(place).collect::<Vec<_>>(),
        "keep": scan.keep.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
