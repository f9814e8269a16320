//! Where records lie in a file of SQLite: found, mended and ended wherever they are in a series, and in an older file too.

use std::path::Path;

use keystow_account::id::SeriesId;
use keystow_account::server::Setup;
use keystow_account::store::{Sqlite, Store, StoreError};
use keystow_account::wire::{Record, Records, SignedIn};

use crate::both::{Count, PASSWORD, account, delete, get, name, post, put};
use crate::heads::{ONE, TWO, append};
use crate::mounted::Mounted;
use crate::server::{Here, folder, generous, on_both};
use crate::session::run;

/// Lengths of series around those at which row numbers move from a head to a place of their own.
const LENGTHS: [u64; 7] = [1, 15, 16, 17, 32, 33, 40];
const DAY: i64 = 24 * 3600;

/// A series of so many records.
fn appended(here: &Here, who: &SignedIn, series: SeriesId, count: u64) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    for index in 1..=count {
        all.push(append(here, who, all.last(), series, &format!("body {index}")));
    }
    all
}

/// Everything, read in pages.
fn read(here: &Here, who: &SignedIn, limit: usize) -> Vec<Record> {
    let (mut all, mut path) = (Vec::new(), format!("/v1/log?limit={limit}"));
    loop {
        let page: Records = get(here, &path, who).done();
        assert!(page.records.len() <= limit);
        all.extend(page.records);
        let (Some(last), true) = (all.last(), page.more) else { return all };
        path = format!("/v1/log?limit={limit}&series={}&index={}", last.series, last.index);
    }
}

fn count(here: &Here, sql: &'static str) -> u64 {
    let server = here.server.clone();
    here.run(async move { server.store().read(Count(sql)).await.unwrap() })
}

#[test]
fn records_of_series_of_any_length_are_read_in_pages_of_any_length() {
    on_both(|here| {
        let (anna, bert) = (account(here, "anna"), account(here, "bert"));
        let mut all = Vec::new();
        for (number, length) in (1..).zip(LENGTHS) {
            all.extend(appended(here, &anna, SeriesId::new([number; 16]), length));
        }
        let others = appended(here, &bert, SeriesId::new([3; 16]), 20);
        for limit in [1, 7, 16, 17, 1000] {
            assert_eq!(read(here, &anna, limit), all, "{limit} at a time");
            assert_eq!(read(here, &bert, limit), others, "{limit} at a time");
        }
        let checked = here.check();
        assert_eq!((checked.records, checked.faults), (all.len() as u64 + 20, vec![]));
    });
}

#[test]
fn a_record_anywhere_in_a_series_is_found_removed_mended_and_known_when_sent_again() {
    on_both(|here| {
        let anna = account(here, "anna");
        let all = appended(here, &anna, ONE, 40);
        let chosen = [1, 15, 16, 17, 32, 33, 40].map(|index: usize| &all[index - 1]);
        for record in chosen {
            assert_eq!(post(here, "/v1/log", &anna, record).status, 200, "sent again: {}", record.index);
            let other = Record { header: record.body.clone(), ..record.clone() };
            assert_eq!(post(here, "/v1/log", &anna, &other).status, 409, "another one: {}", record.index);
            assert_eq!(delete(here, &format!("/v1/log/{ONE}/{}/body", record.index), &anna).status, 200);
            assert!(read(here, &anna, 1000)[record.index as usize - 1].body.0.is_empty());
            assert_eq!(put(here, "/v1/log/mend", &anna, record).status, 200);
            assert_eq!(read(here, &anna, 1000), all);
        }
        run(here, "DELETE FROM record WHERE idx IN (1, 15, 16, 17, 32, 33, 40)");
        assert_eq!(here.check().faults.iter().map(|fault| fault.index).collect::<Vec<_>>(), [1, 15, 32, 40]);
        assert_eq!(read(here, &anna, 5).len(), 33);
        // From the last on, as each is proven by the one after it.
        for record in chosen.into_iter().rev() {
            assert_eq!(put(here, "/v1/log/mend", &anna, record).status, 200);
        }
        assert_eq!((read(here, &anna, 1000), here.check().faults), (all.clone(), vec![]));
        append(here, &anna, all.last(), ONE, "more");
        assert_eq!(here.check().faults, []);
    });
}

#[test]
fn nothing_is_left_of_an_account_with_long_series() {
    let here = Here::start();
    let (anna, bert) = (account(&here, "anna"), account(&here, "bert"));
    for number in 1..=5 {
        appended(&here, &anna, SeriesId::new([number; 16]), 40);
    }
    appended(&here, &anna, SeriesId::new([6; 16]), 1200);
    let kept = appended(&here, &bert, ONE, 40);
    let counted = || {
        ["SELECT COUNT(*) FROM record", "SELECT COUNT(*) FROM place", "SELECT COUNT(*) FROM head"]
            .map(|sql| count(&here, sql))
    };
    assert_eq!(counted(), [1440, 5 * 2 + 74 + 2, 7]);
    assert_eq!(delete(&here, "/v1/account", &anna).status, 200);
    here.pass(8 * DAY);
    assert_eq!(here.sweep(), 1);
    assert_eq!(counted(), [40, 2, 1]);
    assert_eq!(read(&here, &here.login(&name("bert"), PASSWORD), 1000), kept);
    assert_eq!(here.check().faults, []);
}

