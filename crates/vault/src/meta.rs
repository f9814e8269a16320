//! The public files of a vault: `vault.json`, `devices/<id>.json`, the headers of the log and the notices in them.

use data_encoding::BASE64;
use ed25519_dalek::{SigningKey, VerifyingKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::id::{DeviceId, Hash, RecordId, VaultId};
use crate::signed::{self, Kind, SignedError, Unchecked};

/// The version of the format. A larger one is refused with words that say so.
pub const FORMAT: u32 = 1;
/// The algorithms: age v1 with X25519 and scrypt, Ed25519, SHA-256.
pub(crate) const SUITE: &str = "age1-x25519-scrypt/ed25519/sha256";

/// `vault.json`: what the vault is, signed by its root.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format.
    pub format: u32,
    /// Which vault.
    pub vault: VaultId,
    /// The algorithms.
    pub suite: String,
    /// Who can open bodies: age recipients.
    pub recipients: Vec<String>,
    /// The root public key, 32 bytes of base64. The vault id is made from it.
    pub root: String,
    /// When the vault was created.
    pub created: Timestamp,
    /// The hash of the first sealed identity, `identity.age`.
    pub identity: Hash,
    /// The hash of `README.txt`: what it tells people to do must not be altered either.
    pub readme: Hash,
}

/// `devices/<id>.json`: a device that may append, signed by the root.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceCard {
    /// Which vault.
    pub vault: VaultId,
    /// The device; made from its public key.
    pub device: DeviceId,
    /// The public key, 32 bytes of base64.
    pub public: String,
    /// Since when it may append.
    pub since: Timestamp,
}

/// `log/<device>/<index>.json`: one record, signed by its device. Its file is the commit point of the record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Which vault.
    pub vault: VaultId,
    /// Whose record.
    pub device: DeviceId,
    /// Which of them, from 1.
    pub index: u64,
    /// The hash of the previous header file; `None` for the first.
    pub prev: Option<Hash>,
    /// What the body file must be.
    pub body: BodyMark,
    /// When the device wrote it, by its own clock.
    pub time: Timestamp,
    /// What everyone may know: [`Notice`]s, each signed by the root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Box<RawValue>>,
}

/// What a body file must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyMark {
    /// The hash of the body file.
    pub sha256: Hash,
    /// Its length in bytes.
    pub length: u64,
}

/// A public announcement of the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The phrase was changed: from now on the identity with this hash is the valid one. The greatest generation
    /// counts; `vault.json` is generation 1.
    Identity {
        /// Which vault.
        vault: VaultId,
        /// Which change.
        generation: u64,
        /// The hash of the sealed identity.
        sha256: Hash,
    },
    /// The bodies of these records were deleted on purpose, because retired items are gone for good; what else was
    /// in them stands in the body of the record that carries this notice.
    Pruned {
        /// Which vault.
        vault: VaultId,
        /// Whose bodies.
        records: Vec<RecordId>,
    },
}

/// Why a public file of a vault is refused.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum MetaError {
    #[error("format {found} is newer than this program, which reads up to {FORMAT}")]
    Format { found: u32 },
    #[error("the public key is not 32 bytes of base64, or does not fit the id")]
    PublicKey,
    #[error(transparent)]
    Signed(#[from] SignedError),
    #[error("it names {found} where {needed} is needed")]
    Name { needed: String, found: String },
    #[error("the signature does not fit")]
    Signature,
}

