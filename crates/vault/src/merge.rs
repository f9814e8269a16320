//! From records to items: the union of all copies, in one order that everybody agrees on.
//!
//! Of each item the latest put or revision counts, by time, then device, then index. It is retired when a retirement
//! is later than that. The order in which records are read does not matter, so that an index over old records can be
//! carried on with new ones.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::device::{Device, Head};
use crate::id::{DeviceId, ItemId, RecordId};
use crate::index::{self, Index};
use crate::item::Item;
use crate::log::{Link, Unopened};
use crate::meta::Notice;
use crate::record::{Act, Entry, Event, Stamp};
use crate::vault::{Opened, Vault};

/// From how many records on, read for one listing, it is worth keeping an index.
const WORTH_AN_INDEX: usize = 64;

/// An item as the vault knows it now.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredItem {
    /// Its name.
    pub id: ItemId,
    /// Its latest revision.
    pub item: Item,
    /// Where that revision stands.
    pub at: Stamp,
    /// When the item was first put.
    pub first: Timestamp,
    /// How many revisions there were, from 1.
    pub revisions: u64,
    /// Since when it is not needed any more.
    pub retired: Option<Timestamp>,
}

/// The items of a vault.
#[derive(Debug, Default)]
pub struct Listing {
    /// All items, retired ones too, by id.
    pub items: Vec<StoredItem>,
    /// What happened, in order.
    pub events: Vec<(Stamp, Event)>,
    /// The records that no copy gives up.
    pub unread: Vec<Unread>,
    /// How many records were opened for this; the rest came from the index.
    pub opened: usize,
}

/// A record that could not be read, and why.
#[derive(Debug)]
pub struct Unread {
    /// Which record.
    pub record: RecordId,
    /// Why.
    pub why: Unopened,
}

/// Items while records are still being read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Folded {
    pub(crate) slots: BTreeMap<ItemId, Slot>,
    pub(crate) events: Vec<(Stamp, Event)>,
}

/// What is known of one item.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slot {
    pub(crate) put: Option<(Stamp, Item)>,
    pub(crate) first: Option<Timestamp>,
    pub(crate) revisions: u64,
    pub(crate) retired: Option<Stamp>,
}

impl Vault {
    /// How many records this device has seen that no copy has now: an older copy was put back everywhere. A quick look
    /// at names; [`verify`](Self::verify) looks closer.
    #[must_use]
    pub fn gone(&self, device: &Device) -> u64 {
        let gone = |(device, head): (&DeviceId, &Head)| {
            head.index.saturating_sub(self.indices(device).last().copied().unwrap_or(0))
        };
        device.state.heads.iter().map(gone).sum()
    }

    /// Reads all items. With this device's state at hand, an index kept there spares opening old records; it is
    /// secret and proven to be ours, and used only while it fits the copies.
    #[must_use]
    pub fn items(&self, opened: &Opened, device: Option<&Device>) -> Listing {
        let index = device.and_then(|device| index::load(device.dir(), self, opened));
        let (mut folded, covers, pruned) =
            index.map_or_else(Default::default, |index| (index.folded, index.covers, index.pruned));
        let (links, fresh) = self.links_past(&covers);
        if !fresh.is_subset(&pruned) && !covers.is_empty() {
            // Records in the index were pruned meanwhile.
            index::discard(device.map(Device::dir));
            return self.items(opened, None);
        }
        let links: Vec<Link> = links.into_iter().filter(|link| !fresh.contains(&link.header.id())).collect();
        let mut unread = Vec::new();
        for (link, entries) in links.iter().zip(self.entries_of_all(&links, &opened.secrets.identity)) {
            match entries {
                Ok(entries) => entries.into_iter().for_each(|entry| folded.fold(entry)),
                Err(why) => unread.push(Unread { record: link.header.id(), why }),
            }
        }
        if let Some(device) = device
            && links.len() >= WORTH_AN_INDEX
            && unread.is_empty()
        {
            self.keep_index(device, opened, &folded, covers, pruned.union(&fresh).cloned().collect());
        }
        folded.into_listing(unread, links.len())
    }

    /// The records past the heads of an index, and the records that headers among them call pruned.
    fn links_past(&self, covers: &BTreeMap<DeviceId, Head>) -> (Vec<Link>, BTreeSet<RecordId>) {
        let mut links = Vec::new();
        for device in self.devices.keys() {
            let from = covers.get(device).map_or(1, |head| head.index + 1);
            links.extend(self.links(device, from, self.is_forked(device)));
        }
        let pruned = self.pruned_by(&links).into_iter().flat_map(|(_, records)| records).collect();
        (links, pruned)
    }

    /// The records that were pruned, each list with the record that says so.
    pub(crate) fn pruned_by(&self, links: &[Link]) -> Vec<(RecordId, Vec<RecordId>)> {
        let with_notices = links.iter().filter(|link| !link.header.notices.is_empty());
        let notices =
            with_notices.flat_map(|link| link.header.notices(&self.root).into_iter().map(|n| (link.header.id(), n)));
        notices
            .filter_map(
                |(id, notice)| if let Notice::Pruned { records, .. } = notice { Some((id, records)) } else { None },
            )
            .collect()
    }

