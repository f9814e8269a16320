//! The server and the client together, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::print_stderr, reason = "a test says what it measured, and what it could not try")]

mod access;
mod both;
mod check;
mod damage;
mod heads;
mod liar;
mod lies;
mod markers;
mod mounted;
mod openapi;
mod organization;
mod places;
mod postgres;
mod raw;
mod schemathesis;
mod secrets;
mod server;
mod session;
mod sqlite;
mod story;
mod timing;
