//! The account server of this machine: where its secrets and its database lie, and how it is run.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keystow_account::server::{
    Behaviour, Certificate, CertificateError, Checked, Limits, Server, Serving, Setup, SetupError, StartError, check,
    serve,
};
use keystow_account::store::{Postgres, Sqlite, Store, StoreError};
use keystow_os::files::{self, Lock};
use keystow_os::process;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::vaults::first_line;

const SECRETS: &str = "server-secrets.json";
const STORE: &str = "accounts.sqlite";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "certificate-key.pem";
/// What a server keeps in its folder beside its lock; the secrets, which make a folder a server, are removed first.
const FILES: [&str; 4] = [SECRETS, CERTIFICATE, KEY, STORE];
const LOCK: &str = "lock";
/// The longest secrets, certificate or key.
const MOST: u64 = 1 << 20;
/// Connections to PostgreSQL.
const CONNECTIONS: usize = 16;

/// How the server is run: from the arguments, the environment, the configuration file, in this order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) database: Option<String>,
    pub(crate) database_password_file: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) certificate_key: Option<PathBuf>,
    #[serde(alias = "name")]
    pub(crate) names: Vec<String>,
    pub(crate) plain_http: bool,
    pub(crate) closed: bool,
    pub(crate) behind_proxy: bool,
    pub(crate) account_per_minute: Option<u32>,
    pub(crate) address_per_minute: Option<u32>,
}

/// Why the server does not run, or its store is not good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("{}: {source}", path.display())]
    Config { path: PathBuf, source: toml::de::Error },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the address of the database holds a password")]
    PasswordInAddress,
    #[error("plain HTTP is for a proxy on this machine, and {0} can be reached from others")]
    PlainOutside(SocketAddr),
    #[error("a PostgreSQL database is backed up by its own tools")]
    NotSqlite,
    #[error("{}: another server runs on this folder", .0.display())]
    Locked(PathBuf),
    #[error("{}: there is no server here", .0.display())]
    NoServer(PathBuf),
    #[error("{}: a server is here already", .0.display())]
    ServerThere(PathBuf),
    #[error("{} is damaged: {}, the first: {}", path.display(), faults(checked),
        checked.faults.first().map(ToString::to_string).unwrap_or_default())]
    Damaged { path: PathBuf, checked: Checked },
    #[error("{}: a backup of a server was broken off here", .0.display())]
    BrokenOff(PathBuf),
    #[error("the database exists and its server secrets do not: {}", .0.display())]
    SecretsLost(PathBuf),
    #[error("the server secrets exist and their database is empty or gone: {}", .0.display())]
    StoreLost(PathBuf),
    #[error("{}: {source}", path.display())]
    Secrets { path: PathBuf, source: SetupError },
    #[error(transparent)]
    OtherSecrets(StartError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the store says needs the same next step whenever it is said.
impl From<StartError> for ServeError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => Self::Store(error),
            other @ StartError::OtherSetup => Self::OtherSecrets(other),
        }
    }
}

/// How many faults in how many records.
pub(crate) fn faults(checked: &Checked) -> String {
    let counted = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!("{} in {}", counted(checked.faults.len() as u64, "fault"), counted(checked.records, "record"))
}

type Result<T> = std::result::Result<T, ServeError>;

/// What a server that is ready tells the person who started it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Started {
    pub(crate) address: String,
    pub(crate) pin: Option<String>,
    pub(crate) data: PathBuf,
}