    /// Writes an index when the logs are whole; one over a log with gaps would hide what fills them later.
    fn keep_index(
        &self,
        device: &Device,
        opened: &Opened,
        folded: &Folded,
        mut covers: BTreeMap<DeviceId, Head>,
        pruned: BTreeSet<RecordId>,
    ) {
        for id in self.devices.keys() {
            let indices = self.indices(id);
            let Some(last) = indices.last().copied() else { continue };
            let links = self.links(id, last, false);
            let (1, Some(link), false) = (links.len(), links.last(), self.is_forked(id)) else { return };
            if indices.len() as u64 != last {
                return;
            }
            covers.insert(id.clone(), Head { index: last, hash: link.hash });
        }
        // The index only saves time: a listing without one is as right.
        let _ = index::save(device.dir(), self, opened, &Index { covers, pruned, folded: folded.clone() });
    }
}

impl Folded {
    pub(crate) fn fold(&mut self, entry: Entry) {
        let Entry { at, act } = entry;
        match act {
            Act::Event(event) => {
                let here = self.events.partition_point(|(other, _)| *other <= at);
                self.events.insert(here, (at, event));
            }
            Act::Put(id, item) | Act::Revise(id, item) => self.slots.entry(id).or_default().put(at, item),
            Act::Retire(id) => {
                let slot = self.slots.entry(id).or_default();
                slot.retired = slot.retired.take().max(Some(at));
            }
            Act::Unknown(_) => {}
        }
    }

    /// The items that were retired at `limit` or before.
    pub(crate) fn retired_until(&self, limit: Timestamp) -> BTreeSet<ItemId> {
        let expired = |slot: &Slot| slot.put.is_some() && slot.retired_at().is_some_and(|at| at <= limit);
        self.slots.iter().filter(|(_, slot)| expired(slot)).map(|(id, _)| id.clone()).collect()
    }

    fn into_listing(self, unread: Vec<Unread>, opened: usize) -> Listing {
        let items = self.slots.into_iter().filter_map(|(id, slot)| {
            let retired = slot.retired_at();
            let (at, item) = slot.put?;
            let first = slot.first.unwrap_or(at.time);
            Some(StoredItem { id, item, at, first, revisions: slot.revisions, retired })
        });
        Listing { items: items.collect(), events: self.events, unread, opened }
    }
}

impl Slot {
    fn put(&mut self, at: Stamp, item: Item) {
        self.revisions += 1;
        self.first = Some(self.first.map_or(at.time, |first| first.min(at.time)));
        if self.put.as_ref().is_none_or(|(other, _)| *other <= at) {
            self.put = Some((at, item));
        }
    }

    /// When it was retired, unless it was put again later.
    fn retired_at(&self) -> Option<Timestamp> {
        let put = self.put.as_ref().map(|(at, _)| at);
        self.retired.as_ref().filter(|retired| Some(*retired) >= put).map(|retired| retired.time)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(second: i64, device: u8, index: u64, what: u8) -> Entry {
        let time = Timestamp::from_second(second).unwrap();
        let at = Stamp { time, device: DeviceId::of(&[device]), index };
        let id = ItemId::of(&[what & 1; 32]);
        let mut item = Item::default();
        item.about.note = format!("{second} {device} {index}");
        let act = if what & 2 == 0 { Act::Put(id, item) } else { Act::Retire(id) };
        Entry { at, act }
    }

    proptest! {
        #[test]
        fn the_order_of_reading_does_not_matter(mut stamps in prop::collection::btree_map((0..9_i64, 0..3_u8, 0..9_u64), 0..4_u8, 0..20), seed: u64) {
            let fold = |order: &[((i64, u8, u64), u8)]| {
                let mut folded = Folded::default();
                order.iter().for_each(|((s, d, i), what)| folded.fold(entry(*s, *d, *i, *what)));
                folded
            };
            let first: Vec<_> = std::mem::take(&mut stamps).into_iter().collect();
            let mut second = first.clone();
            second.sort_by_key(|((s, d, i), what)| {
                (*s as u64).wrapping_mul(31).wrapping_add(u64::from(*d) * 7 + i * 13 + u64::from(*what)).wrapping_mul(seed | 1)
            });
            prop_assert_eq!(fold(&first), fold(&second));
        }
    }

    #[test]
    fn an_item_put_again_after_its_retirement_lives() {
        let mut folded = Folded::default();
        folded.fold(entry(1, 0, 1, 0));
        folded.fold(entry(2, 0, 2, 2));
        let retired = |folded: &Folded| folded.clone().into_listing(Vec::new(), 0).items[0].retired;
        assert_eq!(retired(&folded), Timestamp::from_second(2).ok());
        folded.fold(entry(3, 1, 1, 0));
        assert_eq!(retired(&folded), None);
    }
}
