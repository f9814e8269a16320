//! A program that runs beside us: started, measured, killed, and gone when its value is.
//!
//! Source: proc(5), `/proc/PID/stat` (fields counted after the name in brackets) and `/proc/PID/status`.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// `USER_HZ`: the kernel counts processor time for programs in hundredths of a second.
const TICKS: f64 = 100.0;
/// How long a program may take to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// A port of 127.0.0.1 that was free a moment ago.
///
/// # Errors
///
/// When the system gives none.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// `length` random bytes as hexadecimal digits.
///
/// # Errors
///
/// When the system has no random bytes.
pub fn random_hex(length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A folder below the temporary one, removed with everything in it on drop.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a folder whose name begins with `name`; everyone may pass through it, so that another
    /// user's server can reach its own folder inside.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn new(name: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("{name}-{}", random_hex(6)?));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a folder in it for the servers' user, see [`as_servant`].
    ///
    /// # Errors
    ///
    /// When it cannot be made or given away.
    pub fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.0.join(name);
        fs::create_dir(&folder)?;
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&folder))?;
        }
        run(Command::new("chmod").arg("700").arg(&folder))?;
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A server that was just killed may still be closing files here.
        for _ in 0..10 {
            if fs::remove_dir_all(&self.0).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A program that runs until it is stopped; killed with all it started on drop.
#[derive(Debug)]
pub struct Running {
    child: Child,
    what: String,
    log: PathBuf,
}

impl Running {
    /// Starts `command`; what it prints goes to the end of the file `log`.
    ///
    /// # Errors
    ///
    /// When the program is not there or the log cannot be opened.
    pub fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let what = command.get_program().to_string_lossy().into_owned();
        let sink = fs::File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(sink.try_clone()?)
            .stderr(sink)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{what}: {error}")))?;
        Ok(Self { child, what, log: log.to_owned() })
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks again and again until `ready` says yes.
    ///
    /// # Errors
    ///
    /// When the program ends first or does not become ready within `patience`; the error quotes the
    /// end of its log.
    pub fn wait_until(&mut self, patience: Duration, mut ready: impl FnMut() -> bool) -> io::Result<()> {
        let start = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("{} ended ({status}): {}", self.what, self.last_words())));
            }
            if start.elapsed() > patience {
                return Err(io::Error::other(format!("{} is not ready: {}", self.what, self.last_words())));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Asks the program to end by `signal` and waits.
    ///
    /// # Errors
    ///
    /// When it still runs after 20 seconds.
    pub fn stop(&mut self, signal: Signal) -> io::Result<()> {
        send(self.pid(), signal);
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("{} does not stop: {}", self.what, self.last_words())));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Kills the program and everything it started, as a power cut would.
    pub fn kill9(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            kill9(self.pid());
            let _ = self.child.wait();
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(8)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// Kills `pid` and everything that descends from it.
pub fn kill9(pid: u32) {
    // The family is read before its head dies, because orphans lose their parent's number.
    for pid in family(pid) {
        send(pid, Signal::KILL);
    }
}

/// Whether something listens at `port` of 127.0.0.1.
#[must_use]
pub fn listens(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

/// `program` as the user `postgres` when we are root, since `PostgreSQL` refuses root; else as we are.
#[must_use]
pub fn as_servant(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command.current_dir("/");
    command
}

/// Whether we are root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs `command` to its end and gives what it printed.
///
/// # Errors
///
/// When it cannot be started or fails; the error quotes its complaint.
pub fn run(command: &mut Command) -> io::Result<String> {
    let what = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("{what}: {error}")))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(io::Error::other(format!("{what} failed ({}): {complaint}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Seconds of processor time that `pid` has used, all its threads together.
#[must_use]
pub fn cpu_seconds(pid: u32) -> f64 {
    fields(pid).map_or(0.0, |stat| stat.own)
}

/// Seconds of processor time that `pid`, its living descendants and its ended children have used.
#[must_use]
pub fn family_cpu_seconds(pid: u32) -> f64 {
    family(pid).into_iter().filter_map(fields).map(|stat| stat.own + stat.children).sum()
}

/// The most memory `pid` ever held, in bytes (`VmHWM`); 0 when it is gone.
#[must_use]
pub fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// `pid` and everything that descends from it.
fn family(pid: u32) -> Vec<u32> {
    let everyone: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|other| Some((other, fields(other)?.parent)))
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(everyone.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    found
}

struct Stat {
    parent: u32,
    own: f64,
    children: f64,
}

fn fields(pid: u32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| after.get(at).and_then(|text| text.parse::<f64>().ok());
    Some(Stat {
        parent: after.get(1)?.parse().ok()?,
        own: (ticks(11)? + ticks(12)?) / TICKS,
        children: (ticks(13)? + ticks(14)?) / TICKS,
    })
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_shell_takes_what_it_started_with_it() {
        let scratch = Scratch::new("keystow-load-test").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 300 & sleep 300"]);
        let mut running = Running::start(&mut command, &scratch.path().join("log")).unwrap();
        let pid = running.pid();
        running.wait_until(Duration::from_secs(5), || family(pid).len() == 3).unwrap();
        let all = family(pid);
        running.kill9();
        // A killed orphan stays in /proc until init has taken note of it, with no memory of its own.
        let held = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/statm")).is_ok_and(|m| !m.starts_with("0 "));
        let gone = (0..50).any(|_| {
            thread::sleep(Duration::from_millis(20));
            !all.iter().any(held)
        });
        assert!(gone, "{all:?}");
    }

    #[test]
    fn our_own_processor_time_grows() {
        let before = cpu_seconds(std::process::id());
        let start = Instant::now();
        while cpu_seconds(std::process::id()) <= before {
            assert!(start.elapsed() < Duration::from_secs(20), "no tick in 20 seconds");
        }
    }

    #[test]
    fn a_program_that_ends_is_not_waited_for_and_its_words_are_quoted() {
        let scratch = Scratch::new("keystow-load-test").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such database >&2; exit 3"]);
        let mut running = Running::start(&mut command, &scratch.path().join("log")).unwrap();
        let error = running.wait_until(Duration::from_secs(5), || false).unwrap_err().to_string();
        assert!(error.contains("no such database"), "{error}");
    }
}
