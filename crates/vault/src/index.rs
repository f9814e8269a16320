//! The index: items of records that were opened before, kept in this device's state so that the next listing is
//! quick.
//!
//! It is sealed like a body, and in front of it stands a keyed hash (HMAC-SHA256, 32 bytes) whose key comes from the
//! vault's identity: only one who opened the vault can have written it. It says up to which heads it goes, and is
//! used only while the copies have these very heads and every record before them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use age::secrecy::ExposeSecret;
use jiff::Timestamp;
use keystow_os::files;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::device::Head;
use crate::id::{DeviceId, ItemId, RecordId};
use crate::item::TagKey;
use crate::merge::{Folded, Slot};
use crate::meta::FORMAT;
use crate::record::{Event, ItemText, Stamp, secret_json};
use crate::seal;
use crate::vault::{Opened, Vault};

const INDEX: &str = "index.age";
const MAC_LEN: usize = 32;
/// The greatest size of an index that is read.
const LIMIT: u64 = 1 << 30;

#[derive(Default)]
pub(crate) struct Index {
    /// The last record of each device that is in it.
    pub(crate) covers: BTreeMap<DeviceId, Head>,
    /// The records that are not in it because they were pruned.
    pub(crate) pruned: BTreeSet<RecordId>,
    pub(crate) folded: Folded,
}

#[derive(Serialize, Deserialize)]
struct IndexText {
    format: u32,
    covers: BTreeMap<DeviceId, Head>,
    pruned: BTreeSet<RecordId>,
    slots: Vec<SlotText>,
    events: Vec<(Stamp, Event)>,
}

#[derive(Serialize, Deserialize)]
struct SlotText {
    id: ItemId,
    put: Option<(Stamp, ItemText)>,
    first: Option<Timestamp>,
    revisions: u64,
    retired: Option<Stamp>,
}

/// Reads the index, when there is one that is ours, whole, and fits the copies.
pub(crate) fn load(dir: &Path, vault: &Vault, opened: &Opened) -> Option<Index> {
    let bytes = files::read(&dir.join(INDEX), LIMIT).ok()?;
    let (mac, sealed) = bytes.split_first_chunk::<MAC_LEN>()?;
    if keyed(opened).hash(&[b"index", sealed]) != *mac {
        return None;
    }
    let text = seal::open(sealed, &opened.secrets.identity).ok()?;
    let text: IndexText = serde_json::from_slice(&text).ok()?;
    let fits = |(device, head): (&DeviceId, &Head)| {
        let id = RecordId { device: device.clone(), index: head.index };
        let whole = vault.indices(device).range(..=head.index).count() as u64 == head.index;
        // Of two histories the index holds one at most, so both are read.
        whole && !vault.is_forked(device) && vault.link(&id).is_some_and(|link| link.hash == head.hash)
    };
    (text.format == FORMAT && text.covers.iter().all(fits)).then(|| text.into_index())
}

/// Writes the index in place of an older one.
pub(crate) fn save(dir: &Path, vault: &Vault, opened: &Opened, index: &Index) -> io::Result<()> {
    let slots = index.folded.slots.iter().map(|(id, slot)| SlotText {
        id: id.clone(),
        put: slot.put.as_ref().map(|(at, item)| (at.clone(), ItemText::new(id, item))),
        first: slot.first,
        revisions: slot.revisions,
        retired: slot.retired.clone(),
    });
    let text = IndexText {
        format: FORMAT,
        covers: index.covers.clone(),
        pruned: index.pruned.clone(),
        slots: slots.collect(),
        events: index.folded.events.clone(),
    };
    let sealed = seal::seal_to(&vault.manifest.recipients, &secret_json(&text)?).map_err(io::Error::other)?;
    let mac = keyed(opened).hash(&[b"index", &sealed]);
    files::replace(&dir.join(INDEX), &[mac.as_slice(), &sealed].concat())
}

/// Removes an index that does not fit any longer; one that stays is not used either.
pub(crate) fn discard(dir: Option<&Path>) {
    if let Some(dir) = dir {
        let _ = files::remove(&dir.join(INDEX));
    }
}

fn keyed(opened: &Opened) -> TagKey {
    let secret = opened.secrets.identity.to_string();
    TagKey(Sha256::new().chain_update(b"keystow index").chain_update(secret.expose_secret()).finalize().into())
}

impl IndexText {
    fn into_index(self) -> Index {
        let slots = self.slots.into_iter().map(|text| {
            let put = text.put.map(|(at, item)| (at, item.into_item().1));
            (text.id, Slot { put, first: text.first, revisions: text.revisions, retired: text.retired })
        });
        let folded = Folded { slots: slots.collect(), events: self.events };
        Index { covers: self.covers, pruned: self.pruned, folded }
    }
}
