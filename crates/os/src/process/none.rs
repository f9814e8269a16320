//! A platform whose process rules are not known yet.

use std::io;

use zeroize::Zeroizing;

pub(super) fn harden() {}

pub(super) fn keep_memory() {}

pub(super) fn ask_secret(_prompt: &str) -> io::Result<Zeroizing<String>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this platform cannot hide what is typed"))
}

#[derive(Debug)]
pub(super) struct ConsoleBefore;

pub(super) fn prepare_console() -> ConsoleBefore {
    ConsoleBefore
}

pub(super) fn console_has_colors() -> bool {
    true
}

pub(super) fn readers_know_utf8() -> bool {
    true
}

pub(super) fn owns_console() -> bool {
    false
}

pub(super) fn wait_for_key() -> Option<char> {
    None
}

pub(super) fn wait_for_stop() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn join_console(_process: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
