//! The algorithms of a sign-in: OPAQUE (RFC 9807) over ristretto255 with SHA-512, and Argon2id on the client.

use argon2::{Algorithm, Argon2, Params, Version};
use opaque_ke::{CipherSuite, Ristretto255, TripleDh};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What both sides bind a sign-in to.
pub const CONTEXT: &[u8] = b"keystow account 1";

/// The suite. Its key stretching runs on the client alone; a server never sees what comes out of it.
pub struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2_for_opaque::Sha512>;
    type Ksf = Argon2<'static>;
}

/// How much work a client does for one guess at a password: Argon2id (RFC 9106) with one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stretch {
    /// Memory in KiB.
    #[schema(minimum = 65536, maximum = 1048576)]
    pub memory_kib: u32,
    /// Passes over it.
    #[schema(minimum = 3, maximum = 16)]
    pub passes: u32,
}

/// A server asks for less work than is safe, or for more than is reasonable.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server asks for {} KiB and {} passes to protect the password; at least {} KiB and {} passes are safe, and \
     at most {} KiB and {} passes are followed",
    .0.memory_kib, .0.passes, Stretch::LEAST.memory_kib, Stretch::LEAST.passes, Stretch::MOST.memory_kib, Stretch::MOST.passes
)]
pub struct StretchError(pub Stretch);

impl Stretch {
    /// The floor, and what new secrets get: 64 MiB, three passes.
    pub const LEAST: Self = Self { memory_kib: 64 * 1024, passes: 3 };
    /// The ceiling: 1 GiB, sixteen passes.
    pub const MOST: Self = Self { memory_kib: 1024 * 1024, passes: 16 };

    /// Whether it lies between floor and ceiling.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        (Self::LEAST.memory_kib..=Self::MOST.memory_kib).contains(&self.memory_kib)
            && (Self::LEAST.passes..=Self::MOST.passes).contains(&self.passes)
    }

    /// The function to stretch with.
    ///
    /// # Errors
    ///
    /// [`StretchError`] when it is not [allowed](Self::is_allowed): a server that asks for less wants to guess.
    pub fn function(self) -> Result<Argon2<'static>, StretchError> {
        let params = Params::new(self.memory_kib, self.passes, 1, None).ok().filter(|_| self.is_allowed());
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params.ok_or(StretchError(self))?))
    }
}

impl Default for Stretch {
    fn default() -> Self {
        Self::LEAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_work_than_the_floor_is_refused_and_so_is_more_than_the_ceiling() {
        let floor = Stretch::LEAST;
        assert!(floor.function().is_ok());
        for bad in [
            Stretch { memory_kib: floor.memory_kib - 1, ..floor },
            Stretch { passes: floor.passes - 1, ..floor },
            Stretch { memory_kib: 0, passes: 0 },
            Stretch { memory_kib: u32::MAX, ..floor },
            Stretch { passes: 17, ..floor },
        ] {
            let error = bad.function().unwrap_err();
            assert!(error.to_string().contains("at least 65536 KiB and 3 passes"), "{error}");
        }
    }
}
