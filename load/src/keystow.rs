//! `keystow serve`, and people who visit it.
//!
//! People sign in by the whole OPAQUE exchange, but stretch nothing: Argon2id is the client's work and not the
//! server's, and the server cannot tell.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hyper::Method;
use keystow_account::id::{AccountId, SeriesId};
use keystow_account::store::{Postgres, Sqlite, Store};
use keystow_account::suite::{CONTEXT, Stretch};
use keystow_account::wire::{
    self, Bytes, Credential, Hash, Head, LoginFinish, LoginStart, LoginStarted, Name, Record, Register, RegisterStart,
    RegisterStarted, SignedIn,
};
use opaque_ke::ksf::Identity;
use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
    CredentialResponse, RegistrationResponse, Ristretto255, TripleDh,
};
use rand::rngs::OsRng;
use rustix::process::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::drive::{Answer, Connection, Visitor};
use crate::process::{Running, Scratch, cpu_seconds, free_port, listens, peak_memory, random_hex, run};
use crate::visit::{FETCHED, Mix, Visit};

/// A server looks at every record before it listens.
const PATIENCE: Duration = Duration::from_secs(120);
const SECRETS: &str = "server-secrets.json";
const PASSWORD_FILE: &str = "database-password";
/// Limits that nobody meets.
const MANY: &str = "1000000000";
const PASSWORD: &[u8] = b"a password of the load";
/// Bytes of a sealed record: of its header, and of its body.
const SEALED: (usize, usize) = (128, 384);
/// A keybox: nonce, 32 sealed bytes and tag.
const KEYBOX: usize = 24 + 32 + 16;

/// A server on a free port; it stops when this is dropped.
#[derive(Debug)]
pub struct Keystow {
    server: Running,
    address: SocketAddr,
}

/// Where servers of one database keep their files, thrown away at the end.
#[derive(Debug)]
pub struct Home {
    scratch: Scratch,
    program: PathBuf,
    database: Option<String>,
}

impl Home {
    /// An empty one, for servers of `program`: the `keystow` that was built. They keep accounts in a file of their own,
    /// or in `database` (a `postgres://` address).
    ///
    /// # Errors
    ///
    /// When the temporary folder takes nothing.
    pub fn new(program: &Path, database: Option<String>) -> io::Result<Self> {
        let scratch = Scratch::new("keystow-serve")?;
        let (url, password) = database.as_deref().map(split).unzip();
        fs::write(scratch.path().join(PASSWORD_FILE), password.flatten().unwrap_or_default())?;
        Ok(Self { scratch, program: program.to_owned(), database: url })
    }

    /// Starts the server `name`, which keeps its files there from one start to the next. All servers of a home have
    /// the first one's secrets. It speaks plain HTTP and refuses nobody for asking often.
    ///
    /// # Errors
    ///
    /// When it does not start; the error quotes its log.
    pub fn serve(&self, name: &str) -> io::Result<Keystow> {
        let (port, data, secrets) = (free_port()?, self.scratch.path().join(name), self.scratch.path().join(SECRETS));
        if secrets.exists() && !data.exists() {
            fs::create_dir(&data)?;
            fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
            fs::copy(&secrets, data.join(SECRETS))?;
        }
        let mut command = self.command(name);
        command.args(["--plain-http", "--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--account-per-minute", MANY, "--address-per-minute", MANY]);
        let mut server = Running::start(&mut command, &self.scratch.path().join(format!("{name}.log")))?;
        server.wait_until(PATIENCE, || listens(port))?;
        if !secrets.exists() {
            fs::copy(data.join(SECRETS), &secrets)?;
        }
        Ok(Keystow { server, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// Runs `keystow serve check` on the files of `name` and gives what it says.
    ///
    /// # Errors
    ///
    /// When it finds the store damaged.
    pub fn check(&self, name: &str) -> io::Result<String> {
        run(self.command(name).arg("check"))
    }

    /// The store of `name`, past its server.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn store(&self, name: &str) -> io::Result<Store> {
        let Some(url) = &self.database else {
            let path = self.scratch.path().join(name).join("accounts.sqlite");
            return Sqlite::open(&path).map(Store::Sqlite).map_err(io::Error::other);
        };
        let password = fs::read_to_string(self.scratch.path().join(PASSWORD_FILE))?;
        Postgres::new(url, Some(&password), 16).map(Store::Postgres).map_err(io::Error::other)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--data").arg(self.scratch.path().join(name));
        if let Some(url) = &self.database {
            command.args(["--database", url, "--database-password-file"]).arg(self.scratch.path().join(PASSWORD_FILE));
        }
        command
    }
}

/// An address without its password, and the password: arguments can be seen by others.
fn split(url: &str) -> (String, Option<String>) {
    let parts = || {
        let (scheme, rest) = url.split_once("://")?;
        let (user, host) = rest.split_once('@')?;
        let (user, password) = user.split_once(':')?;
        Some((format!("{scheme}://{user}@{host}"), Some(password.to_owned())))
    };
    parts().unwrap_or_else(|| (url.to_owned(), None))
}

impl Keystow {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Seconds of processor time it has used.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.server.pid())
    }

