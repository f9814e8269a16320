//! Where records lie, and how they are put, found and ended.
//!
//! PostgreSQL finds a record by its key. On SQLite the row numbers of records stand beside their heads, see
//! [`places`](super::places), and every statement that finds a record says how it does so there.

use super::{Kind, Row, StoreError, Take, Tx, Value, missing, number, places};
use crate::id::{AccountId, SeriesId};
use crate::wire::{Bytes, Hash, MOST_BODY, Record};

/// A statement as each database has it.
pub(crate) struct Either {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl Either {
    pub(crate) fn on(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Sqlite => self.sqlite,
            Kind::Postgres => self.postgres,
        }
    }
}

/// The columns that [`record`] takes.
macro_rules! columns {
    () => {
        "record.series, record.idx, record.prev, record.header, record.body, record.body_hash"
    };
}
pub(crate) use columns;

/// A statement about the record at a [`Place`], whose values are `$1` to `$3`.
macro_rules! at_place {
    ($($statement:expr),+) => {
        $crate::store::Either {
            sqlite: concat!(
                $($statement),+,
                " WHERE rowid = (SELECT row_at(rows, $3) FROM head \
                 WHERE account_id = $1 AND series = $2 AND (idx - 1) / 16 = ($3 - 1) / 16 \
                 UNION ALL SELECT row_at(rows, $3) FROM place \
                 WHERE account_id = $1 AND series = $2 AND block = ($3 - 1) / 16) \
                 AND account_id = $1 AND series = $2 AND idx = $3"
            ),
            postgres: concat!($($statement),+, " WHERE account_id = $1 AND series = $2 AND idx = $3"),
        }
    };
}
pub(crate) use at_place;

/// A statement with the last record of each `head` joined to it, between what comes before and after that.
macro_rules! with_last {
    ($before:expr, $after:expr) => {
        $crate::store::Either {
            sqlite: concat!(
                $before,
                " record ON record.rowid = row_at(head.rows, head.idx) AND record.account_id = head.account_id \
                 AND record.series = head.series AND record.idx = head.idx ",
                $after
            ),
            postgres: concat!(
                $before,
                " record ON record.account_id = head.account_id AND record.series = head.series \
                 AND record.idx = head.idx ",
                $after
            ),
        }
    };
}
pub(crate) use with_last;

/// Which record of which series.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) series: SeriesId,
    pub(crate) index: i64,
}

impl Place {
    pub(crate) fn of(account: AccountId, record: &Record) -> Result<Self, StoreError> {
        Ok(Self { account, series: record.series, index: number(record.index)? })
    }

    /// The first row of an answer.
    pub(crate) async fn query(&self, tx: &mut dyn Tx, statement: Either) -> Result<Option<Row>, StoreError> {
        let rows = tx.query(statement.on(tx.kind()), &self.values()).await?;
        Ok(rows.into_iter().next())
    }

    /// The record that is there.
    pub(crate) async fn record(&self, tx: &mut dyn Tx) -> Result<Option<Record>, StoreError> {
        let row = self.query(tx, at_place!("SELECT ", columns!(), " FROM record")).await?;
        row.map(record).transpose()
    }

    /// Removes the body of what is there, and gives whether anything is.
    pub(crate) async fn remove_body(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let sql = at_place!("UPDATE record SET body = NULL").on(tx.kind());
        Ok(tx.execute(sql, &self.values()).await? == 1)
    }

    pub(super) fn values(&self) -> [Value<'_>; 3] {
        [Value::Bytes(self.account.as_bytes()), Value::Bytes(self.series.as_bytes()), Value::Int(self.index)]
    }
}

/// A record to be put into the log of an account.
pub(crate) struct New<'r> {
    pub(crate) account: AccountId,
    pub(crate) record: &'r Record,
    pub(crate) now: i64,
}

const INSERT: &str = "INSERT INTO record (account_id, series, idx, prev, header, body, body_hash, received) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";

