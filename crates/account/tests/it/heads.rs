//! Heads are those of the last answer, although a server keeps what it read of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use keystow_account::id::SeriesId;
use keystow_account::wire::{Heads, Record, SignedIn};

use crate::both::{account, delete, get, next, post};
use crate::server::{Here, on_both};
use crate::session::{run, try_run};

pub(crate) const ONE: SeriesId = SeriesId::new([1; 16]);
pub(crate) const TWO: SeriesId = SeriesId::new([2; 16]);

/// Appends a record with a body, and gives it.
pub(crate) fn append(here: &Here, who: &SignedIn, before: Option<&Record>, series: SeriesId, body: &str) -> Record {
    let record = next(before, series, body);
    assert_eq!(post(here, "/v1/log", who, &record).status, 200);
    record
}

/// What is said of the heads, three times, as it may be read once and kept then.
fn heads(here: &Here, who: &SignedIn) -> Heads {
    let said = [(); 3].map(|()| get(here, "/v1/log/heads", who));
    assert!(said.iter().all(|other| other.body == said[0].body));
    said[0].done()
}

#[test]
fn heads_are_those_of_the_last_change_whatever_made_it() {
    on_both(|here| {
        let (anna, bert) = (account(here, "anna"), account(here, "bert"));
        assert_eq!(heads(here, &anna).heads, []);
        let first = append(here, &anna, None, ONE, "first");
        assert_eq!(heads(here, &anna).heads, [first.head()]);
        let second = append(here, &anna, Some(&first), ONE, "second");
        assert_eq!(heads(here, &anna).heads, [second.head()]);
        let other = append(here, &anna, None, TWO, "of another device");
        assert_eq!(heads(here, &anna).heads, [second.head(), other.head()]);
        let third = append(here, &anna, Some(&second), ONE, "third");
        assert_eq!(heads(here, &anna).heads, [third.head(), other.head()]);
        assert_eq!(post(here, "/v1/log", &anna, &next(Some(&second), ONE, "late")).status, 409);
        assert_eq!(heads(here, &anna).heads, [third.head(), other.head()]);
        // What is undone was never so.
        try_run(here, "UPDATE head SET idx = idx + 7; SELECT * FROM nothing").unwrap_err();
        assert_eq!(heads(here, &anna).heads, [third.head(), other.head()]);
        assert_eq!(heads(here, &bert).heads, []);

        assert_eq!(heads(here, &anna).removed.len(), 0);
        assert_eq!(delete(here, &format!("/v1/log/{ONE}/1/body"), &anna).status, 200);
        let removed = |heads: &Heads| heads.removed.iter().map(|one| (one.series, one.index)).collect::<Vec<_>>();
        assert_eq!(removed(&heads(here, &anna)), [(ONE, 1)]);
        let bodiless = append(here, &bert, None, ONE, "");
        assert_eq!((heads(here, &bert).heads, removed(&heads(here, &bert))), (vec![bodiless.head()], vec![(ONE, 1)]));

        run(here, "UPDATE record SET body = header");
        assert_eq!(removed(&heads(here, &anna)), []);
        run(here, "UPDATE head SET idx = idx + 1");
        assert_eq!(heads(here, &anna).heads.iter().map(|head| head.index).collect::<Vec<_>>(), [4, 2]);
        run(here, "DELETE FROM head WHERE idx = 4");
        assert_eq!(heads(here, &anna).heads.iter().map(|head| head.index).collect::<Vec<_>>(), [2]);
        run(here, "UPDATE record SET body = NULL");
        assert_eq!(removed(&heads(here, &anna)), [(ONE, 1), (ONE, 2), (ONE, 3), (TWO, 1)]);
    });
}

#[test]
fn no_answer_shows_a_head_older_than_an_append_that_was_answered_before_it_was_asked_for() {
    on_both(|here| {
        let anna = account(here, "anna");
        let first = append(here, &anna, None, ONE, "first");
        let (answered, stop, older) = (AtomicU64::new(1), AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        let least = answered.load(Ordering::SeqCst);
                        let said: Heads = get(here, "/v1/log/heads", &anna).done();
                        older.fetch_add(u64::from(said.heads[0].index < least), Ordering::SeqCst);
                    }
                });
            }
            let mut last = first;
            for _ in 0..300 {
                last = append(here, &anna, Some(&last), ONE, "more");
                answered.store(last.index, Ordering::SeqCst);
            }
            stop.store(true, Ordering::SeqCst);
        });
        assert_eq!(older.into_inner(), 0);
    });
}
