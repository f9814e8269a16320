//! Why something that Keystow can do was not done. The command line words the hints.

use std::path::PathBuf;

use keystow_account::client::ClientError;
use keystow_vault::{DeviceError, PhraseError, PlaceError, SealError, UnlockError, VaultError, WriteError};

use super::fleet::FleetError;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Account(#[from] ClientError),
    #[error("the note of what was there before: {0}")]
    Aside(SealError),
    #[error("a device has a name of 1 to {most} characters on one line")]
    DeviceName { most: usize },
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Fleet(#[from] FleetError),
    #[error("a product key was given where an item's name belongs; shells remember what is typed there")]
    KeyAsName,
    #[error("no item is called {name}")]
    NoItem { name: String },
    #[error("Keystow has installed no product key on this PC, or it was undone already")]
    NothingToUndo,
    #[error("what was there before is for {product}, and {windows} is another edition now; no product key leads back")]
    NoWayBack { product: String, windows: String },
    #[error("no phrase was given to open the vault with")]
    NoPhrase,
    #[error("the server keeps records of this account, and not what opens them: it lost that, or holds it back")]
    IdentityMissing,
    #[error("the account keeps a vault already")]
    VaultInAccount,
    #[error("there is no vault on this PC, though it is signed in to an account")]
    VaultElsewhere,
    #[error("this PC is signed in to no account")]
    NotSignedIn,
    #[error("there is no vault yet")]
    NoVault,
    #[error("{}: other users could read a plain file there", path.display())]
    OpenPlace { path: PathBuf },
    #[error("{}: this place holds another vault", path.display())]
    OtherVault { path: PathBuf },
    #[error("{}: the list of places is damaged: {source}", path.display())]
    Places { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Phrase(#[from] PhraseError),
    #[error("{}: the first line of this file holds no text", path.display())]
    PhraseFile { path: PathBuf },
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("{}: this place does not exist", path.display())]
    PlaceMissing { path: PathBuf },
    #[error("{name} means {count} items: {which}")]
    Several { name: String, count: usize, which: String },
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    #[error("{}: a vault lies there already", path.display())]
    VaultThere { path: PathBuf },
    #[error("a vault is here already: {}", path.display())]
    VaultExists { path: PathBuf },
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("the password has fewer than {needed} characters")]
    WeakPassword { needed: usize },
    #[error(transparent)]
    Write(#[from] WriteError),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Names the file in an I/O error.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    |source| Error::File { path, source }
}
