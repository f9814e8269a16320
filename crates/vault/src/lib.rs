//! The vault: product keys and what is known about them, sealed, in several places, and proven to open.
//!
//! A vault is a directory of small immutable files; a copy of it lies in each [`Place`]. Copies merge by union, so
//! that any good copy heals a bad one. Backing up needs no secret but the device's own signing key: a [`Writer`]
//! seals to public recipients. Reading needs the [`Phrase`].
//!
//! This crate knows nothing of where product keys come from, and asks neither the clock nor the person: the caller
//! passes both in.

mod aside;
mod copy;
mod device;
mod id;
mod index;
mod item;
mod log;
mod merge;
mod meta;
mod phrase;
pub mod place;
mod prove;
mod prune;
mod record;
mod rekey;
mod repair;
mod seal;
mod signed;
mod vault;
mod verify;
mod write;

pub use copy::{Condition, PlaceError};
pub use device::{Device, DeviceError};
pub use id::{DeviceId, Hash, ItemId, RecordId, VaultId};
pub use item::{About, Evidence, Item, Origin, WindowsFacts};
pub use log::Unopened;
pub use merge::{Listing, StoredItem, Unread};
pub use meta::{BodyMark, DeviceCard, FORMAT, Header, Manifest, MetaError, Notice};
pub use phrase::{Phrase, PhraseError};
pub use place::{Folder, Place};
pub use prove::{Proof, ProofError};
pub use prune::Pruned;
pub use record::{Event, RecordError, Stamp};
pub use rekey::Rekeyed;
pub use repair::Repaired;
pub use seal::SealError;
pub use signed::SignedError;
pub use vault::{Opened, UnlockError, Vault, VaultError};
pub use verify::{Finding, PlaceReport, Remedy, Report, What};
pub use write::{Change, ClockBehind, PlaceOutcome, Receipt, WriteError, Writer};

/// Doors for the fuzz targets.
#[doc(hidden)]
pub mod fuzz {
    use jiff::Timestamp;

    use crate::id::{DeviceId, RecordId, VaultId};

    /// Reads the text of a body, and writes and reads again what was understood.
    pub fn body(text: &[u8]) {
        let (vault, device) = (VaultId::of(b"fuzz"), DeviceId::of(b"fuzz"));
        let (id, time) = (RecordId { device: device.clone(), index: 1 }, Timestamp::UNIX_EPOCH);
        if let Ok(entries) = crate::record::read(text, &vault, &id, time) {
            let own = crate::record::Stamp { time, device, index: 1 };
            let again =
                crate::record::write(&vault, &own, &entries).map(|text| crate::record::read(&text, &vault, &id, time));
            assert!(matches!(again, Ok(Ok(again)) if again == entries), "what was read is written and read alike");
        }
    }

    /// Reads the public files of a vault and the text of an identity.
    pub fn meta(bytes: &[u8]) {
        let _ = crate::meta::Manifest::parse(bytes);
        let _ = crate::meta::Header::read(bytes);
        if let Ok(text) = std::str::from_utf8(bytes) {
            let _ = crate::seal::Secrets::parse(text);
            let _ = crate::phrase::Phrase::parse_words(text);
        }
    }
}
