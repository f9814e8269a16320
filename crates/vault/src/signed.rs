//! Signed JSON files: `{"statement":…,"signature":…}` and a line end.
//!
//! The signature (Ed25519, RFC 8032) covers the kind of the file and the very bytes of the statement. Nothing is
//! signed or compared in any other form, and a file that is not exactly what would be written again is refused, so
//! that no byte of a file can change unnoticed.

use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

/// What a signed file is. One kind can never stand for another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Device,
    Notice,
    Record,
    Vault,
}

/// A statement that was read, with its signature not yet checked.
pub(crate) struct Unchecked<T> {
    statement: T,
    raw: Box<RawValue>,
    signature: Signature,
    kind: Kind,
}

/// Why a signed file cannot be read.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SignedError {
    #[error("the signature is not 64 bytes of base64")]
    Encoding,
    #[error("the file has other bytes than its statement and signature")]
    Extra,
    #[error("not a signed file of this kind: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    statement: Box<RawValue>,
    signature: String,
}

/// Signs a statement and gives the bytes of its file.
pub(crate) fn sign<T: Serialize>(kind: Kind, statement: &T, key: &SigningKey) -> serde_json::Result<Vec<u8>> {
    let statement = serde_json::value::to_raw_value(statement)?;
    let signature = key.sign(&covered(kind, &statement));
    render(&Envelope { statement, signature: BASE64.encode(&signature.to_bytes()) })
}

/// Reads the bytes of a signed file.
pub(crate) fn read<T: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<Unchecked<T>, SignedError> {
    let envelope: Envelope = serde_json::from_slice(bytes)?;
    if render(&envelope)? != bytes {
        return Err(SignedError::Extra);
    }
    let signature = BASE64.decode(envelope.signature.as_bytes()).map_err(|_| SignedError::Encoding)?;
    let signature = Signature::from_slice(&signature).map_err(|_| SignedError::Encoding)?;
    Ok(Unchecked {
        statement: serde_json::from_str(envelope.statement.get())?,
        raw: envelope.statement,
        signature,
        kind,
    })
}

impl<T> Unchecked<T> {
    /// What the file says, when the holder of the key said so.
    pub(crate) fn check(self, key: &VerifyingKey) -> Option<T> {
        self.is_from(key).then_some(self.statement)
    }

    pub(crate) fn is_from(&self, key: &VerifyingKey) -> bool {
        key.verify_strict(&covered(self.kind, &self.raw), &self.signature).is_ok()
    }

    /// What the file says, whoever said it.
    pub(crate) fn claim(&self) -> &T {
        &self.statement
    }

    /// What the file says, when a hash that is itself signed covers it.
    pub(crate) fn trust(self) -> T {
        self.statement
    }
}

fn covered(kind: Kind, statement: &RawValue) -> Vec<u8> {
    let kind = match kind {
        Kind::Device => "keystow device 1\n",
        Kind::Notice => "keystow notice 1\n",
        Kind::Record => "keystow record 1\n",
        Kind::Vault => "keystow vault 1\n",
    };
    [kind.as_bytes(), statement.get().as_bytes()].concat()
}

fn render(envelope: &Envelope) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(envelope)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_byte_is_noticed() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let file = sign(Kind::Record, &vec!["a", "b"], &key).unwrap();
        let good = |bytes: &[u8]| {
            read::<Vec<String>>(Kind::Record, bytes).ok().and_then(|read| read.check(&key.verifying_key())).is_some()
        };
        assert!(good(&file));
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut bad = file.clone();
                bad[at] ^= 1 << bit;
                assert!(!good(&bad), "bit {bit} of byte {at}");
            }
            assert!(!good(&file[..at]), "cut at {at}");
        }
        assert!(!good(&[file.as_slice(), b" "].concat()));
    }

    #[test]
    fn one_kind_never_stands_for_another_nor_one_key_for_another() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let file = sign(Kind::Record, &1, &key).unwrap();
        assert!(read::<u8>(Kind::Vault, &file).unwrap().check(&key.verifying_key()).is_none());
        let other = SigningKey::from_bytes(&[2; 32]).verifying_key();
        assert!(read::<u8>(Kind::Record, &file).unwrap().check(&other).is_none());
    }
}
