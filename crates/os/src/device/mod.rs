//! What tells one device from another, as the system hands it out: firmware, network, disk, security chip.
//!
//! Nothing here judges. `keystow_core::device` drops placeholders, weighs and compares.

#[cfg_attr(windows, path = "windows/mod.rs")]
#[cfg_attr(target_os = "linux", path = "linux/mod.rs")]
#[cfg_attr(not(any(windows, target_os = "linux")), path = "none.rs")]
mod sys;

/// What could be read of this device. A part that the system does not hand out is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// The SMBIOS structure table, without entry point and without the header that Windows puts in front.
    pub smbios: Option<Vec<u8>>,
    /// Permanent addresses of the network adapters that are on the board or in a slot, not those of USB adapters,
    /// bridges and virtual ones; sorted.
    pub mac_addresses: Vec<[u8; 6]>,
    /// Serial numbers of the disks that are built in, as the disks say them, trimmed; sorted.
    pub disk_serials: Vec<String>,
    /// The modulus of the RSA endorsement key of the TPM, big-endian, without leading zeros.
    pub tpm_endorsement_key: Option<Vec<u8>>,
    /// What only an administrator may read, in words such as "the board's serial number".
    pub refused: Vec<&'static str>,
}

/// What its owner calls this device, where the system says it.
#[must_use]
pub fn name() -> Option<String> {
    let told = std::env::var("COMPUTERNAME").ok().or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    told.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Reads what this device hands out to this user. It changes nothing and asks nothing.
#[must_use]
pub fn read() -> Readings {
    sys::read()
}
