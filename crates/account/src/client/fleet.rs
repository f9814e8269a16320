//! The machines of an organization and their reports, as one who holds the organization's key sees them.
//!
//! Nothing is believed that the keys do not prove or that does not fit what was seen before. What is wrong with one
//! machine is a [`Fault`] beside the others: one broken machine must not hide a hundred thousand good ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::thread;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::http::ClientError;
use super::organization::path;
use super::{Client, KnownHead};
use crate::id::{AccountId, InviteId, SeriesId};
use crate::organization::{MachineKey, OrganizationKey};
use crate::wire::organization::{Action, Entry, LastReport, Machine, Machines, Reports};
use crate::wire::{Bytes, Record, Records};

/// How many threads ask and open at once.
const THREADS: usize = 4;
/// Up to this many new reports are asked for one by one; more come in pages, with those that are known.
const FEW: usize = 64;

/// What a member's program remembers of an organization between two runs: that is how it notices a server that takes
/// something back, and why it opens no report twice. It is a secret.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Known {
    /// Every machine that was seen and not removed.
    pub machines: BTreeMap<SeriesId, KnownMachine>,
    /// The last row of the audit log.
    pub audit: Option<KnownHead>,
    /// Machines that owners removed.
    pub removed: BTreeSet<SeriesId>,
}

/// A machine that was seen.
#[derive(Serialize, Deserialize)]
pub struct KnownMachine {
    /// The token that it enrolled with.
    pub invite: InviteId,
    /// When it enrolled, by the clock of the server.
    pub enrolled: i64,
    /// Its last report.
    pub last: Option<LastReport>,
    key: Bytes,
    /// What the last report says, as JSON.
    #[serde(with = "text", skip_serializing_if = "Option::is_none", default)]
    pub report: Option<Zeroizing<String>>,
}

/// What is wrong with one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Which.
    pub series: SeriesId,
    /// What, in words.
    pub what: &'static str,
}

/// What a look brought.
#[derive(Debug, Default)]
pub struct Looked {
    /// How many machines are new.
    pub machines: usize,
    /// How many reports were opened.
    pub reports: usize,
    /// New rows of the audit log.
    pub entries: Vec<Entry>,
    /// What is wrong. Of these machines, what was known before is kept.
    pub faults: Vec<Fault>,
}

/// What the server had before and has no more, as [`Client::accept`] takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The audit log, where it is not the one that was seen.
    pub audit: Option<MissingRows>,
    /// The machines with fewer reports, or with another one in place of the last.
    pub reports: Vec<MissingReports>,
    /// Machines that the server does not list any more, and no owner removed.
    pub machines: Vec<SeriesId>,
    /// Machines that an owner removed, and that are there again.
    pub again: Vec<SeriesId>,
}

/// How many rows the audit log had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRows {
    /// When it was seen last.
    pub before: u64,
    /// Now. Where it is no shorter, the last row that was seen is another one now.
    pub now: u64,
}

/// How many reports a machine had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingReports {
    /// Which machine.
    pub series: SeriesId,
    /// When it was seen last.
    pub before: u64,
    /// Now. Where there are as many, the last one is another one.
    pub now: u64,
}

impl Missing {
    /// Whether all is there that was there.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What of the one is not in the other, whose audit log has these rows.
    fn between(before: &Known, now: &Known, entries: &[Entry]) -> Self {
        let same = |head: &KnownHead| entries.iter().any(|entry| KnownHead::of(entry) == *head);
        let rows = |head: KnownHead| MissingRows { before: head.index, now: now.audit.map_or(0, |head| head.index) };
        let mut missing = Self { audit: before.audit.filter(|head| !same(head)).map(rows), ..Self::default() };
        for (series, machine) in &before.machines {
            let Some(there) = now.machines.get(series) else {
                if !now.removed.contains(series) {
                    missing.machines.push(*series);
                }
                continue;
            };
            if is_news(machine.last, there.last).is_err() {
                let [before, now] = [machine.last, there.last].map(|last| last.map_or(0, |last| last.index));
                missing.reports.push(MissingReports { series: *series, before, now });
            }
        }
        missing.again = before.removed.iter().filter(|series| now.machines.contains_key(series)).copied().collect();
        missing
    }
}

