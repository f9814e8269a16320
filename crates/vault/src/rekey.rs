//! Changing the phrase: the identity stays, its seal is new.
//!
//! The new sealed identity is written and opened in every place that can be reached before the log announces it, and
//! only then the old ones are removed. Whenever this is interrupted, the old phrase, the new one, or both open the
//! vault.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::copy::{PlaceError, SMALL, VaultFile};
use crate::id::Hash;
use crate::meta::Notice;
use crate::phrase::Phrase;
use crate::record::{Act, Event};
use crate::seal::Secrets;
use crate::vault::Opened;
use crate::write::{Draft, PlaceOutcome, WriteError, Writer};

/// What came of changing the phrase.
#[derive(Debug)]
pub struct Rekeyed {
    /// The new file.
    pub file: String,
    /// What each place said to the new identity. Where this is an error, the old phrase still opens that copy.
    pub places: Vec<PlaceOutcome>,
    /// Old identities that could not be removed.
    pub kept: Vec<PlaceError>,
    /// Places that lack the record of the change. The next backup brings it there.
    pub late: Vec<PlaceError>,
}

impl Writer<'_> {
    /// Seals the identity with another phrase. From then on `opened` stands for the new one.
    ///
    /// A place that cannot be reached keeps its old identity; `verify` tells when it is back, and `repair` removes it.
    /// Whoever copied an old identity before can still open it with the old phrase.
    ///
    /// # Errors
    ///
    /// [`WriteError::NoPlace`] when no place took the new identity; the old phrase is then still the only one.
    pub fn rekey(&mut self, opened: &mut Opened, phrase: &Phrase, now: Timestamp) -> Result<Rekeyed, WriteError> {
        let sealed = opened.secrets.seal(phrase)?;
        let hash = Hash::of(&sealed);
        let file = VaultFile::Identity(hash);
        let path = file.path(&self.vault.manifest.identity);
        let mut places = self.vault.write_everywhere(&file, &sealed);
        self.read_back(&mut places, &path, &sealed);
        if places.iter().all(|outcome| outcome.result.is_err()) {
            return Err(WriteError::NoPlace(places.into_iter().filter_map(|outcome| outcome.result.err()).collect()));
        }
        Secrets::open(&sealed, phrase)?;
        let vault = self.vault.manifest.vault.clone();
        let generation = self.device.state.identities.0.max(1) + 1;
        let event = Event { kind: "phrase-changed".to_owned(), item: None, details: BTreeMap::new() };
        let draft = Draft {
            acts: vec![(None, Act::Event(event))],
            notices: vec![Notice::Identity { vault, generation, sha256: hash }],
            ..Draft::default()
        };
        let (_, outcomes) = self.commit_opened(draft, now, opened)?;
        let kept = self.remove_old_identities(&path, &sealed);
        opened.file.clone_from(&path);
        opened.hash = hash;
        let late = outcomes.into_iter().filter_map(|outcome| outcome.result.err()).collect();
        Ok(Rekeyed { file: path, places, kept, late })
    }

    /// Turns an outcome into an error where the medium does not give the same bytes back.
    fn read_back(&self, places: &mut [PlaceOutcome], path: &str, sealed: &[u8]) {
        for (outcome, copy) in places.iter_mut().zip(&self.vault.copies).filter(|(outcome, _)| outcome.result.is_ok()) {
            match copy.place.read_fresh(path, SMALL) {
                Ok(bytes) if bytes == sealed => {}
                Ok(_) => outcome.result = Err(copy.error(path, std::io::ErrorKind::InvalidData.into())),
                Err(source) => outcome.result = Err(copy.error(path, source)),
            }
        }
    }

    /// Removes the other identities wherever the new one is there whole.
    fn remove_old_identities(&mut self, path: &str, sealed: &[u8]) -> Vec<PlaceError> {
        let mut kept = Vec::new();
        for copy in self.vault.copies.iter_mut().filter(|copy| copy.takes_part()) {
            if !copy.place.read_fresh(path, SMALL).is_ok_and(|bytes| bytes == sealed) {
                continue;
            }
            let old: Vec<String> = copy.identities().filter(|name| *name != path).cloned().collect();
            for name in old {
                match copy.place.remove(&name) {
                    Ok(()) => _ = copy.names.top.remove(&name),
                    Err(source) => kept.push(copy.error(&name, source)),
                }
            }
        }
        kept
    }
}
