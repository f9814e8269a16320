//! Everything that is sealed is an ordinary age file (C2SP age v1), so that the `age` program opens it too.
//!
//! Bodies are sealed to the vault's public recipients. The identity that opens them is itself sealed with the
//! recovery phrase; its plain text is an age identity file, with the root signing seed and the tag key as comments.

use std::io::{Read, Write};
use std::iter;

use age::secrecy::{ExposeSecret, SecretString};
use age::{DecryptError, Decryptor, Encryptor, Recipient, scrypt, x25519};
use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::id::VaultId;
use crate::item::TagKey;
use crate::phrase::Phrase;

/// The greatest scrypt work factor that is followed, as log2 of N: 1 GiB of memory and some seconds. A hostile file
/// that asks for more is refused before any work is done.
const MAX_WORK: u8 = 20;

/// What the phrase opens.
pub(crate) struct Secrets {
    /// Opens bodies.
    pub(crate) identity: x25519::Identity,
    /// Signs vault.json, devices and notices.
    pub(crate) root: SigningKey,
    /// Names items.
    pub(crate) tag: TagKey,
}

/// Why something cannot be sealed or opened.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SealError {
    #[error("not a whole age file, or altered: {0}")]
    Altered(String),
    #[error("the opened file is not a Keystow identity: line {line}")]
    Identity { line: usize },
    #[error("it is not for this identity or phrase")]
    NotForUs,
    #[error("the recipient {0:?} is not an age X25519 recipient")]
    Recipient(String),
    #[error("the system gives no random bytes")]
    Random,
    #[error("sealing failed: {0}")]
    Seal(String),
    #[error("it asks for a work factor of {found}, more than {MAX_WORK}")]
    Work { found: u8 },
}

impl Secrets {
    pub(crate) fn generate() -> Result<Self, SealError> {
        Ok(Self {
            identity: x25519::Identity::generate(),
            root: SigningKey::from_bytes(&*random()?),
            tag: TagKey(*random()?),
        })
    }

    /// Seals the secrets with a phrase.
    pub(crate) fn seal(&self, phrase: &Phrase) -> Result<Vec<u8>, SealError> {
        let mut recipient = scrypt::Recipient::new(SecretString::from(phrase.reveal()));
        recipient.set_work_factor(phrase.work() as u8);
        seal(&[Box::new(recipient)], self.text().as_bytes())
    }

    /// Opens sealed secrets with a phrase.
    pub(crate) fn open(sealed: &[u8], phrase: &Phrase) -> Result<Self, SealError> {
        let mut identity = scrypt::Identity::new(SecretString::from(phrase.reveal()));
        identity.set_max_work_factor(MAX_WORK);
        let plain = open(sealed, &identity)?;
        let text = std::str::from_utf8(&plain).map_err(|_| SealError::Identity { line: 1 })?;
        Self::parse(text)
    }

    pub(crate) fn vault(&self) -> VaultId {
        VaultId::of(self.root.verifying_key().as_bytes())
    }

