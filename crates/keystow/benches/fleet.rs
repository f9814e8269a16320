//! How long the inventory of a large organization takes, with the program as people run it and a server beside it.
//!
//! `cargo bench -p keystow --bench fleet -- 100000`. The machines and their reports are put straight into the database,
//! sealed as machines seal them; all that is measured goes over HTTPS.

#![allow(clippy::expect_used, clippy::print_stdout, clippy::unwrap_used, reason = "a measurement stops where it fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use keystow_account::client::Client;
use keystow_account::organization::Enrollment;
use keystow_account::server::{Behaviour, Certificate, Limits, Server, Serving, Setup, serve};
use keystow_account::store::{Sqlite, Store, StoreError, Tx, Value, Work};
use keystow_account::wire::Record;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const PASSWORD: &str = "a horse eats green cucumbers";
/// How many machines one commit takes.
const TOGETHER: usize = 2000;

fn main() {
    let count = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(100_000);
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fleet");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("password.txt"), PASSWORD).unwrap();
    let runtime = Runtime::new().unwrap();
    let (server, url, pin) = start(&runtime, &dir);
    run(&dir, &["account", "create", "owner", "--server", &url, "--pin", &pin]);
    run(&dir, &["fleet", "init", "Example"]);
    let token = dir.join("token.txt");
    run(&dir, &["fleet", "enroll", "--out", token.to_str().unwrap()]);
    let enrollment = Enrollment::parse(&std::fs::read_to_string(&token).unwrap()).unwrap();
    fill(&runtime, &server, &enrollment, count);
    println!("{count} machines");
    println!("sign-in alone (members)       {:>8.2?}", run(&dir, &["fleet", "members"]));
    println!("first inventory               {:>8.2?}", run(&dir, &["fleet", "inventory"]));
    println!("inventory, nothing new        {:>8.2?}", run(&dir, &["fleet", "inventory"]));
    let mut one = Client::enroll(&enrollment).unwrap();
    let mut kept = Vec::new();
    let mut report = || kept.push(Client::report(&mut one, &kept, &text(0)).unwrap().record);
    let mut times: Vec<Duration> = (0..21).map(|_| timed(&mut report)).collect();
    times.sort_unstable();
    println!("one more report: median       {:>8.2?}", times.get(10).unwrap());
    println!("one more report: worst of 21  {:>8.2?}", times.last().unwrap());
    println!("inventory, one report new     {:>8.2?}", run(&dir, &["fleet", "inventory"]));
    let kept: u64 = std::fs::read_dir(dir.join(".local/share/keystow/fleet"))
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    println!("kept on this PC               {:>5} MB", kept >> 20);
}

fn start(runtime: &Runtime, dir: &Path) -> (Arc<Server>, String, String) {
    let store = Store::Sqlite(Sqlite::open(&dir.join("server.sqlite")).unwrap());
    let often = 100_000.try_into().unwrap();
    let limits = Limits { address_per_minute: often, account_per_minute: often, ..Limits::default() };
    let behaviour = Behaviour { limits, ..Behaviour::default() };
    let server = runtime.block_on(Server::start(store, Setup::generate().unwrap(), behaviour)).unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let certificate = Certificate::generate(vec!["localhost".to_owned()]).unwrap();
    let (url, pin) = (format!("https://{}", listener.local_addr().unwrap()), certificate.pin().unwrap());
    let serving = Serving { listener, certificate: Some(certificate) };
    runtime.spawn(serve(server.clone(), serving, std::future::pending()));
    (server, url, pin)
}

/// Runs the program, and gives how long it took.
fn run(dir: &Path, args: &[&str]) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keystow"));
    command.args(args).arg("--password-file").arg(dir.join("password.txt"));
    command.env_clear().env("HOME", dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = Instant::now();
    let output = command.output().unwrap();
    let took = begun.elapsed();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

fn timed<T>(what: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    what();
    begun.elapsed()
}

/// Machines with a first report each.
fn fill(runtime: &Runtime, server: &Server, enrollment: &Enrollment, count: usize) {
    let made = |number: usize| {
        let (state, card) = enrollment.machine().unwrap();
        (state.report(&text(number)).unwrap(), card.0)
    };
    for first in (0..count).step_by(TOGETHER) {
        let numbers: Vec<usize> = (first..count.min(first + TOGETHER)).collect();
        let halves: Vec<Vec<_>> = thread::scope(|scope| {
            let running: Vec<_> = numbers
                .chunks(numbers.len().div_ceil(2))
                .map(|half| scope.spawn(|| half.iter().map(|number| made(*number)).collect::<Vec<_>>()))
                .collect();
            running.into_iter().map(|half| half.join().unwrap()).collect()
        });
        let machines = halves.into_iter().flatten().collect();
        let (organization, invite) = (*enrollment.organization.as_bytes(), *enrollment.invite.as_bytes());
        runtime.block_on(server.store().write(Fill { organization, invite, machines })).unwrap();
    }
}

/// What a PC reports: two findings.
fn text(number: usize) -> Vec<u8> {
    let finding = |partial: &str, keep: bool| {
        serde_json::json!({
            "product_key": "VK7JG-NPHTM-C97JM-9MPGT-3V66T", "partial_key": partial, "product": "Windows 10/11 Pro",
            "edition": "Professional", "channel": "Retail", "license": "retail", "verdict": "no-key-needed",
            "generic": true, "keep": keep, "windows": true, "installed": !keep,
        })
    };
    let report = serde_json::json!({
        "format": 1, "time": "2026-11-24T12:00:00Z", "name": format!("PC-{number:06}"),
        "device": {"uuid": "mark", "board": "mark"},
        "windows": [{"name": "Windows 11 Pro", "edition": "Professional", "build": 26100, "status": "licensed"}],
        "findings": [finding("3V66T", false), finding("3V66T", true)],
    });
    report.to_string().into_bytes()
}

struct Fill {
    organization: [u8; 16],
    invite: [u8; 16],
    machines: Vec<(Record, Vec<u8>)>,
}

impl Work for Fill {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let (organization, invite) = (Value::Bytes(&self.organization), Value::Bytes(&self.invite));
        for (report, card) in &self.machines {
            let (series, hash) = (Value::Bytes(report.series.as_bytes()), report.hash().0);
            let sql = "INSERT INTO machine (account_id, series, token, invite_id, card, created) \
                       VALUES ($1, $2, $3, $4, $5, $6)";
            let values = [organization, series, Value::Bytes(&hash), invite, Value::Bytes(card), Value::Int(1)];
            tx.execute(sql, &values).await?;
            let sql = "INSERT INTO record (account_id, series, idx, header, body, body_hash, received) \
                       VALUES ($1, $2, 1, $3, $4, $5, 1)";
            let (body, body_hash) = (Value::Bytes(&report.body.0), Value::Bytes(&report.body_hash.0));
            tx.execute(sql, &[organization, series, Value::Bytes(&report.header.0), body, body_hash]).await?;
            let sql = "INSERT INTO head (account_id, series, idx, hash, bytes, rows) \
                       VALUES ($1, $2, 1, $3, $4, with_row(x'', 1, last_insert_rowid()))";
            let values = [organization, series, Value::Bytes(&hash), Value::Int(report.body.0.len() as i64)];
            tx.execute(sql, &values).await?;
        }
        Ok(())
    }
}
