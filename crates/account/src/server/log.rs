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
use crate::store::{FindHeads, Found, New, Place, StoreError, Tx, Value, Whose, Work, at_place, head, number, page};
use crate::wire::{After, Empty, Hash, Head, Heads, MOST_BODY, MOST_HEADER, MOST_RECORDS, Record, Records, Refusal};

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
        let (record, account) = (&self.record, Value::Bytes(self.account.as_bytes()));
        let new = New { account: self.account, record, now: self.now };
        // Asked for first, because it mostly is so.
        if let (Some(prev), Some(room)) = (&record.prev, self.series_bytes.checked_sub(new.length()))
            && new.follow(tx, prev, room).await?
        {
            return Ok(Appended::Done(record.head()));
        }
        let series = Value::Bytes(record.series.as_bytes());
        let found = find_head(tx, account, series).await?;
        let (head, bytes) = found.map_or((None, 0), |(head, bytes)| (Some(head), bytes));
        let follows = head.map_or(record.index == 1, |head| {
            head.index.checked_add(1) == Some(record.index) && record.prev == Some(head.hash)
        });
        if !follows {
            return self.already(tx, head).await;
        }
        if bytes + new.length() > self.series_bytes {
            return Ok(Appended::Full);
        }
        if let (None, Some(most)) = (head, self.series)
            && count_series(tx, account).await? >= most
        {
            return Ok(Appended::Full);
        }
        if !new.put(tx, bytes + new.length()).await? {
            // Another one was quicker; what it wrote is the head now.
            let head = find_head(tx, account, series).await?;
            return self.already(tx, head.map(|(head, _)| head)).await;
        }
        Ok(Appended::Done(record.head()))
    }
}

impl Append {
    /// Whether the very same record is there; else what is there.
    async fn already(&self, tx: &mut dyn Tx, head: Option<Head>) -> Result<Appended, StoreError> {
        let there = Place::of(self.account, &self.record)?.record(tx).await?;
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

/// A page of records, in the order of series and index.
pub(super) struct Page {
    after: Place,
    limit: usize,
}

impl Page {
    pub(super) fn new(account: AccountId, after: &After) -> Self {
        let limit = after.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST_RECORDS);
        let index = after.index.and_then(|index| i64::try_from(index).ok()).unwrap_or(0);
        let series = after.series.unwrap_or(SeriesId::new([0; 16]));
        let index = if after.series.is_some() { index } else { 0 };
        Self { after: Place { account, series, index }, limit: limit.clamp(1, MOST_RECORDS) }
    }
}

impl Work for Page {
    type Done = Records;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Records, StoreError> {
        let Found { records, more } = page(tx, Whose::Account, self.after, self.limit).await?;
        Ok(Records { records: records.into_iter().map(|(_, record)| record).collect(), more })
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
        let place = Place::of(self.account, record)?;
        let next = Place { index: place.index.saturating_add(1), ..place };
        let proof = match next.query(tx, at_place!("SELECT prev FROM record")).await? {
            Some(row) => Some(Hash(row.array(0)?)),
            None => {
                let head = find_head(tx, account, Value::Bytes(record.series.as_bytes())).await?.map(|(head, _)| head);
                head.filter(|head| head.index == record.index).map(|head| head.hash)
            }
        };
        if proof != Some(record.hash()) || record.body.0.is_empty() {
            return Ok(false);
        }
        New { account: self.account, record, now: self.now }.mend(tx).await?;
        Ok(true)
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
        Place { account: self.account, series: self.series, index }.remove_body(tx).await
    }
}
