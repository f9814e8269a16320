//! Hardware identity: whether a license is back on the PC where it was kept.
//!
//! Input is what the system hands out about a PC (`keystow_os::device`) and what was kept of one in a vault; output is a
//! [`Comparison`]. Only digests are kept, no serial number. Microsoft publishes no such rule for Windows 10 and 11: this
//! one is ours, and it decides nothing but what Keystow offers.
//!
//! Sources: the weights are our own judgement; each placeholder names where it is known from.

mod compare;
mod component;
mod identity;
mod placeholder;

pub use compare::{Comparison, Likeness, compare};
pub use component::Component;
pub use identity::{DeviceIdentity, Mark};
