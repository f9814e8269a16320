//! The program is killed, and its disks fail, at every call that writes: nothing acknowledged is lost, and the same
//! command, run again, comes to its end.
//!
//! Where `strace` is missing or may not trace, the tests say so and prove nothing.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that stops is a test that failed"
)]
#![allow(clippy::print_stderr, reason = "a test says what it could not try")]

mod home;
#[path = "../../../account/tests/it/mounted.rs"]
mod mounted;
mod scenario;
mod serve;
mod strace;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use strace::Site;

/// How many programs are killed at a time.
const THREADS: usize = 2;

/// Which error a failing disk gives at a call; a call that is not here does not fail in these tests.
const ERRORS: &[(&str, &str)] =
    &[("fsync", "EIO"), ("mkdirat", "ENOSPC"), ("renameat", "EIO"), ("renameat2", "EIO"), ("write", "ENOSPC")];

#[test]
fn killed_or_failed_at_every_write_nothing_is_lost() {
    if !strace::is_usable() {
        eprintln!("strace is missing or may not trace here: nothing was killed and nothing is proven");
        return;
    }
    let mut failures = Vec::new();
    for scenario in scenario::all() {
        let (sites, errors) = (scenario.sites(), ERRORS);
        let errno = |site: &Site| Some(errors.iter().find(|(call, _)| *call == site.call)?.1);
        let failing = sites.iter().filter(|site| !site.is_output()).filter_map(|site| Some((site, errno(site)?)));
        let runs: Vec<(&Site, Option<&str>)> =
            sites.iter().map(|site| (site, None)).chain(failing.map(|(site, errno)| (site, Some(errno)))).collect();
        eprintln!("{}: killed at {} calls, failed at {}", scenario.name, sites.len(), runs.len() - sites.len());
        assert!(sites.len() > 10, "{}: a command that writes has many calls that write", scenario.name);
        failures.extend(in_parallel(&runs, |(site, errno)| scenario.survives(site, *errno)));
    }
    assert!(failures.is_empty(), "{} runs lost something:\n{}", failures.len(), failures.join("\n\n"));
}

/// Does all of it on a few threads and gives the words of those that failed.
fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) -> Vec<String> {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(item))) {
                        failures.lock().unwrap().push(words(panic.as_ref()));
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

fn words(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}
