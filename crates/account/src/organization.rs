//! The keys of an organization, its members and its machines. The server has none of them.
//!
//! ```text
//! organization key ─┬─ identity (X25519) ── opens the cards of machines ── machine key ── opens a machine's reports
//!                   ├─ enroll key ─┬─ the part of each token that the server never sees
//!                   │              └─ the names of members
//!                   └─ proof key: shows that an owner removed a machine
//! ```
//!
//! Owners and auditors hold the organization key; collectors hold the enroll key and the public half of the identity,
//! so that they can hand out tokens and open nothing. A machine holds its own key and the public half: it can write
//! reports and read none but its own. Whoever has not held a token cannot make a card, and whoever does not hold a
//! machine's key cannot make a report of it; so a server can invent neither.

use std::fmt;

use chacha20poly1305::aead::KeyInit;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::client::Address;
use crate::id::{AccountId, InviteId, RandomError, SeriesId, random};
use crate::keys::{AccountKey, OpenError, derive, open, seal};
use crate::wire::organization::Role;
use crate::wire::{Bytes, Hash, Record, Token};

/// Reports are filled up to a multiple of this many bytes, so that their length says little.
const FILL: usize = 512;
/// What an invitation begins with.
const INVITATION: &str = "keystow-member-1.";
/// What an enrollment token begins with.
const ENROLLMENT: &str = "keystow-machines-1.";

/// Opens every report of an organization.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct OrganizationKey([u8; 32]);

/// Opens the cards of machines; its keys are made once for all of them.
pub(crate) struct Cards {
    organization: AccountId,
    identity: StaticSecret,
    enroll: Zeroizing<[u8; 32]>,
}

/// Makes enrollment tokens, and opens nothing but the names of members.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct EnrollKey {
    secret: [u8; 32],
    recipient: [u8; 32],
}

/// The keys of a role.
#[derive(Clone, Debug)]
pub enum Held {
    /// An owner or auditor.
    Whole(OrganizationKey),
    /// A collector.
    Enroll(EnrollKey),
}

/// What a member holds: the name of the organization and the keys of the role.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The name that people call it.
    pub name: String,
    /// The keys.
    pub held: Held,
}

/// What an owner hands to a person who shall become a member.
pub struct Invitation {
    /// The server.
    pub address: Address,
    /// The organization.
    pub organization: AccountId,
    /// The name of the invitation.
    pub invite: InviteId,
    /// What the invited shows.
    pub(crate) shown: Zeroizing<[u8; 32]>,
    /// What opens the keys; the server never sees it.
    pub(crate) seal: Zeroizing<[u8; 32]>,
}

/// What a member hands to machines that shall report.
pub struct Enrollment {
    /// The server.
    pub address: Address,
    /// The organization.
    pub organization: AccountId,
    /// The name of the token.
    pub invite: InviteId,
    /// What a machine shows.
    pub(crate) shown: Zeroizing<[u8; 32]>,
    /// What a machine's card is sealed with; the server never sees it.
    client: Zeroizing<[u8; 32]>,
    /// The public half of the organization's identity.
    recipient: [u8; 32],
}

/// What a machine keeps. It is a secret.
#[derive(Serialize, Deserialize)]
pub struct MachineState {
    /// The server.
    pub address: Address,
    /// The organization.
    pub organization: AccountId,
    /// The series that it writes.
    pub series: SeriesId,
    /// What it shows.
    pub token: Token,
    key: Bytes,
    /// Its last report, as the server confirmed it.
    pub last: Option<(u64, Hash)>,
}

/// Opens the reports of one machine.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MachineKey([u8; 32]);

/// The text of a token or invitation.
#[derive(Serialize, Deserialize)]
struct Text {
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<String>,
    organization: AccountId,
    invite: InviteId,
    shown: Bytes,
    client: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipient: Option<Bytes>,
}

