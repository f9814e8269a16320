//! Accounts: the keys of a person's vault and its sealed records on a server that can read neither.
//!
//! The server keeps records, never rewrites them, and knows an account by a name that only it can make from what the
//! person types. What a person could recognize is sealed by the client. This crate depends on nothing of ours: it
//! cannot see a product key.

pub mod client;
pub mod id;
pub mod keys;
pub mod organization;
pub mod server;
pub mod store;
pub mod suite;
pub mod wire;
