//! Names of things on a server: random or derived bytes that say nothing about what they name.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Defines names of 16 bytes; as text, 22 characters of URL-safe base64 (RFC 4648, section 5, without padding).
macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Takes 16 bytes as a name.
            #[must_use]
            pub const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// A name that nobody used before.
            ///
            /// # Errors
            ///
            /// [`RandomError`] when the system gives no random bytes.
            pub fn random() -> Result<Self, RandomError> {
                Ok(Self(random()?))
            }

            /// Reads the 22 characters.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?)
            }

            /// Takes a slice of exactly 16 bytes.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE64URL_NOPAD.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                Self::parse(&text).ok_or_else(|| de::Error::custom("22 characters of URL-safe base64 are needed"))
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                // 16 bytes end in a character whose last four bits are zero.
                crate::wire::text_schema("^[A-Za-z0-9_-]{21}[AQgw]$")
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
}

ids! {
    /// An account or an organization. Made from its name with a secret of the server, so that the database does not
    /// hold the name.
    AccountId;
    /// A request of a new device to be let in.
    ApprovalId;
    /// A device that is signed in.
    DeviceId;
    /// A small file of a copy. Made from its name with a key that the server does not have.
    FileId;
    /// An invitation into an organization, or a token by which machines enroll in one.
    InviteId;
    /// A series of records that one device writes.
    SeriesId;
}

/// The system gives no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct RandomError;

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}
