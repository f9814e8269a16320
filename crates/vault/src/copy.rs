//! One copy: a place, and the names of the files that lie there.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use keystow_os::files::TEMPORARY;
use thiserror::Error;

use crate::id::{DeviceId, Hash, RecordId, VaultId};
use crate::meta::{DeviceCard, Manifest, MetaError};
use crate::place::Place;

/// The name of the file that makes a folder a vault.
pub(crate) const MANIFEST: &str = "vault.json";
pub(crate) const README: &str = "README.txt";
pub(crate) const IDENTITY: &str = "identity.age";
/// The greatest size of a public file or sealed identity.
pub(crate) const SMALL: u64 = 1 << 20;

/// How a copy was found when the vault was opened.
#[non_exhaustive]
#[derive(Debug)]
pub enum Condition {
    /// `vault.json` is missing or damaged, though other files are there; they are still read.
    Damaged(Option<MetaError>),
    /// It is a copy of another vault.
    Foreign(VaultId),
    /// `vault.json` is there and says which vault it is.
    Good,
    /// There is no vault in the place.
    NotThere,
    /// The place cannot be read.
    Unreadable(io::Error),
}

/// An operation on a file of a copy failed.
#[derive(Debug, Error)]
#[error("{place}: {file}{}{source}", if file.is_empty() { "" } else { ": " })]
pub struct PlaceError {
    /// The place.
    pub place: String,
    /// The file in it.
    pub file: String,
    /// What the medium said.
    pub source: io::Error,
}

pub(crate) struct Copy {
    pub(crate) place: Box<dyn Place>,
    pub(crate) condition: Condition,
    pub(crate) names: Names,
    /// What `vault.json` says, when it says anything.
    pub(crate) manifest: Option<(Manifest, Vec<u8>)>,
}

/// The names of the files of a copy.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) top: BTreeSet<String>,
    pub(crate) devices: BTreeSet<DeviceId>,
    pub(crate) logs: BTreeMap<DeviceId, LogNames>,
    /// Temporary files of interrupted writes.
    pub(crate) temporary: Vec<String>,
    /// Names that no vault has.
    pub(crate) unexpected: Vec<String>,
}

/// The indices whose files are there.
#[derive(Default)]
pub(crate) struct LogNames {
    pub(crate) headers: BTreeSet<u64>,
    pub(crate) bodies: BTreeSet<u64>,
}

/// Any file of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VaultFile {
    Body(RecordId),
    Device(DeviceId),
    Header(RecordId),
    Identity(Hash),
    Manifest,
    Readme,
}

impl Copy {
    pub(crate) fn look(place: Box<dyn Place>) -> Self {
        let mut copy = Self { place, condition: Condition::NotThere, names: Names::default(), manifest: None };
        copy.look_again();
        copy
    }

    /// Lists the place anew.
    pub(crate) fn look_again(&mut self) {
        self.manifest = None;
        self.condition = match self.try_look() {
            Ok(condition) => condition,
            Err(error) => {
                self.names = Names::default();
                Condition::Unreadable(error)
            }
        };
    }

    /// Removes what an interrupted creation left in a place where no vault is and no record: device files of a vault
    /// that never came to be would be foreign in the next one. A place that cannot be tidied says so when it is written.
    pub(crate) fn clear_interrupted_creation(&self) {
        if !matches!(self.condition, Condition::NotThere | Condition::Damaged(None)) || !self.names.logs.is_empty() {
            return;
        }
        for device in &self.names.devices {
            let _ = self.place.remove(&DeviceCard::file(device));
        }
        self.sweep_all();
    }

    /// Removes every temporary file: nobody writes records into a copy that is only being made. A place that cannot be
    /// swept says so when it is written.
    pub(crate) fn sweep_all(&self) {
        let dirs: BTreeSet<&str> =
            self.names.temporary.iter().map(|name| name.rsplit_once('/').map_or("", |(dir, _)| dir)).collect();
        for dir in dirs {
            let _ = self.place.sweep(dir);
        }
    }

    /// Whether files of this vault are read from here and written to here.
    pub(crate) fn takes_part(&self) -> bool {
        matches!(self.condition, Condition::Good | Condition::Damaged(_))
    }

    pub(crate) fn error(&self, file: &str, source: io::Error) -> PlaceError {
        PlaceError { place: self.place.name(), file: file.to_owned(), source }
    }

    pub(crate) fn has(&self, file: &VaultFile, path: &str) -> bool {
        let log = |id: &RecordId| self.names.logs.get(&id.device);
        match file {
            VaultFile::Body(id) => log(id).is_some_and(|log| log.bodies.contains(&id.index)),
            VaultFile::Header(id) => log(id).is_some_and(|log| log.headers.contains(&id.index)),
            VaultFile::Device(id) => self.names.devices.contains(id),
            VaultFile::Identity(_) | VaultFile::Manifest | VaultFile::Readme => self.names.top.contains(path),
        }
    }