/// A server of a file that is there.
fn open(path: &Path, setup: &Setup) -> Here {
    let setup = Setup::parse(&setup.to_text().unwrap()).unwrap();
    Here::on(Store::Sqlite(Sqlite::open(path).unwrap()), setup, generous(), folder())
}

const AS_BEFORE: &str = include_str!("../before-step-3.sql");

#[test]
fn a_file_of_before_is_brought_up_to_date_with_every_record_and_every_damage_that_it_had() {
    let (dir, setup) = (folder(), Setup::generate().unwrap());
    let path = dir.join("store.sqlite");
    let open = || open(&path, &setup);
    let here = open();
    let (anna, bert) = (account(&here, "anna"), account(&here, "bert"));
    let mut all = Vec::new();
    for (number, length) in (1..).zip(LENGTHS) {
        all.extend(appended(&here, &anna, SeriesId::new([number; 16]), length));
    }
    let others = appended(&here, &bert, TWO, 20);
    run(&here, AS_BEFORE);
    drop(here);

    let here = open();
    assert_eq!((read(&here, &anna, 1000), read(&here, &bert, 1000)), (all.clone(), others.clone()));
    assert_eq!((here.check().records, here.check().faults), (all.len() as u64 + 20, vec![]));
    append(&here, &bert, others.last(), TWO, "more");
    // Gaps between rows, and a tool that closes gaps.
    run(&here, "DELETE FROM record WHERE series = x'01010101010101010101010101010101'");
    run(&here, "DELETE FROM head WHERE series = x'01010101010101010101010101010101'");
    drop(here);
    rusqlite::Connection::open(&path).unwrap().execute_batch("VACUUM").unwrap();
    all.retain(|record| record.series.as_bytes()[0] != 1);
    let here = open();
    assert_eq!((read(&here, &anna, 1000), here.check().faults), (all.clone(), vec![]));
    run(&here, AS_BEFORE);
    // What is missing, and what has no head.
    run(&here, "DELETE FROM record WHERE series = x'07070707070707070707070707070707' AND idx IN (5, 16, 33)");
    run(&here, "DELETE FROM head WHERE series = x'02020202020202020202020202020202' AND idx = 15");
    drop(here);

    let here = open();
    let named: Vec<_> = here.check().faults.iter().map(|fault| (fault.series.as_bytes()[0], fault.index)).collect();
    assert_eq!(named, [(7, 5), (7, 16), (7, 33), (2, 15)]);
    for record in all.iter().filter(|record| record.series.as_bytes()[0] == 7 && [5, 16, 33].contains(&record.index)) {
        assert_eq!(put(&here, "/v1/log/mend", &anna, record).status, 200);
    }
    let without: Vec<Record> = all.into_iter().filter(|record| record.series.as_bytes()[0] != 2).collect();
    assert_eq!(read(&here, &anna, 1000), without);
    drop(here);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn without_room_for_bringing_it_up_to_date_a_file_stays_as_it_was() {
    let (dir, setup) = (folder(), Setup::generate().unwrap());
    let path = dir.join("store.sqlite");
    let open = || open(&path, &setup);
    let here = open();
    let anna = account(&here, "anna");
    let mut all: Vec<Record> = Vec::new();
    for _ in 0..20 {
        all.push(append(&here, &anna, all.last(), ONE, &"long ".repeat(50_000)));
    }
    run(&here, AS_BEFORE);
    drop(here);

    let small = folder();
    let size = std::fs::metadata(&path).unwrap().len() / 1024 + 2048;
    let Some(disk) = Mounted::new(&small, &format!("size={size}k")) else { return };
    let there = disk.0.join("store.sqlite");
    std::fs::copy(&path, &there).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..2 {
        let store = Store::Sqlite(Sqlite::open(&there).unwrap());
        assert!(matches!(runtime.block_on(store.expect_current()), Err(StoreError::Older { found: 2, .. })));
        let said = runtime.block_on(store.migrate());
        assert!(matches!(said, Err(StoreError::DiskFull)), "{said:?}");
    }
    std::fs::copy(&there, &path).unwrap();
    drop(disk);
    let here = open();
    assert_eq!((read(&here, &anna, 1000), here.check().faults), (all, vec![]));
    drop(here);
    std::fs::remove_dir_all(dir).unwrap();
}
