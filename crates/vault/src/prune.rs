//! Forgetting for good: items that were retired 90 days ago.
//!
//! What else stands in the records concerned is put again in a new record, whose signed header names the records
//! that lose their bodies. Then the bodies are deleted; headers stay, so that the chain holds and `verify` knows that
//! the absence is right.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::copy::{PlaceError, VaultFile};
use crate::id::{Hash, ItemId, RecordId};
use crate::log::Link;
use crate::merge::Folded;
use crate::meta::Notice;
use crate::record::{Act, Entry};
use crate::vault::Opened;
use crate::write::{Draft, WriteError, Writer};

/// How long a retired item is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What came of a prune.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The items that are gone.
    pub items: BTreeSet<ItemId>,
    /// How many bodies were deleted, over all places.
    pub bodies: u64,
    /// Bodies that could not be deleted, and places that did not take the record that says so and keep theirs. The next
    /// prune or repair tries again.
    pub kept: Vec<PlaceError>,
}

impl Writer<'_> {
    /// Removes items that were retired 90 days or longer before `now`.
    ///
    /// # Errors
    ///
    /// [`WriteError::Clock`] when the clock stands before this device's last record; [`WriteError::Unreadable`] when
    /// a record cannot be opened, because what else is in it would be lost.
    pub fn prune(&mut self, opened: &Opened, now: Timestamp) -> Result<Pruned, WriteError> {
        if let Some(clock) = self.clock(now) {
            return Err(WriteError::Clock { last: clock.last, now });
        }
        // A place that missed the record of an earlier prune gets it now, and may then lose the bodies.
        self.heal_all();
        let links = self.all_links();
        let earlier = self.vault.pruned_by(&links);
        let gone: BTreeSet<RecordId> = earlier.iter().flat_map(|(_, records)| records.iter().cloned()).collect();
        let mut pruned = Pruned::default();
        for (carrier, records) in &earlier {
            self.drop_bodies(carrier, records, &mut pruned);
        }
        let links: Vec<Link> = links.into_iter().filter(|link| !gone.contains(&link.header.id())).collect();
        let records = self.open_all(&links, opened)?;
        let Ok(limit) = now.checked_sub(KEPT) else { return Ok(pruned) };
        let mut folded = Folded::default();
        records.iter().flat_map(|(_, entries)| entries).for_each(|entry| folded.fold(entry.clone()));
        let expired = folded.retired_until(limit);
        let (draft, concerned) = surviving(records, &expired);
        if concerned.is_empty() {
            return Ok(pruned);
        }
        let vault = self.vault.manifest.vault.clone();
        let notices = vec![Notice::Pruned { vault, records: concerned.clone() }];
        let draft = Draft { notices, forget: expired.clone(), ..draft };
        let (carrier, outcomes) = self.commit_opened(draft, now, opened)?;
        pruned.kept.extend(outcomes.into_iter().filter_map(|outcome| outcome.result.err()));
        self.drop_bodies(&carrier, &concerned, &mut pruned);
        pruned.items = expired;
        Ok(pruned)
    }

    fn all_links(&self) -> Vec<Link> {
        self.vault.devices.keys().flat_map(|device| self.vault.links(device, 1, true)).collect()
    }

    fn open_all(&self, links: &[Link], opened: &Opened) -> Result<Vec<(RecordId, Vec<Entry>)>, WriteError> {
        let opened = self.vault.entries_of_all(links, &opened.secrets.identity);
        let record = |(link, entries): (&Link, Result<Vec<Entry>, _>)| match entries {
            Ok(entries) => Ok((link.header.id(), entries)),
            Err(_) => Err(WriteError::Unreadable { index: link.header.index }),
        };
        links.iter().zip(opened).map(record).collect()
    }

    /// Deletes bodies in every copy that has the record which says so, whole.
    fn drop_bodies(&mut self, carrier: &RecordId, records: &[RecordId], pruned: &mut Pruned) {
        let Some(link) = self.vault.link(carrier) else { return };
        for copy in self.vault.copies.iter_mut().filter(|copy| copy.takes_part()) {
            let body = copy.place.read_fresh(&carrier.body_file(), link.header.body.length);
            // A carrier that was itself pruned later has handed on what it held.
            let whole = body.is_ok_and(|body| Hash::of(&body) == link.header.body.sha256)
                || self.device.state.pruned.contains(carrier);
            let whole = whole && copy.has(&VaultFile::Header(carrier.clone()), "");
            for id in records.iter().filter(|_| whole) {
                let (file, path) = (VaultFile::Body(id.clone()), id.body_file());
                if !copy.has(&file, &path) {
                    continue;
                }
                match copy.place.remove(&path) {
                    Ok(()) => {
                        copy.note_removed(&file, &path);
                        pruned.bodies += 1;
                    }
                    Err(source) => pruned.kept.push(copy.error(&path, source)),
                }
            }
        }
    }
}

/// The entries that must be put again, with the stamps they had, and the records that hold something expired. A
/// retirement is put again too: it keeps an old put that turns up in a far place from coming back to life.
fn surviving(records: Vec<(RecordId, Vec<Entry>)>, expired: &BTreeSet<ItemId>) -> (Draft, Vec<RecordId>) {
    let holds = |entry: &Entry| matches!(&entry.act, Act::Put(id, _) | Act::Revise(id, _) if expired.contains(id));
    let mut draft = Draft::default();
    let mut concerned = Vec::new();
    for (id, entries) in records {
        if entries.iter().any(holds) {
            draft
                .acts
                .extend(entries.into_iter().filter(|entry| !holds(entry)).map(|entry| (Some(entry.at), entry.act)));
            concerned.push(id);
        }
    }
    concerned.dedup();
    (draft, concerned)
}
