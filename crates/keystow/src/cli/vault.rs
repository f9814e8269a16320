//! `keystow vault`

use std::path::PathBuf;

use keystow_os::files::{self, Facts, FileSystem};
use serde_json::{Value, json};

use super::account;
use super::args::{PlaceCommand, Vault, VaultCommand};
use super::failure::{Failure, FailureKind, Outcome};
use super::out::{Out, Tone};
use super::phrase::{self, New};
use crate::app::App;
use crate::app::backup::{BackedUp, Proven};
use crate::app::error::Error;
use crate::app::items::Items;
use crate::app::places::{List, copy_in, is_account};

pub(super) fn run(args: &Vault, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    match &args.command {
        VaultCommand::Init { places } => init(places, app, out),
        VaultCommand::Place { command: PlaceCommand::Add { place } } => add(place, app, out),
        VaultCommand::Place { command: PlaceCommand::List } => places(app, out),
        VaultCommand::Place { command: PlaceCommand::Remove { place } } => remove(place, app, out),
        VaultCommand::Rekey { new_passphrase_file } => rekey(new_passphrase_file.as_deref(), app, out),
        VaultCommand::Prune => prune(app, out),
    }
}

/// Says what each place said, for commands that write a record.
pub(super) fn report(done: &BackedUp, out: &mut Out) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::Done;
    let mut rows = Vec::new();
    for place in &done.places {
        let why = match (&place.failed, &place.proof) {
            (Some(why), _) | (None, Proven::No(why)) => Some(why.clone()),
            _ => None,
        };
        if let Some(why) = &why {
            outcome = Outcome::Partly;
            out.warn(format!("problem: {}: {why}", place.place));
        }
        rows.push(json!({"place": place.place, "written": why.is_none(), "error": why}));
    }
    clock(done, out);
    let items: Vec<_> = done.items.iter().map(keystow_vault::ItemId::as_str).collect();
    out.object(&json!({"schema": "keystow.written/1", "news": done.news, "items": items, "places": rows}))?;
    Ok(outcome)
}

/// Says that the clock stands before the last backup.
pub(super) fn clock(done: &BackedUp, out: &mut Out) {
    if let Some(clock) = done.clock {
        out.warn(format!(
            "problem: this PC's clock says {}, before the last backup at {}; the order is kept, the times may be wrong\n  \
             try: set the clock",
            clock.now.strftime("%Y-%m-%d %H:%M"),
            clock.last.strftime("%Y-%m-%d %H:%M")
        ));
    }
}

/// Makes a vault; or takes over the one whose copy lies in a named place, on a new PC.
fn init(places: &[PathBuf], app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    if app.has_vault() && app.device().is_some() {
        return Err(Error::VaultExists { path: app.paths.vault() }.into());
    }
    if app.dry_run {
        out.line("Dry run: a vault would be made.")?;
        return Ok(Outcome::Done);
    }
    let _lock = app.begin()?;
    let folders = app.new_places(places)?;
    if folders.iter().any(|folder| app.holds_copy(folder)) {
        return adopt(folders, app, out);
    }
    app.expect_no_vault()?;
    let New { phrase, left } = phrase::make(app.passphrase_file.as_deref(), app, out)?;
    for refused in app.create_vault(&folders, &phrase)? {
        out.warn(format!("problem: {refused}"));
    }
    app.open_vault()?.unlock(&phrase).map_err(Error::from)?;
    let names: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    out.object(&json!({"schema": "keystow.vault/1", "places": names, "phrase_file": left}))?;
    out.line(format_args!("The vault is made: {}", names.join(", ")))?;
    if let Some(left) = left {
        out.warn(format!("The recovery phrase is in {}. Write it on paper, then delete the file.", left.display()));
    }
    Ok(Outcome::Done)
}

