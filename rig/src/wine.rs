//! Where Wine lies, and how a Windows program is started in it.
//!
//! `cargo xtask wine` fills the cache: a root of its own with a Wine that is new enough, and one made prefix that
//! [`crate::Prefix`] takes what it can from. Nothing here builds; what is missing is said.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Written last into each folder of the cache, so that a half-built one is built again.
pub const STAMP: &str = ".keystow-complete";

/// The folder of the cache: KEYSTOW_CACHE, else XDG_CACHE_HOME/keystow, else ~/.cache/keystow.
#[must_use]
pub fn cache() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = || variable("XDG_CACHE_HOME").unwrap_or_else(|| variable("HOME").unwrap_or_default().join(".cache"));
    variable("KEYSTOW_CACHE").unwrap_or_else(|| user().join("keystow"))
}

/// The system with Wine in it. Its number changes when the recipe does.
#[must_use]
pub fn root() -> PathBuf {
    cache().join("wine-root-1")
}

/// The prefix that others are made from.
#[must_use]
pub fn template() -> PathBuf {
    cache().join("wine-template-1")
}

/// Whether a folder of the cache was built to its end.
#[must_use]
pub fn is_complete(folder: &Path) -> bool {
    folder.join(STAMP).is_file()
}

/// The root of the project.
#[must_use]
pub fn project() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo puts what it builds: CARGO_TARGET_DIR, else `target`.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), |folder| project().join(folder))
}

/// The script that runs a Windows program: its arguments are the prefix, the program and the program's own arguments.
#[must_use]
pub fn script() -> PathBuf {
    project().join("rig/wine.sh")
}

/// The folders that every program sees, beside the project and /tmp: paths are the same inside and outside.
#[must_use]
pub fn mounts() -> Vec<PathBuf> {
    vec![template(), target(), std::env::temp_dir()]
}

/// The variables [`script`] needs, for whoever starts it in another way than by [`command`].
#[must_use]
pub fn variables(more_mounts: &[PathBuf]) -> [(&'static str, OsString); 2] {
    let mut mounts = mounts();
    mounts.extend_from_slice(more_mounts);
    let mounts: Vec<_> = mounts.iter().map(|folder| folder.as_os_str()).collect();
    [("KEYSTOW_WINE_ROOT", root().into()), ("KEYSTOW_WINE_MOUNTS", mounts.join(OsStr::new("\n")))]
}

/// A command that runs `program` in `prefix`, with no variable of this process but PATH.
///
/// The program sees the project, the target folder and the temporary folder, and the folders of `more_mounts`.
///
/// # Errors
///
/// When the cache holds no complete Wine root.
pub fn command(prefix: &Path, program: impl AsRef<OsStr>, more_mounts: &[PathBuf]) -> io::Result<Command> {
    if !is_complete(&root()) {
        return Err(incomplete(&root()));
    }
    let mut command = Command::new(script());
    command.arg(prefix).arg(program).env_clear().envs(variables(more_mounts));
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    Ok(command)
}

/// What to say of a folder of the cache that is not complete.
pub(crate) fn incomplete(folder: &Path) -> io::Error {
    let message = format!("{} is not there or half-built; `cargo xtask wine` builds it", folder.display());
    io::Error::new(io::ErrorKind::NotFound, message)
}