impl New<'_> {
    /// Puts the record and moves its head when it follows that, and its series has at most `room` bytes. `false` when
    /// it is not so, and nothing was done. PostgreSQL is asked once.
    pub(crate) async fn follow(&self, tx: &mut dyn Tx, prev: &Hash, room: u64) -> Result<bool, StoreError> {
        let (hash, length) = (self.record.hash(), Value::Int(number(self.length())?));
        let [account, series, index, before, header, body, body_hash, now] = self.row()?;
        let (hash, room) = (Value::Bytes(&hash.0), Value::Int(number(room)?));
        let done = match tx.kind() {
            Kind::Sqlite => {
                let record = [account, series, index, before, header, body, body_hash, now, room];
                places::follow(tx, &record, &[account, series, index, hash, length]).await?
            }
            Kind::Postgres => {
                let moves = "UPDATE head SET idx = $3, hash = $4, bytes = bytes + $5 \
                             WHERE account_id = $1 AND series = $2 AND idx + 1 = $3 AND hash = $6 AND bytes <= $7";
                let head = [account, series, index, hash, length, Value::Bytes(&prev.0), room];
                let puts = "INSERT INTO record (account_id, series, idx, prev, header, body, body_hash, received) \
                            SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS \
                            (SELECT 1 FROM head WHERE account_id = $1 AND series = $2 AND idx = $3 AND hash = $9) \
                            ON CONFLICT DO NOTHING";
                let record = [account, series, index, before, header, body, body_hash, now, hash];
                tx.end_with((moves, &head), (puts, &record)).await?
            }
        };
        both_or_neither(done)
    }

    /// Puts the record and the new head of its series, which has so many bytes then; neither when another one was
    /// quicker.
    pub(crate) async fn put(&self, tx: &mut dyn Tx, bytes: u64) -> Result<bool, StoreError> {
        // A head that moved meanwhile is left alone, as the record is whose place was taken. On SQLite nobody else
        // writes, and nothing keeps a record from being put beside one that no head leads to; the check names that one.
        let sql = Either {
            sqlite: "INSERT INTO head (account_id, series, idx, hash, bytes, rows) \
                     VALUES ($1, $2, $3, $4, $5, with_row(x'', $3, last_insert_rowid())) ON CONFLICT DO NOTHING",
            postgres: "INSERT INTO head (account_id, series, idx, hash, bytes) VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (account_id, series) DO UPDATE SET idx = excluded.idx, hash = excluded.hash, \
                       bytes = excluded.bytes WHERE head.idx = excluded.idx - 1",
        };
        let (record, hash) = (self.row()?, self.record.hash());
        let [account, series, index, ..] = record;
        let head = [account, series, index, Value::Bytes(&hash.0), Value::Int(number(bytes)?)];
        both_or_neither(tx.end_with((INSERT, &record), (sql.on(tx.kind()), &head)).await?)
    }

    /// Puts the bytes of a record back that was there before.
    pub(crate) async fn mend(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let record = self.row()?;
        let sql = at_place!("UPDATE record SET prev = $4, header = $5, body = $6, body_hash = $7");
        if tx.execute(sql.on(tx.kind()), &record[..7]).await? == 0 {
            tx.execute(INSERT, &record).await?;
            if tx.kind() == Kind::Sqlite {
                places::note(tx, &[record[0], record[1], record[2]]).await?;
            }
        }
        Ok(())
    }

    pub(crate) fn length(&self) -> u64 {
        (self.record.header.0.len() + self.record.body.0.len()) as u64
    }

    fn row(&self) -> Result<[Value<'_>; 8], StoreError> {
        let record = self.record;
        Ok([
            Value::Bytes(self.account.as_bytes()),
            Value::Bytes(record.series.as_bytes()),
            Value::Int(number(record.index)?),
            record.prev.as_ref().map_or(Value::Null, |prev| Value::Bytes(&prev.0)),
            Value::Bytes(&record.header.0),
            if record.body.0.is_empty() { Value::Null } else { Value::Bytes(&record.body.0) },
            Value::Bytes(&record.body_hash.0),
            Value::Int(self.now),
        ])
    }
}

fn both_or_neither(done: [u64; 2]) -> Result<bool, StoreError> {
    match done {
        [1, 1] => Ok(true),
        [0, 0] => Ok(false),
        _ => Err(StoreError::Damaged("a head is not that of its records".to_owned())),
    }
}

/// Ends a series of an account, or all of them.
pub(crate) async fn end(tx: &mut dyn Tx, account: AccountId, series: Option<SeriesId>) -> Result<(), StoreError> {
    if tx.kind() == Kind::Sqlite {
        return places::end(tx, account, series).await;
    }
    let of_account = Value::Bytes(account.as_bytes());
    match &series {
        None => {
            tx.execute("DELETE FROM head WHERE account_id = $1", &[of_account]).await?;
            tx.execute("DELETE FROM record WHERE account_id = $1", &[of_account]).await?;
        }
        Some(series) => {
            let values = [of_account, Value::Bytes(series.as_bytes())];
            tx.execute("DELETE FROM head WHERE account_id = $1 AND series = $2", &values).await?;
            tx.execute("DELETE FROM record WHERE account_id = $1 AND series = $2", &values).await?;
        }
    }
    Ok(())
}