impl Manifest {
    /// Reads `vault.json`. The signature is checked against the root in it, and the root against the vault id, so
    /// that whoever knows the id knows the root.
    ///
    /// # Errors
    ///
    /// [`MetaError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MetaError> {
        let read: Unchecked<Self> = signed::read(Kind::Vault, bytes)?;
        if read.claim().format > FORMAT {
            return Err(MetaError::Format { found: read.claim().format });
        }
        let root = public_key(&read.claim().root).ok_or(MetaError::PublicKey)?;
        if VaultId::of(root.as_bytes()) != read.claim().vault {
            return Err(MetaError::PublicKey);
        }
        read.check(&root).ok_or(MetaError::Signature)
    }

    pub(crate) fn sign(&self, root: &SigningKey) -> serde_json::Result<Vec<u8>> {
        signed::sign(Kind::Vault, self, root)
    }

    pub(crate) fn root_key(&self) -> Result<VerifyingKey, MetaError> {
        public_key(&self.root).ok_or(MetaError::PublicKey)
    }
}

impl DeviceCard {
    pub(crate) fn new(vault: &VaultId, public: &VerifyingKey, since: Timestamp) -> Self {
        let device = DeviceId::of(public.as_bytes());
        Self { vault: vault.clone(), device, public: BASE64.encode(public.as_bytes()), since }
    }

    /// The path inside a copy.
    pub(crate) fn file(device: &DeviceId) -> String {
        format!("devices/{device}.json")
    }

    /// Reads a device file of the vault `vault` whose root is `root`, and gives the device's public key.
    pub(crate) fn parse(bytes: &[u8], vault: &VaultId, root: &VerifyingKey) -> Result<(Self, VerifyingKey), MetaError> {
        let read: Unchecked<Self> = signed::read(Kind::Device, bytes)?;
        same(vault.as_str(), read.claim().vault.as_str())?;
        let public = public_key(&read.claim().public).ok_or(MetaError::PublicKey)?;
        if DeviceId::of(public.as_bytes()) != read.claim().device {
            return Err(MetaError::PublicKey);
        }
        Ok((read.check(root).ok_or(MetaError::Signature)?, public))
    }

    pub(crate) fn sign(&self, root: &SigningKey) -> serde_json::Result<Vec<u8>> {
        signed::sign(Kind::Device, self, root)
    }
}

impl Header {
    /// What a header file says that its body must be; who signed it is not checked.
    #[must_use]
    pub fn body_of(bytes: &[u8]) -> Option<BodyMark> {
        Self::read(bytes).ok().map(|read| read.trust().body)
    }

    /// Reads a header file without checking who signed it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Unchecked<Self>, MetaError> {
        Ok(signed::read(Kind::Record, bytes)?)
    }

    pub(crate) fn sign(&self, device: &SigningKey) -> serde_json::Result<Vec<u8>> {
        signed::sign(Kind::Record, self, device)
    }

    /// The name of the record.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId { device: self.device.clone(), index: self.index }
    }

    /// Whether this is the record `id` of `vault`.
    pub(crate) fn fits(&self, vault: &VaultId, id: &RecordId) -> Result<(), MetaError> {
        same(vault.as_str(), self.vault.as_str())?;
        same(&id.header_file(), &self.id().header_file())
    }

    /// The notices that the root of this vault signed. What a newer version announces is passed over.
    pub(crate) fn notices(&self, root: &VerifyingKey) -> Vec<Notice> {
        let read = |raw: &RawValue| {
            let line = format!("{}\n", raw.get());
            let notice = signed::read::<Notice>(Kind::Notice, line.as_bytes()).ok()?.check(root)?;
            let (Notice::Identity { vault, .. } | Notice::Pruned { vault, .. }) = &notice;
            (*vault == self.vault).then_some(notice)
        };
        self.notices.iter().filter_map(|raw| read(raw)).collect()
    }
}

impl Notice {
    pub(crate) fn sign(&self, root: &SigningKey) -> serde_json::Result<Box<RawValue>> {
        let file = signed::sign(Kind::Notice, self, root)?;
        serde_json::from_slice(file.trim_ascii_end())
    }
}

pub(crate) fn public_key(text: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = BASE64.decode(text.as_bytes()).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

fn same(needed: &str, found: &str) -> Result<(), MetaError> {
    if needed == found {
        return Ok(());
    }
    Err(MetaError::Name { needed: needed.to_owned(), found: found.to_owned() })
}
