//! The tables of `docs/performance.md`: every visit against every server on every database.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use keystow_load::drive::{Connection, Cpu, Stays, VISITORS};
use keystow_load::fill::fill;
use keystow_load::keystow::{Account, Home, Person};
use keystow_load::{Atuin, Keystow, Postgres, Report, Visit, Visitor, drive};

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
        let mut cluster = Postgres::start()?;
        // What docs/operations.md asks for on a machine with 8 GB; without it 128 MB. Tests need less.
        cluster.run_sql("postgres", "ALTER SYSTEM SET shared_buffers = '2GB'")?;
        cluster.restart()?;
        Ok([Self::Sqlite, Self::Postgres(cluster)])
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

/// One of two servers that are compared, and who visits it.
struct Side<'a, V> {
    name: &'a str,
    address: SocketAddr,
    people: Vec<V>,
    cpu: Box<dyn Fn() -> Cpu + 'a>,
}

impl<V: Visitor> Side<'_, V> {
    async fn drive(&mut self, time: Duration) -> Stays {
        drive(self.address, &mut self.people, time, &self.cpu).await
    }

    fn will(&mut self, visit: Visit) {
        self.people.iter_mut().for_each(|person| person.will(visit));
    }
}

/// Drives two servers in turns, every visit for `time` each, and prints their rows and how they compare. Turns are
/// short, so that what else the machine does meets both.
async fn compare<V: Visitor, W: Visitor>(time: Duration, database: &str, one: &mut Side<'_, V>, two: &mut Side<'_, W>) {
    for visit in Visit::ALL {
        one.will(visit);
        two.will(visit);
        one.drive(WARM_UP).await;
        two.drive(WARM_UP).await;
        let (mut of_one, mut of_two) = (Stays::default(), Stays::default());
        for _ in 0..TURNS {
            of_one.add(one.drive(time / TURNS).await);
            of_two.add(two.drive(time / TURNS).await);
        }
        let (of_one, of_two) = (of_one.report(), of_two.report());
        show(one.name, visit, database, &of_one);
        show(two.name, visit, database, &of_two);
        let (rate, per_cpu) = (of_two.rate() / of_one.rate(), of_two.per_cpu_second() / of_one.per_cpu_second());
        println!("| {} / {}: {} | {rate:.2} | {per_cpu:.2} | | | | | | |", two.name, one.name, visit.name());
    }
}

/// Compares Keystow with atuin-server.
pub(crate) async fn both(time: Duration, database: &Database, program: &Path) -> io::Result<()> {
    let atuin = Atuin::start(database.another("atuin")?.as_deref())?;
    let mut theirs = Vec::new();
    for _ in 0..VISITORS {
        theirs.push(atuin.register(RECORDS).await?);
    }
    let cpu = || Cpu { server: atuin.cpu_seconds(), database: database.cpu_seconds() };
    let mut them = Side { name: "atuin", address: atuin.address(), people: theirs, cpu: Box::new(cpu) };
    let home = Home::new(program, database.another("few")?)?;
    let keystow = home.serve("one")?;
    let mut us = side("keystow", &keystow, database, people(&keystow, VISITORS).await?);
    compare(time, database.name(), &mut them, &mut us).await;
    memory("atuin", database, atuin.peak_memory());
    memory("keystow", database, keystow.peak_memory());
    Ok(())
}

/// Compares Keystow with 100,000 accounts and with few.
pub(crate) async fn many(time: Duration, database: &Database, program: &Path) -> io::Result<()> {
    let few = Home::new(program, database.another("some")?)?;
    let server_of_few = few.serve("one")?;
    let mut some = side("1,600 accounts", &server_of_few, database, people(&server_of_few, REGISTERED).await?);
    let many = Home::new(program, database.another("many")?)?;
    let mut server_of_many = many.serve("one")?;
    let mut crowd = people(&server_of_many, REGISTERED).await?;
    server_of_many.stop()?;
    let start = Instant::now();
    let filled = fill(&many.store("one")?, MANY - REGISTERED, RECORDS).await?;
    let (filling, start) = (start.elapsed(), Instant::now());
    let server_of_many = many.serve("one")?;
    let (filling, starting) = (filling.as_secs_f64(), start.elapsed().as_secs_f64());
    eprintln!("{}: filled in {filling:.0} s; the server started in {starting:.1} s", database.name());
    let share = filled.len().div_ceil(crowd.len());
    crowd.iter_mut().zip(filled.chunks(share)).for_each(|(person, some)| person.add(some.to_vec()));
    // As on any day but the first: a server knows of late whom it serves.
    for (server, people) in [(&server_of_few, &some.people), (&server_of_many, &crowd)] {
        try_join_all(people.iter().map(|person| person.visit_all(server.address()))).await?;
    }
    let mut crowd = side("100,000 accounts", &server_of_many, database, crowd);
    compare(time, database.name(), &mut some, &mut crowd).await;
    memory("100,000 accounts", database, server_of_many.peak_memory());
    Ok(())
}

fn side<'a>(name: &'a str, server: &'a Keystow, database: &'a Database, people: Vec<Person>) -> Side<'a, Person> {
    let cpu = || Cpu { server: server.cpu_seconds(), database: database.cpu_seconds() };
    Side { name, address: server.address(), people, cpu: Box::new(cpu) }
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

fn show(whose: &str, visit: Visit, database: &str, report: &Report) {
    println!("| {whose}: {}, {database} | {report}", visit.name());
    if let Some(error) = &report.first_error {
        eprintln!("{whose}: {}, {database}: {error}", visit.name());
    }
}

fn memory(whose: &str, database: &Database, peak: u64) {
    println!("| {whose}: memory at most, {} | {} MB | | | | | | | |", database.name(), peak / 1_000_000);
}
