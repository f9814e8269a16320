//! Reading records over all copies: the first good file counts, wherever it lies.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::thread;

use ed25519_dalek::VerifyingKey;
use thiserror::Error;

use crate::copy::{Copy, SMALL, VaultFile};
use crate::id::{DeviceId, Hash, RecordId};
use crate::meta::{Header, MetaError};
use crate::record::{self, Entry, RecordError};
use crate::seal::{self, SealError};
use crate::vault::Vault;

/// A header that is proven: signed by its device, or named by the hash in a proven later one.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) header: Header,
    pub(crate) hash: Hash,
    /// The copy it was read from.
    pub(crate) copy: usize,
}

/// Why the entries of a record could not be read.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Unopened {
    #[error("no copy has a good body")]
    NoGoodBody,
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// What a header file of a copy is.
pub(crate) enum HeaderFile {
    Good(Box<Header>, Hash),
    Bad(MetaError),
}

impl Vault {
    /// The copies that are read from and written to, with their position.
    pub(crate) fn active(&self) -> impl Iterator<Item = (usize, &Copy)> {
        self.copies.iter().enumerate().filter(|(_, copy)| copy.takes_part())
    }

    /// All indices of a device of which any copy has a header.
    pub(crate) fn indices(&self, device: &DeviceId) -> BTreeSet<u64> {
        let logs = self.active().filter_map(|(_, copy)| copy.names.logs.get(device));
        logs.flat_map(|log| log.headers.iter().copied()).collect()
    }

    /// The proven headers of a device from index `from` on, in order. With `every` copy asked, an index has more
    /// than one where the log was forked.
    ///
    /// It walks from the end: only the last header needs its signature checked, because each names the hash of the
    /// one before.
    pub(crate) fn links(&self, device: &DeviceId, from: u64, every: bool) -> Vec<Link> {
        let Some(key) = self.devices.get(device) else { return Vec::new() };
        let mut links = Vec::new();
        let mut named: Vec<Hash> = Vec::new();
        for index in self.indices(device).range(from..).rev() {
            let id = RecordId { device: device.clone(), index: *index };
            let found = self.links_at(&id, key, &named, every);
            named = found.iter().filter_map(|link| link.header.prev).collect();
            links.extend(found);
        }
        links.reverse();
        links
    }

    fn links_at(&self, id: &RecordId, key: &VerifyingKey, named: &[Hash], every: bool) -> Vec<Link> {
        let mut found: Vec<Link> = Vec::new();
        let path = id.header_file();
        for (i, copy) in self.active() {
            if !copy.has(&VaultFile::Header(id.clone()), &path) || !(every || found.is_empty()) {
                continue;
            }
            let Ok(bytes) = copy.place.read(&path, SMALL) else { continue };
            let known = |hash: &Hash| named.contains(hash) || found.iter().any(|link| link.hash == *hash);
            if let HeaderFile::Good(header, hash) = self.header(&bytes, id, key, known)
                && !found.iter().any(|link| link.hash == hash)
            {
                found.push(Link { header: *header, hash, copy: i });
            }
        }
        found
    }

    /// Judges the bytes of a header file. `known` hashes need no signature.
    pub(crate) fn header(
        &self,
        bytes: &[u8],
        id: &RecordId,
        key: &VerifyingKey,
        known: impl Fn(&Hash) -> bool,
    ) -> HeaderFile {
        let hash = Hash::of(bytes);
        let read = match Header::read(bytes) {
            Ok(read) => read,
            Err(error) => return HeaderFile::Bad(error),
        };
        if let Err(error) = read.claim().fits(&self.manifest.vault, id) {
            return HeaderFile::Bad(error);
        }
        if known(&hash) || read.is_from(key) {
            return HeaderFile::Good(Box::new(read.trust()), hash);
        }
        HeaderFile::Bad(MetaError::Signature)
    }

    /// Whether two copies disagree about a record that both have. The last record of each copy tells, because it
    /// names all before it; no writer of ours puts a record of one history on top of another.
    pub(crate) fn is_forked(&self, device: &DeviceId) -> bool {
        let Some(key) = self.devices.get(device) else { return false };
        let logs = self.active().filter_map(|(_, copy)| copy.names.logs.get(device));
        let lasts: BTreeSet<u64> = logs.filter_map(|log| log.headers.last().copied()).collect();
        lasts.into_iter().any(|index| {
            let id = RecordId { device: device.clone(), index };
            self.links_at(&id, key, &[], true).len() > 1
        })
    }

    /// The body that a header names, from the first copy that has it whole.
    pub(crate) fn body(&self, link: &Link) -> Option<Vec<u8>> {
        let (id, mark) = (link.header.id(), link.header.body);
        let path = id.body_file();
        let file = VaultFile::Body(id);
        let own = self.copies.get(link.copy).into_iter();
        own.chain(self.active().map(|(_, copy)| copy)).find_map(|copy| {
            let bytes = copy.has(&file, &path).then(|| copy.place.read(&path, mark.length).ok())??;
            (Hash::of(&bytes) == mark.sha256).then_some(bytes)
        })
    }

    /// Opens the body of a record and reads its entries.
    pub(crate) fn entries(&self, link: &Link, identity: &dyn age::Identity) -> Result<Vec<Entry>, Unopened> {
        let sealed = self.body(link).ok_or(Unopened::NoGoodBody)?;
        self.entries_of(&sealed, &link.header, identity)
    }

    pub(crate) fn entries_of(
        &self,
        sealed: &[u8],
        header: &Header,
        identity: &dyn age::Identity,
    ) -> Result<Vec<Entry>, Unopened> {
        let text = seal::open(sealed, identity)?;
        Ok(record::read(&text, &self.manifest.vault, &header.id(), header.time)?)
    }

    /// Opens many records on all cores; the results are in the order of `links`.
    pub(crate) fn entries_of_all(
        &self,
        links: &[Link],
        identity: &(dyn age::Identity + Sync),
    ) -> Vec<Result<Vec<Entry>, Unopened>> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let open = |part: &[Link]| part.iter().map(|link| self.entries(link, identity)).collect::<Vec<_>>();
        if cores == 1 || links.len() < 2 * cores {
            return open(links);
        }
        let size = links.len().div_ceil(cores);
        thread::scope(|scope| {
            let parts: Vec<_> = links.chunks(size).map(|part| (part.len(), scope.spawn(move || open(part)))).collect();
            let lost = |len| (0..len).map(|_| Err(Unopened::NoGoodBody)).collect();
            parts.into_iter().flat_map(|(len, part)| part.join().unwrap_or_else(|_| lost(len))).collect()
        })
    }
}
