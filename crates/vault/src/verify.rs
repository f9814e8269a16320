//! Looking for every lie and every damage, file by file, in every copy.
//!
//! Without the phrase, hashes, the chain of headers, signatures and the highest heads that this device has seen show
//! any file that is missing, altered, cut, swapped, foreign, or older than it should be. With the phrase, every body
//! is opened as well. Every finding names the place, the file, and what mends it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::copy::{Condition, Copy, IDENTITY, MANIFEST, SMALL, VaultFile};
use crate::device::{Device, Head};
use crate::id::{DeviceId, Hash, RecordId, VaultId};
use crate::log::HeaderFile;
use crate::meta::{DeviceCard, Header, Manifest, MetaError, Notice};
use crate::signed::SignedError;
use crate::vault::{Opened, Vault};

/// What a verification found.
#[derive(Debug, Default)]
pub struct Report {
    /// Each thing that is not as it should be.
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub places: Vec<PlaceReport>,
}

/// What was looked at in one place.
#[derive(Debug, PartialEq, Eq)]
pub struct PlaceReport {
    /// The place.
    pub place: String,
    /// How many good headers it has.
    pub headers: u64,
    /// How many good bodies it has.
    pub bodies: u64,
    /// How many of these bodies were opened.
    pub opened: u64,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The place.
    pub place: String,
    /// The file; empty for the place as a whole.
    pub file: String,
    /// What is wrong.
    pub what: What,
    /// What mends it.
    pub remedy: Remedy,
    pub(crate) vault_file: Option<VaultFile>,
}

/// What is wrong with a file or a place.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The bytes are not those that were written.
    Altered,
    /// The file ends too early.
    Cut,
    /// It belongs to another vault.
    Foreign(Option<VaultId>),
    /// Two histories of one device: a record or its predecessor exists in two versions.
    Forked,
    /// An interrupted run left it.
    LeftOver,
    /// It is not there.
    Missing,
    /// There is no vault in this place.
    NotThere,
    /// Another device wrote it into another place, and no backup of this device has brought it here yet.
    NotYetHere,
    /// A sealed identity that an older phrase opens, though the phrase was changed.
    OldIdentity,
    /// The body should be gone, because retired items in it were removed for good.
    PrunedStillThere,
    /// The log ends before a record that this device has seen.
    RolledBack {
        /// The highest record this device has seen.
        seen: u64,
        /// The highest record there is now.
        found: u64,
    },
    /// It is a good file of this vault, at the wrong place.
    Swapped,
    /// No vault has a file of this name.
    Unexpected,
    /// A sealed identity that the log does not announce: a change of the phrase was interrupted, and both phrases
    /// open the vault.
    UnfinishedRekey,
    /// The body is as it was written, yet does not open or says that it belongs elsewhere.
    Unopenable,
    /// The file or place cannot be read.
    Unreadable(io::ErrorKind),
    /// The signature is not by the one who must have signed it.
    Unsigned,
}

/// What mends a finding.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Back up again: what is found anew is written anew.
    BackUpAgain,
    /// Repair: a good copy lies in another place.
    Copy,
    /// Look at it yourself; Keystow leaves it alone.
    Look,
    /// No reachable copy is good. Bring a place that has one.
    Nothing,
    /// Bring the place back: plug it in, mount it, or check its rights.
    Reach,
    /// Change the phrase once more.
    Rekey,
    /// Repair: it can be removed, nothing is lost by it.
    Remove,
}

/// The judgement over all copies.
struct Survey<'a> {
    vault: &'a Vault,
    device: Option<&'a Device>,
    opened: Option<&'a Opened>,
    /// The good headers of each record, more than one where the log was forked.
    headers: BTreeMap<RecordId, Vec<(Hash, Header)>>,
    /// Which record each body belongs to.
    marks: BTreeMap<Hash, RecordId>,
    pruned: BTreeMap<RecordId, RecordId>,
    /// The valid identities, and those that were valid once.
    identities: (BTreeSet<Hash>, BTreeSet<Hash>),
    /// The bodies that were opened already, and whether that went well.
    openable: BTreeMap<Hash, bool>,
    /// What each copy has good, to know what can be copied.
    good: BTreeSet<String>,
    /// Remedies that depend on `good`, settled at the end.
    report: Report,
}

