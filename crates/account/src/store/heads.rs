//! The heads of an account, asked by every device that looks for news.

use super::{Row, StoreError, Tx, Value, Work};
use crate::id::{AccountId, SeriesId};
use crate::wire::{Hash, Head, Heads, Removed};

/// Looks for the last record of every series, and for the records whose bodies were removed.
#[derive(Clone, Copy)]
pub(crate) struct FindHeads(pub(crate) AccountId);

impl Work for FindHeads {
    type Done = Heads;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Heads, StoreError> {
        let account = [Value::Bytes(self.0.as_bytes())];
        let sql = "SELECT series, idx, hash FROM head WHERE account_id = $1 ORDER BY series";
        let heads = tx.query(sql, &account).await?.iter().map(head).collect::<Result<_, _>>()?;
        let sql = "SELECT series, idx FROM record WHERE account_id = $1 AND body IS NULL ORDER BY series, idx";
        let removed = |row: &Row| Ok(Removed { series: SeriesId::new(row.array(0)?), index: row.count(1)? });
        let removed = tx.query(sql, &account).await?.iter().map(removed).collect::<Result<_, _>>()?;
        Ok(Heads { heads, removed })
    }
}

/// The columns series, idx, hash.
pub(crate) fn head(row: &Row) -> Result<Head, StoreError> {
    Ok(Head { series: SeriesId::new(row.array(0)?), index: row.count(1)?, hash: Hash(row.array(2)?) })
}
