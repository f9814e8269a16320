//! The person's vault: made, adopted on a new PC, opened.

use std::io::Read;
use std::path::{Path, PathBuf};

use keystow_os::files;
use keystow_vault::{Device, DeviceError, Opened, Phrase, PlaceError, Pruned, Rekeyed, Repaired, Vault};
use zeroize::Zeroizing;

use super::App;
use super::error::{Error, Result, at};
use super::places::{List, copy_in};

/// A passphrase is one line.
const MOST_PHRASE: u64 = 4096;

impl App {
    /// Whether there is a vault of this person on this device, or one was named.
    pub(crate) fn has_vault(&self) -> bool {
        self.places().is_ok_and(|places| places.iter().any(|place| self.holds_copy(place)))
    }

    /// Whether a vault must be made first. A vault whose places are all out of reach, or whose list of places is
    /// damaged, is no reason to make another one over it.
    ///
    /// # Errors
    ///
    /// What hinders reading the list of places.
    pub(crate) fn needs_vault(&self) -> Result<bool> {
        if self.vault.is_some() {
            return Ok(false);
        }
        match self.places() {
            Err(Error::NoVault | Error::VaultElsewhere) => Ok(true),
            Ok(places) => {
                let enrolled = !matches!(Device::load(&self.paths.state()), Err(DeviceError::NotEnrolled { .. }));
                Ok(!enrolled && !places.iter().any(|place| self.holds_copy(place)))
            }
            Err(error) => Err(error),
        }
    }