    /// Remembers that a file is there now.
    pub(crate) fn note(&mut self, file: &VaultFile, path: &str) {
        let names = &mut self.names;
        match file {
            VaultFile::Body(id) => _ = names.logs.entry(id.device.clone()).or_default().bodies.insert(id.index),
            VaultFile::Header(id) => _ = names.logs.entry(id.device.clone()).or_default().headers.insert(id.index),
            VaultFile::Device(id) => _ = names.devices.insert(id.clone()),
            VaultFile::Identity(_) | VaultFile::Manifest | VaultFile::Readme => _ = names.top.insert(path.to_owned()),
        }
    }

    /// Remembers that a file is gone now.
    pub(crate) fn note_removed(&mut self, file: &VaultFile, path: &str) {
        match file {
            VaultFile::Body(id) => {
                if let Some(log) = self.names.logs.get_mut(&id.device) {
                    log.bodies.remove(&id.index);
                }
            }
            _ => _ = self.names.top.remove(path),
        }
    }

    pub(crate) fn identities(&self) -> impl Iterator<Item = &String> {
        self.names.top.iter().filter(|name| is_identity(name))
    }

    fn try_look(&mut self) -> io::Result<Condition> {
        self.names = Names::default();
        let (mut devices, mut log) = (false, false);
        for name in self.place.list("")? {
            match name.as_str() {
                "devices/" => devices = true,
                "log/" => log = true,
                _ => self.names.add_top(name),
            }
        }
        if devices {
            for name in self.place.list("devices")? {
                self.names.add_device(&name);
            }
        }
        for name in if log { self.place.list("log")? } else { Vec::new() } {
            match name.strip_suffix('/').and_then(DeviceId::parse) {
                Some(device) => {
                    let files = self.place.list(&format!("log/{device}"))?;
                    self.names.add_log(device, files);
                }
                None => self.names.unexpected.push(format!("log/{name}")),
            }
        }
        self.read_manifest(devices || log)
    }

    fn read_manifest(&mut self, has_more: bool) -> io::Result<Condition> {
        if !self.names.top.contains(MANIFEST) {
            return Ok(if has_more { Condition::Damaged(None) } else { Condition::NotThere });
        }
        let bytes = match self.place.read(MANIFEST, SMALL) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Ok(Condition::Damaged(None)),
            Err(error) => return Err(error),
        };
        Ok(match Manifest::parse(&bytes) {
            Ok(manifest) => {
                self.manifest = Some((manifest, bytes));
                Condition::Good
            }
            Err(error) => Condition::Damaged(Some(error)),
        })
    }
}

impl Names {
    fn add_top(&mut self, name: String) {
        if name.starts_with(TEMPORARY) {
            self.temporary.push(name);
        } else if name == MANIFEST || name == README || is_identity(&name) {
            self.top.insert(name);
        } else {
            self.unexpected.push(name);
        }
    }

    fn add_device(&mut self, name: &str) {
        match name.strip_suffix(".json").and_then(DeviceId::parse) {
            Some(device) => _ = self.devices.insert(device),
            None if name.starts_with(TEMPORARY) => self.temporary.push(format!("devices/{name}")),
            None => self.unexpected.push(format!("devices/{name}")),
        }
    }

    fn add_log(&mut self, device: DeviceId, files: Vec<String>) {
        let mut log = LogNames::default();
        for name in files {
            match name.rsplit_once('.') {
                Some((index, "json")) if index_of(index).is_some() => log.headers.extend(index_of(index)),
                Some((index, "age")) if index_of(index).is_some() => log.bodies.extend(index_of(index)),
                _ if name.starts_with(TEMPORARY) => self.temporary.push(format!("log/{device}/{name}")),
                _ => self.unexpected.push(format!("log/{device}/{name}")),
            }
        }
        self.logs.insert(device, log);
    }
}

impl VaultFile {
    /// Where the file lies. `first` is the identity that `vault.json` names.
    pub(crate) fn path(&self, first: &Hash) -> String {
        match self {
            Self::Body(id) => id.body_file(),
            Self::Device(id) => format!("devices/{id}.json"),
            Self::Header(id) => id.header_file(),
            Self::Identity(hash) if hash == first => IDENTITY.to_owned(),
            Self::Identity(hash) => format!("identity-{}.age", hash.short()),
            Self::Manifest => MANIFEST.to_owned(),
            Self::Readme => README.to_owned(),
        }
    }
}

/// `identity.age`, or `identity-<8 hex digits>.age` after the phrase was changed.
fn is_identity(name: &str) -> bool {
    let middle = name.strip_prefix("identity").and_then(|rest| rest.strip_suffix(".age"));
    middle.is_some_and(|middle| {
        let hash = middle.strip_prefix('-');
        middle.is_empty() || hash.is_some_and(|hash| hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

/// An index as it is written: decimal, from 1, no leading zero.
fn index_of(text: &str) -> Option<u64> {
    let index: u64 = text.parse().ok()?;
    (index > 0 && index.to_string() == text).then_some(index)
}