impl Config {
    /// Reads a configuration file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = files::read(path, MOST).map_err(at(path))?;
        let text = String::from_utf8(text).map_err(|_| at(path)(io::ErrorKind::InvalidData.into()))?;
        toml::from_str(&text).map_err(|source| ServeError::Config { path: path.to_owned(), source })
    }

    /// What stands here, and where nothing does, what stands there.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            data: self.data.or(other.data),
            listen: self.listen.or(other.listen),
            database: self.database.or(other.database),
            database_password_file: self.database_password_file.or(other.database_password_file),
            certificate: self.certificate.or(other.certificate),
            certificate_key: self.certificate_key.or(other.certificate_key),
            names: if self.names.is_empty() { other.names } else { self.names },
            plain_http: self.plain_http || other.plain_http,
            closed: self.closed || other.closed,
            behind_proxy: self.behind_proxy || other.behind_proxy,
            account_per_minute: self.account_per_minute.or(other.account_per_minute),
            address_per_minute: self.address_per_minute.or(other.address_per_minute),
        }
    }

    fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_default()
    }

    fn listen(&self) -> SocketAddr {
        self.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 7878)))
    }

    fn behaviour(&self) -> Behaviour {
        let mut limits = Limits::default();
        let set = |limit: &mut std::num::NonZero<u32>, wanted: Option<u32>| {
            *limit = wanted.and_then(std::num::NonZero::new).unwrap_or(*limit);
        };
        set(&mut limits.account_per_minute, self.account_per_minute);
        set(&mut limits.address_per_minute, self.address_per_minute);
        Behaviour { limits, closed: self.closed, behind_proxy: self.behind_proxy, ..Behaviour::default() }
    }

    fn store(&self) -> Result<Store> {
        match self.database.as_deref() {
            None => {
                let path = self.data().join(STORE);
                // The file is made owner-only, and SQLite gives what it puts beside it the same rights.
                match files::write_new(&path, b"") {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at(&path)(error)),
                    _ => Ok(Store::Sqlite(Sqlite::open(&path)?)),
                }
            }
            Some(url) => {
                let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
                let user = after_scheme.split(['/', '?']).next().unwrap_or_default().rsplit_once('@');
                if user.is_some_and(|(user, _)| user.contains(':')) || url.contains("password=") {
                    return Err(ServeError::PasswordInAddress);
                }
                let file = self.database_password_file.as_deref();
                let password =
                    file.map(|file| first_line(file).map_err(|_| at(file)(io::ErrorKind::InvalidData.into())));
                let password: Option<Zeroizing<String>> = password.transpose()?;
                Ok(Store::Postgres(Postgres::new(url, password.as_ref().map(|p| p.as_str()), CONNECTIONS)?))
            }
        }
    }

    fn certificate(&self, listen: &SocketAddr) -> Result<Certificate> {
        if let (Some(chain), Some(key)) = (&self.certificate, &self.certificate_key) {
            return read_certificate(chain, key);
        }
        let (chain, key) = (self.data().join(CERTIFICATE), self.data().join(KEY));
        if chain.is_file() && key.is_file() {
            return read_certificate(&chain, &key);
        }
        let mut names = self.names.clone();
        names.extend(["localhost".to_owned(), listen.ip().to_string()]);
        let made = Certificate::generate(names)?;
        // The key first: a certificate without its key is made again.
        files::replace(&key, made.key.as_bytes()).map_err(at(&key))?;
        files::replace(&chain, made.chain.as_bytes()).map_err(at(&chain))?;
        Ok(made)
    }

    /// The secrets; `None` before the first start is done. A server with secrets has a database.
    fn setup(&self) -> Result<Option<Setup>> {
        let path = self.data().join(SECRETS);
        match files::read(&path, MOST) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                let text = std::str::from_utf8(&text).unwrap_or_default();
                let setup = Setup::parse(text).map_err(|source| ServeError::Secrets { path, source })?;
                self.expect_store()?;
                Ok(Some(setup))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// The database of a server that has secrets is there. `SQLite` would make a new one.
    fn expect_store(&self) -> Result<()> {
        let path = self.data().join(STORE);
        let is_empty = path.metadata().map_or(true, |metadata| metadata.len() == 0);
        if self.database.is_none() && is_empty { Err(ServeError::StoreLost(path)) } else { Ok(()) }
    }

    /// Makes the secrets of a server, once its tables are there. Those of a database that is in use are never made anew.
    async fn begin(&self, store: Store) -> Result<Arc<Server>> {
        let path = self.data().join(SECRETS);
        let setup = Setup::generate().map_err(|error| at(&path)(io::Error::other(error)))?;
        let text = setup.to_text().map_err(|error| at(&path)(error.into()))?;
        let server = Server::start(store, setup, self.behaviour()).await.map_err(|error| match error {
            StartError::OtherSetup => ServeError::SecretsLost(path.clone()),
            other @ StartError::Store(_) => other.into(),
        })?;
        files::write_new(&path, text.as_bytes()).map_err(at(&path))?;
        Ok(server)
    }
}

