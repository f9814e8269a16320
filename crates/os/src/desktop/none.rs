//! A platform without these pages.

use std::io;
use std::time::Duration;

pub(super) fn open(_address: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn lend_secret(_secret: &str, _time: Duration, _tick: &mut dyn FnMut(u64) -> bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
