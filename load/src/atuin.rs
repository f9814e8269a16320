//! `atuin-server`, the yardstick: a server of the same kind, written in Rust, on SQLite and `PostgreSQL`.
//!
//! It is `cargo install atuin-server`. What it stores for a person is what Keystow's server stores: sealed
//! records in append-only series. Its `SQLite` runs with `synchronous=FULL`, as ours does.
//!
//! Source: the routes and types of atuin-server 18.24, by reading what it accepts and answers.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hyper::Method;
use serde_json::json;

use crate::drive::{Connection, Visitor};
use crate::process::{Running, Scratch, cpu_seconds, free_port, listens, peak_memory, random_hex};
use crate::visit::{Mix, Visit};

const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "a password of the load";
/// Bytes of a sealed record, before the encodings around it.
const SEALED: usize = 512;

/// A server on a free port; it stops and its files go when this is dropped.
#[derive(Debug)]
pub struct Atuin {
    server: Running,
    address: SocketAddr,
    _scratch: Scratch,
}

impl Atuin {
    /// Starts the server on a new `SQLite` file, or on `database` (a `postgres://` address).
    ///
    /// # Errors
    ///
    /// When it is not installed (the error says how) or does not start.
    pub fn start(database: Option<&str>) -> io::Result<Self> {
        let scratch = Scratch::new("keystow-atuin")?;
        let port = free_port()?;
        let file = format!("sqlite://{}/atuin.db", scratch.path().display());
        fs::create_dir(scratch.path().join("config"))?;
        let mut command = Command::new(program()?);
        command
            .arg("start")
            .env("ATUIN_CONFIG_DIR", scratch.path().join("config"))
            .env("ATUIN_HOST", "127.0.0.1")
            .env("ATUIN_PORT", port.to_string())
            .env("ATUIN_OPEN_REGISTRATION", "true")
            .env("ATUIN_DB_URI", database.unwrap_or(&file));
        let mut server = Running::start(&mut command, &scratch.path().join("log"))?;
        server.wait_until(PATIENCE, || listens(port))?;
        Ok(Self { server, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), _scratch: scratch })
    }

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

    /// Registers a person with `records` records in one series.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn register(&self, records: u64) -> io::Result<Person> {
        let mut http = Connection::new(self.address);
        let name = format!("load-{}", random_hex(8)?);
        let body = json!({"email": format!("{name}@example.org"), "username": name, "password": PASSWORD});
        let answer = http.send(Method::POST, "/register", "", body.to_string()).await?.json()?;
        let session = answer.get("session").and_then(serde_json::Value::as_str).unwrap_or_default();
        let mut person =
            Person { name, token: format!("Token {session}"), host: uuid()?, next: 0, mix: Mix::new(Visit::Append)? };
        for _ in 0..records {
            person.append(&mut http).await?;
        }
        Ok(person)
    }
}

/// Someone with an account there, who visits.
#[derive(Debug)]
pub struct Person {
    name: String,
    token: String,
    host: String,
    next: u64,
    mix: Mix,
}

impl Person {
    async fn sign_in(&self, http: &mut Connection) -> io::Result<()> {
        let body = json!({"username": self.name, "password": PASSWORD});
        http.send(Method::POST, "/login", "", body.to_string()).await?.done().map(drop)
    }

    async fn append(&mut self, http: &mut Connection) -> io::Result<()> {
        let record = json!([{
            "id": uuid()?,
            "idx": self.next,
            "host": {"id": self.host, "name": ""},
            "timestamp": 1_700_000_000_000_000_000_u64,
            "version": "v0",
            "tag": "keystow",
            // Text of the length that so many bytes have in base64.
            "data": {"data": random_hex(SEALED * 2 / 3)?, "content_encryption_key": random_hex(32)?},
        }]);
        http.send(Method::POST, "/api/v0/record", &self.token, record.to_string()).await?.done()?;
        self.next += 1;
        Ok(())
    }

    async fn status(&self, http: &mut Connection) -> io::Result<()> {
        http.send(Method::GET, "/api/v0/record", &self.token, "").await?.done().map(drop)
    }

    async fn fetch(&self, http: &mut Connection) -> io::Result<()> {
        let path =
            format!("/api/v0/record/next?host={}&tag=keystow&start=0&count={}", self.host, crate::visit::FETCHED);
        http.send(Method::GET, &path, &self.token, "").await?.done().map(drop)
    }
}

impl Visitor for Person {
    fn will(&mut self, visit: Visit) {
        self.mix.only(visit);
    }

    async fn visit(&mut self, http: &mut Connection) -> io::Result<()> {
        match self.mix.draw() {
            Visit::Append => self.append(http).await,
            Visit::Fetch => self.fetch(http).await,
            Visit::SignIn => self.sign_in(http).await,
            Visit::Status | Visit::Mixed => self.status(http).await,
        }
    }
}

fn program() -> io::Result<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let path = home.join(".cargo/bin/atuin-server");
    if path.exists() {
        return Ok(path);
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "atuin-server is not installed; cargo install atuin-server"))
}

/// A random UUID (RFC 9562, version 4).
fn uuid() -> io::Result<String> {
    let digits = random_hex(16)?;
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32)))
}