/// What a check of every report went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Reports that are there, whole and in order.
    pub reports: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// A part of all series: those that begin with bytes from the first to before the second.
type Part = (u8, Option<u8>);

impl Client {
    /// Every machine, as the server tells it. Collectors can prove nothing of it.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn machines(&self, organization: AccountId) -> Result<Vec<Machine>, ClientError> {
        in_parts(|part| {
            self.pages(part, |from| {
                let Machines { machines, more } =
                    self.get(&format!("{}?from={from}", path(organization, "machines")))?;
                Ok((machines, more))
            })
        })
    }

    /// Brings what is known up to date: new machines, new reports, the audit log.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when the audit log does not hold; [`ClientError`]. What is wrong with a machine stands in
    /// [`Looked::faults`].
    pub fn look(
        &self,
        organization: AccountId,
        key: &OrganizationKey,
        known: &mut Known,
    ) -> Result<Looked, ClientError> {
        let mut entries = self.audit(organization, known.audit)?;
        let listed = self.machines(organization)?;
        let there: BTreeSet<_> = listed.iter().map(|machine| machine.series).collect();
        if known.machines.keys().any(|series| !there.contains(series)) {
            // It may have been removed just now, after the audit log was read.
            let last = entries.last().map(KnownHead::of).or(known.audit);
            entries.extend(self.audit(organization, last)?);
        }
        let mut looked = Looked::default();
        known.removed.extend(removed_by_owners(&organization, key, &entries));
        known.machines.retain(|series, _| !known.removed.contains(series));
        let missing = known.machines.keys().filter(|series| !there.contains(series));
        looked.faults.extend(missing.map(|series| fault(*series, "the server does not list it any more")));
        let wanted = self.take_listed(organization, key, known, &listed, &mut looked);
        self.take_reports(organization, known, &wanted, &mut looked)?;
        if let Some(entry) = entries.last() {
            known.audit = Some(KnownHead::of(entry));
        }
        looked.entries = entries;
        looked.faults.sort_unstable();
        Ok(looked)
    }

    /// Takes what the server has now as the new beginning, as after it was restored from an older copy: all is looked at
    /// anew, and what is missing of what was known is told. What no key proves is still not believed.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when the audit log is not whole in itself; [`ClientError`]. What is known is then as before.
    pub fn accept(
        &self,
        organization: AccountId,
        key: &OrganizationKey,
        known: &mut Known,
    ) -> Result<(Missing, Looked), ClientError> {
        let mut now = Known::default();
        let looked = self.look(organization, key, &mut now)?;
        let missing = Missing::between(known, &now, &looked.entries);
        *known = now;
        Ok((missing, looked))
    }

    /// Compares what is listed with what is known, opens the cards of new machines, and gives the last reports that
    /// are not known yet.
    fn take_listed(
        &self,
        organization: AccountId,
        key: &OrganizationKey,
        known: &mut Known,
        listed: &[Machine],
        looked: &mut Looked,
    ) -> BTreeMap<SeriesId, LastReport> {
        let new: Vec<_> = listed.iter().filter(|machine| !known.machines.contains_key(&machine.series)).collect();
        let opener = key.cards(organization);
        let cards = in_chunks(&new, |machine| opener.open(&machine.invite, &machine.series, &machine.card).ok());
        for (machine, card) in new.iter().zip(cards) {
            match card {
                _ if known.removed.contains(&machine.series) => {
                    looked.faults.push(fault(machine.series, "an owner removed it, and the server lists it again"));
                }
                None => looked.faults.push(fault(machine.series, "no token of this organization enrolled it")),
                Some(key) => {
                    looked.machines += 1;
                    known.machines.insert(machine.series, KnownMachine::new(machine, &key));
                }
            }
        }
        let mut wanted = BTreeMap::new();
        for machine in listed {
            let Some(known) = known.machines.get(&machine.series) else { continue };
            match is_news(known.last, machine.last) {
                Ok(Some(last)) => _ = wanted.insert(machine.series, last),
                Ok(None) => {}
                Err(what) => looked.faults.push(fault(machine.series, what)),
            }
        }
        wanted
    }

    /// Fetches and opens reports.
    fn take_reports(
        &self,
        organization: AccountId,
        known: &mut Known,
        wanted: &BTreeMap<SeriesId, LastReport>,
        looked: &mut Looked,
    ) -> Result<(), ClientError> {
        let open = |record: Record| open_wanted(&organization, &known.machines, wanted, &record);
        let opened = if wanted.len() <= FEW {
            let fetch = |(series, last): (&SeriesId, &LastReport)| self.one_report(organization, *series, last.index);
            let records = wanted.iter().map(fetch).collect::<Result<Vec<_>, _>>()?;
            records.into_iter().flatten().filter_map(open).collect()
        } else {
            in_parts(|part| {
                let mut opened = Vec::new();
                self.pages(part, |from| {
                    let page: Reports = self.get(&format!("{}?from={from}", path(organization, "reports/last")))?;
                    let marks: Vec<_> = page.reports.iter().map(|record| Mark(record.series)).collect();
                    opened.extend(page.reports.into_iter().filter(|r| within(part, r.series)).filter_map(open));
                    Ok((marks, page.more))
                })?;
                Ok(opened)
            })?
        };
        let mut missing: BTreeSet<_> = wanted.keys().copied().collect();
        for (series, result) in opened {
            missing.remove(&series);
            match result {
                Err(what) => looked.faults.push(fault(series, what)),
                Ok((last, text)) => {
                    let Some(machine) = known.machines.get_mut(&series) else { continue };
                    (machine.last, machine.report) = (Some(last), text);
                    looked.reports += 1;
                }
            }
        }
        looked.faults.extend(missing.into_iter().map(|series| fault(series, "its last report is missing")));
        Ok(())
    }

    fn one_report(&self, organization: AccountId, series: SeriesId, index: u64) -> Result<Option<Record>, ClientError> {
        let rest = format!("reports?series={series}&index={}&limit=1", index.saturating_sub(1));
        let Records { records, .. } = self.get(&path(organization, &rest))?;
        Ok(records.into_iter().next().filter(|record| record.series == series))
    }

    /// Reads every report of every known machine, and checks that each opens, follows the one before, and that the
    /// last one is the one that is known.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn check_reports(&self, organization: AccountId, known: &Known) -> Result<Tally, ClientError> {
        let (mut tally, mut ends) = (Tally::default(), BTreeMap::new());
        let mut after: Option<(SeriesId, u64)> = None;
        loop {
            let rest = after.map_or(String::new(), |(series, index)| format!("?series={series}&index={index}"));
            let page: Records = self.get(&path(organization, &format!("reports{rest}")))?;
            for record in &page.records {
                if Some((record.series, record.index)) <= after {
                    return Err(self.lie("its records are not in order"));
                }
                after = Some((record.series, record.index));
                let Some(machine) = known.machines.get(&record.series) else { continue };
                let before = ends.get(&record.series).copied();
                match machine.follows(&organization, before, record) {
                    Ok(()) => tally.reports += 1,
                    Err(what) => tally.faults.push(fault(record.series, what)),
                }
                ends.insert(record.series, record.head());
            }
            if !page.more {
                break;
            }
            if page.records.is_empty() {
                return Err(self.lie("it promises records and gives none"));
            }
        }
        for (series, machine) in &known.machines {
            let end = ends.get(series).map_or(0, |end| end.index);
            if machine.last.is_some_and(|last| last.index > end) {
                tally.faults.push(fault(*series, "its last reports are missing"));
            }
        }
        tally.faults.sort_unstable();
        tally.faults.dedup();
        Ok(tally)
    }

    /// All pages of a list in the order of series, as far as they lie in a part.
    fn pages<T: HasSeries>(
        &self,
        part: Part,
        mut page: impl FnMut(SeriesId) -> Result<(Vec<T>, bool), ClientError>,
    ) -> Result<Vec<T>, ClientError> {
        let mut all: Vec<T> = Vec::new();
        let mut from = SeriesId::new(std::array::from_fn(|at| if at == 0 { part.0 } else { 0 }));
        loop {
            let (things, more) = page(from)?;
            let mut last = None;
            for thing in things {
                let series = thing.series();
                if series < from || last.is_some_and(|last| series <= last) {
                    return Err(self.lie("its lists are not in order"));
                }
                last = Some(series);
                if within(part, series) {
                    all.push(thing);
                }
            }
            match last {
                Some(last) if more && within(part, last) => from = next(last),
                None if more => return Err(self.lie("it promises more and gives none")),
                _ => return Ok(all),
            }
        }
    }
}