    /// The most memory it ever held, in bytes.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        peak_memory(self.server.pid())
    }

    /// Kills it with SIGKILL.
    pub fn kill9(&mut self) {
        self.server.kill9();
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn stop(&mut self) -> io::Result<()> {
        self.server.stop(Signal::TERM)
    }
}

/// The same messages as Keystow's own client sends, without the stretching before them.
struct Unstretched;

impl CipherSuite for Unstretched {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2_for_opaque::Sha512>;
    type Ksf = Identity;
}

/// An account, and a device that is signed in to it.
#[derive(Debug, Clone)]
pub struct Account {
    name: Name,
    account: AccountId,
    bearer: String,
    series: SeriesId,
    head: Option<Head>,
}

impl Account {
    /// Makes an account and signs in.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn register(http: &mut Connection) -> io::Result<Self> {
        let name = name()?;
        let start = || ClientRegistration::<Unstretched>::start(&mut OsRng, PASSWORD).map_err(io::Error::other);
        let (password, recovery) = (start()?, start()?);
        let asked = RegisterStart {
            name: name.clone(),
            password: Bytes(password.message.serialize().to_vec()),
            recovery: Bytes(recovery.message.serialize().to_vec()),
        };
        let started: RegisterStarted = read(&post(http, "/v1/register", "", &asked).await?)?;
        let made = Register {
            name: name.clone(),
            password: credential(password.state, &started.password)?,
            recovery: credential(recovery.state, &started.recovery)?,
        };
        post(http, "/v1/accounts", "", &made).await?.done()?;
        let series = SeriesId::random().map_err(io::Error::other)?;
        let mut account = Self { name, account: AccountId::new([0; 16]), bearer: String::new(), series, head: None };
        let signed_in = account.sign_in(http).await?;
        account.account = signed_in.account;
        account.bearer = format!("Bearer {}", signed_in.token.0);
        Ok(account)
    }

    /// An account that is signed in to already, with an empty series.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub(crate) fn with_session(account: AccountId, token: &str, series: SeriesId) -> io::Result<Self> {
        Ok(Self { name: name()?, account, bearer: format!("Bearer {token}"), series, head: None })
    }

    /// Takes `head` for the last record.
    pub(crate) fn follow(&mut self, head: Head) {
        self.head = Some(head);
    }

    /// Its name in the database.
    #[must_use]
    pub fn id(&self) -> AccountId {
        self.account
    }

    /// A whole sign-in, which makes one more device.
    ///
    /// # Errors
    ///
    /// When the server refuses, or proves not to be the one where the account was made.
    pub async fn sign_in(&self, http: &mut Connection) -> io::Result<SignedIn> {
        let login = ClientLogin::<Unstretched>::start(&mut OsRng, PASSWORD).map_err(io::Error::other)?;
        let request = Bytes(login.message.serialize().to_vec());
        let asked = LoginStart { name: self.name.clone(), method: wire::Method::Password, request };
        let started: LoginStarted = read(&post(http, "/v1/login/start", "", &asked).await?)?;
        let response = CredentialResponse::deserialize(&started.response.0).map_err(io::Error::other)?;
        let parameters =
            ClientLoginFinishParameters { context: Some(CONTEXT), ..ClientLoginFinishParameters::default() };
        let finished = login.state.finish(&mut OsRng, PASSWORD, response, parameters).map_err(io::Error::other)?;
        let finalization = Bytes(finished.message.serialize().to_vec());
        read(&post(http, "/v1/login/finish", "", &LoginFinish { state: started.state, finalization }).await?)
    }

    /// Appends the next record. After an answer that did not come, this sends the same record again.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn append(&mut self, http: &mut Connection) -> io::Result<()> {
        let record = self.next_record()?;
        self.send(http, &record).await
    }

    /// The record that follows the last one that was acknowledged.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub fn next_record(&self) -> io::Result<Record> {
        let body = random(SEALED.1)?;
        Ok(Record {
            series: self.series,
            index: self.head.map_or(1, |head| head.index + 1),
            prev: self.head.map(|head| head.hash),
            header: Bytes(random(SEALED.0)?),
            body_hash: Hash::of(&body),
            body: Bytes(body),
        })
    }

    /// Sends a record; when it is acknowledged it is the new head.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn send(&mut self, http: &mut Connection, record: &Record) -> io::Result<()> {
        let head: Head = read(&post(http, "/v1/log", &self.bearer, record).await?)?;
        if head != record.head() {
            return Err(io::Error::other("the server acknowledged another record"));
        }
        self.head = Some(head);
        Ok(())
    }

    /// The last record that was acknowledged.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.head
    }

    /// The heads that the server names.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn heads(&self, http: &mut Connection) -> io::Result<Vec<Head>> {
        let heads: wire::Heads = read(&http.send(Method::GET, "/v1/log/heads", &self.bearer, "").await?)?;
        Ok(heads.heads)
    }

    async fn status(&self, http: &mut Connection) -> io::Result<()> {
        http.send(Method::GET, "/v1/log/heads", &self.bearer, "").await?.done().map(drop)
    }

    async fn fetch(&self, http: &mut Connection) -> io::Result<()> {
        http.send(Method::GET, &format!("/v1/log?limit={FETCHED}"), &self.bearer, "").await?.done().map(drop)
    }
}

