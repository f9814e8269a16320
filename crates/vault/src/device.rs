//! What this device remembers of a vault: local, owner-only, outside every copy.
//!
//! `device.json` holds the signing seed and the tag key and never changes. `state.json` holds the highest heads seen,
//! so that a place that goes back in time is noticed. `pending.json` is there while a record is on its way: an index
//! is never used for two different records, because the record is kept here before any place sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ed25519_dalek::{SigningKey, VerifyingKey};
use jiff::Timestamp;
use keystow_os::files;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::id::{DeviceId, Hash, ItemId, RecordId, VaultId};
use crate::item::TagKey;
use crate::meta::{DeviceCard, FORMAT, public_key};
use crate::seal::{self, SealError, Secrets};

const DEVICE: &str = "device.json";
const STATE: &str = "state.json";
const PENDING: &str = "pending.json";
pub(crate) const LOCK: &str = "lock";
/// The greatest size of a local file: room for the looks of a million items.
const LIMIT: u64 = 1 << 28;

/// This device's state for one vault.
pub struct Device {
    dir: PathBuf,
    vault: VaultId,
    root: VerifyingKey,
    pub(crate) signing: SigningKey,
    pub(crate) tag: TagKey,
    pub(crate) state: State,
}

/// What changes with each record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// The highest record seen of each device.
    pub(crate) heads: BTreeMap<DeviceId, Head>,
    /// When this device last wrote a record.
    pub(crate) last: Option<Timestamp>,
    /// What each item looked like when this device last put it, as a keyed hash.
    pub(crate) looks: BTreeMap<ItemId, Hash>,
    /// The records whose bodies are gone on purpose.
    pub(crate) pruned: BTreeSet<RecordId>,
    /// The valid identities and their generation; generation 0 means the one in `vault.json`.
    pub(crate) identities: (u64, BTreeSet<Hash>),
}

/// The last record of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) index: u64,
    pub(crate) hash: Hash,
}

/// A record on its way to the places.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) index: u64,
    pub(crate) time: Timestamp,
    /// The header file.
    pub(crate) header: String,
    /// The body file, as base64.
    pub(crate) body: String,
    /// What the items in it look like.
    pub(crate) looks: BTreeMap<ItemId, Hash>,
    /// Items that are not remembered any longer.
    pub(crate) forget: BTreeSet<ItemId>,
}

/// Why this device's state cannot be used.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DeviceError {
    #[error("{}: this device knows a vault already", path.display())]
    Exists { path: PathBuf },
    #[error("{}: format {found} is newer than this program, which reads up to {FORMAT}", path.display())]
    Format { path: PathBuf, found: u32 },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: damaged; enroll this device again with the phrase", path.display())]
    Damaged { path: PathBuf },
    #[error("another Keystow is writing to this vault")]
    Locked,
    #[error("{}: this device is not enrolled in the vault", path.display())]
    NotEnrolled { path: PathBuf },
    #[error(transparent)]
    Seal(#[from] SealError),
}

#[derive(Serialize, Deserialize)]
struct DeviceText {
    format: u32,
    vault: VaultId,
    root: String,
    seed: Zeroized,
    tag: Zeroized,
}

/// Base64 text of a secret, cleared on drop.
#[derive(Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
struct Zeroized(String);

impl Device {
    /// Reads the state that this device keeps in `dir`.
    ///
    /// # Errors
    ///
    /// [`DeviceError::NotEnrolled`] when there is none; [`DeviceError::Damaged`], [`DeviceError::Format`] or
    /// [`DeviceError::Io`] otherwise.
    pub fn load(dir: &Path) -> Result<Self, DeviceError> {
        let path = dir.join(DEVICE);
        let text: DeviceText = load(&path)?.ok_or_else(|| DeviceError::NotEnrolled { path: dir.to_owned() })?;
        if text.format > FORMAT {
            return Err(DeviceError::Format { path, found: text.format });
        }
        let parts = (public_key(&text.root), seal::key(&text.seed.0), seal::key(&text.tag.0));
        let (Some(root), Some(seed), Some(tag)) = parts else { return Err(DeviceError::Damaged { path }) };
        let signing = SigningKey::from_bytes(&seed);
        let state = load(&dir.join(STATE))?.unwrap_or_default();
        Ok(Self { dir: dir.to_owned(), vault: text.vault, root, signing, tag: TagKey(*tag), state })
    }

