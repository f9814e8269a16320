//! What this process may do, and how it gets more rights once the person agrees.

use std::ffi::OsString;
use std::io;

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(any(windows, target_os = "linux")), path = "none.rs")]
mod sys;

/// The rights of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rights {
    /// Administrator or root.
    Administrator,
    /// A user who may become administrator by agreeing (Windows: a split token).
    MayElevate,
    /// A user who needs an administrator's password.
    User,
}

/// The rights of this process.
#[must_use]
pub fn of_this_process() -> Rights {
    sys::of_this_process()
}

/// Starts this program once more as administrator, through the system's own question (UAC), with these arguments;
/// waits for it and gives its exit code.
///
/// # Errors
///
/// [`io::ErrorKind::PermissionDenied`] when the person said no; [`io::ErrorKind::Unsupported`] where there is no such
/// question.
pub fn run_elevated(arguments: &[OsString]) -> io::Result<u32> {
    sys::run_elevated(arguments)
}

/// How a person runs the same command with more rights here, in words.
#[must_use]
pub fn advice() -> &'static str {
    sys::ADVICE
}
