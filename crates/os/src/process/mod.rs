//! This process: no core dumps, and no echo while a secret is typed.

use std::io;

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "none.rs")]
mod sys;

/// Keeps secrets of this process out of core dumps and away from other processes of the same user, where the
/// platform allows. Best effort: a platform that refuses is no reason to stop.
pub fn harden() {
    sys::harden();
}

/// Asks on the controlling terminal, without echo, and gives the line without its end.
///
/// # Errors
///
/// [`io::ErrorKind::Interrupted`] when the person pressed Ctrl-C; [`io::ErrorKind::NotFound`] or another kind when
/// there is no terminal to ask on.
pub fn ask_secret(prompt: &str) -> io::Result<zeroize::Zeroizing<String>> {
    sys::ask_secret(prompt)
}
