//! The accounts of this Windows.
//!
//! Source: Microsoft, "NetUserGetInfo" and "`USER_INFO_24`" (lmaccess.h).

#![expect(unsafe_code, reason = "foreign functions that hand out memory")]

use std::ptr;

use windows::Win32::NetworkManagement::NetManagement::USER_INFO_24;
use windows::Win32::System::WindowsProgramming::GetUserNameW;
use windows::core::{PCWSTR, PWSTR, s, w};

use crate::library;

const LIBRARY: PCWSTR = w!("netapi32.dll");
const LEVEL: u32 = 24;
/// `UNLEN`: the most characters that a name has.
const LONGEST_NAME: usize = 256;

type GetInfo = unsafe extern "system" fn(PCWSTR, PCWSTR, u32, *mut *mut USER_INFO_24) -> u32;
type Free = unsafe extern "system" fn(*mut USER_INFO_24) -> u32;

pub(super) fn has_microsoft_account() -> Option<bool> {
    // SAFETY: the types are those of lmaccess.h and lmapibuf.h; the answer's is that of the level asked for.
    let (get_info, free): (GetInfo, Free) = unsafe {
        (library::function(LIBRARY, s!("NetUserGetInfo"))?, library::function(LIBRARY, s!("NetApiBufferFree"))?)
    };
    let name = own_name()?;
    let mut information = ptr::null_mut();
    // SAFETY: the name has its end; no server means this Windows.
    let status = unsafe { get_info(PCWSTR::null(), PCWSTR(name.as_ptr()), LEVEL, &raw mut information) };
    if status != 0 || information.is_null() {
        return None;
    }
    // SAFETY: on success this is one structure of that level, ours to read once and to free.
    unsafe {
        let connected = (*information).usri24_internet_identity.as_bool();
        free(information);
        Some(connected)
    }
}

/// The name of the account, with its end.
fn own_name() -> Option<Vec<u16>> {
    let mut name = vec![0; LONGEST_NAME + 1];
    let mut len = u32::try_from(name.len()).ok()?;
    // SAFETY: the buffer is as long as `len` says.
    unsafe { GetUserNameW(Some(PWSTR(name.as_mut_ptr())), &raw mut len) }.ok()?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_environment() {
        let name = own_name().unwrap();
        // SAFETY: the buffer has its end.
        let name = unsafe { PCWSTR(name.as_ptr()).to_string() }.unwrap();
        assert_eq!(Some(name), std::env::var("USERNAME").ok());
    }
}
