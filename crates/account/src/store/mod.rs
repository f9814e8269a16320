//! The database of a server: SQLite beside it, or PostgreSQL somewhere.
//!
//! What is done to the data is written once, as [`Work`] over a [`Tx`]; the two stores only run it. Columns hold
//! whole numbers and bytes and nothing else, and each statement touches one account.

mod checkpoint;
mod heads;
mod kept;
mod migrate;
mod places;
mod postgres;
mod records;
mod session;
mod sqlite;

use std::future::Future;

use async_trait::async_trait;

pub(crate) use self::heads::{FindHeads, head};
pub(crate) use self::places::{count as count_rows, unlisted};
pub use self::postgres::Postgres;
pub(crate) use self::records::{
    Either, Found, New, Place, Whose, at_place, columns, end, page, record, with_last, within,
};
pub(crate) use self::session::{FindSession, StoredSession};
pub use self::sqlite::Sqlite;
use crate::wire::Heads;

/// A store.
#[derive(Debug)]
pub enum Store {
    /// A file.
    Sqlite(Sqlite),
    /// A server.
    Postgres(Postgres),
}

/// A piece of work in one transaction: all of it is done, or none.
///
/// It may be run again after the connection broke, even when the first run was committed unnoticed; so it must find
/// what it did before and answer the same.
pub trait Work: Send + Sync + 'static {
    /// What comes of it.
    type Done: Send + 'static;

    /// Does it.
    fn run(&self, tx: &mut dyn Tx) -> impl Future<Output = Result<Self::Done, StoreError>> + Send;
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SQLite`.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A transaction.
#[async_trait]
pub trait Tx: Send {
    /// Which database it is of, where statements differ.
    fn kind(&self) -> Kind;

    /// Runs a statement with values for `$1`, `$2`, …, and gives its rows.
    async fn query(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;

    /// Runs a statement and gives its rows to `take`, one by one, until that wants no more. Gives whether it wanted all.
    async fn query_while(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        take: &mut Take<'_>,
    ) -> Result<bool, StoreError> {
        for row in self.query(sql, values).await? {
            if !take(row)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs a statement and gives how many rows it changed.
    async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Ends the transaction with two statements, one after the other and whatever the first does, and gives how many
    /// rows each changed. The database is asked once for both and for keeping them. What follows is done apart.
    async fn end_with(&mut self, one: Statement<'_>, two: Statement<'_>) -> Result<[u64; 2], StoreError>;

    /// Runs several statements without values.
    async fn batch(&mut self, sql: &str) -> Result<(), StoreError>;

    /// Waits until no other server changes the tables, and keeps others from it to the end of the transaction.
    async fn lock_migrations(&mut self) -> Result<(), StoreError>;
}

/// Takes a row, and says whether it wants more.
pub type Take<'t> = dyn FnMut(Row) -> Result<bool, StoreError> + Send + 't;

/// A statement and its values.
pub type Statement<'a> = (&'static str, &'a [Value<'a>]);

/// A value for a statement.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A whole number.
    Int(i64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// None.
    Null,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A whole number.
    Int(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// None.
    Null,
}

/// A row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Cell>);

/// Why the store did not do it.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StoreError {
    #[error("the database is damaged: {0}")]
    Damaged(String),
    #[error("the disk of the database is full")]
    DiskFull,
    #[error("the database was made by a newer Keystow: step {found}, this one knows {known}")]
    Newer { found: i64, known: i64 },
    #[error("the database was made by an older Keystow: step {found}, this one knows {known}")]
    Older { found: i64, known: i64 },
    #[error("the database was changed by hand or by another program: step {0} is not as it was")]
    OtherMigration(i64),
    #[error("{0}")]
    Sql(String),
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
}

impl Store {
    /// Runs work that changes something. When this returns `Ok`, it is on the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing was changed then, but for [`StoreError::Unavailable`], after which nobody knows.
    pub async fn write<W: Work>(&self, work: W) -> Result<W::Done, StoreError> {
        match self {
            Self::Sqlite(store) => store.write(work).await,
            Self::Postgres(store) => store.write(work).await,
        }
    }

    /// Runs work that changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Done, StoreError> {
        match self {
            Self::Sqlite(store) => store.read(work),
            Self::Postgres(store) => store.read(work).await,
        }
    }

    /// Brings the tables to what this program knows. Several servers may do so at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Newer`], [`StoreError::OtherMigration`]; what the database says.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.write(migrate::Migrate).await?;
        match self {
            Self::Sqlite(store) => store.keep().await,
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Expects that the tables are what this program knows.
    ///
    /// # Errors
    ///
    /// [`StoreError::Older`], [`StoreError::Newer`], [`StoreError::OtherMigration`]; what the database says.
    pub async fn expect_current(&self) -> Result<(), StoreError> {
        self.read(migrate::Expect).await
    }

    /// Looks for a session, as of the last write that was answered or later.
    pub(crate) async fn session(&self, find: FindSession) -> Result<Option<StoredSession>, StoreError> {
        match self {
            Self::Sqlite(store) => store.session(find),
            Self::Postgres(store) => store.read(find).await,
        }
    }

    /// Looks for the heads of an account, as of the last write that was answered or later.
    pub(crate) async fn heads(&self, find: FindHeads) -> Result<Heads, StoreError> {
        match self {
            Self::Sqlite(store) => store.heads(find),
            Self::Postgres(store) => store.read(find).await,
        }
    }
}

impl Row {
    /// The number in a column.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when there is none.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.maybe_int(column)?.ok_or_else(|| missing(column))
    }

    /// The number in a column that may have none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when it holds something else.
    pub fn maybe_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Cell::Int(number)) => Ok(Some(*number)),
            Some(Cell::Null) => Ok(None),
            _ => Err(missing(column)),
        }
    }

    /// The number in a column, which is not negative.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when there is none, or a negative one.
    pub fn count(&self, column: usize) -> Result<u64, StoreError> {
        u64::try_from(self.int(column)?).map_err(|_| missing(column))
    }

    /// The bytes in a column.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when there are none.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        self.maybe_bytes(column)?.ok_or_else(|| missing(column))
    }

    /// The bytes in a column that may have none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when it holds something else.
    pub fn maybe_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.slice(column).map(|bytes| bytes.map(<[u8]>::to_vec))
    }

    /// The same, which are not in the row any more then.
    pub(crate) fn take_bytes(&mut self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.get_mut(column).map(|cell| std::mem::replace(cell, Cell::Null)) {
            Some(Cell::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Cell::Null) => Ok(None),
            _ => Err(missing(column)),
        }
    }

    fn slice(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.0.get(column) {
            Some(Cell::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Cell::Null) => Ok(None),
            _ => Err(missing(column)),
        }
    }

    /// A fixed number of bytes in a column.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when there are more or fewer.
    pub fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], StoreError> {
        self.slice(column)?.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| missing(column))
    }
}

fn missing(column: usize) -> StoreError {
    StoreError::Damaged(format!("column {column} of a row is not what it must be"))
}

/// A count as the database keeps it.
pub(crate) fn number(count: u64) -> Result<i64, StoreError> {
    i64::try_from(count).map_err(|_| StoreError::Sql("a number above 2^63".to_owned()))
}
