//! Product keys inside free text and CSV, with their labels.
