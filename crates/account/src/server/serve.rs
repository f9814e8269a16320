//! Listening: TLS, HTTP, and an end that finishes what was begun.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use data_encoding::BASE64URL_NOPAD;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use zeroize::Zeroizing;

use super::{Server, sweep};
use crate::wire::Hash;

/// How long a client may take to say its first word, or the head of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long requests that were begun may take to end once the server stops.
const LAST_WORDS: Duration = Duration::from_secs(20);
/// How many connections there may be at once.
const MOST_CONNECTIONS: usize = 10_000;

/// A certificate and its key, in PEM.
pub struct Certificate {
    /// The chain; the server's own first.
    pub chain: String,
    /// The key.
    pub key: Zeroizing<String>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CertificateError {
    #[error("the certificate is not PEM, or holds none")]
    Chain,
    #[error("the key is not PEM, or holds none")]
    Key,
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("certificate and key cannot be used: {0}")]
    Use(#[from] rustls::Error),
}

/// Where and how to listen.
pub struct Serving {
    /// The socket, bound already.
    pub listener: TcpListener,
    /// TLS; without it the server speaks plain HTTP, for a proxy on the same machine.
    pub certificate: Option<Certificate>,
}

impl Certificate {
    /// Makes a certificate for these names, which is its own authority and lasts as long as the format can say: people
    /// know it by its [`pin`].
    ///
    /// # Errors
    ///
    /// [`CertificateError::Make`].
    pub fn generate(names: Vec<String>) -> Result<Self, CertificateError> {
        let made = rcgen::generate_simple_self_signed(names)?;
        Ok(Self { chain: made.cert.pem(), key: Zeroizing::new(made.signing_key.serialize_pem()) })
    }

    /// What people compare: see [`pin`].
    ///
    /// # Errors
    ///
    /// [`CertificateError::Chain`].
    pub fn pin(&self) -> Result<String, CertificateError> {
        Ok(pin(self.chain()?.first().ok_or(CertificateError::Chain)?))
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<Vec<_>, _>>();
        chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::Chain)
    }

    fn config(&self) -> Result<ServerConfig, CertificateError> {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|_| CertificateError::Key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_single_cert(self.chain()?, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(…)")
    }
}

/// What names a certificate to people: SHA-256 over it, as 43 characters of URL-safe base64.
#[must_use]
pub fn pin(certificate: &CertificateDer<'_>) -> String {
    BASE64URL_NOPAD.encode(&Hash::of(certificate).0)
}

/// Serves until `stop` is ready, and then for as long as the last requests need.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] when the certificate cannot be used.
pub async fn serve(server: Arc<Server>, serving: Serving, stop: impl Future<Output = ()>) -> io::Result<()> {
    let config = serving.certificate.as_ref().map(Certificate::config).transpose();
    let config = config.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let tls = config.map(|config| TlsAcceptor::from(Arc::new(config)));
    let (router, graceful) = (server.router(), GracefulShutdown::new());
    let (room, mut stop) = (Arc::new(Semaphore::new(MOST_CONNECTIONS)), std::pin::pin!(stop));
    let sweeping = tokio::spawn(sweep::forever(server.clone()));
    let checking = tokio::spawn(super::check_daily(server));
    loop {
        let accepted = tokio::select! {
            accepted = serving.listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, address)) = accepted else {
            // Out of file descriptors, mostly: what is open will end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = room.clone().try_acquire_owned() else { continue };
        let (tls, router, watcher) = (tls.clone(), router.clone(), graceful.watcher());
        tokio::spawn(async move {
            connection(stream, address, tls, router, watcher).await;
            drop(place);
        });
    }
    sweeping.abort();
    checking.abort();
    drop(serving.listener);
    let _ = tokio::time::timeout(LAST_WORDS, graceful.shutdown()).await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => speak(stream, address, router, watcher).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                speak(stream, address, router, watcher).await;
            }
        }
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HANDSHAKE);
    // A client that goes away in the middle is no concern of ours.
    let _ = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await;
}
