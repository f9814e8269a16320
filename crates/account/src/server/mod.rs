//! The server: routes, who may use them, and what they do to the store.
//!
//! It holds no state of its own but counters of what happened of late, so that any number of servers may stand before
//! one PostgreSQL. A file of SQLite has one server.

mod access;
mod approvals;
mod auth;
mod check;
mod devices;
mod failure;
mod files;
mod limits;
mod log;
mod openapi;
mod organization;
mod route;
mod serve;
mod setup;
mod sweep;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

pub use self::check::{Checked, Fault, check};
pub use self::limits::Limits;
pub use self::openapi::{document, routes as described};
pub use self::serve::{Certificate, CertificateError, Serving, pin, serve};
pub use self::setup::{Setup, SetupError};

use self::failure::{Answer, Failure};
use self::limits::Counters;
use self::route::Routes;
use crate::id::AccountId;
use crate::store::{Store, StoreError, Tx, Value, Work};
use crate::wire::Refusal;

/// A server.
pub struct Server {
    store: Store,
    setup: Setup,
    limits: Limits,
    counters: Counters,
    closed: bool,
    behind_proxy: bool,
    clock: fn() -> i64,
    damaged: AtomicBool,
    /// An account that somebody signed in to of late, see [`auth`].
    known: Mutex<AccountId>,
    metrics: Option<PrometheusHandle>,
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// What one account and one address may do.
    pub limits: Limits,
    /// Whether new accounts are refused.
    pub closed: bool,
    /// Whether a proxy of one's own stands in front and says in `X-Forwarded-For` who asks.
    pub behind_proxy: bool,
    /// The seconds since 1970.
    pub clock: fn() -> i64,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The accounts in the database were made with other secrets.
    #[error("the accounts in this database were made with other server secrets; nobody could sign in with these")]
    OtherSetup,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Server {
    /// Brings the database up to date and makes a server of it.
    ///
    /// # Errors
    ///
    /// [`StartError::OtherSetup`] when an account was made with other secrets; what the store says.
    pub async fn start(store: Store, setup: Setup, behaviour: Behaviour) -> Result<Arc<Self>, StartError> {
        store.migrate().await?;
        if store.read(OtherSetups(setup.id())).await? {
            return Err(StartError::OtherSetup);
        }
        let metrics = numbers();
        let Behaviour { limits, closed, behind_proxy, clock } = behaviour;
        let (counters, damaged) = (Counters::new(&limits), AtomicBool::new(false));
        let known = Mutex::new(AccountId::new([0; 16]));
        Ok(Arc::new(Self { store, setup, limits, counters, closed, behind_proxy, clock, damaged, known, metrics }))
    }

    /// Everything that it answers.
    pub fn router(self: &Arc<Self>) -> Router {
        let outside = Router::new().route("/healthz", get(healthz)).route("/metrics", get(show_metrics));
        let unknown = |refusal: Refusal| move || async move { Failure::from(refusal) };
        let v1 = all_routes().router.route_layer(from_fn_with_state(self.clone(), watch));
        outside
            .merge(v1)
            .fallback(unknown(Refusal::NotFound))
            .method_not_allowed_fallback(unknown(Refusal::WrongMethod))
            .with_state(self.clone())
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn now(&self) -> i64 {
        (self.clock)()
    }

    fn expect_open(&self) -> Answer<()> {
        if self.closed { Err(Refusal::Closed.into()) } else { Ok(()) }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        let clock = || {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            since.as_secs().cast_signed()
        };
        Self { limits: Limits::default(), closed: false, behind_proxy: false, clock }
    }
}

fn all_routes() -> Routes {
    let mut routes = Routes::new();
    auth::routes(&mut routes);
    approvals::routes(&mut routes);
    devices::routes(&mut routes);
    files::routes(&mut routes);
    log::routes(&mut routes);
    organization::routes(&mut routes);
    routes
}

/// Refuses while the database is damaged, counts, and logs: the route and how it went, nothing of what was in it.
async fn watch(State(server): State<Arc<Server>>, path: MatchedPath, request: Request, next: Next) -> Response {
    if server.damaged.load(Ordering::Relaxed) {
        return Failure::from(Refusal::Unavailable).into_response();
    }
    let (method, begun) = (request.method().clone(), std::time::Instant::now());
    let mut response = next.run(request).await;
    let (elapsed, status) = (begun.elapsed(), response.status().as_u16());
    let route = format!("{method} {}", path.as_str());
    metrics::counter!("keystow_requests_total", "route" => route.clone(), "status" => status.to_string()).increment(1);
    metrics::histogram!("keystow_request_seconds", "route" => route).record(elapsed.as_secs_f64());
    tracing::info!(%method, route = path.as_str(), status, ms = elapsed.as_millis() as u64, "request");
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 200 when requests can be served, 503 when not.
async fn healthz(State(server): State<Arc<Server>>) -> Response {
    let (damaged, reached) = (server.damaged.load(Ordering::Relaxed), server.store.read(Ping).await.is_ok());
    match (damaged, reached) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "the database is damaged\n").into_response(),
        (_, false) => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached\n").into_response(),
        _ => "ok\n".into_response(),
    }
}

/// Numbers for Prometheus.
async fn show_metrics(State(server): State<Arc<Server>>) -> String {
    server.metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default()
}

/// The numbers of this process, which all its servers share.
fn numbers() -> Option<PrometheusHandle> {
    static NUMBERS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    NUMBERS.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).clone()
}

/// Checks every record once a day, and refuses to serve a damaged store from then on.
async fn check_daily(server: Arc<Server>) {
    loop {
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
        match check(&server.store).await {
            Ok(checked) if checked.faults.is_empty() => tracing::info!(records = checked.records, "checked"),
            Ok(checked) => {
                server.damaged.store(true, Ordering::Relaxed);
                tracing::error!(faults = checked.faults.len(), "the database is damaged; run: keystow serve check");
            }
            Err(error @ StoreError::Damaged(_)) => {
                server.damaged.store(true, Ordering::Relaxed);
                tracing::error!(%error, "the database is damaged; run: keystow serve check");
            }
            Err(error) => tracing::warn!(%error, "the check was not finished"),
        }
    }
}

struct Ping;

impl Work for Ping {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.query("SELECT step FROM migration WHERE step = $1", &[Value::Int(1)]).await.map(drop)
    }
}

/// Whether an account was made with other secrets.
struct OtherSetups(i64);

impl Work for OtherSetups {
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let sql = "SELECT setup FROM account WHERE setup <> $1 LIMIT 1";
        Ok(!tx.query(sql, &[Value::Int(self.0)]).await?.is_empty())
    }
}
