//! A database whose bytes rot is refused when it is opened, or its damage is found by the check, or the damage touched
//! nothing that was kept: a record is never given out altered by a server that calls itself whole.

use std::fs;
use std::path::Path;

use keystow_account::id::SeriesId;
use keystow_account::server::{Setup, check};
use keystow_account::store::{Sqlite, Store, StoreError, Tx, Value, Work};
use keystow_account::wire::{Bytes, Hash, Head, Record};

use crate::server::{Here, folder, generous};

/// Flipped bytes, and lengths to which the file is cut.
const FLIPS: u64 = 400;
const CUTS: u64 = 40;

/// A database with records in it, as it lies on the disk after the server ended.
fn database() -> (Vec<u8>, Vec<Kept>) {
    let dir = folder();
    let path = dir.join("store.sqlite");
    let here = Here::on(Store::Sqlite(Sqlite::open(&path).unwrap()), Setup::generate().unwrap(), generous(), folder());
    let token = here.token_of_another();
    for series in [1, 2, 3].map(|n| SeriesId::new([n; 16])) {
        let mut last: Option<Record> = None;
        for index in 1..=10 {
            let body = Bytes(format!("body {index} of {series}").repeat(40).into_bytes());
            let (prev, body_hash) = (last.as_ref().map(Record::hash), Hash::of(&body.0));
            let record = Record { series, index, prev, header: Bytes(vec![5; 100]), body, body_hash };
            let _: Head = here.post("/v1/log", Some(&token), &record).done();
            last = Some(record);
        }
    }
    // A copy has everything in one file.
    let copy = dir.join("copy.sqlite");
    Sqlite::open(&path).unwrap().copy_to(&copy).unwrap();
    let (bytes, kept) = (fs::read(&copy).unwrap(), read(&copy).unwrap().unwrap());
    fs::remove_dir_all(dir).unwrap();
    assert_eq!(kept.len(), 30);
    (bytes, kept)
}

/// What is kept of a record: series, index, header, body.
type Kept = (Vec<u8>, i64, Vec<u8>, Vec<u8>);

struct ReadAll;

impl Work for ReadAll {
    type Done = Vec<Kept>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Vec<Kept>, StoreError> {
        // By the index, as the server reads: a row's own copy of its key is never looked at.
        let sql =
            "SELECT series, idx, header, body FROM record WHERE account_id >= $1 ORDER BY account_id, series, idx";
        let rows = tx.query(sql, &[Value::Bytes(&[])]).await?;
        rows.iter().map(|row| Ok((row.bytes(0)?, row.int(1)?, row.bytes(2)?, row.bytes(3)?))).collect()
    }
}

/// The records of a database; `None` when its check finds faults.
fn read(path: &Path) -> Result<Option<Vec<Kept>>, StoreError> {
    let store = Store::Sqlite(Sqlite::open(path)?);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        store.migrate().await?;
        let checked = check(&store).await?;
        if checked.faults.is_empty() { store.read(ReadAll).await.map(Some) } else { Ok(None) }
    })
}

/// How a damaged database was found out.
#[derive(Default, Debug)]
struct Found {
    refused: u32,
    checked: u32,
    harmless: u32,
}

impl Found {
    fn try_with(&mut self, bytes: &[u8], kept: &[Kept], what: &str) {
        let dir = folder();
        let path = dir.join("store.sqlite");
        fs::write(&path, bytes).unwrap();
        match read(&path) {
            Err(error) => {
                let words = error.to_string();
                let known = matches!(
                    error,
                    StoreError::Damaged(_)
                        | StoreError::OtherMigration(_)
                        | StoreError::Newer { .. }
                        | StoreError::Sql(_)
                );
                assert!(known && !words.is_empty(), "{what}: {error:?}");
                self.refused += 1;
            }
            Ok(None) => self.checked += 1,
            Ok(Some(records)) => {
                assert!(records == kept, "{what}: altered records are called whole");
                self.harmless += 1;
            }
        }
        fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn no_flipped_byte_and_no_cut_makes_an_altered_record_pass_for_a_whole_one() {
    let (bytes, kept) = database();
    let mut found = Found::default();
    // Spread over the whole file by a step that shares no factor with the length of pages.
    for n in 0..FLIPS {
        let at = (n * 7919 + 13) as usize % bytes.len();
        let mut flipped = bytes.clone();
        flipped[at] ^= if n % 2 == 0 { 0x01 } else { 0xFF };
        found.try_with(&flipped, &kept, &format!("byte {at}"));
    }
    for n in 1..CUTS {
        let at = bytes.len() * n as usize / CUTS as usize;
        found.try_with(&bytes[..at], &kept, &format!("cut at {at}"));
    }
    eprintln!("{found:?}");
    assert!(found.refused > CUTS as u32 && found.checked > 20 && found.harmless > 20, "{found:?}");
}

#[test]
fn what_is_no_database_is_refused_and_left_as_it_is() {
    let dir = folder();
    for (name, text) in
        [("text", "not a database, but longer than its header would be: ".repeat(20)), ("zeros", "\0".repeat(8192))]
    {
        let path = dir.join(name);
        fs::write(&path, &text).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{name}: {error:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "{name}");
    }
    fs::remove_dir_all(dir).unwrap();
}
