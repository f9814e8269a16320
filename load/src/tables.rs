//! The tables of `docs/performance.md`: every visit against every server on every database.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use keystow_load::drive::{Connection, Cpu, Stays, VISITORS};
use keystow_load::fill::fill;
use keystow_load::keystow::{Account, Home, Person};
use keystow_load::{Atuin, Keystow, Postgres, Report, Visit, drive};

/// Records every account has before the run.
const RECORDS: u64 = 20;
/// A cache or pool is filled before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// Servers that are compared take turns.
const TURNS: u32 = 5;
/// Accounts of the table of many: so many made through the server, and so many in all.
const REGISTERED: usize = 1_600;
const MANY: usize = 100_000;

/// A database for the servers.
pub(crate) enum Database {
    Sqlite,
    Postgres(Postgres),
}

impl Database {
    /// Both kinds; `PostgreSQL` is installed when it is missing.
    pub(crate) fn both() -> io::Result<[Self; 2]> {
        keystow_load::postgres::install()?;
        Ok([Self::Sqlite, Self::Postgres(Postgres::start()?)])
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// A new database there, or none for a file of the server's own.
    fn another(&self, name: &str) -> io::Result<Option<String>> {
        match self {
            Self::Sqlite => Ok(None),
            Self::Postgres(cluster) => cluster.another(name).map(Some),
        }
    }

    fn cpu_seconds(&self) -> f64 {
        match self {
            Self::Sqlite => 0.0,
            Self::Postgres(cluster) => cluster.cpu_seconds(),
        }
    }
}

/// Drives atuin-server and Keystow in turns, every visit for `time` each, and prints the rows. Turns are short, so that
/// what else the machine does meets both.
pub(crate) async fn both(time: Duration, database: &Database, program: &Path) -> io::Result<()> {
    let atuin = Atuin::start(database.another("atuin")?.as_deref())?;
    let home = Home::new(program, database.another("few")?)?;
    let keystow = home.serve("one")?;
    let mut theirs = Vec::new();
    for _ in 0..VISITORS {
        theirs.push(atuin.register(RECORDS).await?);
    }
    let mut ours = people(&keystow, VISITORS).await?;
    let their_cpu = || Cpu { server: atuin.cpu_seconds(), database: database.cpu_seconds() };
    let our_cpu = || Cpu { server: keystow.cpu_seconds(), database: database.cpu_seconds() };
    for visit in Visit::ALL {
        theirs.iter_mut().for_each(|person| person.will(visit));
        ours.iter_mut().for_each(|person| person.will(visit));
        drive(atuin.address(), &mut theirs, WARM_UP, Cpu::default).await;
        drive(keystow.address(), &mut ours, WARM_UP, Cpu::default).await;
        let (mut them, mut us) = (Stays::default(), Stays::default());
        for _ in 0..TURNS {
            them.add(drive(atuin.address(), &mut theirs, time / TURNS, their_cpu).await);
            us.add(drive(keystow.address(), &mut ours, time / TURNS, our_cpu).await);
        }
        let (them, us) = (them.report(), us.report());
        show("atuin", visit, database, &them);
        show("keystow", visit, database, &us);
        println!(
            "| keystow / atuin | {:.1} | {:.1} | | | | | | |",
            us.rate() / them.rate(),
            us.per_cpu_second() / them.per_cpu_second()
        );
    }
    memory("atuin", database, atuin.peak_memory());
    memory("keystow", database, keystow.peak_memory());
    Ok(())
}

/// Drives Keystow with few accounts, then with 100,000, and prints by how much each figure falls.
pub(crate) async fn many(time: Duration, database: &Database, program: &Path) -> io::Result<()> {
    let home = Home::new(program, database.another("many")?)?;
    let mut server = home.serve("one")?;
    let mut people = people(&server, REGISTERED).await?;
    let before = every_visit("1,600 accounts:", time, database, &server, &mut people).await;
    server.stop()?;
    let start = Instant::now();
    let filled = fill(&home.store("one")?, MANY - REGISTERED, RECORDS).await?;
    let (filling, start) = (start.elapsed(), Instant::now());
    let server = home.serve("one")?;
    println!("\nfilled in {:.0} s, started in {:.1} s\n", filling.as_secs_f64(), start.elapsed().as_secs_f64());
    let share = filled.len().div_ceil(people.len());
    people.iter_mut().zip(filled.chunks(share)).for_each(|(person, some)| person.add(some.to_vec()));
    let after = every_visit("100,000 accounts:", time, database, &server, &mut people).await;
    memory("100,000 accounts:", database, server.peak_memory());
    for (visit, (before, after)) in Visit::ALL.into_iter().zip(before.iter().zip(&after)) {
        let fall = |before: f64, after: f64| 100.0 * (1.0 - after / before);
        let (rate, cpu) = (fall(before.rate(), after.rate()), fall(before.per_cpu_second(), after.per_cpu_second()));
        println!("{}, {}: falls by {rate:.0} % a second, {cpu:.0} % per CPU-second", visit.name(), database.name());
    }
    Ok(())
}

/// People who share `accounts` accounts, each with its records.
async fn people(server: &Keystow, accounts: usize) -> io::Result<Vec<Person>> {
    let mut people = Vec::new();
    let mut http = Connection::new(server.address());
    for _ in 0..VISITORS {
        let mut some = Vec::new();
        for _ in 0..accounts / VISITORS {
            let mut account = Account::register(&mut http).await?;
            for _ in 0..RECORDS {
                account.append(&mut http).await?;
            }
            some.push(account);
        }
        people.push(Person::new(some)?);
    }
    Ok(people)
}

async fn every_visit(
    whose: &str,
    time: Duration,
    database: &Database,
    server: &Keystow,
    people: &mut Vec<Person>,
) -> Vec<Report> {
    let mut reports = Vec::new();
    for visit in Visit::ALL {
        people.iter_mut().for_each(|person| person.will(visit));
        drive(server.address(), people, WARM_UP, Cpu::default).await;
        let cpu = || Cpu { server: server.cpu_seconds(), database: database.cpu_seconds() };
        let report = drive(server.address(), people, time, cpu).await.report();
        show(whose, visit, database, &report);
        reports.push(report);
    }
    reports
}

fn show(whose: &str, visit: Visit, database: &Database, report: &Report) {
    println!("| {whose} {}, {} | {report}", visit.name(), database.name());
    if let Some(error) = &report.first_error {
        eprintln!("{whose} {}, {}: {error}", visit.name(), database.name());
    }
}

fn memory(whose: &str, database: &Database, peak: u64) {
    println!("| {whose} memory at most, {} | {} MB | | | | | | | |", database.name(), peak / 1_000_000);
}
