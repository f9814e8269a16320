//! What the loss of the leader costs: rows written through `HAProxy` while it is killed.

use std::io;
use std::time::{Duration, Instant};

use keystow_load::Patroni;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};

/// How long rows are written before the leader is killed, and after a new one took over.
const BEFORE: Duration = Duration::from_secs(5);
/// Longer than any failover that is worth waiting for.
const PATIENCE: Duration = Duration::from_secs(90);
const ANSWER: Duration = Duration::from_secs(2);

/// Starts everything, kills the leader under load and prints the gap and what was lost.
pub(crate) async fn run() -> io::Result<()> {
    keystow_load::patroni::install()?;
    let mut patroni = Patroni::start()?;
    let mut writer = Writer { url: patroni.url(), client: None, acknowledged: Vec::new(), next: 0 };
    until(BEFORE, async || writer.create().await).await?;
    writer.write_for(BEFORE).await;
    let before = writer.acknowledged.len();
    let killed = patroni.kill_leader()?;
    let start = Instant::now();
    while writer.acknowledged.len() == before && start.elapsed() < PATIENCE {
        writer.write().await;
    }
    let gap = start.elapsed();
    writer.write_for(BEFORE).await;
    let lost = writer.lost().await?;
    println!(
        "node {killed} killed, node {:?} leads now; write gap {:.1} s; {} rows acknowledged, {lost} of them lost",
        patroni.leader(),
        gap.as_secs_f64(),
        writer.acknowledged.len(),
    );
    if lost > 0 { Err(io::Error::other("acknowledged rows were lost")) } else { Ok(()) }
}

struct Writer {
    url: String,
    client: Option<Client>,
    acknowledged: Vec<i64>,
    next: i64,
}

impl Writer {
    async fn client(&mut self) -> Result<&Client, tokio_postgres::Error> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => {
                let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
                tokio::spawn(connection);
                client
            }
        };
        Ok(self.client.insert(client))
    }

    async fn create(&mut self) -> Result<(), tokio_postgres::Error> {
        self.client().await?.batch_execute("CREATE TABLE IF NOT EXISTS rows (number bigint PRIMARY KEY)").await
    }

    async fn write_for(&mut self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            self.write().await;
        }
    }

    /// Writes one row; when it is not acknowledged it counts for nothing and the next has another number.
    async fn write(&mut self) {
        self.next += 1;
        let number = self.next;
        let insert = async {
            let client = self.client().await?;
            client.execute("INSERT INTO rows VALUES ($1)", &[&number]).await
        };
        match timeout(ANSWER, insert).await {
            Ok(Ok(_)) => self.acknowledged.push(number),
            _ => {
                self.client = None;
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn lost(&mut self) -> io::Result<usize> {
        let client = self.client().await.map_err(io::Error::other)?;
        let rows = client.query("SELECT number FROM rows", &[]).await.map_err(io::Error::other)?;
        let there: std::collections::HashSet<i64> = rows.iter().map(|row| row.get(0)).collect();
        Ok(self.acknowledged.iter().filter(|number| !there.contains(number)).count())
    }
}

/// Tries `what` until it works or `time` is over.
async fn until<E: std::error::Error + Send + Sync + 'static>(
    time: Duration,
    mut what: impl AsyncFnMut() -> Result<(), E>,
) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match what().await {
            Ok(()) => return Ok(()),
            Err(error) if start.elapsed() > time => return Err(io::Error::other(error)),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}
