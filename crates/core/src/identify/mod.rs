//! From a finding to the product it unlocks, and the verdict.
