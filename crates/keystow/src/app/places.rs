//! The list of places: where copies of the person's vault lie.
//!
//! A place that is empty is not written to, because an empty folder may be where a stick is missing. The list
//! therefore also says in which places a copy was begun and never ended; there the next backup makes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keystow_os::files::{self, Lock};
use keystow_vault::DeviceError;
use keystow_vault::place::{Folder, Place};
use serde::{Deserialize, Serialize};

use super::App;
use super::account::ACCOUNT;
use super::account::place::AccountPlace;
use super::error::{Error, Result, at};

/// The folder that a copy gets inside a place.
const FOLDER: &str = "keystow-vault";
/// A copy is known by this file.
const MANIFEST: &str = "vault.json";
/// The list has a line a place.
const MOST: u64 = 1 << 20;

#[derive(Default, Deserialize, Serialize)]
pub(crate) struct List {
    pub(crate) places: Vec<PathBuf>,
    /// Those of them that never held a whole copy yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unfinished: Vec<PathBuf>,
}

impl App {
    /// The folders of all copies; with `--vault`, that one alone.
    pub(crate) fn places(&self) -> Result<Vec<PathBuf>> {
        if let Some(folder) = &self.vault {
            return Ok(vec![copy_in(folder)?]);
        }
        Ok(self.list()?.places)
    }

    /// The list as it was written last. When it is lost, the person's own folders are still where they always are.
    pub(crate) fn list(&self) -> Result<List> {
        let path = self.paths.places();
        match files::read(&path, MOST) {
            Ok(text) => serde_json::from_slice(&text).map_err(|source| Error::Places { path, source }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let own = [self.paths.vault(), self.paths.second_copy()];
                let places: Vec<_> = own.into_iter().filter(|folder| self.holds_copy(folder)).collect();
                if places.is_empty() { Err(self.no_vault()) } else { Ok(List { places, unfinished: Vec::new() }) }
            }
            Err(error) => Err(at(path)(error)),
        }
    }

    /// There is none on this PC; there may be one in the account.
    fn no_vault(&self) -> Error {
        if self.account().is_ok_and(|account| account.is_some()) { Error::VaultElsewhere } else { Error::NoVault }
    }

    /// Writes the list of places.
    pub(crate) fn save_list(&self, list: &List) -> Result<()> {
        let path = self.paths.places();
        files::create_dir(self.paths.data()).map_err(at(&path))?;
        let text = serde_json::to_vec_pretty(list).map_err(std::io::Error::other).map_err(at(&path))?;
        files::replace(&path, &text).map_err(at(path))
    }

    /// Becomes the one run that changes what lies beside the vault, and removes what interrupted ones left there. It
    /// ends with the value.
    ///
    /// # Errors
    ///
    /// [`DeviceError::Locked`] while another run is at it.
    pub(crate) fn begin(&self) -> Result<Lock> {
        let (data, path) = (self.paths.data(), self.paths.lock());
        files::create_dir(data).map_err(at(data))?;
        let lock = Lock::try_acquire(&path).map_err(at(path))?.ok_or(DeviceError::Locked)?;
        files::sweep(data).map_err(at(data))?;
        Ok(lock)
    }
}

/// The copy inside a place that a person named: the place itself when it is a copy, else a folder of ours in it.
///
/// # Errors
///
/// [`Error::PlaceMissing`] when the place does not exist: a copy on a stick that is not plugged in is no copy.
pub(crate) fn copy_in(place: &Path) -> Result<PathBuf> {
    if is_account(place) {
        return Ok(place.to_owned());
    }
    let place = std::path::absolute(place).map_err(at(place))?;
    if !place.is_dir() {
        return Err(Error::PlaceMissing { path: place });
    }
    let is_copy = place.join(MANIFEST).is_file() || place.ends_with(FOLDER);
    Ok(if is_copy { place } else { place.join(FOLDER) })
}

/// Whether this names the account and no folder: a folder of that name is written `./account`.
pub(crate) fn is_account(place: &Path) -> bool {
    place == Path::new(ACCOUNT)
}

impl App {
    /// Whether a place holds a copy of a vault. The account is not asked: it holds one once it is in the list.
    pub(crate) fn holds_copy(&self, place: &Path) -> bool {
        if is_account(place) {
            let known =
                |list: List| list.places.iter().any(|p| p == place) && !list.unfinished.iter().any(|p| p == place);
            return self.list().is_ok_and(known);
        }
        place.join(MANIFEST).is_file()
    }

    /// How many of these places do not share the fate of another one: volumes, and an account on another machine.
    pub(crate) fn independent(&self, places: &[PathBuf]) -> usize {
        let away = places.iter().any(|place| is_account(place))
            && self.account().ok().flatten().is_some_and(|account| !account.address.is_here());
        let volumes: BTreeSet<_> = places.iter().filter_map(|place| files::facts(place).ok()?.device).collect();
        volumes.len() + usize::from(away)
    }

    /// The places as the vault takes them.
    pub(crate) fn boxed(&self, places: &[PathBuf]) -> Vec<Box<dyn Place>> {
        let boxed = |place: &PathBuf| -> Box<dyn Place> {
            match is_account(place) {
                true => Box::new(AccountPlace::new(self.paths.account())),
                false => Box::new(Folder::new(place)),
            }
        };
        places.iter().map(boxed).collect()
    }
}