    pub(crate) fn text(&self) -> Zeroizing<String> {
        let root = Zeroizing::new(BASE64.encode(self.root.as_bytes()));
        let tag = Zeroizing::new(BASE64.encode(&self.tag.0));
        Zeroizing::new(format!(
            "# The secrets of a Keystow vault. The last line opens its records: age -d -i THIS-FILE RECORD.age\n\
             # keystow vault {}\n# keystow root {}\n# keystow tag {}\n{}\n",
            self.vault(),
            root.as_str(),
            tag.as_str(),
            self.identity.to_string().expose_secret(),
        ))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, SealError> {
        let (mut root, mut tag, mut identity) = (None, None, None);
        let mut lines = 0;
        for (line, text) in (1..).zip(text.lines()) {
            let wrong = || SealError::Identity { line };
            lines = line;
            if let Some(seed) = text.strip_prefix("# keystow root ") {
                root = Some(SigningKey::from_bytes(&*key(seed).ok_or_else(wrong)?));
            } else if let Some(key_text) = text.strip_prefix("# keystow tag ") {
                tag = Some(TagKey(*key(key_text).ok_or_else(wrong)?));
            } else if !text.starts_with('#') && !text.trim().is_empty() {
                identity = Some(text.trim().parse().map_err(|_| wrong())?);
            }
        }
        match (identity, root, tag) {
            (Some(identity), Some(root), Some(tag)) => Ok(Self { identity, root, tag }),
            _ => Err(SealError::Identity { line: lines }),
        }
    }
}

/// Seals a body to the recipients of a vault.
pub(crate) fn seal_to(recipients: &[String], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let parse = |text: &String| match text.parse::<x25519::Recipient>() {
        Ok(recipient) => Ok(Box::new(recipient) as Box<dyn Recipient>),
        Err(_) => Err(SealError::Recipient(text.clone())),
    };
    seal(&recipients.iter().map(parse).collect::<Result<Vec<_>, _>>()?, plain)
}

/// Opens an age file. The plain text is cleared when it is dropped.
pub(crate) fn open(sealed: &[u8], identity: &dyn age::Identity) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let altered = |error: &dyn ToString| SealError::Altered(error.to_string());
    let decryptor = Decryptor::new(sealed).map_err(|error| altered(&error))?;
    let mut reader = decryptor.decrypt(iter::once(identity)).map_err(|error| match error {
        DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed | DecryptError::DecryptionFailed => {
            SealError::NotForUs
        }
        DecryptError::ExcessiveWork { required, .. } => SealError::Work { found: required },
        other => altered(&other),
    })?;
    // The plain text is shorter than the file, so that growing never leaves a copy behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.read_to_end(&mut plain).map_err(|error| altered(&error))?;
    Ok(plain)
}

/// Thirty-two random bytes from the system.
pub(crate) fn random() -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).map_err(|_| SealError::Random)?;
    Ok(bytes)
}

/// Thirty-two bytes of base64.
pub(crate) fn key(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(BASE64.decode(text.as_bytes()).ok()?);
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

fn seal(recipients: &[Box<dyn Recipient>], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let failed = |error: &dyn ToString| SealError::Seal(error.to_string());
    let encryptor = Encryptor::with_recipients(recipients.iter().map(|recipient| &**recipient));
    let mut sealed = Vec::with_capacity(plain.len() + 512);
    let mut writer =
        encryptor.map_err(|error| failed(&error))?.wrap_output(&mut sealed).map_err(|error| failed(&error))?;
    writer.write_all(plain).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_phrase_opens_an_identity() {
        let secrets = Secrets::generate().unwrap();
        let phrase = Phrase::generate().unwrap();
        let sealed = secrets.seal(&phrase).unwrap();
        let opened = Secrets::open(&sealed, &phrase).unwrap();
        assert_eq!(opened.root.as_bytes(), secrets.root.as_bytes());
        assert_eq!(opened.tag.0, secrets.tag.0);
        let other = Phrase::generate().unwrap();
        assert!(matches!(Secrets::open(&sealed, &other), Err(SealError::NotForUs)));
        for end in 0..sealed.len() {
            let cut = open(sealed.get(..end).unwrap(), &secrets.identity);
            assert!(cut.is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_file_that_asks_for_too_much_work_is_refused_before_any_is_done() {
        let hostile = "age-encryption.org/v1\n-> scrypt bBjlhJVYZeE4aqUdmtRHfw 30\n\
                       ZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n--- \
                       fgMiVLJHMlg9fW7CVG/hPS5EAU4Zeg19LyCP7SoH5nA\n0123456789abcdef0123456789abcdef";
        let result = Secrets::open(hostile.as_bytes(), &Phrase::typed("x"));
        assert!(matches!(result, Err(SealError::Work { found: 30 })), "{:?}", result.err());
    }

    #[test]
    fn an_identity_text_names_the_line_that_is_wrong() {
        let text = Secrets::generate().unwrap().text();
        assert!(Secrets::parse(&text).is_ok());
        let bad = text.replace("# keystow tag ", "# keystow tag x");
        assert!(matches!(Secrets::parse(&bad), Err(SealError::Identity { line: 4 })));
        assert!(matches!(Secrets::parse(""), Err(SealError::Identity { line: 0 })));
    }
}
