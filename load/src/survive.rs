//! Two servers of Keystow on `PostgreSQL` under Patroni: one server is killed, then the database's leader, while
//! people append. What was acknowledged must be there, and every chain whole.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keystow_load::drive::{Connection, VISITORS};
use keystow_load::keystow::{Account, Home};
use keystow_load::{Keystow, Patroni};
use tokio::time::sleep;

/// How long people append before and after each blow.
const BETWEEN: Duration = Duration::from_secs(6);
/// Longer than any failover that is worth waiting for.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs all of it with the `keystow` of `program`, and prints what it cost.
pub(crate) async fn run(program: &Path) -> io::Result<()> {
    keystow_load::patroni::install()?;
    let mut patroni = Patroni::start()?;
    let home = Home::new(program, Some(patroni.url()))?;
    let (mut one, two) = (home.serve("one")?, home.serve("two")?);
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for number in 0..VISITORS {
        let account = Account::register(&mut Connection::new(one.address())).await?;
        let servers = if number % 2 == 0 { [one.address(), two.address()] } else { [two.address(), one.address()] };
        writers.push(tokio::spawn(write(account, servers, stop.clone())));
    }
    sleep(BETWEEN).await;
    let killed_server = Instant::now();
    one.kill9();
    sleep(BETWEEN).await;
    let killed_leader = Instant::now();
    let leader = patroni.kill_leader()?;
    while patroni.leader().is_none_or(|new| new == leader) && killed_leader.elapsed() < PATIENCE {
        sleep(PAUSE).await;
    }
    sleep(BETWEEN).await;
    stop.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.map_err(io::Error::other)??);
    }
    report(&written, killed_server, killed_leader, &two).await?;
    println!("{}", home.check("two")?.trim());
    Ok(())
}

/// What one person wrote.
struct Written {
    account: Account,
    /// When each append was acknowledged, and how often it was sent for that.
    acknowledged: Vec<(Instant, u32)>,
}

/// Appends until told to stop; a record that is not acknowledged is sent again, to the other server.
async fn write(mut account: Account, servers: [SocketAddr; 2], stop: Arc<AtomicBool>) -> io::Result<Written> {
    let mut connections = servers.map(Connection::new);
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let record = account.next_record()?;
        let (start, mut sent) = (Instant::now(), 1);
        while let Err(error) = account.send(&mut connections[0], &record).await {
            if start.elapsed() > PATIENCE {
                return Err(error);
            }
            connections.swap(0, 1);
            if sent > 1 {
                sleep(PAUSE).await;
            }
            sent += 1;
        }
        acknowledged.push((Instant::now(), sent));
    }
    Ok(Written { account, acknowledged })
}

async fn report(written: &[Written], server: Instant, leader: Instant, two: &Keystow) -> io::Result<()> {
    let mut http = Connection::new(two.address());
    let mut lost = 0;
    for Written { account, acknowledged } in written {
        let heads = account.heads(&mut http).await?;
        let there = account.head().is_some_and(|head| heads.contains(&head));
        lost += if there { 0 } else { acknowledged.len() };
    }
    let all = || written.iter().flat_map(|written| written.acknowledged.iter().copied());
    let retries = all().filter(|(when, _)| (server..leader).contains(when)).map(|(_, sent)| sent - 1).max();
    let back = all().map(|(when, _)| when).filter(|when| *when > leader + PAUSE).min();
    let gap = back.map_or(PATIENCE, |when| when - leader);
    println!(
        "{} appends acknowledged, {lost} lost; one of two servers killed: {} retries at most; leader of the database \
         killed: write gap {:.1} s",
        all().count(),
        retries.unwrap_or(0),
        gap.as_secs_f64(),
    );
    if lost > 0 { Err(io::Error::other("acknowledged appends were lost")) } else { Ok(()) }
}
