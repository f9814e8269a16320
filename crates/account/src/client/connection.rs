//! One connection to a server: TLS with a certificate that is known, and HTTP over it, kept open between requests.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;

use super::http::{ClientError, host};
use crate::server::pin;

/// How long a server may take until it can be talked to.
const CONNECT: Duration = Duration::from_secs(10);

/// The certificate that the server showed last, by its pin.
pub(super) type Seen = Arc<Mutex<Option<String>>>;

/// A connection that is made when it is needed, and made again when it broke.
pub(super) struct Connection {
    base: Uri,
    tls: TlsConnector,
    open: Mutex<Option<SendRequest<Full<Bytes>>>>,
    runtime: Runtime,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Duration,
    pub(super) bytes: Bytes,
}

/// Why nothing came back.
pub(super) enum NoAnswer {
    /// The connection was not to be had, or broke.
    Broken(String),
    /// The certificate is not one that is known, or the server speaks no TLS.
    Tls(rustls::Error),
    /// It is longer than anything that is asked for.
    TooLong,
}

impl Connection {
    pub(super) fn new(base: &Uri, pin: Option<&str>) -> Result<(Self, Seen), ClientError> {
        let failed =
            |error: &dyn fmt::Display| ClientError::Unreachable { server: String::new(), why: error.to_string() };
        let seen = Seen::default();
        let config = config(pin, seen.clone()).map_err(|error| failed(&error))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
        let (tls, open) = (TlsConnector::from(Arc::new(config)), Mutex::new(None));
        Ok((Self { base: base.clone(), tls, open, runtime }, seen))
    }

    /// Asks once, and waits for all of the answer.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Vec<u8>,
        most: usize,
        timeout: Duration,
    ) -> Result<Answer, NoAnswer> {
        let mut request = Request::builder().method(method).uri(path).header(USER_AGENT, "keystow");
        request = request.header(HOST, self.base.authority().map(ToString::to_string).unwrap_or_default());
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request =
            request.body(Full::new(Bytes::from(body))).map_err(|error| NoAnswer::Broken(error.to_string()))?;
        let mut kept = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = kept.take().filter(|open| !open.is_closed());
        let asking = async { tokio::time::timeout(timeout, self.answer(open, request, most)).await };
        match self.runtime.block_on(asking) {
            Ok(answered) => {
                let (answer, open) = answered?;
                *kept = Some(open);
                Ok(answer)
            }
            Err(_) => Err(NoAnswer::Broken("it took too long to answer".to_owned())),
        }
    }

    async fn answer(
        &self,
        open: Option<SendRequest<Full<Bytes>>>,
        request: Request<Full<Bytes>>,
        most: usize,
    ) -> Result<(Answer, SendRequest<Full<Bytes>>), NoAnswer> {
        let mut open = match open {
            Some(open) => open,
            None => self.connect().await?,
        };
        open.ready().await.map_err(|error| broken(&error))?;
        let response = open.send_request(request).await.map_err(|error| broken(&error))?;
        let status = response.status();
        let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(response.into_body(), most)
            .collect()
            .await
            .map_err(|error| if error.is::<LengthLimitError>() { NoAnswer::TooLong } else { broken(error.as_ref()) })?;
        let answer = Answer { status, retry_after: Duration::from_secs(seconds.unwrap_or(0)), bytes: body.to_bytes() };
        Ok((answer, open))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let late = |_| NoAnswer::Broken("it does not answer".to_owned());
        let secure = self.base.scheme_str() == Some("https");
        let port = self.base.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = tokio::time::timeout(CONNECT, TcpStream::connect((host(&self.base), port))).await.map_err(late)?;
        let stream = stream.map_err(|error| broken(&error))?;
        let _ = stream.set_nodelay(true);
        if !secure {
            return handshake(stream).await;
        }
        let name = ServerName::try_from(host(&self.base).to_owned()).map_err(|error| broken(&error))?;
        let stream = tokio::time::timeout(CONNECT, self.tls.connect(name, stream)).await.map_err(late)?;
        handshake(stream.map_err(not_secure)?).await
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
    let (open, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    // It goes on while a request is waited for, and ends with the connection.
    tokio::spawn(async { _ = connection.await });
    Ok(open)
}

/// The innermost reason is the one that people understand.
fn broken(error: &dyn std::error::Error) -> NoAnswer {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    NoAnswer::Broken(last.to_string())
}

fn not_secure(error: io::Error) -> NoAnswer {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => NoAnswer::Tls(error.clone()),
        None => broken(&error),
    }
}

fn config(pin: Option<&str>, seen: Seen) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let known = match pin {
        Some(pin) => Known::Pin(pin.to_owned()),
        None => {
            let roots = Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
            Known::Authorities(WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build()?)
        }
    };
    let verifier = Verifier { known, seen, provider: provider.clone() };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
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
pub(super) struct OtherPin(pub(super) String);

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
