//! Volumes of this PC that may hold a Windows.
