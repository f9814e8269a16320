//! The account as a place: the files of a copy, as records and small files on the server.
//!
//! A header and its body are one record there; names and headers are sealed under the copy key. The server can so tell
//! neither which vault it keeps nor what a file is.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keystow_account::client::{Client, ClientError};
use keystow_account::id::SeriesId;
use keystow_account::keys::CopyKey;
use keystow_account::wire::{Bytes, Hash, Head, Record, Refusal};
use keystow_vault::{DeviceId, Header, Place};

use super::{ACCOUNT, Account};

/// What a small file is sealed as; its own name lies within.
const SMALL: &str = "file";
/// Small files of the account itself, and of no copy, begin so.
pub(super) const OWN: &str = "account-";
/// Everyday commands do not wait for a server that is out of reach.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many records are fetched at once.
const PAGE: u64 = 1000;

/// The place.
pub(crate) struct AccountPlace {
    /// Where the sign-in of this device is kept. It is read anew each time: another sign-in may have taken its place.
    path: PathBuf,
    known: Mutex<Known>,
}

/// What is known of the server's content.
#[derive(Default)]
struct Known {
    client: Option<Client>,
    files: BTreeMap<String, Vec<u8>>,
    /// Of each device: its last record, and the records without a body.
    logs: BTreeMap<String, (Head, BTreeSet<u64>)>,
    records: BTreeMap<(SeriesId, u64), Record>,
    /// Halves of records on their way: a header or a body waits for the other.
    halves: BTreeMap<(SeriesId, u64), Halves>,
}

#[derive(Default)]
struct Halves {
    header: Option<Vec<u8>>,
    body: Option<Vec<u8>>,
}

/// One half of a record, as a copy names its file.
#[derive(Clone, Copy)]
struct Half<'a> {
    file: &'a str,
    device: &'a str,
    index: u64,
    is_header: bool,
}

impl AccountPlace {
    /// The account that this device is signed in to, as this file says; without one, the place cannot be read.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, known: Mutex::default() }
    }

    fn with<T>(&self, run: impl FnOnce(&Account, &mut Known) -> io::Result<T>) -> io::Result<T> {
        let none = || io::Error::other("this PC is signed in to no account (keystow account login)");
        let account = Account::load(&self.path)?.ok_or_else(none)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut known.client {
            Some(client) => client.show(&account.session.token),
            None => {
                let mut client = account.client().map_err(told)?;
                client.be_patient(PATIENCE);
                known.client = Some(client);
            }
        }
        run(&account, &mut known)
    }
}

impl Place for AccountPlace {
    fn name(&self) -> String {
        ACCOUNT.to_owned()
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.with(|account, known| {
            if dir.is_empty() {
                known.look(&account.copy_key)?;
            }
            Ok(known.names(dir))
        })
    }

    fn read(&self, file: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.with(|account, known| {
            let bytes = match Half::of(file) {
                Some(half) => known.half(half, &account.copy_key)?,
                None => known.files.get(file).cloned().ok_or(io::ErrorKind::NotFound)?,
            };
            if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
        })
    }

    fn read_fresh(&self, file: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.with(|account, known| match Half::of(file) {
            Some(half) => {
                known.records.remove(&(account.copy_key.series_id(half.device), half.index));
                Ok(())
            }
            None => known.fetch_files(&account.copy_key),
        })?;
        self.read(file, limit)
    }

    fn write_new(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.with(|account, known| match Half::of(file) {
            Some(half) => known.append(half, bytes, &account.copy_key),
            None => known.put(file, bytes, &account.copy_key, false),
        })
    }

    fn mend(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.with(|account, known| match Half::of(file) {
            Some(half) => known.mend(half, bytes, &account.copy_key),
            None => known.put(file, bytes, &account.copy_key, true),
        })
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.with(|account, known| match Half::of(file) {
            Some(half) if half.is_header => Err(io::ErrorKind::Unsupported.into()),
            Some(half) => known.remove_body(half, &account.copy_key),
            None => {
                known.client()?.remove_file(account.copy_key.file_id(file)).map_err(told)?;
                known.files.remove(file);
                Ok(())
            }
        })
    }

