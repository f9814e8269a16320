//! A session ends when the answer says so, however it ends, and although a server keeps what it read of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use keystow_account::store::{StoreError, Tx, Work};
use keystow_account::wire::{Name, SignedIn};

use crate::both::change;
use crate::server::{Here, on_both};

const PASSWORD: &str = "a horse eats 17 green cucumber salads";
const DAY: i64 = 24 * 3600;

fn anna() -> Name {
    Name::parse("anna").unwrap()
}

fn status(here: &Here, who: &SignedIn) -> u16 {
    here.ask("GET", "/v1/account", Some(&who.token.0), "").status
}

fn delete(here: &Here, path: &str, who: &SignedIn) {
    assert_eq!(here.ask("DELETE", path, Some(&who.token.0), "").status, 200, "{path}");
}

/// A statement of nobody's in particular.
struct Statement(&'static str);

impl Work for Statement {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.batch(self.0).await
    }
}

pub(crate) fn run(here: &Here, sql: &'static str) {
    try_run(here, sql).unwrap();
}

pub(crate) fn try_run(here: &Here, sql: &'static str) -> Result<(), StoreError> {
    let server = here.server.clone();
    here.run(async move { server.store().write(Statement(sql)).await })
}

/// Ends the session of `ended`; `other` is another of the same account.
type End = fn(here: &Here, ended: &SignedIn, other: &SignedIn);

const ENDS: [(&str, End); 8] = [
    ("signed out by itself", |here, ended, _| delete(here, "/v1/session", ended)),
    ("signed out by another", |here, ended, other| delete(here, &format!("/v1/devices/{}", ended.device), other)),
    ("a new password", |here, _, other| assert_eq!(change(here, other, "new password").status, 200)),
    ("the account's end", |here, _, other| {
        delete(here, "/v1/account", other);
        here.pass(7 * DAY + 1);
        assert_eq!(here.sweep(), 1);
    }),
    ("its row's end", |here, _, _| run(here, "DELETE FROM session")),
    ("its account's row's end", |here, _, _| run(here, "DELETE FROM account")),
    ("another generation", |here, _, _| run(here, "UPDATE account SET generation = generation + 1")),
    ("a change of its row", |here, _, _| run(here, "UPDATE session SET generation = -1")),
];

#[test]
fn a_session_in_use_is_refused_at_once_however_it_ends() {
    on_both(|here| {
        for (how, end) in ENDS {
            here.register(&anna(), PASSWORD);
            let [other, ended] = [(); 2].map(|()| here.login(&anna(), PASSWORD));
            // Once it is read, then it may be kept.
            assert_eq!([(); 3].map(|()| status(here, &ended)), [200; 3], "{how}");
            end(here, &ended, &other);
            assert_eq!([(); 3].map(|()| status(here, &ended)), [401; 3], "{how}");
            run(here, "DELETE FROM session; DELETE FROM credential; DELETE FROM account");
        }
    });
}

#[test]
fn the_device_that_changes_the_password_stays_signed_in_and_each_of_many_devices_is_known() {
    on_both(|here| {
        here.register(&anna(), PASSWORD);
        let devices = [(); 4].map(|()| here.login(&anna(), PASSWORD));
        for device in devices.iter().chain(devices.iter().rev()) {
            assert_eq!(status(here, device), 200);
        }
        assert_eq!(change(here, &devices[0], "new password").status, 200);
        assert_eq!(devices.each_ref().map(|device| status(here, device)), [200, 401, 401, 401]);
    });
}

#[test]
fn no_request_that_begins_after_a_sign_out_was_answered_is_served() {
    on_both(|here| {
        here.register(&anna(), PASSWORD);
        let other = here.login(&anna(), PASSWORD);
        let served_after = AtomicU64::new(0);
        for _ in 0..30 {
            let (ended, out, stop) = (here.login(&anna(), PASSWORD), AtomicBool::new(false), AtomicBool::new(false));
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        while !stop.load(Ordering::SeqCst) {
                            let is_out = out.load(Ordering::SeqCst);
                            if status(here, &ended) == 200 && is_out {
                                served_after.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    });
                }
                delete(here, &format!("/v1/devices/{}", ended.device), &other);
                out.store(true, Ordering::SeqCst);
                for _ in 0..5 {
                    served_after.fetch_add(u64::from(status(here, &ended) == 200), Ordering::SeqCst);
                }
                stop.store(true, Ordering::SeqCst);
            });
        }
        assert_eq!(served_after.into_inner(), 0);
    });
}
