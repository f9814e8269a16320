//! SQLite: one thread writes, and commits what has gathered meanwhile as one; readers have connections of their own.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, ToSql};
use tokio::sync::oneshot;

use super::checkpoint::{Checkpoints, open_to_sync};
use super::kept::{Kept, Watch};
use super::session::{FindSession, StoredSession};
use super::{Cell, FindHeads, Kind, Row, Statement, StoreError, Take, Tx, Value, Work, places};
use crate::wire::Heads;

/// How many pieces of work one commit takes at most, so that the first does not wait for long.
const MOST_TOGETHER: usize = 256;
/// After how long without a write the log is copied.
const IDLE: Duration = Duration::from_secs(1);
/// Statements that a connection keeps ready.
const STATEMENTS: usize = 64;
/// KiB of pages that the writing connection keeps: the upper pages of every tree and the heads of 100,000 accounts.
const WRITER_CACHE: i64 = 20 << 10;
/// KiB that all reading connections keep together until the next commit: as many as there are cores read at once, and
/// with two cores each has room for the upper pages of the records of 100,000 accounts.
const READER_CACHES: i64 = 23 << 10;
/// Bytes of the log's file that stay when it begins anew: 128 MiB.
const LONGEST_LOG: i64 = 128 << 20;
const PLACEHOLDERS: [&str; 16] =
    ["$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16"];

/// A database in a file.
pub struct Sqlite {
    path: PathBuf,
    jobs: Mutex<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Mutex<Vec<Connection>>,
    kept: Arc<Kept>,
    /// Here to be closed last, see [`open_to_sync`].
    _file: Arc<File>,
}

/// Work for the writing thread. It is run inside a commit, and told how the commit went.
type Job = Box<dyn FnOnce(&mut Connection) -> Run + Send>;

/// Work that was run.
struct Run {
    tell: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
    /// It was undone.
    failed: bool,
    /// The disk had no room for it.
    full: bool,
}

impl Sqlite {
    /// Opens a database, or makes an empty one. While it is open, no other process may write it: what was read is
    /// kept.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when the file is no database or fails its own check; what the disk says.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        check(&connection, QUICK)?;
        let kept = Arc::<Kept>::default();
        kept.listen(&connection).map_err(told)?;
        let unavailable = |error: io::Error| StoreError::Unavailable(error.to_string());
        let file = open_to_sync(path).map_err(unavailable)?;
        let other = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let checkpoints = Checkpoints::start(&mut connection, other, file.clone()).map_err(unavailable)?;
        let (jobs, queue) = channel();
        let writer = Writer { checkpoints, connection, kept: kept.clone(), _file: file.clone() };
        let thread = thread::Builder::new().name("database".to_owned());
        let writer = Some(thread.spawn(move || writer.write_all(&queue)).map_err(unavailable)?);
        let (jobs, readers) = (Mutex::new(jobs), Mutex::default());
        Ok(Self { path: path.to_owned(), jobs, writer, readers, kept, _file: file })
    }

    /// Keeps from now on what is read of [sessions](FindSession) and [heads](FindHeads). The tables must be there.
    pub(super) async fn keep(&self) -> Result<(), StoreError> {
        self.write(Watch).await?;
        self.kept.begin();
        Ok(())
    }

    pub(super) fn session(&self, find: FindSession) -> Result<Option<StoredSession>, StoreError> {
        self.kept.session(find, |find| self.read(find))
    }

    pub(super) fn heads(&self, find: FindHeads) -> Result<Heads, StoreError> {
        self.kept.heads(find, |find| self.read(find))
    }

    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Done, StoreError> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let done = in_savepoint(connection, &work);
            let (failed, full) = (done.is_err(), matches!(done, Err(StoreError::DiskFull)));
            let all = |committed: Result<(), _>| done.and_then(|done| committed.map(|()| done));
            Run { tell: Box::new(move |committed| _ = tell.send(all(committed))), failed, full }
        });
        let sent = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job);
        let stopped = || StoreError::Unavailable("the writing thread has stopped".to_owned());
        sent.map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }

    /// Reads are short and mostly from memory, so they run where they are asked for.
    pub(super) fn read<W: Work>(&self, work: W) -> Result<W::Done, StoreError> {
        let pooled = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let done = in_one_state(&mut connection, &work);
        if connection.is_autocommit() {
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        done
    }

    /// Copies the database as it is at this moment into a new file, while it is being used.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let from = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut to = Connection::open(path).map_err(told)?;
        // In one step, as of one moment: between two steps a commit would make it begin anew, and under load for ever.
        let step = Backup::new(&from, &mut to).map_err(told)?.step(-1).map_err(told)?;
        if step != StepResult::Done {
            return Err(StoreError::Unavailable("another program holds it".to_owned()));
        }
        to.pragma_update(None, "journal_mode", "DELETE").map_err(told)?;
        check(&to, QUICK)
    }

    /// Looks whether every index is that of its table, which takes longer than what [`open`](Self::open) looks at.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when one is not; what the disk says.
    pub fn check_indexes(&self) -> Result<(), StoreError> {
        check(&connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, WHOLE)
    }
}

