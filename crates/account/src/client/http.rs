//! Asking a server: TLS with a known certificate, JSON, and patience with what passes.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Client;
use super::connection::{Answer, NoAnswer, OtherPin};
use crate::id::RandomError;
use crate::keys::OpenError;
use crate::suite::StretchError;
use crate::wire::{Head, Refusal, Refused};

/// How long one try may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);
/// For how long a request is tried again while the server is out of reach or busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read: a page of records in base64, with room.
const MOST_ANSWER: usize = 32 << 20;

/// Why the server did not do it, or is not believed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ClientError {
    #[error("{0} is no address of a server; one looks like https://keystow.example.org:7878")]
    Address(String),
    #[error("{server} answered something that is no answer")]
    Answer { server: String },
    #[error("the certificate of {server} is signed by nobody that this PC knows; its pin is {found}")]
    Certificate { server: String, found: String },
    #[error("{server} lies: {what}")]
    Lie { server: String, what: &'static str },
    #[error("the certificate of {server} has the pin {found}; {needed} was expected")]
    Pin { server: String, needed: String, found: String },
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error("{server}: {}", words(*refusal))]
    Refused { server: String, refusal: Refusal, head: Option<Head> },
    #[error(transparent)]
    Stretch(#[from] StretchError),
    #[error("{server} cannot be reached: {why}")]
    Unreachable { server: String, why: String },
}

impl ClientError {
    /// What the server refused, if it did.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            _ => None,
        }
    }
}

fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::BadRequest => "it does not understand this program; one of the two is older",
        Refusal::WrongCredentials => "there is no such account, or the password or code is wrong",
        Refusal::NotSignedIn => "this device is not signed in any more",
        Refusal::SignInAgain => "this needs a sign-in just made",
        Refusal::NotAllowed => "your role does not allow this",
        Refusal::Closed => "it takes no new accounts",
        Refusal::NotFound => "that is not there",
        Refusal::WrongMethod => "it does not know this way of asking",
        Refusal::Conflict => "something else is there already",
        Refusal::TooLarge => "it is larger than the server allows",
        Refusal::Full => "the account is full",
        Refusal::TooMany => "too many tries; wait a minute",
        Refusal::Unavailable => "its database cannot be reached or is damaged; its log says which",
        Refusal::Internal => "it has a fault; its log says which",
    }
}

impl Client {
    /// What people call the server.
    #[must_use]
    pub fn server(&self) -> String {
        self.base.authority().map(ToString::to_string).unwrap_or_default()
    }

    /// The pin of the certificate that the server showed.
    #[must_use]
    pub fn seen_pin(&self) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn lie(&self, what: &'static str) -> ClientError {
        ClientError::Lie { server: self.server(), what }
    }

    /// What was opened with a key that the server does not have shows that the server changed it.
    pub(crate) fn opened<T>(&self, result: Result<T, OpenError>, what: &'static str) -> Result<T, ClientError> {
        result.map_err(|error| match error {
            OpenError::Altered => self.lie(what),
            OpenError::Random(error) => error.into(),
        })
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask::<(), T>(Method::GET, path, None)
    }

    pub(crate) fn post<I: Serialize, T: DeserializeOwned>(&self, path: &str, input: &I) -> Result<T, ClientError> {
        self.ask(Method::POST, path, Some(input))
    }

    /// The same, but never sent twice.
    pub(crate) fn post_once<I: Serialize, T: DeserializeOwned>(&self, path: &str, input: &I) -> Result<T, ClientError> {
        self.ask_once(Method::POST, path, Some(input)).map_err(|(error, _)| error)
    }

