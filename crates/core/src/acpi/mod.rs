//! Firmware tables that say something about a license: MSDM and SLIC, and the `acpidump` text that carries them.
