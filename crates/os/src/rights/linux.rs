//! On Linux root may do everything, and `sudo` is the person's own way to get there.

use std::ffi::OsString;
use std::io;

use super::Rights;

pub(super) const ADVICE: &str = "the same command as root (sudo keystow …)";

pub(super) fn of_this_process() -> Rights {
    if rustix::process::geteuid().is_root() { Rights::Administrator } else { Rights::User }
}

pub(super) fn run_elevated(_arguments: &[OsString]) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}