/// Runs the server until it is asked to stop. `ready` is told once it listens.
pub(crate) fn run(config: &Config, ready: impl FnOnce(&Started) -> io::Result<()>) -> Result<()> {
    let (data, listen) = (config.data(), config.listen());
    if config.plain_http && !listen.ip().is_loopback() {
        return Err(ServeError::PlainOutside(listen));
    }
    process::keep_memory();
    files::create_dir(&data).map_err(at(&data))?;
    let lock = data.join(LOCK);
    let _lock = Lock::try_acquire(&lock).map_err(at(&lock))?.ok_or_else(|| ServeError::Locked(data.clone()))?;
    files::sweep(&data).map_err(at(&data))?;
    let setup = config.setup()?;
    let certificate = if config.plain_http { None } else { Some(config.certificate(&listen)?) };
    let runtime = Runtime::new().map_err(at(&data))?;
    runtime.block_on(async {
        let store = config.store()?;
        let server = match setup {
            Some(setup) => Server::start(store, setup, config.behaviour()).await?,
            None => config.begin(store).await?,
        };
        expect_whole(&server, &data).await?;
        let listener = TcpListener::bind(listen).await.map_err(at(Path::new(&listen.to_string())))?;
        let bound = listener.local_addr().map_err(at(&data))?;
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let pin = certificate.as_ref().map(Certificate::pin).transpose()?;
        ready(&Started { address: format!("{scheme}://{bound}"), pin, data: data.clone() }).map_err(at(&data))?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || _ = stop.send(process::wait_for_stop()));
        serve(server, Serving { listener, certificate }, async { _ = stopped.await }).await.map_err(at(&data))
    })
}

/// Of a file beside us every record is checked before anybody relies on it; a database of its own is checked while it
/// is served.
async fn expect_whole(server: &Arc<Server>, data: &Path) -> Result<()> {
    if matches!(server.store(), Store::Sqlite(_)) {
        // By a thread that serves later, so that it takes up again the memory that this needs.
        let checking = {
            let server = server.clone();
            tokio::spawn(async move { check(server.store()).await })
        };
        let checked = checking.await.map_err(|error| at(data)(error.into()))??;
        if !checked.faults.is_empty() {
            return Err(ServeError::Damaged { path: data.join(STORE), checked });
        }
    }
    Ok(())
}

/// Checks every record of the store.
pub(crate) fn check_store(config: &Config) -> Result<Checked> {
    expect_server(config)?;
    let runtime = Runtime::new().map_err(at(&config.data()))?;
    let store = config.store()?;
    if let Store::Sqlite(store) = &store {
        store.check_indexes()?;
    }
    runtime.block_on(async {
        store.expect_current().await?;
        Ok(check(&store).await?)
    })
}

/// Copies database, secrets and certificate into a new folder that only its owner can read, and checks the copy. The
/// server may run meanwhile.
pub(crate) fn back_up(config: &Config, to: &Path) -> Result<Checked> {
    expect_server(config)?;
    let Store::Sqlite(store) = config.store()? else { return Err(ServeError::NotSqlite) };
    expect_unbroken(to)?;
    expect_free(to)?;
    files::create_dir(to).map_err(at(to))?;
    copy(&store, &config.data(), to).inspect_err(|_| undo(to))?;
    check_store(&Config { data: Some(to.to_owned()), ..Config::default() })
}

