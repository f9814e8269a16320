//! The client: it gives a server nothing but sealed bytes, and believes nothing that it can check.

mod connection;
mod fleet;
mod http;
mod log;
mod machine;
mod organization;
mod sign_in;

use std::fmt;
use std::time::Duration;

use hyper::Uri;
use serde::{Deserialize, Serialize};

use self::connection::{Connection, Seen};
pub use self::fleet::{Fault, Known, KnownMachine, Looked, Missing, MissingReports, MissingRows, Tally};
pub use self::http::ClientError;
pub use self::machine::Reported;
pub use self::organization::KnownHead;
pub use self::sign_in::SignIn;

use crate::id::{AccountId, DeviceId};
use crate::wire::Token;

/// Which server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// `https://host:port`.
    pub url: String,
    /// What its certificate must be, see [`server::pin`](crate::server::pin); without it, an authority of the internet
    /// must have signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

impl Address {
    /// Whether there can be a server at this address; it is not asked.
    ///
    /// # Errors
    ///
    /// [`ClientError::Address`] when it is none, or when it is not HTTPS and not this machine.
    pub fn check(&self) -> Result<(), ClientError> {
        http::base(&self.url).map(drop)
    }

    /// Whether the server runs on this very machine, and so is lost with it.
    #[must_use]
    pub fn is_here(&self) -> bool {
        http::base(&self.url).is_ok_and(|url| http::is_here(&url))
    }
}

/// A connection to a server, signed in or not.
pub struct Client {
    connection: Connection,
    base: Uri,
    seen: Seen,
    token: Option<Token>,
    patience: Duration,
    timeout: Duration,
}

/// What a device keeps of a sign-in. The token is a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The account.
    pub account: AccountId,
    /// This device in it.
    pub device: DeviceId,
    /// What the device shows.
    pub token: Token,
    /// How often credentials had been changed then.
    pub generation: u64,
}

impl Client {
    /// Prepares to talk to a server; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::Address`] when it is none, or when it is not HTTPS and not this machine.
    pub fn new(address: &Address) -> Result<Self, ClientError> {
        let base = http::base(&address.url)?;
        let (connection, seen) = Connection::new(&base, address.pin.as_deref())?;
        Ok(Self { connection, base, seen, token: None, patience: http::PATIENCE, timeout: http::TIMEOUT })
    }

    /// The same, signed in.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn signed_in(address: &Address, token: &Token) -> Result<Self, ClientError> {
        Ok(Self { token: Some(token.clone()), ..Self::new(address)? })
    }

    /// For how long a request is tried again while the server is out of reach or busy; half a minute by default.
    pub fn be_patient(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// How long a single try may take, with everything that is sent and answered; a minute by default.
    pub fn expect_answers_within(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// The public key of a new device is none.
    #[must_use]
    pub fn foreign_key(&self) -> ClientError {
        self.lie("the public key of the new device is none")
    }

    /// Shows this token from now on.
    pub fn show(&mut self, token: &Token) {
        self.token = Some(token.clone());
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.base)
    }
}
