//! Every system call, every `unsafe` block and every platform `cfg` of Keystow.
//!
//! Each module is one file per platform, chosen once; a platform without the thing has a twin that says so.

pub mod desktop;
pub mod device;
pub mod files;
pub mod firmware;
pub mod folders;
#[cfg(windows)]
mod library;
pub mod licensing;
pub mod person;
pub mod process;
#[cfg(windows)]
mod random;
pub mod registry;
pub mod rights;
pub mod volumes;