/// What stands in lists in the order of series.
trait HasSeries {
    fn series(&self) -> SeriesId;
}

impl HasSeries for Machine {
    fn series(&self) -> SeriesId {
        self.series
    }
}

/// That a report was there.
struct Mark(SeriesId);

impl HasSeries for Mark {
    fn series(&self) -> SeriesId {
        self.0
    }
}

impl KnownMachine {
    fn new(machine: &Machine, key: &MachineKey) -> Self {
        let key = Bytes(key.reveal().to_vec());
        Self { invite: machine.invite, enrolled: machine.created, last: None, key, report: None }
    }

    fn key(&self) -> Option<MachineKey> {
        self.key.0.as_slice().try_into().ok().map(MachineKey::from_bytes)
    }

    /// Whether a report is the one after that one.
    fn follows(
        &self,
        organization: &AccountId,
        before: Option<crate::wire::Head>,
        record: &Record,
    ) -> Result<(), &'static str> {
        let (index, prev) = before.map_or((1, None), |head| (head.index + 1, Some(head.hash)));
        if record.index != index || record.prev != prev {
            return Err("reports in the middle are missing, or in another order");
        }
        if self.last.is_some_and(|last| last.index == record.index && last.hash != record.hash()) {
            return Err("the last report is not the one that was seen before");
        }
        self.open(organization, record).map(drop)
    }

    fn open(&self, organization: &AccountId, record: &Record) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        let opened = self.key().filter(|_| record.is_whole()).map(|key| key.open(organization, record));
        opened.and_then(Result::ok).ok_or("a report of it was not written by it")
    }
}

