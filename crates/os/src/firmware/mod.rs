//! Firmware tables of this PC.
