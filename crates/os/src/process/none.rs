//! A platform whose process rules are not known yet.

use std::io;

use zeroize::Zeroizing;

pub(super) fn harden() {}

pub(super) fn ask_secret(_prompt: &str) -> io::Result<Zeroizing<String>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this platform cannot hide what is typed"))
}
