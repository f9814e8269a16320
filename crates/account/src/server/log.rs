//! The log: records that are appended, read, and never changed.
//!
//! A record must follow the head of its series by index and hash, or it is refused with the head. Sent twice, it is
//! taken once. A damaged record is mended with exactly the bytes that it had, which its successor's hash proves.

use axum::http::Method as Verb;
use utoipa::ToSchema;

use super::access::{Fresh, Session};
use super::auth::Plain;
use super::failure::{Answer, Failure};
use super::route::{Asked, Call, Nothing, Routes, Sent};
use super::{Limits, Server};
use crate::id::{AccountId, SeriesId};
use crate::store::{FindHeads, Row, StoreError, Tx, Value, Work, head, number};
use crate::wire::{
    After, Bytes, Empty, Hash, Head, Heads, MOST_BODY, MOST_HEADER, MOST_RECORDS, Record, Records, Refusal,
};

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::POST, "/v1/log", "Append a record", append);
    routes.add(Verb::GET, "/v1/log", "Read records", read);
    routes.add(Verb::GET, "/v1/log/heads", "The last record of every series", heads);
    routes.add(Verb::PUT, "/v1/log/mend", "Put the bytes of a record back that were damaged", mend);
    routes.add(Verb::DELETE, "/v1/log/{series}/{index}/body", "Remove the body of a record for good", remove_body);
}

#[derive(serde::Deserialize, ToSchema)]
struct OfRecord {
    series: SeriesId,
    #[schema(minimum = 1)]
    index: u64,
}

async fn append(call: Call<Session, Plain, Sent<Record>>) -> Answer<Head> {
    let record = within_limits(call.input.0)?;
    let Limits { series, series_bytes, .. } = call.server.limits;
    append_record(
        &call.server,
        Append { account: call.who.account, record, series: Some(series), series_bytes, now: call.server.now() },
    )
    .await
}

async fn read(call: Call<Session, Plain, Asked<After>>) -> Answer<Records> {
    Ok(call.server.store.read(Page::new(call.who.account, &call.input.0)).await?)
}

async fn heads(call: Call<Session, Plain, Nothing>) -> Answer<Heads> {
    Ok(call.server.store.heads(FindHeads(call.who.account)).await?)
}

async fn mend(call: Call<Session, Plain, Sent<Record>>) -> Answer<Empty> {
    let record = within_limits(call.input.0)?;
    let mended = call.server.store.write(Mend { account: call.who.account, record, now: call.server.now() }).await?;
    if mended { Ok(Empty {}) } else { Err(Refusal::Conflict.into()) }
}

async fn remove_body(call: Call<Fresh, OfRecord, Nothing>) -> Answer<Empty> {
    let OfRecord { series, index } = call.path;
    let removed = call.server.store.write(RemoveBody { account: call.who.0.account, series, index }).await?;
    if removed { Ok(Empty {}) } else { Err(Refusal::NotFound.into()) }
}

/// Refuses a record that is too long, or not what it says.
pub(super) fn within_limits(record: Record) -> Answer<Record> {
    if record.header.0.len() > MOST_HEADER || record.body.0.len() > MOST_BODY {
        return Err(Refusal::TooLarge.into());
    }
    let first = record.index == 1;
    if !record.is_whole() || record.index == 0 || first != record.prev.is_none() || i64::try_from(record.index).is_err()
    {
        return Err(Refusal::BadRequest.into());
    }
    Ok(record)
}

/// Appends, or says what is in the way.
pub(super) async fn append_record(server: &Server, append: Append) -> Answer<Head> {
    match server.store.write(append).await? {
        Appended::Done(head) => Ok(head),
        Appended::Behind(head) => Err(Failure::behind(head)),
        Appended::Full => Err(Refusal::Full.into()),
    }
}

/// Appends a record that follows its head.
pub(super) struct Append {
    pub(super) account: AccountId,
    pub(super) record: Record,
    /// How many series there may be, where it is not known already that this one may.
    pub(super) series: Option<u64>,
    /// How many bytes each may have.
    pub(super) series_bytes: u64,
    pub(super) now: i64,
}

pub(super) enum Appended {
    Done(Head),
    Behind(Option<Head>),
    Full,
}

impl Work for Append {
    type Done = Appended;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Appended, StoreError> {
        if self.follow(tx).await? {
            return Ok(Appended::Done(self.record.head()));
        }
        let (record, account) = (&self.record, Value::Bytes(self.account.as_bytes()));
        let series = Value::Bytes(record.series.as_bytes());
        let found = find_head(tx, account, series).await?;
        let (head, bytes) = found.map_or((None, 0), |(head, bytes)| (Some(head), bytes));
        let follows = head.map_or(record.index == 1, |head| {
            head.index.checked_add(1) == Some(record.index) && record.prev == Some(head.hash)
        });
        if !follows {
            return self.already(tx, head).await;
        }
        let length = (record.header.0.len() + record.body.0.len()) as u64;
        if bytes + length > self.series_bytes {
            return Ok(Appended::Full);
        }
        if let (None, Some(most)) = (head, self.series)
            && count_series(tx, account).await? >= most
        {
            return Ok(Appended::Full);
        }
        if !self.put(tx, bytes + length).await? {
            // Another one was quicker; what it wrote is the head now.
            let head = find_head(tx, account, series).await?;
            return self.already(tx, head.map(|(head, _)| head)).await;
        }
        Ok(Appended::Done(record.head()))
    }
}