impl Report {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Vault {
    /// Looks at every file of every copy. `device` is this device's state, which knows how far each log went;
    /// with `opened`, bodies are opened too.
    #[must_use]
    pub fn verify(&self, device: Option<&Device>, opened: Option<&Opened>) -> Report {
        let mut survey = Survey::new(self, device, opened);
        survey.read_headers();
        survey.read_notices();
        survey.find_rollbacks();
        for copy in &self.copies {
            survey.look_at(copy);
        }
        survey.settle()
    }
}

impl<'a> Survey<'a> {
    fn new(vault: &'a Vault, device: Option<&'a Device>, opened: Option<&'a Opened>) -> Self {
        let places =
            vault.copies.iter().map(|copy| PlaceReport { place: copy.place.name(), headers: 0, bodies: 0, opened: 0 });
        Self {
            vault,
            device,
            opened,
            headers: BTreeMap::new(),
            marks: BTreeMap::new(),
            pruned: BTreeMap::new(),
            identities: (BTreeSet::new(), BTreeSet::new()),
            openable: BTreeMap::new(),
            good: BTreeSet::new(),
            report: Report { findings: Vec::new(), places: places.collect() },
        }
    }

    /// Collects the proven headers of all logs.
    fn read_headers(&mut self) {
        for device in self.vault.devices.keys() {
            for link in self.vault.links(device, 1, true) {
                self.marks.insert(link.header.body.sha256, link.header.id());
                self.headers.entry(link.header.id()).or_default().push((link.hash, link.header));
            }
        }
    }

    fn read_notices(&mut self) {
        let mut by_generation: BTreeMap<u64, BTreeSet<Hash>> =
            BTreeMap::from([(1, BTreeSet::from([self.vault.manifest.identity]))]);
        for (carrier, header) in
            self.headers.iter().flat_map(|(id, all)| all.iter().map(move |(_, header)| (id, header)))
        {
            for notice in header.notices(&self.vault.root) {
                match notice {
                    Notice::Identity { generation, sha256, .. } => {
                        _ = by_generation.entry(generation).or_default().insert(sha256)
                    }
                    Notice::Pruned { records, .. } => {
                        self.pruned.extend(records.into_iter().map(|id| (id, carrier.clone())))
                    }
                }
            }
        }
        let valid = by_generation.pop_last().map(|(_, valid)| valid).unwrap_or_default();
        self.identities = (valid, by_generation.into_values().flatten().collect());
    }

    /// Compares the logs with the highest heads that this device has seen.
    fn find_rollbacks(&mut self) {
        let heads = self.device.map(|device| device.state.heads.clone()).unwrap_or_default();
        for (device, head) in heads {
            let found = self.headers.keys().filter(|id| id.device == device).map(|id| id.index).max().unwrap_or(0);
            let id = RecordId { device: device.clone(), index: head.index };
            let known = self.headers.get(&id).map(|all| all.iter().any(|(hash, _)| *hash == head.hash));
            let what = match known {
                _ if found < head.index => What::RolledBack { seen: head.index, found },
                Some(false) => What::Forked,
                _ => continue,
            };
            let names: Vec<String> = self.vault.active().map(|(_, copy)| copy.place.name()).collect();
            for place in names {
                self.add(place, format!("log/{device}"), what.clone(), Remedy::Nothing, None);
            }
        }
    }

