//! Checking the whole store: every record is what its hash says, follows the one before, and the last is the head.

use std::fmt;

use super::log;
use crate::id::{AccountId, SeriesId};
use crate::store::{Row, Store, StoreError, Tx, Value, Work};
use crate::wire::{Hash, Head};

/// How many records are looked at in one piece of work.
const PAGE: i64 = 500;

/// What a check looked at and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many records.
    pub records: u64,
    /// How many series.
    pub series: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The account.
    pub account: AccountId,
    /// The series in it.
    pub series: SeriesId,
    /// The record in that; of a missing one, the first index that is missing.
    pub index: u64,
    /// What is wrong, in words.
    pub what: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {}, series {}, record {}: {}", self.account, self.series, self.index, self.what)
    }
}

/// Checks every record.
///
/// # Errors
///
/// What the store says; what can be read and is wrong is no error but a [`Fault`].
pub async fn check(store: &Store) -> Result<Checked, StoreError> {
    let (mut checked, mut walk) = (Checked::default(), Walk::default());
    let mut after = ([0; 16], [0; 16], 0);
    loop {
        let page = store.read(Records(after)).await?;
        let Some(last) = page.last() else { break };
        after = (*last.0.as_bytes(), *last.1.series.as_bytes(), i64::try_from(last.1.index).unwrap_or(i64::MAX));
        for (account, record) in page {
            checked.records += 1;
            walk.step(account, &record, &mut checked);
        }
    }
    walk.end(&mut checked);
    let mut ends = walk.ends.iter().peekable();
    let mut after = ([0; 16], [0; 16]);
    loop {
        let page = store.read(AllHeads(after)).await?;
        let Some(last) = page.last() else { break };
        after = (*last.0.as_bytes(), *last.1.series.as_bytes());
        for (account, head) in page {
            compare(account, head, &mut ends, &mut checked.faults);
        }
    }
    checked.faults.extend(ends.map(|(account, end)| fault(*account, end, "it has no head")));
    Ok(checked)
}

/// Compares a head with the end of its records. Both come in the same order.
fn compare<'e>(
    account: AccountId,
    head: Head,
    ends: &mut std::iter::Peekable<impl Iterator<Item = &'e (AccountId, Head)>>,
    faults: &mut Vec<Fault>,
) {
    let place = |account: &AccountId, head: &Head| (*account, head.series);
    while let Some((other, end)) = ends.next_if(|(other, end)| place(other, end) < place(&account, &head)) {
        faults.push(fault(*other, end, "it has no head"));
    }
    match ends.next_if(|(other, end)| place(other, end) == place(&account, &head)) {
        None => faults.push(fault(account, &Head { index: 1, ..head }, "it is missing")),
        Some((_, end)) if end.index < head.index => {
            faults.push(fault(account, &Head { index: end.index + 1, ..head }, "it is missing"));
        }
        Some((_, end)) if *end != head => faults.push(fault(account, end, "it is not the head")),
        Some(_) => {}
    }
}

fn fault(account: AccountId, at: &Head, what: &'static str) -> Fault {
    Fault { account, series: at.series, index: at.index, what }
}

#[derive(Default)]
struct Walk {
    last: Option<(AccountId, Head)>,
    ends: Vec<(AccountId, Head)>,
}

impl Walk {
    fn step(&mut self, account: AccountId, record: &crate::wire::Record, checked: &mut Checked) {
        let same = |(other, last): &(AccountId, Head)| *other == account && last.series == record.series;
        let before = self.last.filter(same).map(|(_, last)| last);
        if before.is_none() {
            self.end(checked);
        }
        let (index, prev): (u64, Option<Hash>) = before.map_or((1, None), |last| (last.index + 1, Some(last.hash)));
        let what = match () {
            () if record.index != index => Some((index, "it is missing")),
            () if record.prev != prev => Some((record.index.saturating_sub(1).max(1), "it is not what was appended")),
            () if !record.is_whole() => Some((record.index, "its body is not what was appended")),
            () => None,
        };
        let head = record.head();
        checked.faults.extend(what.map(|(index, what)| fault(account, &Head { index, ..head }, what)));
        self.last = Some((account, head));
    }

    fn end(&mut self, checked: &mut Checked) {
        if let Some(last) = self.last.take() {
            checked.series += 1;
            self.ends.push(last);
        }
    }
}

struct Records(([u8; 16], [u8; 16], i64));

impl Work for Records {
    type Done = Vec<(AccountId, crate::wire::Record)>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let sql = "SELECT series, idx, prev, header, body, body_hash, account_id FROM record \
                   WHERE (account_id, series, idx) > ($1, $2, $3) ORDER BY account_id, series, idx LIMIT $4";
        let (account, series, index) = &self.0;
        let values = [Value::Bytes(account), Value::Bytes(series), Value::Int(*index), Value::Int(PAGE)];
        let record = |row: &Row| Ok((AccountId::new(row.array(6)?), log::record(row)?));
        tx.query(sql, &values).await?.iter().map(record).collect()
    }
}

struct AllHeads(([u8; 16], [u8; 16]));

impl Work for AllHeads {
    type Done = Vec<(AccountId, Head)>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let sql = "SELECT series, idx, hash, account_id FROM head \
                   WHERE (account_id, series) > ($1, $2) ORDER BY account_id, series LIMIT $3";
        let values = [Value::Bytes(&self.0.0), Value::Bytes(&self.0.1), Value::Int(PAGE)];
        let head = |row: &Row| Ok((AccountId::new(row.array(3)?), log::head(row)?));
        tx.query(sql, &values).await?.iter().map(head).collect()
    }
}
