//! The check of all records: what is wrong is named, what is only under way is not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use keystow_account::id::SeriesId;
use keystow_account::server::check;
use keystow_account::store::{Store, StoreError, Tx, Value, Work};

use crate::both::account;
use crate::heads::{ONE, TWO, append};
use crate::server::{Here, on_both};
use crate::session::run;

/// Ends a series.
struct End(SeriesId);

impl Work for End {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let series = [Value::Bytes(self.0.as_bytes())];
        tx.execute("DELETE FROM record WHERE series = $1", &series).await?;
        tx.execute("DELETE FROM head WHERE series = $1", &series).await.map(drop)
    }
}

/// What is said of which record.
type Said = &'static [(u64, &'static str)];

/// What somebody does to a series of three records, and what is then said.
const DAMAGE: [(&str, Said); 8] = [
    ("DELETE FROM record WHERE idx = 1", &[(1, "it is missing")]),
    ("DELETE FROM record WHERE idx = 2", &[(2, "it is missing")]),
    ("DELETE FROM record WHERE idx = 3", &[(3, "it is missing")]),
    ("DELETE FROM record", &[(1, "it is missing")]),
    ("UPDATE head SET idx = 2, hash = (SELECT prev FROM record WHERE idx = 3)", &[(3, "it is not the head")]),
    ("UPDATE head SET hash = (SELECT prev FROM record WHERE idx = 3)", &[(3, "it is not the head")]),
    ("UPDATE record SET header = body WHERE idx = 2", &[(2, "it is not what was appended")]),
    ("UPDATE record SET body = header WHERE idx = 2", &[(2, "its body is not what was appended")]),
];

/// What is found another way on SQLite, where heads lead to records.
const DAMAGE_BY_KEY: [(&str, [Said; 2]); 4] = [
    ("DELETE FROM head", [&[(3, "no head leads to it")], &[(3, "it has no head")]]),
    (
        "INSERT INTO record (account_id, series, idx, prev, header, body, body_hash, received) SELECT account_id, series, 0, prev, header, body, body_hash, received FROM record WHERE idx = 1",
        [&[(0, "no head leads to it")], &[(1, "it is missing"), (1, "it is not what was appended")]],
    ),
    (
        "INSERT INTO record (account_id, series, idx, prev, header, body, body_hash, received) SELECT account_id, series, 4, prev, header, body, body_hash, received FROM record WHERE idx = 3",
        [&[(4, "no head leads to it")], &[(4, "it is not the head")]],
    ),
    (
        "UPDATE record SET idx = 9 WHERE idx = 3",
        [&[(3, "it is missing"), (9, "no head leads to it")], &[(3, "it is missing"), (9, "it is not the head")]],
    ),
];

#[test]
fn what_is_missing_altered_or_not_the_head_is_named() {
    on_both(|here| {
        let store = usize::from(matches!(here.server.store(), Store::Postgres(_)));
        let by_key = DAMAGE_BY_KEY.map(|(damage, expected)| (damage, expected[store]));
        for (damage, expected) in DAMAGE.into_iter().chain(by_key) {
            let who = account(here, "anna");
            let mut last = None;
            for body in ["first", "second", "third"] {
                last = Some(append(here, &who, last.as_ref(), ONE, body));
            }
            assert_eq!(here.check().faults, []);
            run(here, damage);
            let named: Vec<_> = here.check().faults.iter().map(|fault| (fault.index, fault.what)).collect();
            assert_eq!(named, expected, "{damage}");
            run(
                here,
                "DELETE FROM record; DELETE FROM head; DELETE FROM session; DELETE FROM credential; DELETE FROM account",
            );
        }
    });
}

#[test]
fn a_body_of_no_bytes_is_not_one_that_was_removed() {
    on_both(|here| {
        let who = account(here, "anna");
        append(here, &who, None, ONE, "first");
        let server = here.server.clone();
        run(here, "UPDATE record SET body = NULL");
        assert_eq!(here.check().faults, []);
        run(here, "UPDATE record SET body = ''");
        let checked = here.run(async move { check(server.store()).await });
        assert!(matches!(checked, Err(StoreError::Damaged(_))), "{checked:?}");
    });
}

#[test]
fn an_index_that_is_not_that_of_its_table_is_found_by_the_longer_check() {
    let here = Here::start();
    let who = account(&here, "anna");
    let first = append(&here, &who, None, ONE, "first");
    append(&here, &who, Some(&first), ONE, "second");
    let Store::Sqlite(store) = here.server.store() else { panic!("a file") };
    store.check_indexes().unwrap();
    run(
        &here,
        "UPDATE record SET body = NULL WHERE idx = 1; DROP INDEX record_removed; PRAGMA writable_schema = ON; \
         CREATE INDEX record_removed ON record (account_id, series, idx) WHERE idx = 3; \
         UPDATE sqlite_master SET sql = \
         'CREATE INDEX record_removed ON record (account_id, series, idx) WHERE body IS NULL' WHERE name = 'record_removed'",
    );
    assert_eq!(here.check().faults, []);
    let said = store.check_indexes();
    assert!(matches!(said, Err(StoreError::Damaged(_))), "{said:?}");
}

#[test]
fn a_check_while_records_are_appended_and_accounts_end_calls_nothing_damaged() {
    on_both(|here| {
        let (anna, bert) = (account(here, "anna"), account(here, "bert"));
        let first = append(here, &anna, None, ONE, "first");
        append(here, &bert, None, TWO, "first");
        let stop = AtomicBool::new(false);
        let checks = thread::scope(|scope| {
            let appending = scope.spawn(|| {
                let mut last = first.clone();
                for _ in 0..300 {
                    last = append(here, &anna, Some(&last), ONE, "more");
                }
                stop.store(true, Ordering::SeqCst);
            });
            scope.spawn(|| {
                let mut named = 3_u8;
                while !stop.load(Ordering::SeqCst) {
                    // A series of a machine that comes and goes.
                    let series = SeriesId::new([named; 16]);
                    append(here, &bert, None, series, "first");
                    let server = here.server.clone();
                    here.run(async move { server.store().write(End(series)).await.unwrap() });
                    named = named.wrapping_add(1).max(3);
                }
            });
            let mut checks = 0;
            while !appending.is_finished() {
                assert_eq!(here.check().faults, []);
                checks += 1;
            }
            checks
        });
        assert!(checks > 10, "{checks}");
        assert_eq!((here.check().series, here.check().faults), (2, vec![]));
    });
}
