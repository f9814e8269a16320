//! Proof: what was just written is read back from the medium and opened.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::copy::{Copy, MANIFEST, PlaceError, SMALL};
use crate::id::{Hash, RecordId};
use crate::log::{HeaderFile, Unopened};
use crate::meta::MetaError;
use crate::vault::{Opened, Vault};

/// What one place proved.
#[derive(Debug)]
pub struct Proof {
    /// The place.
    pub place: String,
    /// How many records of it were read back and opened.
    pub result: Result<u64, ProofError>,
}

/// Why a copy is not proven.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ProofError {
    #[error("{place}: no sealed identity there opens with this phrase")]
    Identity { place: String },
    #[error("{place}: {file}: {source}")]
    Meta { place: String, file: String, source: MetaError },
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("{place}: {file}: {source}")]
    Unopened { place: String, file: String, source: Unopened },
}

impl Vault {
    /// Proves in every place that the phrase which gave `opened` opens these records: the sealed identity, headers and
    /// bodies are read back from the medium, not from memory, and the bodies are opened.
    #[must_use]
    pub fn prove(&self, opened: &Opened, records: &[RecordId]) -> Vec<Proof> {
        let prove = |copy: &Copy| Proof { place: copy.place.name(), result: self.prove_copy(copy, opened, records) };
        self.copies.iter().map(prove).collect()
    }

    fn prove_copy(&self, copy: &Copy, opened: &Opened, records: &[RecordId]) -> Result<u64, ProofError> {
        let place = || copy.place.name();
        let read = |file: &str, limit| copy.place.read_fresh(file, limit).map_err(|source| copy.error(file, source));
        let manifest = read(MANIFEST, SMALL)?;
        if manifest != self.manifest_file {
            let error = PlaceError {
                place: place(),
                file: MANIFEST.to_owned(),
                source: std::io::ErrorKind::InvalidData.into(),
            };
            return Err(error.into());
        }
        let names: BTreeSet<&String> = copy.identities().collect();
        if !names.iter().any(|file| read(file, SMALL).is_ok_and(|bytes| Hash::of(&bytes) == opened.hash)) {
            return Err(ProofError::Identity { place: place() });
        }
        for id in records {
            self.prove_record(copy, opened, id)?;
        }
        Ok(records.len() as u64)
    }

    fn prove_record(&self, copy: &Copy, opened: &Opened, id: &RecordId) -> Result<(), ProofError> {
        let (place, file) = (copy.place.name(), id.header_file());
        let failed = |source| copy.error(&id.header_file(), source);
        let bytes = copy.place.read_fresh(&file, SMALL).map_err(failed)?;
        let unknown = || ProofError::Meta { place: place.clone(), file: file.clone(), source: MetaError::Signature };
        let key = self.devices.get(&id.device).ok_or_else(unknown)?;
        let header = match self.header(&bytes, id, key, |_| false) {
            HeaderFile::Good(header, _) => header,
            HeaderFile::Bad(source) => return Err(ProofError::Meta { place, file, source }),
        };
        let file = id.body_file();
        let sealed = copy.place.read_fresh(&file, header.body.length).map_err(|source| copy.error(&file, source))?;
        if Hash::of(&sealed) != header.body.sha256 {
            return Err(ProofError::Unopened { place, file, source: Unopened::NoGoodBody });
        }
        match self.entries_of(&sealed, &header, &opened.secrets.identity) {
            Ok(_) => Ok(()),
            Err(source) => Err(ProofError::Unopened { place, file, source }),
        }
    }
}
