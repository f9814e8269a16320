//! Appending records: one backup is one record, and it is there wholly or not at all.
//!
//! The record is first kept in this device's state, then its body and after it its header go to every place. A run
//! that is interrupted anywhere is finished by the next one with the very same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use data_encoding::BASE64;
use jiff::Timestamp;
use keystow_os::files::{self, Lock};
use thiserror::Error;

use crate::copy::{Condition, Copy, PlaceError, VaultFile};
use crate::device::{Device, DeviceError, Head, LOCK, Pending};
use crate::id::{Hash, ItemId, RecordId};
use crate::item::Item;
use crate::meta::{BodyMark, Header, Notice};
use crate::place::Place;
use crate::record::{self, Act, Entry, Event, Stamp};
use crate::seal::{self, SealError};
use crate::vault::{Opened, Vault};

/// What a place says whose log cannot be carried on.
const FORKED: &str = "it holds another history of this device, from before its state was put back; it stays as it is";

/// The one writer of a vault on this device, as long as it lives.
pub struct Writer<'v> {
    pub(crate) vault: &'v mut Vault,
    pub(crate) device: Device,
    _lock: Lock,
}

/// What a backup changes.
#[derive(Clone, Debug)]
pub enum Change {
    /// Something happened.
    Event(Event),
    /// An item is there. Put again unchanged, it adds nothing.
    Put(Item),
    /// An item is not needed any more. It is kept for 90 days.
    Retire(ItemId),
    /// An item is to be known under the same id with other facts, a note or a tag.
    Revise(ItemId, Item),
}

/// What came of a backup.
#[derive(Debug)]
pub struct Receipt {
    /// The record that was written; `None` when there was nothing new.
    pub record: Option<RecordId>,
    /// The items that were named, in the order of the changes.
    pub items: Vec<ItemId>,
    /// What each place said.
    pub places: Vec<PlaceOutcome>,
    /// Set when the clock stands before the last record of this device.
    pub clock: Option<ClockBehind>,
}

/// What one place said.
#[derive(Debug)]
pub struct PlaceOutcome {
    /// The place.
    pub place: String,
    /// How many files it lacked and has now, the new record apart; or why it could not be written.
    pub result: Result<u64, PlaceError>,
}

/// The clock of this device stands before its last record, so times cannot be trusted; the order of records can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockBehind {
    /// The time of the last record.
    pub last: Timestamp,
    /// What the clock says.
    pub now: Timestamp,
}

/// Why nothing was written.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum WriteError {
    #[error(
        "the clock says {now}, but this device wrote a record at {last}; nothing is pruned until the clock is right"
    )]
    Clock { last: Timestamp, now: Timestamp },
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("no place took the record; the first said: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    NoPlace(Vec<PlaceError>),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("record {index} of this device cannot be opened, so nothing is pruned; repair the vault first")]
    Unreadable { index: u64 },
}

/// A record before it has its index.
#[derive(Default)]
pub(crate) struct Draft {
    /// Entries; those without a stamp get the record's own.
    pub(crate) acts: Vec<(Option<Stamp>, Act)>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) looks: BTreeMap<ItemId, Hash>,
    pub(crate) forget: BTreeSet<ItemId>,
}

