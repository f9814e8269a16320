//! Backing up: append what was found, to every place, and prove that each copy opens.

use std::path::{Path, PathBuf};

use keystow_find::{FindingId, Scan};
use keystow_vault::{Change, ClockBehind, Item, ItemId, Opened, Proof, Receipt, Report, Vault};

use super::App;
use super::error::{Error, Result};
use super::items;
use super::places::{copy_in, is_account};
use super::verify;

/// What came of a backup.
pub(crate) struct BackedUp {
    /// Whether a record was written; without one, everything was in the vault already.
    pub(crate) news: bool,
    /// What became of each change.
    pub(crate) items: Vec<ItemId>,
    pub(crate) places: Vec<PlaceState>,
    pub(crate) clock: Option<ClockBehind>,
}

/// One place after a backup.
pub(crate) struct PlaceState {
    pub(crate) place: String,
    /// Why it could not be written.
    pub(crate) failed: Option<String>,
    pub(crate) proof: Proven,
}

/// How far a copy was proven.
#[derive(Clone)]
pub(crate) enum Proven {
    /// Read back and compared by hashes and signatures; nothing was opened, since no phrase was at hand.
    Matched,
    /// Read back and opened with the phrase.
    Opened,
    /// Why it is not good.
    No(String),
}

impl App {
    /// Puts the findings of a scan into the vault.
    pub(crate) fn back_up(
        &self,
        scan: &Scan,
        vault: Vault,
        opened: Option<&Opened>,
    ) -> Result<(BackedUp, Vec<FindingId>)> {
        let now = self.now();
        let device = items::device_of(scan);
        let changes = scan.findings.iter().map(|finding| Change::Put(items::of_finding(finding, scan, &device, now)));
        let done = self.change(vault, changes.collect(), opened)?;
        Ok((done, scan.findings.iter().map(|finding| finding.id.clone()).collect()))
    }

    /// Puts typed items into the vault. One that is there already stays as it is: what a scan kept with it, such as
    /// evidence, is worth more than what was typed.
    pub(crate) fn put(&self, mut new: Vec<Item>, mut vault: Vault) -> Result<BackedUp> {
        let writer = vault.writer(&self.paths.state())?;
        new.retain(|item| !writer.has(item));
        drop(writer);
        self.change(vault, new.into_iter().map(Change::Put).collect(), None)
    }

    /// Appends one record with these changes, to every place, and proves the copies.
    pub(crate) fn change(&self, mut vault: Vault, changes: Vec<Change>, opened: Option<&Opened>) -> Result<BackedUp> {
        let mut writer = vault.writer(&self.paths.state())?;
        let Receipt { record, items, places, clock } = writer.append(changes, self.now())?;
        drop(writer);
        let records: Vec<_> = record.iter().cloned().collect();
        let proofs = match opened {
            Some(opened) => vault.prove(opened, &records).into_iter().map(proven).collect(),
            None => matched(&vault.verify(self.device().as_ref(), None), &vault),
        };
        let state = |outcome: keystow_vault::PlaceOutcome| PlaceState {
            proof: proofs
                .iter()
                .find(|(place, _)| *place == outcome.place)
                .map_or(Proven::No("it was not read back".to_owned()), |(_, proof)| proof.clone()),
            failed: outcome.result.err().map(|error| without(&outcome.place, &error.to_string())),
            place: outcome.place,
        };
        Ok(BackedUp { news: record.is_some(), items, places: places.into_iter().map(state).collect(), clock })
    }

    /// Puts copies into more places that a person named, and remembers them.
    pub(crate) fn add_places(&self, named: &[PathBuf], vault: Vault) -> Result<Vault> {
        let folders: Vec<PathBuf> = named.iter().map(|place| copy_in(place)).collect::<Result<_>>()?;
        self.adopt_places(&folders, vault)
    }

    /// Puts copies into more folders, and remembers them.
    pub(crate) fn adopt_places(&self, folders: &[PathBuf], mut vault: Vault) -> Result<Vault> {
        for folder in folders {
            self.adopt_place(folder, &mut vault)?;
        }
        Ok(vault)
    }

    /// Makes the copies that an interrupted or failed run began. One that fails again is told of by the backup.
    pub(crate) fn finish_places(&self, vault: &mut Vault) -> Result<()> {
        if self.vault.is_none() {
            let begun = self.list()?.unfinished;
            for folder in begun.iter().filter(|folder| is_account(folder) || folder.parent().is_some_and(Path::is_dir))
            {
                let _ = self.adopt_place(folder, vault);
            }
        }
        Ok(())
    }

    fn adopt_place(&self, folder: &PathBuf, vault: &mut Vault) -> Result<()> {
        let mut list = self.list()?;
        let listed = list.places.contains(folder);
        if listed && self.holds_copy(folder) && !list.unfinished.contains(folder) {
            return Ok(());
        }
        let copy = self.boxed(std::slice::from_ref(folder)).remove(0);
        vault.writer(&self.paths.state())?.copy_to(copy).map_err(|error| match error.source.kind() {
            std::io::ErrorKind::AlreadyExists => Error::OtherVault { path: folder.clone() },
            _ => error.into(),
        })?;
        if !listed {
            list.places.push(folder.clone());
        }
        list.unfinished.retain(|begun| begun != folder);
        self.save_list(&list)
    }
}

fn proven(proof: Proof) -> (String, Proven) {
    let state = match proof.result {
        Ok(_) => Proven::Opened,
        Err(error) => Proven::No(without(&proof.place, &error.to_string())),
    };
    (proof.place, state)
}

/// What an error says after the name of the place, which stands before it anyway.
fn without(place: &str, said: &str) -> String {
    said.strip_prefix(place).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(said).to_owned()
}

fn matched(report: &Report, vault: &Vault) -> Vec<(String, Proven)> {
    let state = |(place, _): (String, _)| {
        let bad = report.findings.iter().find(|finding| finding.place == place && !verify::is_harmless(&finding.what));
        let proof = bad.map_or(Proven::Matched, |finding| {
            Proven::No(format!("{}: {}", finding.file, verify::words(&finding.what)))
        });
        (place, proof)
    };
    vault.conditions().map(state).collect()
}
