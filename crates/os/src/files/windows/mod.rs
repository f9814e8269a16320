//! Windows: temporary file, FlushFileBuffers, a rename through the open file, a flush of the directory.
//!
//! Everything made on a drive that stays with this PC has an access list of its own from the start; see [`owner`]. On
//! sticks, disks in a case and shares the rules of the drive hold: an account of this PC is nobody on another, and a
//! copy that only this Windows can read is none when this Windows is gone.

#![expect(unsafe_code, reason = "system calls with paths and structures")]

mod drive;
mod facts;
mod fresh;
mod owner;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::path::{Component, Path, PathBuf, Prefix};
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use windows::Win32::Foundation::{
    ERROR_BAD_NET_NAME, ERROR_BAD_NETPATH, ERROR_DEV_NOT_EXIST, ERROR_DEVICE_NOT_CONNECTED, ERROR_NETNAME_DELETED,
    ERROR_NO_MEDIA_IN_DRIVE, ERROR_NO_SUCH_DEVICE, ERROR_NOT_READY, ERROR_WRONG_DISK, GENERIC_READ, GENERIC_WRITE,
    HANDLE,
};
use windows::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, DELETE, FILE_ATTRIBUTE_NORMAL, FILE_CREATION_DISPOSITION,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_NO_BUFFERING, FILE_FLAG_WRITE_THROUGH, FILE_FLAGS_AND_ATTRIBUTES,
    FILE_INFO_BY_HANDLE_CLASS, FILE_RENAME_INFO, FILE_SHARE_DELETE, FILE_SHARE_MODE, FILE_SHARE_NONE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FILE_TYPE_DISK, FileRenameInfo, FileRenameInfoEx, GetFileType, OPEN_ALWAYS,
    SetFileInformationByHandle,
};
use windows::core::HSTRING;

use super::{Facts, TEMPORARY, parent};
use drive::Drive;
use fresh::Blocks;
use owner::OwnerOnly;

/// How many names are tried for a temporary file before giving up.
const TRIES: u32 = 1000;
/// From this length on, a path needs the prefix that lifts the limit of 260 characters, whatever the PC's policy says.
const LONG: usize = 240;

/// `FILE_RENAME_FLAG_REPLACE_IF_EXISTS`, and `FILE_RENAME_FLAG_POSIX_SEMANTICS`: who has the old file open keeps it.
const REPLACE: u32 = 1;
const POSIX: u32 = 2;

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

const SHARED: FILE_SHARE_MODE = FILE_SHARE_MODE(FILE_SHARE_READ.0 | FILE_SHARE_WRITE.0 | FILE_SHARE_DELETE.0);

static NEXT: AtomicU32 = AtomicU32::new(0);

pub(super) fn write(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    let dir = parent(path).ok_or(io::ErrorKind::InvalidInput)?;
    let (temporary, mut file) = create_temporary(dir)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| rename(&file, &wide(path)?, replace));
    drop(file);
    if written.is_err() {
        // The first error is the one that matters; what stays is swept later.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    flush_dir(dir);
    Ok(())
}

pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    let (owner, name) = (own_list(path, OwnerOnly::for_directory)?, wide(path)?);
    let attributes = owner.as_ref().map(|owner| &raw const *owner.attributes());
    // SAFETY: the attributes and the text outlive the call.
    unsafe { CreateDirectoryW(&name, attributes) }.map_err(|error| plain(error.into()))?;
    flush_dir(parent(path).unwrap_or(path));
    Ok(())
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    flush_dir(parent(path).unwrap_or(path));
    Ok(())
}

pub(super) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = create(path, OPEN_ALWAYS, SHARED, FILE_ATTRIBUTE_NORMAL)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    open_with(path, FILE_FLAGS_AND_ATTRIBUTES(0))
}

/// Opens a file past the memory of the system. A file system that cannot do this reads as it always does.
pub(super) fn open_fresh(path: &Path) -> io::Result<(u64, Blocks)> {
    let file = open_with(path, FILE_FLAG_NO_BUFFERING).or_else(|_| open(path))?;
    Ok((file.metadata()?.len(), Blocks::new(file)))
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

pub(super) fn facts(path: &Path) -> io::Result<Facts> {
    facts::read(path)
}

pub(super) fn vanished(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| VANISHED.contains(&code.cast_unsigned()))
}

