//! A vault: several copies of the same immutable files, read as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ed25519_dalek::VerifyingKey;
use jiff::Timestamp;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::copy::{Condition, Copy, MANIFEST, PlaceError, README, SMALL, VaultFile};
use crate::device::{Device, DeviceError};
use crate::id::{DeviceId, Hash, VaultId};
use crate::meta::{DeviceCard, FORMAT, Manifest, MetaError, SUITE};
use crate::phrase::Phrase;
use crate::place::Place;
use crate::seal::{SealError, Secrets};

/// The words that lie beside every vault.
const README_TEXT: &str = include_str!("readme.txt");

/// A vault whose public files were read. Nothing in it is opened yet.
pub struct Vault {
    pub(crate) copies: Vec<Copy>,
    pub(crate) manifest: Manifest,
    pub(crate) manifest_file: Vec<u8>,
    pub(crate) root: VerifyingKey,
    pub(crate) devices: BTreeMap<DeviceId, VerifyingKey>,
}

/// What the phrase opened: with this, the items can be read.
pub struct Opened {
    pub(crate) secrets: Secrets,
    pub(crate) file: String,
    /// The hash of that file: a file with this hash opens with the same phrase.
    pub(crate) hash: Hash,
}

/// Why a vault cannot be created, opened or found.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum VaultError {
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error("{place} holds a vault already")]
    Exists { place: String },
    #[error("{place} holds another vault, {found}; this PC knows {needed}")]
    Foreign { place: String, needed: VaultId, found: VaultId },
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("{place}: {MANIFEST}: {source}")]
    Manifest { place: String, source: MetaError },
    #[error("no place was named")]
    NoPlace,
    #[error("there is no vault in {place}")]
    NotThere { place: String },
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Why a phrase does not open a vault.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum UnlockError {
    #[error("{place}: {file} is damaged: {source}")]
    Damaged { place: String, file: String, source: SealError },
    #[error("{place}: {file} was sealed for another vault, {found}")]
    Foreign { place: String, file: String, found: VaultId },
    #[error("no place that can be read has a sealed identity")]
    NoIdentity,
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("the phrase does not open {place}: {file}")]
    WrongPhrase { place: String, file: String },
}

impl Vault {
    /// Creates a vault in the given places, and the state of this device in `state`.
    ///
    /// The first place that can be written decides; what the others said is in the returned list, and they are made
    /// good by the next backup. `vault.json` is written last, so that an interrupted creation leaves no vault.
    ///
    /// # Errors
    ///
    /// [`VaultError::Exists`] when a place holds a vault or records already; [`VaultError::Place`] when no place can
    /// be written.
    pub fn create(
        places: Vec<Box<dyn Place>>,
        state: &Path,
        phrase: &Phrase,
        now: Timestamp,
    ) -> Result<(Self, Vec<PlaceError>), VaultError> {
        Device::expect_none(state)?;
        let copies: Vec<Copy> = places.into_iter().map(Copy::look).collect();
        let taken = |copy: &&Copy| matches!(copy.condition, Condition::Good) || !copy.names.logs.is_empty();
        if let Some(copy) = copies.iter().find(taken) {
            return Err(VaultError::Exists { place: copy.place.name() });
        }
        copies.iter().for_each(Copy::clear_interrupted_creation);
        let secrets = Secrets::generate()?;
        let identity = secrets.seal(phrase)?;
        let manifest = first_manifest(&secrets, &identity, now);
        let manifest_file = manifest.sign(&secrets.root)?;
        let root = secrets.root.verifying_key();
        let (device, card) = Device::new(state, &secrets, now)?;
        let devices = BTreeMap::from([(device.id(), device.public())]);
        let mut vault = Self { copies, manifest, manifest_file, root, devices };
        let failed = vault.write_first(&identity, &card.sign(&secrets.root)?, &card.device);
        if failed.len() == vault.copies.len() {
            return Err(failed.into_iter().next().map_or(VaultError::NoPlace, VaultError::Place));
        }
        device.save_new()?;
        for copy in &mut vault.copies {
            copy.look_again();
        }
        Ok((vault, failed))
    }