/// Waits until what was asked is written and the last connection has cleared the log away.
impl Drop for Sqlite {
    fn drop(&mut self) {
        self.readers = Mutex::default();
        self.jobs = Mutex::new(channel().0);
        self.writer.take().map(JoinHandle::join);
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sqlite({})", self.path.display())
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(told)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(told)?;
    let writes = flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE);
    // Negative numbers are KiB.
    let readers = || thread::available_parallelism().map_or(1, |cores| cores.get() as i64);
    let cache = if writes { WRITER_CACHE } else { READER_CACHES / readers() };
    connection.pragma_update(None, "cache_size", -cache).map_err(told)?;
    if writes {
        // Only a read shows what the header forbids.
        connection.pragma_query(None, "schema_version", |_| Ok(())).map_err(told)?;
        if connection.is_readonly(MAIN_DB).map_err(told)? {
            return Err(not_written(path));
        }
        connection.pragma_update(None, "journal_mode", "WAL").map_err(told)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(told)?;
        connection.pragma_update(None, "journal_size_limit", LONGEST_LOG).map_err(told)?;
    }
    // Without this SQLite plans a statement anew each time it gets a value that might matter, such as that of LIMIT.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(told)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(told)?;
    connection.pragma_update(None, "cell_size_check", true).map_err(told)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    places::teach(&connection).map_err(told)?;
    Ok(connection)
}

/// What keeps a database from being written: its disk, or bytes of its own that say so.
fn not_written(path: &Path) -> StoreError {
    match File::options().write(true).open(path) {
        Ok(_) => StoreError::Damaged("its first bytes say that it must not be written".to_owned()),
        Err(error) => StoreError::Unavailable(format!("{} cannot be written: {error}", path.display())),
    }
}

/// SQLite's own checks of the file: of every page, and of the indexes as well.
const QUICK: &str = "PRAGMA quick_check(1)";
const WHOLE: &str = "PRAGMA integrity_check(1)";

fn check(connection: &Connection, how: &str) -> Result<(), StoreError> {
    let said: String = connection.query_row(how, [], |row| row.get(0)).map_err(told)?;
    if said == "ok" { Ok(()) } else { Err(StoreError::Damaged(said)) }
}

/// The writing thread. Its fields are closed in this order.
struct Writer {
    checkpoints: Checkpoints,
    connection: Connection,
    kept: Arc<Kept>,
    /// See [`open_to_sync`].
    _file: Arc<File>,
}

