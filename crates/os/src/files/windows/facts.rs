//! What there is to know about a path: its volume, and who may read it.

use std::fs;
use std::io;
use std::path::Path;
use std::ptr;

use windows::Win32::Foundation::{HLOCAL, LocalFree, WIN32_ERROR};
use windows::Win32::Security::Authorization::{GetNamedSecurityInfoW, SE_FILE_OBJECT};
use windows::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, EqualSid, GetAce, PSECURITY_DESCRIPTOR, PSID,
};
use windows::Win32::Storage::FileSystem::{FILE_READ_DATA, GetDiskFreeSpaceExW, GetVolumeInformationW};

use super::super::{Facts, FileSystem};
use super::drive::{self, Drive};
use super::owner::{self, User};
use super::wide;

/// `FILE_READ_ONLY_VOLUME` and `FILE_PERSISTENT_ACLS`.
const READ_ONLY: u32 = 0x0008_0000;
const HAS_ACLS: u32 = 0x0000_0008;
/// `GENERIC_READ` and `GENERIC_ALL` in an access list.
const GENERIC: u32 = 0x9000_0000;
/// `ACCESS_ALLOWED_ACE_TYPE`, and the flag of an entry that is only for what is made inside.
const ALLOWED: u8 = 0;
const INHERIT_ONLY: u8 = 0x08;
/// The system, the administrators, whoever owns it (twice), TrustedInstaller: none of them is another user.
const NOT_OTHERS: [&str; 5] = [
    "S-1-5-18",
    "S-1-5-32-544",
    "S-1-3-0",
    "S-1-3-4",
    "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
];

pub(super) fn read(path: &Path) -> io::Result<Facts> {
    let read_only_file = fs::metadata(path)?;
    let read_only_file = read_only_file.is_file() && read_only_file.permissions().readonly();
    let root = drive::root(path)?;
    let (mut serial, mut flags, mut name) = (0, 0, [0; 64]);
    // SAFETY: the text has its end; everything else is as long as it says and outlives the call.
    let known = unsafe {
        GetVolumeInformationW(&root, None, Some(&raw mut serial), None, Some(&raw mut flags), Some(&mut name))
    };
    let name = name.split(|unit| *unit == 0).next().map(String::from_utf16_lossy).unwrap_or_default();
    let mut free = 0;
    // SAFETY: the text has its end, and `free` outlives the call.
    let space = unsafe { GetDiskFreeSpaceExW(&root, Some(&raw mut free), None, None) };
    let known = known.is_ok();
    let has_acls = known && flags & HAS_ACLS != 0;
    Ok(Facts {
        others_can_read: if known && !has_acls { Some(true) } else { others_can_read(path) },
        file_system: kind(drive::of(&root), &name),
        device: known.then_some(u64::from(serial)),
        free: space.is_ok().then_some(free),
        read_only: read_only_file || flags & READ_ONLY != 0,
    })
}

fn kind(drive: Drive, name: &str) -> FileSystem {
    match (drive, name) {
        (Drive::Network, _) => FileSystem::Network,
        (Drive::Memory, _) => FileSystem::Memory,
        (_, "NTFS") => FileSystem::Ntfs,
        (_, "FAT" | "FAT12" | "FAT16" | "FAT32") => FileSystem::Fat,
        (_, "exFAT") => FileSystem::ExFat,
        (_, "ReFS") => FileSystem::Owned,
        _ => FileSystem::Unknown,
    }
}

/// Whether the access list lets anybody read who is neither the user, the owner, the system nor an administrator. `None`
/// where the list may not be seen.
fn others_can_read(path: &Path) -> Option<bool> {
    let user = User::of_this_process().ok()?;
    let (name, mut list, mut descriptor) = (wide(path).ok()?, ptr::null_mut(), PSECURITY_DESCRIPTOR::default());
    // SAFETY: the text has its end, and everything pointed to outlives the call.
    let asked = unsafe {
        GetNamedSecurityInfoW(
            &name,
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
            None,
            None,
            Some(&raw mut list),
            None,
            &raw mut descriptor,
        )
    };
    if asked != WIN32_ERROR(0) {
        return None;
    }
    // A file without a list is everybody's.
    let others = list.is_null() || entries(list).any(|entry| is_for_others(entry, user.sid()));
    // SAFETY: the descriptor was allocated by the call above, and nobody else frees it.
    let _ = unsafe { LocalFree(Some(HLOCAL(descriptor.0))) };
    Some(others)
}

/// The entries of an access list that is there and stays there.
fn entries(list: *const ACL) -> impl Iterator<Item = *const ACE_HEADER> {
    // SAFETY: the list is a whole one.
    let count = u32::from(unsafe { (*list).AceCount });
    (0..count).filter_map(move |at| {
        let mut entry = ptr::null_mut();
        // SAFETY: the list is a whole one, and `entry` outlives the call.
        unsafe { GetAce(list, at, &raw mut entry) }.ok()?;
        Some(entry.cast_const().cast())
    })
}

fn is_for_others(entry: *const ACE_HEADER, user: PSID) -> bool {
    // SAFETY: every entry begins with its header.
    let header = unsafe { entry.read() };
    if header.AceType != ALLOWED || header.AceFlags & INHERIT_ONLY != 0 {
        return false;
    }
    let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
    // SAFETY: an entry of this type has a mask, and its SID begins at `SidStart`.
    let (mask, sid) = unsafe { ((*entry).Mask, PSID((&raw const (*entry).SidStart).cast_mut().cast())) };
    let reads = mask & (FILE_READ_DATA.0 | GENERIC) != 0;
    // SAFETY: both SIDs are whole ones.
    let own = unsafe { EqualSid(sid, user) }.is_ok();
    reads && !own && owner::text(sid).map_or(true, |sid| !NOT_OTHERS.contains(&sid.as_str()))
}
