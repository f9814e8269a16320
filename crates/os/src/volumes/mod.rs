//! Volumes of this PC that may hold a Windows.

use std::path::PathBuf;

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(any(windows, target_os = "linux")), path = "none.rs")]
mod sys;

/// Where volumes with a file system that Windows can boot from are mounted, in the order the system lists them.
///
/// # Errors
///
/// What the system says when it does not list its mounts.
pub fn mounted() -> std::io::Result<Vec<PathBuf>> {
    sys::mounted()
}