impl Vault {
    /// Becomes the one writer, with the state that this device keeps in `state`. It learns of the records that other
    /// devices wrote, and finishes a record that an earlier run left on its way.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Locked`] when another run is writing; [`DeviceError::NotEnrolled`]; what the disk says.
    pub fn writer(&mut self, state: &Path) -> Result<Writer<'_>, WriteError> {
        let failed = |source| DeviceError::Io { path: state.to_owned(), source };
        if !state.is_dir() {
            return Err(DeviceError::NotEnrolled { path: state.to_owned() }.into());
        }
        let lock = Lock::try_acquire(&state.join(LOCK)).map_err(failed)?.ok_or(DeviceError::Locked)?;
        let device = Device::load(state)?;
        if *device.vault() != self.manifest.vault {
            return Err(DeviceError::NotEnrolled { path: state.to_owned() }.into());
        }
        files::sweep(state).map_err(failed)?;
        let mut writer = Writer { vault: self, device, _lock: lock };
        writer.catch_up()?;
        writer.finish_pending()?;
        writer.sweep();
        Ok(writer)
    }

    /// Enrolls this device: signs its new public key with the root and keeps its state in `state`.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Exists`] when `state` knows a vault already; [`WriteError::NoPlace`] when no place can be
    /// written.
    pub fn enroll(&mut self, opened: &Opened, state: &Path, now: Timestamp) -> Result<Vec<PlaceOutcome>, WriteError> {
        Device::expect_none(state)?;
        let (device, card) = Device::new(state, &opened.secrets, now)?;
        let (file, bytes) = (VaultFile::Device(device.id()), card.sign(&opened.secrets.root)?);
        let outcomes = self.write_everywhere(&file, &bytes);
        all_failed(&outcomes)?;
        device.save_new()?;
        self.devices.insert(device.id(), device.public());
        Ok(outcomes)
    }

    /// Writes a file to every place.
    pub(crate) fn write_everywhere(&mut self, file: &VaultFile, bytes: &[u8]) -> Vec<PlaceOutcome> {
        let path = file.path(&self.manifest.identity);
        let write = |copy: &mut Copy| {
            let result = copy.writable(&path).and_then(|()| copy.write(file, &path, bytes)).map(|()| 0);
            PlaceOutcome { place: copy.place.name(), result }
        };
        self.copies.iter_mut().map(write).collect()
    }
}

