//! Drives the built program as people and programs do. Each test has a home folder of its own.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

mod everyday;
mod home;
mod machine;
mod secrets;
mod terminal;