    fn look_at(&mut self, copy: &Copy) {
        let place = copy.place.name();
        match &copy.condition {
            Condition::Unreadable(error) => self.add(place, "", What::Unreadable(error.kind()), Remedy::Reach, None),
            Condition::NotThere => self.add(place, "", What::NotThere, Remedy::Reach, None),
            Condition::Foreign(other) => {
                self.add(place, MANIFEST, What::Foreign(Some(other.clone())), Remedy::Look, None)
            }
            Condition::Good | Condition::Damaged(_) => {
                self.look_at_small_files(copy);
                self.look_at_identities(copy);
                self.look_at_logs(copy);
                for name in &copy.names.temporary {
                    self.add(copy.place.name(), name, What::LeftOver, Remedy::Remove, None);
                }
                for name in &copy.names.unexpected {
                    self.add(copy.place.name(), name, What::Unexpected, Remedy::Look, None);
                }
            }
        }
    }

    fn look_at_small_files(&mut self, copy: &Copy) {
        let vault = self.vault;
        self.judge(copy, VaultFile::Manifest, SMALL, |bytes| {
            if bytes == vault.manifest_file {
                None
            } else {
                Some(Manifest::parse(bytes).map_or_else(|e| what_of(&e), |_| What::Altered))
            }
        });
        let readme = vault.manifest.readme;
        self.judge(copy, VaultFile::Readme, SMALL, |bytes| (Hash::of(bytes) != readme).then_some(What::Altered));
        let devices: BTreeSet<&DeviceId> = vault.devices.keys().chain(&copy.names.devices).collect();
        for device in devices {
            self.judge(copy, VaultFile::Device(device.clone()), SMALL, |bytes| {
                match DeviceCard::parse(bytes, &vault.manifest.vault, &vault.root) {
                    Ok((card, _)) => (card.device != *device).then_some(What::Swapped),
                    Err(error) => Some(what_of(&error)),
                }
            });
        }
    }

    fn look_at_identities(&mut self, copy: &Copy) {
        let first = self.vault.manifest.identity;
        for hash in self.identities.0.clone() {
            self.judge(copy, VaultFile::Identity(hash), SMALL, |bytes| {
                (Hash::of(bytes) != hash).then_some(What::Altered)
            });
        }
        let valid: BTreeSet<String> =
            self.identities.0.iter().map(|hash| VaultFile::Identity(*hash).path(&first)).collect();
        let whole = valid.iter().any(|path| copy.names.top.contains(path) && self.good.contains(path));
        for name in copy.identities().filter(|name| !valid.contains(*name)) {
            let hash = copy.place.read_fresh(name, SMALL).map(|bytes| Hash::of(&bytes));
            let (what, remedy) = match hash {
                Err(error) => (What::Unreadable(error.kind()), Remedy::Look),
                Ok(hash) if self.identities.1.contains(&hash) => {
                    (What::OldIdentity, if whole { Remedy::Remove } else { Remedy::Look })
                }
                Ok(hash) if VaultFile::Identity(hash).path(&first) == *name && name != IDENTITY => {
                    (What::UnfinishedRekey, Remedy::Rekey)
                }
                Ok(_) => (What::Altered, Remedy::Look),
            };
            self.add(copy.place.name(), name, what, remedy, None);
        }
    }

    fn look_at_logs(&mut self, copy: &Copy) {
        for device in copy.names.logs.keys().filter(|device| !self.vault.devices.contains_key(device)) {
            self.add(copy.place.name(), format!("log/{device}"), What::Unsigned, Remedy::Look, None);
        }
        let (mut headers, mut bodies, mut opened) = (0, 0, 0);
        for id in self.expected(copy) {
            let header = self.look_at_header(copy, &id);
            headers += u64::from(header.is_some());
            let (body, open) = self.look_at_body(copy, &id, header);
            bodies += u64::from(body);
            opened += u64::from(open);
        }
        let place = copy.place.name();
        if let Some(report) = self.report.places.iter_mut().find(|report| report.place == place) {
            (report.headers, report.bodies, report.opened) = (headers, bodies, opened);
        }
    }