impl Writer<'_> {
    /// Appends one record with all changes that are news, to every place, and gives each place what it lacks besides.
    ///
    /// # Errors
    ///
    /// [`WriteError::NoPlace`] when no place took it; the record then stays with this device and goes out with the
    /// next backup. While one waits, no other is taken.
    pub fn append(&mut self, changes: Vec<Change>, now: Timestamp) -> Result<Receipt, WriteError> {
        let (draft, items) = self.draft(changes);
        let clock = self.clock(now);
        if draft.acts.is_empty() {
            return Ok(Receipt { record: None, items, places: self.heal_all(), clock });
        }
        let (record, places) = self.commit(draft, now)?;
        Ok(Receipt { record: Some(record), items, places, clock })
    }

    /// Makes one more copy, in a place that holds none, and adds it to the vault. The place may be one of the vault's
    /// own that was found empty.
    ///
    /// # Errors
    ///
    /// What the place says; [`io::ErrorKind::AlreadyExists`] when it holds another vault.
    pub fn copy_to(&mut self, place: Box<dyn Place>) -> Result<u64, PlaceError> {
        let mut copy = Copy::look(place);
        match &copy.condition {
            Condition::NotThere | Condition::Damaged(None) => {
                copy.sweep_all();
                copy.condition = Condition::Damaged(None);
            }
            Condition::Good | Condition::Damaged(_) if copy.is_of(&self.vault.manifest.vault) => {}
            Condition::Unreadable(error) => return Err(copy.error("", error.kind().into())),
            _ => return Err(copy.error(crate::copy::MANIFEST, io::ErrorKind::AlreadyExists.into())),
        }
        self.vault.copies.push(copy);
        let to = self.vault.copies.len() - 1;
        let healed = self.heal(to);
        match healed {
            Ok(_) => self.replace_earlier_look(to),
            Err(_) => self.vault.copies.truncate(to),
        }
        healed
    }

    /// Keeps a new copy in place of what was found there before it was made.
    fn replace_earlier_look(&mut self, new: usize) {
        let copies = &mut self.vault.copies;
        let Some(mut copy) = copies.pop() else { return };
        copy.look_again();
        let earlier = copies.iter().take(new).position(|earlier| earlier.place.name() == copy.place.name());
        match earlier.and_then(|at| copies.get_mut(at)) {
            Some(earlier) => *earlier = copy,
            None => copies.push(copy),
        }
    }

    /// Whether the clock stands before this device's last record.
    #[must_use]
    pub fn clock(&self, now: Timestamp) -> Option<ClockBehind> {
        self.device.state.last.filter(|last| now < *last).map(|last| ClockBehind { last, now })
    }

    /// Whether this device has put this item before, just as it is now.
    #[must_use]
    pub fn knows(&self, item: &Item) -> bool {
        self.device.state.looks.get(&item.id(&self.device.tag)) == Some(&self.look(item))
    }

    /// Whether this device has put this item before, in whatever shape, and has not retired it since.
    #[must_use]
    pub fn has(&self, item: &Item) -> bool {
        self.device.state.looks.contains_key(&item.id(&self.device.tag))
    }

    /// This device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The vault that is written to.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        self.vault
    }

    /// Leaves out what this device has put before and has not changed since.
    fn draft(&self, changes: Vec<Change>) -> (Draft, Vec<ItemId>) {
        let (mut draft, mut items) = (Draft::default(), Vec::new());
        for change in changes {
            let (id, look, act) = match change {
                Change::Event(event) => {
                    draft.acts.push((None, Act::Event(event)));
                    continue;
                }
                Change::Put(item) => {
                    let (id, look) = (item.id(&self.device.tag), self.look(&item));
                    (id.clone(), Some(look), Act::Put(id, item))
                }
                Change::Retire(id) => (id.clone(), None, Act::Retire(id)),
                Change::Revise(id, item) => (id.clone(), Some(self.look(&item)), Act::Revise(id, item)),
            };
            items.push(id.clone());
            let known = draft.looks.get(&id).or_else(|| self.device.state.looks.get(&id)).copied();
            match look {
                Some(look) if known == Some(look) && !draft.forget.contains(&id) => continue,
                Some(look) => {
                    draft.forget.remove(&id);
                    draft.looks.insert(id, look);
                }
                None => {
                    draft.looks.remove(&id);
                    draft.forget.insert(id);
                }
            }
            draft.acts.push((None, act));
        }
        (draft, items)
    }

    fn look(&self, item: &Item) -> Hash {
        Hash::of(&item.look(&self.device.tag))
    }

    /// Seals a draft as the next record of this device and brings it to the places.
    pub(crate) fn commit(&mut self, draft: Draft, now: Timestamp) -> Result<(RecordId, Vec<PlaceOutcome>), WriteError> {
        self.commit_with(draft, now, &[])
    }

    /// As [`commit`](Self::commit), with the root at hand to sign notices.
    pub(crate) fn commit_opened(
        &mut self,
        draft: Draft,
        now: Timestamp,
        opened: &Opened,
    ) -> Result<(RecordId, Vec<PlaceOutcome>), WriteError> {
        let signed = draft.notices.iter().map(|notice| notice.sign(&opened.secrets.root));
        let signed = signed.collect::<serde_json::Result<Vec<_>>>()?;
        self.commit_with(draft, now, &signed)
    }

    fn commit_with(
        &mut self,
        draft: Draft,
        now: Timestamp,
        notices: &[Box<serde_json::value::RawValue>],
    ) -> Result<(RecordId, Vec<PlaceOutcome>), WriteError> {
        // A record that waits for a place has its index already, and what is in it was promised.
        if let Some(waiting) = self.device.pending()? {
            self.deliver(waiting)?;
        }
        let (head, vault) = (self.device.head(), self.vault.manifest.vault.clone());
        let own = Stamp { time: now, device: self.device.id(), index: head.map_or(1, |head| head.index + 1) };
        let stamped = |(at, act): (Option<Stamp>, Act)| Entry { at: at.unwrap_or_else(|| own.clone()), act };
        let entries: Vec<Entry> = draft.acts.into_iter().map(stamped).collect();
        let body = seal::seal_to(&self.vault.manifest.recipients, &record::write(&vault, &own, &entries)?)?;
        let header = Header {
            vault,
            device: own.device.clone(),
            index: own.index,
            prev: head.map(|head| head.hash),
            body: BodyMark { sha256: Hash::of(&body), length: body.len() as u64 },
            time: now,
            notices: notices.to_vec(),
        };
        let file = header.sign(&self.device.signing)?;
        let pending = Pending {
            index: own.index,
            time: now,
            header: String::from_utf8_lossy(&file).into_owned(),
            body: BASE64.encode(&body),
            looks: draft.looks,
            forget: draft.forget,
        };
        self.device.save_pending(&pending)?;
        let places = self.deliver(pending)?;
        Ok((RecordId { device: own.device, index: own.index }, places))
    }

    /// Brings the record on its way to every place, heals the places first, and remembers the record.
    fn deliver(&mut self, pending: Pending) -> Result<Vec<PlaceOutcome>, WriteError> {
        let id = RecordId { device: self.device.id(), index: pending.index };
        let body = BASE64.decode(pending.body.as_bytes());
        let body = body.map_err(|_| DeviceError::Damaged { path: self.device.dir().join("pending.json") })?;
        let mut outcomes = Vec::new();
        let forked = self.vault.is_forked(&id.device);
        for to in 0..self.vault.copies.len() {
            let healed = self.heal(to);
            let Some(copy) = self.vault.copies.get_mut(to) else { continue };
            let follows = !forked || copy.is_followed_by(&id, pending.header.as_bytes());
            let written = if follows {
                copy.write_record(&id, pending.header.as_bytes(), &body)
            } else {
                Err(copy.error(&id.header_file(), io::Error::other(FORKED)))
            };
            outcomes.push(PlaceOutcome { place: copy.place.name(), result: written.and(healed) });
        }
        all_failed_to_take(&outcomes, self.vault, &id)?;
        self.remember(pending, id)?;
        Ok(outcomes)
    }

    fn remember(&mut self, pending: Pending, id: RecordId) -> Result<(), WriteError> {
        let hash = Hash::of(pending.header.as_bytes());
        let state = &mut self.device.state;
        state.heads.insert(id.device, Head { index: id.index, hash });
        state.last = state.last.max(Some(pending.time));
        state.looks.retain(|id, _| !pending.forget.contains(id));
        state.looks.extend(pending.looks);
        if let Ok(read) = Header::read(pending.header.as_bytes()) {
            self.absorb(&read.trust());
        }
        self.device.save_state()?;
        Ok(self.device.remove_pending()?)
    }

    fn finish_pending(&mut self) -> Result<(), WriteError> {
        let Some(pending) = self.device.pending()? else { return Ok(()) };
        let id = RecordId { device: self.device.id(), index: pending.index };
        let hash = Hash::of(pending.header.as_bytes());
        // A later record of ours means that this one was delivered; its own hash as head means that only the last
        // step, remembering it, may be missing.
        if self.device.head().is_some_and(|head| head.index > id.index || head.index == id.index && head.hash != hash) {
            return Ok(self.device.remove_pending()?);
        }
        match self.deliver(pending) {
            // No place can be written now; the record waits.
            Err(WriteError::NoPlace(_)) => Ok(()),
            done => done.map(|_| ()),
        }
    }

    /// Learns of the records that lie in the copies and that this device has not seen.
    fn catch_up(&mut self) -> Result<(), WriteError> {
        let before = self.device.state.clone();
        let devices: Vec<_> = self.vault.devices.keys().cloned().collect();
        for device in devices {
            let mut head = self.device.state.heads.get(&device).copied();
            for link in self.vault.links(&device, head.map_or(1, |head| head.index + 1), false) {
                let next = link.header.index == head.map_or(1, |head| head.index + 1);
                let follows = next && link.header.prev == head.map(|head| head.hash);
                // Other logs are followed step by step, so that no announcement in a gap is passed over. Our own later
                // records count even past a gap: an index of ours must not be used again.
                if !follows && (next || device != self.device.id()) {
                    break;
                }
                self.absorb(&link.header);
                head = Some(Head { index: link.header.index, hash: link.hash });
                if device == self.device.id() {
                    self.device.state.last = self.device.state.last.max(Some(link.header.time));
                }
            }
            self.device.state.heads.extend(head.map(|head| (device, head)));
        }
        if self.device.state != before {
            self.device.save_state()?;
        }
        Ok(())
    }

    /// Takes in what a header announces.
    fn absorb(&mut self, header: &Header) {
        let own = header.device == self.device.id();
        let state = &mut self.device.state;
        for notice in header.notices(&self.vault.root) {
            match notice {
                Notice::Identity { generation, sha256, .. } => {
                    if generation > state.identities.0 {
                        state.identities = (generation, BTreeSet::new());
                    }
                    if generation == state.identities.0 {
                        state.identities.1.insert(sha256);
                    }
                }
                Notice::Pruned { records, .. } => {
                    state.pruned.extend(records);
                    // Another device removed items for good, and which is sealed: what we find again counts as new.
                    if !own {
                        state.looks.clear();
                    }
                }
            }
        }
    }

    /// Removes what interrupted runs of this device left. A place that cannot be swept says so when it is written.
    fn sweep(&mut self) {
        let (device, head) = (self.device.id(), self.device.head().map_or(0, |head| head.index));
        if self.device.pending().is_ok_and(|pending| pending.is_some()) {
            return;
        }
        for copy in self.vault.copies.iter_mut().filter(|copy| copy.takes_part()) {
            let dirs: BTreeSet<String> = copy
                .names
                .temporary
                .iter()
                .map(|name| name.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned())
                .collect();
            // Another device may be writing into its own log just now.
            let own = format!("log/{device}");
            for dir in dirs.iter().filter(|dir| **dir == own || !dir.starts_with("log/")) {
                let _ = copy.place.sweep(dir);
            }
            let log = copy.names.logs.get(&device);
            let bodies = log.map(|log| log.bodies.range(head + 1..).copied().collect::<Vec<_>>());
            for index in bodies.unwrap_or_default() {
                let id = RecordId { device: device.clone(), index };
                let (path, file) = (id.body_file(), VaultFile::Body(id.clone()));
                if !copy.has(&VaultFile::Header(id), "") && copy.place.remove(&path).is_ok() {
                    copy.note_removed(&file, &path);
                }
            }
        }
    }
}

