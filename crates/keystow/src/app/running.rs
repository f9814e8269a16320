//! The Windows that runs, as the one that a product key is given back to.

use keystow_core::device::{Component, DeviceIdentity};
use keystow_core::smbios::Smbios;
use keystow_find::{Activation, Held, PlaceKind, Scan, Source, THIS_PC};
use keystow_os::{device, firmware};

use super::fit::{self, Target};

/// The Windows that runs, and the PC it runs on.
pub(crate) struct Running {
    pub(crate) target: Target,
    /// The firmware, the registry and what the license service says.
    pub(crate) scan: Scan,
    pub(crate) activation: Option<Activation>,
    pub(crate) device: DeviceIdentity,
}

/// The name of the Windows that runs, where a Windows is asked for.
pub(crate) const LIVE: &str = "live";

/// The page of Settings that takes a product key, and shows and makes the link to an account; since Windows 10.
pub(crate) const ACTIVATION_PAGE: &str = "ms-settings:activation";

/// Looks at the Windows that runs and at its PC. The words say why there is none to look at.
pub(crate) fn running() -> Result<Running, String> {
    let (target, scan) = look()?;
    let activation = scan.installations.iter().find_map(|windows| windows.activation.clone());
    Ok(Running { target, activation, scan, device: this_device().0 })
}

/// Looks at the Windows that runs, and at no hardware but its firmware.
pub(crate) fn look() -> Result<(Target, Scan), String> {
    let scan = keystow_find::scan(&[Source::ThisWindows]);
    if scan.installations.is_empty() {
        return Err("no Windows runs here".to_owned());
    }
    Ok((fit::in_scan(THIS_PC, &scan)?, scan))
}

impl Running {
    /// What Windows holds as its product key now.
    pub(crate) fn installed(&self) -> Option<&Held> {
        self.scan.findings.iter().find(|finding| finding.place == PlaceKind::Installed).map(|finding| &finding.held)
    }
}

/// What tells this device from others, and what only an administrator could read of it.
pub(crate) fn this_device() -> (DeviceIdentity, Vec<&'static str>) {
    let readings = device::read();
    let smbios = readings.smbios.as_deref().and_then(|table| Smbios::parse(table).ok());
    let mut identity = smbios.map(|smbios| DeviceIdentity::of_smbios(&smbios)).unwrap_or_default();
    for mac in readings.mac_addresses {
        identity.note_mac(mac);
    }
    for serial in &readings.disk_serials {
        identity.note(Component::DiskSerial, serial);
    }
    if let Some(key) = &readings.tpm_endorsement_key {
        identity.note_endorsement_key(key);
    }
    if let Ok(Some(table)) = firmware::table(*b"MSDM")
        && let Ok(table) = keystow_core::acpi::Msdm::parse(&table)
        && let keystow_core::acpi::MsdmContent::ProductKey(key) = &table.content
    {
        identity.note_firmware_key(key);
    }
    (identity, readings.refused)
}
