//! What client and server say to each other: JSON over HTTPS below `/v1`.
//!
//! Everything that a person could recognize is sealed before it gets here. Bytes are base64 (RFC 4648, section 4);
//! times are whole seconds since 1970-01-01 UTC.

pub mod organization;

use std::fmt;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, SchemaFormat, schema::KnownFormat};
use zeroize::Zeroize;

use crate::id::{AccountId, ApprovalId, DeviceId, FileId, SeriesId};
use crate::suite::Stretch;

/// The longest name of an account, in bytes.
pub const MOST_NAME: usize = 254;
/// The longest small file of a copy, label or sealed key, in bytes.
pub const MOST_FILE: usize = 1 << 20;
/// The longest header of a record, in bytes.
pub const MOST_HEADER: usize = 1 << 18;
/// The longest body of a record, in bytes.
pub const MOST_BODY: usize = 8 << 20;
/// The most records in one answer; fewer when their bytes pass [`MOST_BODY`].
pub const MOST_RECORDS: usize = 1000;

/// Bytes, in JSON as base64. Cleared when dropped is what holds secrets; this only shows no content in `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Zeroize)]
pub struct Bytes(pub Vec<u8>);

/// SHA-256, in JSON as base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// The name of an account, as a person types it: 1 to 254 bytes, trimmed, in lower case, without control characters.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Name(String);

/// Which secret opens an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The password that the person chose.
    Password,
    /// The recovery code that was generated with the account.
    Recovery,
}

/// Begins an account: blinded password and recovery code.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegisterStart {
    /// The name.
    pub name: Name,
    /// The blinded password.
    pub password: Bytes,
    /// The blinded recovery code.
    pub recovery: Bytes,
}

/// The server's part in making the credentials.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegisterStarted {
    /// For the password.
    pub password: Bytes,
    /// For the recovery code.
    pub recovery: Bytes,
}

/// What a server keeps of a secret: it proves who signs in and opens nothing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Credential {
    /// The OPAQUE record.
    pub record: Bytes,
    /// The account's key, sealed under the export key of this secret.
    pub keybox: Bytes,
    /// How the client stretched the secret.
    pub stretch: Stretch,
}

/// Makes an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Register {
    /// The name, as at the start.
    pub name: Name,
    /// The password's.
    pub password: Credential,
    /// The recovery code's.
    pub recovery: Credential,
}

/// An account was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Registered {
    /// Its name in this server.
    pub account: AccountId,
}

/// Begins a sign-in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoginStart {
    /// The name of the account.
    pub name: Name,
    /// With what.
    pub method: Method,
    /// The first OPAQUE message.
    pub request: Bytes,
}

/// The server's answer; the same for accounts that do not exist.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoginStarted {
    /// The second OPAQUE message.
    pub response: Bytes,
    /// How the secret was stretched when it was set.
    pub stretch: Stretch,
    /// What the server wants back with the third message; it keeps nothing itself. Sealed, good for a minute and once.
    pub state: Bytes,
}

/// Ends a sign-in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoginFinish {
    /// As it was given.
    pub state: Bytes,
    /// The third OPAQUE message.
    pub finalization: Bytes,
}

/// A device is signed in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// The account.
    pub account: AccountId,
    /// This device's name in it.
    pub device: DeviceId,
    /// What the device shows with every request: `Authorization: Bearer …`.
    pub token: Token,
    /// The account's key, sealed under the export key of the secret used.
    pub keybox: Bytes,
    /// How often credentials were changed.
    pub generation: u64,
}

/// A secret that stands for a sign-in: 64 bytes, as URL-safe base64 without padding.
#[derive(Clone, PartialEq, Eq, Serialize, Zeroize)]
#[serde(transparent)]
pub struct Token(pub String);

/// Begins a change of a secret: it is blinded as at the start of an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CredentialStart {
    /// Which secret.
    pub method: Method,
    /// The blinded secret.
    pub request: Bytes,
}

/// The server's part in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CredentialStarted {
    /// For the new secret.
    pub response: Bytes,
}

/// Changes a secret and ends all other sign-ins.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CredentialChange {
    /// Which secret.
    pub method: Method,
    /// The new one.
    pub credential: Credential,
}

