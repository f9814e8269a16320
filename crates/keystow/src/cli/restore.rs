//! `keystow restore`

use std::path::Path;

use keystow_core::ProductKey;
use keystow_core::answer::AnswerError;
use keystow_core::identify::{LicenseType, Product};
use serde_json::json;

use super::args::Restore;
use super::failure::{Failure, FailureKind, Outcome};
use super::out::Out;
use super::{belongs, export, fit as cli_fit, install, list, phrase};
use crate::app::App;
use crate::app::error::{Error, at};
use crate::app::export::full_key;
use crate::app::fit::{self, Target};
use crate::app::items::Named;
use crate::app::running::{LIVE, running};
use crate::app::setup;

pub(super) fn run(args: &Restore, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    if args.item.is_none() && !args.install.undo {
        let vault = app.open_vault()?;
        let opened = phrase::open(&vault, app, out)?;
        return belongs::show(app, &vault, &opened, out);
    }
    if wants_install(args, out) {
        return install::run(args, app, out);
    }
    let (live, other) = match args.windows.as_deref() {
        Some(LIVE) => (Some(running().map_err(cli_fit::no_target)?), None),
        wanted => (None, wanted.map(cli_fit::target).transpose()?),
    };
    let target = live.as_ref().map(|running| &running.target).or(other.as_ref());
    let items = list::read(app, out)?;
    let named = items.pick(args.item.as_deref().unwrap_or_default())?;
    let product = fit::product_of_item(&named.stored.item);
    if let Some(target) = target {
        check(named, &product, target, out)?;
    }
    if let Some(running) = &live {
        install::refuse_other_pc(named, args, running)?;
    }
    match (&args.setup, &args.export) {
        (Some(folder), _) => setup(named, &product, folder, target.is_some(), app, out),
        (None, Some(path)) => plain(named, path, args, app, out),
        (None, None) => show(named, target, &product, out),
    }
}

/// On Windows a product key is given back to the Windows that runs, unless another thing was asked for. WinPE is no
/// Windows to give it to.
fn wants_install(args: &Restore, out: &Out) -> bool {
    let asked = args.install.method.is_some() || args.install.undo || args.install.yes || args.install.elevate;
    let other = args.setup.is_some() || args.export.is_some() || args.windows.is_some() || out.reveal;
    let runs = keystow_os::registry::is_there() && !keystow_os::volumes::is_windows_pe();
    asked || (runs && !other)
}

/// Refuses what does not fit, before anything is written.
fn check(named: &Named, product: &Product, target: &Target, out: &mut Out) -> Result<(), Failure> {
    let fitting = fit::check(product, target);
    if fitting.answer.fits() == Some(false) {
        let error = format!("{} ({}) does not fit {}: {}", named.name, product.name, target.name, fitting.rule.says);
        return Err(Failure::new(FailureKind::DoesNotFit, error).hint("keystow list --fits WINDOWS"));
    }
    let oem = product.license_type() == Some(LicenseType::Oem);
    let other_board = target.firmware.is_some() && target.firmware.as_ref() != named.stored.item.product_key.as_ref();
    if oem && target.is_pc && other_board {
        let error = format!("{} came with another PC; an OEM license does not move to {}", named.name, target.name);
        return Err(Failure::new(FailureKind::OtherMainboard, error).hint("the product key in that PC's own firmware"));
    }
    out.note(format!("{} for {}: {} ({})", product.name, target.name, cli_fit::answer(&fitting), fitting.rule.says));
    Ok(())
}

pub(super) fn whole(named: &Named) -> Result<&ProductKey, Failure> {
    named.stored.item.product_key.as_ref().ok_or_else(|| {
        let error = format!("{} has no whole product key; only what Windows kept is in the vault", named.name);
        Failure::new(FailureKind::NotFound, error).hint("the account or the receipt of the purchase")
    })
}

