//! `keystow serve` is killed at every call that writes, at random moments under load, and its disk runs full: every
//! record that it acknowledged is there, the chain holds, and the server goes on.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use keystow_account::client::{Address, Client, Session};
use keystow_account::id::{FileId, SeriesId};
use keystow_account::wire::{Bytes, Hash, Name, Record, Refusal};
use serde_json::Value;

use crate::home::{Home, said};
use crate::mounted::Mounted;
use crate::{in_parallel, strace};

const KEYSTOW: &str = env!("CARGO_BIN_EXE_keystow");
/// The calls by which SQLite and the server change files.
const CALLS: [&str; 5] = ["pwrite64", "write", "fdatasync", "fsync", "ftruncate"];
/// People who append at once while the server is killed.
const WRITERS: u8 = 4;
/// How often the server is killed at random moments.
const ROUNDS: usize = 12;
const FILE: FileId = FileId::new([9; 16]);

/// A server as people run it, without TLS.
struct Server {
    child: Child,
    address: Address,
}

impl Server {
    /// Starts it on a folder; `None` when it ends before it listens.
    fn start(data: &Path, program: &[&str]) -> Option<Self> {
        let mut command = Command::new(program.first().unwrap_or(&KEYSTOW));
        if let [_, args @ ..] = program {
            command.args(args).arg(KEYSTOW);
        }
        command.args(["serve", "--json", "--plain-http", "--listen", "127.0.0.1:0", "--address-per-minute", "10000"]);
        command.arg("--data").arg(data).env("HOME", data).stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
        let text: String = lines.by_ref().take_while(|line| line != "}").collect();
        let Ok(started) = serde_json::from_str::<Value>(&(text + "}")) else {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        };
        let url = started["address"].as_str()?.to_owned();
        Some(Self { child, address: Address { url, pin: None } })
    }

    fn client(&self, session: &Session) -> Client {
        let mut client = Client::signed_in(&self.address, &session.token).unwrap();
        client.be_patient(Duration::ZERO);
        client.expect_answers_within(Duration::from_secs(20));
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of a server that one person has an account with, copied for each run.
struct Base {
    home: Home,
    session: Session,
}

impl Base {
    fn new(name: &str) -> Self {
        let home = Home::new(name);
        let data = home.path("server");
        let server = Server::start(&data, &[]).unwrap();
        let (made, _) =
            Client::new(&server.address).unwrap().create(&Name::parse("anna").unwrap(), "password").unwrap();
        let base = Self { home, session: made.session };
        Writer::new(0).write(&server.client(&base.session), 3).unwrap();
        base
    }

    fn data(&self) -> PathBuf {
        self.home.path("server")
    }
}

/// One device that appends to a series of its own, and remembers what was acknowledged.
#[derive(Clone)]
struct Writer {
    series: SeriesId,
    acknowledged: Vec<Record>,
}

impl Writer {
    fn new(number: u8) -> Self {
        Self { series: SeriesId::new([number; 16]), acknowledged: Vec::new() }
    }

    /// Appends so many records; the first that is not acknowledged ends it.
    fn write(&mut self, client: &Client, count: usize) -> Result<(), keystow_account::client::ClientError> {
        for _ in 0..count {
            let last = self.acknowledged.last();
            let index = last.map_or(1, |last| last.index + 1);
            // Always the same bytes at the same place, so that what was kept unacknowledged is no other record.
            let body = Bytes(format!("record {index} of {}", self.series).repeat(20).into_bytes());
            let (prev, body_hash) = (last.map(Record::hash), Hash::of(&body.0));
            let record = Record { series: self.series, index, prev, header: Bytes(vec![1; 200]), body, body_hash };
            client.append(&record)?;
            self.acknowledged.push(record);
        }
        Ok(())
    }

    /// Whether everything that was acknowledged is there as it was.
    fn is_kept(&self, records: &[Record]) -> bool {
        let there: Vec<_> = records.iter().filter(|record| record.series == self.series).collect();
        // One more may have been kept whose answer was lost.
        let more = there.len().wrapping_sub(self.acknowledged.len());
        more <= 1 && self.acknowledged.iter().zip(&there).all(|(sent, kept)| sent == *kept)
    }
}

fn all_records(client: &Client) -> Vec<Record> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let (records, more) = client.records(after, 1000).unwrap();
        after = records.last().map(|record| (record.series, record.index));
        all.extend(records);
        if !more {
            return all;
        }
    }
}