impl Drop for KnownMachine {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl fmt::Debug for KnownMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownMachine(…)")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "machine {}: {}", self.series, self.what)
    }
}

fn fault(series: SeriesId, what: &'static str) -> Fault {
    Fault { series, what }
}

/// The last report that is listed, when it is not the one that is known.
fn is_news(known: Option<LastReport>, listed: Option<LastReport>) -> Result<Option<LastReport>, &'static str> {
    match (known, listed) {
        (None, listed) => Ok(listed),
        (Some(_), None) => Err("the server has lost its reports"),
        (Some(known), Some(listed)) if listed.index < known.index => {
            Err("the server has fewer reports of it than before")
        }
        (Some(known), Some(listed)) if listed.index == known.index && listed.hash != known.hash => {
            Err("the last report is not the one that was seen before")
        }
        (Some(known), Some(listed)) => Ok((listed.index > known.index).then_some(listed)),
    }
}

type Opened = (LastReport, Option<Zeroizing<String>>);

/// Opens a report when it is wanted.
fn open_wanted(
    organization: &AccountId,
    machines: &BTreeMap<SeriesId, KnownMachine>,
    wanted: &BTreeMap<SeriesId, LastReport>,
    record: &Record,
) -> Option<(SeriesId, Result<Opened, &'static str>)> {
    let (wanted, machine) = (wanted.get(&record.series)?, machines.get(&record.series)?);
    let open = || {
        // One more may have come since the list was read.
        if record.index < wanted.index || (record.index == wanted.index && record.hash() != wanted.hash) {
            return Err("its last report is not the one that is listed");
        }
        let before = machine.last.filter(|last| last.index + 1 == record.index);
        if before.is_some_and(|last| record.prev != Some(last.hash)) {
            return Err("its new report follows another one than was seen before");
        }
        let plain = machine.open(organization, record)?;
        let text = std::str::from_utf8(plain.trim_ascii_end()).ok().map(|text| Zeroizing::new(text.to_owned()));
        let last = LastReport { index: record.index, hash: record.hash(), received: wanted.received };
        Ok((last, text))
    };
    Some((record.series, open()))
}

