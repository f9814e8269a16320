//! Version 3: the `DigitalProductId` of Windows 98 to 11 and of Office up to 2007, 164 bytes.

use crc::{CRC_32_JAMCRC, Crc};
use jiff::Timestamp;

use super::extended_pid::LicenseKind;
use super::fields::{array_at, ascii_at, u16_at, u32_at};
use super::text::ProductId;
use super::value::{Check, CheckName, DigitalProductIdError, KeyState};

/// The size of the layout in bytes, as its first field says it.
pub(super) const SIZE: u32 = 0xA4;
/// The fewest bytes that hold the product key.
pub(super) const MIN_LEN: usize = 0x44;

const KEY_AT: usize = 0x34;
/// Where the CRC stands, and the length of what it covers.
const CRC_AT: usize = 0xA0;
const HARDWARE_ID_LEN: usize = 28;

/// CRC-32 without the final inversion.
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_JAMCRC);

/// Version 3 of the value. Numbers are little-endian; a text is ASCII, ends at its first NUL and is `None` when empty;
/// in a damaged text each byte that is not printable ASCII is U+FFFD.
///
/// The fields after the product key are `None` where the data ends before them.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0x00 | 4, 2, 2 | size 0xA4, version 3, minor version 0 |
/// | 0x08 | 24 | Product ID |
/// | 0x20 | 4 | group ID |
/// | 0x24 | 16 | part number |
/// | 0x34 | 16 | packed product key |
/// | 0x44 | 4, 4, 4, 4 | clone status, time, random number, license kind |
/// | 0x54 | 8 | license data |
/// | 0x5C | 8 | OEM ID |
/// | 0x64 | 4 | bundle ID |
/// | 0x68 | 28, 28 | hardware when installed, hardware when activated |
/// | 0xA0 | 4 | CRC-32 (IEEE, no final inversion) of the 160 bytes before |
///
/// Source: unpublished; 17 real values from Windows 98, 7, 8, 8.1, 10 and 11 agree in every field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DigitalProductId3 {
    /// The Product ID text, which the `ProductId` value beside repeats.
    pub product_id: Option<String>,
    /// The whole group ID, six digits included.
    pub group: u32,
    /// The part number, such as `[TH]X19-98841`.
    pub part_number: Option<String>,
    /// What stands in the place of the product key.
    pub key: KeyState,
    /// The clone status; 0 in every real value.
    pub clone_status: Option<u32>,
    /// When the value was made, in whole seconds of UTC. `None` also for 0.
    pub time: Option<Timestamp>,
    /// A random number.
    pub random: Option<u32>,
    /// How the license was bought, roughly.
    pub license: Option<LicenseKind>,
    /// The OEM ID.
    pub oem_id: Option<String>,
    /// The bundle ID; 0 in every real value.
    pub bundle_id: Option<u32>,
    /// The hardware at installation. `None` also when all of it is zero, as since Windows Vista.
    pub static_hardware: Option<HardwareId>,
    /// The hardware as last seen by activation; as above.
    pub dynamic_hardware: Option<HardwareId>,
    /// Every check that applies, in the order of [`CheckName`].
    pub checks: Vec<Check>,
}

/// What Windows up to XP noted about the hardware, 28 bytes. The names are those of one public header; nothing
/// verifies them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HardwareId {
    /// An identifier of 8 bytes; real values hold five ASCII digits here.
    pub id: [u8; 8],
    /// The kind of the identifier.
    pub kind: u32,
    /// A checksum of the BIOS.
    pub bios_checksum: u32,
    /// The serial number of the system volume.
    pub volume_serial: u32,
    /// The amount of memory, in an unknown unit.
    pub memory: u32,
    /// A checksum of the video BIOS.
    pub video_bios_checksum: u32,
}

impl DigitalProductId3 {
    /// The Product ID in numbers; `None` when the text is missing or is none.
    #[must_use]
    pub fn product_id(&self) -> Option<ProductId> {
        ProductId::parse(self.product_id.as_deref()?).ok()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, DigitalProductIdError> {
        let key = KeyState::read(bytes, KEY_AT)?;
        let mut value = Self {
            product_id: ascii_at(bytes, 0x08, 24),
            // The product key ends after it, so the group is there.
            group: u32_at(bytes, 0x20).unwrap_or_default(),
            part_number: ascii_at(bytes, 0x24, 16),
            key,
            clone_status: u32_at(bytes, 0x44),
            time: u32_at(bytes, 0x48).filter(|time| *time != 0).and_then(timestamp),
            random: u32_at(bytes, 0x4C),
            license: u32_at(bytes, 0x50).map(LicenseKind::from_raw),
            oem_id: ascii_at(bytes, 0x5C, 8),
            bundle_id: u32_at(bytes, 0x64),
            static_hardware: HardwareId::read(bytes, 0x68),
            dynamic_hardware: HardwareId::read(bytes, 0x84),
            checks: Vec::new(),
        };
        value.checks = value.check(bytes);
        Ok(value)
    }

    fn check(&self, bytes: &[u8]) -> Vec<Check> {
        let header = u32_at(bytes, 0) == Some(SIZE) && u16_at(bytes, 4) == Some(3);
        let crc = u32_at(bytes, CRC_AT).zip(bytes.get(..CRC_AT)).map(|(crc, covered)| CRC.checksum(covered) == crc);
        let id = self.product_id();
        let fields = self.key.fields();
        let mut checks = vec![Check::of(CheckName::Crc, crc), Check::of(CheckName::Header, Some(header))];
        checks.extend(self.key.checksum());
        let mut add = |name, agrees: Option<bool>| checks.extend(agrees.map(|agrees| Check::of(name, Some(agrees))));
        add(CheckName::CheckDigit, id.and_then(|id| id.check_digit_ok()));
        add(CheckName::GroupInKey, fields.map(|fields| fields.group == self.group));
        add(CheckName::GroupInProductId, id.and_then(|id| id.agrees_with_group(self.group)));
        if let (Some(fields), Some(ProductId::Modern(id))) = (fields, id) {
            add(CheckName::SerialInKey, Some(fields.serial == id.serial));
        }
        checks.sort_by_key(|check| check.name);
        checks
    }
}

impl HardwareId {
    fn read(bytes: &[u8], offset: usize) -> Option<Self> {
        let block: [u8; HARDWARE_ID_LEN] = array_at(bytes, offset)?;
        if block == [0; HARDWARE_ID_LEN] {
            return None;
        }
        Some(Self {
            id: array_at(&block, 0)?,
            kind: u32_at(&block, 8)?,
            bios_checksum: u32_at(&block, 12)?,
            volume_serial: u32_at(&block, 16)?,
            memory: u32_at(&block, 20)?,
            video_bios_checksum: u32_at(&block, 24)?,
        })
    }
}

fn timestamp(seconds: u32) -> Option<Timestamp> {
    Timestamp::from_second(i64::from(seconds)).ok()
}