impl Append {
    /// Puts the record and moves the head when all is as it mostly is: it follows its head, and there is room. The
    /// database is asked once. `false` when it is not so, and nothing was done.
    async fn follow(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let (record, account, head) = (&self.record, Value::Bytes(self.account.as_bytes()), self.record.head());
        let Some(prev) = &record.prev else { return Ok(false) };
        let length = (record.header.0.len() + record.body.0.len()) as u64;
        let Some(room) = self.series_bytes.checked_sub(length) else { return Ok(false) };
        let (series, index) = (Value::Bytes(head.series.as_bytes()), Value::Int(number(head.index)?));
        let (hash, length) = (Value::Bytes(&head.hash.0), Value::Int(number(length)?));
        let moves = "UPDATE head SET idx = $3, hash = $4, bytes = bytes + $5 \
                     WHERE account_id = $1 AND series = $2 AND idx + 1 = $3 AND hash = $6 AND bytes <= $7";
        let of_head = [account, series, index, hash, length, Value::Bytes(&prev.0), Value::Int(number(room)?)];
        let puts = "INSERT INTO record (account_id, series, idx, prev, header, body, body_hash, received) \
                    SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
                    WHERE EXISTS (SELECT 1 FROM head WHERE account_id = $1 AND series = $2 AND idx = $3 AND hash = $9) \
                    ON CONFLICT DO NOTHING";
        let [a, b, c, d, e, f, g, h] = row_of(account, record, self.now)?;
        match tx.end_with((moves, &of_head), (puts, &[a, b, c, d, e, f, g, h, hash])).await? {
            [1, 1] => Ok(true),
            [0, 0] => Ok(false),
            _ => Err(StoreError::Damaged("a head is not that of its records".to_owned())),
        }
    }

    /// Puts the record and the new head, or neither when another one was quicker.
    async fn put(&self, tx: &mut dyn Tx, bytes: u64) -> Result<bool, StoreError> {
        let (account, head) = (Value::Bytes(self.account.as_bytes()), self.record.head());
        // A head that moved meanwhile is left alone, as the record is whose place was taken.
        let sql = "INSERT INTO head (account_id, series, idx, hash, bytes) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (account_id, series) DO UPDATE SET idx = excluded.idx, hash = excluded.hash, \
                   bytes = excluded.bytes WHERE head.idx = excluded.idx - 1";
        let (series, index) = (Value::Bytes(head.series.as_bytes()), Value::Int(number(head.index)?));
        let values = [account, series, index, Value::Bytes(&head.hash.0), Value::Int(number(bytes)?)];
        let record = row_of(account, &self.record, self.now)?;
        match tx.end_with((INSERT, &record), (sql, &values)).await? {
            [1, 1] => Ok(true),
            [0, 0] => Ok(false),
            _ => Err(StoreError::Damaged("a head is not that of its records".to_owned())),
        }
    }

    /// Whether the very same record is there; else what is there.
    async fn already(&self, tx: &mut dyn Tx, head: Option<Head>) -> Result<Appended, StoreError> {
        let sql = "SELECT series, idx, prev, header, body, body_hash FROM record \
                   WHERE account_id = $1 AND series = $2 AND idx = $3";
        let (account, series) = (self.account.as_bytes(), self.record.series.as_bytes());
        let values = [Value::Bytes(account), Value::Bytes(series), Value::Int(number(self.record.index)?)];
        let there = tx.query(sql, &values).await?.first().map(record).transpose()?;
        let same = there.is_some_and(|there| there.hash() == self.record.hash());
        Ok(if same { Appended::Done(self.record.head()) } else { Appended::Behind(head) })
    }
}

/// The head of a series, and how many bytes its records have.
pub(super) async fn find_head(
    tx: &mut dyn Tx,
    account: Value<'_>,
    series: Value<'_>,
) -> Result<Option<(Head, u64)>, StoreError> {
    let sql = "SELECT series, idx, hash, bytes FROM head WHERE account_id = $1 AND series = $2";
    let rows = tx.query(sql, &[account, series]).await?;
    rows.first().map(|row| Ok((head(row)?, row.count(3)?))).transpose()
}

async fn count_series(tx: &mut dyn Tx, account: Value<'_>) -> Result<u64, StoreError> {
    let rows = tx.query("SELECT COUNT(*) FROM head WHERE account_id = $1", &[account]).await?;
    rows.first().map_or(Ok(0), |row| row.count(0))
}

const INSERT: &str = "INSERT INTO record (account_id, series, idx, prev, header, body, body_hash, received) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";

