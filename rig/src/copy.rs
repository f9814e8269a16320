//! Folders of a prefix, taken from the template by copies and symbolic links.

use std::io;
#[cfg(unix)]
use std::os::unix::fs::symlink;
use std::path::Path;

/// Copies a folder with everything below it. Symbolic links are followed.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let (here, there) = (entry?.path(), to);
        let there = there.join(here.file_name().unwrap_or_default());
        if here.is_dir() {
            copy(&here, &there)?;
        } else {
            std::fs::copy(&here, &there)?;
        }
    }
    Ok(())
}

/// Makes a folder whose entries are links to those of another, but for the names `without`.
///
/// Files become hard links where both folders lie on one disk: they need no inode, which costs ten times as much to
/// get as all else. Folders, and files on another disk, become symbolic links.
pub(crate) fn link_entries(from: &Path, to: &Path, without: &[&str]) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if !without.iter().any(|without| name == *without) && std::fs::hard_link(&entry, to.join(&name)).is_err() {
            link(&entry, &to.join(name))?;
        }
    }
    Ok(())
}

/// Makes or replaces a symbolic link at `link` that leads to `to`.
pub(crate) fn link(to: &Path, link: &Path) -> io::Result<()> {
    if link.symlink_metadata().is_ok() {
        std::fs::remove_file(link)?;
    }
    symlink(to, link)
}

/// There is no Wine on Windows; only the chores are built there.
#[cfg(not(unix))]
fn symlink(_to: &Path, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