/// Starts the server again and expects everything that was acknowledged, and that everything can be done after all.
fn holds(base: &Base, data: &Path, writers: &mut [Writer], file: bool, at: &str) {
    let server = Server::start(data, &[]).unwrap_or_else(|| panic!("{at}: it does not start again"));
    let client = server.client(&base.session);
    let records = all_records(&client);
    for writer in &mut *writers {
        assert!(writer.is_kept(&records), "{at}: {} of {} are lost or altered", writer.series, records.len());
        writer.write(&client, 2).unwrap_or_else(|error| panic!("{at}: {error}"));
    }
    let kept = client.files().unwrap().iter().any(|kept| kept.id == FILE);
    assert!(kept || !file, "{at}: a file is lost");
    client.put_file(FILE, Bytes(b"file".to_vec())).unwrap();
    drop(server);
    is_whole(data, at);
}

fn is_whole(data: &Path, at: &str) {
    let check = Command::new(KEYSTOW).args(["serve", "check", "--data"]).arg(data).env("HOME", data).output().unwrap();
    assert!(check.status.success(), "{at}: {}", said(&check));
}

/// What is done to a server that is killed meanwhile; gives the writers, and whether the file was acknowledged.
fn work(base: &Base, server: &Server) -> (Vec<Writer>, bool) {
    let writers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for number in 1..=WRITERS {
            let (client, writers) = (server.client(&base.session), &writers);
            scope.spawn(move || {
                let mut writer = Writer::new(number);
                let _ = writer.write(&client, 2);
                writers.lock().unwrap().push(writer);
            });
        }
    });
    let file = server.client(&base.session).put_file(FILE, Bytes(b"file".to_vec())).is_ok();
    (writers.into_inner().unwrap(), file)
}

/// Runs the server under `strace`: whether it lived, what was acknowledged, and the calls that were made.
fn traced(base: &Base, data: &Path, inject: Option<&str>) -> (bool, Vec<Writer>, bool, String) {
    let trace = data.with_extension("trace");
    let mut program = vec!["strace", "-D", "-f", "-qq", "-o", trace.to_str().unwrap()];
    let calls = format!("trace={}", CALLS.join(","));
    program.extend(["-e", &calls]);
    let inject = inject.map(|inject| format!("inject={inject}")).unwrap_or_default();
    if !inject.is_empty() {
        program.extend(["-e", &inject]);
    }
    let Some(mut server) = Server::start(data, &program) else {
        return (false, (1..=WRITERS).map(Writer::new).collect(), false, String::new());
    };
    let (writers, file) = work(base, &server);
    let lived = server.child.try_wait().unwrap().is_none();
    if lived {
        server.child.kill().unwrap();
    }
    let status = server.child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "it died of nothing else");
    (lived, writers, file, fs::read_to_string(&trace).unwrap_or_default())
}

/// Each call with its number, up to how often the busiest thread makes it.
fn sites(trace: &str) -> Vec<(&'static str, usize)> {
    let mut sites = Vec::new();
    for call in CALLS {
        let mut threads = std::collections::BTreeMap::<&str, usize>::new();
        for line in trace.lines() {
            if let Some((thread, rest)) = line.split_once(' ')
                && rest.trim_start().starts_with(&format!("{call}("))
            {
                *threads.entry(thread).or_default() += 1;
            }
        }
        let most = threads.into_values().max().unwrap_or(0);
        sites.extend((1..=most).map(|nth| (call, nth)));
    }
    sites
}