fn show(named: &Named, target: Option<&Target>, product: &Product, out: &mut Out) -> Result<Outcome, Failure> {
    whole(named)?;
    let mut object = list::object(named, out);
    if let serde_json::Value::Object(members) = &mut object {
        members.insert("schema".to_owned(), json!("keystow.restore/1"));
        let fitting = target.map(|target| cli_fit::object(&fit::check(product, target), target, &product.name));
        members.insert("fit".to_owned(), json!(fitting));
    }
    out.object(&object)?;
    let key = list::key(named, out);
    out.line(format_args!("{}  {key}  {}", named.name, named.stored.item.about.product))?;
    if named.stored.item.product_key.is_some() && !out.reveal {
        out.note(format!("\nNext:  keystow restore {} --reveal                 the whole product key", named.name));
        out.note(format!("       keystow restore {} --setup FOLDER           the files that Setup reads", named.name));
    }
    if named.stored.item.product_key.is_some() && out.reveal {
        let way = if product.is_old_windows() { "Control Panel, System" } else { "Settings, System, Activation" };
        out.note(format!("\nOn the PC: {way}, Change product key. Type it there."));
    }
    Ok(Outcome::Done)
}

fn plain(named: &Named, path: &Path, args: &Restore, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    whole(named)?;
    if app.dry_run {
        out.line(format_args!("Dry run: {} would go into {}.", named.name, path.display()))?;
        return Ok(Outcome::Done);
    }
    let text = export::format(&[named], args.format, full_key)?;
    app.write_plain(path, text.as_bytes(), args.anyway)?;
    out.line(format_args!("{} is in {}.", named.name, path.display()))?;
    out.warn("This file shows the product key to everyone who gets it. Delete it when you are done with it.");
    Ok(Outcome::Done)
}

/// The files that Setup reads: beside `setup.exe` the answer file, in `sources` the other two.
fn setup(
    named: &Named,
    product: &Product,
    folder: &Path,
    compared: bool,
    app: &App,
    out: &mut Out,
) -> Result<Outcome, Failure> {
    let key = whole(named)?;
    if !folder.is_dir() {
        return Err(Error::PlaceMissing { path: folder.to_owned() }.into());
    }
    let failed = |error: AnswerError| Failure::new(FailureKind::Failed, error);
    let edition = product.edition.as_ref().map(|edition| edition.id());
    let files = setup::files(key, edition, product.license_type()).map_err(failed)?;
    let files = files.map(|(name, text)| (folder.join(name), text));
    if let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
        let error = format!("{} is there already", there.display());
        return Err(Failure::new(FailureKind::Failed, error).hint("move it away; Keystow replaces no file"));
    }
    for (path, text) in &files {
        if app.dry_run {
            out.line(format_args!("Dry run: would write {}", path.display()))?;
            continue;
        }
        keystow_os::files::create_dir(path.parent().unwrap_or(folder)).map_err(at(path))?;
        // Installation media are FAT by nature.
        app.write_plain(path, text.as_bytes(), true)?;
        out.line(format_args!("{}", path.display()))?;
    }
    out.object(&json!({
        "schema": "keystow.setup/1",
        "files": files.iter().map(|(path, _)| path.display().to_string()).collect::<Vec<_>>(),
    }))?;
    if app.dry_run {
        return Ok(Outcome::Done);
    }
    if !compared {
        let edition = product.edition.as_ref().map_or("its own edition", |edition| edition.name());
        out.note(format!("No Windows was named (--for), so nothing was compared: use media of {edition}."));
    }
    out.warn("These files show the product key to everyone who gets them. Delete them after the installation.");
    out.note("Setup reads sources/PID.txt and sources/ei.cfg by itself. For an installation that asks nothing, rename");
    out.note(
        "unattend.xml to autounattend.xml, or start setup.exe /unattend:unattend.xml. It accepts the license terms.",
    );
    Ok(Outcome::Done)
}
