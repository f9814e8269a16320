//! Where product keys lie, and how each is read with its origin.
//!
//! A [`Source`] is a place to look; [`scan`](scan()) looks there and gives findings and problems. It never fails as a
//! whole: what cannot be read becomes a [`Problem`] beside the findings.

mod finding;
mod product;
mod registry;
mod scan;
mod source;

pub use finding::{
    Activation, Evidence, Finding, FindingId, Found, Held, Installation, Origin, PlaceKind, Problem, ProblemKind,
    hide_controls,
};
pub use scan::{Scan, scan};
pub use source::{Source, THIS_PC};
