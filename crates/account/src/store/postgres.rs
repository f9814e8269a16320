//! PostgreSQL, through a pool of connections. Work is run again when a connection breaks or transactions collide.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures_util::future::{join, join4};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Cell, Kind, Row, Statement, StoreError, Tx, Value, Work};

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
        let client = self.pool.get().await.map_err(|error| StoreError::Unavailable(plain(&error)))?;
        let mut tx = PostgresTx { client: Some(client), begun: false };
        match work.run(&mut tx).await {
            Ok(done) => tx.end("COMMIT").await.map(|()| done),
            // After this error the connection may be broken, or lead to a server that writes no more: it is closed.
            Err(error @ StoreError::Unavailable(_)) => Err(error),
            Err(error) => {
                let _ = tx.end("ROLLBACK").await;
                Err(error)
            }
        }
    }

    async fn read_once<W: Work>(&self, work: &W) -> Result<W::Done, StoreError> {
        let client = self.pool.get().await.map_err(|error| StoreError::Unavailable(plain(&error)))?;
        let done = work.run(&mut PostgresReader(&client)).await;
        if matches!(done, Err(StoreError::Unavailable(_))) {
            let _ = Client::take(client);
        }
        done
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postgres(…)")
    }
}

/// A transaction, which begins in one journey with its first statement. A connection on which it was begun and not
/// ended is closed.
struct PostgresTx {
    client: Option<Client>,
    begun: bool,
}

impl PostgresTx {
    /// The connection, and how to begin on it if nobody did.
    fn begin(&mut self) -> Result<(&Client, Option<&'static str>), StoreError> {
        let begin = (!std::mem::replace(&mut self.begun, true)).then_some("BEGIN");
        let client =
            self.client.as_ref().ok_or_else(|| StoreError::Unavailable("the connection is closed".to_owned()))?;
        Ok((client, begin))
    }

    async fn end(mut self, how: &'static str) -> Result<(), StoreError> {
        if let (true, Some(client)) = (self.begun, self.client.as_ref()) {
            client.batch_execute(how).await.map_err(|error| told(&error))?;
        }
        self.ended();
        Ok(())
    }

    fn ended(&mut self) {
        self.begun = false;
    }
}

impl Drop for PostgresTx {
    fn drop(&mut self) {
        if self.begun {
            let _ = self.client.take().map(Client::take);
        }
    }
}

struct PostgresReader<'c>(&'c Client);

impl PostgresReader<'_> {
    /// One statement sees one state of the data without further ado.
    #[expect(clippy::unnecessary_wraps, reason = "as for a transaction")]
    fn begin(&mut self) -> Result<(&Client, Option<&'static str>), StoreError> {
        Ok((self.0, None))
    }

    #[expect(clippy::unused_self, reason = "as for a transaction")]
    fn ended(&mut self) {}
}

async fn begin(client: &Client, how: Option<&'static str>) -> Result<(), tokio_postgres::Error> {
    match how {
        Some(begin) => client.batch_execute(begin).await,
        None => Ok(()),
    }
}

fn parameters<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// Implements [`Tx`] over what `begin` gives. What is sent together goes to the server in one journey and is done
/// there one after the other.
macro_rules! tx {
    ($name:ty) => {
        #[async_trait]
        impl Tx for $name {
            fn kind(&self) -> Kind {
                Kind::Postgres
            }

            async fn query(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
                let (client, how) = self.begin()?;
                let statement = client.prepare_cached(sql).await.map_err(|error| told(&error))?;
                let values = parameters(values);
                let sent = join(begin(client, how), client.query(&statement, &values)).await;
                sent.0.map_err(|error| told(&error))?;
                sent.1.map_err(|error| told(&error))?.iter().map(row).collect()
            }

            async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StoreError> {
                let (client, how) = self.begin()?;
                let statement = client.prepare_cached(sql).await.map_err(|error| told(&error))?;
                let values = parameters(values);
                let sent = join(begin(client, how), client.execute(&statement, &values)).await;
                sent.0.map_err(|error| told(&error))?;
                sent.1.map_err(|error| told(&error))
            }

            async fn end_with(&mut self, one: Statement<'_>, two: Statement<'_>) -> Result<[u64; 2], StoreError> {
                let (client, how) = self.begin()?;
                // Both are ready before the first is sent, so that they are sent in their order.
                let first = client.prepare_cached(one.0).await.map_err(|error| told(&error))?;
                let second = client.prepare_cached(two.0).await.map_err(|error| told(&error))?;
                let (of_one, of_two) = (parameters(one.1), parameters(two.1));
                let (one, two) = (client.execute(&first, &of_one), client.execute(&second, &of_two));
                // After a failed statement, what this ends is a transaction in which nothing was done.
                let sent = join4(begin(client, how), one, two, client.batch_execute("COMMIT")).await;
                sent.0.map_err(|error| told(&error))?;
                let counts = [sent.1.map_err(|error| told(&error))?, sent.2.map_err(|error| told(&error))?];
                sent.3.map_err(|error| told(&error))?;
                self.ended();
                Ok(counts)
            }

            async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
                let (client, how) = self.begin()?;
                let sent = join(begin(client, how), client.batch_execute(sql)).await;
                sent.0.and(sent.1).map_err(|error| told(&error))
            }

            async fn lock_migrations(&mut self) -> Result<(), StoreError> {
                let values = [Value::Int(MIGRATION_LOCK)];
                self.query("SELECT 1::BIGINT FROM (SELECT pg_advisory_xact_lock($1)) AS lock", &values).await?;
                Ok(())
            }
        }
    };
}

tx!(PostgresTx);
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
