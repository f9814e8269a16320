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
    // A product key for a KMS client is public, and still the one that an organization installs with.
    let volume = |found: &&Found| found.license.as_deref() == Some("volume");
    let whole = |found: &'_ Found| found.product_key.is_some();
    let installed = windows().find(|found| found.installed);
    let found = match installed {
        Some(found) if volume(&found) && !whole(found) => {
            windows().filter(volume).find(|other| whole(other) && other.last_five() == found.last_five())
        }
        Some(found) => Some(found),
        None => windows().filter(volume).find(|found| whole(found)),
    };
    match found {
        Some(found) if found.generic && !volume(&found) => {
            Err("its license is a digital one: skip the product key, and it activates by itself")
        }
        Some(found) => {
            found.product_key.as_ref().map(|key| (found, key)).ok_or("only a part of its product key is known")
        }
        None if installed.is_some() => Err("Windows has cleared its volume product key; take it from your own records"),
        None => Err("no product key of a Windows was found on it"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Report;
    use super::*;

    const CLIENT: &str = "W269N-WFGWX-YVC9B-4J6C9-T83GX";
    const GENERIC: &str = "VK7JG-NPHTM-C97JM-9MPGT-3V66T";

    fn found(key: Option<&str>, license: &str, installed: bool) -> Found {
        Found {
            product_key: key.map(|key| ProductKey::parse(key).unwrap()),
            partial_key: Some("T83GX".to_owned()),
            license: Some(license.to_owned()),
            generic: true,
            windows: true,
            installed,
            ..Found::default()
        }
    }

    fn needed(findings: Vec<Found>) -> Result<String, &'static str> {
        let report = Report { findings, ..Report::default() };
        let series = keystow_account::id::SeriesId::new([0; 16]);
        let machine = Machine { series, name: "A".to_owned(), reports: 1, report: Some(report) };
        needs(&machine).map(|(_, key)| key.reveal().as_str().to_owned())
    }

    #[test]
    fn a_public_volume_key_is_planned_with_and_a_public_retail_key_is_not() {
        assert_eq!(needed(vec![found(Some(CLIENT), "volume", true)]).unwrap(), CLIENT);
        assert_eq!(needed(vec![found(Some(CLIENT), "volume", false)]).unwrap(), CLIENT, "kept beside, none installed");
        let cleared = || found(None, "volume", true);
        assert_eq!(needed(vec![cleared(), found(Some(CLIENT), "volume", false)]).unwrap(), CLIENT, "kept beside");
        assert!(needed(vec![cleared()]).unwrap_err().contains("cleared"));
        let digital = needed(vec![found(Some(GENERIC), "retail", true), found(Some(CLIENT), "volume", false)]);
        assert!(digital.unwrap_err().contains("digital"), "what is installed counts");
    }
}
