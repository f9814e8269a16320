//! A platform whose rights are not known.

use std::ffi::OsString;
use std::io;

use super::Rights;

pub(super) const ADVICE: &str = "the same command as a user who may do more";

pub(super) fn of_this_process() -> Rights {
    Rights::User
}

pub(super) fn run_elevated(_arguments: &[OsString]) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}
