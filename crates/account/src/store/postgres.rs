//! PostgreSQL, through a pool of connections. Work is run again when a connection breaks or transactions collide.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Transaction};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Cell, Row, StoreError, Tx, Value, Work};

/// For how long work is tried again before the client is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may take, to be made or to become free.
const CONNECT: Duration = Duration::from_secs(5);
/// The key of the lock that one server holds while it changes the tables: "keystow1" in bytes.
const MIGRATION_LOCK: i64 = 0x6B65_7973_746F_7731;

/// A database on a server.
pub struct Postgres {
    pool: Pool,
}

impl Postgres {
    /// Takes the address of a database: `postgres://user@host:port/name`, with a password or without, and `sslmode`.
    /// `most` is the number of connections. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is no address. The address, which may hold a password, is not repeated.
    pub fn new(url: &str, password: Option<&str>, most: usize) -> Result<Self, StoreError> {
        let mut config = Config::from_str(url).map_err(|_| StoreError::Unavailable("not an address".to_owned()))?;
        if let Some(password) = password {
            config.password(password);
        }
        config.connect_timeout(CONNECT).keepalives_idle(Duration::from_secs(10));
        let recycle = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match config.get_ssl_mode() {
            SslMode::Disable | SslMode::Prefer => Manager::from_config(config, NoTls, recycle),
            _ => Manager::from_config(config, MakeRustlsConnect::new(tls()?), recycle),
        };
        let pool = Pool::builder(manager).max_size(most).runtime(Runtime::Tokio1);
        let pool = pool.wait_timeout(Some(CONNECT)).create_timeout(Some(CONNECT)).recycle_timeout(Some(CONNECT));
        Ok(Self { pool: pool.build().map_err(|error| StoreError::Unavailable(error.to_string()))? })
    }

    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Done, StoreError> {
        self.patiently(work, false).await
    }

    pub(super) async fn read<W: Work>(&self, work: W) -> Result<W::Done, StoreError> {
        self.patiently(work, true).await
    }

    /// Runs work until it is done, fails for good, or patience ends.
    async fn patiently<W: Work>(&self, work: W, reading: bool) -> Result<W::Done, StoreError> {
        let (begun, mut pause) = (Instant::now(), Duration::from_millis(5));
        loop {
            match if reading { self.read_once(&work).await } else { self.write_once(&work).await } {
                Err(StoreError::Unavailable(_)) if begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(500));
                }
                done => return done,
            }
        }
    }

    async fn write_once<W: Work>(&self, work: &W) -> Result<W::Done, StoreError> {
        let mut client = self.pool.get().await.map_err(|error| StoreError::Unavailable(plain(&error)))?;
        let done = {
            let transaction = client.transaction().await.map_err(|error| told(&error))?;
            let mut tx = PostgresTx(transaction);
            match work.run(&mut tx).await {
                Ok(done) => tx.0.commit().await.map(|()| done).map_err(|error| told(&error)),
                Err(error) => {
                    let _ = tx.0.rollback().await;
                    Err(error)
                }
            }
        };
        if matches!(done, Err(StoreError::Unavailable(_))) {
            // It may be broken, or lead to a server that writes no more.
            let _ = deadpool_postgres::Object::take(client);
        }
        done
    }

    async fn read_once<W: Work>(&self, work: &W) -> Result<W::Done, StoreError> {
        let client = self.pool.get().await.map_err(|error| StoreError::Unavailable(plain(&error)))?;
        let done = work.run(&mut PostgresReader(&client)).await;
        if matches!(done, Err(StoreError::Unavailable(_))) {
            let _ = deadpool_postgres::Object::take(client);
        }
        done
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postgres(…)")
    }
}

struct PostgresTx<'c>(Transaction<'c>);

struct PostgresReader<'c>(&'c deadpool_postgres::Client);

/// Implements [`Tx`] over what `$self.0` is: a transaction, or for reads a connection.
macro_rules! tx {
    ($name:ty) => {
        #[async_trait]
        impl Tx for $name {
            async fn query(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
                let statement = self.0.prepare_cached(sql).await.map_err(|error| told(&error))?;
                let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
                let rows = self.0.query(&statement, &values).await.map_err(|error| told(&error))?;
                rows.iter().map(row).collect()
            }

            async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError> {
                let statement = self.0.prepare_cached(sql).await.map_err(|error| told(&error))?;
                let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
                self.0.execute(&statement, &values).await.map_err(|error| told(&error))
            }

            async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
                self.0.batch_execute(sql).await.map_err(|error| told(&error))
            }

            async fn lock_migrations(&mut self) -> Result<(), StoreError> {
                let values = [Value::Int(MIGRATION_LOCK)];
                self.query("SELECT 1::BIGINT FROM (SELECT pg_advisory_xact_lock($1)) AS lock", &values).await?;
                Ok(())
            }
        }
    };
}

tx!(PostgresTx<'_>);
tx!(PostgresReader<'_>);

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Value::Int(number) => number.to_sql(kind, out),
            Value::Bytes(bytes) => bytes.to_sql(kind, out),
            Value::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::BYTEA)
    }

    to_sql_checked!();
}

fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let cell = |column: usize| {
        let kind = row.columns().get(column).map(tokio_postgres::Column::type_);
        let cell = match kind {
            Some(&Type::INT8) => row.try_get::<_, Option<i64>>(column).map(|value| value.map(Cell::Int)),
            Some(&Type::BYTEA) => row.try_get::<_, Option<Vec<u8>>>(column).map(|value| value.map(Cell::Bytes)),
            _ => return Err(StoreError::Damaged("a column is of another type".to_owned())),
        };
        cell.map(|cell| cell.unwrap_or(Cell::Null)).map_err(|error| told(&error))
    };
    (0..row.len()).map(cell).collect::<Result<_, _>>().map(Row)
}

/// Whether it helps to try again decides what an error is. Values never stand in it.
fn told(error: &tokio_postgres::Error) -> StoreError {
    let Some(state) = error.code() else { return StoreError::Unavailable("the connection broke".to_owned()) };
    let class = state.code().get(..2).unwrap_or_default();
    let again = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::TOO_MANY_CONNECTIONS,
    ];
    match class {
        "08" | "57" => StoreError::Unavailable(format!("state {}", state.code())),
        _ if again.contains(state) => StoreError::Unavailable(format!("state {}", state.code())),
        "53" if *state == SqlState::DISK_FULL => StoreError::DiskFull,
        "XX" => StoreError::Damaged(format!("state {}", state.code())),
        _ => {
            let message = error.as_db_error().map(|error| error.message().to_owned()).unwrap_or_default();
            StoreError::Sql(format!("state {}: {message}", state.code()))
        }
    }
}

/// Why no connection was to be had, without the address.
fn plain(error: &deadpool_postgres::PoolError) -> String {
    match error {
        deadpool_postgres::PoolError::Backend(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn tls() -> Result<ClientConfig, StoreError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
