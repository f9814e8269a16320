//! A server that lies: it stands between client and true server with a certificate of its own that the client knows,
//! and may do with questions and answers what it likes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keystow_account::client::{Address, Client};
use keystow_account::server::{Certificate, pin};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::server::Here;

/// What the liar does.
pub(crate) enum Lie {
    /// Nothing: the true server answers.
    None,
    /// Says this and asks nobody.
    Say(u16, String),
    /// Says this with a header, and asks nobody.
    SayWith(u16, &'static str, String, String),
    /// Asks the true server and changes what it said.
    Change(Box<dyn FnOnce(&mut Value) + Send>),
    /// Asks the true server, says half of the answer and hangs up.
    Cut,
    /// Says nothing, for ever.
    Hang,
    /// Says something, for ever, as fast as it can.
    Flood,
    /// Says something, for ever, byte for byte.
    Drip,
}

type Liar = Arc<Mutex<dyn FnMut(&str) -> Lie + Send>>;

/// Starts a liar before a server and gives its address. `lie` is told the method and the path of each request.
fn liar(here: &Here, lie: impl FnMut(&str) -> Lie + Send + 'static) -> Address {
    let lie: Liar = Arc::new(Mutex::new(lie));
    let certificate = Certificate::generate(vec!["localhost".to_owned()]).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.chain.as_bytes()).unwrap()];
    let pin = pin(&chain[0]);
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = here.run(async { TcpListener::bind("127.0.0.1:0").await.unwrap() });
    let url = format!("https://{}", listener.local_addr().unwrap());
    let router = here.router.clone();
    here.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, router, lie) = (tls.clone(), router.clone(), lie.clone());
            tokio::spawn(async move {
                let Ok(stream) = tls.accept(stream).await else { return };
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let (router, lie) = (router.clone(), lie.clone());
                    async move { Ok::<_, Infallible>(answer(router, lie, request.map(Body::new)).await) }
                });
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Address { url, pin: Some(pin) }
}

/// Somebody who talks to a liar, and loses patience after a second.
pub(crate) fn victim(here: &Here, lie: impl FnMut(&str) -> Lie + Send + 'static) -> Client {
    let mut client = Client::new(&liar(here, lie)).unwrap();
    client.be_patient(Duration::from_secs(1));
    client.expect_answers_within(Duration::from_secs(2));
    client
}

async fn answer(router: axum::Router, lie: Liar, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let sent = to_bytes(body, usize::MAX).await.unwrap();
    let lie = (lie.lock().unwrap())(&format!("{} {}", parts.method, parts.uri.path()));
    let truth = async {
        let response = router.oneshot(Request::from_parts(parts, Body::from(sent))).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), usize::MAX).await.unwrap())
    };
    match lie {
        Lie::None => truth.await.into_response(),
        Lie::Say(status, words) => (StatusCode::from_u16(status).unwrap(), words).into_response(),
        Lie::SayWith(status, header, value, words) => {
            (StatusCode::from_u16(status).unwrap(), [(header, value)], words).into_response()
        }
        Lie::Change(change) => {
            let (status, said) = truth.await;
            let mut said: Value = serde_json::from_slice(&said).unwrap();
            change(&mut said);
            (status, said.to_string()).into_response()
        }
        Lie::Cut => {
            let (status, said) = truth.await;
            let half = said.slice(..said.len() / 2);
            let pieces = stream::iter([Ok(half), Err(std::io::Error::other("hung up"))]);
            (status, [("content-length", said.len().to_string())], Body::from_stream(pieces)).into_response()
        }
        Lie::Hang => std::future::pending().await,
        Lie::Flood => {
            Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(vec![b' '; 1 << 16]))).into_response()
        }
        Lie::Drip => {
            let drop = |()| async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok::<_, Infallible>(" "), ()))
            };
            Body::from_stream(stream::unfold((), drop)).into_response()
        }
    }
}