    /// All records that this copy has any file of, or should have.
    fn expected(&self, copy: &Copy) -> BTreeSet<RecordId> {
        let mut ids: BTreeSet<RecordId> = self.headers.keys().cloned().collect();
        for device in self.vault.devices.keys() {
            let log = copy.names.logs.get(device);
            let there = log.into_iter().flat_map(|log| log.headers.iter().chain(&log.bodies)).copied();
            // Gaps below the last header are missing records, even when no copy has them.
            let last = self.vault.indices(device).last().copied().unwrap_or(0);
            let near = (1..=last).filter(|_| last <= self.headers.len() as u64 * 2 + 1000);
            ids.extend(there.chain(near).map(|index| RecordId { device: device.clone(), index }));
        }
        ids
    }

    fn look_at_header(&mut self, copy: &Copy, id: &RecordId) -> Option<Header> {
        let vault = self.vault;
        let good = self.headers.get(id).cloned().unwrap_or_default();
        let forked = good.len() > 1 || self.breaks_chain(id, &good);
        let mut header = None;
        if good.is_empty() && !copy.has(&VaultFile::Header(id.clone()), "") && !self.is_known(id) {
            return None;
        }
        self.judge(copy, VaultFile::Header(id.clone()), SMALL, |bytes| {
            let key = vault.devices.get(&id.device)?;
            match vault.header(bytes, id, key, |hash| good.iter().any(|(known, _)| known == hash)) {
                HeaderFile::Good(read, _) => {
                    header = Some(*read);
                    None
                }
                HeaderFile::Bad(error) => Some(what_of(&error)),
            }
        });
        if forked && header.is_some() {
            self.add(copy.place.name(), id.header_file(), What::Forked, Remedy::BackUpAgain, None);
        }
        header
    }

    /// Whether a record was announced: an index at or below a known head or header.
    fn is_known(&self, id: &RecordId) -> bool {
        let seen =
            self.device.and_then(|device| device.state.heads.get(&id.device)).map_or(0, |head: &Head| head.index);
        let last = self.headers.keys().filter(|other| other.device == id.device).map(|other| other.index).max();
        id.index <= seen.max(last.unwrap_or(0))
    }

    fn breaks_chain(&self, id: &RecordId, good: &[(Hash, Header)]) -> bool {
        let before = RecordId { device: id.device.clone(), index: id.index.saturating_sub(1) };
        let before = self.headers.get(&before);
        good.iter().any(|(_, header)| match (header.prev, before) {
            (Some(prev), Some(before)) => before.iter().all(|(hash, _)| *hash != prev),
            (None, _) => id.index != 1,
            (Some(_), None) => id.index == 1,
        })
    }

    /// Whether the body is good, and whether it was opened.
    fn look_at_body(&mut self, copy: &Copy, id: &RecordId, own: Option<Header>) -> (bool, bool) {
        let (file, path) = (VaultFile::Body(id.clone()), id.body_file());
        let there = copy.has(&file, &path);
        if let Some(carrier) = self.pruned.get(id) {
            if there {
                let settled = copy.has(&VaultFile::Header(carrier.clone()), "");
                let remedy = if settled { Remedy::Remove } else { Remedy::Look };
                self.add(copy.place.name(), path, What::PrunedStillThere, remedy, None);
            }
            return (false, false);
        }
        let Some(header) =
            own.or_else(|| self.headers.get(id).and_then(|all| all.first()).map(|(_, header)| header.clone()))
        else {
            if there && !self.is_known(id) {
                self.add(copy.place.name(), path, What::LeftOver, Remedy::Remove, None);
            }
            return (false, false);
        };
        let (mark, marks) = (header.body, std::mem::take(&mut self.marks));
        let mut sealed = None;
        let good = self.judge(copy, file, mark.length, |bytes| {
            let hash = Hash::of(bytes);
            if hash == mark.sha256 {
                sealed = Some(bytes.to_vec());
                return None;
            }
            Some(match marks.get(&hash) {
                Some(_) => What::Swapped,
                None if (bytes.len() as u64) < mark.length => What::Cut,
                None => What::Altered,
            })
        });
        self.marks = marks;
        let open = sealed.is_some_and(|sealed| self.opens(copy, &header, &sealed));
        (good, open)
    }

