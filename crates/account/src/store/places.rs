//! Where records lie in SQLite.
//!
//! An index of their keys would be most of what an append costs: a tree larger than all others together, of which each
//! append reads, changes and writes a page somewhere. So the head of a series, which an append changes anyway, carries the
//! row numbers of its last records, and whenever it has sixteen of them, they move to the table `place`. A row says
//! itself which record it is, and is believed only where that is the one that was looked for.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

use super::records::{Place, Whose, columns};
use super::{Row, StoreError, Take, Tx, Value};
use crate::id::{AccountId, SeriesId};

/// How many records a block has. Statements and the migration say `16`.
const BLOCK: i64 = 16;
/// Bytes of a row number, most significant first.
const WIDTH: usize = 8;

/// Numbers of records in a block.
macro_rules! sixteen {
    () => {
        "(VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15), (16)) AS number"
    };
}

/// The records of an account after series `$2` and index `$3`. The limit, which is none, keeps SQLite from leaving out the
/// order.
const OF_ACCOUNT: &str = concat!(
    "SELECT ",
    columns!(),
    ", record.account_id FROM (SELECT series, block, rows FROM place \
     WHERE account_id = $1 AND (series, block) >= ($2, $3 / 16) \
     UNION ALL SELECT series, (idx - 1) / 16, rows FROM head \
     WHERE account_id = $1 AND series >= $2 AND (series > $2 OR (idx - 1) / 16 >= $3 / 16) \
     ORDER BY 1, 2 LIMIT -1) AS list CROSS JOIN ",
    sixteen!(),
    " CROSS JOIN record WHERE (list.series > $2 OR list.block * 16 + number.column1 > $3) \
     AND record.rowid = row_at(list.rows, number.column1) AND record.account_id = $1 \
     AND record.series = list.series AND record.idx = list.block * 16 + number.column1"
);

/// Everybody's records after account `$1`, series `$2` and index `$3`.
const OF_ALL: &str = concat!(
    "SELECT ",
    columns!(),
    ", record.account_id FROM (SELECT account_id, series, block, rows FROM place \
     WHERE (account_id, series, block) >= ($1, $2, $3 / 16) \
     UNION ALL SELECT account_id, series, (idx - 1) / 16, rows FROM head WHERE (account_id, series) >= ($1, $2) \
     AND ((account_id, series) > ($1, $2) OR (idx - 1) / 16 >= $3 / 16) \
     ORDER BY 1, 2, 3 LIMIT -1) AS list CROSS JOIN ",
    sixteen!(),
    " CROSS JOIN record WHERE (list.account_id, list.series, list.block * 16 + number.column1) > ($1, $2, $3) \
     AND record.rowid = row_at(list.rows, number.column1) AND record.account_id = list.account_id \
     AND record.series = list.series AND record.idx = list.block * 16 + number.column1"
);

/// What ends an account's log, in this order.
const END_ACCOUNT: [&str; 3] = [
    concat!(
        "DELETE FROM record WHERE account_id = $1 AND rowid IN (SELECT row_at(rows, number.column1) FROM \
         (SELECT rows FROM place WHERE account_id = $1 UNION ALL SELECT rows FROM head WHERE account_id = $1) \
         CROSS JOIN ",
        sixteen!(),
        ")"
    ),
    "DELETE FROM place WHERE account_id = $1",
    "DELETE FROM head WHERE account_id = $1",
];

/// The same for a series.
const END_SERIES: [&str; 3] = [
    concat!(
        "DELETE FROM record WHERE account_id = $1 AND series = $2 AND rowid IN (SELECT row_at(rows, number.column1) FROM \
         (SELECT rows FROM place WHERE account_id = $1 AND series = $2 \
         UNION ALL SELECT rows FROM head WHERE account_id = $1 AND series = $2) CROSS JOIN ",
        sixteen!(),
        ")"
    ),
    "DELETE FROM place WHERE account_id = $1 AND series = $2",
    "DELETE FROM head WHERE account_id = $1 AND series = $2",
];

/// Teaches a connection to read and write row numbers: `row_at(rows, idx)` is that of a record, or nothing;
/// `with_row(rows, idx, row)` are the same with that of one record set.
pub(super) fn teach(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("row_at", 2, flags, |call| {
        let row = at(call).and_then(|at| rows(call).get(at..)?.first_chunk());
        Ok(row.map(|row| i64::from_be_bytes(*row)))
    })?;
    connection.create_scalar_function("with_row", 3, flags, |call| {
        let mut rows = rows(call).to_vec();
        if let Some(at) = at(call) {
            rows.resize(rows.len().max(at + WIDTH), 0);
            let row = call.get::<i64>(2)?.to_be_bytes();
            rows.iter_mut().skip(at).zip(row).for_each(|(old, new)| *old = new);
        }
        Ok(rows)
    })
}

