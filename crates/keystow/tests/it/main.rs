//! Drives the built program as people and programs do. Each test has a home folder of its own.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test stops where it fails")]
#![allow(clippy::print_stderr, reason = "a test says what it could not try")]

mod account;
mod account_secrets;
mod bad_input;
mod everyday;
mod fleet;
mod home;
mod machine;
#[path = "../../../account/tests/it/mounted.rs"]
mod mounted;
mod new_pc;
mod places;
mod restoring;
mod secrets;
mod serve;
mod terminal;
mod trouble;
