//! Product keys, registry hives, firmware tables and what they mean.
//!
//! Bytes in, values out: nothing here opens a file, asks the clock, starts a thread or holds an `unsafe`
//! block. `keystow_find` brings the bytes, `keystow_os` reads them from the system.

pub mod acpi;
pub mod activation;
pub mod answer;
pub mod device;
pub mod hive;
pub mod identify;
pub mod key;
pub mod key_text;
pub mod product_id;
pub mod read;
pub mod reg_file;
pub mod smbios;

pub use key::{KeyError, KeyForm, PartialKey, ProductKey};
