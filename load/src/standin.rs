//! The server of the library without its command line.
use std::io;
use std::num::NonZero;
use std::path::Path;

use keystow_account::server::{Behaviour, Limits, Server, Serving, Setup, serve};
use keystow_account::store::{Postgres, Sqlite, Store};

fn store(folder: &str, database: Option<&str>) -> io::Result<Store> {
    Ok(match database {
        Some(url) => Store::Postgres(Postgres::new(url, None, 16).map_err(io::Error::other)?),
        None => Store::Sqlite(Sqlite::open(&Path::new(folder).join("account.db")).map_err(io::Error::other)?),
    })
}

pub(crate) fn run(address: &str, folder: &str, database: Option<&str>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let path = Path::new(folder).join("setup.json");
        if !path.exists() {
            std::fs::write(&path, Setup::generate().map_err(io::Error::other)?.to_text()?.as_bytes())?;
        }
        let setup = Setup::parse(&std::fs::read_to_string(&path)?).map_err(io::Error::other)?;
        let many = NonZero::new(1_000_000_000).unwrap_or(NonZero::<u32>::MIN);
        let limits = Limits { account_per_minute: many, address_per_minute: many, ..Limits::default() };
        let behaviour = Behaviour { limits, ..Behaviour::default() };
        let server = Server::start(store(folder, database)?, setup, behaviour).await.map_err(io::Error::other)?;
        let listener = tokio::net::TcpListener::bind(address).await?;
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        serve(server, Serving { listener, certificate: None }, stop).await
    })
}

pub(crate) async fn check(folder: &str, database: Option<&str>) -> io::Result<()> {
    let checked = keystow_account::server::check(&store(folder, database)?).await.map_err(io::Error::other)?;
    println!("{checked:?}");
    Ok(())
}