    /// Refuses to make a vault where this device knows one, though none of its places may be reachable now. Asked
    /// before anything is written: the list of places and the phrase of that vault must stay.
    pub(crate) fn expect_no_vault(&self) -> Result<()> {
        match Device::load(&self.paths.state()) {
            Err(DeviceError::NotEnrolled { .. }) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(DeviceError::Exists { path: self.paths.state() }.into()),
        }
        match self.list() {
            Err(Error::NoVault | Error::VaultElsewhere) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The folders of a new vault: the person's own, and the places they name or a second folder beside the first.
    pub(crate) fn new_places(&self, named: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let mut places = vec![self.paths.vault()];
        if named.is_empty() {
            places.push(self.paths.second_copy());
        }
        for place in named {
            places.push(copy_in(place)?);
        }
        Ok(places)
    }

    /// Refuses places that hold a vault already, before a phrase is made: one made for nothing opens nothing.
    pub(crate) fn expect_free(&self, places: &[PathBuf]) -> Result<()> {
        match places.iter().find(|place| self.holds_copy(place)) {
            Some(path) => Err(Error::VaultThere { path: path.clone() }),
            None => Ok(()),
        }
    }

    /// Makes a vault with copies in the given folders, and gives the places that refused.
    pub(crate) fn create_vault(&self, places: &[PathBuf], phrase: &Phrase) -> Result<Vec<PlaceError>> {
        // The list comes first: a run that is killed after the vault was made must find it again.
        let mut list = List { places: places.to_vec(), unfinished: places.to_vec() };
        self.save_list(&list)?;
        let (_, failed) = Vault::create(self.boxed(places), &self.paths.state(), phrase, self.now())?;
        list.unfinished.retain(|place| failed.iter().any(|error| error.place == place.display().to_string()));
        self.save_list(&list)?;
        Ok(failed)
    }

    /// Opens the copies of the vault, without a phrase.
    pub(crate) fn open_vault(&self) -> Result<Vault> {
        self.open_vault_in(&self.places()?)
    }

    /// Opens the copies in these folders, without a phrase.
    pub(crate) fn open_vault_in(&self, folders: &[PathBuf]) -> Result<Vault> {
        Ok(Vault::open(self.boxed(folders), self.device().as_ref())?)
    }

    /// What this device knows of the vault; `None` when it is not enrolled, or another vault was named.
    pub(crate) fn device(&self) -> Option<Device> {
        if self.vault.is_some() { None } else { Device::load(&self.paths.state()).ok() }
    }

    /// Enrolls this device where an interrupted run or a new PC left it without a key of its own.
    pub(crate) fn enroll(&self, vault: &mut Vault, opened: &Opened) -> Result<()> {
        match Device::load(&self.paths.state()) {
            Err(DeviceError::NotEnrolled { .. }) => {
                vault.enroll(opened, &self.paths.state(), self.now())?;
                Ok(())
            }
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }

    /// Heals every copy from the good ones.
    pub(crate) fn repair(&self, vault: &mut Vault, opened: Option<&Opened>) -> Result<Repaired> {
        Ok(vault.writer(&self.paths.state())?.repair(opened))
    }

    /// Whether this device may write now: asked before a new phrase is made, so that a refusal leaves nothing behind.
    ///
    /// # Errors
    ///
    /// What hinders it, such as another run.
    pub(crate) fn may_write(&self, vault: &mut Vault) -> Result<()> {
        vault.writer(&self.paths.state()).map(drop).map_err(Error::from)
    }

    /// Changes the phrase, and gives the places where the new one could not be proven.
    pub(crate) fn rekey(
        &self,
        vault: &mut Vault,
        opened: &mut Opened,
        phrase: &Phrase,
    ) -> Result<(Rekeyed, Vec<(String, String)>)> {
        let rekeyed = vault.writer(&self.paths.state())?.rekey(opened, phrase, self.now())?;
        let bad = |proof: keystow_vault::Proof| Some((proof.place, proof.result.err()?.to_string()));
        Ok((rekeyed, vault.prove(opened, &[]).into_iter().filter_map(bad).collect()))
    }

    /// Removes for good what was retired more than 90 days ago.
    pub(crate) fn prune(&self, vault: &mut Vault, opened: &Opened) -> Result<Pruned> {
        Ok(vault.writer(&self.paths.state())?.prune(opened, self.now())?)
    }

    /// The phrase from `--passphrase-file`, or where nobody can be asked, those that a run without a terminal left.
    pub(crate) fn phrases_from_file(&self) -> Result<Vec<Phrase>> {
        match &self.passphrase_file {
            Some(path) => Ok(vec![Phrase::typed(&first_line(path)?)]),
            None if self.may_ask => Ok(Vec::new()),
            None => self.left_phrases(),
        }
    }

    /// The phrases in the file that a run without a terminal left: one, or while the phrase is being changed, the new
    /// one and after it the old one.
    pub(crate) fn left_phrases(&self) -> Result<Vec<Phrase>> {
        let path = self.paths.phrase();
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let bytes = Zeroizing::new(files::read(&path, MOST_PHRASE).map_err(at(&path))?);
        let lines = std::str::from_utf8(&bytes).unwrap_or_default().lines().map(str::trim);
        let phrases: Vec<Phrase> = lines.filter(|line| !line.is_empty()).map(Phrase::typed).collect();
        if phrases.is_empty() { Err(Error::PhraseFile { path }) } else { Ok(phrases) }
    }

    /// Puts generated phrases into a file that only its owner can read, one a line, and gives its path.
    pub(crate) fn leave_phrases(&self, phrases: &[&Phrase]) -> Result<PathBuf> {
        let path = self.paths.phrase();
        files::create_dir(self.paths.data()).map_err(at(&path))?;
        let mut text = Zeroizing::new(String::with_capacity(MOST_PHRASE as usize));
        for phrase in phrases {
            text.push_str(phrase.reveal());
            text.push('\n');
        }
        files::replace(&path, text.as_bytes()).map_err(at(&path))?;
        Ok(path)
    }
}

/// The first line of a file that holds a secret. It may be a pipe, as password managers hand secrets over.
pub(crate) fn first_line(path: &Path) -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_PHRASE as usize));
    let file = std::fs::File::open(path).map_err(at(path))?;
    file.take(MOST_PHRASE).read_to_end(&mut bytes).map_err(at(path))?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = std::str::from_utf8(line).unwrap_or_default().trim();
    if text.is_empty() { Err(Error::PhraseFile { path: path.to_owned() }) } else { Ok(Zeroizing::new(text.to_owned())) }
}
