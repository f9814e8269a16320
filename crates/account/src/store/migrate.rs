//! The tables, step by step. A step that is in use is never changed; the hash of each is kept beside the data.

use super::{Kind, StoreError, Tx, Value, Work};
use crate::wire::Hash;

/// Every step, in order, and which database alone takes it; those for both are written so that both take them alike.
pub(super) const STEPS: &[(&str, Option<Kind>)] = &[
    (include_str!("../../migrations/1-accounts.sql"), None),
    (include_str!("../../migrations/2-organizations.sql"), None),
    (include_str!("../../migrations/3-places.sqlite.sql"), Some(Kind::Sqlite)),
];

pub(super) struct Migrate;

/// Expects that all steps were taken, whoever took them.
pub(super) struct Expect;

impl Work for Expect {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if missing(tx).await?.is_empty() {
            return Ok(());
        }
        let last = tx.query("SELECT COALESCE(MAX(step), 0) FROM migration", &[]).await?;
        let found = last.first().map_or(Ok(0), |row| row.int(0))?;
        Err(StoreError::Older { found, known: STEPS.len() as i64 })
    }
}

/// The steps that were not taken yet.
async fn missing(tx: &mut dyn Tx) -> Result<Vec<(i64, &'static str)>, StoreError> {
    let done = tx.query("SELECT step, hash FROM migration ORDER BY step", &[]).await?;
    let known = STEPS.len() as i64;
    if let Some(last) = done.last()
        && last.int(0)? > known
    {
        return Err(StoreError::Newer { found: last.int(0)?, known });
    }
    let mut missing = Vec::new();
    for (step, &(sql, only)) in (1..).zip(STEPS) {
        if only.is_some_and(|kind| kind != tx.kind()) {
            continue;
        }
        match done.iter().find(|row| row.int(0).is_ok_and(|found| found == step)) {
            Some(row) if row.bytes(1)? == Hash::of(sql.as_bytes()).0 => {}
            Some(_) => return Err(StoreError::OtherMigration(step)),
            None => missing.push((step, sql)),
        }
    }
    Ok(missing)
}

impl Work for Migrate {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.lock_migrations().await?;
        tx.batch("CREATE TABLE IF NOT EXISTS migration (step BIGINT NOT NULL PRIMARY KEY, hash BYTEA NOT NULL)")
            .await?;
        let missing = missing(tx).await?;
        let is_new = missing.first().is_some_and(|(step, _)| *step == 1);
        for (step, sql) in missing {
            if !is_new {
                tracing::info!(step, "bringing the tables up to date");
            }
            tx.batch(sql).await?;
            let values = [Value::Int(step), Value::Bytes(&Hash::of(sql.as_bytes()).0)];
            tx.execute("INSERT INTO migration (step, hash) VALUES ($1, $2)", &values).await?;
        }
        Ok(())
    }
}
