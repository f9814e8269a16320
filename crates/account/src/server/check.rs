//! Checking the whole store: every record is what its hash says, follows the one before, and the last is the head.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::log;
use crate::id::{AccountId, SeriesId};
use crate::store::{
    Found, Kind, Place, Row, Store, StoreError, Tx, Value, Whose, Work, count_rows, head, page, unlisted,
};
use crate::wire::{Head, Record};

/// How many records are looked at in one piece of work.
const PAGE: usize = 500;
/// How many rows are looked for in lists in one piece of work.
const ROWS: i64 = 2000;

/// Which series of which account.
type Series = (AccountId, SeriesId);

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

/// Checks every record, also while the store is being used.
///
/// # Errors
///
/// What the store says; what can be read and is wrong is no error but a [`Fault`].
pub async fn check(store: &Store) -> Result<Checked, StoreError> {
    let (mut checked, mut suspects) = (Checked::default(), BTreeSet::new());
    let (mut last, mut heads) = (None, HeadsInOrder::new(store));
    let mut after = Place { account: AccountId::new([0; 16]), series: SeriesId::new([0; 16]), index: 0 };
    loop {
        let Found { records, more } = store.read(Records(Whose::All, after)).await?;
        let Some((account, record)) = records.last() else { break };
        after = further(after, Place::of(*account, record)?)?;
        for (account, record) in records {
            checked.records += 1;
            let same = |(other, last): &(AccountId, Head)| *other == account && last.series == record.series;
            let before = last.filter(same).map(|(_, last)| last);
            if let (None, Some(end)) = (before, last) {
                heads.expect(end, &mut suspects).await?;
            }
            checked.series += u64::from(before.is_none());
            if follows(before, &record).is_some() {
                suspects.insert((account, record.series));
            }
            last = Some((account, record.head()));
        }
        if !more {
            break;
        }
    }
    if let Some(end) = last {
        heads.expect(end, &mut suspects).await?;
    }
    heads.expect_no_more(&mut suspects).await?;
    for (account, series) in suspects {
        checked.faults.extend(look_again(store, account, series).await?);
    }
    // At rest they are as many unless something is wrong. In use they are not, and the longer look is taken, to which nothing
    // that is done meanwhile looks wrong.
    if store.read(Count).await?.is_some_and(|count| count != checked.records) {
        checked.faults.extend(unlisted_records(store).await?);
    }
    Ok(checked)
}

/// Where the next page begins. A damaged tree would lead in circles.
fn further<P: Ord>(after: P, next: P) -> Result<P, StoreError> {
    if next > after { Ok(next) } else { Err(StoreError::Damaged("its keys are not in order".to_owned())) }
}

/// What is wrong with a record after another, and which one that is.
fn follows(before: Option<Head>, record: &Record) -> Option<(u64, &'static str)> {
    let (index, prev) = before.map_or((1, None), |last| (last.index + 1, Some(last.hash)));
    match () {
        () if record.index != index => Some((index, "it is missing")),
        () if record.prev != prev => Some((record.index.saturating_sub(1).max(1), "it is not what was appended")),
        () if !record.is_whole() => Some((record.index, "its body is not what was appended")),
        () => None,
    }
}

/// The heads of all accounts, compared one by one with the ends of their records, which come in the same order.
struct HeadsInOrder<'s> {
    store: &'s Store,
    page: VecDeque<(AccountId, Head)>,
    after: ([u8; 16], [u8; 16]),
}

impl<'s> HeadsInOrder<'s> {
    fn new(store: &'s Store) -> Self {
        Self { store, page: VecDeque::new(), after: ([0; 16], [0; 16]) }
    }

    async fn first(&mut self) -> Result<Option<(AccountId, Head)>, StoreError> {
        if self.page.is_empty() {
            self.page = self.store.read(AllHeads(self.after)).await?.into();
            if let Some((account, head)) = self.page.back() {
                self.after = further(self.after, (*account.as_bytes(), *head.series.as_bytes()))?;
            }
        }
        Ok(self.page.front().copied())
    }

    /// The next head must be this end.
    async fn expect(&mut self, end: (AccountId, Head), suspects: &mut BTreeSet<Series>) -> Result<(), StoreError> {
        let place = |(account, head): &(AccountId, Head)| (*account, head.series);
        while let Some(head) = self.first().await?
            && place(&head) <= place(&end)
        {
            self.page.pop_front();
            if head == end {
                return Ok(());
            }
            suspects.insert(place(&head));
        }
        suspects.insert(place(&end));
        Ok(())
    }

