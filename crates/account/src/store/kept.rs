//! What the database said of accounts of late, kept in memory.
//!
//! A file of SQLite has one server, so what it said is kept until a statement changes it. A PostgreSQL may have several
//! servers and is asked each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Null;

use super::session::{FindSession, StoredSession};
use super::{FindHeads, StoreError, Tx, Work};
use crate::id::{AccountId, DeviceId, SeriesId};
use crate::wire::{Hash, Head, Heads};

/// Of how many accounts something is kept: 21 MB. One more, and it begins anew.
const MOST: usize = 100_000;
/// How many heads are kept: at most 11 MB beside it. One more, and it begins anew.
const MOST_HEADS: usize = 2 * MOST;
/// Whatever changes, ends or begins a session or moves a head says so, so that no statement can forget to.
const WATCH: &str = "
    CREATE TEMP TRIGGER IF NOT EXISTS session_begun AFTER INSERT ON main.session
        BEGIN SELECT session_changed(NEW.account_id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS session_changed AFTER UPDATE ON main.session
        BEGIN SELECT session_changed(OLD.account_id), session_changed(NEW.account_id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS session_ended AFTER DELETE ON main.session
        BEGIN SELECT session_changed(OLD.account_id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS generation_changed AFTER UPDATE OF account_id, generation ON main.account
        BEGIN SELECT session_changed(OLD.account_id), session_changed(NEW.account_id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS account_ended AFTER DELETE ON main.account
        BEGIN SELECT session_changed(OLD.account_id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS head_begun AFTER INSERT ON main.head
        BEGIN SELECT heads_changed(NEW.account_id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS head_moved AFTER UPDATE OF idx, hash ON main.head
        BEGIN SELECT head_moved(NEW.account_id, NEW.series, NEW.idx, NEW.hash); END;
    CREATE TEMP TRIGGER IF NOT EXISTS head_renamed AFTER UPDATE OF account_id, series ON main.head
        BEGIN SELECT heads_changed(OLD.account_id), heads_changed(NEW.account_id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS head_ended AFTER DELETE ON main.head
        BEGIN SELECT heads_changed(OLD.account_id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS bodiless_put AFTER INSERT ON main.record WHEN NEW.body IS NULL
        BEGIN SELECT heads_changed(NEW.account_id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS body_removed AFTER UPDATE OF body ON main.record WHEN NEW.body IS NULL
        BEGIN SELECT heads_changed(NEW.account_id); END;
";

/// Makes the database tell of every change, in the connection that writes. The tables must be there.
pub(super) struct Watch;

impl Work for Watch {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.batch(WATCH).await
    }
}

/// What was looked for of late. Nothing is kept until the database is [watched](Watch).
#[derive(Default)]
pub(super) struct Kept {
    memory: Mutex<Option<Memory>>,
    /// What is changed by work that is not committed yet, or just is.
    changing: Mutex<Vec<Change>>,
}

#[derive(Clone, Copy)]
enum Change {
    Session(AccountId),
    Moved(AccountId, Head),
    Heads(AccountId),
}

struct Memory {
    accounts: HashMap<AccountId, Account>,
    heads: usize,
    changes: Changes,
}

#[derive(Default)]
struct Account {
    /// The last one that was looked for.
    session: Option<(DeviceId, StoredSession)>,
    /// Of an account from which nothing was removed.
    heads: Option<Few>,
}

/// Heads. Most accounts have one, which lies here: a block of its own would be another place of memory to fetch, and a
/// hundred thousand of them would lie between those that requests take and give back.
enum Few {
    One(Head),
    Several(Vec<Head>),
}

/// How often something was changed. What was read at one count is not kept at another, as it may be of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changes(u64);

impl Kept {
    /// Begins to keep what is read.
    pub(super) fn begin(&self) {
        let new = || Memory { accounts: HashMap::with_capacity(MOST), heads: 0, changes: Changes(0) };
        self.memory().get_or_insert_with(new);
    }

    /// The session that is kept, or what `read` finds.
    pub(super) fn session(
        &self,
        find: FindSession,
        read: impl FnOnce(FindSession) -> Result<Option<StoredSession>, StoreError>,
    ) -> Result<Option<StoredSession>, StoreError> {
        let kept = |account: &Account| account.session.filter(|(device, _)| *device == find.device);
        let before = match self.look(find.account, kept) {
            Ok((_, stored)) => return Ok(Some(stored)),
            Err(before) => before,
        };
        let found = read(find)?;
        if let Some(stored) = found {
            self.keep(find.account, before, 0, |account| account.session = Some((find.device, stored)));
        }
        Ok(found)
    }

    /// The heads that are kept, or what `read` finds.
    pub(super) fn heads(
        &self,
        find: FindHeads,
        read: impl FnOnce(FindHeads) -> Result<Heads, StoreError>,
    ) -> Result<Heads, StoreError> {
        let kept = |account: &Account| account.heads.as_ref().map(|heads| heads.all().to_vec());
        let before = match self.look(find.0, kept) {
            Ok(heads) => return Ok(Heads { heads, removed: Vec::new() }),
            Err(before) => before,
        };
        let found = read(find)?;
        if found.removed.is_empty() {
            let few = match *found.heads.as_slice() {
                [head] => Few::One(head),
                ref heads => Few::Several(heads.to_vec()),
            };
            self.keep(find.0, before, found.heads.len(), |account| account.heads = Some(few));
        }
        Ok(found)
    }

    /// What is kept of an account; else the moment for [keeping](Self::keep) what is read now.
    fn look<T>(&self, account: AccountId, kept: impl FnOnce(&Account) -> Option<T>) -> Result<T, Option<Changes>> {
        let memory = self.memory();
        let Some(memory) = &*memory else { return Err(None) };
        memory.accounts.get(&account).and_then(kept).ok_or(Some(memory.changes))
    }

    /// Keeps what was read, `heads` heads of it, unless something was changed since.
    fn keep(&self, account: AccountId, before: Option<Changes>, heads: usize, put: impl FnOnce(&mut Account)) {
        if let Some(memory) = &mut *self.memory()
            && Some(memory.changes) == before
            && heads <= MOST_HEADS
        {
            let full = memory.accounts.len() == MOST && !memory.accounts.contains_key(&account);
            if full || memory.heads + heads > MOST_HEADS {
                memory.accounts.clear();
                memory.heads = 0;
            }
            let account = memory.accounts.entry(account).or_default();
            let known = account.count();
            put(account);
            memory.heads = memory.heads - known + account.count();
        }
    }

    /// Teaches the connection that writes what the [watch](Watch) calls.
    pub(super) fn listen(self: &Arc<Self>, connection: &Connection) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        let hear = |name, values, change: fn(&Context<'_>) -> rusqlite::Result<Change>| {
            let kept = self.clone();
            connection.create_scalar_function(name, values, flags, move |call| {
                kept.changing().push(change(call)?);
                Ok(Null)
            })
        };
        hear("session_changed", 1, |call| call.get(0).map(AccountId::new).map(Change::Session))?;
        hear("heads_changed", 1, |call| call.get(0).map(AccountId::new).map(Change::Heads))?;
        hear("head_moved", 4, |call| {
            let index = u64::try_from(call.get::<i64>(2)?).unwrap_or_default();
            let head = Head { series: SeriesId::new(call.get(1)?), index, hash: Hash(call.get(3)?) };
            Ok(Change::Moved(AccountId::new(call.get(0)?), head))
        })
    }

    /// How many changes are not committed yet.
    pub(super) fn uncommitted(&self) -> usize {
        self.changing().len()
    }

    /// Changes after the first `certain` ones may have been undone.
    pub(super) fn doubt(&self, certain: usize) {
        for change in self.changing().iter_mut().skip(certain) {
            if let Change::Moved(account, _) = *change {
                *change = Change::Heads(account);
            }
        }
    }

    /// Forgets what was changed, and follows heads that moved. It comes after the commit, since what is read before it is
    /// still of before, and before anybody is told that it is done.
    pub(super) fn settle(&self) {
        let changed = std::mem::take(&mut *self.changing());
        if let (false, Some(memory)) = (changed.is_empty(), &mut *self.memory()) {
            memory.changes.0 += 1;
            changed.into_iter().for_each(|change| memory.follow(change));
        }
    }

    fn memory(&self) -> MutexGuard<'_, Option<Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changing(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn follow(&mut self, change: Change) {
        let (Change::Session(id) | Change::Moved(id, _) | Change::Heads(id)) = change;
        let Some(account) = self.accounts.get_mut(&id) else { return };
        let known = account.count();
        match change {
            Change::Session(_) => account.session = None,
            Change::Heads(_) => account.heads = None,
            Change::Moved(_, head) => {
                let known = account.heads.iter_mut().flat_map(Few::all_mut).find(|known| known.series == head.series);
                match known {
                    Some(known) => *known = head,
                    None => account.heads = None,
                }
            }
        }
        self.heads = self.heads - known + account.count();
        if account.session.is_none() && account.heads.is_none() {
            self.accounts.remove(&id);
        }
    }
}

impl Account {
    fn count(&self) -> usize {
        self.heads.as_ref().map_or(0, |heads| heads.all().len())
    }
}

impl Few {
    fn all(&self) -> &[Head] {
        match self {
            Self::One(head) => std::slice::from_ref(head),
            Self::Several(heads) => heads,
        }
    }

    fn all_mut(&mut self) -> &mut [Head] {
        match self {
            Self::One(head) => std::slice::from_mut(head),
            Self::Several(heads) => heads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: StoredSession = StoredSession { token: Hash([7; 32]), seen: 1, fresh: 2 };

    fn account(number: u32) -> AccountId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        AccountId::new(id)
    }

    fn find(number: u32) -> FindSession {
        FindSession { account: account(number), device: DeviceId::new([1; 16]) }
    }

    fn head(series: u8, index: u64) -> Head {
        Head { series: SeriesId::new([series; 16]), index, hash: Hash([7; 32]) }
    }

    fn heads(heads: &[Head]) -> Heads {
        Heads { heads: heads.to_vec(), removed: Vec::new() }
    }

    fn change(kept: &Kept, change: Change) {
        kept.changing().push(change);
    }

    /// What is kept of an account, seen by a read that finds nothing.
    fn kept_session(kept: &Kept, number: u32) -> Option<StoredSession> {
        kept.session(find(number), |_| Ok(None)).unwrap()
    }

    /// The same of its heads, seen by a read that does not come about.
    fn kept_heads(kept: &Kept, number: u32) -> Option<Vec<Head>> {
        kept.heads(FindHeads(account(number)), |_| Err(StoreError::DiskFull)).ok().map(|found| found.heads)
    }

    fn begun() -> Kept {
        let kept = Kept::default();
        kept.begin();
        kept
    }

    #[test]
    fn a_session_that_was_read_is_kept_until_it_changes_and_is_of_one_device_only() {
        let kept = begun();
        assert_eq!(kept.session(find(1), |_| Ok(Some(STORED))).unwrap(), Some(STORED));
        assert_eq!(kept_session(&kept, 1), Some(STORED));
        let other = FindSession { device: DeviceId::new([2; 16]), ..find(1) };
        assert_eq!(kept.session(other, |_| Ok(None)).unwrap(), None);
        change(&kept, Change::Session(account(1)));
        assert_eq!(kept_session(&kept, 1), Some(STORED), "the change is not committed yet");
        kept.settle();
        assert_eq!(kept_session(&kept, 1), None);
    }

    #[test]
    fn heads_that_were_read_move_with_each_commit_and_are_forgotten_when_they_may_not_have() {
        let kept = begun();
        let read = || kept.heads(FindHeads(account(1)), |_| Ok(heads(&[head(1, 5), head(2, 8)]))).unwrap();
        read();
        change(&kept, Change::Moved(account(1), head(2, 9)));
        assert_eq!(kept_heads(&kept, 1), Some(vec![head(1, 5), head(2, 8)]), "the change is not committed yet");
        kept.settle();
        assert_eq!(kept_heads(&kept, 1), Some(vec![head(1, 5), head(2, 9)]));
        let moved = kept.uncommitted();
        change(&kept, Change::Moved(account(1), head(2, 10)));
        kept.doubt(moved);
        kept.settle();
        assert_eq!(kept_heads(&kept, 1), None);
        for forgotten in [Change::Heads(account(1)), Change::Moved(account(1), head(3, 2))] {
            read();
            change(&kept, forgotten);
            kept.settle();
            assert_eq!(kept_heads(&kept, 1), None);
        }
        assert_eq!(kept.memory().as_ref().unwrap().heads, 0);
    }

    #[test]
    fn heads_of_an_account_from_which_something_was_removed_are_not_kept() {
        let kept = begun();
        let removed = vec![crate::wire::Removed { series: SeriesId::new([1; 16]), index: 1 }];
        kept.heads(FindHeads(account(1)), |_| Ok(Heads { removed, ..heads(&[head(1, 5)]) })).unwrap();
        assert_eq!(kept_heads(&kept, 1), None);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let kept = begun();
        let read = |_| {
            change(&kept, Change::Session(account(1)));
            kept.settle();
            Ok(Some(STORED))
        };
        assert_eq!(kept.session(find(1), read).unwrap(), Some(STORED));
        assert_eq!(kept_session(&kept, 1), None);
        let read = |_| {
            change(&kept, Change::Moved(account(1), head(1, 6)));
            kept.settle();
            Ok(heads(&[head(1, 5)]))
        };
        kept.heads(FindHeads(account(1)), read).unwrap();
        assert_eq!(kept_heads(&kept, 1), None);
    }

    #[test]
    fn nothing_is_kept_of_a_database_that_is_not_watched_and_never_more_than_the_most() {
        let unwatched = Kept::default();
        unwatched.session(find(1), |_| Ok(Some(STORED))).unwrap();
        assert_eq!(kept_session(&unwatched, 1), None);
        let kept = begun();
        for number in 0..=MOST as u32 {
            kept.session(find(number), |_| Ok(Some(STORED))).unwrap();
            assert_eq!(kept_session(&kept, number), Some(STORED));
            assert!(kept.memory().as_ref().unwrap().accounts.len() <= MOST);
            if number == MOST as u32 - 1 {
                // One that is there already takes no room.
                kept.heads(FindHeads(account(number)), |_| Ok(heads(&[head(1, 5)]))).unwrap();
                assert_eq!(kept_session(&kept, 0), Some(STORED));
            }
        }
        let many: Vec<Head> = (0..MOST_HEADS as u64 / 4 + 1).map(|index| head(1, index)).collect();
        for number in 0..9 {
            kept.heads(FindHeads(account(number)), |_| Ok(heads(&many))).unwrap();
            assert_eq!(kept_heads(&kept, number), Some(many.clone()));
            let counted = kept.memory().as_ref().unwrap().accounts.values().map(Account::count).sum::<usize>();
            assert_eq!(kept.memory().as_ref().unwrap().heads, counted);
            assert!(counted <= MOST_HEADS);
        }
        let more: Vec<Head> = (0..=MOST_HEADS as u64).map(|index| head(1, index)).collect();
        kept.heads(FindHeads(account(9)), |_| Ok(heads(&more))).unwrap();
        assert_eq!(kept_heads(&kept, 9), None);
    }
}
