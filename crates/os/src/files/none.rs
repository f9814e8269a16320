//! Systems without a room of their own: the same functions over the standard library, with fewer guarantees. New
//! files get the rights of their directory, and a directory is not flushed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Facts, FileSystem, TEMPORARY, parent};

static NEXT: AtomicU32 = AtomicU32::new(0);
static CURSOR: Mutex<()> = Mutex::new(());

pub(super) fn write(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    let dir = parent(path).ok_or(io::ErrorKind::InvalidInput)?;
    let temporary = dir.join(format!("{TEMPORARY}{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| {
        if !replace && path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        // The first error is the one that matters; what stays is swept later.
        let _ = fs::remove_file(&temporary);
    }
    written
}

pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

pub(super) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

pub(super) fn open_fresh(path: &Path) -> io::Result<(u64, File)> {
    let file = open(path)?;
    Ok((file.metadata()?.len(), file))
}

pub(super) fn read_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    // The standard library moves the one cursor, so two reads must not be between each other's two calls.
    let _one_at_a_time = CURSOR.lock();
    let mut file = file;
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buf)
}

pub(super) fn facts(path: &Path) -> io::Result<Facts> {
    let read_only = fs::metadata(path)?.permissions().readonly();
    Ok(Facts { others_can_read: None, file_system: FileSystem::Unknown, device: None, free: None, read_only })
}

pub(super) fn vanished(_: &io::Error) -> bool {
    false
}