#[test]
fn a_server_killed_at_every_call_that_writes_has_every_record_that_it_acknowledged() {
    if !strace::is_usable() {
        eprintln!("strace is missing or may not trace here: nothing was killed and nothing is proven");
        return;
    }
    let base = Base::new("serve");
    let home = base.home.fork("serve-whole");
    let (lived, mut writers, file, trace) = traced(&base, &home.path("server"), None);
    assert!(lived && file && writers.iter().all(|writer| writer.acknowledged.len() == 2));
    holds(&base, &home.path("server"), &mut writers, true, "undisturbed");
    let sites = sites(&trace);
    assert!(sites.len() > 20, "{sites:?}");
    let killed = AtomicUsize::new(0);
    let failures = in_parallel(&sites, |(call, nth)| {
        let at = format!("serve-{call}-{nth}");
        let home = base.home.fork(&at);
        let (lived, mut writers, file, _) =
            traced(&base, &home.path("server"), Some(&format!("{call}:signal=KILL:when={nth}")));
        killed.fetch_add(usize::from(!lived), Ordering::Relaxed);
        holds(&base, &home.path("server"), &mut writers, file, &at);
    });
    eprintln!("serve: {} of {} runs were killed", killed.into_inner(), sites.len());
    assert!(failures.is_empty(), "{} runs lost something:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn a_server_killed_at_random_moments_under_load_has_every_record_that_it_acknowledged() {
    let base = Base::new("serve-load");
    let mut writers: Vec<_> = (1..=8).map(Writer::new).collect();
    for round in 0..ROUNDS {
        let mut server = Server::start(&base.data(), &[]).unwrap();
        thread::scope(|scope| {
            for writer in &mut writers {
                let client = server.client(&base.session);
                scope.spawn(move || while writer.write(&client, 1).is_ok() {});
            }
            thread::sleep(Duration::from_millis(50 + RandomState::new().hash_one(round) % 300));
            server.child.kill().unwrap();
        });
        drop(server);
        let mut all = writers.clone();
        holds(&base, &base.data(), &mut all, false, &format!("round {round}"));
        // What was kept unacknowledged is the writer's own, and the next of it follows.
        writers = all;
    }
    let count: usize = writers.iter().map(|writer| writer.acknowledged.len()).sum();
    eprintln!("serve: {count} records in {ROUNDS} rounds");
    assert!(count > 100, "{count}");
}

impl Mounted {
    /// Leaves so many bytes free.
    fn fill(&self, leave: u64) {
        let (filler, mut size) = (self.0.join("filler"), 4 << 20);
        while size > 0 && fs::write(&filler, vec![1; size]).is_err() {
            size -= 1 << 14;
        }
        let file = fs::File::options().write(true).open(&filler).unwrap();
        file.set_len((size as u64).saturating_sub(leave)).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

#[test]
fn a_full_disk_is_told_and_loses_nothing_and_when_there_is_room_the_server_goes_on() {
    let base = Base::new("serve-full");
    let folder = base.home.path("disk");
    fs::create_dir_all(&folder).unwrap();
    let Some(disk) = Mounted::new(&folder, "size=4m") else { return };
    let data = disk.0.join("server");
    assert!(Command::new("cp").arg("-a").arg(base.data()).arg(&data).status().unwrap().success());
    let mut writers: Vec<_> = (1..=3).map(Writer::new).collect();
    for leave in [0, 100_000, 300_000] {
        let server = Server::start(&data, &[]).unwrap();
        let client = server.client(&base.session);
        writers[0].write(&client, 1).unwrap();
        disk.fill(leave);
        for writer in &mut writers {
            let error = (0..5000).find_map(|_| writer.write(&client, 1).err()).expect("the disk fills");
            assert_eq!(error.refusal(), Some(Refusal::Unavailable), "{error}");
            assert!(error.to_string().contains("its log says which"), "{error}");
        }
        let records = all_records(&client);
        assert!(
            writers.iter().all(|writer| writer.is_kept(&records)),
            "what was acknowledged is read while it is full"
        );
        disk.empty();
        for writer in &mut writers {
            writer.write(&client, 3).unwrap();
        }
        drop(server);
        is_whole(&data, "after a full disk");
        disk.fill(0);
        // It may start or not; if it does, everything can be read.
        if let Some(server) = Server::start(&data, &[]) {
            let records = all_records(&server.client(&base.session));
            assert!(writers.iter().all(|writer| writer.is_kept(&records)), "started on a full disk");
        }
        disk.empty();
        holds(&base, &data, &mut writers, false, "after a start on a full disk");
    }
}
