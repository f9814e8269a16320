//! Version 4: `DigitalProductId4` of Windows Vista to 11 and the `DigitalProductID` of Office 2010, 1272 bytes.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::extended_pid::ExtendedPid;
use super::fields::{array_at, u16_at, u32_at, utf16_at};
use super::value::{Check, CheckName, DigitalProductIdError, KeyState};
use crate::ProductKey;

/// The size of the layout in bytes, as its first field says it.
pub(super) const SIZE: u32 = 0x4F8;
/// The same as a length.
const LEN: usize = SIZE as usize;

const KEY_AT: usize = 0x328;
const KEY_HASH_AT: usize = 0x338;
const WHOLE_HASH_AT: usize = 0x358;
const PART_NUMBER_AT: usize = 0x378;

/// Version 4 of the value. Numbers are little-endian; a text is UTF-16LE, ends at its first zero unit and is `None`
/// when empty or cut off; in a damaged text each lone surrogate and control character is U+FFFD.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0x000 | 4, 2, 2 | size 0x4F8, version 4, minor version 0 |
/// | 0x008 | 128 | extended PID |
/// | 0x088 | 128 | activation ID |
/// | 0x108 | 16 | OEM ID |
/// | 0x118 | 520 | edition |
/// | 0x320 | 1, 7 | upgrade, reserved |
/// | 0x328 | 16 | packed product key |
/// | 0x338 | 32 | SHA-256 of the 16 bytes before |
/// | 0x358 | 32 | SHA-256 of all 1272 bytes, with these 32 zero |
/// | 0x378 | 128 | part number |
/// | 0x3F8 | 128 | channel |
/// | 0x478 | 128 | EULA type |
///
/// Source: unpublished; 19 real values from Windows 7, 8.1, 10 and 11 and Office 2010 agree, both hashes in all 17 that
/// nobody had edited or blanked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DigitalProductId4 {
    /// The extended PID text.
    pub extended_pid: Option<String>,
    /// The activation ID: a GUID without braces.
    pub activation_id: Option<String>,
    /// The OEM ID; empty in every real value.
    pub oem_id: Option<String>,
    /// The edition, such as `Professional`. Empty in one of 19 real values.
    pub edition: Option<String>,
    /// Whether it was an upgrade; never so in real values.
    pub is_upgrade: bool,
    /// What stands in the place of the product key.
    pub key: KeyState,
    /// The stored hash of the packed product key. `None` where it is cut off.
    pub key_hash: Option<KeyHash>,
    /// The part number, such as `[TH]X19-98841`.
    pub part_number: Option<String>,
    /// The channel, such as `OEM:DM`.
    pub channel: Option<String>,
    /// The EULA type: `Retail`, `OEM`, `Volume`, `EVAL`; Office has others.
    pub eula: Option<String>,
    /// Every check that applies, in the order of [`CheckName`].
    pub checks: Vec<Check>,
}

/// The hash of a packed product key. It can be compared and nothing else: whoever has it can try product keys against
/// it, so it is neither printed nor kept.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct KeyHash([u8; 32]);

impl DigitalProductId4 {
    /// The extended PID in numbers; `None` when the text is missing or is none.
    #[must_use]
    pub fn extended_pid(&self) -> Option<ExtendedPid> {
        ExtendedPid::parse(self.extended_pid.as_deref()?).ok()
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, DigitalProductIdError> {
        let key = KeyState::read(bytes, KEY_AT)?;
        let mut value = Self {
            extended_pid: utf16_at(bytes, 0x008, 64),
            activation_id: utf16_at(bytes, 0x088, 64),
            oem_id: utf16_at(bytes, 0x108, 8),
            edition: utf16_at(bytes, 0x118, 260),
            is_upgrade: bytes.get(0x320).is_some_and(|flag| *flag != 0),
            key,
            key_hash: array_at(bytes, KEY_HASH_AT).map(KeyHash),
            part_number: utf16_at(bytes, PART_NUMBER_AT, 64),
            channel: utf16_at(bytes, 0x3F8, 64),
            eula: utf16_at(bytes, 0x478, 64),
            checks: Vec::new(),
        };
        value.checks = value.check(bytes);
        Ok(value)
    }

    fn check(&self, bytes: &[u8]) -> Vec<Check> {
        let header = u32_at(bytes, 0) == Some(SIZE) && u16_at(bytes, 4) == Some(4);
        let packed: Option<Zeroizing<[u8; 16]>> = array_at(bytes, KEY_AT).map(Zeroizing::new);
        let key_hash = self.key_hash.as_ref().zip(packed).map(|(hash, packed)| hash.is_of_bytes(&packed));
        let mut checks = vec![
            Check::of(CheckName::Header, Some(header)),
            Check::of(CheckName::KeyHash, key_hash),
            Check::of(CheckName::WholeHash, whole_hash_ok(bytes)),
        ];
        checks.extend(self.key.checksum());
        if let (Some(fields), Some(pid)) = (self.key.fields(), self.extended_pid()) {
            checks.push(Check::of(CheckName::GroupInKey, Some(pid.agrees_with_group(fields.group))));
            checks.push(Check::of(CheckName::SerialInKey, Some(pid.serial == fields.serial)));
        }
        checks.sort_by_key(|check| check.name);
        checks
    }
}

impl KeyHash {
    /// Whether it is the hash of this product key. Should a blanked value keep the hash of the product key that it
    /// held, which no sample shows yet, the owner can find out so whether a product key on paper was that one.
    #[must_use]
    pub fn is_of(&self, key: &ProductKey) -> bool {
        self.is_of_bytes(&Zeroizing::new(key.pack()))
    }

    fn is_of_bytes(&self, packed: &[u8; 16]) -> bool {
        Sha256::digest(packed).as_slice() == self.0
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// `None` when the data is shorter than what the hash covers. Longer data is hashed up to the known size.
fn whole_hash_ok(bytes: &[u8]) -> Option<bool> {
    let whole = bytes.get(..LEN)?;
    let mut hasher = Sha256::new();
    hasher.update(whole.get(..WHOLE_HASH_AT)?);
    hasher.update([0; PART_NUMBER_AT - WHOLE_HASH_AT]);
    hasher.update(whole.get(PART_NUMBER_AT..)?);
    Some(hasher.finalize().as_slice() == whole.get(WHOLE_HASH_AT..PART_NUMBER_AT)?)
}
