//! Accounts by the hundred thousand, put into the database without asking the server.
//!
//! They are what a server would have made of requests: chains are whole, sessions can be used. Only their
//! credentials are missing, so nobody can sign in to them anew.

use std::io;

use data_encoding::BASE64URL_NOPAD;
use futures_util::future::try_join_all;
use keystow_account::id::{AccountId, SeriesId};
use keystow_account::store::{Store, StoreError, Tx, Value, Work};
use keystow_account::wire::{Hash, Head, Record};

use crate::keystow::{Account, random};

/// How many accounts one transaction makes.
const TOGETHER: usize = 100;
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
    store.write(Fill { setup, made }).await.map_err(io::Error::other)?;
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

struct Fill {
    setup: i64,
    made: Vec<Made>,
}

impl Work for Fill {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        for made in &self.made {
            let id = made.account.id();
            let account = Value::Bytes(id.as_bytes());
            let sql = "INSERT INTO account (account_id, kind, created, setup, generation) VALUES ($1, 0, 0, $2, 1)";
            tx.execute(sql, &[account, Value::Int(self.setup)]).await?;
            let sql = "INSERT INTO session (account_id, device_id, token, generation, created, seen, fresh) \
                       VALUES ($1, $2, $3, 1, 0, $4, 0)";
            // Seen in the far future, so that using it writes nothing, as with a device that was just seen.
            let values = [account, Value::Bytes(&made.device), Value::Bytes(&made.token.0), Value::Int(1 << 40)];
            tx.execute(sql, &values).await?;
            for record in &made.records {
                put(tx, account, record).await?;
            }
            if let (Some(head), bytes) = (made.account.head(), made.records.iter().map(length).sum()) {
                put_head(tx, account, head, bytes).await?;
            }
        }
        Ok(())
    }
}

async fn put(tx: &mut dyn Tx, account: Value<'_>, record: &Record) -> Result<(), StoreError> {
    let sql = "INSERT INTO record (account_id, series, idx, prev, header, body, body_hash, received) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 0)";
    let values = [
        account,
        Value::Bytes(record.series.as_bytes()),
        Value::Int(record.index.cast_signed()),
        record.prev.as_ref().map_or(Value::Null, |prev| Value::Bytes(&prev.0)),
        Value::Bytes(&record.header.0),
        Value::Bytes(&record.body.0),
        Value::Bytes(&record.body_hash.0),
    ];
    tx.execute(sql, &values).await.map(drop)
}

async fn put_head(tx: &mut dyn Tx, account: Value<'_>, head: Head, bytes: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO head (account_id, series, idx, hash, bytes) VALUES ($1, $2, $3, $4, $5)";
    let (series, hash) = (Value::Bytes(head.series.as_bytes()), Value::Bytes(&head.hash.0));
    tx.execute(sql, &[account, series, Value::Int(head.index.cast_signed()), hash, Value::Int(bytes)]).await.map(drop)
}

fn length(record: &Record) -> i64 {
    (record.header.0.len() + record.body.0.len()).cast_signed() as i64
}