/// Makes a server out of such a folder, where none is.
pub(crate) fn restore(config: &Config, from: &Path) -> Result<Checked> {
    let (data, source) = (config.data(), Config { data: Some(from.to_owned()), ..Config::default() });
    expect_unbroken(from)?;
    match check_store(&source) {
        Ok(checked) if checked.faults.is_empty() => {}
        Ok(checked) => return Err(ServeError::Damaged { path: from.join(STORE), checked }),
        // The copy is brought up to date, and checked then.
        Err(ServeError::Store(StoreError::Older { .. })) => {}
        Err(error) => return Err(error),
    }
    let Store::Sqlite(store) = source.store()? else { return Err(ServeError::NotSqlite) };
    expect_free(&data)?;
    files::create_dir(&data).map_err(at(&data))?;
    let copied = copy(&store, from, &data);
    let checked = copied.and_then(|()| check_store(&Config { data: Some(data.clone()), ..Config::default() }));
    let whole = checked.and_then(|checked| match checked.faults.is_empty() {
        true => Ok(checked),
        false => Err(ServeError::Damaged { path: from.join(STORE), checked }),
    });
    whole.inspect_err(|_| undo(&data))
}

/// Copies a server, and brings the copy up to date.
fn copy(store: &Sqlite, from: &Path, to: &Path) -> Result<()> {
    let path = to.join(STORE);
    files::write_new(&path, b"").map_err(at(&path))?;
    store.copy_to(&path)?;
    let copy = Store::Sqlite(Sqlite::open(&path)?);
    Runtime::new().map_err(at(to))?.block_on(copy.migrate())?;
    drop(copy);
    copy_files(from, to)
}

/// Removes what was copied into a [free](expect_free) folder, so that it can be done again.
fn undo(folder: &Path) {
    for name in FILES {
        _ = std::fs::remove_file(folder.join(name));
    }
}

/// The secrets come last: they make a folder a server.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for name in [KEY, CERTIFICATE, SECRETS] {
        let source = from.join(name);
        match files::read(&source, MOST) {
            Ok(bytes) => files::write_new(&to.join(name), &Zeroizing::new(bytes)).map_err(at(&to.join(name)))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && name != SECRETS => {}
            Err(error) => return Err(at(&source)(error)),
        }
    }
    Ok(())
}

/// No backup was broken off in a folder: its secrets come last.
fn expect_unbroken(folder: &Path) -> Result<()> {
    let broken_off = folder.join(STORE).exists() && !folder.join(SECRETS).exists();
    if broken_off { Err(ServeError::BrokenOff(folder.to_owned())) } else { Ok(()) }
}

/// Nothing of a server is in a folder.
fn expect_free(folder: &Path) -> Result<()> {
    let there = FILES.iter().any(|name| folder.join(name).exists());
    if there { Err(ServeError::ServerThere(folder.to_owned())) } else { Ok(()) }
}

fn expect_server(config: &Config) -> Result<()> {
    let data = config.data();
    match config.setup()? {
        Some(_) => Ok(()),
        None if data.join(STORE).exists() => Err(ServeError::SecretsLost(data.join(SECRETS))),
        None => Err(ServeError::NoServer(data)),
    }
}

fn read_certificate(chain: &Path, key: &Path) -> Result<Certificate> {
    let read = |path: &Path| {
        let bytes = files::read(path, MOST).map_err(at(path))?;
        String::from_utf8(bytes).map_err(|_| at(path)(io::ErrorKind::InvalidData.into()))
    };
    Ok(Certificate { chain: read(chain)?, key: Zeroizing::new(read(key)?) })
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ServeError {
    let path = path.to_owned();
    |source| ServeError::File { path, source }
}
