//! Asking a server: TLS with a known certificate, JSON, and patience with what passes.

use std::fmt;
use std::io::Read;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Url};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Client;
use crate::id::RandomError;
use crate::keys::OpenError;
use crate::server::pin;
use crate::suite::StretchError;
use crate::wire::{Head, Refusal, Refused};

/// For how long a request is tried again while the server is out of reach or busy; one try may take twice as long.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a server may take to say its first word.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest answer that is read: a page of records in base64, with room.
const MOST_ANSWER: u64 = 32 << 20;

/// The certificate that the server showed last, by its pin.
pub(super) type Seen = Arc<Mutex<Option<String>>>;

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
        let port = self.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.base.host_str().unwrap_or_default())
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
        let url = self.base.join(path).map_err(|_| (answer(), None))?;
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(&token.0);
        }
        if let Some(input) = input {
            request = request.json(input);
        }
        let response = request.send().map_err(|error| self.not_sent(&error))?;
        let (status, wait) = (response.status(), retry_after(&response));
        if response.content_length().is_some_and(|length| length > MOST_ANSWER) {
            return Err((answer(), None));
        }
        let bytes = self.read(response).map_err(|error| (self.unreachable(&error), Some(Duration::ZERO)))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|_| (answer(), None));
        }
        let Ok(Refused { error: refusal, head }) = serde_json::from_slice(&bytes) else {
            let gateway = matches!(status.as_u16(), 502..=504);
            return Err((answer(), gateway.then_some(Duration::from_secs(1))));
        };
        let again =
            matches!(refusal, Refusal::Unavailable) || (refusal == Refusal::TooMany && wait < Duration::from_secs(10));
        Err((ClientError::Refused { server: self.server(), refusal, head }, again.then_some(wait)))
    }

    /// Reads an answer to its end, unless it is too long or takes too long: each single read has a time limit already,
    /// but a server could give byte after byte for ever.
    fn read(&self, response: reqwest::blocking::Response) -> std::io::Result<Vec<u8>> {
        let (begun, mut response) = (Instant::now(), response.take(MOST_ANSWER));
        let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
        loop {
            match response.read(&mut piece)? {
                0 => return Ok(bytes),
                n => bytes.extend(piece.iter().take(n)),
            }
            if begun.elapsed() > self.patience.saturating_mul(2) {
                return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "its answer does not end"));
            }
        }
    }

    fn not_sent(&self, error: &reqwest::Error) -> (ClientError, Option<Duration>) {
        let mut source: Option<&dyn std::error::Error> = Some(error);
        while let Some(inner) = source {
            if let Some(error) = inner.downcast_ref() {
                return (self.tls(error), None);
            }
            // What an I/O error wraps is not its source, but what it stands for.
            let wrapped = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            source = wrapped.map(|wrapped| wrapped as &dyn std::error::Error).or_else(|| inner.source());
        }
        (self.unreachable(error), Some(Duration::ZERO))
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

    fn unreachable(&self, error: &dyn std::error::Error) -> ClientError {
        let mut last = error;
        while let Some(source) = last.source() {
            last = source;
        }
        ClientError::Unreachable { server: self.server(), why: last.to_string() }
    }
}

fn retry_after(response: &reqwest::blocking::Response) -> Duration {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// HTTPS, or plain HTTP to this machine itself.
pub(super) fn base(url: &str) -> Result<Url, ClientError> {
    let wrong = || ClientError::Address(url.to_owned());
    let base = Url::parse(url).map_err(|_| wrong())?;
    let host = base.host_str().unwrap_or_default();
    let bare = base.path() == "/" && base.query().is_none() && base.username().is_empty() && base.password().is_none();
    if bare && !host.is_empty() && (base.scheme() == "https" || (base.scheme() == "http" && is_here(&base))) {
        Ok(base)
    } else {
        Err(wrong())
    }
}

/// Whether it is this machine itself.
pub(super) fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

pub(super) fn client(pin: Option<&str>, timeout: Duration) -> Result<(reqwest::blocking::Client, Seen), ClientError> {
    let failed = |error: &dyn fmt::Display| ClientError::Unreachable { server: String::new(), why: error.to_string() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let seen = Seen::default();
    let known = match pin {
        Some(pin) => Known::Pin(pin.to_owned()),
        None => {
            let roots = Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
            Known::Authorities(verifier.map_err(|error| failed(&error))?)
        }
    };
    let verifier = Verifier { known, seen: seen.clone(), provider: provider.clone() };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| failed(&error))?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    let http = reqwest::blocking::Client::builder()
        .tls_backend_preconfigured(config)
        .timeout(timeout)
        .connect_timeout(CONNECT.min(timeout))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("keystow");
    Ok((http.build().map_err(|error| failed(&error))?, seen))
}

/// How a certificate is known.
#[derive(Debug)]
enum Known {
    Pin(String),
    Authorities(Arc<WebPkiServerVerifier>),
}

/// Checks certificates, and remembers which was shown: a person has to compare it.
#[derive(Debug)]
struct Verifier {
    known: Known,
    seen: Seen,
    provider: Arc<CryptoProvider>,
}

/// The certificate is not the one with this pin.
#[derive(Debug)]
struct OtherPin(String);

impl fmt::Display for OtherPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pin {} was expected", self.0)
    }
}

impl std::error::Error for OtherPin {}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = pin(end);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        match &self.known {
            Known::Pin(needed) if *needed == found => Ok(ServerCertVerified::assertion()),
            Known::Pin(needed) => {
                let other = rustls::OtherError(Arc::new(OtherPin(needed.clone())));
                Err(rustls::CertificateError::Other(other).into())
            }
            Known::Authorities(verifier) => verifier.verify_server_cert(end, between, name, ocsp, now),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
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
