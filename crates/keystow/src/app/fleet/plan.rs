//! The files that Setup reads, for machines of an organization: made at the moment of deployment, from the last report
//! of each machine.

use std::path::{Path, PathBuf};

use super::inventory::{Inventory, Machine};
use super::report::Found;
use keystow_core::ProductKey;

/// What Setup gets to know for one machine.
pub(crate) struct Plan<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) folder: PathBuf,
    pub(crate) needs: Result<(&'a Found, &'a ProductKey), &'static str>,
}

/// What each machine needs, in a folder of its own.
pub(crate) fn plans<'a>(inventory: &'a Inventory, wanted: impl Fn(&Machine) -> bool, folder: &Path) -> Vec<Plan<'a>> {
    let machines: Vec<_> = inventory.machines.iter().filter(|machine| wanted(machine)).collect();
    let plan = |machine: &&'a Machine| {
        let clear = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
        let mut name: String = machine.name.chars().map(clear).collect();
        let same = machines.iter().filter(|other| other.name.eq_ignore_ascii_case(&machine.name)).count();
        if same > 1 {
            name = format!("{name}-{}", machine.series);
        }
        Plan { machine, folder: folder.join(name), needs: needs(machine) }
    };
    machines.iter().map(plan).collect()
}

/// The product key that Setup needs on a machine, or why it needs none.
fn needs(machine: &Machine) -> Result<(&Found, &ProductKey), &'static str> {
    let report = machine.report.as_ref().ok_or("it has not reported yet")?;
    let windows = || report.findings.iter().filter(|found| found.windows);
    let own = |found: &&Found| found.keep && !found.generic && found.product_key.is_some();
    if let Some(found) = windows().find(own)
        && let Some(key) = &found.product_key
    {
        return match found.channel.as_deref() {
            Some("OEM:DM") => Err("Setup takes its product key from the firmware by itself"),
            _ => Ok((found, key)),
        };
    }
    match windows().find(|found| found.installed) {
        Some(found) if found.generic && found.license.as_deref() != Some("volume") => {
            Err("its license is a digital one: skip the product key, and it activates by itself")
        }
        Some(found) if found.license.as_deref() == Some("volume") => match &found.product_key {
            Some(key) => Ok((found, key)),
            None => Err("Windows has cleared its volume product key; take it from your own records"),
        },
        Some(_) => Err("only a part of its product key is known"),
        None => Err("no product key of a Windows was found on it"),
    }
}
