//! Libraries that are not linked: Windows would look for them beside keystow.exe first, and a WinPE lacks some.

#![expect(unsafe_code, reason = "a function of a library becomes a function of this program")]

use windows::Win32::System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW};
use windows::core::{PCSTR, PCWSTR};

/// A function of a library of the system's own folder; `None` on a Windows without it. The library stays loaded.
///
/// # Safety
///
/// `F` is the function's pointer type, with its `extern "system"` and its parameters as they are documented.
pub(crate) unsafe fn function<F: Copy>(library: PCWSTR, name: PCSTR) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<unsafe extern "system" fn() -> isize>()) };
    // SAFETY: both texts are constants, and the library runs no more than what the system starts it with.
    let found = unsafe { GetProcAddress(LoadLibraryExW(library, None, LOAD_LIBRARY_SEARCH_SYSTEM32).ok()?, name) }?;
    // SAFETY: both are pointers to a function, as asserted and as the caller promises.
    Some(unsafe { std::mem::transmute_copy(&found) })
}

#[cfg(test)]
mod tests {
    use windows::core::{s, w};

    use super::*;

    type Function = unsafe extern "system" fn() -> isize;

    #[test]
    fn only_what_the_system_has_is_found() {
        // SAFETY: nothing found here is called.
        let found = |library, name| unsafe { function::<Function>(library, name) }.is_some();
        assert!(found(w!("netapi32.dll"), s!("NetUserGetInfo")));
        assert!(found(w!("iphlpapi.dll"), s!("GetAdaptersAddresses")));
        assert!(found(w!("ncrypt.dll"), s!("NCryptGetProperty")));
        assert!(!found(w!("netapi32.dll"), s!("NetUserGetNothing")));
        assert!(!found(w!("no-such-library.dll"), s!("NetUserGetInfo")));
    }
}
