//! The person's desktop: a page of the system's settings, and the clipboard for a secret.

use std::io;
use std::time::Duration;

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(not(windows), path = "none.rs")]
mod sys;

/// Opens a page of the system by its address, such as `ms-settings:activation`, and does not wait for it.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`] where there is no desktop; what the system says otherwise.
pub fn open(address: &str) -> io::Result<()> {
    sys::open(address)
}

/// Puts a secret on the clipboard, kept out of the clipboard's history, of the cloud and of programs that watch the
/// clipboard and obey the mark, and takes it away after `time`, unless something else was copied meanwhile. `tick` is
/// called about once a second with the seconds left, and ends the wait early by giving `false`; the secret is taken
/// away then too.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`] where there is no clipboard; what the system says otherwise.
pub fn lend_secret(secret: &str, time: Duration, tick: &mut dyn FnMut(u64) -> bool) -> io::Result<()> {
    sys::lend_secret(secret, time, tick)
}