    pub(crate) fn put<I: Serialize, T: DeserializeOwned>(&self, path: &str, input: &I) -> Result<T, ClientError> {
        self.ask(Method::PUT, path, Some(input))
    }

    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask::<(), T>(Method::DELETE, path, None)
    }

    /// Asks, again if need be: what is asked through this may be sent twice.
    fn ask<I: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        input: Option<&I>,
    ) -> Result<T, ClientError> {
        let (begun, mut pause) = (Instant::now(), Duration::from_millis(200));
        loop {
            let (error, wait) = match self.ask_once(method.clone(), path, input) {
                Ok(answer) => return Ok(answer),
                Err(again) => again,
            };
            let Some(wait) = wait else { return Err(error) };
            pause = pause.max(wait);
            if begun.elapsed().saturating_add(pause) > self.patience {
                return Err(error);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Asks once; with an error comes how long to wait, if waiting may help.
    fn ask_once<I: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        input: Option<&I>,
    ) -> Result<T, (ClientError, Option<Duration>)> {
        let answer = || ClientError::Answer { server: self.server() };
        let body = match input {
            Some(input) => serde_json::to_vec(input).map_err(|_| (answer(), None))?,
            None => Vec::new(),
        };
        let token = self.token.as_ref().map(|token| token.0.as_str());
        let asked = self.connection.ask(method, path, token, body, MOST_ANSWER, self.timeout);
        let Answer { status, retry_after: wait, bytes } = asked.map_err(|error| self.not_sent(&error))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|_| (answer(), None));
        }
        let Ok(Refused { error: refusal, head }) = serde_json::from_slice(&bytes) else {
            let gateway = matches!(
                status,
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            );
            return Err((answer(), gateway.then_some(Duration::from_secs(1))));
        };
        let again =
            matches!(refusal, Refusal::Unavailable) || (refusal == Refusal::TooMany && wait < Duration::from_secs(10));
        Err((ClientError::Refused { server: self.server(), refusal, head }, again.then_some(wait)))
    }

    fn not_sent(&self, error: &NoAnswer) -> (ClientError, Option<Duration>) {
        match error {
            NoAnswer::TooLong => (ClientError::Answer { server: self.server() }, None),
            NoAnswer::Tls(error) => (self.tls(error), None),
            NoAnswer::Broken(why) => {
                (ClientError::Unreachable { server: self.server(), why: why.clone() }, Some(Duration::ZERO))
            }
        }
    }

    fn tls(&self, error: &rustls::Error) -> ClientError {
        let (server, found) = (self.server(), self.seen_pin().unwrap_or_default());
        match error {
            rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => match other.0.downcast_ref() {
                Some(OtherPin(needed)) => ClientError::Pin { server, needed: needed.clone(), found },
                None => ClientError::Certificate { server, found },
            },
            rustls::Error::InvalidCertificate(_) => ClientError::Certificate { server, found },
            other => ClientError::Unreachable { server, why: other.to_string() },
        }
    }
}

/// HTTPS, or plain HTTP to this machine itself.
pub(super) fn base(url: &str) -> Result<Uri, ClientError> {
    let wrong = || ClientError::Address(url.to_owned());
    let base: Uri = url.parse().map_err(|_| wrong())?;
    let bare = base.path() == "/" && base.query().is_none() && !url.contains(['@', '#', '?']);
    let good = match base.scheme_str() {
        Some("https") => true,
        Some("http") => is_here(&base),
        _ => false,
    };
    if bare && good && !host(&base).is_empty() { Ok(base) } else { Err(wrong()) }
}

/// Whether it is this machine itself.
pub(super) fn is_here(url: &Uri) -> bool {
    let host = host(url);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The host, an IPv6 address without its brackets.
pub(super) fn host(url: &Uri) -> &str {
    url.host().unwrap_or_default().trim_matches(['[', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_itself_are_addresses() {
        for good in ["https://keystow.example.org", "https://10.0.0.1:7878/", "http://127.0.0.1:1", "http://[::1]:1"] {
            assert!(base(good).is_ok(), "{good}");
        }
        for bad in
            ["http://keystow.example.org", "keystow.example.org", "ftp://127.0.0.1", "https://a@b", "https://b/c", ""]
        {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