fn open_with(path: &Path, flags: FILE_FLAGS_AND_ATTRIBUTES) -> io::Result<File> {
    if path.is_dir() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::options().read(true).custom_flags(flags.0).open(path)?;
    // SAFETY: the handle is open.
    let kind = unsafe { GetFileType(HANDLE(file.as_raw_handle())) };
    if kind == FILE_TYPE_DISK { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// Makes a file that nobody else can open while it has no name of its own: no virus scanner, no indexer, no backup
/// program is then in the way of the rename.
fn create_temporary(dir: &Path) -> io::Result<(PathBuf, File)> {
    for _ in 0..TRIES {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("{TEMPORARY}{}-{number}", process::id()));
        match create(&path, CREATE_NEW, FILE_SHARE_NONE, FILE_FLAG_WRITE_THROUGH) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return Ok((path, made?)),
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// Opens a file to be read, written and renamed that, where it is made, is its owner's from the start.
fn create(
    path: &Path,
    how: FILE_CREATION_DISPOSITION,
    share: FILE_SHARE_MODE,
    flags: FILE_FLAGS_AND_ATTRIBUTES,
) -> io::Result<File> {
    let (owner, name) = (own_list(path, OwnerOnly::for_file)?, wide(path)?);
    let attributes = owner.as_ref().map(|owner| &raw const *owner.attributes());
    let access = GENERIC_READ.0 | GENERIC_WRITE.0 | DELETE.0;
    // SAFETY: the attributes and the text outlive the call.
    let handle = unsafe { CreateFileW(&name, access, share, attributes, how, flags, None) };
    let handle = handle.map_err(|error| plain(error.into()))?;
    // SAFETY: the handle was just opened, and nobody else closes it.
    Ok(unsafe { File::from_raw_handle(handle.0) })
}

/// The access list for what is made at `path`; `None` where the drive's own rules hold.
fn own_list(path: &Path, make: fn() -> io::Result<OwnerOnly>) -> io::Result<Option<OwnerOnly>> {
    match drive::of(&drive::root(path)?) {
        Drive::Memory | Drive::Stays => make().map(Some),
        Drive::Network | Drive::Portable => Ok(None),
    }
}

/// Gives an open file a name. It was opened to be written through, and so is the name.
fn rename(file: &File, to: &HSTRING, replace: bool) -> io::Result<()> {
    // FAT, shares and old Windows know only the plain way, which fails while somebody reads the old file.
    if replace && set_name(file, FileRenameInfoEx, to, REPLACE | POSIX).is_ok() {
        return Ok(());
    }
    set_name(file, FileRenameInfo, to, if replace { REPLACE } else { 0 })
}

fn set_name(file: &File, class: FILE_INFO_BY_HANDLE_CLASS, to: &HSTRING, flags: u32) -> io::Result<()> {
    let name_len = size_of_val::<[u16]>(to);
    // The structure has room for one unit of the name already, which is then its end.
    let size = size_of::<FILE_RENAME_INFO>() + name_len;
    let mut words = vec![0_u64; size.div_ceil(8)];
    let info = words.as_mut_ptr().cast::<FILE_RENAME_INFO>();
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidFilename);
    let (name_len, size) = (u32::try_from(name_len).map_err(too_long)?, u32::try_from(size).map_err(too_long)?);
    // SAFETY: the buffer has `size` bytes, is aligned for the structure and begins with it, all zero; the name fits
    // behind it. The plain class reads the first byte of the flags as whether to replace.
    unsafe {
        (*info).Anonymous.Flags = flags;
        (*info).FileNameLength = name_len;
        ptr::copy_nonoverlapping(to.as_ptr(), (&raw mut (*info).FileName).cast::<u16>(), to.len());
        SetFileInformationByHandle(HANDLE(file.as_raw_handle()), class, info.cast(), size)
    }
    .map_err(|error| plain(error.into()))
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
    let Some(Component::Prefix(prefix)) = path.components().next().filter(|_| text.len() >= LONG) else {
        return Ok(HSTRING::from(text));
    };
    let (before, skipped) = match prefix.kind() {
        Prefix::Disk(_) => (r"\\?\", 0),
        Prefix::UNC(..) => (r"\\?\UNC", 1),
        _ => return Ok(HSTRING::from(text)),
    };
    let units = text.encode_wide().skip(skipped);
    Ok(HSTRING::from_wide(&before.encode_utf16().chain(units).collect::<Vec<_>>()))
}

/// An error with the system's own number, so that its kind is known: the calls here give it as an HRESULT.
fn plain(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) if code < 0 => io::Error::from_raw_os_error(code & 0xFFFF),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulled_stick_is_told_from_a_missing_file() {
        assert!(vanished(&io::Error::from_raw_os_error(21)), "ERROR_NOT_READY");
        assert!(vanished(&io::Error::from_raw_os_error(53)), "ERROR_BAD_NETPATH");
        assert!(!vanished(&io::Error::from_raw_os_error(2)), "ERROR_FILE_NOT_FOUND");
    }

    #[test]
    fn only_a_long_path_gets_the_prefix_that_lifts_the_limit() {
        let long = "a".repeat(LONG);
        let wide = |path: &str| wide(Path::new(path)).unwrap().to_string();
        assert_eq!(wide(r"C:\short"), r"C:\short");
        assert_eq!(wide(&format!("C:/x/../{long}")), format!(r"\\?\C:\{long}"));
        assert_eq!(wide(&format!(r"\\server\share\{long}")), format!(r"\\?\UNC\server\share\{long}"));
        assert_eq!(wide(&format!(r"\\?\C:\{long}")), format!(r"\\?\C:\{long}"));
    }

    #[test]
    fn an_error_keeps_the_kind_it_has_in_windows() {
        let error = plain(io::Error::from_raw_os_error(0x8007_0050_u32.cast_signed()));
        assert_eq!((error.raw_os_error(), error.kind()), (Some(80), io::ErrorKind::AlreadyExists));
    }
}
