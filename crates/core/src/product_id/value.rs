//! The data of a `DigitalProductId` value: which version it is, what became of the product key, which checks hold.

use thiserror::Error;

use super::fields::{array_at, u16_at, u32_at};
use super::v3::{self, DigitalProductId3};
use super::v4::{self, DigitalProductId4};
use crate::key::Fields;
use crate::{KeyError, ProductKey};

/// The length of the packed product key.
const KEY_LEN: usize = 16;

/// The data of a `DigitalProductId`, `DigitalProductId4` or Office `DigitalProductID` value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DigitalProductId {
    /// Only zeros: what Wine and Proton write. It says nothing about any license.
    Placeholder {
        /// The length of the value in bytes.
        len: usize,
    },
    /// Version 3, 164 bytes.
    V3(Box<DigitalProductId3>),
    /// Version 4, 1272 bytes.
    V4(Box<DigitalProductId4>),
}

/// What stands in the place of the product key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// A product key.
    Present(ProductKey),
    /// The first 15 of the 16 bytes are zero: Windows cleared the product key and kept the rest of the value. It does
    /// so by itself for MAK and KMS host product keys, and for any other after `slmgr /cpky`. Decoding the zeros would
    /// give 25 times `B`, which is nobody's product key.
    Blanked,
    /// The whole value is zero: there never was a product key.
    Placeholder,
    /// 16 bytes that are no product key: the value is damaged or edited.
    Unreadable(KeyError),
}

/// One thing in a value that can be checked against another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Check {
    /// What was checked.
    pub name: CheckName,
    /// How it came out.
    pub outcome: Outcome,
}

/// What a [`Check`] compares. A check stands in the list only where it can apply: a product key without `N` shows no
/// group, a modern Product ID has no check digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CheckName {
    /// The check digit of an older Product ID text.
    CheckDigit,
    /// The CRC at the end of version 3.
    Crc,
    /// The group in the product key and the group beside it.
    GroupInKey,
    /// The group number and the Product ID text of version 3.
    GroupInProductId,
    /// Size and version in the first eight bytes belong together.
    Header,
    /// The checksum inside the product key.
    KeyChecksum,
    /// The SHA-256 of the packed product key in version 4. It fails in the one blanked value that is known, so a
    /// failure beside [`KeyState::Blanked`] is no sign of editing.
    KeyHash,
    /// What is stored and what the license service of the running Windows says of it.
    LicenseService,
    /// The serial in the product key and the one in the text beside it.
    SerialInKey,
    /// The checksum of a firmware table.
    TableChecksum,
    /// The product keys in versions 3 and 4 of the same node.
    TwinKey,
    /// The SHA-256 of all of version 4. What [`KeyHash`](Self::KeyHash) says of blanked values holds here too.
    WholeHash,
}

/// How a [`Check`] came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Both sides agree.
    Passed,
    /// They do not: the value is damaged or edited.
    Failed,
    /// The value ends before the bytes that this check needs.
    Missing,
}

/// Why the data of a value cannot be read at all.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DigitalProductIdError {
    #[error("{field} at {offset:#x} needs {needed} bytes, the value has {left} left")]
    Cut { field: &'static str, offset: usize, needed: usize, left: usize },
    #[error("the value says version {major} and size {size:#x}; known are version 3 (0xa4) and version 4 (0x4f8)")]
    Version { major: u16, size: u32 },
}

impl DigitalProductId {
    /// Reads the data of a value: a u32 with its size, then a u16 with its version, 3 or 4; all little-endian.
    ///
    /// The version decides the layout and the number of bytes decides nothing: longer data is read like any other,
    /// and shorter data as long as the product key is there (0x44 bytes for version 3, 0x338 for version 4). Only when
    /// the version is unknown does the size at 0 decide instead; then [`CheckName::Header`] fails. A failed check is
    /// never an error here.
    ///
    /// # Errors
    ///
    /// [`DigitalProductIdError::Cut`] when the data ends before the end of the product key,
    /// [`DigitalProductIdError::Version`] when neither version nor size is known.
    ///
    /// Source: unpublished; agrees with 17 real values of version 3 and 19 of version 4.
    pub fn parse(bytes: &[u8]) -> Result<Self, DigitalProductIdError> {
        let cut = |needed| DigitalProductIdError::Cut { field: "the header", offset: 0, needed, left: bytes.len() };
        let size = u32_at(bytes, 0).ok_or(cut(8))?;
        let major = u16_at(bytes, 4).ok_or(cut(8))?;
        if bytes.len() >= v3::MIN_LEN && bytes.iter().all(|byte| *byte == 0) {
            return Ok(Self::Placeholder { len: bytes.len() });
        }
        match (major, size) {
            (3, _) => DigitalProductId3::read(bytes).map(Box::new).map(Self::V3),
            (4, _) => DigitalProductId4::read(bytes).map(Box::new).map(Self::V4),
            (_, v3::SIZE) => DigitalProductId3::read(bytes).map(Box::new).map(Self::V3),
            (_, v4::SIZE) => DigitalProductId4::read(bytes).map(Box::new).map(Self::V4),
            (major, size) => Err(DigitalProductIdError::Version { major, size }),
        }
    }

