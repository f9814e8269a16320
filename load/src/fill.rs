//! Accounts by the hundred thousand, put into the database without asking the server.
//!
//! They are what a server would have made of requests: chains are whole, sessions can be used. Only their
//! credentials are missing, so nobody can sign in to them anew.

use std::io;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use futures_util::future::try_join_all;
use keystow_account::id::{AccountId, SeriesId};
use keystow_account::store::{Kind, Store, StoreError, Tx, Work};
use keystow_account::wire::{Hash, Head, Record};

use crate::keystow::{Account, random};

/// How many accounts one transaction makes.
const TOGETHER: usize = 100;
/// How many records' rows stand together in a file of `SQLite`, see `store::places`.
const BLOCK: usize = 16;
/// How many transactions are under way at once; `SQLite` does one after the other.
const AT_ONCE: usize = 8;

/// Makes `count` accounts with `records` records each. The server must not be running, and must have made an
/// account before, since the accounts are marked with its secrets' number.
///
/// # Errors
///
/// What the database says.
pub async fn fill(store: &Store, count: usize, records: u64) -> io::Result<Vec<Account>> {
    let setup = store.read(FindSetup).await.map_err(io::Error::other)?;
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let some = (0..AT_ONCE).map(|_| some(store, setup, records));
        all.extend(try_join_all(some).await?.into_iter().flatten());
    }
    all.truncate(count);
    Ok(all)
}

async fn some(store: &Store, setup: i64, records: u64) -> io::Result<Vec<Account>> {
    let made: Vec<Made> = (0..TOGETHER).map(|_| Made::new(records)).collect::<io::Result<_>>()?;
    let accounts = made.iter().map(|made| made.account.clone()).collect();
    store.write(Fill { made, setup }).await.map_err(io::Error::other)?;
    Ok(accounts)
}

struct Made {
    account: Account,
    device: Vec<u8>,
    token: Hash,
    records: Vec<Record>,
}

impl Made {
    fn new(records: u64) -> io::Result<Self> {
        let (id, device, secret) = (AccountId::random().map_err(io::Error::other)?, random(16)?, random(32)?);
        let token = BASE64URL_NOPAD.encode(&[id.as_bytes().as_slice(), &device, &secret].concat());
        let series = SeriesId::random().map_err(io::Error::other)?;
        let mut account = Account::with_session(id, &token, series)?;
        let mut made = Vec::new();
        for _ in 0..records {
            let record = account.next_record()?;
            account.follow(record.head());
            made.push(record);
        }
        Ok(Self { account, device, token: Hash::of(&secret), records: made })
    }
}

struct FindSetup;

impl Work for FindSetup {
    type Done = i64;

    async fn run(&self, tx: &mut dyn Tx) -> Result<i64, StoreError> {
        let rows = tx.query("SELECT setup FROM account LIMIT 1", &[]).await?;
        rows.first().map_or_else(|| Err(StoreError::Sql("there is no account yet".to_owned())), |row| row.int(0))
    }
}

/// Some accounts, as statements with their values in them: a journey for each row would take minutes.
struct Fill {
    made: Vec<Made>,
    setup: i64,
}

impl Work for Fill {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let (made, setup) = (&self.made, self.setup);
        let statements = match tx.kind() {
            Kind::Postgres => statements(made, setup, in_postgres) + &heads(made, in_postgres),
            Kind::Sqlite => {
                let last = tx.query("SELECT COALESCE(MAX(rowid), 0) FROM record", &[]).await?;
                let first = last.first().map_or(Ok(0), |row| row.int(0))? + 1;
                statements(made, setup, in_sqlite) + &heads(made, in_sqlite) + &places(made, first)
            }
        };
        tx.batch(&statements).await
    }
}

/// The statements, with bytes written as the store's own language has them.
fn statements(made: &[Made], setup: i64, literal: fn(&[u8]) -> String) -> String {
    let (mut accounts, mut sessions, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for Made { account, device, token, records: written } in made {
        let id = literal(account.id().as_bytes());
        accounts.push(format!("({id}, 0, 0, {setup}, 1)"));
        // Seen in the far future, so that using it writes nothing, as with a device that was just seen.
        sessions.push(format!("({id}, {}, {}, 1, 0, {}, 0)", literal(device), literal(&token.0), 1_u64 << 40));
        for record in written {
            let prev = record.prev.map_or_else(|| "NULL".to_owned(), |prev| literal(&prev.0));
            let (series, header, body) = (literal(record.series.as_bytes()), &record.header.0, &record.body.0);
            let (header, body, hash) = (literal(header), literal(body), literal(&record.body_hash.0));
            records.push(format!("({id}, {series}, {}, {prev}, {header}, {body}, {hash}, 0)", record.index));
        }
    }
    insert("account (account_id, kind, created, setup, generation)", &accounts)
        + &insert("session (account_id, device_id, token, generation, created, seen, fresh)", &sessions)
        + &insert("record (account_id, series, idx, prev, header, body, body_hash, received)", &records)
}

fn heads(made: &[Made], literal: fn(&[u8]) -> String) -> String {
    let head = |made: &Made| {
        let Head { series, index, hash } = made.account.head()?;
        let bytes: usize = made.records.iter().map(|record| record.header.0.len() + record.body.0.len()).sum();
        let (id, series, hash) = (made.account.id(), literal(series.as_bytes()), literal(&hash.0));
        Some(format!("({}, {series}, {index}, {hash}, {bytes})", literal(id.as_bytes())))
    };
    insert("head (account_id, series, idx, hash, bytes)", &made.iter().filter_map(head).collect::<Vec<_>>())
}

/// Where the records lie in a file of `SQLite`, the first of them in row `first`.
fn places(made: &[Made], mut first: i64) -> String {
    let (mut full, mut last) = (Vec::new(), String::new());
    for Made { account, records, .. } in made {
        let id = in_sqlite(account.id().as_bytes());
        let Some(Record { series, .. }) = records.first() else { continue };
        let blocks = records.len().div_ceil(BLOCK);
        for (number, block) in records.chunks(BLOCK).enumerate() {
            let rows: Vec<u8> = (first..).take(block.len()).flat_map(i64::to_be_bytes).collect();
            first += block.len() as i64;
            let (series, rows) = (in_sqlite(series.as_bytes()), in_sqlite(&rows));
            if number + 1 == blocks {
                last += &format!("UPDATE head SET rows = {rows} WHERE account_id = {id} AND series = {series};");
            } else {
                full.push(format!("({id}, {series}, {number}, {rows})"));
            }
        }
    }
    insert("place (account_id, series, block, rows)", &full) + &last
}

fn insert(table: &str, rows: &[String]) -> String {
    if rows.is_empty() { String::new() } else { format!("INSERT INTO {table} VALUES {};", rows.join(",")) }
}

fn in_sqlite(bytes: &[u8]) -> String {
    format!("x'{}'", HEXLOWER.encode(bytes))
}

fn in_postgres(bytes: &[u8]) -> String {
    format!("'\\x{}'", HEXLOWER.encode(bytes))
}
