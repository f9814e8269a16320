//! `strace` as the one who kills: it sees every system call before it takes effect, and may end the process there, or
//! answer the call with an error in place of the system.
//!
//! A signal that is injected at the entry of a call is delivered before the call runs, and `KILL` keeps the call from
//! running at all (Linux `ptrace_report_syscall_entry`). So killing at the entry of every call of the write path sees
//! every state there is between two of them: before the call, and after the one before.

use std::fs;
use std::process::Output;

use crate::home::Home;

/// The calls that change a file system, its names or its locks.
const CALLS: &str = "open,openat,creat,write,pwrite64,writev,fsync,fdatasync,rename,renameat,renameat2,link,linkat,\
                     unlink,unlinkat,mkdir,mkdirat,ftruncate,fchmod,fchmodat,flock";

/// One call of a run: which kind, and which of this kind, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) call: String,
    pub(crate) nth: usize,
    /// What it wrote to, for messages.
    pub(crate) line: String,
}

impl Site {
    /// Whether the call writes the result. What failed there is tried once more before the program ends.
    pub(crate) fn is_output(&self) -> bool {
        self.call == "write" && self.line.starts_with("1,")
    }
}

/// Whether `strace` is here and may trace.
pub(crate) fn is_usable() -> bool {
    let home = Home::new("strace");
    let output = home.command("strace").args(["-f", "-qq", "-o", "trace", "-e", "trace=write", "true"]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Runs the program to its end and gives the calls that write.
pub(crate) fn sites(home: &Home, args: &[&str]) -> (Vec<Site>, Output) {
    let output = traced(home, &[], args);
    let trace = fs::read_to_string(home.path("trace")).unwrap();
    let first = trace.split(' ').next().unwrap().to_owned();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let mut sites = Vec::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, rest)) = rest.trim_start().split_once('(') else { continue };
        // `strace` counts the calls of each thread by themselves, and all writing happens in the first.
        if thread != first {
            assert!(!writes(call, rest), "{line}");
            continue;
        }
        let nth = seen.entry(call.to_owned()).or_default();
        *nth += 1;
        if writes(call, rest) {
            let end = rest.char_indices().nth(90).map_or(rest.len(), |(end, _)| end);
            sites.push(Site { call: call.to_owned(), nth: *nth, line: rest[..end].to_owned() });
        }
    }
    fs::remove_file(home.path("trace")).unwrap();
    (sites, output)
}

/// Kills the program when it is about to make a call.
pub(crate) fn kill(home: &Home, site: &Site, args: &[&str]) -> Output {
    injected(home, site, "signal=KILL", args)
}

/// Answers one call with an error, without making it.
pub(crate) fn fail(home: &Home, site: &Site, errno: &str, args: &[&str]) -> Output {
    injected(home, site, &format!("error={errno}"), args)
}

fn injected(home: &Home, site: &Site, what: &str, args: &[&str]) -> Output {
    let inject = format!("inject={}:{what}:when={}", site.call, site.nth);
    let output = traced(home, &["-e", &inject], args);
    let _ = fs::remove_file(home.path("trace"));
    output
}

fn traced(home: &Home, options: &[&str], args: &[&str]) -> Output {
    let trace = format!("trace={CALLS}");
    let mut command = home.command("strace");
    command.args(["-f", "-qq", "-o", "trace", "-e", &trace]).args(options);
    command.arg(env!("CARGO_BIN_EXE_keystow")).args(args).arg("--no-input").output().unwrap()
}

/// Whether a call changes anything. Messages on standard error do not; the result on standard output counts, because
/// who reads it believes it.
fn writes(call: &str, rest: &str) -> bool {
    match call {
        "open" | "openat" => rest.contains("O_CREAT"),
        "write" | "writev" => !rest.starts_with("2,"),
        _ => true,
    }
}
