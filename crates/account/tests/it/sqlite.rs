//! The file of SQLite: copied while it is used, and closed tidily.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use keystow_account::server::Setup;
use keystow_account::store::{Sqlite, Store, StoreError};
use keystow_account::wire::Name;

use crate::both::Count;
use crate::mounted::Mounted;
use crate::server::{Here, folder, generous};
use crate::session::{run, try_run};

#[test]
fn a_copy_of_a_database_in_use_is_made_in_one_go_and_holds_what_was_acknowledged_before() {
    let dir = folder();
    let (path, copy) = (dir.join("store.sqlite"), dir.join("copy.sqlite"));
    let here = Here::on(Store::Sqlite(Sqlite::open(&path).unwrap()), Setup::generate().unwrap(), generous(), dir);
    here.register(&Name::parse("anna").unwrap(), "password");
    // So much that many are committed while it is copied.
    run(&here, "CREATE TABLE ballast (bytes BLOB); INSERT INTO ballast VALUES (zeroblob(64 << 20))");
    run(&here, "CREATE TABLE counted (n INTEGER); INSERT INTO counted VALUES (0)");
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let copied = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                run(&here, "UPDATE counted SET n = n + 1");
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        });
        while acknowledged.load(Ordering::SeqCst) < 10 {
            thread::yield_now();
        }
        // As another process does it, to whom every commit here is somebody else's.
        let (done, copied) = channel();
        let (from, to) = (path.clone(), copy.clone());
        scope.spawn(move || done.send(Sqlite::open(&from).and_then(|other| other.copy_to(&to))).unwrap());
        let copied = copied.recv_timeout(Duration::from_secs(60));
        stop.store(true, Ordering::SeqCst);
        writer.join().unwrap();
        copied
    });
    copied.expect("it ends while others write").unwrap();
    let whole = Sqlite::open(&copy).map(Store::Sqlite);
    assert!(whole.is_ok(), "{whole:?}");
    let counted = here.run(async move { whole.unwrap().read(Count("SELECT n FROM counted")).await.unwrap() });
    assert!((10..=acknowledged.into_inner()).contains(&counted), "{counted}");
}

#[test]
fn on_a_small_disk_what_takes_the_place_of_something_else_is_written_at_the_second_try() {
    let Some(disk) = Mounted::new(&folder(), "size=24m") else { return };
    let open = || {
        let store = Store::Sqlite(Sqlite::open(&disk.0.join("store.sqlite")).unwrap());
        Here::on(store, Setup::generate().unwrap(), generous(), folder())
    };
    let here = open();
    run(&here, "CREATE TABLE kept (bytes BLOB)");
    for _ in 0..8 {
        run(&here, "INSERT INTO kept VALUES (randomblob(1 << 20))");
    }
    // Closed, so that all of it has its place in the file.
    drop(here);
    let here = open();
    let mut full = 0;
    for round in 0..60 {
        let replace = || try_run(&here, "UPDATE kept SET bytes = randomblob(1 << 20) WHERE rowid = 5 + random() % 4");
        if let Err(error) = replace() {
            assert!(matches!(error, StoreError::DiskFull), "{error}");
            full += 1;
            replace().unwrap_or_else(|error| panic!("again in round {round}: {error}"));
        }
    }
    assert!(full > 0, "the disk is smaller than the log may grow");
}

#[test]
fn a_database_whose_header_forbids_writing_is_damaged() {
    let path = folder().join("store.sqlite");
    drop(Sqlite::open(&path).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[18] = 3;
    std::fs::write(&path, bytes).unwrap();
    let refused = Sqlite::open(&path).unwrap_err();
    assert!(matches!(&refused, StoreError::Damaged(why) if why.contains("first bytes")), "{refused}");
}

#[test]
fn a_store_that_is_closed_leaves_one_file_behind() {
    let dir = folder();
    let (path, log) = (dir.join("store.sqlite"), dir.join("store.sqlite-wal"));
    let store = Store::Sqlite(Sqlite::open(&path).unwrap());
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.migrate()).unwrap();
    assert!(log.metadata().unwrap().len() > 0, "while it is open");
    drop(store);
    assert!(path.exists() && !log.exists());
    std::fs::remove_dir_all(dir).unwrap();
}