/// The values of a record's row.
fn row_of<'r>(account: Value<'r>, record: &'r Record, now: i64) -> Result<[Value<'r>; 8], StoreError> {
    Ok([
        account,
        Value::Bytes(record.series.as_bytes()),
        Value::Int(number(record.index)?),
        record.prev.as_ref().map_or(Value::Null, |prev| Value::Bytes(&prev.0)),
        Value::Bytes(&record.header.0),
        if record.body.0.is_empty() { Value::Null } else { Value::Bytes(&record.body.0) },
        Value::Bytes(&record.body_hash.0),
        Value::Int(now),
    ])
}

/// A page of records, in the order of series and index.
pub(super) struct Page {
    account: AccountId,
    series: [u8; 16],
    index: i64,
    limit: usize,
}

impl Page {
    pub(super) fn new(account: AccountId, after: &After) -> Self {
        let limit = after.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST_RECORDS);
        let index = after.index.and_then(|index| i64::try_from(index).ok()).unwrap_or(0);
        Self {
            account,
            series: after.series.map_or([0; 16], |series| *series.as_bytes()),
            index: if after.series.is_some() { index } else { 0 },
            limit: limit.clamp(1, MOST_RECORDS),
        }
    }
}

impl Work for Page {
    type Done = Records;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Records, StoreError> {
        // Lengths first: an answer holds one long body or many short ones.
        let sql = "SELECT series, idx, CAST(length(header) + COALESCE(length(body), 0) AS BIGINT) FROM record \
                   WHERE account_id = $1 AND (series, idx) > ($2, $3) ORDER BY series, idx LIMIT $4";
        let (account, after) = (Value::Bytes(self.account.as_bytes()), Value::Bytes(&self.series));
        let limit = Value::Int(self.limit as i64 + 1);
        let lengths = tx.query(sql, &[account, after, Value::Int(self.index), limit]).await?;
        let (mut take, mut bytes) = (0, 0);
        for row in lengths.iter().take(self.limit) {
            bytes += row.count(2)?;
            if take > 0 && bytes > MOST_BODY as u64 {
                break;
            }
            take += 1;
        }
        let sql = "SELECT series, idx, prev, header, body, body_hash FROM record \
                   WHERE account_id = $1 AND (series, idx) > ($2, $3) ORDER BY series, idx LIMIT $4";
        let rows = tx.query(sql, &[account, after, Value::Int(self.index), Value::Int(take)]).await?;
        let records = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        Ok(Records { more: lengths.len() > records.len(), records })
    }
}

/// Puts the bytes of a record back that was taken before.
pub(super) struct Mend {
    pub(super) account: AccountId,
    pub(super) record: Record,
    pub(super) now: i64,
}

impl Work for Mend {
    /// Whether the record is one that was taken before.
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let (record, account) = (&self.record, Value::Bytes(self.account.as_bytes()));
        let series = Value::Bytes(record.series.as_bytes());
        let next = Value::Int(number(record.index)?.saturating_add(1));
        let sql = "SELECT prev FROM record WHERE account_id = $1 AND series = $2 AND idx = $3";
        let proof = match tx.query(sql, &[account, series, next]).await?.first() {
            Some(row) => Some(Hash(row.array(0)?)),
            None => {
                let head = find_head(tx, account, series).await?.map(|(head, _)| head);
                head.filter(|head| head.index == record.index).map(|head| head.hash)
            }
        };
        if proof != Some(record.hash()) || record.body.0.is_empty() {
            return Ok(false);
        }
        let values = [account, series, Value::Int(number(record.index)?)];
        let sql = "SELECT received FROM record WHERE account_id = $1 AND series = $2 AND idx = $3";
        let received = tx.query(sql, &values).await?.first().map(|row| row.int(0)).transpose()?;
        let sql = "DELETE FROM record WHERE account_id = $1 AND series = $2 AND idx = $3";
        tx.execute(sql, &values).await?;
        Ok(tx.execute(INSERT, &row_of(account, record, received.unwrap_or(self.now))?).await? == 1)
    }
}

struct RemoveBody {
    account: AccountId,
    series: SeriesId,
    index: u64,
}

impl Work for RemoveBody {
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let Ok(index) = number(self.index) else { return Ok(false) };
        let sql = "UPDATE record SET body = NULL WHERE account_id = $1 AND series = $2 AND idx = $3";
        let (account, series) = (Value::Bytes(self.account.as_bytes()), Value::Bytes(self.series.as_bytes()));
        Ok(tx.execute(sql, &[account, series, Value::Int(index)]).await? == 1)
    }
}

/// The columns series, idx, prev, header, body, body_hash.
pub(super) fn record(row: &Row) -> Result<Record, StoreError> {
    let prev = row.maybe_bytes(2)?.map(<[u8; 32]>::try_from).transpose();
    let prev = prev.map_err(|_| StoreError::Damaged("the hash before a record".to_owned()))?;
    let body = row.maybe_bytes(4)?;
    if body.as_ref().is_some_and(Vec::is_empty) {
        return Err(StoreError::Damaged("a record has a body of no bytes".to_owned()));
    }
    Ok(Record {
        series: SeriesId::new(row.array(0)?),
        index: row.count(1)?,
        prev: prev.map(Hash),
        header: Bytes(row.bytes(3)?),
        body: Bytes(body.unwrap_or_default()),
        body_hash: Hash(row.array(5)?),
    })
}