    fn sweep(&self, _dir: &str) -> io::Result<()> {
        Ok(())
    }
}

impl Known {
    fn client(&self) -> io::Result<&Client> {
        self.client.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Asks the server what is there.
    fn look(&mut self, key: &CopyKey) -> io::Result<()> {
        self.fetch_files(key)?;
        let (heads, removed) = self.client()?.heads().map_err(told)?;
        self.logs.clear();
        self.records.clear();
        let devices = self.files.keys().filter_map(|file| file.strip_prefix("devices/")?.strip_suffix(".json"));
        let named: BTreeMap<SeriesId, String> =
            devices.map(|device| (key.series_id(device), device.to_owned())).collect();
        let mut all_gone = BTreeMap::<SeriesId, BTreeSet<u64>>::new();
        for gone in removed {
            all_gone.entry(gone.series).or_default().insert(gone.index);
        }
        for head in heads {
            let gone = all_gone.remove(&head.series).unwrap_or_default();
            // A series of no device that is known cannot be read; it is shown under the server's own name of it.
            let name = named.get(&head.series).cloned().unwrap_or_else(|| head.series.to_string());
            self.logs.insert(name, (head, gone));
        }
        Ok(())
    }

    fn fetch_files(&mut self, key: &CopyKey) -> io::Result<()> {
        let files = self.client()?.files().map_err(told)?;
        self.files.clear();
        for file in files {
            // What does not open is shown under the server's own name of it: no file of a copy is called so.
            let named = open_file(key, &file.bytes).filter(|(name, _)| key.file_id(name) == file.id);
            match named {
                Some((name, _)) if name.starts_with(OWN) => {}
                Some((name, bytes)) => _ = self.files.insert(name, bytes),
                None => _ = self.files.insert(file.id.to_string(), file.bytes.0),
            }
        }
        Ok(())
    }

    fn names(&self, dir: &str) -> Vec<String> {
        match dir {
            "" => {
                let top = self.files.keys().filter(|name| !name.contains('/')).cloned();
                let devices = self.files.keys().any(|name| name.starts_with("devices/")).then(|| "devices/".to_owned());
                top.chain(devices).chain((!self.logs.is_empty()).then(|| "log/".to_owned())).collect()
            }
            "devices" => self.files.keys().filter_map(|name| Some(name.strip_prefix("devices/")?.to_owned())).collect(),
            "log" => self.logs.keys().map(|device| format!("{device}/")).collect(),
            _ => {
                let log = dir.strip_prefix("log/").and_then(|device| self.logs.get(device));
                let Some((head, gone)) = log else { return Vec::new() };
                let headers = (1..=head.index).map(|index| format!("{index}.json"));
                let bodies = (1..=head.index).filter(|index| !gone.contains(index));
                headers.chain(bodies.map(|index| format!("{index}.age"))).collect()
            }
        }
    }

    /// A header or body. What does not open, or is missing where it must be, is given as something that cannot be right,
    /// so that the vault sees it as altered and mends it.
    fn half(&mut self, half: Half<'_>, key: &CopyKey) -> io::Result<Vec<u8>> {
        let series = key.series_id(half.device);
        let waiting = self.halves.get(&(series, half.index));
        let own =
            waiting.and_then(|waiting| if half.is_header { waiting.header.as_ref() } else { waiting.body.as_ref() });
        if let Some(own) = own {
            return Ok(own.clone());
        }
        let last = self.logs.get(half.device).map_or(0, |(head, _)| head.index);
        let record = match self.record(series, half.index)? {
            Some(record) => record,
            None if half.index <= last => return Ok(Vec::new()),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        if half.is_header {
            return Ok(key
                .open(half.file, &record.header)
                .map_or_else(|_| record.header.0.clone(), |open| open.to_vec()));
        }
        let gone = self.logs.get(half.device).is_some_and(|(_, gone)| gone.contains(&half.index));
        if gone { Err(io::ErrorKind::NotFound.into()) } else { Ok(record.body.0) }
    }

    /// The record, from memory or with those after it from the server.
    fn record(&mut self, series: SeriesId, index: u64) -> io::Result<Option<Record>> {
        let place = (series, index);
        if !self.records.contains_key(&place) {
            let after = Some((series, index.saturating_sub(1)));
            let (records, _) = self.client()?.records(after, PAGE).map_err(told)?;
            self.records.extend(records.into_iter().map(|record| ((record.series, record.index), record)));
        }
        Ok(self.records.get(&place).cloned())
    }

    /// Takes a half; with the header, which comes last, the record is appended.
    fn append(&mut self, half: Half<'_>, bytes: &[u8], key: &CopyKey) -> io::Result<()> {
        let series = key.series_id(half.device);
        let last = self.logs.get(half.device).map(|(head, _)| *head);
        if last.is_some_and(|last| half.index <= last.index) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !half.is_header {
            self.halves.entry((series, half.index)).or_default().body = Some(bytes.to_vec());
            return Ok(());
        }
        let body = self.halves.get(&(series, half.index)).and_then(|halves| halves.body.clone());
        let record = record(half, series, last.map(|last| last.hash), bytes, body.unwrap_or_default(), key)?;
        let head = self.client()?.append(&record).map_err(told)?;
        self.halves.remove(&(series, half.index));
        self.logs.entry(half.device.to_owned()).or_insert((head, BTreeSet::new())).0 = head;
        self.records.insert((series, half.index), record);
        Ok(())
    }

    /// Puts a half back. Where the other half on the server is bad too, this one waits for it.
    fn mend(&mut self, half: Half<'_>, bytes: &[u8], key: &CopyKey) -> io::Result<()> {
        let series = key.series_id(half.device);
        let place = (series, half.index);
        if self.logs.get(half.device).is_none_or(|(head, _)| half.index > head.index) {
            return self.append(half, bytes, key);
        }
        self.records.remove(&place);
        let there = self.record(series, half.index)?;
        let prev = self.hash_before(series, half.index)?;
        let waiting = self.halves.entry(place).or_default();
        let slot = if half.is_header { &mut waiting.header } else { &mut waiting.body };
        *slot = Some(bytes.to_vec());
        let header_file = format!("log/{}/{}.json", half.device, half.index);
        let opened = |record: &Record| key.open(&header_file, &record.header).ok().map(|plain| plain.to_vec());
        let header = waiting.header.clone().or_else(|| opened(there.as_ref()?));
        let body = waiting.body.clone().or_else(|| there.as_ref().map(|record| record.body.0.clone()));
        let (Some(header), Some(body)) = (header, body) else { return Ok(()) };
        let fits = Header::body_of(&header).is_some_and(|mark| mark.sha256 == keystow_vault::Hash::of(&body));
        if !fits {
            return Ok(());
        }
        let whole = Half { file: &header_file, is_header: true, ..half };
        let record = record(whole, series, prev, &header, body, key)?;
        self.client()?.mend_record(&record).map_err(told)?;
        self.halves.remove(&place);
        self.records.insert(place, record);
        Ok(())
    }

    fn hash_before(&mut self, series: SeriesId, index: u64) -> io::Result<Option<Hash>> {
        match index.checked_sub(1) {
            None | Some(0) => Ok(None),
            Some(before) => Ok(self.record(series, before)?.map(|record| record.hash())),
        }
    }

    fn remove_body(&mut self, half: Half<'_>, key: &CopyKey) -> io::Result<()> {
        let series = key.series_id(half.device);
        if self.halves.remove(&(series, half.index)).is_some() {
            return Ok(());
        }
        self.client()?.remove_body(series, half.index).map_err(told)?;
        self.records.remove(&(series, half.index));
        if let Some((_, gone)) = self.logs.get_mut(half.device) {
            gone.insert(half.index);
        }
        Ok(())
    }

    fn put(&mut self, file: &str, bytes: &[u8], key: &CopyKey, replace: bool) -> io::Result<()> {
        if self.files.get(file).is_some_and(|there| there == bytes) {
            return if replace { Ok(()) } else { Err(io::ErrorKind::AlreadyExists.into()) };
        }
        let (id, sealed) = (key.file_id(file), seal_file(key, file, bytes)?);
        let client = self.client()?;
        let first = client.put_file(id, sealed.clone());
        match first {
            // Put back what is damaged: that alone needs a sign-in just made.
            Err(error) if replace && error.refusal() == Some(Refusal::Conflict) => client.mend_file(id, sealed),
            done => done,
        }
        .map_err(told)?;
        self.files.insert(file.to_owned(), bytes.to_vec());
        Ok(())
    }
}

impl<'a> Half<'a> {
    /// Reads `log/<device>/<index>.json` or `.age`.
    fn of(file: &'a str) -> Option<Self> {
        let (device, name) = file.strip_prefix("log/")?.split_once('/')?;
        let (index, kind) = name.rsplit_once('.')?;
        let index = index.parse().ok().filter(|index| *index > 0)?;
        DeviceId::parse(device)?;
        Some(Self { file, device, index, is_header: kind == "json" })
    }
}

/// A record of both halves. A body that was removed for good is known by what its header says of it.
fn record(
    half: Half<'_>,
    series: SeriesId,
    prev: Option<Hash>,
    header: &[u8],
    body: Vec<u8>,
    key: &CopyKey,
) -> io::Result<Record> {
    let mark = Header::body_of(header).ok_or(io::ErrorKind::InvalidData)?;
    let mut body_hash = [0; 32];
    data_encoding::HEXLOWER_PERMISSIVE
        .decode_mut(mark.sha256.to_string().as_bytes(), &mut body_hash)
        .map_err(|_| io::ErrorKind::InvalidData)?;
    let header = key.seal(half.file, header).map_err(io::Error::other)?;
    Ok(Record { series, index: half.index, prev, header, body: Bytes(body), body_hash: Hash(body_hash) })
}

/// Seals a small file with its name.
pub(super) fn seal_file(key: &CopyKey, name: &str, bytes: &[u8]) -> io::Result<Bytes> {
    let plain = zeroize::Zeroizing::new([name.as_bytes(), b"\0", bytes].concat());
    key.seal(SMALL, &plain).map_err(io::Error::other)
}

/// Opens a small file, and gives its name and content.
pub(super) fn open_file(key: &CopyKey, sealed: &Bytes) -> Option<(String, Vec<u8>)> {
    let plain = key.open(SMALL, sealed).ok()?;
    let end = plain.iter().position(|byte| *byte == 0)?;
    let (name, rest) = plain.split_at_checked(end)?;
    Some((String::from_utf8(name.to_vec()).ok()?, rest.get(1..)?.to_vec()))
}

/// What went wrong, as a medium says it, with the next step where a medium has none.
fn told(error: ClientError) -> io::Error {
    use io::ErrorKind as E;
    let kind = match &error {
        ClientError::Unreachable { .. } => E::HostUnreachable,
        ClientError::Lie { .. } => E::InvalidData,
        _ => match error.refusal() {
            Some(Refusal::Conflict) => E::AlreadyExists,
            Some(Refusal::NotFound) => E::NotFound,
            Some(Refusal::Full) => E::StorageFull,
            Some(Refusal::NotSignedIn | Refusal::SignInAgain) => {
                return io::Error::other(format!("{error} (keystow account login)"));
            }
            _ => E::Other,
        },
    };
    io::Error::new(kind, error)
}