/// The account as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// When it was made.
    pub created: i64,
    /// How often credentials were changed.
    pub generation: u64,
    /// When it will be deleted, if it will.
    pub delete_after: Option<i64>,
    /// How many records lie there.
    pub records: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many bytes they may have.
    pub most_bytes: u64,
    /// How many devices are signed in.
    pub devices: u64,
}

/// A device that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// Its name.
    pub id: DeviceId,
    /// What its owner calls it, sealed.
    pub label: Option<Bytes>,
    /// When it signed in.
    pub created: i64,
    /// When it was last seen, to the hour.
    pub seen: i64,
    /// Whether it is the one that asks.
    pub this: bool,
}

/// The devices of an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Devices {
    /// In the order in which they signed in.
    pub devices: Vec<Device>,
}

/// Names a device.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Label {
    /// What its owner calls it, sealed.
    pub label: Bytes,
}

/// A small file of a copy.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct File {
    /// Its sealed bytes.
    pub bytes: Bytes,
}

/// The small files that are there.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Files {
    /// All of them, with their contents.
    pub files: Vec<NamedFile>,
}

/// A small file and its name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NamedFile {
    /// Its name.
    pub id: FileId,
    /// Its sealed bytes.
    pub bytes: Bytes,
}

/// A record of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Record {
    /// Whose.
    pub series: SeriesId,
    /// Which, from 1 without a gap.
    #[schema(minimum = 1)]
    pub index: u64,
    /// The hash of the record before; none for the first.
    pub prev: Option<Hash>,
    /// Its sealed header.
    pub header: Bytes,
    /// Its sealed body; empty after the body was removed for good.
    pub body: Bytes,
    /// The hash of the body, which stays when the body is gone.
    pub body_hash: Hash,
}

/// The last record of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Head {
    /// Whose.
    pub series: SeriesId,
    /// Which.
    pub index: u64,
    /// Its hash, see [`Record::hash`].
    pub hash: Hash,
}

/// The heads of all series of an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Heads {
    /// One a series.
    pub heads: Vec<Head>,
    /// The records whose bodies were removed for good.
    pub removed: Vec<Removed>,
}

/// A record whose body was removed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    /// Whose.
    pub series: SeriesId,
    /// Which.
    pub index: u64,
}

/// Where to go on reading: after this record.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct After {
    /// The series of the last record that was read.
    pub series: Option<SeriesId>,
    /// Its index.
    #[serde(default, deserialize_with = "countable")]
    pub index: Option<u64>,
    /// How many records at most.
    #[serde(default, deserialize_with = "countable")]
    pub limit: Option<u64>,
}

/// Records in the order of their series and index.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Records {
    /// The records.
    pub records: Vec<Record>,
    /// Whether there are more.
    pub more: bool,
}

/// A new device asks to be let in by one that is signed in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ask {
    /// The account.
    pub name: Name,
    /// The public key (X25519, 32 bytes) that the account's key shall be sealed to.
    pub public: Bytes,
    /// The hash of a secret by which the device fetches the answer.
    pub claim: Hash,
}

/// The server took note; it says so for accounts that do not exist too.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    /// The name of the request, good for 15 minutes.
    pub approval: ApprovalId,
    /// The account.
    pub account: AccountId,
}

/// The requests that wait.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Asking {
    /// Those of this account.
    pub requests: Vec<Request>,
}

/// A request that waits.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Request {
    /// Its name.
    pub approval: ApprovalId,
    /// The public key of the new device.
    pub public: Bytes,
    /// When it asked.
    pub created: i64,
}

/// Lets a new device in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Approve {
    /// The account's key, sealed to the public key of the new device.
    pub keybox: Bytes,
}

/// A new device fetches the answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Claim {
    /// The account, as the server named it.
    pub account: AccountId,
    /// The secret whose hash was given.
    pub secret: Bytes,
}

/// The account will be deleted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Deletion {
    /// When.
    pub delete_after: i64,
}

/// Nothing more is to be said.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Empty {}