    fn opens(&mut self, copy: &Copy, header: &Header, sealed: &[u8]) -> bool {
        let Some(opened) = self.opened else { return false };
        let vault = self.vault;
        let open = || vault.entries_of(sealed, header, &opened.secrets.identity).is_ok();
        let open = *self.openable.entry(header.body.sha256).or_insert_with(open);
        if !open {
            self.add(copy.place.name(), header.id().body_file(), What::Unopenable, Remedy::Look, None);
        }
        open
    }

    /// Reads one file and lets `judge` say what is wrong with its bytes.
    fn judge(&mut self, copy: &Copy, file: VaultFile, limit: u64, judge: impl FnOnce(&[u8]) -> Option<What>) -> bool {
        let path = file.path(&self.vault.manifest.identity);
        // A small file in the wrong place is read although it is too long, to say whose it is.
        let limit = limit.max(SMALL);
        let what = if copy.has(&file, &path) {
            match copy.place.read_fresh(&path, limit) {
                Ok(bytes) => judge(&bytes),
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Some(What::Altered),
                Err(error) => Some(What::Unreadable(error.kind())),
            }
        } else if self.is_news(&file) {
            Some(What::NotYetHere)
        } else {
            Some(What::Missing)
        };
        match what {
            Some(what) => self.add(copy.place.name(), path, what, Remedy::Nothing, Some(file)),
            None => {
                self.good.insert(path);
                return true;
            }
        }
        false
    }

    /// Whether another device wrote this file, and this one has not seen it yet: then no copy of ours can have it.
    fn is_news(&self, file: &VaultFile) -> bool {
        let Some(own) = self.device else { return false };
        let seen = |device: &DeviceId| own.state.heads.get(device).map_or(0, |head| head.index);
        match file {
            VaultFile::Body(id) | VaultFile::Header(id) => id.device != own.id() && id.index > seen(&id.device),
            VaultFile::Device(id) => *id != own.id() && seen(id) == 0,
            VaultFile::Identity(_) | VaultFile::Manifest | VaultFile::Readme => false,
        }
    }

    fn add(
        &mut self,
        place: String,
        file: impl Into<String>,
        what: What,
        remedy: Remedy,
        vault_file: Option<VaultFile>,
    ) {
        self.report.findings.push(Finding { place, file: file.into(), what, remedy, vault_file });
    }

    /// Now that all copies are known, says of each damaged file whether a good one lies elsewhere.
    fn settle(mut self) -> Report {
        for finding in &mut self.report.findings {
            let Some(file) = &finding.vault_file else { continue };
            let good = self.good.contains(&finding.file) || matches!(file, VaultFile::Manifest);
            finding.remedy = match (&finding.what, good) {
                (What::Unreadable(io::ErrorKind::PermissionDenied), _) => Remedy::Reach,
                (_, true) => Remedy::Copy,
                (_, false) => Remedy::Nothing,
            };
        }
        self.report
    }
}

/// What an unreadable public file is.
fn what_of(error: &MetaError) -> What {
    match error {
        MetaError::Name { found, .. } if VaultId::parse(found).is_some() => What::Foreign(VaultId::parse(found)),
        MetaError::Name { .. } => What::Swapped,
        MetaError::Signed(SignedError::Json(error)) if error.is_eof() => What::Cut,
        MetaError::Signature => What::Unsigned,
        _ => What::Altered,
    }
}
