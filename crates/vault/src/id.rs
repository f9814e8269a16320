//! The names inside a vault. Each is checked when it is read, so that no name can leave its directory.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// SHA-256 of a file, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

/// One vault: the first 128 bits of the SHA-256 of its root public key, 26 characters of lower-case base32. The name
/// proves the root, so a foreign root cannot claim it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VaultId(String);

/// One device that may append: the first 128 bits of the SHA-256 of its public key, 26 characters of lower-case
/// base32.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(String);

/// One item: 80 bits of a keyed hash of what the item is, 16 characters of lower-case base32. Without the vault's
/// tag key it says nothing about the product key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId(String);

/// One record: whose, and which of them, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordId {
    /// Who wrote it.
    pub device: DeviceId,
    /// The position in the log of that device, from 1.
    pub index: u64,
}

impl Hash {
    /// The SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 hexadecimal digits, lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// The first eight hexadecimal digits, which name the file of an identity.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl RecordId {
    /// The path of the signed header inside a copy.
    #[must_use]
    pub fn header_file(&self) -> String {
        format!("log/{}/{}.json", self.device, self.index)
    }

    /// The path of the sealed body inside a copy.
    #[must_use]
    pub fn body_file(&self) -> String {
        format!("log/{}/{}.age", self.device, self.index)
    }
}

impl VaultId {
    /// The vault that a root public key stands for.
    pub(crate) fn of(root: &[u8]) -> Self {
        Self(name_of(b"keystow vault", root))
    }
}

impl DeviceId {
    /// The device that a public key stands for.
    pub(crate) fn of(public: &[u8]) -> Self {
        Self(name_of(b"keystow device", public))
    }
}

impl ItemId {
    /// The item that a keyed hash stands for.
    pub(crate) fn of(keyed: &[u8; 32]) -> Self {
        Self(keyed.first_chunk::<10>().map(|bits| base32(bits)).unwrap_or_default())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a SHA-256 is 64 lower-case hexadecimal digits"))
    }
}

/// The same few things for each name of lower-case base32.
macro_rules! name {
    ($name:ident, $len:literal, $what:literal) => {
        impl $name {
            #[doc = concat!("Reads ", $what, ".")]
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let fits = text.len() == $len && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
                fits.then(|| Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(from)?;
                Self::parse(&text).ok_or_else(|| de::Error::custom(concat!("not ", $what)))
            }
        }
    };
}

name!(VaultId, 26, "a vault id");
name!(DeviceId, 26, "a device id");
name!(ItemId, 16, "an item id");

fn name_of(what: &[u8], public: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::new().chain_update(what).chain_update(public).finalize().into();
    digest.first_chunk::<16>().map(|bits| base32(bits)).unwrap_or_default()
}

fn base32(bits: &[u8]) -> String {
    BASE32_NOPAD.encode(bits).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_can_leave_its_directory() {
        let long = "../../../../../../../etc/x";
        assert_eq!(long.len(), 26);
        assert_eq!(DeviceId::parse(long), None);
        assert_eq!(VaultId::parse(""), None);
        assert!(serde_json::from_str::<ItemId>("\"../../../../../..\"").is_err());
    }

    #[test]
    fn names_survive_the_round_trip() {
        let id = DeviceId::of(b"public");
        assert_eq!(DeviceId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(id.as_str(), VaultId::of(b"public").as_str(), "the two kinds are kept apart");
        let item = ItemId::of(&[7; 32]);
        assert_eq!(ItemId::parse(item.as_str()), Some(item));
        let hash = Hash::of(b"");
        assert!(hash.to_string().starts_with("e3b0c44298fc1c14"), "SHA-256 of nothing");
        assert_eq!(serde_json::from_str::<Hash>(&serde_json::to_string(&hash).unwrap()).unwrap(), hash);
    }
}
