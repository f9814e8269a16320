//! Linux: temporary file, `fsync`, `renameat2` without replacing, `fsync` of the directory.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Advice, AtFlags, FlockOperation, Mode, OFlags, RenameFlags, StatVfsMountFlags};
use rustix::io::Errno;

use super::{Facts, FileSystem, TEMPORARY, parent};

const OWNER_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Mode bits that let the group or everybody read a file or list a directory.
const OTHERS_READ: u32 = 0o044;
/// How many names are tried for a temporary file before giving up.
const TRIES: u32 = 1000;

/// File system magic numbers. Source: Linux `include/uapi/linux/magic.h`, and the drivers for NTFS, ZFS and SMB.
const FILE_SYSTEMS: &[(u64, FileSystem)] = &[
    (0x4d44, FileSystem::Fat),
    (0x6969, FileSystem::Network),
    (0xEF53, FileSystem::Owned),
    (0x0102_1994, FileSystem::Memory),
    (0x0102_1997, FileSystem::Network),
    (0x2011_BAB0, FileSystem::ExFat),
    (0x2FC1_2FC1, FileSystem::Owned),
    (0x5346_544E, FileSystem::Ntfs),
    (0x5846_5342, FileSystem::Owned),
    (0x7366_746E, FileSystem::Ntfs),
    (0x794C_7630, FileSystem::Owned),
    (0x8584_58F6, FileSystem::Memory),
    (0x9123_683E, FileSystem::Owned),
    (0xF2F5_2010, FileSystem::Owned),
    (0xFE53_4D42, FileSystem::Network),
    (0xFF53_4D42, FileSystem::Network),
];

static NEXT: AtomicU32 = AtomicU32::new(0);

pub(super) fn write(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    let (dir, name) = open_parent(path)?;
    let (temporary, fd) = create_temporary(&dir)?;
    let written = fill(fd, bytes).and_then(|()| {
        if replace {
            rustix::fs::renameat(&dir, &temporary, &dir, name)?
        } else {
            name_new(&dir, &temporary, name)?
        }
        Ok(())
    });
    if let Err(error) = written {
        // The first error is the one that matters; what stays is swept later.
        let _ = rustix::fs::unlinkat(&dir, &temporary, AtFlags::empty());
        return Err(error);
    }
    flush_dir(&dir)
}

pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    let (dir, name) = open_parent(path)?;
    rustix::fs::mkdirat(&dir, name, Mode::RWXU)?;
    flush_dir(&dir)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    let (dir, name) = open_parent(path)?;
    rustix::fs::unlinkat(&dir, name, AtFlags::empty())?;
    flush_dir(&dir)
}

pub(super) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = rustix::fs::open(path, flags, OWNER_FILE)?;
    match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(File::from(fd))),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_block_device() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// Opens a file and drops its pages from memory. They are clean, because every write here ends with `fsync`.
pub(super) fn open_fresh(path: &Path) -> io::Result<(u64, File)> {
    let file = open(path)?;
    // A file system that cannot do this reads as it always does.
    let _ = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
    Ok((file.metadata()?.len(), file))
}

pub(super) fn read_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(buf, offset)
}

pub(super) fn facts(path: &Path) -> io::Result<Facts> {
    let stat = rustix::fs::stat(path)?;
    let kind = file_system(rustix::fs::statfs(path)?.f_type as u64);
    let space = rustix::fs::statvfs(path)?;
    let ownerless = matches!(kind, FileSystem::Fat | FileSystem::ExFat);
    Ok(Facts {
        others_can_read: Some(ownerless || stat.st_mode & OTHERS_READ != 0),
        file_system: kind,
        device: Some(stat.st_dev),
        free: Some(space.f_bavail.saturating_mul(space.f_frsize)),
        read_only: space.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

pub(super) fn vanished(error: &io::Error) -> bool {
    let gone = [Errno::IO, Errno::NODEV, Errno::NXIO, Errno::STALE, Errno::HOSTDOWN, Errno::NOMEDIUM];
    error.raw_os_error().is_some_and(|raw| gone.iter().any(|errno| errno.raw_os_error() == raw))
}

fn file_system(magic: u64) -> FileSystem {
    // The field is signed and 32 bits wide on some machines, so only the low half is compared.
    let magic = magic & 0xFFFF_FFFF;
    let row = FILE_SYSTEMS.binary_search_by_key(&magic, |row| row.0).ok();
    row.and_then(|i| FILE_SYSTEMS.get(i)).map_or(FileSystem::Unknown, |row| row.1)
}

fn open_parent(path: &Path) -> io::Result<(OwnedFd, &std::ffi::OsStr)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let dir = parent(path).ok_or(io::ErrorKind::InvalidInput)?;
    Ok((rustix::fs::open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?, name))
}

fn create_temporary(dir: &OwnedFd) -> io::Result<(String, OwnedFd)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    for _ in 0..TRIES {
        let name = format!("{TEMPORARY}{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        match rustix::fs::openat(dir, &name, flags, OWNER_FILE) {
            Ok(fd) => return Ok((name, fd)),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

fn fill(fd: OwnedFd, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives the temporary file its name when the name is free. FAT and exFAT know neither `RENAME_NOREPLACE` nor links;
/// there the name is looked at first, and the lock of the vault keeps other writers of ours away meanwhile.
fn name_new(dir: &OwnedFd, temporary: &str, name: &std::ffi::OsStr) -> io::Result<()> {
    match rustix::fs::renameat_with(dir, temporary, dir, name, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        done => return Ok(done?),
    }
    match rustix::fs::linkat(dir, temporary, dir, name, AtFlags::empty()) {
        Ok(()) => return Ok(rustix::fs::unlinkat(dir, temporary, AtFlags::empty())?),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {}
        Err(error) => return Err(error.into()),
    }
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(rustix::fs::renameat(dir, temporary, dir, name)?),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) => Err(error.into()),
    }
}

/// Flushes a directory. File systems over a network may not know how, and flush by themselves.
fn flush_dir(dir: impl AsFd) -> io::Result<()> {
    match rustix::fs::fsync(dir) {
        Err(Errno::INVAL) => Ok(()),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_sorted_by_their_magic() {
        assert!(FILE_SYSTEMS.is_sorted_by_key(|row| row.0));
        assert_eq!(file_system(0xEF53), FileSystem::Owned);
        assert_eq!(file_system(0xFFFF_FFFF_9123_683E), FileSystem::Owned);
        assert_eq!(file_system(1), FileSystem::Unknown);
    }

    #[test]
    fn a_pulled_stick_is_told_from_a_missing_file() {
        assert!(vanished(&Errno::NODEV.into()));
        assert!(!vanished(&Errno::NOENT.into()));
    }
}
