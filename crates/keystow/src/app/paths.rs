//! Where Keystow keeps things: the XDG folders, `%LOCALAPPDATA%`, or beside the program in portable mode.

use std::env;
use std::path::{Path, PathBuf};

use keystow_os::folders;

/// An empty file of this name beside the program keeps everything there.
const PORTABLE: &str = "keystow.portable";

/// The folders of this person's Keystow.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    data: PathBuf,
}

impl Paths {
    /// Finds the folders; nothing is made yet. `None` when the system names no home.
    pub(crate) fn find() -> Option<Self> {
        let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
        if let Some(folder) = beside.filter(|folder| folder.join(PORTABLE).is_file()) {
            return Some(Self { data: folder.join("keystow-data") });
        }
        Some(Self { data: folders::data()? })
    }

    /// The folders below this one, as an elevated program is told.
    pub(crate) fn below(data: PathBuf) -> Self {
        Self { data }
    }

    /// The person's own copy of the vault.
    pub(crate) fn vault(&self) -> PathBuf {
        self.data.join("vault")
    }

    /// The second copy when no other place was named.
    pub(crate) fn second_copy(&self) -> PathBuf {
        self.data.join("vault-second-copy")
    }

    /// What this device knows and no copy holds: its signing key and the highest heads it has seen.
    pub(crate) fn state(&self) -> PathBuf {
        self.data.join("device")
    }

    /// The folder that all of this lies in.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The lock of whoever makes a vault, changes its places or its phrase.
    pub(crate) fn lock(&self) -> PathBuf {
        self.data.join("lock")
    }

    /// What was there before the last product key that was installed, sealed.
    pub(crate) fn before(&self) -> PathBuf {
        self.data.join("before.age")
    }

    /// When the person confirmed the link to their Microsoft account.
    pub(crate) fn linked(&self) -> PathBuf {
        self.data.join("linked.txt")
    }

    /// The account that this device is signed in to.
    pub(crate) fn account(&self) -> PathBuf {
        self.data.join("account.json")
    }

    /// Where the recovery code of the account is put when nobody is there to write it down.
    pub(crate) fn recovery_code(&self) -> PathBuf {
        self.data.join("RECOVERY-CODE.txt")
    }

    /// What this machine keeps of its enrollment in an organization.
    pub(crate) fn agent(&self) -> PathBuf {
        self.data.join("agent.json")
    }

    /// The last reports of this machine, sealed as they were sent.
    pub(crate) fn sent_reports(&self) -> PathBuf {
        self.data.join("sent-reports")
    }

    /// What is remembered of organizations, sealed.
    pub(crate) fn fleet(&self) -> PathBuf {
        self.data.join("fleet")
    }

    /// The list of places.
    pub(crate) fn places(&self) -> PathBuf {
        self.data.join("places.json")
    }

    /// Where the recovery phrase is put when nobody is there to write it down.
    pub(crate) fn phrase(&self) -> PathBuf {
        self.data.join("RECOVERY-PHRASE.txt")
    }
}
