//! Files that are owner-only from the start, written durably, and read at positions.
