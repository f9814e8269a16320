//! This process: no core dumps, no echo while a secret is typed, a clean end on interruption.
