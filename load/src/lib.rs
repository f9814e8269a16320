//! Servers started on loopback, and load against them.
//!
//! Everything here is thrown away: a server lies in a folder below the temporary one, listens on a free
//! port of 127.0.0.1, and is stopped and removed when its value is dropped. Nothing here ships.

pub mod atuin;
pub mod drive;
pub mod fill;
pub mod keystow;
pub mod patroni;
pub mod postgres;
pub mod process;
pub mod visit;

pub use atuin::Atuin;
pub use drive::{Connection, Report, Visitor, drive};
pub use keystow::Keystow;
pub use patroni::Patroni;
pub use postgres::Postgres;
pub use visit::{Mix, Visit};
