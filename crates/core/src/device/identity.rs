//! What is kept of a PC: digests of its serial numbers, none of the numbers themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Component, placeholder};
use crate::ProductKey;
use crate::identify::identify;
use crate::smbios::Smbios;

/// What every digest begins with: its purpose and version.
const PURPOSE: &[u8] = b"keystow-device-1\0";

/// The digest of one value: the first 16 bytes of SHA-256 over `keystow-device-1`, a zero, the name of the component,
/// a zero, and the value. It keeps serial numbers out of exports and logs. Whoever can guess a short value, such as a
/// network address, can still confirm the guess.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark([u8; 16]);

/// The hardware identity of a PC: for every component the marks of its values, none where nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceIdentity {
    marks: BTreeMap<Component, BTreeSet<Mark>>,
}

impl Mark {
    /// Reads 32 hexadecimal digits, in either case; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    fn of(component: Component, value: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update(PURPOSE);
        digest.update(component.as_str());
        digest.update([0]);
        digest.update(value);
        let digest: [u8; 32] = digest.finalize().into();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({self})")
    }
}

impl DeviceIdentity {
    /// What an SMBIOS table says: UUID, serial numbers of system and mainboard, and the model.
    #[must_use]
    pub fn of_smbios(smbios: &Smbios) -> Self {
        let mut identity = Self::default();
        if let Some(system) = &smbios.system {
            if let Some(uuid) = system.uuid {
                identity.note_uuid(uuid);
            }
            identity.note(Component::SystemSerial, system.serial_number.as_deref().unwrap_or_default());
            identity.note_model(system.manufacturer.as_deref(), system.product_name.as_deref());
        }
        let serial = smbios.board.as_ref().and_then(|board| board.serial_number.as_deref());
        identity.note(Component::BoardSerial, serial.unwrap_or_default());
        identity
    }

    /// Takes a value as people and systems write it: case and space around it do not matter. A UUID, a network address
    /// and an endorsement key are hexadecimal, with or without dashes, colons and braces; a product key is its 25
    /// symbols. Placeholders are ignored, and so is what is not of the component's form.
    pub fn note(&mut self, component: Component, value: &str) {
        match component {
            Component::SmbiosUuid => {
                if let Some(uuid) = hex(value).and_then(|bytes| bytes.try_into().ok()) {
                    self.note_uuid(uuid);
                }
            }
            Component::MacAddress => {
                if let Some(address) = hex(value).and_then(|bytes| bytes.try_into().ok()) {
                    self.note_mac(address);
                }
            }
            Component::FirmwareKey => {
                if let Ok(key) = ProductKey::parse(value) {
                    self.note_firmware_key(&key);
                }
            }
            Component::TpmEndorsementKey => {
                self.note_endorsement_key(&hex(value).unwrap_or_default());
            }
            Component::BoardSerial | Component::DiskSerial | Component::SystemSerial => {
                if !placeholder::is_serial(value) {
                    self.put(component, normal(value).as_bytes());
                }
            }
            Component::Model => {
                if !placeholder::is_text(value) {
                    self.put(component, normal(value).as_bytes());
                }
            }
        }
    }

    /// Takes the 16 bytes of the SMBIOS UUID as they stand in the table, or as they are displayed: makers and systems
    /// differ in the byte order of its first three fields, so the smaller of both orders is kept.
    pub fn note_uuid(&mut self, bytes: [u8; 16]) {
        let other = other_order(bytes);
        if !placeholder::is_uuid(bytes) && !placeholder::is_uuid(other) {
            self.put(Component::SmbiosUuid, &bytes.min(other));
        }
    }

    /// Takes the address of a network adapter. Those that software made up say nothing and are ignored.
    pub fn note_mac(&mut self, address: [u8; 6]) {
        if !placeholder::is_mac(address) {
            self.put(Component::MacAddress, &address);
        }
    }

    /// Takes the product key in the firmware. A generic one is on many mainboards and is ignored.
    ///
    /// Of the form of today only group and serial are marked. They are unique, and a digest of the whole product key
    /// could be guessed back from them and the last five symbols, which are all shown. The older form shows neither.
    pub fn note_firmware_key(&mut self, key: &ProductKey) {
        if key.is_blank() || identify(key).generic.is_some() {
            return;
        }
        let packed = Zeroizing::new(key.pack());
        match key.fields() {
            Some(fields) => {
                self.put(Component::FirmwareKey, &[fields.group.to_le_bytes(), fields.serial.to_le_bytes()].concat())
            }
            None => self.put(Component::FirmwareKey, &packed[..]),
        }
    }

