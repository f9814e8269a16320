//! A `PostgreSQL` cluster to throw away, on a free port of 127.0.0.1.
//!
//! It keeps what it acknowledges (`fsync=on`, `synchronous_commit=on`), as a server of one's own does,
//! and asks for a password made for it alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::{Running, Scratch, as_servant, family_cpu_seconds, free_port, is_root, random_hex, run};

/// Where Debian puts the versions of `PostgreSQL`.
const VERSIONS: &str = "/usr/lib/postgresql";
/// What Debian calls everything a cluster needs.
const PACKAGES: &[&str] = &["postgresql"];
/// How long a cluster may take to start, its recovery included.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than our pools and atuin's together ask for.
const CONNECTIONS: u32 = 200;

/// A cluster that runs until this is dropped; its files go with it.
#[derive(Debug)]
pub struct Postgres {
    // Declared before the folder, so that the server is gone before its files are.
    server: Option<Running>,
    scratch: Scratch,
    bin: PathBuf,
    port: u16,
    password: String,
}

impl Postgres {
    /// Makes a cluster with one empty database `keystow` and starts it.
    ///
    /// # Errors
    ///
    /// When `PostgreSQL` is not installed (the error says what to install), or the cluster does not start.
    pub fn start() -> io::Result<Self> {
        let bin = binaries()?;
        let scratch = Scratch::new("keystow-postgres")?;
        let folder = scratch.folder("server")?;
        let password = random_hex(16)?;
        let note = secret_note(&scratch, &password)?;
        run(as_servant(&bin.join("initdb"))
            .args(["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--username=keystow"])
            .args(["--auth-local=scram-sha-256", "--auth-host=scram-sha-256"])
            .arg(format!("--pwfile={}", note.display()))
            .arg("-D")
            .arg(folder.join("data")))?;
        let mut cluster = Self { server: None, scratch, bin, port: free_port()?, password };
        cluster.restart()?;
        cluster.run_sql("postgres", "CREATE DATABASE keystow")?;
        Ok(cluster)
    }

    /// Address, user and password of the database `keystow`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("keystow")
    }

    /// Makes another empty database and gives its address.
    ///
    /// # Errors
    ///
    /// When it exists.
    pub fn another(&self, database: &str) -> io::Result<String> {
        self.run_sql("postgres", &format!("CREATE DATABASE \"{database}\""))?;
        Ok(self.url_of(database))
    }

    /// Runs statements in `database` and gives what they print, values separated by `|`.
    ///
    /// # Errors
    ///
    /// When one fails; the error quotes the server.
    pub fn run_sql(&self, database: &str, statements: &str) -> io::Result<String> {
        run(Command::new(self.bin.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .args(["--dbname", &self.url_of(database), "--command", statements]))
    }

    /// Kills every process of the cluster with SIGKILL.
    pub fn kill9(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill9();
        }
    }

    /// Stops the cluster if it runs, and starts it on the same port and files.
    ///
    /// # Errors
    ///
    /// When it does not stop or does not start.
    pub fn restart(&mut self) -> io::Result<()> {
        if let Some(mut server) = self.server.take() {
            server.stop(Signal::INT)?;
        }
        let folder = self.scratch.path().join("server");
        let mut command = as_servant(&self.bin.join("postgres"));
        command.arg("-D").arg(folder.join("data")).args(["-p", &self.port.to_string()]);
        command.arg("-k").arg(&folder);
        let connections = format!("max_connections={CONNECTIONS}");
        let buffers = format!("shared_buffers={}kB", memory_kib()? / 4);
        let settings = ["listen_addresses=127.0.0.1", "fsync=on", "synchronous_commit=on", &connections, &buffers];
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        let mut server = Running::start(&mut command, &self.scratch.path().join("log"))?;
        server.wait_until(PATIENCE, || accepts(&self.bin, self.port))?;
        self.server = Some(server);
        Ok(())
    }

    /// Seconds of processor time of all its processes, ended ones included.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.server.as_ref().map_or(0.0, |server| family_cpu_seconds(server.pid()))
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://keystow:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }
}

/// Of this machine; a quarter of it is the database's, as `docs/operations.md` has it.
fn memory_kib() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    total.ok_or_else(|| io::Error::other("/proc/meminfo does not say how much memory there is"))
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGKILL would leave shared memory behind.
        if let Some(mut server) = self.server.take() {
            let _ = server.stop(Signal::INT);
        }
    }
}

/// Whether a cluster at `port` takes connections.
pub(crate) fn accepts(bin: &Path, port: u16) -> bool {
    run(Command::new(bin.join("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])).is_ok()
}

/// Writes a password where the servers' user alone can read it.
pub(crate) fn secret_note(scratch: &Scratch, password: &str) -> io::Result<PathBuf> {
    let note = scratch.folder("note")?.join("password");
    fs::write(&note, password)?;
    if is_root() {
        run(Command::new("chown").arg("postgres:").arg(&note))?;
    }
    Ok(note)
}

/// The programs of the newest `PostgreSQL` at hand.
///
/// # Errors
///
/// When there is none; the error says what to install.
pub fn binaries() -> io::Result<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().filter_map(Result::ok);
    let newest = versions
        .filter(|entry| entry.path().join("bin/initdb").exists())
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())))
        .max();
    newest.map(|(_, path)| path.join("bin")).ok_or_else(|| missing(PACKAGES))
}

/// Installs `PostgreSQL` when it is missing and we are root on Debian or a relative of it.
///
/// # Errors
///
/// When it is missing and cannot be installed; the error says what to install.
pub fn install() -> io::Result<()> {
    if binaries().is_ok() { Ok(()) } else { install_packages(PACKAGES) }
}

/// Installs Debian packages.
pub(crate) fn install_packages(packages: &[&str]) -> io::Result<()> {
    if !is_root() {
        return Err(missing(packages));
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-y"]);
        command
    };
    run(apt().arg("update"))?;
    run(apt().args(["--no-install-recommends", "install"]).args(packages))?;
    Ok(())
}

pub(crate) fn missing(packages: &[&str]) -> io::Error {
    let message = format!("not installed here; as root: apt-get install {}", packages.join(" "));
    io::Error::new(io::ErrorKind::NotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledged_row_survives_sigkill_and_the_files_go_at_the_end() {
        install().unwrap();
        let mut cluster = Postgres::start().unwrap();
        let folder = cluster.scratch.path().to_owned();
        cluster.run_sql("keystow", "CREATE TABLE t (i int); INSERT INTO t VALUES (7)").unwrap();
        cluster.kill9();
        assert!(cluster.run_sql("keystow", "SELECT 1").is_err(), "the dead answer");
        cluster.restart().unwrap();
        assert_eq!(cluster.run_sql("keystow", "SELECT i FROM t").unwrap().trim(), "7");
        assert!(cluster.cpu_seconds() > 0.0);
        drop(cluster);
        assert!(!folder.exists());
    }

    #[test]
    fn what_is_missing_is_named_with_the_command_that_installs_it() {
        assert!(missing(PACKAGES).to_string().ends_with("apt-get install postgresql"));
    }
}
