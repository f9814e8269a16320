//! What was committed stands in SQLite's log and is copied into the file of the database now and then. Another thread
//! copies it, so that no request waits for a thousand pages to reach the disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

/// From how many pages in the log on they are copied: 64 MiB with pages of 4 KiB. The longer the log, the more
/// often a page that is copied once was changed more than once.
const MANY: usize = 16_000;
/// From how many on the writing thread copies them itself when the other is not just copying, whatever became of it:
/// 128 MiB.
const TOO_MANY: usize = 32_000;
/// So many are left to the writing thread.
const FEW: usize = 250;
/// How long the writing thread waits on a full disk for the other to be done.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often the other thread tries to leave no more than that.
const PASSES: usize = 4;

/// The writing thread's side of it.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// `None` once no thread shall be asked any more.
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    asked: bool,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// In the log, as of the last commit; none once all are copied.
    pages: AtomicUsize,
    /// The other thread has done what it was asked.
    copied: AtomicBool,
}

impl Checkpoints {
    /// Takes them over from SQLite, which would have the writing connection do all of it. `other` is another connection
    /// to the same database.
    pub(super) fn start(writer: &mut Connection, other: Connection, file: Arc<File>) -> io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        let mut checkpoints = Self::new(writer, ask)?;
        let shared = checkpoints.shared.clone();
        let copy = move || copy_when_asked(&other, &file, &asked, &shared);
        checkpoints.thread = Some(thread::Builder::new().name("checkpoints".to_owned()).spawn(copy)?);
        Ok(checkpoints)
    }

    fn new(writer: &mut Connection, ask: SyncSender<()>) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let told = shared.clone();
        let hook = move |_: &mut Wal, pages| {
            told.pages.store(usize::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(io::Error::other)?;
        Ok(Self { ask: Some(ask), thread: None, asked: false, shared })
    }

    /// Does what is due after a commit. When the disk is `full`, what is copied makes way in the log for what comes;
    /// copying takes no room but for new pages.
    pub(super) fn after_commit(&mut self, writer: &Connection, full: bool) {
        if self.finish(writer) {
            return;
        }
        let pages = self.shared.pages.load(Ordering::Relaxed);
        if full {
            let begun = Instant::now();
            while pass(writer).is_ok_and(|copied| copied.is_none()) && begun.elapsed() < LONGEST_WAIT {
                thread::sleep(Duration::from_millis(1));
            }
        } else if pages >= TOO_MANY {
            _ = pass(writer);
        } else if pages >= MANY {
            self.ask();
        }
    }

    /// Whether something may still be copied while nobody writes.
    pub(super) fn are_due(&self) -> bool {
        self.asked || self.shared.pages.load(Ordering::Relaxed) > 0
    }

    /// Does what is due while nobody writes: readers look for each page in the log first unless all of it is copied.
    pub(super) fn while_idle(&mut self, writer: &Connection) {
        if !self.finish(writer) {
            self.ask();
        }
    }

    /// Copies what was committed while the other thread copied, once that has done so.
    fn finish(&mut self, writer: &Connection) -> bool {
        let copied = self.shared.copied.swap(false, Ordering::Acquire);
        if copied {
            // Only when nothing is left in the log it begins anew, which is why this is done between two commits.
            self.asked = false;
            let copied = pass(writer).ok().flatten();
            if copied.is_some_and(|copied| copied >= self.shared.pages.load(Ordering::Relaxed)) {
                self.shared.pages.store(0, Ordering::Relaxed);
            }
        }
        copied
    }

    fn ask(&mut self) {
        if !self.asked {
            self.asked = self.ask.as_ref().is_some_and(|ask| ask.try_send(()).is_ok());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.ask = None;
        self.thread.take().map(JoinHandle::join);
    }
}

/// The file of a database, to be synced. It must be closed after every connection of this process: closing it gives up
/// the locks that SQLite holds on it.
pub(super) fn open_to_sync(path: &Path) -> io::Result<Arc<File>> {
    OpenOptions::new().write(true).open(path).map(Arc::new)
}

/// Where something fails, the writing thread's own pass does it again, or leaves it in the log.
fn copy_when_asked(connection: &Connection, file: &File, asked: &Receiver<()>, shared: &Shared) {
    while asked.recv().is_ok() {
        for _ in 0..PASSES {
            let Ok(Some(copied)) = pass(connection) else { break };
            // SQLite leaves the syncing to the pass that copies the last page.
            if file.sync_data().is_err() || shared.pages.load(Ordering::Relaxed).saturating_sub(copied) <= FEW {
                break;
            }
        }
        shared.copied.store(true, Ordering::Release);
    }
}

/// Copies what can be copied without waiting for anybody, and gives how many pages of the log are copied by now; `None`
/// while somebody else is copying them.
fn pass(connection: &Connection) -> rusqlite::Result<Option<usize>> {
    let copied = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(2)?));
    let (busy, copied): (bool, i64) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], copied)?;
    Ok((!busy).then(|| usize::try_from(copied).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const ROWS: usize = 200;

    fn database(name: &str) -> (PathBuf, Connection) {
        let dir = std::env::temp_dir().join(format!("keystow-checkpoints-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let writer = Connection::open(dir.join("store.sqlite")).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.pragma_update(None, "synchronous", "OFF").unwrap();
        writer.execute_batch("CREATE TABLE blob (bytes BLOB)").unwrap();
        (dir, writer)
    }

    /// A database whose log the other thread copies.
    fn started(name: &str) -> (PathBuf, Connection, Checkpoints) {
        let (dir, mut writer) = database(name);
        let path = dir.join("store.sqlite");
        let other = Connection::open(&path).unwrap();
        let checkpoints = Checkpoints::start(&mut writer, other, open_to_sync(&path).unwrap()).unwrap();
        (dir, writer, checkpoints)
    }

    /// Writes 200 MiB, and gives how many pages the log had at most.
    fn fill(writer: &Connection, checkpoints: &mut Checkpoints) -> usize {
        let commit = |_| {
            writer.execute_batch("INSERT INTO blob VALUES (zeroblob(1 << 20))").unwrap();
            checkpoints.after_commit(writer, false);
            checkpoints.shared.pages.load(Ordering::Relaxed)
        };
        (0..ROWS).map(commit).max().unwrap()
    }

    #[test]
    fn the_log_begins_anew_even_when_the_other_thread_never_answers() {
        let (dir, mut writer) = database("unanswered");
        let (ask, _never_answered) = sync_channel(1);
        let mut checkpoints = Checkpoints::new(&mut writer, ask).unwrap();
        let most = fill(&writer, &mut checkpoints);
        assert!((TOO_MANY..TOO_MANY + 1_000).contains(&most), "{most}");
        assert!(checkpoints.asked, "it was asked once");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn on_a_full_disk_the_log_is_copied_though_somebody_else_is_just_copying_it() {
        let (dir, mut writer) = database("full");
        let (ask, _never_answered) = sync_channel(1);
        let mut checkpoints = Checkpoints::new(&mut writer, ask).unwrap();
        let [reader, other] = [(); 2].map(|()| Connection::open(dir.join("store.sqlite")).unwrap());
        reader.execute_batch("BEGIN; SELECT * FROM blob").unwrap();
        writer.execute_batch("INSERT INTO blob VALUES (zeroblob(1 << 20))").unwrap();
        // It waits for the reader, and nobody else copies meanwhile.
        other.busy_timeout(Duration::from_secs(60)).unwrap();
        let copying =
            thread::spawn(move || other.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get::<_, bool>(0)));
        while pass(&writer).unwrap().is_some() {
            thread::yield_now();
        }
        let reading = thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            drop(reader);
        });
        checkpoints.after_commit(&writer, true);
        let state = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (log, copied) = writer.query_row("PRAGMA wal_checkpoint(NOOP)", [], state).unwrap();
        assert!(log > 200 && copied == log, "{copied} of {log} pages are copied");
        reading.join().unwrap();
        assert!(!copying.join().unwrap().unwrap(), "it was done as well");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn while_nobody_writes_all_of_the_log_is_copied() {
        let (dir, writer, mut checkpoints) = started("idle");
        assert!(!checkpoints.are_due(), "nothing was written");
        writer.execute_batch("INSERT INTO blob VALUES (zeroblob(1 << 20))").unwrap();
        checkpoints.after_commit(&writer, false);
        assert!(!checkpoints.asked, "it is not much");
        let begun = Instant::now();
        while checkpoints.are_due() {
            assert!(begun.elapsed().as_secs() < 60, "it was never copied");
            checkpoints.while_idle(&writer);
            thread::yield_now();
        }
        let (log, copied) = writer
            .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
            .unwrap();
        assert!(log > 200 && copied == log, "{copied} of {log} pages are copied");
        writer.execute_batch("INSERT INTO blob VALUES (x'00')").unwrap();
        assert!(checkpoints.are_due(), "the log began anew");
        assert!(checkpoints.shared.pages.load(Ordering::Relaxed) < 200);
        drop(checkpoints);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_the_other_thread_copies_is_all_there_and_the_log_begins_anew() {
        let (dir, writer, mut checkpoints) = started("copied");
        let most = fill(&writer, &mut checkpoints);
        assert!(most >= MANY, "{most}");
        // On a machine that does much else the other thread may not be done yet.
        let begun = Instant::now();
        while checkpoints.shared.pages.load(Ordering::Relaxed) >= MANY {
            assert!(begun.elapsed().as_secs() < 60, "the log never began anew");
            writer.execute_batch("INSERT INTO blob VALUES (x'00')").unwrap();
            checkpoints.after_commit(&writer, false);
            thread::yield_now();
        }
        drop(checkpoints);
        drop(writer);
        let path = dir.join("store.sqlite");
        let said = |sql| Connection::open(&path).unwrap().query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(said("PRAGMA quick_check"), "ok");
        assert_eq!(said("SELECT CAST(COUNT(*) AS TEXT) FROM blob WHERE length(bytes) = 1 << 20"), ROWS.to_string());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