/// Whose records are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The account's of the place after which they are read.
    Account,
    /// Everybody's.
    All,
}

/// Records in the order of account, series and index.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) records: Vec<(AccountId, Record)>,
    /// There are more.
    pub(crate) more: bool,
}

/// Reads the records after a place: at most `limit`, and fewer when their bytes pass [`MOST_BODY`].
pub(crate) async fn page(tx: &mut dyn Tx, whose: Whose, after: Place, limit: usize) -> Result<Found, StoreError> {
    if tx.kind() == Kind::Postgres {
        return page_by_keys(tx, whose, after, limit).await;
    }
    let (mut found, mut bytes) = (Found::default(), 0);
    let take: &mut Take<'_> = &mut |row| {
        let account = AccountId::new(row.array(6)?);
        let record = record(row)?;
        bytes += record.header.0.len() + record.body.0.len();
        found.more = found.records.len() == limit || (!found.records.is_empty() && bytes > MOST_BODY);
        if !found.more {
            found.records.push((account, record));
        }
        Ok(!found.more)
    };
    places::walk(tx, whose, after, take).await?;
    Ok(found)
}

async fn page_by_keys(tx: &mut dyn Tx, whose: Whose, after: Place, limit: usize) -> Result<Found, StoreError> {
    // Lengths first: an answer holds one long body or many short ones.
    let [lengths, records] = match whose {
        Whose::Account => [
            "SELECT CAST(length(header) + COALESCE(length(body), 0) AS BIGINT) FROM record \
             WHERE account_id = $1 AND (series, idx) > ($2, $3) ORDER BY series, idx LIMIT $4",
            concat!(
                "SELECT ",
                columns!(),
                ", account_id FROM record \
                 WHERE account_id = $1 AND (series, idx) > ($2, $3) ORDER BY series, idx LIMIT $4"
            ),
        ],
        Whose::All => [
            "SELECT CAST(length(header) + COALESCE(length(body), 0) AS BIGINT) FROM record \
             WHERE (account_id, series, idx) > ($1, $2, $3) ORDER BY account_id, series, idx LIMIT $4",
            concat!(
                "SELECT ",
                columns!(),
                ", account_id FROM record \
                 WHERE (account_id, series, idx) > ($1, $2, $3) ORDER BY account_id, series, idx LIMIT $4"
            ),
        ],
    };
    let [account, series, index] = after.values();
    let lengths = tx.query(lengths, &[account, series, index, Value::Int(limit as i64 + 1)]).await?;
    let take = within(&lengths, limit)?;
    let rows = tx.query(records, &[account, series, index, Value::Int(take as i64)]).await?;
    let with_account = |row: Row| Ok((AccountId::new(row.array(6)?), record(row)?));
    let records = rows.into_iter().map(with_account).collect::<Result<Vec<_>, _>>()?;
    Ok(Found { more: lengths.len() > records.len(), records })
}

/// Of how many rows, whose first column is a length, an answer is made.
pub(crate) fn within(lengths: &[Row], limit: usize) -> Result<usize, StoreError> {
    let (mut take, mut bytes) = (0, 0);
    for row in lengths.iter().take(limit) {
        bytes += row.count(0)?;
        if take > 0 && bytes > MOST_BODY as u64 {
            break;
        }
        take += 1;
    }
    Ok(take)
}

/// A row of the [`columns`].
pub(crate) fn record(mut row: Row) -> Result<Record, StoreError> {
    let prev = row.maybe_bytes(2)?.map(<[u8; 32]>::try_from).transpose();
    let prev = prev.map_err(|_| StoreError::Damaged("the hash before a record".to_owned()))?;
    let body = row.take_bytes(4)?;
    if body.as_ref().is_some_and(Vec::is_empty) {
        return Err(StoreError::Damaged("a record has a body of no bytes".to_owned()));
    }
    Ok(Record {
        series: SeriesId::new(row.array(0)?),
        index: row.count(1)?,
        prev: prev.map(Hash),
        header: Bytes(row.take_bytes(3)?.ok_or_else(|| missing(3))?),
        body: Bytes(body.unwrap_or_default()),
        body_hash: Hash(row.array(5)?),
    })
}