    /// Opens the copies of a vault. `known` is this device's state, when it has one: then no other vault is taken,
    /// whatever the places say. Without it, the first readable place decides which vault it is.
    ///
    /// # Errors
    ///
    /// When no place has a readable `vault.json`: the reason of the first. A place that cannot be read beside one that
    /// can is no error here; see [`conditions`](Self::conditions).
    pub fn open(places: Vec<Box<dyn Place>>, known: Option<&Device>) -> Result<Self, VaultError> {
        let mut copies: Vec<Copy> = places.into_iter().map(Copy::look).collect();
        let wanted = |copy: &Copy| copy.manifest.clone().filter(|(m, _)| known.is_none_or(|d| *d.vault() == m.vault));
        let Some((manifest, manifest_file)) = copies.iter().find_map(wanted) else {
            return Err(copies.into_iter().next().map_or(VaultError::NoPlace, |copy| no_vault(copy, known)));
        };
        for copy in &mut copies {
            if let Some((other, _)) = &copy.manifest
                && other.vault != manifest.vault
            {
                copy.condition = Condition::Foreign(other.vault.clone());
            }
        }
        let first = || copies.first().map(|copy| copy.place.name()).unwrap_or_default();
        let root = manifest.root_key().map_err(|source| VaultError::Manifest { place: first(), source })?;
        let mut vault = Self { copies, manifest, manifest_file, root, devices: BTreeMap::new() };
        vault.read_devices();
        Ok(vault)
    }

    /// Which vault.
    #[must_use]
    pub fn id(&self) -> &VaultId {
        &self.manifest.vault
    }

    /// When the vault was created.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.manifest.created
    }

    /// The devices that may append.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.devices.keys()
    }

    /// The name of each place and how its copy was found.
    pub fn conditions(&self) -> impl Iterator<Item = (String, &Condition)> {
        self.copies.iter().map(|copy| (copy.place.name(), &copy.condition))
    }

    /// How many records there are over all copies, and when the last was written by the clock of its device.
    #[must_use]
    pub fn records(&self) -> (u64, Option<Timestamp>) {
        let counted = self.devices.keys().map(|device| {
            let indices = self.indices(device);
            let last = indices.last().map(|last| self.links(device, *last, false));
            (indices.len() as u64, last.and_then(|links| links.last().map(|link| link.header.time)))
        });
        counted.fold((0, None), |(sum, latest), (count, time)| (sum + count, latest.max(time)))
    }

    /// Opens the vault with its phrase. Every sealed identity in every place is tried: while a phrase is being
    /// changed there may be two.
    ///
    /// # Errors
    ///
    /// [`UnlockError::WrongPhrase`] when an undamaged identity does not open; [`UnlockError::Damaged`] when no
    /// undamaged one is there.
    pub fn unlock(&self, phrase: &Phrase) -> Result<Opened, UnlockError> {
        let mut tried = BTreeSet::new();
        let mut failure = None;
        for (_, copy) in self.active() {
            for file in copy.identities() {
                let bytes = match copy.place.read_fresh(file, SMALL) {
                    Ok(bytes) => bytes,
                    Err(source) => {
                        failure.get_or_insert(UnlockError::Place(copy.error(file, source)));
                        continue;
                    }
                };
                if tried.insert(Hash::of(&bytes)) {
                    match self.try_unlock(copy, file, &bytes, phrase) {
                        Ok(opened) => return Ok(opened),
                        Err(error) if matches!(error, UnlockError::WrongPhrase { .. }) => failure = Some(error),
                        Err(error) => _ = failure.get_or_insert(error),
                    }
                }
            }
        }
        Err(failure.unwrap_or(UnlockError::NoIdentity))
    }

    /// Opens the vault with its identity itself, as an account gives it: what [`Opened::reveal_identity`] gave.
    ///
    /// # Errors
    ///
    /// [`UnlockError::Damaged`] when it is no identity; [`UnlockError::Foreign`] when it is of another vault.
    pub fn unlock_with(&self, identity: &[u8], from: &str) -> Result<Opened, UnlockError> {
        let (place, file) = (from.to_owned(), crate::copy::IDENTITY.to_owned());
        let text = std::str::from_utf8(identity).unwrap_or_default();
        match Secrets::parse(text) {
            Ok(secrets) if secrets.vault() == self.manifest.vault => {
                let (file, hash) = self.any_identity().unwrap_or((file, self.manifest.identity));
                Ok(Opened { secrets, file, hash })
            }
            Ok(secrets) => Err(UnlockError::Foreign { place, file, found: secrets.vault() }),
            Err(source) => Err(UnlockError::Damaged { place, file, source }),
        }
    }

    /// The first sealed identity that can be read, and its hash.
    fn any_identity(&self) -> Option<(String, Hash)> {
        let read = |(_, copy): (usize, &Copy)| {
            let mut files = copy.identities();
            files.find_map(|file| Some((file.clone(), Hash::of(&copy.place.read(file, SMALL).ok()?))))
        };
        self.active().find_map(read)
    }

    fn try_unlock(&self, copy: &Copy, file: &str, bytes: &[u8], phrase: &Phrase) -> Result<Opened, UnlockError> {
        let (place, file) = (copy.place.name(), file.to_owned());
        let whole = VaultFile::Identity(Hash::of(bytes)).path(&self.manifest.identity) == file;
        match Secrets::open(bytes, phrase) {
            Ok(secrets) if secrets.vault() == self.manifest.vault => {
                Ok(Opened { secrets, file, hash: Hash::of(bytes) })
            }
            Ok(secrets) => Err(UnlockError::Foreign { place, file, found: secrets.vault() }),
            Err(SealError::NotForUs) if whole => Err(UnlockError::WrongPhrase { place, file }),
            Err(source) => Err(UnlockError::Damaged { place, file, source }),
        }
    }

    fn read_devices(&mut self) {
        let mut devices = BTreeMap::new();
        for (_, copy) in self.active() {
            for device in &copy.names.devices {
                if !devices.contains_key(device)
                    && let Ok(bytes) = copy.place.read(&DeviceCard::file(device), SMALL)
                    && let Ok((card, public)) = DeviceCard::parse(&bytes, &self.manifest.vault, &self.root)
                    && card.device == *device
                {
                    devices.insert(device.clone(), public);
                }
            }
        }
        self.devices = devices;
    }

    /// Writes the first files of a new vault to every place, and gives the places that refused.
    fn write_first(&mut self, identity: &[u8], card: &[u8], device: &DeviceId) -> Vec<PlaceError> {
        let card_file = DeviceCard::file(device);
        let files: [(&str, &[u8]); 4] = [
            (README, README_TEXT.as_bytes()),
            (&card_file, card),
            (crate::copy::IDENTITY, identity),
            (MANIFEST, &self.manifest_file),
        ];
        let write = |copy: &Copy| {
            // No records are there, so whatever an interrupted creation left is of no use to anyone.
            files
                .iter()
                .try_for_each(|(file, bytes)| copy.place.mend(file, bytes).map_err(|source| copy.error(file, source)))
        };
        self.copies.iter().filter_map(|copy| write(copy).err()).collect()
    }
}

