//! Volumes of this PC that may hold a Windows.

use std::path::PathBuf;

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(any(windows, target_os = "linux")), path = "none.rs")]
mod sys;

/// Where volumes with a file system that Windows can boot from are mounted, in the order the system lists them; on
/// Windows drives come first, then folders in which volumes without a drive letter are mounted. The volume of the
/// Windows that runs is not among them: its registry is asked instead. A volume that is there but cannot be read is
/// among them, so that a scan can say so; an empty drive, a locked one and one on a network is not.
///
/// # Errors
///
/// What the system says when it does not list its mounts.
pub fn mounted() -> std::io::Result<Vec<PathBuf>> {
    sys::mounted()
}

/// Where volumes are mounted that BitLocker has locked, so that nothing on them can be read.
#[must_use]
pub fn locked() -> Vec<PathBuf> {
    sys::locked()
}

/// The folder of the Windows that runs, such as `C:\Windows`; `None` where none runs.
#[must_use]
pub fn running_windows() -> Option<PathBuf> {
    sys::running_windows()
}

/// Whether the Windows that runs is a WinPE: started from a medium, with nothing of its own to find.
#[must_use]
pub fn is_windows_pe() -> bool {
    sys::is_windows_pe()
}