impl Copy {
    /// Whether a file may be written here.
    pub(crate) fn writable(&self, file: &str) -> Result<(), PlaceError> {
        match &self.condition {
            Condition::Good | Condition::Damaged(_) => Ok(()),
            Condition::Foreign(_) => Err(self.error(file, io::Error::other("the place holds another vault"))),
            Condition::NotThere => Err(self.error(file, io::ErrorKind::NotFound.into())),
            Condition::Unreadable(error) => Err(self.error(file, io::Error::new(error.kind(), error.to_string()))),
        }
    }

    /// Writes a file that must have these bytes; that it is there already with them is as good.
    pub(crate) fn write(&mut self, file: &VaultFile, path: &str, bytes: &[u8]) -> Result<(), PlaceError> {
        match self.place.write_new(path, bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let there = self.place.read(path, bytes.len() as u64);
                if there.is_ok_and(|there| there == bytes) {
                    self.note(file, path);
                    return Ok(());
                }
                return Err(self.error(path, error));
            }
            Err(error) => return Err(self.error(path, error)),
        }
        self.note(file, path);
        Ok(())
    }

    /// Whether the record before is the one that this header names.
    fn is_followed_by(&self, id: &RecordId, header: &[u8]) -> bool {
        let before = RecordId { device: id.device.clone(), index: id.index.saturating_sub(1) };
        let prev = Header::read(header).ok().and_then(|read| read.claim().prev);
        let there = self.place.read(&before.header_file(), crate::copy::SMALL).ok();
        there.map(|bytes| Hash::of(&bytes)) == prev
    }

    /// Writes a record: the body, then the header, which makes it count.
    fn write_record(&mut self, id: &RecordId, header: &[u8], body: &[u8]) -> Result<(), PlaceError> {
        let (head, sealed) = (VaultFile::Header(id.clone()), VaultFile::Body(id.clone()));
        self.writable(&id.header_file())?;
        if let Err(error) = self.write(&sealed, &id.body_file(), body) {
            if error.source.kind() != io::ErrorKind::AlreadyExists || self.has(&head, "") {
                return Err(error);
            }
            // A body without a header never counted: an interrupted run left it.
            self.place.mend(&id.body_file(), body).map_err(|source| self.error(&id.body_file(), source))?;
            self.note(&sealed, "");
        }
        self.write(&head, &id.header_file(), header)
    }

    /// Whether the copy belongs to `vault`, or does not say.
    fn is_of(&self, vault: &crate::id::VaultId) -> bool {
        self.manifest.as_ref().is_none_or(|(manifest, _)| manifest.vault == *vault)
    }
}

fn all_failed(outcomes: &[PlaceOutcome]) -> Result<(), WriteError> {
    if outcomes.iter().any(|outcome| outcome.result.is_ok()) {
        return Ok(());
    }
    Err(WriteError::NoPlace(outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err().map(again)).collect()))
}

/// The record counts when at least one place has its header, whatever else went wrong there.
fn all_failed_to_take(outcomes: &[PlaceOutcome], vault: &Vault, id: &RecordId) -> Result<(), WriteError> {
    let header = VaultFile::Header(id.clone());
    if vault.active().any(|(_, copy)| copy.has(&header, "")) { Ok(()) } else { all_failed(outcomes) }
}

/// An error of a place once more: `io::Error` cannot be cloned.
fn again(error: &PlaceError) -> PlaceError {
    let source = io::Error::new(error.source.kind(), error.source.to_string());
    PlaceError { place: error.place.clone(), file: error.file.clone(), source }
}