impl Opened {
    /// The vault's identity as text: an age identity file. It opens everything; every use of this is a place where a
    /// secret leaves its type.
    #[must_use]
    pub fn reveal_identity(&self) -> Zeroizing<String> {
        self.secrets.text()
    }

    /// The file that the phrase opened.
    #[must_use]
    pub fn opened_file(&self) -> &str {
        &self.file
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({})", self.file)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({}, {} copies)", self.manifest.vault, self.copies.len())
    }
}

fn first_manifest(secrets: &Secrets, identity: &[u8], now: Timestamp) -> Manifest {
    Manifest {
        format: FORMAT,
        vault: secrets.vault(),
        suite: SUITE.to_owned(),
        recipients: vec![secrets.identity.to_public().to_string()],
        root: data_encoding::BASE64.encode(secrets.root.verifying_key().as_bytes()),
        created: now,
        identity: Hash::of(identity),
        readme: Hash::of(README_TEXT.as_bytes()),
    }
}

/// Why a place has no vault for us.
fn no_vault(copy: Copy, known: Option<&Device>) -> VaultError {
    let place = copy.place.name();
    match (copy.condition, copy.manifest, known) {
        (Condition::Unreadable(source), ..) => VaultError::Place(PlaceError { place, file: String::new(), source }),
        (Condition::Damaged(Some(source)), ..) => VaultError::Manifest { place, source },
        (_, Some((found, _)), Some(known)) => {
            VaultError::Foreign { place, needed: known.vault().clone(), found: found.vault }
        }
        _ => VaultError::NotThere { place },
    }
}