    /// Takes the endorsement key of the TPM: the modulus of the RSA one, big-endian; zeros in front do not matter.
    pub fn note_endorsement_key(&mut self, modulus: &[u8]) {
        let start = modulus.iter().position(|byte| *byte != 0).unwrap_or(modulus.len());
        let modulus = modulus.get(start..).unwrap_or_default();
        if modulus.first().is_some_and(|first| modulus.iter().any(|byte| byte != first)) {
            self.put(Component::TpmEndorsementKey, modulus);
        }
    }

    /// Takes everything that another identity of the same PC knows.
    pub fn merge(&mut self, other: &Self) {
        for (component, marks) in &other.marks {
            self.marks.entry(*component).or_default().extend(marks);
        }
    }

    /// The marks of a component, ascending; none where nothing is known.
    pub fn marks(&self, component: Component) -> impl Iterator<Item = Mark> {
        self.marks.get(&component).into_iter().flatten().copied()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The form in which a vault keeps it: the component's name, and its marks joined by a space.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let joined = |marks: &BTreeSet<Mark>| marks.iter().map(Mark::to_string).collect::<Vec<_>>().join(" ");
        self.marks.iter().map(|(component, marks)| (component.as_str().to_owned(), joined(marks))).collect()
    }

    /// Reads what [`to_map`](Self::to_map) made. Names and marks that are not known are ignored, so that an older
    /// Keystow reads what a newer one kept.
    #[must_use]
    pub fn from_map(map: &BTreeMap<String, String>) -> Self {
        let mut identity = Self::default();
        for (name, marks) in map {
            for mark in marks.split(' ').filter_map(Mark::parse) {
                if let Some(component) = Component::parse(name) {
                    identity.marks.entry(component).or_default().insert(mark);
                }
            }
        }
        identity
    }

    fn note_model(&mut self, manufacturer: Option<&str>, product_name: Option<&str>) {
        let (Some(manufacturer), Some(product_name)) = (manufacturer, product_name) else { return };
        if !placeholder::is_text(manufacturer) && !placeholder::is_text(product_name) {
            self.note(Component::Model, &format!("{} {}", manufacturer.trim(), product_name.trim()));
        }
    }

    fn put(&mut self, component: Component, value: &[u8]) {
        self.marks.entry(component).or_default().insert(Mark::of(component, value));
    }
}

fn normal(value: &str) -> String {
    value.trim().to_uppercase()
}

/// The bytes of hexadecimal text, dashes, colons, braces and spaces left out.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !b"-:{} \t\r\n".contains(byte)).collect();
    HEXLOWER_PERMISSIVE.decode(&digits).ok()
}

/// The same UUID with its first three fields in the other byte order.
fn other_order(bytes: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let mut other = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
    if let Some(end) = other.last_chunk_mut() {
        *end = rest;
    }
    other
}

#[cfg(test)]
mod tests {
    use keystow_makers::smbios::{self, BoardFacts, SystemFacts};
    use proptest::prelude::*;

    use super::*;

    fn identity(notes: &[(Component, &str)]) -> DeviceIdentity {
        let mut identity = DeviceIdentity::default();
        for (component, value) in notes {
            identity.note(*component, value);
        }
        identity
    }

    fn one(component: Component, value: &str) -> DeviceIdentity {
        identity(&[(component, value)])
    }

    #[test]
    fn a_mark_is_a_digest_of_component_and_value() {
        // printf 'keystow-device-1\0board-serial\0MB14-990215' | sha256sum
        let map = one(Component::BoardSerial, " mb14-990215 ").to_map();
        assert_eq!(map["board-serial"], "d88b053631ea3c71cbcc1df643761568");
        assert_ne!(map["board-serial"], one(Component::SystemSerial, "MB14-990215").to_map()["system-serial"]);
    }

    #[test]
    fn an_smbios_table_gives_four_components_and_no_serial_number_in_clear() {
        let bytes = smbios::table(&[SystemFacts::default().make(), BoardFacts::default().make()]);
        let found = DeviceIdentity::of_smbios(&Smbios::parse(&bytes).unwrap());
        let facts = SystemFacts::default();
        let mut expected = identity(&[
            (Component::BoardSerial, BoardFacts::default().serial_number),
            (Component::Model, "Keystow Works Notebook 14"),
            (Component::SystemSerial, facts.serial_number),
        ]);
        expected.note_uuid(facts.uuid);
        assert_eq!(found, expected);
        let shown = format!("{found:?} {:?}", found.to_map());
        for value in [facts.serial_number, facts.product_name, BoardFacts::default().serial_number] {
            assert!(!shown.contains(value), "{value}");
        }
    }

