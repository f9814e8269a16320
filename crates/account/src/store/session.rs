//! Who is signed in, asked with every request.
//!
//! A file of SQLite has one server, so what it said of a session is kept until a statement changes it. A PostgreSQL may
//! have several servers and is asked each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Null;

use super::{Row, StoreError, Tx, Value, Work};
use crate::id::{AccountId, DeviceId};
use crate::wire::Hash;

/// Of how many accounts a session is kept: 11 MB. One more, and it begins anew.
const MOST: usize = 100_000;
/// Whatever changes, ends or begins a session says so, so that no statement can forget to.
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
";

/// A session that is good, as the database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredSession {
    /// SHA-256 of what the device shows.
    pub(crate) token: Hash,
    /// When the device was seen, to the hour.
    pub(crate) seen: i64,
    /// Until when the sign-in counts as just made.
    pub(crate) fresh: i64,
}

/// Looks for the session of a device.
#[derive(Clone, Copy)]
pub(crate) struct FindSession {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
}

impl Work for FindSession {
    type Done = Option<StoredSession>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let sql = "SELECT session.token, session.seen, session.fresh FROM session JOIN account \
                   ON account.account_id = session.account_id AND account.generation = session.generation \
                   WHERE session.account_id = $1 AND session.device_id = $2";
        let values = [Value::Bytes(self.account.as_bytes()), Value::Bytes(self.device.as_bytes())];
        let rows = tx.query(sql, &values).await?;
        let stored =
            |row: &Row| Ok(StoredSession { token: Hash(row.array(0)?), seen: row.int(1)?, fresh: row.int(2)? });
        rows.first().map(stored).transpose()
    }
}

/// Makes the database tell of every change, in the connection that writes. The tables must be there.
pub(super) struct Watch;

impl Work for Watch {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.batch(WATCH).await
    }
}

/// Sessions that were looked for of late: of each account the last one. None is kept until the database is
/// [watched](Watch).
#[derive(Default)]
pub(super) struct Sessions {
    kept: Mutex<Option<Kept>>,
    /// Accounts whose sessions are changed by work that is not committed yet, or just is.
    changing: Mutex<Vec<[u8; 16]>>,
}

struct Kept {
    sessions: HashMap<AccountId, (DeviceId, StoredSession)>,
    changes: Changes,
}

/// How often sessions were changed. What was read at one count is not kept at another, as it may be of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changes(u64);

impl Sessions {
    /// Begins to keep sessions.
    pub(super) fn begin(&self) {
        let new = || Kept { sessions: HashMap::with_capacity(MOST), changes: Changes(0) };
        self.kept().get_or_insert_with(new);
    }

    /// The session that is kept, or what `read` finds.
    pub(super) fn get_or_read(
        &self,
        find: FindSession,
        read: impl FnOnce(FindSession) -> Result<Option<StoredSession>, StoreError>,
    ) -> Result<Option<StoredSession>, StoreError> {
        let before = match &mut *self.kept() {
            None => None,
            Some(kept) => match kept.sessions.get(&find.account) {
                Some((device, stored)) if *device == find.device => return Ok(Some(*stored)),
                _ => Some(kept.changes),
            },
        };
        let found = read(find)?;
        if let (Some(stored), Some(kept)) = (found, &mut *self.kept())
            && Some(kept.changes) == before
        {
            if kept.sessions.len() == MOST {
                kept.sessions.clear();
            }
            kept.sessions.insert(find.account, (find.device, stored));
        }
        Ok(found)
    }

    /// Teaches the connection that writes what the [watch](Watch) calls.
    pub(super) fn listen(self: &Arc<Self>, connection: &Connection) -> rusqlite::Result<()> {
        let sessions = self.clone();
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        connection.create_scalar_function("session_changed", 1, flags, move |call| {
            let account = call.get(0)?;
            sessions.changing.lock().unwrap_or_else(PoisonError::into_inner).push(account);
            Ok(Null)
        })
    }

    /// Forgets what was changed. It comes after the commit, since what is read before it is still of before, and before
    /// anybody is told that it is done.
    pub(super) fn forget_changed(&self) {
        let changed = std::mem::take(&mut *self.changing.lock().unwrap_or_else(PoisonError::into_inner));
        if let (false, Some(kept)) = (changed.is_empty(), &mut *self.kept()) {
            kept.changes.0 += 1;
            for account in changed {
                kept.sessions.remove(&AccountId::new(account));
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: StoredSession = StoredSession { token: Hash([7; 32]), seen: 1, fresh: 2 };

    fn find(account: u32) -> FindSession {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&account.to_be_bytes());
        FindSession { account: AccountId::new(id), device: DeviceId::new([1; 16]) }
    }

    fn change(sessions: &Sessions, account: u32) {
        sessions.changing.lock().unwrap().push(*find(account).account.as_bytes());
    }

    /// What is kept of an account, seen by a read that finds nothing.
    fn kept(sessions: &Sessions, account: u32) -> Option<StoredSession> {
        sessions.get_or_read(find(account), |_| Ok(None)).unwrap()
    }

    fn begun() -> Sessions {
        let sessions = Sessions::default();
        sessions.begin();
        sessions
    }

    #[test]
    fn what_was_read_is_kept_until_it_changes_and_is_of_one_device_only() {
        let sessions = begun();
        assert_eq!(sessions.get_or_read(find(1), |_| Ok(Some(STORED))).unwrap(), Some(STORED));
        assert_eq!(kept(&sessions, 1), Some(STORED));
        let other = FindSession { device: DeviceId::new([2; 16]), ..find(1) };
        assert_eq!(sessions.get_or_read(other, |_| Ok(None)).unwrap(), None);
        change(&sessions, 1);
        assert_eq!(kept(&sessions, 1), Some(STORED), "the change is not committed yet");
        sessions.forget_changed();
        assert_eq!(kept(&sessions, 1), None);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let sessions = begun();
        let read = |_| {
            change(&sessions, 1);
            sessions.forget_changed();
            Ok(Some(STORED))
        };
        assert_eq!(sessions.get_or_read(find(1), read).unwrap(), Some(STORED));
        assert_eq!(kept(&sessions, 1), None);
    }

    #[test]
    fn nothing_is_kept_of_a_database_that_is_not_watched_and_never_more_than_the_most() {
        let unwatched = Sessions::default();
        unwatched.get_or_read(find(1), |_| Ok(Some(STORED))).unwrap();
        assert_eq!(kept(&unwatched, 1), None);
        let sessions = begun();
        for account in 0..=MOST as u32 {
            sessions.get_or_read(find(account), |_| Ok(Some(STORED))).unwrap();
            assert_eq!(kept(&sessions, account), Some(STORED));
            assert!(sessions.kept().as_ref().unwrap().sessions.len() <= MOST);
        }
    }
}
