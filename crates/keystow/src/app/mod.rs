//! What Keystow can do, one file per thing. The command line and the window call these and hold no logic.

pub(crate) mod account;
pub(crate) mod agent;
pub(crate) mod backup;
pub(crate) mod belongs;
pub(crate) mod error;
pub(crate) mod export;
pub(crate) mod fit;
pub(crate) mod fleet;
pub(crate) mod install;
pub(crate) mod items;
pub(crate) mod link;
pub(crate) mod paths;
pub(crate) mod places;
pub(crate) mod ready;
pub(crate) mod running;
pub(crate) mod serve;
pub(crate) mod setup;
pub(crate) mod vaults;
pub(crate) mod verify;

use std::path::PathBuf;

use jiff::Timestamp;
use paths::Paths;

/// What every thing that Keystow does stands on.
pub(crate) struct App {
    pub(crate) paths: Paths,
    /// A file that holds the recovery phrase, in place of a prompt.
    pub(crate) passphrase_file: Option<PathBuf>,
    /// A file that holds the password of the account, in place of a prompt.
    pub(crate) account_password_file: Option<PathBuf>,
    /// The vault to use, when it is not the person's own.
    pub(crate) vault: Option<PathBuf>,
    /// Whether questions may be asked.
    pub(crate) may_ask: bool,
    /// Whether to only say what would be done.
    pub(crate) dry_run: bool,
}

impl App {
    /// The time, asked at one place only.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