fn adopt(folders: Vec<PathBuf>, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let (own, copies): (Vec<_>, Vec<_>) = folders.into_iter().partition(|folder| !app.holds_copy(folder));
    let mut vault = app.open_vault_in(&copies)?;
    let opened = phrase::open(&vault, app, out)?;
    app.save_list(&List { places: copies, unfinished: Vec::new() })?;
    app.enroll(&mut vault, &opened)?;
    app.adopt_places(&own, vault)?;
    out.line("This PC knows the vault now, and keeps a copy of its own.")?;
    places(app, out)
}

fn add(place: &PathBuf, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    if app.dry_run {
        out.line(format_args!("Dry run: a copy would go into {}.", copy_in(place)?.display()))?;
        return Ok(Outcome::Done);
    }
    let _lock = app.begin()?;
    let vault = app.open_vault()?;
    if is_account(place) {
        let opened = phrase::open(&vault, app, out)?;
        account::connect(std::slice::from_ref(place), app, &opened, out)?;
    }
    app.add_places(std::slice::from_ref(place), vault)?;
    places(app, out)
}

fn remove(place: &PathBuf, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let _lock = app.begin()?;
    let List { places: listed, unfinished } = app.list()?;
    let place = if is_account(place) { place.clone() } else { std::path::absolute(place)? };
    let gone = |listed: &&PathBuf| **listed == place || **listed == place.join("keystow-vault");
    let Some(folder) = listed.iter().find(gone).cloned() else {
        let error = format!("{}: no copy of the vault is kept there", place.display());
        return Err(Failure::new(FailureKind::NotFound, error).hint("keystow vault place list"));
    };
    if listed.len() == 1 {
        return Err(Failure::usage("this is the only copy").hint("keystow vault place add FOLDER, first"));
    }
    if app.dry_run {
        out.line(format_args!("Dry run: {} would not be written to any more.", folder.display()))?;
        return Ok(Outcome::Done);
    }
    let without = |places: Vec<PathBuf>| places.into_iter().filter(|place| *place != folder).collect();
    app.save_list(&List { places: without(listed), unfinished: without(unfinished) })?;
    out.line(format_args!("{} is not written to any more. The copy there stays.", folder.display()))?;
    Ok(Outcome::Done)
}

/// Where copies lie, and how good each place is.
fn places(app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let listed = app.places()?;
    let mut rows: Vec<Value> = Vec::new();
    let mut lines = Vec::new();
    for folder in &listed {
        if is_account(folder) {
            let (reachable, grade) = account_grade(app)?;
            rows.push(json!({"place": "account", "reachable": reachable, "grade": grade, "free": null}));
            lines.push(format!("account\n    {}", grade.join("\n    ")));
            continue;
        }
        let facts = files::facts(folder);
        let grade = grade(folder, facts.as_ref().ok());
        rows.push(json!({
            "place": folder.display().to_string(),
            "reachable": facts.is_ok(),
            "grade": grade,
            "free": facts.as_ref().ok().and_then(|facts| facts.free),
        }));
        lines.push(format!("{}\n    {}", folder.display(), grade.join("\n    ")));
    }
    out.object(&json!({"schema": "keystow.places/1", "places": rows}))?;
    for line in lines {
        out.line(line)?;
    }
    Ok(Outcome::Done)
}

/// Whether the server answers, and how good the account is as a place.
fn account_grade(app: &App) -> Result<(bool, Vec<String>), Failure> {
    let Some(account) = app.account()? else {
        return Ok((false, vec!["this PC is signed in to no account: keystow account login".to_owned()]));
    };
    let mut words = vec![format!("sealed, as {} at {}", account.name.as_str(), account.address.url)];
    if account.address.is_here() {
        words.push("the server runs on this PC: what happens to it happens to the account".to_owned());
    }
    let status = account.client().and_then(|client| client.status());
    match &status {
        Ok(status) => words.push(format!("{} records, {} KiB", status.records, status.bytes.div_ceil(1024))),
        Err(error) => words.push(error.to_string()),
    }
    Ok((status.is_ok(), words))
}