fn rows<'c>(call: &'c Context<'_>) -> &'c [u8] {
    call.get_raw(0).as_blob_or_null().ok().flatten().unwrap_or_default()
}

/// Where the row number of a record stands in those of its block; nowhere if it is no record's index.
fn at(call: &Context<'_>) -> Option<usize> {
    let ValueRef::Integer(index) = call.get_raw(1) else { return None };
    usize::try_from(index.checked_sub(1)? % BLOCK).ok().map(|place| place * WIDTH)
}

/// Puts a record when it follows its head, and moves that. Values of the record: its row, and how many bytes its series
/// may have before; of the head: account, series, index, hash, and bytes that come to it.
pub(super) async fn follow(
    tx: &mut dyn Tx,
    record: &[Value<'_>; 9],
    head: &[Value<'_>; 5],
) -> Result<[u64; 2], StoreError> {
    let puts = "INSERT INTO record (account_id, series, idx, prev, header, body, body_hash, received) \
                SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS (SELECT 1 FROM head \
                WHERE account_id = $1 AND series = $2 AND idx + 1 = $3 AND hash = $4 AND bytes <= $9)";
    if tx.execute(puts, record).await? == 0 {
        return Ok([0, 0]);
    }
    if matches!(head[2], Value::Int(index) if index % BLOCK == 1) {
        let keeps = "INSERT OR REPLACE INTO place SELECT account_id, series, ($3 - 2) / 16, rows FROM head \
                     WHERE account_id = $1 AND series = $2";
        tx.execute(keeps, &head[..3]).await?;
    }
    let moves = "UPDATE head SET idx = $3, hash = $4, bytes = bytes + $5, \
                 rows = with_row(substr(rows, 1, ($3 - 1) % 16 * 8), $3, last_insert_rowid()) \
                 WHERE account_id = $1 AND series = $2";
    Ok([1, tx.execute(moves, head).await?])
}

/// Notes the row that was just put as that of a record of a series.
pub(super) async fn note(tx: &mut dyn Tx, place: &[Value<'_>; 3]) -> Result<(), StoreError> {
    let in_head = "UPDATE head SET rows = with_row(rows, $3, last_insert_rowid()) \
                   WHERE account_id = $1 AND series = $2 AND (idx - 1) / 16 = ($3 - 1) / 16";
    if tx.execute(in_head, place).await? == 0 {
        let before = "INSERT INTO place (account_id, series, block, rows) \
                      VALUES ($1, $2, ($3 - 1) / 16, with_row(x'', $3, last_insert_rowid())) \
                      ON CONFLICT DO UPDATE SET rows = with_row(rows, $3, last_insert_rowid())";
        tx.execute(before, place).await?;
    }
    Ok(())
}

/// Goes through records in the order of account, series and index, until `take` wants no more. Rows have the
/// [`columns`] and the account.
pub(super) async fn walk(tx: &mut dyn Tx, whose: Whose, after: Place, take: &mut Take<'_>) -> Result<(), StoreError> {
    let sql = match whose {
        Whose::Account => OF_ACCOUNT,
        Whose::All => OF_ALL,
    };
    tx.query_while(sql, &after.values(), take).await.map(drop)
}

/// Ends a series of an account, or all of them.
pub(super) async fn end(tx: &mut dyn Tx, account: AccountId, series: Option<SeriesId>) -> Result<(), StoreError> {
    let (account, of) =
        (Value::Bytes(account.as_bytes()), series.as_ref().map(|series| Value::Bytes(series.as_bytes())));
    for sql in if of.is_some() { END_SERIES } else { END_ACCOUNT } {
        tx.execute(sql, &[account, of.unwrap_or(Value::Null)]).await?;
    }
    Ok(())
}

/// Records between two rows to which nothing leads.
const UNLISTED: &str = "SELECT account_id, series, idx FROM record WHERE rowid > $1 AND rowid <= $2 \
                        AND rowid IS NOT row_at(COALESCE((SELECT rows FROM head \
                        WHERE head.account_id = record.account_id AND head.series = record.series \
                        AND (head.idx - 1) / 16 = (record.idx - 1) / 16), (SELECT rows FROM place \
                        WHERE place.account_id = record.account_id AND place.series = record.series \
                        AND place.block = (record.idx - 1) / 16)), record.idx)";

/// How many records there are.
pub(crate) async fn count(tx: &mut dyn Tx) -> Result<u64, StoreError> {
    let rows = tx.query("SELECT COUNT(*) FROM record", &[]).await?;
    rows.first().map_or(Ok(0), |row| row.count(0))
}

/// Which of the `limit` rows after a row are in no list, and where the next ones begin, if there are any.
pub(crate) async fn unlisted(tx: &mut dyn Tx, after: i64, limit: i64) -> Result<(Vec<Place>, Option<i64>), StoreError> {
    let to = "SELECT MAX(rowid) FROM (SELECT rowid FROM record WHERE rowid > $1 ORDER BY rowid LIMIT $2)";
    let rows = tx.query(to, &[Value::Int(after), Value::Int(limit)]).await?;
    let Some(to) = rows.first().map_or(Ok(None), |row| row.maybe_int(0))? else { return Ok((Vec::new(), None)) };
    let rows = tx.query(UNLISTED, &[Value::Int(after), Value::Int(to)]).await?;
    let place = |row: &Row| {
        let (account, series) = (AccountId::new(row.array(0)?), SeriesId::new(row.array(1)?));
        Ok(Place { account, series, index: row.int(2)? })
    };
    Ok((rows.iter().map(place).collect::<Result<_, _>>()?, Some(to)))
}

#[cfg(test)]
mod tests {
    use super::super::migrate::STEPS;
    use super::super::records::{at_place, with_last};
    use super::*;

    fn tables() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        teach(&connection).unwrap();
        for (step, _) in STEPS {
            connection.execute_batch(&step.replace("; -- one tree", " WITHOUT ROWID;")).unwrap();
        }
        connection
    }

    #[test]
    fn every_record_is_found_by_its_row_number_and_no_list_is_read_from_its_beginning() {
        let connection = tables();
        let of_all_heads =
            with_last!("SELECT record.received FROM head LEFT JOIN", "WHERE head.account_id = $1").sqlite;
        let found = [
            at_place!("SELECT prev FROM record").sqlite,
            at_place!("UPDATE record SET body = NULL").sqlite,
            of_all_heads,
            OF_ACCOUNT,
            OF_ALL,
            UNLISTED,
        ];
        for sql in found.into_iter().chain(END_ACCOUNT).chain(END_SERIES) {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let (mut rows, mut steps) = (statement.raw_query(), Vec::new());
            while let Some(row) = rows.next().unwrap() {
                steps.push(row.get::<_, String>(3).unwrap());
            }
            let plan = steps.join("\n");
            for step in &steps {
                let reads_all = ["SCAN record", "SCAN head", "SCAN place", "TEMP B-TREE", "MATERIALIZE"];
                assert!(!reads_all.iter().any(|all| step.contains(all)), "{sql}\n{plan}");
                let by_row = step.contains("INTEGER PRIMARY KEY (rowid");
                assert!(by_row || !step.starts_with("SEARCH record"), "{sql}\n{plan}");
            }
            assert!(plan.contains("SEARCH record") || !sql.contains("FROM record"), "{sql}\n{plan}");
        }
    }

    #[test]
    fn a_row_number_is_set_and_found_at_its_place_and_nowhere_else() {
        let connection = tables();
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).unwrap();
        let rows = "with_row(with_row(with_row(x'', 1, 7), 2, 8), 19, -9)";
        for (index, row) in [(1, Some(7)), (2, Some(8)), (3, Some(-9)), (4, None), (17, Some(7)), (19, Some(-9))] {
            assert_eq!(one(&format!("SELECT row_at({rows}, {index})")), row, "{index}");
        }
        for nowhere in ["0", "-1", "-9223372036854775808", "NULL", "'one'"] {
            assert_eq!(one(&format!("SELECT row_at({rows}, {nowhere})")), None, "{nowhere}");
            assert_eq!(one(&format!("SELECT length(with_row({rows}, {nowhere}, 1))")), Some(24), "{nowhere}");
        }
        assert_eq!(one("SELECT row_at('text', 1)"), None);
        assert_eq!(one("SELECT row_at(x'0102', 1)"), None);
    }
}