impl Writer {
    /// Until every sender is gone.
    fn write_all(mut self, queue: &Receiver<Job>) {
        while let Some(first) = self.next(queue) {
            let begun = self.connection.execute_batch("BEGIN IMMEDIATE").map_err(told);
            if let Err(error) = begun {
                // Nothing was run, so the work is told through a job on no transaction: each fails alike.
                refuse(first, &mut self.connection, &error);
                self.kept.doubt(0);
                continue;
            }
            let mut waiting = vec![self.run(first)];
            // What a full or failing disk undid, it undid for all, and what came after would be done apart.
            while waiting.len() < MOST_TOGETHER
                && !self.connection.is_autocommit()
                && let Ok(job) = queue.try_recv()
            {
                waiting.push(self.run(job));
            }
            let committed = if !self.connection.is_autocommit() {
                self.connection.execute_batch("COMMIT").map_err(told)
            } else if waiting.iter().any(|run| run.full) {
                Err(StoreError::DiskFull)
            } else {
                Err(StoreError::Unavailable("a transaction was undone".to_owned()))
            };
            if committed.is_err() {
                // A failed commit may leave the transaction open; it must not swallow the next one.
                let _ = self.connection.execute_batch("ROLLBACK");
                self.kept.doubt(0);
            }
            self.kept.settle();
            let full = matches!(committed, Err(StoreError::DiskFull)) || waiting.iter().any(|run| run.full);
            for run in waiting {
                (run.tell)(match &committed {
                    Ok(()) => Ok(()),
                    Err(error) => Err(copied(error)),
                });
            }
            self.checkpoints.after_commit(&self.connection, full);
        }
    }

    fn run(&mut self, job: Job) -> Run {
        let certain = self.kept.uncommitted();
        let run = job(&mut self.connection);
        if run.failed {
            self.kept.doubt(certain);
        }
        run
    }

    /// The next piece of work, or none when every sender is gone. When it lets wait for itself, the log is copied.
    fn next(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        while self.checkpoints.are_due() {
            match queue.recv_timeout(IDLE) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.checkpoints.while_idle(&self.connection),
            }
        }
        queue.recv().ok()
    }
}

/// Tells a piece of work that it cannot be done. It is run and undone, since only running makes its answer.
fn refuse(job: Job, connection: &mut Connection, error: &StoreError) {
    let _ = connection.execute_batch("SAVEPOINT refused");
    let run = job(connection);
    let _ = connection.execute_batch("ROLLBACK TO refused; RELEASE refused");
    (run.tell)(Err(copied(error)));
}

fn in_savepoint<W: Work>(connection: &mut Connection, work: &W) -> Result<W::Done, StoreError> {
    connection.prepare_cached("SAVEPOINT work").and_then(|mut s| s.execute([])).map_err(told)?;
    let done = run(connection, work);
    if connection.is_autocommit() {
        // A full or failing disk ends the whole transaction by itself.
        return done;
    }
    if done.is_err() {
        connection.execute_batch("ROLLBACK TO work").map_err(told)?;
    }
    connection.prepare_cached("RELEASE work").and_then(|mut s| s.execute([])).map_err(told)?;
    done
}

/// Reads, however many statements it takes, as of one moment.
fn in_one_state<W: Work>(connection: &mut Connection, work: &W) -> Result<W::Done, StoreError> {
    connection.prepare_cached("BEGIN").and_then(|mut s| s.execute([])).map_err(told)?;
    let done = run(connection, work);
    if connection.is_autocommit() {
        // A failing disk ends a transaction by itself.
        return done;
    }
    let ended = connection.prepare_cached("COMMIT").and_then(|mut s| s.execute([])).map_err(told);
    done.and_then(|done| ended.map(|_| done))
}

/// Runs work to its end: with SQLite nothing in it ever waits.
fn run<W: Work>(connection: &mut Connection, work: &W) -> Result<W::Done, StoreError> {
    let mut tx = SqliteTx(connection);
    let done = work.run(&mut tx).now_or_never();
    done.unwrap_or_else(|| Err(StoreError::Sql("work on the database waited for something else".to_owned())))
}

struct SqliteTx<'c>(&'c mut Connection);

