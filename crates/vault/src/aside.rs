//! A secret beside the vault: sealed like a body, kept by this device alone, and opened with the same phrase.

use zeroize::Zeroizing;

use crate::seal::{self, SealError};
use crate::vault::{Opened, Vault};

impl Vault {
    /// Seals bytes to the recipients of the vault. Nothing is written; no phrase is needed.
    ///
    /// # Errors
    ///
    /// [`SealError`]
    pub fn seal_aside(&self, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        seal::seal_to(&self.manifest.recipients, plain)
    }
}

impl Opened {
    /// Opens what [`Vault::seal_aside`] sealed.
    ///
    /// # Errors
    ///
    /// [`SealError::NotForUs`] when it was sealed beside another vault; [`SealError::Altered`] when it was damaged.
    pub fn open_aside(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        seal::open(sealed, &self.secrets.identity)
    }
}
