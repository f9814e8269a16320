//! Files that are owner-only from the start, written durably, and read at positions.
//!
//! Where a file system has no owners, everybody with access to it can read. On Windows that holds for every drive that
//! goes to other PCs: accounts there are not those of here, so a copy with an owner could not be restored from.
//!
//! A written file is wholly there or not at all: the bytes go to a temporary file of the same directory, are flushed,
//! and only then get their name; the directory is flushed last. A process that is killed, a disk that is full or a
//! stick that is pulled at any call leaves the directory as before or after, and [`sweep`] removes what was left over.

#[cfg_attr(windows, path = "windows/mod.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(any(windows, target_os = "linux")), path = "none.rs")]
mod sys;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How the names of temporary files begin.
pub const TEMPORARY: &str = ".keystow-tmp-";

/// A held lock. It ends with the value, or with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A file or block device open for reading at positions.
#[derive(Debug)]
pub struct Readable {
    file: File,
    len: u64,
}

/// What there is to know about a path before something is trusted to it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Whether users other than the owner may read: by mode bits, or because the file system has no owners. `None`
    /// where this system does not say.
    pub others_can_read: Option<bool>,
    /// The kind of file system.
    pub file_system: FileSystem,
    /// The number of the device the file system lies on; equal numbers mean the same volume.
    pub device: Option<u64>,
    /// Bytes that this user may still write.
    pub free: Option<u64>,
    /// Whether the file system is mounted read-only.
    pub read_only: bool,
}

/// Kinds of file system, as far as they matter for a backup.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileSystem {
    /// exFAT: no owners, everybody with access to the stick can read.
    ExFat,
    /// FAT: no owners, everybody with access to the stick can read.
    Fat,
    /// Lives in memory only and is gone after a restart.
    Memory,
    /// On another computer: NFS, SMB, 9P.
    Network,
    /// NTFS.
    Ntfs,
    /// A disk file system with owners, such as ext4, Btrfs or XFS.
    Owned,
    /// Not known.
    Unknown,
}

/// Why an operation on a file failed, as far as it changes what a person can do.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Something with that name is there already.
    Exists,
    /// No space, or the quota is used up.
    Full,
    /// There is no such file or directory.
    NotThere,
    /// The rights do not suffice.
    NotAllowed,
    /// Anything else.
    Other,
    /// The file system is read-only.
    ReadOnly,
    /// The device or server behind the path is gone or fails.
    Vanished,
}

/// Sorts an error.
#[must_use]
pub fn why(error: &io::Error) -> Why {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Why::Exists,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Why::Full,
        io::ErrorKind::NotFound => Why::NotThere,
        io::ErrorKind::PermissionDenied => Why::NotAllowed,
        io::ErrorKind::ReadOnlyFilesystem => Why::ReadOnly,
        io::ErrorKind::StaleNetworkFileHandle | io::ErrorKind::NotConnected | io::ErrorKind::TimedOut => Why::Vanished,
        _ if sys::vanished(error) => Why::Vanished,
        _ => Why::Other,
    }
}

/// Writes a new file that only its owner can read, durably, in a directory that is there.
///
/// # Errors
///
/// [`io::ErrorKind::AlreadyExists`] when the name is taken, and the file there is untouched; what the system says
/// otherwise, and then the name is free or the file is there wholly.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    sys::write(path, bytes, false)
}

/// Writes a file that only its owner can read, durably, in place of the one that may be there. A reader sees the old
/// bytes or the new ones.
///
/// # Errors
///
/// What the system says; the old file is then untouched.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    sys::write(path, bytes, true)
}

/// Makes a directory that only its owner can enter, and its parents, durably. One that is there stays as it is.
///
/// # Errors
///
/// What the system says; [`io::ErrorKind::NotADirectory`] when a file is in the way.
pub fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = parent(path) {
        create_dir(parent)?;
    }
    match sys::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(io::ErrorKind::NotADirectory.into()),
        made => made,
    }
}

/// Removes a file, durably.
///
/// # Errors
///
/// What the system says, [`io::ErrorKind::NotFound`] among it.
pub fn remove(path: &Path) -> io::Result<()> {
    sys::remove(path)
}

/// Removes the temporary files that interrupted runs left in a directory, and counts them. Only one who holds the
/// lock over the directory may call this: the files of a running writer look the same.
///
/// # Errors
///
/// What the system says when the directory cannot be listed or a file cannot be removed.
pub fn sweep(dir: &Path) -> io::Result<usize> {
    let mut swept = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY));
        if ours && entry.file_type()?.is_file() {
            remove(&entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Reads a whole file from the medium: what this system still holds of it in memory is dropped first, where the
/// system lets us.
///
/// # Errors
///
/// [`io::ErrorKind::FileTooLarge`] when it has more than `limit` bytes; what the system says otherwise.
pub fn read_fresh(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let (len, file) = sys::open_fresh(path)?;
    read_all(len, file, limit)
}

/// Reads a whole file. It does not wait on pipes.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] for a directory, a pipe or a terminal; [`io::ErrorKind::FileTooLarge`] when it has more than `limit` bytes; what the system says otherwise.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = sys::open(path)?;
    read_all(file.metadata()?.len(), file, limit)
}

/// Asks what there is to know about a path.
///
/// # Errors
///
/// What the system says, [`io::ErrorKind::NotFound`] among it.
pub fn facts(path: &Path) -> io::Result<Facts> {
    sys::facts(path)
}

impl Lock {
    /// Takes the lock that the file at `path` stands for, without waiting. The file is made when it is missing, and
    /// stays.
    ///
    /// # Errors
    ///
    /// What the system says; a lock that somebody else holds is `None`, not an error.
    pub fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        Ok(sys::try_lock(path)?.map(|file| Self { _file: file }))
    }
}

impl Readable {
    /// Opens a file or a block device. It does not wait on pipes.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for a directory, a pipe or a terminal; what the system says otherwise.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = sys::open(path)?;
        let len = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, len })
    }

    /// The length in bytes when it was opened.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `buf` from `offset`. Two reads never disturb each other.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] when fewer than `buf.len()` bytes follow `offset`; what the system says
    /// otherwise.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        sys::read_at(&self.file, offset, buf)
    }
}

fn read_all(len: u64, file: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    if len > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// The directory a path lies in; `None` for a root.
fn parent(path: &Path) -> Option<&Path> {
    path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

#[cfg(test)]
mod tests;
