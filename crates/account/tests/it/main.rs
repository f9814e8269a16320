//! The server and the client together, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod openapi;
mod organization;
mod server;
mod story;
