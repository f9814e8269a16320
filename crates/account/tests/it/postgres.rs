//! A PostgreSQL to throw away: made when the first test needs it, gone with the last, or with this process.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::sleep;
use std::time::Duration;

use crate::server::folder;

/// Where Debian puts the versions of PostgreSQL.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Runs the server until the other end of the standard input is closed, as it is when this process is killed; a line
/// stops it or starts it again meanwhile. The files need not survive anything, so nothing is flushed.
const SCRIPT: &str = r#"
    cd "$1" && "$2/initdb" --no-sync --auth=trust --username=keystow --encoding=UTF8 --locale=C.UTF-8 -D data || exit
    start() { "$2/postgres" -D data -k "$1" -c listen_addresses= -c fsync=off -c max_connections=100 & }
    stop() { kill -INT $! && wait $!; }
    start "$@"
    while read -r word; do "$word" "$@"; done
    stop
    rm -rf "$1"/* "$1"/.s.*
"#;

/// A cluster of databases.
pub(crate) struct Cluster {
    script: Child,
    bin: PathBuf,
    pub(crate) dir: PathBuf,
}

impl Cluster {
    /// The one that all tests share.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap();
        if let Some(cluster) = shared.upgrade() {
            return cluster;
        }
        let cluster = Arc::new(Self::start());
        *shared = Arc::downgrade(&cluster);
        cluster
    }

    /// A cluster of one's own.
    pub(crate) fn start() -> Self {
        let (bin, dir) = (binaries(), folder());
        let mut command = as_servant(&dir, Path::new("sh"));
        command.arg("-c").arg(SCRIPT).arg("sh").arg(&dir).arg(&bin);
        let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let cluster = Self { script: quiet.spawn().unwrap(), bin, dir };
        cluster.wait_until(true);
        cluster
    }

    /// Stops the server, so that all connections break, or starts it again.
    pub(crate) fn run(&mut self, run: bool) {
        let word: &[u8] = if run { b"start\n" } else { b"stop\n" };
        self.script.stdin.as_mut().unwrap().write_all(word).unwrap();
        self.wait_until(run);
    }

    fn wait_until(&self, running: bool) {
        let reached = (0..600).any(|_| {
            sleep(Duration::from_millis(100));
            self.sql("postgres", "SELECT 1").is_ok() == running
        });
        assert!(reached, "PostgreSQL does not start or stop in {}", self.dir.display());
    }

    /// The address of a new, empty database.
    pub(crate) fn database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::SeqCst));
        self.sql("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        format!("postgres://keystow@/{name}?host={}", self.dir.display())
    }

    /// Runs statements as the administrator and gives what they print.
    pub(crate) fn sql(&self, database: &str, statements: &str) -> io::Result<String> {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["--no-psqlrc", "-qtA", "-v", "ON_ERROR_STOP=1", "-U", "keystow", "-d", database, "-h"]);
        let output = psql.arg(&self.dir).args(["-c", statements]).output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// PostgreSQL does not run as root.
fn as_servant(dir: &Path, program: &Path) -> Command {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout.trim_ascii() != b"0" {
        return Command::new(program);
    }
    assert!(Command::new("chown").arg("postgres:").arg(dir).status().unwrap().success());
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

/// The programs of the newest PostgreSQL at hand.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists()).max_by_key(version);
    newest
        .expect("these tests need PostgreSQL: `cargo xtask test` installs it, or apt-get install postgresql")
        .join("bin")
}
