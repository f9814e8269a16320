//! `keystow doctor`

use keystow_os::files::{self, Why};
use keystow_os::licensing::{self, LicensingError, Way};
use keystow_os::rights::{self, Rights};
use keystow_os::{firmware, registry, volumes};
use serde_json::json;

use super::failure::{Failure, Outcome};
use super::out::{Out, Tone};
use crate::app::App;
use crate::app::running::this_device;

/// One thing that was tried: whether it works, what it is, what came of it.
type Row = (bool, &'static str, String);

pub(super) fn run(app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let mut rows =
        vec![firmware_row(), volumes_row(), vault_row(app), device_row(app), phrase_row(app), hardware_row()];
    if registry::is_there() {
        rows.extend([service_row(), rights_row()]);
    }
    let objects: Vec<_> =
        rows.iter().map(|(works, what, says)| json!({"works": works, "what": what, "says": says})).collect();
    out.object(&json!({"schema": "keystow.doctor/1", "version": env!("CARGO_PKG_VERSION"), "checks": objects}))?;
    for (works, what, says) in &rows {
        let mark = if *works { out.tone(Tone::Good, "ok") } else { out.tone(Tone::Warn, "--") };
        out.line(format_args!("{mark}  {what:<10} {says}"))?;
    }
    Ok(Outcome::Done)
}

fn firmware_row() -> Row {
    match firmware::table(*b"MSDM") {
        Ok(Some(_)) => (true, "firmware", "this PC's firmware has an MSDM table".to_owned()),
        Ok(None) => (true, "firmware", "this PC's firmware has no MSDM table".to_owned()),
        Err(error) => match files::why(&error) {
            Why::NotAllowed => (false, "firmware", format!("needs more rights; try: {}", rights::advice())),
            _ => (false, "firmware", error.to_string()),
        },
    }
}

/// Whether this PC can be told from others: an OEM license belongs to one.
fn hardware_row() -> Row {
    let (identity, refused) = this_device();
    let known = keystow_core::device::Component::ALL.into_iter().filter(|part| identity.marks(*part).next().is_some());
    let known: Vec<_> = known.map(|part| part.words()).collect();
    let missing = match refused.as_slice() {
        [] => String::new(),
        refused => format!("; with more rights also {}", refused.join(", ")),
    };
    match known.as_slice() {
        [] => (false, "hardware", format!("nothing tells this PC from others{missing}")),
        known => (true, "hardware", format!("this PC is known by {}{missing}", known.join(", "))),
    }
}

fn service_row() -> Row {
    match licensing::look() {
        Ok(licenses) => {
            let way = if licenses.way == Way::Wmi { "WMI" } else { "slc.dll" };
            (
                true,
                "licenses",
                format!("the license service answers by {way}: {} product keys", licenses.products.len()),
            )
        }
        Err(LicensingError::Absent) if volumes::is_windows_pe() => {
            (true, "licenses", "WinPE has no license service; other Windows are read from their disks".to_owned())
        }
        Err(error) => (false, "licenses", error.to_string()),
    }
}

fn rights_row() -> Row {
    const READS: &str = "scanning and backing up need no more";
    match rights::of_this_process() {
        Rights::Administrator => (true, "rights", "administrator: restore can install product keys".to_owned()),
        Rights::MayElevate => {
            (true, "rights", format!("user who may become administrator; {READS}; restore --elevate asks once"))
        }
        Rights::User => (true, "rights", format!("user; {READS}; restore needs an administrator")),
    }
}

fn volumes_row() -> Row {
    match volumes::mounted() {
        Ok(found) => (true, "volumes", format!("{} mounted volumes may hold a Windows", found.len())),
        Err(error) => (false, "volumes", error.to_string()),
    }
}

fn vault_row(app: &App) -> Row {
    match app.open_vault() {
        Ok(vault) => {
            let (records, last) = vault.records();
            let last = last.map(|time| format!(", the last of {}", time.strftime("%Y-%m-%d"))).unwrap_or_default();
            (true, "vault", format!("{records} records{last}, in {} places", vault.conditions().count()))
        }
        Err(error) => (false, "vault", error.to_string()),
    }
}

fn device_row(app: &App) -> Row {
    match app.device() {
        Some(device) => (true, "device", format!("this PC may write to the vault, as {}", device.id())),
        None => {
            (false, "device", "this PC has no signing key yet; `keystow backup` or `vault init` makes one".to_owned())
        }
    }
}

fn phrase_row(app: &App) -> Row {
    let path = app.paths.phrase();
    if path.exists() {
        let says = format!("the recovery phrase lies in {}: write it down, then delete it", path.display());
        return (false, "phrase", says);
    }
    (true, "phrase", "no recovery phrase lies about on this PC".to_owned())
}
