//! A file system in memory, for disks that are small or must not be written. Also used by the tests of the program.

use std::path::{Path, PathBuf};
use std::process::Command;

/// It is unmounted at the end.
pub(crate) struct Mounted(pub(crate) PathBuf);

impl Mounted {
    /// Mounts it with options of tmpfs over a folder; `None` where that is not permitted.
    pub(crate) fn new(folder: &Path, options: &str) -> Option<Self> {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder).output();
        if done.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("skipped: mounting is not permitted here");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