impl OrganizationKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn generate() -> Result<Self, RandomError> {
        random().map(Self)
    }

    /// What a collector holds.
    #[must_use]
    pub fn enroll_key(&self) -> EnrollKey {
        EnrollKey { secret: *derive(&self.0, b"enroll"), recipient: *PublicKey::from(&self.identity()).as_bytes() }
    }

    /// Opens the card of a machine: its key. That it opens proves that the machine held the token.
    ///
    /// # Errors
    ///
    /// [`OpenError::Altered`].
    pub fn open_card(
        &self,
        organization: &AccountId,
        invite: &InviteId,
        series: &SeriesId,
        card: &Bytes,
    ) -> Result<MachineKey, OpenError> {
        self.cards(*organization).open(invite, series, card)
    }

    /// What opens many cards.
    pub(crate) fn cards(&self, organization: AccountId) -> Cards {
        Cards { organization, identity: self.identity(), enroll: derive(&self.0, b"enroll") }
    }

    /// Shows other members that an owner removed this machine.
    #[must_use]
    pub fn removal(&self, organization: &AccountId, series: &SeriesId) -> Bytes {
        let key = derive(&self.0, b"removal");
        Bytes(authenticate(&key, &[organization.as_bytes(), series.as_bytes()]).to_vec())
    }

    /// Seals what this person's program remembers of the organization between two runs.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn seal_memory(&self, organization: &AccountId, plain: &[u8]) -> Result<Bytes, RandomError> {
        seal(&derive(&self.0, b"memory"), organization.as_bytes(), plain)
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// [`OpenError::Altered`].
    pub fn open_memory(&self, organization: &AccountId, sealed: &Bytes) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        open(&derive(&self.0, b"memory"), organization.as_bytes(), sealed)
    }

    fn identity(&self) -> StaticSecret {
        StaticSecret::from(*derive(&self.0, b"identity"))
    }
}

impl Cards {
    /// Opens one, see [`OrganizationKey::open_card`].
    pub(crate) fn open(&self, invite: &InviteId, series: &SeriesId, card: &Bytes) -> Result<MachineKey, OpenError> {
        let (public, sealed) = card.0.split_first_chunk::<32>().ok_or(OpenError::Altered)?;
        let shared = self.identity.diffie_hellman(&PublicKey::from(*public));
        if !shared.was_contributory() {
            return Err(OpenError::Altered);
        }
        let client = Zeroizing::new(token_secret(&self.enroll, &self.organization, invite));
        let key = card_key(shared.as_bytes(), &client);
        let context = card_context(&self.organization, invite, series, public);
        let plain = open(&key, &context, &Bytes(sealed.to_vec()))?;
        plain.as_slice().try_into().map(MachineKey).map_err(|_| OpenError::Altered)
    }
}

impl EnrollKey {
    /// A new token for machines.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn token(&self, address: &Address, organization: AccountId) -> Result<Enrollment, RandomError> {
        let invite = InviteId::random()?;
        Ok(Enrollment {
            address: address.clone(),
            organization,
            invite,
            shown: Zeroizing::new(random()?),
            client: Zeroizing::new(token_secret(&self.secret, &organization, &invite)),
            recipient: self.recipient,
        })
    }

    /// Seals the name of a member.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn seal_label(&self, label: &str) -> Result<Bytes, RandomError> {
        seal(&derive(&self.secret, b"label"), b"label", label.as_bytes())
    }

    /// Opens the name of a member.
    ///
    /// # Errors
    ///
    /// [`OpenError::Altered`].
    pub fn open_label(&self, sealed: &Bytes) -> Result<String, OpenError> {
        let plain = open(&derive(&self.secret, b"label"), b"label", sealed)?;
        String::from_utf8(plain.to_vec()).map_err(|_| OpenError::Altered)
    }
}

impl Held {
    /// The keys for a role, as far as these keys reach.
    #[must_use]
    pub fn for_role(&self, role: Role) -> Option<Self> {
        match (self, role.reads()) {
            (Self::Whole(key), true) => Some(Self::Whole(key.clone())),
            (Self::Enroll(_), true) => None,
            (_, false) => Some(Self::Enroll(self.enroll_key())),
        }
    }

    /// The enroll key.
    #[must_use]
    pub fn enroll_key(&self) -> EnrollKey {
        match self {
            Self::Whole(key) => key.enroll_key(),
            Self::Enroll(key) => key.clone(),
        }
    }
}

