//! The keys of an account. The server has none of them.
//!
//! ```text
//! password ── OPAQUE export key ── keybox ─┐
//! recovery code ── export key ──── keybox ─┤── account key ─┬─ copy key: file names, headers, small files, labels
//! an old device, a new device's X25519 ────┘                └─ identity key: the vault's identity
//! ```
//!
//! A device keeps the copy key, so that backing up needs no secret to be typed. The account key and the identity key
//! are there only while the password, the recovery code or another device has just given them.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use data_encoding::BASE64;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::id::{AccountId, FileId, RandomError, SeriesId, random};
use crate::wire::{Bytes, Hash};

/// XChaCha20-Poly1305: bytes of its nonce.
const NONCE: usize = 24;
/// Digits and letters that are not mistaken for one another, as in Crockford's base 32.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Opens everything of an account. It comes out of a keybox.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct AccountKey([u8; 32]);

/// Seals what surrounds the records: names, headers, small files, labels of devices. It opens no body.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CopyKey([u8; 32]);

/// A generated secret that opens an account when the password is lost: 128 random bits and 32 to notice typing errors,
/// as eight groups of four digits and letters.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RecoveryCode(String);

/// A new device's half of being let in by an old one.
#[derive(ZeroizeOnDrop)]
pub struct Newcomer {
    secret: [u8; 32],
    claim: [u8; 32],
}

/// Why a sealed thing does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is cut, altered, or was sealed for another account, purpose or name.
    #[error("it was altered, or sealed for something else")]
    Altered,
    /// See [`RandomError`].
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl AccountKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn generate() -> Result<Self, RandomError> {
        random().map(Self)
    }

    /// The key that a device keeps.
    #[must_use]
    pub fn copy_key(&self) -> CopyKey {
        CopyKey(*derive(&self.0, b"copy"))
    }

    /// Seals the identity of a vault, which opens every record.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn seal_identity(&self, identity: &[u8]) -> Result<Bytes, RandomError> {
        seal(&derive(&self.0, b"identity"), b"identity", identity)
    }

    /// Opens the identity of a vault.
    ///
    /// # Errors
    ///
    /// [`OpenError::Altered`].
    pub fn open_identity(&self, sealed: &Bytes) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        open(&derive(&self.0, b"identity"), b"identity", sealed)
    }

    /// Seals the keys of the organizations that the person is a member of.
    pub(crate) fn member_key(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.0, b"member")
    }

    /// Seals this key for the holder of the other half: bytes that only one secret gives.
    pub(crate) fn seal_under(&self, secret: &[u8], context: &[u8]) -> Result<Bytes, RandomError> {
        seal(&derive(secret, b"keybox"), context, &self.0)
    }

    /// Whether this is the same key.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        // Who asks holds both keys, so how long it takes tells nothing.
        self.0 == other.0
    }

    pub(crate) fn open_under(secret: &[u8], context: &[u8], keybox: &Bytes) -> Result<Self, OpenError> {
        let plain = open(&derive(secret, b"keybox"), context, keybox)?;
        plain.as_slice().try_into().map(Self).map_err(|_| OpenError::Altered)
    }

    /// Seals this key to a new device, whose public key the person has compared by its [`code`].
    ///
    /// # Errors
    ///
    /// [`RandomError`]; [`OpenError::Altered`] when the public key is none.
    pub fn seal_to(&self, account: &AccountId, public: &Bytes) -> Result<Bytes, OpenError> {
        let theirs: [u8; 32] = public.0.as_slice().try_into().map_err(|_| OpenError::Altered)?;
        let mut seed = Zeroizing::new(random::<32>()?);
        let mine = StaticSecret::from(*seed);
        seed.zeroize();
        let shared = mine.diffie_hellman(&PublicKey::from(theirs));
        if !shared.was_contributory() {
            return Err(OpenError::Altered);
        }
        let mut keybox = PublicKey::from(&mine).as_bytes().to_vec();
        keybox.extend(self.seal_under(shared.as_bytes(), &approval_context(account, &theirs, &keybox))?.0);
        Ok(Bytes(keybox))
    }
}

impl CopyKey {
    /// The name on the server of a file of a copy.
    #[must_use]
    pub fn file_id(&self, name: &str) -> FileId {
        FileId::new(self.name(b"file", name))
    }

    /// The name on the server of what one device writes.
    #[must_use]
    pub fn series_id(&self, device: &str) -> SeriesId {
        SeriesId::new(self.name(b"series", device))
    }