    #[test]
    fn a_table_of_placeholders_gives_nothing() {
        let system = SystemFacts {
            manufacturer: "System manufacturer",
            product_name: "System Product Name",
            serial_number: "System Serial Number",
            uuid: *b"\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07\x00\x08\x00\x09",
        };
        let board = BoardFacts { serial_number: "To be filled by O.E.M.", ..BoardFacts::default() };
        let smbios = Smbios::parse(&smbios::table(&[system.make(), board.make()])).unwrap();
        assert!(DeviceIdentity::of_smbios(&smbios).is_empty());
        assert!(DeviceIdentity::of_smbios(&Smbios::default()).is_empty());
    }

    #[test]
    fn both_byte_orders_of_a_uuid_are_one() {
        let shown = one(Component::SmbiosUuid, "1F5E0731-4B20-48D1-6B65-7973746F7701");
        let raw = one(Component::SmbiosUuid, "{31075e1f-204b-d148-6b65-7973746f7701}");
        assert!(!shown.is_empty());
        assert_eq!(shown, raw);
        let mut bytes = DeviceIdentity::default();
        bytes.note_uuid(SystemFacts::default().uuid);
        assert_eq!(bytes, shown);
    }

    #[test]
    fn a_generic_or_blank_product_key_in_the_firmware_says_nothing() {
        for text in ["VK7JG-NPHTM-C97JM-9MPGT-3V66T", "BBBBB-BBBBB-BBBBB-BBBBB-BBBBB", "W269N"] {
            assert!(one(Component::FirmwareKey, text).is_empty(), "{text}");
        }
        // The published product key of Windows 7 hides its group: nothing says that it is generic.
        let own = one(Component::FirmwareKey, "fj82h-xt6cr-j8d7p-xqjj2-gpdd4");
        let mut same = DeviceIdentity::default();
        same.note_firmware_key(&ProductKey::parse("FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4").unwrap());
        assert_eq!((own.is_empty(), own), (false, same));
    }

    #[test]
    fn an_endorsement_key_needs_no_zeros_in_front_and_an_empty_one_says_nothing() {
        assert_eq!(one(Component::TpmEndorsementKey, "00 00 c1 02"), one(Component::TpmEndorsementKey, "C1:02"));
        for text in ["", "00", "ff ff ff ff", "xyz"] {
            assert!(one(Component::TpmEndorsementKey, text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_newer_map_is_read_as_far_as_it_is_known() {
        let mut map = one(Component::DiskSerial, "S4EV-1").to_map();
        let known = DeviceIdentity::from_map(&map);
        map.insert("cpu".to_owned(), "00112233445566778899aabbccddeeff".to_owned());
        map.insert("model".to_owned(), "sha512:00 0011".to_owned());
        assert_eq!(DeviceIdentity::from_map(&map), known);
    }

    #[test]
    fn merging_keeps_the_marks_of_both() {
        let (first, second) = (one(Component::DiskSerial, "S4EV-1"), one(Component::DiskSerial, "S4EV-2"));
        let mut both = first.clone();
        both.merge(&second);
        assert_eq!(both, identity(&[(Component::DiskSerial, "S4EV-2"), (Component::DiskSerial, "s4ev-1")]));
        assert_eq!(both.marks(Component::DiskSerial).count(), 2);
    }

    proptest! {
        #[test]
        fn a_map_keeps_everything(notes in prop::collection::vec((prop::sample::select(&Component::ALL[..]), ".{0,20}"), 0..20), uuid: [u8; 16]) {
            let mut identity = DeviceIdentity::default();
            identity.note_uuid(uuid);
            for (component, value) in &notes {
                identity.note(*component, value);
            }
            prop_assert_eq!(DeviceIdentity::from_map(&identity.to_map()), identity);
        }

        #[test]
        fn the_byte_order_of_a_uuid_never_matters(uuid: [u8; 16]) {
            let (mut one, mut other) = (DeviceIdentity::default(), DeviceIdentity::default());
            one.note_uuid(uuid);
            other.note_uuid(other_order(uuid));
            prop_assert_eq!(one, other);
        }
    }
}
