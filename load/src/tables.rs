//! The tables of `docs/performance.md`: every visit against every server on every database.

use std::io;
use std::time::Duration;

use keystow_load::drive::{Cpu, VISITORS};
use keystow_load::{Atuin, Postgres, Report, Visit, drive};

/// Records everyone has before the run.
const RECORDS: u64 = 20;
/// A cache or pool is filled before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// Drives `atuin-server`, every visit for `time`, and prints the table.
pub(crate) async fn atuin(time: Duration) -> io::Result<()> {
    println!("{}", Report::HEAD);
    let server = Atuin::start(None)?;
    let peak = atuin_on(&server, "SQLite", time, || Cpu { server: server.cpu_seconds(), database: 0.0 }).await?;
    drop(server);
    keystow_load::postgres::install()?;
    let cluster = Postgres::start()?;
    let server = Atuin::start(Some(&cluster.url()))?;
    let cpu = || Cpu { server: server.cpu_seconds(), database: cluster.cpu_seconds() };
    let other = atuin_on(&server, "PostgreSQL", time, cpu).await?;
    println!("\natuin-server held {peak} MB at most on SQLite, {other} MB on PostgreSQL.");
    Ok(())
}

async fn atuin_on(server: &Atuin, on: &str, time: Duration, cpu: impl Fn() -> Cpu) -> io::Result<u64> {
    let mut people = Vec::new();
    for _ in 0..VISITORS {
        people.push(server.register(RECORDS).await?);
    }
    for visit in Visit::ALL {
        people.iter_mut().for_each(|person| person.will(visit));
        drive(server.address(), &mut people, WARM_UP, Cpu::default).await;
        let report = drive(server.address(), &mut people, time, &cpu).await;
        show("atuin", visit, on, &report);
    }
    Ok(server.peak_memory() / 1_000_000)
}

fn show(whose: &str, visit: Visit, on: &str, report: &Report) {
    println!("| {whose} {}, {on} | {report}", visit.name());
    if let Some(error) = &report.first_error {
        eprintln!("{whose} {}, {on}: {error}", visit.name());
    }
}
