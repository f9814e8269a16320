//! A server on loopback that ends with the test.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use axum::Router;
use keystow_account::client::{Address, Client};
use keystow_account::server::{Behaviour, Certificate, Checked, Limits, Server, Serving, Setup, check, serve};
use keystow_account::store::{Postgres, Sqlite, Store};
use keystow_account::wire::Name;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::postgres::Cluster;

/// A server with a database of its own.
pub(crate) struct Here {
    pub(crate) address: Address,
    pub(crate) server: Arc<Server>,
    /// The same, without sockets.
    pub(crate) router: Router,
    /// What this server's clock is ahead, in seconds.
    ahead: Arc<AtomicI64>,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<Runtime>,
    pub(crate) dir: PathBuf,
    cluster: Option<Arc<Cluster>>,
}

thread_local! {
    /// What the server of this thread is ahead.
    static AHEAD: RefCell<Arc<AtomicI64>> = RefCell::default();
}

/// An empty folder.
pub(crate) fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    let dir = std::env::temp_dir().join(format!("keystow-account-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// More than any test needs: limits have tests of their own.
pub(crate) fn generous() -> Limits {
    let many = 100_000.try_into().unwrap();
    Limits { account_per_minute: many, address_per_minute: many, ..Limits::default() }
}

/// Runs a test on SQLite and on PostgreSQL.
pub(crate) fn on_both(test: impl Fn(&Here)) {
    test(&Here::start());
    test(&Here::start_on_postgres());
}

impl Here {
    pub(crate) fn start() -> Self {
        Self::with(generous())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let dir = folder();
        let store = Store::Sqlite(Sqlite::open(&dir.join("store.sqlite")).unwrap());
        Self::on(store, Setup::generate().unwrap(), limits, dir)
    }

    pub(crate) fn start_on_postgres() -> Self {
        let cluster = Cluster::shared();
        let mut here = Self::at(&cluster.database(), Setup::generate().unwrap());
        here.cluster = Some(cluster);
        here
    }

    /// A server of the database with this address. Servers of one database need the same secrets.
    pub(crate) fn at(url: &str, setup: Setup) -> Self {
        Self::on(Store::Postgres(Postgres::new(url, None, 8).unwrap()), setup, generous(), folder())
    }

    pub(crate) fn on(store: Store, setup: Setup, limits: Limits, dir: PathBuf) -> Self {
        let ahead = Arc::<AtomicI64>::default();
        let runtime = runtime(ahead.clone());
        let clock = || (Behaviour::default().clock)() + AHEAD.with_borrow(|ahead| ahead.load(Ordering::SeqCst));
        let behaviour = Behaviour { limits, clock, ..Behaviour::default() };
        let server = runtime.block_on(Server::start(store, setup, behaviour)).unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let certificate = Certificate::generate(vec!["localhost".to_owned()]).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let address = Address { url, pin: Some(certificate.pin().unwrap()) };
        let (stop, stopped) = oneshot::channel();
        let serving = Serving { listener, certificate: Some(certificate) };
        let (running, router) = (server.clone(), server.router());
        runtime.spawn(async move {
            serve(running, serving, async { _ = stopped.await }).await.unwrap();
        });
        Self { address, server, router, ahead, stop: Some(stop), runtime: Some(runtime), dir, cluster: None }
    }

    /// Somebody who talks to this server.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address).unwrap()
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Does what a server does by itself every ten minutes; gives how many accounts were deleted.
    pub(crate) fn sweep(&self) -> u64 {
        let server = self.server.clone();
        self.run(async move { server.sweep().await.unwrap() })
    }

    /// Checks every record.
    pub(crate) fn check(&self) -> Checked {
        let server = self.server.clone();
        self.run(async move { check(server.store()).await.unwrap() })
    }

    /// Waits for something that is done on a thread of the server, where its clock counts.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let runtime = self.runtime.as_ref().unwrap();
        runtime.block_on(runtime.spawn(work)).unwrap()
    }

    /// Where everything lies that the database wrote, on the disk by now.
    pub(crate) fn database_files(&self) -> PathBuf {
        match &self.cluster {
            None => self.dir.clone(),
            Some(cluster) => {
                cluster.sql("postgres", "CHECKPOINT").unwrap();
                cluster.dir.clone()
            }
        }
    }

    /// What somebody shows who is of no concern otherwise.
    pub(crate) fn token_of_another(&self) -> String {
        let name = Name::parse("another").unwrap();
        self.register(&name, "password");
        self.login(&name, "password").token.0
    }

    /// Does something beside the server, for as long as there is one.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.as_ref().unwrap().spawn(work);
    }
}

fn runtime(ahead: Arc<AtomicI64>) -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all();
    runtime.on_thread_start(move || AHEAD.set(ahead.clone())).build().unwrap()
}

impl Drop for Here {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.cluster.take();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