    async fn expect_no_more(&mut self, suspects: &mut BTreeSet<Series>) -> Result<(), StoreError> {
        while let Some((account, head)) = self.first().await? {
            self.page.pop_front();
            suspects.insert((account, head.series));
        }
        Ok(())
    }
}

/// Looks at one series in an order in which nothing that is done meanwhile looks like damage: records up to a head that
/// was there before do not change, and a head is never behind a record that was there before.
async fn look_again(store: &Store, account: AccountId, series: SeriesId) -> Result<Vec<Fault>, StoreError> {
    let fault = |index, what| Fault { account, series, index, what };
    loop {
        let (mut faults, mut last, mut after) = (Vec::new(), None::<Head>, Place { account, series, index: -1 });
        let head = store.read(OneHead(account, series)).await?;
        let (to, mut furthest) = (head.map_or(0, |head| head.index), 0);
        loop {
            let Found { mut records, more } = store.read(Records(Whose::Account, after)).await?;
            let read = records.len();
            records.retain(|(_, record)| record.series == series);
            let Some((_, end)) = records.last() else { break };
            after = further(after, Place::of(account, end)?)?;
            furthest = end.index;
            let ended = !more || records.len() < read;
            for (_, record) in records.into_iter().filter(|(_, record)| record.index <= to) {
                faults.extend(follows(last, &record).map(|(index, what)| fault(index, what)));
                last = Some(record.head());
            }
            if ended {
                break;
            }
        }
        let now = store.read(OneHead(account, series)).await?;
        match (head, now) {
            // It was removed meanwhile.
            (Some(_), None) => continue,
            (Some(head), _) if last.is_none_or(|end| end.index < head.index) => {
                faults.push(fault(last.map_or(1, |end| end.index + 1), "it is missing"));
            }
            (Some(head), _) if last != Some(head) => faults.push(fault(head.index, "it is not the head")),
            _ => {}
        }
        match now {
            None if furthest > 0 => faults.push(fault(furthest, "it has no head")),
            Some(now) if furthest > now.index => faults.push(fault(furthest, "it is not the head")),
            _ => {}
        }
        return Ok(faults);
    }
}

/// Records that no head leads to. Each is looked at together with what should lead to it, so that nothing that is done
/// meanwhile looks like one.
async fn unlisted_records(store: &Store) -> Result<Vec<Fault>, StoreError> {
    let (mut furthest, mut after) = (BTreeMap::new(), i64::MIN);
    loop {
        let (found, end) = store.read(Unlisted(after)).await?;
        for Place { account, series, index } in found {
            let known = furthest.entry((account, series)).or_insert(index);
            *known = index.max(*known);
        }
        let Some(end) = end else { break };
        after = further(after, end)?;
    }
    let fault = |((account, series), index)| {
        let index = u64::try_from(index).unwrap_or_default();
        Fault { account, series, index, what: "no head leads to it" }
    };
    Ok(furthest.into_iter().map(fault).collect())
}

/// How many records there are, where they are not listed by their own table.
struct Count;

impl Work for Count {
    type Done = Option<u64>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        match tx.kind() {
            Kind::Sqlite => count_rows(tx).await.map(Some),
            Kind::Postgres => Ok(None),
        }
    }
}

struct Unlisted(i64);

impl Work for Unlisted {
    type Done = (Vec<Place>, Option<i64>);

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        unlisted(tx, self.0, ROWS).await
    }
}

struct Records(Whose, Place);

impl Work for Records {
    type Done = Found;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Found, StoreError> {
        page(tx, self.0, self.1, PAGE).await
    }
}

struct AllHeads(([u8; 16], [u8; 16]));

impl Work for AllHeads {
    type Done = Vec<(AccountId, Head)>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let sql = "SELECT series, idx, hash, account_id FROM head \
                   WHERE (account_id, series) > ($1, $2) ORDER BY account_id, series LIMIT $3";
        let values = [Value::Bytes(&self.0.0), Value::Bytes(&self.0.1), Value::Int(PAGE as i64)];
        let head = |row: &Row| Ok((AccountId::new(row.array(3)?), head(row)?));
        tx.query(sql, &values).await?.iter().map(head).collect()
    }
}

struct OneHead(AccountId, SeriesId);

impl Work for OneHead {
    type Done = Option<Head>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let (account, series) = (Value::Bytes(self.0.as_bytes()), Value::Bytes(self.1.as_bytes()));
        Ok(log::find_head(tx, account, series).await?.map(|(head, _)| head))
    }
}
