//! A server on loopback that ends with the test.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use keystow_account::client::Address;
use keystow_account::server::{Behaviour, Certificate, Limits, Server, Serving, Setup, serve};
use keystow_account::store::{Sqlite, Store};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A server with a database of its own.
pub(crate) struct Here {
    pub(crate) address: Address,
    pub(crate) server: Arc<Server>,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<Runtime>,
    dir: PathBuf,
}

/// What tests add to the clock, in seconds.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// Lets time pass, for every server of this process.
pub(crate) fn pass(seconds: i64) {
    AHEAD.fetch_add(seconds, Ordering::SeqCst);
}

/// An empty folder.
pub(crate) fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    let dir = std::env::temp_dir().join(format!("keystow-account-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

impl Here {
    pub(crate) fn start() -> Self {
        Self::with(Limits { address_per_minute: 100_000.try_into().unwrap(), ..Limits::default() })
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let dir = folder();
        let store = Store::Sqlite(Sqlite::open(&dir.join("store.sqlite")).unwrap());
        Self::on(store, Setup::generate().unwrap(), limits, dir)
    }

    /// Where its database lies.
    pub(crate) fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    pub(crate) fn on(store: Store, setup: Setup, limits: Limits, dir: PathBuf) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let clock = || (Behaviour::default().clock)() + AHEAD.load(Ordering::SeqCst);
        let behaviour = Behaviour { limits, clock, ..Behaviour::default() };
        let server = runtime.block_on(Server::start(store, setup, behaviour)).unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let certificate = Certificate::generate(vec!["localhost".to_owned()]).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let address = Address { url, pin: Some(certificate.pin().unwrap()) };
        let (stop, stopped) = oneshot::channel();
        let serving = Serving { listener, certificate: Some(certificate) };
        let running = server.clone();
        runtime.spawn(async move {
            serve(running, serving, async { _ = stopped.await }).await.unwrap();
        });
        Self { address, server, stop: Some(stop), runtime: Some(runtime), dir }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
