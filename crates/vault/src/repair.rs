//! Healing: a copy gets from the others what it lacks, and what is damaged in it is replaced by good bytes.

use std::collections::BTreeSet;
use std::io;

use crate::copy::{Condition, Copy, PlaceError, SMALL, VaultFile};
use crate::id::{Hash, RecordId};
use crate::log::{HeaderFile, Link};
use crate::meta::{DeviceCard, Manifest};
use crate::vault::{Opened, Vault};
use crate::verify::{Finding, Remedy, Report, What};
use crate::write::{PlaceOutcome, Writer};

/// What a repair did.
#[derive(Debug)]
pub struct Repaired {
    /// The findings that were mended.
    pub mended: Vec<Finding>,
    /// What could not be written or removed, and why.
    pub failed: Vec<PlaceError>,
    /// How the vault stands now.
    pub after: Report,
}

impl Writer<'_> {
    /// Heals every copy from the good ones: missing files are written, damaged ones are replaced, left-overs, old
    /// identities and pruned bodies are removed. Nothing is removed that is the only copy of anything, and a file
    /// without a good copy anywhere stays as it is.
    pub fn repair(&mut self, opened: Option<&Opened>) -> Repaired {
        let before = self.vault.verify(Some(&self.device), opened);
        let (mut mended, mut failed) = (Vec::new(), Vec::new());
        for finding in before.findings {
            match self.mend(&finding) {
                Ok(true) => mended.push(finding),
                Ok(false) => {}
                Err(error) => failed.push(error),
            }
        }
        for copy in &mut self.vault.copies {
            copy.look_again();
        }
        self.vault.judge_conditions();
        Repaired { mended, failed, after: self.vault.verify(Some(&self.device), opened) }
    }

    /// Gives every place what it lacks.
    pub(crate) fn heal_all(&mut self) -> Vec<PlaceOutcome> {
        let places = self.vault.copies.len();
        let heal = |to: usize| {
            let result = self.heal(to);
            Some(PlaceOutcome { place: self.vault.copies.get(to)?.place.name(), result })
        };
        (0..places).filter_map(heal).collect()
    }

    /// Gives one place what it lacks and others have, and counts the files.
    pub(crate) fn heal(&mut self, to: usize) -> Result<u64, PlaceError> {
        let mut healed = 0;
        for file in self.lacking(to)? {
            let Some(bytes) = self.vault.good_bytes(&file) else { continue };
            let path = file.path(&self.vault.manifest.identity);
            let Some(copy) = self.vault.copies.get_mut(to) else { break };
            copy.write(&file, &path, &bytes)?;
            healed += 1;
        }
        Ok(healed)
    }

    /// The files a copy should have and has not; of each record the body first.
    fn lacking(&self, to: usize) -> Result<Vec<VaultFile>, PlaceError> {
        let Some(copy) = self.vault.copies.get(to) else { return Ok(Vec::new()) };
        copy.writable("")?;
        let mut files = vec![VaultFile::Readme];
        files.extend(self.vault.devices.keys().cloned().map(VaultFile::Device));
        files.extend(self.valid_identities().into_iter().map(VaultFile::Identity));
        // Of a log with two histories, each copy keeps the one it has: mixed, they could not be told apart.
        for device in self.vault.devices.keys().filter(|device| !self.vault.is_forked(device)) {
            let have = copy.names.logs.get(device);
            for index in self.vault.indices(device) {
                let id = RecordId { device: device.clone(), index };
                if !have.is_some_and(|log| log.bodies.contains(&index)) && !self.device.state.pruned.contains(&id) {
                    files.push(VaultFile::Body(id.clone()));
                }
                if !have.is_some_and(|log| log.headers.contains(&index)) {
                    files.push(VaultFile::Header(id));
                }
            }
        }
        // The file that makes a folder a vault comes last.
        files.push(VaultFile::Manifest);
        files.retain(|file| !copy.has(file, &file.path(&self.vault.manifest.identity)));
        Ok(files)
    }

    pub(crate) fn valid_identities(&self) -> BTreeSet<Hash> {
        let (generation, valid) = &self.device.state.identities;
        if *generation == 0 { BTreeSet::from([self.vault.manifest.identity]) } else { valid.clone() }
    }

    fn mend(&mut self, finding: &Finding) -> Result<bool, PlaceError> {
        let Some(at) = self.vault.copies.iter().position(|copy| copy.place.name() == finding.place) else {
            return Ok(false);
        };
        match (&finding.what, &finding.remedy) {
            // Another device may be writing into its own log just now; what it leaves there, it sweeps itself.
            (What::LeftOver, Remedy::Remove) if self.is_of_another(&finding.file) => Ok(false),
            (What::LeftOver, Remedy::Remove) => self.remove_left_over(at, finding).map(|()| true),
            (What::OldIdentity | What::PrunedStillThere, Remedy::Remove) => {
                let copy = self.vault.copies.get(at);
                let path = finding.file.as_str();
                copy.map_or(Ok(()), |copy| copy.place.remove(path).map_err(|source| copy.error(path, source)))?;
                Ok(true)
            }
            (_, Remedy::Copy) => {
                let Some(file) = &finding.vault_file else { return Ok(false) };
                let Some(bytes) = self.vault.good_bytes(file) else { return Ok(false) };
                let Some(copy) = self.vault.copies.get_mut(at) else { return Ok(false) };
                copy.place.mend(&finding.file, &bytes).map_err(|source| copy.error(&finding.file, source))?;
                copy.note(file, &finding.file);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether a file lies in the log of another device.
    fn is_of_another(&self, file: &str) -> bool {
        let own = format!("log/{}/", self.device.id());
        file.starts_with("log/") && !file.starts_with(&own)
    }

    fn remove_left_over(&self, at: usize, finding: &Finding) -> Result<(), PlaceError> {
        let Some(copy) = self.vault.copies.get(at) else { return Ok(()) };
        match copy.place.remove(&finding.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(copy.error(&finding.file, error)),
            _ => Ok(()),
        }
    }
}

impl Vault {
    /// The bytes of a file from the first copy where they are proven good.
    pub(crate) fn good_bytes(&self, file: &VaultFile) -> Option<Vec<u8>> {
        let path = file.path(&self.manifest.identity);
        let read = |copy: &Copy, limit| copy.has(file, &path).then(|| copy.place.read(&path, limit).ok()).flatten();
        let first = |good: &dyn Fn(&[u8]) -> bool| {
            self.active().filter_map(|(_, copy)| read(copy, SMALL)).find(|bytes| good(bytes))
        };
        match file {
            VaultFile::Manifest => Some(self.manifest_file.clone()),
            VaultFile::Readme => first(&|bytes| Hash::of(bytes) == self.manifest.readme),
            VaultFile::Identity(hash) => first(&|bytes| Hash::of(bytes) == *hash),
            VaultFile::Device(id) => first(&|bytes| {
                DeviceCard::parse(bytes, &self.manifest.vault, &self.root).is_ok_and(|(card, _)| card.device == *id)
            }),
            VaultFile::Header(id) => {
                let link = self.link(id)?;
                first(&|bytes| Hash::of(bytes) == link.hash)
            }
            VaultFile::Body(id) => self.body(&self.link(id)?),
        }
    }

    /// The proven header of one record.
    pub(crate) fn link(&self, id: &RecordId) -> Option<Link> {
        let key = self.devices.get(&id.device)?;
        let path = id.header_file();
        self.active().find_map(|(i, copy)| {
            let has = copy.has(&VaultFile::Header(id.clone()), &path);
            let bytes = has.then(|| copy.place.read(&path, SMALL).ok()).flatten()?;
            match self.header(&bytes, id, key, |_| false) {
                HeaderFile::Good(header, hash) => Some(Link { header: *header, hash, copy: i }),
                HeaderFile::Bad(_) => None,
            }
        })
    }

    /// Marks copies of other vaults after the places were listed anew.
    pub(crate) fn judge_conditions(&mut self) {
        for copy in &mut self.copies {
            let other = copy.manifest.as_ref().map(|(Manifest { vault, .. }, _)| vault);
            if let Some(other) = other.filter(|other| **other != self.manifest.vault) {
                copy.condition = Condition::Foreign(other.clone());
            }
        }
    }
}
