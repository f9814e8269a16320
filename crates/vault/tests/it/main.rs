//! The vault as its callers see it: what was backed up once can be got back.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that stops is a test that failed")]

mod damage;
mod interrupted;
mod life;
mod medium;
mod state;