/// How good a place is, in words.
fn grade(folder: &std::path::Path, facts: Option<&Facts>) -> Vec<String> {
    let Some(facts) = facts else { return vec!["not reachable now: plug it in or mount it".to_owned()] };
    let mut words = vec![match facts.others_can_read {
        Some(false) => "only you can read it".to_owned(),
        Some(true) => "others can read the files; they are sealed".to_owned(),
        None => "who can read it is not known; the files are sealed".to_owned(),
    }];
    match facts.file_system {
        FileSystem::Memory => words.push("it lives in memory and is gone after a restart".to_owned()),
        FileSystem::Network => words.push("on another computer".to_owned()),
        _ => {}
    }
    let text = folder.to_string_lossy().to_ascii_lowercase();
    if ["/tmp/", "/temp/", "/downloads/", "/trash/", "$recycle.bin"].iter().any(|part| text.contains(part)) {
        words.push("this folder is cleaned automatically now and then: choose another".to_owned());
    }
    if facts.read_only {
        words.push("read-only now".to_owned());
    }
    if let Some(free) = facts.free {
        words.push(format!("{} MB free", free / 1_000_000));
    }
    words
}

fn rekey(new: Option<&std::path::Path>, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let _lock = app.begin()?;
    let mut vault = app.open_vault()?;
    let mut opened = phrase::open(&vault, app, out)?;
    if app.dry_run {
        out.line("Dry run: the recovery phrase would be changed in every place.")?;
        return Ok(Outcome::Done);
    }
    app.may_write(&mut vault)?;
    let New { phrase, left } = phrase::make_next(new, app, out)?;
    let (rekeyed, proofs) = app.rekey(&mut vault, &mut opened, &phrase)?;
    let mut whole = true;
    for place in &rekeyed.places {
        if let Err(error) = &place.result {
            whole = false;
            out.warn(format!("problem: {error}\n  the old phrase still opens that copy; try: keystow verify --repair, when it is back"));
        }
    }
    for (place, why) in &proofs {
        whole = false;
        out.warn(format!("problem: {place}: {why}"));
    }
    for error in &rekeyed.kept {
        whole = false;
        out.warn(format!("problem: {error}\n  the old phrase still opens that copy; try: keystow verify --repair"));
    }
    for error in &rekeyed.late {
        whole = false;
        out.warn(format!("problem: {error}\n  try: keystow verify --repair"));
    }
    if left.is_some() && whole {
        // Only now is the old one of no more use.
        app.leave_phrases(&[&phrase])?;
    }
    out.object(&json!({"schema": "keystow.rekey/1", "file": rekeyed.file, "whole": whole, "phrase_file": left}))?;
    let text = out.tone(Tone::Strong, "The recovery phrase is changed; the old one opens no copy that was reached.");
    out.line(text)?;
    if let Some(left) = left {
        out.warn(format!("The new recovery phrase is in {}. Write it on paper, then delete the file.", left.display()));
    }
    Ok(if whole { Outcome::Done } else { Outcome::Partly })
}

fn prune(app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let mut vault = app.open_vault()?;
    let opened = phrase::open(&vault, app, out)?;
    if app.dry_run {
        let items = Items::read(&vault, &opened, app.device().as_ref());
        let retired = items.items.iter().filter(|named| named.stored.retired.is_some()).count();
        out.line(format_args!("Dry run: {retired} items are retired; those of more than 90 days would be removed."))?;
        return Ok(Outcome::Done);
    }
    let _lock = app.begin()?;
    let pruned = app.prune(&mut vault, &opened)?;
    let items: Vec<_> = pruned.items.iter().map(keystow_vault::ItemId::as_str).collect();
    out.object(&json!({"schema": "keystow.prune/1", "items": items, "files": pruned.bodies}))?;
    out.line(format_args!("{} items are gone for good ({} files).", pruned.items.len(), pruned.bodies))?;
    for kept in &pruned.kept {
        out.warn(format!("problem: {kept}"));
    }
    Ok(if pruned.kept.is_empty() { Outcome::Done } else { Outcome::Partly })
}
