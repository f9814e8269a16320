//! Windows: temporary file, FlushFileBuffers, MoveFileEx without replacing, a flush of the directory. Everything made
//! here has an access list of its own from the start; see [`owner`].
//!
//! A file that is read back is not dropped from the system's memory first: Windows does so only for reads that go by
//! whole sectors, past the memory. What was written went through to the medium.

#![expect(unsafe_code, reason = "system calls with paths and structures")]

mod facts;
mod owner;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use windows::Win32::Foundation::{
    ERROR_BAD_NET_NAME, ERROR_BAD_NETPATH, ERROR_DEV_NOT_EXIST, ERROR_DEVICE_NOT_CONNECTED, ERROR_NETNAME_DELETED,
    ERROR_NO_MEDIA_IN_DRIVE, ERROR_NO_SUCH_DEVICE, ERROR_NOT_READY, ERROR_WRONG_DISK, GENERIC_READ, GENERIC_WRITE,
    HANDLE,
};
use windows::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_CREATION_DISPOSITION,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_WRITE_THROUGH, FILE_FLAGS_AND_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FILE_TYPE_DISK, GetFileType, MOVE_FILE_FLAGS, MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH,
    MoveFileExW, OPEN_ALWAYS,
};
use windows::core::{HSTRING, PCWSTR};

use super::{Facts, TEMPORARY, parent};
use owner::OwnerOnly;

/// How many names are tried for a temporary file before giving up.
const TRIES: u32 = 1000;
/// From this length on, a path needs the prefix that lifts the limit of 260 characters, whatever the PC's policy says.
const LONG: usize = 240;

/// Errors of a device or server that is gone.
const VANISHED: [u32; 9] = [
    ERROR_BAD_NETPATH.0,
    ERROR_BAD_NET_NAME.0,
    ERROR_DEVICE_NOT_CONNECTED.0,
    ERROR_DEV_NOT_EXIST.0,
    ERROR_NETNAME_DELETED.0,
    ERROR_NOT_READY.0,
    ERROR_NO_MEDIA_IN_DRIVE.0,
    ERROR_NO_SUCH_DEVICE.0,
    ERROR_WRONG_DISK.0,
];

static NEXT: AtomicU32 = AtomicU32::new(0);

pub(super) fn write(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    let dir = parent(path).ok_or(io::ErrorKind::InvalidInput)?;
    let (temporary, mut file) = create_temporary(dir)?;
    let filled = file.write_all(bytes).and_then(|()| file.sync_all());
    // Windows renames no file that is open without its leave.
    drop(file);
    let written = filled.and_then(|()| {
        let how = if replace { MOVEFILE_REPLACE_EXISTING } else { MOVE_FILE_FLAGS(0) };
        let (from, to) = (wide(&temporary)?, wide(path)?);
        // SAFETY: both texts have their ends and outlive the call.
        Ok(unsafe { MoveFileExW(&from, &to, how | MOVEFILE_WRITE_THROUGH) }?)
    });
    if let Err(error) = written {
        // The first error is the one that matters; what stays is swept later.
        let _ = fs::remove_file(&temporary);
        return Err(plain(error));
    }
    flush_dir(dir);
    Ok(())
}

pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    let (owner, name) = (OwnerOnly::for_directory()?, wide(path)?);
    // SAFETY: the attributes and the text outlive the call.
    unsafe { CreateDirectoryW(&name, Some(&raw const *owner.attributes())) }.map_err(|error| plain(error.into()))?;
    flush_dir(parent(path).unwrap_or(path));
    Ok(())
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    flush_dir(parent(path).unwrap_or(path));
    Ok(())
}

pub(super) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = create(path, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    if path.is_dir() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::open(path)?;
    // SAFETY: the handle is open.
    let kind = unsafe { GetFileType(HANDLE(file.as_raw_handle())) };
    if kind == FILE_TYPE_DISK { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

pub(super) fn read_at(file: &File, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        let read = file.seek_read(buf, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        offset += read as u64;
        buf = buf.get_mut(read..).unwrap_or_default();
    }
    Ok(())
}

pub(super) fn forget(_: &File) {}

pub(super) fn facts(path: &Path) -> io::Result<Facts> {
    facts::read(path)
}

pub(super) fn vanished(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| VANISHED.contains(&code.cast_unsigned()))
}

fn create_temporary(dir: &Path) -> io::Result<(std::path::PathBuf, File)> {
    for _ in 0..TRIES {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("{TEMPORARY}{}-{number}", process::id()));
        match create(&path, CREATE_NEW, FILE_FLAG_WRITE_THROUGH) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return Ok((path, made?)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Opens a file for reading and writing that, where it is made, is its owner's from the start.
fn create(path: &Path, how: FILE_CREATION_DISPOSITION, flags: FILE_FLAGS_AND_ATTRIBUTES) -> io::Result<File> {
    let (owner, name) = (OwnerOnly::for_file()?, wide(path)?);
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    // SAFETY: the attributes and the text outlive the call.
    let handle = unsafe {
        CreateFileW(
            PCWSTR(name.as_ptr()),
            GENERIC_READ.0 | GENERIC_WRITE.0,
            share,
            Some(&raw const *owner.attributes()),
            how,
            flags,
            None,
        )
    };
    let handle = handle.map_err(|error| plain(error.into()))?;
    // SAFETY: the handle was just opened, and nobody else closes it.
    Ok(unsafe { File::from_raw_handle(handle.0) })
}

/// Flushes a directory where the file system knows how. FAT does not, and writes through anyway.
fn flush_dir(dir: &Path) {
    let opened = File::options().write(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS.0).open(dir);
    let _ = opened.and_then(|dir| dir.sync_all());
}

/// The path as system calls take it.
fn wide(path: &Path) -> io::Result<HSTRING> {
    let path = std::path::absolute(path)?;
    let text = path.as_os_str();
    if text.len() < LONG || text.as_encoded_bytes().starts_with(br"\\") {
        return Ok(HSTRING::from(text));
    }
    let mut long = std::ffi::OsString::from(r"\\?\");
    long.push(text);
    Ok(HSTRING::from(long.as_os_str()))
}

/// An error with the system's own number, so that its kind is known: the calls here give it as an HRESULT.
fn plain(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) if code < 0 => io::Error::from_raw_os_error(code & 0xFFFF),
        _ => error,
    }
}