    /// What stands in the place of the product key.
    #[must_use]
    pub fn key(&self) -> &KeyState {
        match self {
            Self::Placeholder { .. } => &KeyState::Placeholder,
            Self::V3(value) => &value.key,
            Self::V4(value) => &value.key,
        }
    }

    /// Every check that applies, in the order of [`CheckName`].
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        match self {
            Self::Placeholder { .. } => &[],
            Self::V3(value) => &value.checks,
            Self::V4(value) => &value.checks,
        }
    }

    /// The part number of the product, such as `[TH]X19-98841`.
    #[must_use]
    pub fn part_number(&self) -> Option<&str> {
        match self {
            Self::Placeholder { .. } => None,
            Self::V3(value) => value.part_number.as_deref(),
            Self::V4(value) => value.part_number.as_deref(),
        }
    }

    /// The group ID: from version 3 itself, else from the product key. `None` in version 4 without a readable product
    /// key of the 2009 form; its extended PID still knows the last five digits.
    #[must_use]
    pub fn group(&self) -> Option<u32> {
        match self {
            Self::Placeholder { .. } => None,
            Self::V3(value) => Some(value.group),
            Self::V4(value) => value.key.fields().map(|fields| fields.group),
        }
    }
}

impl KeyState {
    /// Reads a bare packed product key at the start of `bytes`, as SQL Server 2012 and later store it. Nothing in such
    /// bytes tells what they are: only the place where they were found does. Bytes after the 16th are ignored.
    ///
    /// # Errors
    ///
    /// [`DigitalProductIdError::Cut`] when there are fewer than 16 bytes.
    ///
    /// Source: unpublished; three public readers agree, no real value was at hand.
    pub fn parse_bare(bytes: &[u8]) -> Result<Self, DigitalProductIdError> {
        Self::read(bytes, 0)
    }

    /// The product key, if there is one.
    #[must_use]
    pub fn product_key(&self) -> Option<&ProductKey> {
        if let Self::Present(key) = self { Some(key) } else { None }
    }

    /// Reads the 16 bytes at `offset`.
    pub(super) fn read(bytes: &[u8], offset: usize) -> Result<Self, DigitalProductIdError> {
        let packed: [u8; KEY_LEN] = array_at(bytes, offset).ok_or_else(|| DigitalProductIdError::Cut {
            field: "the product key",
            offset,
            needed: KEY_LEN,
            left: bytes.len().saturating_sub(offset),
        })?;
        if packed.iter().take(KEY_LEN - 1).all(|byte| *byte == 0) {
            return Ok(Self::Blanked);
        }
        Ok(ProductKey::unpack(&packed).map_or_else(Self::Unreadable, Self::Present))
    }

    /// What a product key of the 2009 form shows of itself.
    pub(super) fn fields(&self) -> Option<Fields> {
        self.product_key().and_then(ProductKey::fields)
    }

    /// The checksum of a product key of the 2009 form.
    pub(super) fn checksum(&self) -> Option<Check> {
        self.product_key()?.checksum_ok().map(|ok| Check::of(CheckName::KeyChecksum, Some(ok)))
    }
}

impl Check {
    /// A check that was made.
    #[must_use]
    pub fn new(name: CheckName, passed: bool) -> Self {
        Self::of(name, Some(passed))
    }

    /// `None` says that the bytes are missing.
    pub(super) fn of(name: CheckName, agrees: Option<bool>) -> Self {
        let outcome = match agrees {
            Some(true) => Outcome::Passed,
            Some(false) => Outcome::Failed,
            None => Outcome::Missing,
        };
        Self { name, outcome }
    }
}

impl CheckName {
    /// The name in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CheckDigit => "check-digit",
            Self::Crc => "crc",
            Self::GroupInKey => "group-in-key",
            Self::GroupInProductId => "group-in-product-id",
            Self::Header => "header",
            Self::KeyChecksum => "key-checksum",
            Self::KeyHash => "key-hash",
            Self::LicenseService => "license-service",
            Self::SerialInKey => "serial-in-key",
            Self::TableChecksum => "table-checksum",
            Self::TwinKey => "twin-key",
            Self::WholeHash => "whole-hash",
        }
    }
}

impl Outcome {
    /// The name in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Missing => "missing",
        }
    }
}

#[cfg(test)]
mod tests;