/// Why the server did not do it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// The stable name.
    pub error: Refusal,
    /// The head of the series, where a record did not follow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
}

/// Why the server did not do it, as a stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// What was sent is not what the route takes. Status 400.
    BadRequest,
    /// No such account, or the wrong password or code: which of them is not told. Status 401.
    WrongCredentials,
    /// The token is missing, unknown, revoked or of before a change of the password. Status 401.
    NotSignedIn,
    /// The sign-in is older than 15 minutes. Status 403.
    SignInAgain,
    /// Not allowed in this role. Status 403.
    NotAllowed,
    /// This server takes no new accounts. Status 403.
    Closed,
    /// Not there. Status 404.
    NotFound,
    /// The route does not know this way of asking. Status 405.
    WrongMethod,
    /// It is there already, and different; or a record that does not follow the head. Status 409.
    Conflict,
    /// More bytes than allowed. Status 413.
    TooLarge,
    /// The account is full. Status 507.
    Full,
    /// Too often; `Retry-After` says when again. Status 429.
    TooMany,
    /// The database cannot be reached now. Status 503.
    Unavailable,
    /// The server has a fault. Status 500.
    Internal,
}

impl Name {
    /// Takes what was typed.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let name = typed.trim().to_lowercase();
        let good = !name.is_empty() && name.len() <= MOST_NAME && !name.chars().any(char::is_control);
        good.then_some(Self(name))
    }

    /// The name as it is compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Record {
    /// SHA-256 over series, index (8 bytes, big-endian), the hash before (32 bytes, zeros for the first), the hash of
    /// the header and the hash of the body. It stays as it is when the body is removed.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of_parts(&[
            self.series.as_bytes(),
            &self.index.to_be_bytes(),
            &self.prev.map_or([0; 32], |prev| prev.0),
            &Hash::of(&self.header.0).0,
            &self.body_hash.0,
        ])
    }

    /// Whether the body is what its hash says, or was removed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.body.0.is_empty() || Hash::of(&self.body.0) == self.body_hash
    }

    /// The head that this record is.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { series: self.series, index: self.index, hash: self.hash() }
    }
}

impl Hash {
    /// The hash of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// The hash of several slices, one after the other.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        use sha2::{Digest, Sha256};
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize().into())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(…)")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        decode(&std::borrow::Cow::<str>::deserialize(from)?).map(Self)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = decode(&std::borrow::Cow::<str>::deserialize(from)?)?;
        bytes.try_into().map(Self).map_err(|_| de::Error::custom("32 bytes of base64 are needed"))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a name of 1 to 254 bytes is needed"))
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let good = BASE64URL_NOPAD.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == 64);
        good.then_some(Self(text)).ok_or_else(|| de::Error::custom("64 bytes of URL-safe base64 are needed"))
    }
}

impl utoipa::PartialSchema for Bytes {
    fn schema() -> RefOr<Schema> {
        let bytes = SchemaFormat::KnownFormat(KnownFormat::Byte);
        ObjectBuilder::new().schema_type(Type::String).format(Some(bytes)).build().into()
    }
}

impl ToSchema for Bytes {}

impl utoipa::PartialSchema for Hash {
    fn schema() -> RefOr<Schema> {
        text_schema("^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")
    }
}

impl ToSchema for Hash {}

impl utoipa::PartialSchema for Token {
    fn schema() -> RefOr<Schema> {
        text_schema("^[A-Za-z0-9_-]{85}[AQgw]$")
    }
}

impl ToSchema for Token {}

impl utoipa::PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MOST_NAME));
        text.build().into()
    }
}

impl ToSchema for Name {}

/// Text of this pattern.
pub(crate) fn text_schema(pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build().into()
}

/// A number that a database can count to.
fn countable<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<u64>::deserialize(from)?;
    let good = number.is_none_or(|number| i64::try_from(number).is_ok());
    if good { Ok(number) } else { Err(de::Error::custom("a number below 2^63 is needed")) }
}

fn decode<E: de::Error>(text: &str) -> Result<Vec<u8>, E> {
    BASE64.decode(text.as_bytes()).map_err(|_| de::Error::custom("base64 is needed"))
}