    /// Seals a thing of this name. The same thing under the same name gives the same bytes, so that what a server lost
    /// can be put back exactly; the nonce is made from name and content.
    ///
    /// # Errors
    ///
    /// [`RandomError`] for more than 256 GiB.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Bytes, RandomError> {
        let nonces = derive(&self.0, b"nonce");
        let mut nonce = [0; NONCE];
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(nonces.as_slice()) {
            mac.update(&(name.len() as u64).to_be_bytes());
            mac.update(name.as_bytes());
            mac.update(plain);
            for (to, from) in nonce.iter_mut().zip(mac.finalize().into_bytes()) {
                *to = from;
            }
        }
        seal_with(nonce, &derive(&self.0, b"seal"), name.as_bytes(), plain)
    }

    /// Opens a thing of this name.
    ///
    /// # Errors
    ///
    /// [`OpenError::Altered`].
    pub fn open(&self, name: &str, sealed: &Bytes) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        open(&derive(&self.0, b"seal"), name.as_bytes(), sealed)
    }

    /// As text, for a file that only its owner can read.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(&self.0))
    }

    /// Reads that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64.decode(text.as_bytes()).ok()?);
        bytes.as_slice().try_into().ok().map(Self)
    }

    fn name(&self, kind: &[u8], name: &str) -> [u8; 16] {
        let mut out = [0; 16];
        // Sixteen bytes are always few enough for HKDF.
        let _ = Hkdf::<Sha256>::new(Some(kind), &self.0).expand(name.as_bytes(), &mut out);
        out
    }
}

impl RecoveryCode {
    /// A new code.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn generate() -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; 20]);
        let random = Zeroizing::new(random::<16>()?);
        let check = Hash::of(random.as_slice()).0;
        for (to, from) in bytes.iter_mut().zip(random.iter().chain(&check)) {
            *to = *from;
        }
        Ok(Self(groups(bytes.as_slice()).to_string()))
    }

    /// Takes what was typed: capitals, spaces and dashes do not count, and letters that look like a digit are taken
    /// for it. `None` when it cannot be a code: a typing error is noticed before the server is asked.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut bits = Zeroizing::new(Vec::with_capacity(32));
        for c in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let c = match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                c => c,
            };
            bits.push(ALPHABET.iter().position(|letter| char::from(*letter) == c)? as u8);
        }
        if bits.len() != 32 {
            return None;
        }
        let mut bytes = Zeroizing::new([0_u8; 20]);
        for (chunk, out) in bits.chunks_exact(8).zip(bytes.chunks_exact_mut(5)) {
            let word = chunk.iter().fold(0_u64, |word, five| word << 5 | u64::from(*five));
            out.copy_from_slice(word.to_be_bytes().get(3..)?);
        }
        let (data, check) = bytes.split_at(16);
        (Hash::of(data).0.starts_with(check)).then(|| Self(groups(bytes.as_slice()).to_string()))
    }

    /// The code as it is written down.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Newcomer {
    /// A new device that wants to be let in.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self { secret: random()?, claim: random()? })
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> Bytes {
        Bytes(PublicKey::from(&StaticSecret::from(self.secret)).as_bytes().to_vec())
    }

    /// The secret by which it fetches the answer.
    pub(crate) fn claim(&self) -> &[u8; 32] {
        &self.claim
    }

    /// Opens what an old device sealed to it.
    pub(crate) fn open(&self, account: &AccountId, keybox: &Bytes) -> Result<AccountKey, OpenError> {
        let (theirs, sealed) = keybox.0.split_first_chunk::<32>().ok_or(OpenError::Altered)?;
        let shared = StaticSecret::from(self.secret).diffie_hellman(&PublicKey::from(*theirs));
        if !shared.was_contributory() {
            return Err(OpenError::Altered);
        }
        let context = approval_context(account, &self.public().0, theirs);
        AccountKey::open_under(shared.as_bytes(), &context, &Bytes(sealed.to_vec()))
    }
}

/// What people compare on both devices before one lets the other in: 60 bits of the hash of account and public key, as
/// three groups of four. A server that put its own key in place of the device's would have to find one with the same
/// code among 2^60 within the quarter of an hour that a request lives.
#[must_use]
pub fn code(account: &AccountId, public: &Bytes) -> String {
    let hash = Hash::of_parts(&[b"keystow approve", account.as_bytes(), &public.0]);
    groups(&hash.0).chars().take(14).collect()
}

/// Four characters that tell a few things from one another, made from the hash of their names.
#[must_use]
pub fn short_name(id: &[u8]) -> String {
    groups(&Hash::of(id).0).chars().take(4).collect()
}

/// Whether two codes are the same, as people type them.
#[must_use]
pub fn same_code(shown: &str, typed: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    plain(shown) == plain(typed).replace('o', "0").replace(['i', 'l'], "1")
}

fn approval_context(account: &AccountId, public: &[u8], other: &[u8]) -> Vec<u8> {
    [b"approve".as_slice(), account.as_bytes(), public, other].concat()
}

