//! The vault: product keys and what is known about them, sealed, in several places, and proven to open.
//!
//! A vault is a directory of small immutable files; a copy of it lies in each [`Place`]. Copies merge by union, so
//! that any good copy heals a bad one. Backing up needs no secret but the device's own signing key: a [`Writer`]
//! seals to public recipients. Reading needs the [`Phrase`].
//!
//! This crate knows nothing of where product keys come from, and asks neither the clock nor the person: the caller
//! passes both in.

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

#[cfg(test)]
mod seeds {
    //! Makes the seeds of the fuzz targets: `cargo test -p keystow-vault seeds -- --ignored`.

    use jiff::Timestamp;
    use keystow_core::ProductKey;

    use crate::id::{DeviceId, Hash, ItemId, VaultId};
    use crate::item::{About, Evidence, Item};
    use crate::meta::{BodyMark, DeviceCard, FORMAT, Header, Manifest, Notice, SUITE};
    use crate::record::{Act, Entry, Event, Stamp};

    #[test]
    #[ignore = "writes into fuzz/corpus"]
    fn seeds_are_made_from_published_product_keys() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let save = |name: &str, bytes: &[u8]| {
            let path = corpus.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        let root = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
        let (vault, device) = (VaultId::of(root.verifying_key().as_bytes()), DeviceId::of(b"fuzz"));
        let time = Timestamp::UNIX_EPOCH;
        let at = Stamp { time, device: device.clone(), index: 1 };
        let evidence = Evidence { path: "p".into(), value: "v".into(), kind: "REG_BINARY".into(), data: vec![1; 8] };
        let item = Item {
            product_key: ProductKey::parse("W269N-WFGWX-YVC9B-4J6C9-T83GX").ok(),
            about: About {
                product: "Windows 10 Pro".into(),
                found: Some(time),
                tags: vec!["t".into()],
                ..About::default()
            },
            evidence: vec![evidence],
        };
        let id = ItemId::of(&[1; 32]);
        let acts = [Act::Put(id.clone(), item), Act::Retire(id), Act::Event(Event::default())];
        let entries: Vec<Entry> = acts.into_iter().map(|act| Entry { at: at.clone(), act }).collect();
        save("vault_record/three", &crate::record::write(&VaultId::of(b"fuzz"), &at, &entries).unwrap());
        let hash = Hash::of(b"");
        let manifest = Manifest {
            format: FORMAT,
            vault: vault.clone(),
            suite: SUITE.into(),
            recipients: vec![],
            root: data_encoding::BASE64.encode(root.verifying_key().as_bytes()),
            created: time,
            identity: hash,
            readme: hash,
        };
        save("vault_meta/vault", &manifest.sign(&root).unwrap());
        save("vault_meta/device", &DeviceCard::new(&vault, &root.verifying_key(), time).sign(&root).unwrap());
        let notice = Notice::Identity { vault: vault.clone(), generation: 2, sha256: hash }.sign(&root).unwrap();
        let body = BodyMark { sha256: hash, length: 1 };
        let header = Header { vault, device, index: 1, prev: None, body, time, notices: vec![notice] };
        save("vault_meta/header", &header.sign(&root).unwrap());
        save("vault_meta/phrase", b"abacus zoom yo-yo t-shirt abdomen unzip");
    }
}
