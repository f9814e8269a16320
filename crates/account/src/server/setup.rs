//! The secrets of a server. They lie outside the database: whoever steals the database alone can neither tell whose
//! accounts they are nor try passwords.

use std::fmt;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use opaque_ke::ServerSetup;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::id::{AccountId, RandomError, random};
use crate::suite::Suite;
use crate::wire::{Hash, Name};

/// The secrets of a server. Losing them means that nobody can sign in any more; every server of one database needs the
/// same.
pub struct Setup {
    pub(super) opaque: ServerSetup<Suite>,
    /// Makes accounts out of names.
    names: Zeroizing<[u8; 32]>,
    /// Seals what a client carries between two steps of a sign-in.
    pub(super) states: Zeroizing<[u8; 32]>,
    /// Stands for the record of an account that does not exist, so that the work is the same. Nobody has its password.
    pub(super) decoy: Vec<u8>,
}

/// Why the text of a setup is refused.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It is not what [`Setup::to_text`] wrote.
    #[error("not the secrets of a Keystow server, or damaged")]
    Damaged,
    /// It was written by a newer program.
    #[error("format {found} of the server's secrets is newer than this program, which reads format 1")]
    Format {
        /// The format that was found.
        found: u32,
    },
    /// See [`RandomError`].
    #[error(transparent)]
    Random(#[from] RandomError),
}

#[derive(Serialize, Deserialize)]
struct Text {
    format: u32,
    opaque: String,
    names: String,
    states: String,
}

impl Setup {
    /// New secrets.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn generate() -> Result<Self, RandomError> {
        let opaque = ServerSetup::new(&mut OsRng);
        let (names, states) = (Zeroizing::new(random()?), Zeroizing::new(random()?));
        Ok(Self { decoy: decoy(&opaque)?, opaque, names, states })
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let text: Text = serde_json::from_str(text).map_err(|_| SetupError::Damaged)?;
        if text.format != 1 {
            return Err(SetupError::Format { found: text.format });
        }
        let key = |text: &str| -> Option<Zeroizing<[u8; 32]>> {
            let bytes = Zeroizing::new(BASE64.decode(text.as_bytes()).ok()?);
            bytes.as_slice().try_into().ok().map(Zeroizing::new)
        };
        let opaque = BASE64.decode(text.opaque.as_bytes()).ok().map(Zeroizing::new);
        let opaque = opaque.and_then(|bytes| ServerSetup::deserialize(&bytes).ok());
        match (opaque, key(&text.names), key(&text.states)) {
            (Some(opaque), Some(names), Some(states)) => Ok(Self { decoy: decoy(&opaque)?, opaque, names, states }),
            _ => Err(SetupError::Damaged),
        }
    }

    /// The secrets as text, for a file that only the server can read.
    ///
    /// # Errors
    ///
    /// None in practice; what `serde_json` says.
    pub fn to_text(&self) -> serde_json::Result<Zeroizing<String>> {
        let opaque = Zeroizing::new(self.opaque.serialize().to_vec());
        let text = Text {
            format: 1,
            opaque: BASE64.encode(&opaque),
            names: BASE64.encode(self.names.as_slice()),
            states: BASE64.encode(self.states.as_slice()),
        };
        serde_json::to_string_pretty(&text).map(Zeroizing::new)
    }

    /// Which setup this is: a positive number made from its public part. Accounts remember it, so that a server with
    /// other secrets notices before it turns everybody away.
    #[must_use]
    pub fn id(&self) -> i64 {
        let hash = Hash::of(&self.opaque.keypair().public().serialize()).0;
        hash.iter().take(7).fold(0, |id, byte| id << 8 | i64::from(*byte))
    }

    /// The account of a name: HMAC-SHA256, the first 16 bytes.
    #[must_use]
    pub fn account(&self, name: &Name) -> AccountId {
        let mut id = [0; 16];
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.names.as_slice()) {
            mac.update(name.as_str().as_bytes());
            for (to, from) in id.iter_mut().zip(mac.finalize().into_bytes()) {
                *to = from;
            }
        }
        AccountId::new(id)
    }
}

/// A public key, and random bytes for masking key and envelope.
fn decoy(opaque: &ServerSetup<Suite>) -> Result<Vec<u8>, RandomError> {
    Ok([opaque.keypair().public().serialize().as_slice(), &random::<{ 64 + 96 }>()?].concat())
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setup({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_read_back_and_give_the_same_accounts() {
        let setup = Setup::generate().unwrap();
        let again = Setup::parse(&setup.to_text().unwrap()).unwrap();
        let name = Name::parse(" Anna@Example.org ").unwrap();
        assert_eq!((again.id(), again.account(&name)), (setup.id(), setup.account(&name)));
        assert_eq!(setup.account(&Name::parse("anna@example.org").unwrap()), setup.account(&name));
        assert_ne!(Setup::generate().unwrap().account(&name), setup.account(&name), "only with the secret");
        assert!(matches!(Setup::parse("{}"), Err(SetupError::Damaged)));
    }
}
