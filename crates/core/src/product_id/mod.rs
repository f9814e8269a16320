//! Product IDs and the `DigitalProductId` values that carry them.
