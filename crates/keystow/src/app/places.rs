//! The list of places: where copies of the person's vault lie.

use std::path::{Path, PathBuf};

use keystow_os::files;
use keystow_vault::place::{Folder, Place};
use serde::{Deserialize, Serialize};

use super::App;
use super::error::{Error, Result, at};

/// The folder that a copy gets inside a place.
const FOLDER: &str = "keystow-vault";
/// A copy is known by this file.
const MANIFEST: &str = "vault.json";
/// The list has a line a place.
const MOST: u64 = 1 << 20;

#[derive(Default, Deserialize, Serialize)]
struct List {
    places: Vec<PathBuf>,
}

impl App {
    /// The folders of all copies; with `--vault`, that one alone.
    pub(crate) fn places(&self) -> Result<Vec<PathBuf>> {
        if let Some(folder) = &self.vault {
            return Ok(vec![copy_in(folder)?]);
        }
        let path = self.paths.places();
        match files::read(&path, MOST) {
            Ok(text) => {
                let list: List = serde_json::from_slice(&text).map_err(|source| Error::Places { path, source })?;
                Ok(list.places)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NoVault),
            Err(error) => Err(at(path)(error)),
        }
    }

    /// Writes the list of places.
    pub(crate) fn save_places(&self, places: Vec<PathBuf>) -> Result<()> {
        let path = self.paths.places();
        files::create_dir(path.parent().unwrap_or(Path::new("."))).map_err(at(&path))?;
        let text = serde_json::to_vec_pretty(&List { places }).map_err(std::io::Error::other).map_err(at(&path))?;
        files::replace(&path, &text).map_err(at(path))
    }
}

/// The copy inside a place that a person named: the place itself when it is a copy, else a folder of ours in it.
///
/// # Errors
///
/// [`Error::PlaceMissing`] when the place does not exist: a copy on a stick that is not plugged in is no copy.
pub(crate) fn copy_in(place: &Path) -> Result<PathBuf> {
    let place = std::path::absolute(place).map_err(at(place))?;
    if !place.is_dir() {
        return Err(Error::PlaceMissing { path: place });
    }
    let is_copy = place.join(MANIFEST).is_file() || place.ends_with(FOLDER);
    Ok(if is_copy { place } else { place.join(FOLDER) })
}

/// Whether a folder holds a copy of a vault.
pub(crate) fn holds_copy(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// The places as the vault takes them.
pub(crate) fn boxed(folders: &[PathBuf]) -> Vec<Box<dyn Place>> {
    folders.iter().map(|folder| Box::new(Folder::new(folder)) as Box<dyn Place>).collect()
}
