//! Access lists: what is made belongs to the person who made it. The system and the PC's administrators, who could take
//! it anyway, are named too, so that backups and repairs of Windows work; nobody else is.

use std::ffi::c_void;
use std::io;
use std::ptr;

use windows::Win32::Foundation::{CloseHandle, HANDLE, HLOCAL, LocalFree};
use windows::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows::Win32::Security::{
    GetTokenInformation, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows::core::{HSTRING, PWSTR};

/// The access list that a new file or directory gets. It frees itself.
pub(super) struct OwnerOnly {
    attributes: SECURITY_ATTRIBUTES,
}

/// The user of this process.
pub(super) struct User {
    /// A `TOKEN_USER` and the SID behind it; eight-byte words, so that the structure is aligned.
    token_user: Vec<u64>,
}

impl OwnerOnly {
    pub(super) fn for_file() -> io::Result<Self> {
        Self::new("")
    }

    /// What is made inside inherits it.
    pub(super) fn for_directory() -> io::Result<Self> {
        Self::new("OICI")
    }

    /// Protected (P): nothing is inherited from the directory above. FA is full access, SY the system, BA the
    /// administrators.
    fn new(inherit: &str) -> io::Result<Self> {
        let user = User::of_this_process()?.text()?;
        let text = format!("D:P(A;{inherit};FA;;;SY)(A;{inherit};FA;;;BA)(A;{inherit};FA;;;{user})");
        let mut descriptor = PSECURITY_DESCRIPTOR::default();
        // SAFETY: the text has its end, and `descriptor` outlives the call.
        unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                &HSTRING::from(text),
                SDDL_REVISION_1,
                &raw mut descriptor,
                None,
            )
        }?;
        Ok(Self {
            attributes: SECURITY_ATTRIBUTES {
                nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
                lpSecurityDescriptor: descriptor.0,
                bInheritHandle: false.into(),
            },
        })
    }

    pub(super) fn attributes(&self) -> &SECURITY_ATTRIBUTES {
        &self.attributes
    }
}

impl Drop for OwnerOnly {
    fn drop(&mut self) {
        // SAFETY: the descriptor was allocated by the call that made it, and nobody else frees it.
        let _ = unsafe { LocalFree(Some(HLOCAL(self.attributes.lpSecurityDescriptor))) };
    }
}

impl User {
    pub(super) fn of_this_process() -> io::Result<Self> {
        let mut token = HANDLE::default();
        // SAFETY: the pseudo handle of this process is always valid, and `token` outlives the call.
        unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) }?;
        let mut len = 0;
        // SAFETY: without a buffer the call only tells the size.
        let _ = unsafe { GetTokenInformation(token, TokenUser, None, 0, &raw mut len) };
        let mut token_user = vec![0_u64; (len as usize).div_ceil(8).max(size_of::<TOKEN_USER>().div_ceil(8))];
        let buffer = Some(token_user.as_mut_ptr().cast::<c_void>());
        // SAFETY: the buffer has at least `len` bytes.
        let asked = unsafe { GetTokenInformation(token, TokenUser, buffer, len, &raw mut len) };
        // SAFETY: the token is open and not used any more.
        let _ = unsafe { CloseHandle(token) };
        asked?;
        Ok(Self { token_user })
    }

    pub(super) fn sid(&self) -> PSID {
        // SAFETY: the buffer begins with a `TOKEN_USER`, and is aligned for it.
        unsafe { self.token_user.as_ptr().cast::<TOKEN_USER>().read() }.User.Sid
    }

    /// The SID as text, such as `S-1-5-21-…`.
    fn text(&self) -> io::Result<String> {
        text(self.sid())
    }
}

/// A SID as text.
pub(super) fn text(sid: PSID) -> io::Result<String> {
    let mut text = PWSTR(ptr::null_mut());
    // SAFETY: the SID is a whole one, and `text` outlives the call.
    unsafe { ConvertSidToStringSidW(sid, &raw mut text) }?;
    // SAFETY: on success it is a text with its end.
    let owned = unsafe { text.to_string() };
    // SAFETY: the call allocated it, and nobody else frees it.
    let _ = unsafe { LocalFree(Some(HLOCAL(text.0.cast()))) };
    owned.map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use windows::Win32::Security::Authorization::ConvertSecurityDescriptorToStringSecurityDescriptorW;
    use windows::Win32::Security::DACL_SECURITY_INFORMATION;

    use super::*;

    fn told(list: &OwnerOnly) -> String {
        let (mut text, descriptor) = (PWSTR::null(), PSECURITY_DESCRIPTOR(list.attributes().lpSecurityDescriptor));
        // SAFETY: the descriptor is a whole one, and on success `text` has its end; the test does not free it.
        unsafe {
            ConvertSecurityDescriptorToStringSecurityDescriptorW(
                descriptor,
                SDDL_REVISION_1,
                DACL_SECURITY_INFORMATION,
                &raw mut text,
                None,
            )
            .unwrap();
            text.to_string().unwrap()
        }
    }

    #[test]
    fn three_are_named_and_nothing_is_inherited_from_above() {
        let user = User::of_this_process().unwrap().text().unwrap();
        let expected = format!("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;{user})");
        let inside = expected.replace("A;;FA", "A;OICI;FA");
        let is = |list: OwnerOnly, expected: &str| {
            // Windows shortens the names of some accounts.
            let told = told(&list);
            let short = told.rsplit_once(";;;").map(|(before, _)| before.to_owned());
            assert_eq!(short.as_deref(), expected.rsplit_once(";;;").map(|(before, _)| before), "{told}");
            assert_eq!(told.matches('(').count(), 3, "{told}");
        };
        is(OwnerOnly::for_file().unwrap(), &expected);
        is(OwnerOnly::for_directory().unwrap(), &inside);
    }
}