/// The machines whose removal an owner proved.
fn removed_by_owners(organization: &AccountId, key: &OrganizationKey, entries: &[Entry]) -> BTreeSet<SeriesId> {
    let proven = |entry: &Entry| {
        let (series, proof) = entry.subject.0.split_first_chunk::<16>()?;
        let series = SeriesId::new(*series);
        // The name of the machine follows.
        proof.starts_with(&key.removal(organization, &series).0).then_some(series)
    };
    entries.iter().filter(|entry| entry.action == Action::MachineRemoved).filter_map(proven).collect()
}

/// Does it for each part of all series, some at a time, and puts the results one after the other.
fn in_parts<T: Send>(work: impl Fn(Part) -> Result<Vec<T>, ClientError> + Sync) -> Result<Vec<T>, ClientError> {
    let parts = [(0, Some(64)), (64, Some(128)), (128, Some(192)), (192, None)];
    let done = thread::scope(|scope| {
        let running: Vec<_> = parts.iter().map(|part| scope.spawn(|| work(*part))).collect();
        running.into_iter().map(|thread| thread.join().ok()).collect::<Vec<_>>()
    });
    let mut all = Vec::new();
    for part in done {
        let stopped = || ClientError::Unreachable { server: String::new(), why: "a thread has stopped".to_owned() };
        all.extend(part.unwrap_or_else(|| Err(stopped()))?);
    }
    Ok(all)
}

/// Does it for each thing, some at a time, in order.
fn in_chunks<I: Sync, O: Send>(things: &[I], work: impl Fn(&I) -> Option<O> + Sync) -> Vec<Option<O>> {
    let size = things.len().div_ceil(THREADS).max(1);
    let work = |chunk: &[I]| chunk.iter().map(&work).collect::<Vec<_>>();
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> =
            things.chunks(size).map(|chunk| (chunk.len(), scope.spawn(move || work(chunk)))).collect();
        let join = |(length, thread): (usize, thread::ScopedJoinHandle<'_, Vec<Option<O>>>)| {
            thread.join().unwrap_or_else(|_| (0..length).map(|_| None).collect())
        };
        running.into_iter().flat_map(join).collect()
    })
}

fn within((from, to): Part, series: SeriesId) -> bool {
    let [first, ..] = series.as_bytes();
    *first >= from && to.is_none_or(|to| *first < to)
}

/// The series right after this one.
fn next(series: SeriesId) -> SeriesId {
    SeriesId::new(u128::from_be_bytes(*series.as_bytes()).saturating_add(1).to_be_bytes())
}

/// Text that is cleared when it is dropped.
mod text {
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(text: &Option<Zeroizing<String>>, to: S) -> Result<S::Ok, S::Error> {
        match text {
            Some(text) => to.serialize_str(text),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Zeroizing<String>>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Zeroizing::new))
    }
}