#[async_trait]
impl Tx for SqliteTx<'_> {
    fn kind(&self) -> Kind {
        Kind::Sqlite
    }

    async fn query(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        let mut keep = |row| {
            found.push(row);
            Ok(true)
        };
        self.query_while(sql, values, &mut keep).await?;
        Ok(found)
    }

    async fn query_while(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        take: &mut Take<'_>,
    ) -> Result<bool, StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(unfit)?;
        bind(&mut statement, values)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(told)? {
            let cells = (0..columns).map(|column| row.get_ref(column).map_err(told).and_then(cell));
            if !take(Row(cells.collect::<Result<_, _>>()?))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let mut statement = self.0.prepare_cached(sql).map_err(unfit)?;
        bind(&mut statement, values)?;
        statement.raw_execute().map(|count| count as u64).map_err(told)
    }

    async fn end_with(&mut self, one: Statement<'_>, two: Statement<'_>) -> Result<[u64; 2], StoreError> {
        Ok([self.execute(one.0, one.1).await?, self.execute(two.0, two.1).await?])
    }

    async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.0.execute_batch(&sql.replace("; -- one tree", " WITHOUT ROWID;")).map_err(told)
    }

    async fn lock_migrations(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Statements number their values as PostgreSQL does; for SQLite `$1` is a name.
fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value<'_>]) -> Result<(), StoreError> {
    for (name, value) in PLACEHOLDERS.iter().zip(values) {
        if let Some(index) = statement.parameter_index(name).map_err(told)? {
            statement.raw_bind_parameter(index, value).map_err(told)?;
        }
    }
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
            Value::Null => ValueRef::Null,
        }))
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell, StoreError> {
    match value {
        ValueRef::Integer(number) => Ok(Cell::Int(number)),
        ValueRef::Blob(bytes) => Ok(Cell::Bytes(bytes.to_vec())),
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Real(_) | ValueRef::Text(_) => Err(StoreError::Damaged("a column holds text".to_owned())),
    }
}

/// Why a statement cannot be prepared. All are ours: when one does not fit the tables, they are not as they were made. The
/// statement itself would fill a page.
fn unfit(error: rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => StoreError::Damaged(msg),
        rusqlite::Error::SqliteFailure(code, Some(said)) if code.code == ErrorCode::Unknown => {
            StoreError::Damaged(said)
        }
        other => told(other),
    }
}

fn told(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(error.to_string()),
        Some(ErrorCode::DiskFull) => StoreError::DiskFull,
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::DatabaseBusy | ErrorCode::ReadOnly) => {
            StoreError::Unavailable(error.to_string())
        }
        _ => StoreError::Sql(error.to_string()),
    }
}

/// The same error for each piece of work of a commit.
fn copied(error: &StoreError) -> StoreError {
    match error {
        StoreError::Damaged(what) => StoreError::Damaged(what.clone()),
        StoreError::DiskFull => StoreError::DiskFull,
        StoreError::Unavailable(what) => StoreError::Unavailable(what.clone()),
        other => StoreError::Sql(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_its_values_are() {
        let dir = std::env::temp_dir().join(format!("keystow-planned-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(&dir.join("store.sqlite"), flags).unwrap();
        connection.execute_batch("CREATE TABLE pair (a BLOB NOT NULL, b BLOB, PRIMARY KEY (a)) WITHOUT ROWID").unwrap();
        let sql = "SELECT b FROM pair WHERE a >= $1 AND b = $2 ORDER BY a LIMIT $3";
        for limit in 0..4 {
            let mut statement = connection.prepare_cached(sql).unwrap();
            bind(&mut statement, &[Value::Bytes(b"a"), Value::Int(limit), Value::Int(limit)]).unwrap();
            assert!(statement.raw_query().next().unwrap().is_none());
        }
        let statement = connection.prepare_cached(sql).unwrap();
        assert_eq!(statement.get_status(StatementStatus::Run), 4, "it was kept");
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        drop(statement);
        drop(connection);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
