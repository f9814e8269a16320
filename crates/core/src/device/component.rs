//! The parts by which one PC is told from another, and how much each says.

use std::fmt;

/// One part of a hardware identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Component {
    /// The serial number of the mainboard (SMBIOS type 2).
    BoardSerial,
    /// The serial number of a built-in disk.
    DiskSerial,
    /// The product key in the firmware (MSDM).
    FirmwareKey,
    /// The address of a built-in network adapter.
    MacAddress,
    /// Manufacturer and product name (SMBIOS type 1).
    Model,
    /// The UUID of the system (SMBIOS type 1).
    SmbiosUuid,
    /// The serial number of the system (SMBIOS type 1).
    SystemSerial,
    /// The endorsement key of the TPM.
    TpmEndorsementKey,
}

/// The stable name, the component, its weight, whether it is an anchor, plain words.
const COMPONENTS: [(&str, Component, u32, bool, &str); 8] = [
    ("board-serial", Component::BoardSerial, 3, true, "the mainboard's serial number"),
    ("disk-serial", Component::DiskSerial, 1, false, "a disk's serial number"),
    ("firmware-key", Component::FirmwareKey, 4, true, "the firmware product key"),
    ("mac-address", Component::MacAddress, 2, false, "a network adapter's address"),
    ("model", Component::Model, 1, false, "the model"),
    ("smbios-uuid", Component::SmbiosUuid, 4, true, "the firmware's UUID"),
    ("system-serial", Component::SystemSerial, 2, false, "the PC's serial number"),
    ("tpm-endorsement-key", Component::TpmEndorsementKey, 4, true, "the security chip (TPM)"),
];

impl Component {
    /// Every component, in the order of their names.
    pub const ALL: [Self; 8] = [
        Self::BoardSerial,
        Self::DiskSerial,
        Self::FirmwareKey,
        Self::MacAddress,
        Self::Model,
        Self::SmbiosUuid,
        Self::SystemSerial,
        Self::TpmEndorsementKey,
    ];

    /// Reads the stable name; `None` for one that is not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        COMPONENTS.iter().find(|row| row.0 == text).map(|row| row.1)
    }

    /// The stable name, in vaults and in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// How much its agreement says, 1 to 4.
    #[must_use]
    pub fn weight(self) -> u32 {
        self.row().2
    }

    /// Whether it stays with the mainboard and is one PC's own. Without an anchor that agrees, no PC is the same.
    #[must_use]
    pub fn is_anchor(self) -> bool {
        self.row().3
    }

    /// Plain words with their article, such as `the mainboard's serial number`.
    #[must_use]
    pub fn words(self) -> &'static str {
        self.row().4
    }

    fn row(self) -> &'static (&'static str, Self, u32, bool, &'static str) {
        COMPONENTS.iter().find(|row| row.1 == self).unwrap_or(&COMPONENTS[4])
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_has_its_own_row_and_survives_its_name() {
        assert!(COMPONENTS.is_sorted_by_key(|row| row.0));
        for (component, row) in Component::ALL.into_iter().zip(COMPONENTS) {
            assert_eq!(component, row.1);
            assert_eq!(Component::parse(component.as_str()), Some(component));
            assert_eq!((component.weight(), component.is_anchor(), component.words()), (row.2, row.3, row.4));
        }
        assert_eq!(Component::parse("cpu"), None);
    }

    #[test]
    fn the_anchors_are_those_of_the_mainboard_and_weigh_most() {
        use Component as C;
        let anchors: Vec<Component> = C::ALL.into_iter().filter(|component| component.is_anchor()).collect();
        assert_eq!(anchors, [C::BoardSerial, C::FirmwareKey, C::SmbiosUuid, C::TpmEndorsementKey]);
        let heaviest = |anchor| C::ALL.into_iter().filter(|c| c.is_anchor() == anchor).map(Component::weight).max();
        assert!(anchors.iter().all(|anchor| Some(anchor.weight()) > heaviest(false)));
    }
}