impl Membership {
    /// Seals it as the member who holds this account.
    ///
    /// # Errors
    ///
    /// [`RandomError`].
    pub fn seal(&self, key: &AccountKey, organization: &AccountId) -> Result<Bytes, RandomError> {
        seal(&key.member_key(), &keybox_context(b"member", organization, b""), &self.plain())
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    ///
    /// [`OpenError::Altered`].
    pub fn open(key: &AccountKey, organization: &AccountId, keybox: &Bytes) -> Result<Self, OpenError> {
        let plain = open(&key.member_key(), &keybox_context(b"member", organization, b""), keybox)?;
        Self::read(&plain).ok_or(OpenError::Altered)
    }

    pub(crate) fn seal_to(&self, invitation: &Invitation) -> Result<Bytes, RandomError> {
        seal(&invitation.key(), &invitation.context(), &self.plain())
    }

    pub(crate) fn open_from(invitation: &Invitation, keybox: &Bytes) -> Result<Self, OpenError> {
        Self::read(&open(&invitation.key(), &invitation.context(), keybox)?).ok_or(OpenError::Altered)
    }

    fn plain(&self) -> Zeroizing<Vec<u8>> {
        let mut plain = Zeroizing::new(Vec::with_capacity(65 + self.name.len()));
        match &self.held {
            Held::Whole(key) => {
                plain.push(0);
                plain.extend_from_slice(&key.0);
            }
            Held::Enroll(key) => {
                plain.push(1);
                plain.extend_from_slice(&key.secret);
                plain.extend_from_slice(&key.recipient);
            }
        }
        plain.extend_from_slice(self.name.as_bytes());
        plain
    }

    fn read(plain: &[u8]) -> Option<Self> {
        let (kind, rest) = plain.split_first()?;
        let (secret, rest) = rest.split_first_chunk::<32>()?;
        let (held, name) = match kind {
            0 => (Held::Whole(OrganizationKey(*secret)), rest),
            1 => {
                let (recipient, rest) = rest.split_first_chunk::<32>()?;
                (Held::Enroll(EnrollKey { secret: *secret, recipient: *recipient }), rest)
            }
            _ => return None,
        };
        Some(Self { name: std::str::from_utf8(name).ok()?.to_owned(), held })
    }
}

impl Invitation {
    pub(crate) fn new(address: &Address, organization: AccountId) -> Result<Self, RandomError> {
        let (shown, seal) = (Zeroizing::new(random()?), Zeroizing::new(random()?));
        Ok(Self { address: address.clone(), organization, invite: InviteId::random()?, shown, seal })
    }

    /// The line to hand over. It is a secret until it was used.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let text = Text {
            url: self.address.url.clone(),
            pin: self.address.pin.clone(),
            organization: self.organization,
            invite: self.invite,
            shown: Bytes(self.shown.to_vec()),
            client: Bytes(self.seal.to_vec()),
            recipient: None,
        };
        text.write(INVITATION)
    }

    /// Reads that line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let text = Text::read(INVITATION, line)?;
        let (address, shown, seal) = (text.address(), secret(&text.shown)?, secret(&text.client)?);
        Some(Self { address, organization: text.organization, invite: text.invite, shown, seal })
    }

    fn key(&self) -> Zeroizing<[u8; 32]> {
        derive(self.seal.as_slice(), b"invitation")
    }

    fn context(&self) -> Vec<u8> {
        keybox_context(b"invite", &self.organization, self.invite.as_bytes())
    }
}

impl Enrollment {
    /// The line to hand over. It is a secret: who has it can enroll machines.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let text = Text {
            url: self.address.url.clone(),
            pin: self.address.pin.clone(),
            organization: self.organization,
            invite: self.invite,
            shown: Bytes(self.shown.to_vec()),
            client: Bytes(self.client.to_vec()),
            recipient: Some(Bytes(self.recipient.to_vec())),
        };
        text.write(ENROLLMENT)
    }

    /// Reads that line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let text = Text::read(ENROLLMENT, line)?;
        let (address, shown, client) = (text.address(), secret(&text.shown)?, secret(&text.client)?);
        let recipient = text.recipient.as_ref()?.0.as_slice().try_into().ok()?;
        Some(Self { address, organization: text.organization, invite: text.invite, shown, client, recipient })
    }

    /// A new machine, and its card.
    ///
    /// # Errors
    ///
    /// [`RandomError`]; [`OpenError::Altered`] when the token holds no good public key.
    pub fn machine(&self) -> Result<(MachineState, Bytes), OpenError> {
        let (series, key) = (SeriesId::random()?, Zeroizing::new(random::<32>()?));
        let mut seed = Zeroizing::new(random::<32>()?);
        let secret = StaticSecret::from(*seed);
        seed.zeroize();
        let public = PublicKey::from(&secret);
        let shared = secret.diffie_hellman(&PublicKey::from(self.recipient));
        if !shared.was_contributory() {
            return Err(OpenError::Altered);
        }
        let context = card_context(&self.organization, &self.invite, &series, public.as_bytes());
        let sealed = seal(&card_key(shared.as_bytes(), &self.client), &context, key.as_slice())?;
        let token = token(&self.organization, series.as_bytes(), &random()?);
        let (address, organization) = (self.address.clone(), self.organization);
        let state = MachineState { address, organization, series, token, key: Bytes(key.to_vec()), last: None };
        Ok((state, Bytes([public.as_bytes().as_slice(), &sealed.0].concat())))
    }

    /// What a machine shows to enroll.
    pub(crate) fn token(&self) -> Token {
        token(&self.organization, self.invite.as_bytes(), &self.shown)
    }
}

