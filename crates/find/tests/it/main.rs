//! What a scan finds and says, on PCs made of published product keys.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that stops is a test that failed")]

mod damage;
mod office;
mod pc;
mod places;
mod servers;
mod verdicts;
mod windows;