/// Someone who visits with these accounts, one drawn at random for each visit.
#[derive(Debug)]
pub struct Person {
    accounts: Vec<Account>,
    /// The first so many have a password, so that they can be signed in to anew.
    registered: usize,
    mix: Mix,
}

impl Person {
    /// Someone with these accounts.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub fn new(accounts: Vec<Account>) -> io::Result<Self> {
        Ok(Self { registered: accounts.len(), accounts, mix: Mix::new(Visit::Append)? })
    }

    /// Adds accounts that were [put into](crate::fill) the database.
    pub fn add(&mut self, accounts: impl IntoIterator<Item = Account>) {
        self.accounts.extend(accounts);
    }

    /// Asks for the heads of every account once.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn visit_all(&self, address: SocketAddr) -> io::Result<()> {
        let mut http = Connection::new(address);
        for account in &self.accounts {
            account.status(&mut http).await?;
        }
        Ok(())
    }
}

impl Visitor for Person {
    fn will(&mut self, visit: Visit) {
        self.mix.only(visit);
    }

    async fn visit(&mut self, http: &mut Connection) -> io::Result<()> {
        let visit = self.mix.draw();
        let choice = if visit == Visit::SignIn { self.registered } else { self.accounts.len() };
        let which = self.mix.below(choice);
        let account = self.accounts.get_mut(which).ok_or_else(|| io::Error::other("no account"))?;
        match visit {
            Visit::Append => account.append(http).await,
            Visit::Fetch => account.fetch(http).await,
            Visit::SignIn => account.sign_in(http).await.map(drop),
            Visit::Status | Visit::Mixed => account.status(http).await,
        }
    }
}

fn credential(state: ClientRegistration<Unstretched>, response: &Bytes) -> io::Result<Credential> {
    let response = RegistrationResponse::deserialize(&response.0).map_err(io::Error::other)?;
    let parameters = ClientRegistrationFinishParameters::default();
    let finished = state.finish(&mut OsRng, PASSWORD, response, parameters).map_err(io::Error::other)?;
    let record = Bytes(finished.message.serialize().to_vec());
    Ok(Credential { record, keybox: Bytes(random(KEYBOX)?), stretch: Stretch::LEAST })
}

async fn post(http: &mut Connection, path: &str, bearer: &str, body: &impl Serialize) -> io::Result<Answer> {
    http.send(Method::POST, path, bearer, serde_json::to_vec(body)?).await
}

fn read<T: DeserializeOwned>(answer: &Answer) -> io::Result<T> {
    serde_json::from_slice(&answer.done()?.body).map_err(io::Error::other)
}

fn name() -> io::Result<Name> {
    Name::parse(&format!("load-{}", random_hex(8)?)).ok_or_else(|| io::Error::other("no name"))
}

pub(crate) fn random(length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_out_of_an_address() {
        let (url, password) = split("postgres://keystow:secret@127.0.0.1:5/few");
        assert_eq!((url.as_str(), password.as_deref()), ("postgres://keystow@127.0.0.1:5/few", Some("secret")));
        assert_eq!(split("postgres://keystow@host/few"), ("postgres://keystow@host/few".to_owned(), None));
    }
}
