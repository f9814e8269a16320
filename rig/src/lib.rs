//! Runs the real `keystow.exe` under Wine, on made Windows registries and beside stand-ins.
//!
//! A [`Prefix`] is one made Windows of one test: its own registry, users and drives. [`Prefix::keystow`] runs the
//! program in it and gives back what it printed; a program that hangs is an error. `cargo xtask wine` has to have
//! filled the cache, and `cargo xtask windows` builds what runs.

mod copy;
pub mod made;
mod prefix;
mod run;
mod scenario;
pub mod wine;

pub use prefix::Prefix;
pub use run::{Ran, Run};