/// Bytes as groups of four characters of five bits each; a rest of less than five bytes is left out.
fn groups(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for five in bytes.chunks_exact(5) {
        let word = five.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        for at in 0..8_u32 {
            if at % 4 == 0 && !text.is_empty() {
                text.push('-');
            }
            let letter = (word >> (35 - 5 * at)) & 31;
            text.push(ALPHABET.get(letter as usize).map_or('?', |letter| char::from(*letter)));
        }
    }
    text
}

pub(crate) fn derive(secret: &[u8], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    // Thirty-two bytes are always few enough for HKDF.
    let _ = Hkdf::<Sha256>::new(Some(b"keystow account 1"), secret).expand(purpose, key.as_mut());
    key
}

/// A random nonce, and after it what XChaCha20-Poly1305 makes of the plain text, bound to `name`.
pub(crate) fn seal(key: &[u8; 32], name: &[u8], plain: &[u8]) -> Result<Bytes, RandomError> {
    seal_with(random()?, key, name, plain)
}

fn seal_with(nonce: [u8; NONCE], key: &[u8; 32], name: &[u8], plain: &[u8]) -> Result<Bytes, RandomError> {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    // Encrypting fails for more than 256 GiB only.
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: name }).map_err(|_| RandomError)?;
    Ok(Bytes([nonce.as_slice(), &sealed].concat()))
}

pub(crate) fn open(key: &[u8; 32], name: &[u8], sealed: &Bytes) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, rest) = sealed.0.split_first_chunk::<NONCE>().ok_or(OpenError::Altered)?;
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let plain = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: rest, aad: name });
    plain.map(Zeroizing::new).map_err(|_| OpenError::Altered)
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey(…)")
    }
}

impl fmt::Debug for CopyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CopyKey(…)")
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

impl fmt::Debug for Newcomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Newcomer(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_under_its_key_and_name_alone_and_never_when_altered() {
        let key = AccountKey::generate().unwrap().copy_key();
        let sealed = key.seal("vault.json", b"text").unwrap();
        assert_eq!(key.open("vault.json", &sealed).unwrap().as_slice(), b"text");
        assert!(key.open("README.txt", &sealed).is_err(), "another name");
        assert!(AccountKey::generate().unwrap().copy_key().open("vault.json", &sealed).is_err(), "another key");
        for at in 0..sealed.0.len() {
            let mut altered = sealed.clone();
            altered.0[at] ^= 1;
            assert!(key.open("vault.json", &altered).is_err(), "byte {at}");
            assert!(key.open("vault.json", &Bytes(sealed.0[..at].to_vec())).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_key_that_a_device_keeps_does_not_open_the_identity() {
        let account = AccountKey::generate().unwrap();
        let sealed = account.seal_identity(b"identity").unwrap();
        assert_eq!(account.open_identity(&sealed).unwrap().as_slice(), b"identity");
        assert!(account.copy_key().open("identity", &sealed).is_err());
    }

    #[test]
    fn a_recovery_code_reads_back_however_it_is_typed_and_a_typing_error_is_noticed() {
        let code = RecoveryCode::generate().unwrap();
        let shown = code.reveal().to_owned();
        assert_eq!(shown.len(), 39, "eight groups of four");
        let typed = format!(" {} ", shown.to_uppercase().replace('-', " ").replace('0', "O").replace('1', "l"));
        assert_eq!(RecoveryCode::parse(&typed).unwrap().reveal(), shown);
        for at in (0..shown.len()).filter(|at| shown.as_bytes()[*at] != b'-') {
            let mut wrong = shown.clone().into_bytes();
            wrong[at] = if wrong[at] == b'7' { b'8' } else { b'7' };
            assert!(RecoveryCode::parse(&String::from_utf8(wrong).unwrap()).is_none(), "character {at}");
        }
        assert!(RecoveryCode::parse("").is_none());
        assert!(RecoveryCode::parse(&shown[..38]).is_none());
    }

    #[test]
    fn only_the_device_that_asked_opens_what_an_old_one_sealed_to_it() {
        let (key, account) = (AccountKey::generate().unwrap(), AccountId::random().unwrap());
        let (new, other) = (Newcomer::new().unwrap(), Newcomer::new().unwrap());
        let keybox = key.seal_to(&account, &new.public()).unwrap();
        assert_eq!(new.open(&account, &keybox).unwrap().0, key.0);
        assert!(other.open(&account, &keybox).is_err());
        assert!(new.open(&AccountId::random().unwrap(), &keybox).is_err(), "another account");
        assert!(key.seal_to(&account, &Bytes(vec![0; 32])).is_err(), "a key of small order");
        let shown = code(&account, &new.public());
        assert_eq!(shown.len(), 14, "{shown}");
        assert!(same_code(&shown, &shown.to_uppercase().replace('-', " ")));
        assert_ne!(shown, code(&account, &other.public()));
    }
}