impl MachineState {
    /// The next report: `plain` is what it says.
    ///
    /// # Errors
    ///
    /// [`RandomError`]; [`OpenError::Altered`] when the state is damaged.
    pub fn report(&self, plain: &[u8]) -> Result<Record, OpenError> {
        let key: [u8; 32] = self.key.0.as_slice().try_into().map_err(|_| OpenError::Altered)?;
        let index = self.last.map_or(1, |(index, _)| index.saturating_add(1));
        Ok(MachineKey(key).seal(&self.organization, self.series, index, self.last.map(|(_, hash)| hash), plain)?)
    }

    /// What the server keeps of the token.
    pub(crate) fn token_hash(&self) -> Option<Hash> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(self.token.0.as_bytes()).ok()?);
        bytes.get(32..).map(Hash::of)
    }
}

impl MachineKey {
    /// Seals a report. It is filled up with spaces, which JSON does not mind.
    fn seal(
        &self,
        organization: &AccountId,
        series: SeriesId,
        index: u64,
        prev: Option<Hash>,
        plain: &[u8],
    ) -> Result<Record, RandomError> {
        let mut filled = Zeroizing::new(Vec::with_capacity(plain.len() + FILL));
        filled.extend_from_slice(plain);
        filled.resize(plain.len().next_multiple_of(FILL), b' ');
        let context = report_context(organization, &series, index, prev);
        let body = seal(&derive(&self.0, b"report"), &context, &filled)?;
        Ok(Record { series, index, prev, header: Bytes::default(), body_hash: Hash::of(&body.0), body })
    }

    /// Opens a report. That it opens proves that the machine wrote it, as this report after that one.
    ///
    /// # Errors
    ///
    /// [`OpenError::Altered`].
    pub fn open(&self, organization: &AccountId, report: &Record) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let context = report_context(organization, &report.series, report.index, report.prev);
        open(&derive(&self.0, b"report"), &context, &report.body)
    }

    /// The bytes, for what is sealed itself.
    #[must_use]
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }

    /// Takes those bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Text {
    fn address(&self) -> Address {
        Address { url: self.url.clone(), pin: self.pin.clone() }
    }

    fn write(&self, begins: &str) -> Zeroizing<String> {
        // These members always serialize.
        let json = Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        Zeroizing::new(format!("{begins}{}", Zeroizing::new(BASE64URL_NOPAD.encode(&json)).as_str()))
    }

    fn read(begins: &str, line: &str) -> Option<Self> {
        let coded = line.trim().strip_prefix(begins)?;
        let json = Zeroizing::new(BASE64URL_NOPAD.decode(coded.as_bytes()).ok()?);
        serde_json::from_slice(&json).ok()
    }
}

/// What is shown as `Authorization: Bearer …`: whose, which, and a secret.
fn token(organization: &AccountId, second: &[u8; 16], secret: &[u8; 32]) -> Token {
    let bytes = Zeroizing::new([organization.as_bytes().as_slice(), second, secret].concat());
    Token(BASE64URL_NOPAD.encode(&bytes))
}

/// The part of a token that the server never sees. Whoever holds the enroll key makes it from the token's name.
fn token_secret(enroll: &[u8; 32], organization: &AccountId, invite: &InviteId) -> [u8; 32] {
    authenticate(enroll, &[b"token", organization.as_bytes(), invite.as_bytes()])
}

fn authenticate(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn card_key(shared: &[u8; 32], client: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    derive(Zeroizing::new([shared.as_slice(), client].concat()).as_slice(), b"card")
}

fn card_context(organization: &AccountId, invite: &InviteId, series: &SeriesId, public: &[u8; 32]) -> Vec<u8> {
    [b"card".as_slice(), organization.as_bytes(), invite.as_bytes(), series.as_bytes(), public].concat()
}

fn keybox_context(kind: &[u8; 6], organization: &AccountId, invite: &[u8]) -> Vec<u8> {
    [kind.as_slice(), organization.as_bytes(), invite].concat()
}

fn report_context(organization: &AccountId, series: &SeriesId, index: u64, prev: Option<Hash>) -> Vec<u8> {
    let prev = prev.map_or([0; 32], |prev| prev.0);
    [b"report".as_slice(), organization.as_bytes(), series.as_bytes(), &index.to_be_bytes(), &prev].concat()
}

fn secret(bytes: &Bytes) -> Option<Zeroizing<[u8; 32]>> {
    <[u8; 32]>::try_from(bytes.0.as_slice()).ok().map(Zeroizing::new)
}

/// Shows no content in `Debug`.
macro_rules! opaque {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

opaque!(OrganizationKey EnrollKey Invitation Enrollment MachineState MachineKey);

impl Drop for MachineState {
    fn drop(&mut self) {
        self.key.zeroize();
        self.token.zeroize();
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        self.shown.zeroize();
        self.client.zeroize();
    }
}

#[cfg(test)]
mod tests;