    /// The vault this device is enrolled in.
    #[must_use]
    pub fn vault(&self) -> &VaultId {
        &self.vault
    }

    /// The name of this device in that vault.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        DeviceId::of(self.public().as_bytes())
    }

    /// When this device last wrote a record.
    #[must_use]
    pub fn last_backup(&self) -> Option<Timestamp> {
        self.state.last
    }

    pub(crate) fn expect_none(dir: &Path) -> Result<(), DeviceError> {
        match load::<serde_json::Value>(&dir.join(DEVICE)) {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(DeviceError::Damaged { .. }) => Err(DeviceError::Exists { path: dir.to_owned() }),
            Err(error) => Err(error),
        }
    }

    /// A new device of the vault, in memory, and its public card.
    pub(crate) fn new(dir: &Path, secrets: &Secrets, now: Timestamp) -> Result<(Self, DeviceCard), DeviceError> {
        let signing = SigningKey::from_bytes(&*seal::random()?);
        let card = DeviceCard::new(&secrets.vault(), &signing.verifying_key(), now);
        let (vault, root, tag) = (secrets.vault(), secrets.root.verifying_key(), secrets.tag.clone());
        Ok((Self { dir: dir.to_owned(), vault, root, signing, tag, state: State::default() }, card))
    }

    /// Writes the state of a new device.
    pub(crate) fn save_new(&self) -> Result<(), DeviceError> {
        let text = DeviceText {
            format: FORMAT,
            vault: self.vault.clone(),
            root: BASE64.encode(self.root.as_bytes()),
            seed: Zeroized(BASE64.encode(self.signing.as_bytes())),
            tag: Zeroized(BASE64.encode(&self.tag.0)),
        };
        files::create_dir(&self.dir).map_err(|source| DeviceError::Io { path: self.dir.clone(), source })?;
        // What another device left on its way is not ours to bring.
        self.remove_pending()?;
        save(&self.dir.join(STATE), &self.state)?;
        save(&self.dir.join(DEVICE), &text)
    }

    pub(crate) fn save_state(&self) -> Result<(), DeviceError> {
        save(&self.dir.join(STATE), &self.state)
    }

    pub(crate) fn pending(&self) -> Result<Option<Pending>, DeviceError> {
        load(&self.dir.join(PENDING))
    }

    pub(crate) fn save_pending(&self, pending: &Pending) -> Result<(), DeviceError> {
        save(&self.dir.join(PENDING), pending)
    }

    pub(crate) fn remove_pending(&self) -> Result<(), DeviceError> {
        let path = self.dir.join(PENDING);
        match files::remove(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(DeviceError::Io { path, source }),
            _ => Ok(()),
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn public(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    pub(crate) fn head(&self) -> Option<Head> {
        self.state.heads.get(&self.id()).copied()
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({} of {})", self.id(), self.vault)
    }
}

fn load<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, DeviceError> {
    let bytes = match files::read(path, LIMIT) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DeviceError::Io { path: path.to_owned(), source }),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|_| DeviceError::Damaged { path: path.to_owned() })
}

fn save<T: Serialize>(path: &Path, value: &T) -> Result<(), DeviceError> {
    let failed = |source| DeviceError::Io { path: path.to_owned(), source };
    let bytes = crate::record::secret_json(value).map_err(|error| failed(error.into()))?;
    files::replace(path, &bytes).map_err(failed)
}
