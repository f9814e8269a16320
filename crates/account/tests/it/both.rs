//! Every contract of the server, on SQLite and on PostgreSQL.

use std::thread;

use keystow_account::client::{Client, ClientError};
use keystow_account::id::{DeviceId, FileId, SeriesId};
use keystow_account::server::{Limits, Setup};
use keystow_account::store::{StoreError, Tx, Work};
use keystow_account::wire::{
    Approve, Ask, Asked, Asking, Bytes, Claim, CredentialChange, CredentialStart, CredentialStarted, Devices, Hash,
    Head, Heads, Method, Name, Record, Records, Refusal, Refused, SignedIn, Status,
};
use opaque_ke::ClientRegistration;
use rand::rngs::OsRng;

use crate::postgres::Cluster;
use crate::raw::{Said, credential};
use crate::server::{Here, generous, on_both};

pub(crate) const PASSWORD: &str = "a horse eats 17 green cucumber salads";
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 3600;
/// Every table with rows of accounts.
const TABLES: [&str; 12] = [
    "SELECT COUNT(*) FROM account",
    "SELECT COUNT(*) FROM credential",
    "SELECT COUNT(*) FROM session",
    "SELECT COUNT(*) FROM approval",
    "SELECT COUNT(*) FROM file",
    "SELECT COUNT(*) FROM head",
    "SELECT COUNT(*) FROM record",
    "SELECT COUNT(*) FROM member",
    "SELECT COUNT(*) FROM membership",
    "SELECT COUNT(*) FROM invite",
    "SELECT COUNT(*) FROM machine",
    "SELECT COUNT(*) FROM audit",
];

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A record that follows another, or is the first.
pub(crate) fn next(before: Option<&Record>, series: SeriesId, body: &str) -> Record {
    Record {
        series,
        index: before.map_or(1, |before| before.index + 1),
        prev: before.map(Record::hash),
        header: Bytes(b"header".to_vec()),
        body: Bytes(body.as_bytes().to_vec()),
        body_hash: Hash::of(body.as_bytes()),
    }
}

/// A new account, signed in.
pub(crate) fn account(here: &Here, called: &str) -> SignedIn {
    here.register(&name(called), PASSWORD);
    here.login(&name(called), PASSWORD)
}

fn refusal(said: &Said) -> Option<Refusal> {
    let refused: Option<Refused> = serde_json::from_slice(&said.body).ok();
    refused.filter(|_| said.status != 200).map(|refused| refused.error)
}

pub(crate) fn get(here: &Here, path: &str, who: &SignedIn) -> Said {
    here.ask("GET", path, Some(&who.token.0), "")
}

pub(crate) fn post(here: &Here, path: &str, who: &SignedIn, input: &impl serde::Serialize) -> Said {
    here.post(path, Some(&who.token.0), input)
}

pub(crate) fn put(here: &Here, path: &str, who: &SignedIn, input: &impl serde::Serialize) -> Said {
    here.ask("PUT", path, Some(&who.token.0), serde_json::to_vec(input).unwrap())
}

pub(crate) fn delete(here: &Here, path: &str, who: &SignedIn) -> Said {
    here.ask("DELETE", path, Some(&who.token.0), "")
}

/// How many rows each table has.
pub(crate) struct Count(pub(crate) &'static str);

impl Work for Count {
    type Done = u64;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        tx.query(self.0, &[]).await?[0].count(0)
    }
}

fn rows(here: &Here) -> Vec<u64> {
    let count = |sql| {
        let server = here.server.clone();
        here.run(async move { server.store().read(Count(sql)).await.unwrap() })
    };
    TABLES.into_iter().map(count).collect()
}

#[test]
fn of_records_that_race_for_one_place_exactly_one_is_taken_and_all_others_learn_which() {
    on_both(|here| {
        let anna = account(here, "anna");
        let series = SeriesId::new([1; 16]);
        let mut last: Option<Record> = None;
        for round in 0..8 {
            let racing: Vec<_> = (0..8).map(|n| next(last.as_ref(), series, &format!("{round} {n}"))).collect();
            let said: Vec<Said> = thread::scope(|scope| {
                let anna = &anna;
                let append = |record| scope.spawn(move || post(here, "/v1/log", anna, record));
                racing.iter().map(append).collect::<Vec<_>>().into_iter().map(|t| t.join().unwrap()).collect()
            });
            let won: Vec<_> = racing.iter().zip(&said).filter(|(_, said)| said.status == 200).collect();
            assert_eq!(won.len(), 1, "round {round}");
            let winner = won[0].0.clone();
            for lost in said.iter().filter(|said| said.status != 200) {
                let refused: Refused = serde_json::from_slice(&lost.body).unwrap();
                assert_eq!((lost.status, refused.error), (409, Refusal::Conflict));
                assert_eq!(refused.head, Some(winner.head()), "round {round}");
            }
            last = Some(winner);
        }
        let heads: Heads = get(here, "/v1/log/heads", &anna).done();
        assert_eq!(heads.heads, [last.unwrap().head()]);
        assert_eq!((here.check().records, here.check().faults), (8, vec![]));
    });
}

#[test]
fn a_record_that_does_not_follow_is_refused_with_the_head_and_nothing_of_it_is_kept() {
    on_both(|here| {
        let anna = account(here, "anna");
        let series = SeriesId::new([1; 16]);
        let first = next(None, series, "one");
        let second = next(Some(&first), series, "two");
        let refused: Refused = serde_json::from_slice(&post(here, "/v1/log", &anna, &second).body).unwrap();
        assert_eq!((refused.error, refused.head), (Refusal::Conflict, None), "nothing is there yet");
        let _: Head = post(here, "/v1/log", &anna, &first).done();
        let gap = Record { index: 3, ..second.clone() };
        let foreign = Record { prev: Some(Hash([7; 32])), ..second.clone() };
        for wrong in [gap, foreign] {
            let said = post(here, "/v1/log", &anna, &wrong);
            let refused: Refused = serde_json::from_slice(&said.body).unwrap();
            assert_eq!((said.status, refused.head), (409, Some(first.head())));
        }
        let lost = Record { body_hash: Hash::of(b"another"), ..second.clone() };
        assert_eq!(refusal(&post(here, "/v1/log", &anna, &lost)), Some(Refusal::BadRequest), "not what it says");
        let _: Head = post(here, "/v1/log", &anna, &second).done();
        let again: Head = post(here, "/v1/log", &anna, &first).done();
        assert_eq!(again, first.head(), "an old one sent again is still taken");
        let all: Records = get(here, "/v1/log", &anna).done();
        assert_eq!((all.records, all.more), (vec![first, second], false));
    });
}

#[test]
fn pages_hold_every_record_once_and_in_order() {
    on_both(|here| {
        let anna = account(here, "anna");
        let mut sent = Vec::new();
        for series in [3_u8, 1, 2].map(|n| SeriesId::new([n; 16])) {
            let mut last = None;
            for n in 0..5 {
                let record = next(last.as_ref(), series, &format!("body {n}"));
                let _: Head = post(here, "/v1/log", &anna, &record).done();
                sent.push(record.clone());
                last = Some(record);
            }
        }
        sent.sort_by_key(|record| (record.series, record.index));
        for limit in [1, 4, 15, 1000] {
            let (mut got, mut path) = (Vec::new(), format!("/v1/log?limit={limit}"));
            loop {
                let page: Records = get(here, &path, &anna).done();
                let last = page.records.last().unwrap().clone();
                path = format!("/v1/log?limit={limit}&series={}&index={}", last.series, last.index);
                got.extend(page.records);
                if !page.more {
                    break;
                }
            }
            assert_eq!(got, sent, "{limit} at a time");
        }
    });
}

#[test]
fn a_body_that_was_removed_is_gone_and_the_chain_holds_and_only_the_same_bytes_mend_it() {
    on_both(|here| {
        let anna = account(here, "anna");
        let series = SeriesId::new([1; 16]);
        let first = next(None, series, "one");
        let second = next(Some(&first), series, "two");
        let _: Head = post(here, "/v1/log", &anna, &first).done();
        let _: Head = post(here, "/v1/log", &anna, &second).done();
        for record in [&first, &second] {
            let body = format!("/v1/log/{series}/{}/body", record.index);
            assert_eq!(delete(here, &body, &anna).status, 200);
            let heads: Heads = get(here, "/v1/log/heads", &anna).done();
            assert_eq!((heads.heads.as_slice(), heads.removed.len()), ([second.head()].as_slice(), 1));
            assert_eq!(here.check().faults, []);
            let other = Record { body: Bytes(b"other".to_vec()), body_hash: Hash::of(b"other"), ..record.clone() };
            let header = Record { header: Bytes(b"other".to_vec()), ..record.clone() };
            for wrong in [other, header] {
                assert_eq!(refusal(&put(here, "/v1/log/mend", &anna, &wrong)), Some(Refusal::Conflict));
            }
            assert_eq!(put(here, "/v1/log/mend", &anna, record).status, 200, "record {}", record.index);
        }
        let beyond = format!("/v1/log/{series}/3/body");
        assert_eq!(refusal(&delete(here, &beyond, &anna)), Some(Refusal::NotFound));
        let third = next(Some(&second), series, "three");
        assert_eq!(refusal(&put(here, "/v1/log/mend", &anna, &third)), Some(Refusal::Conflict), "never appended");
        let all: Records = get(here, "/v1/log", &anna).done();
        assert_eq!(all.records, [first, second]);
    });
}

#[test]
fn a_small_file_is_put_once_and_changed_or_removed_only_after_a_sign_in_just_made() {
    on_both(|here| {
        let anna = account(here, "anna");
        let path = format!("/v1/files/{}", FileId::new([1; 16]));
        let file = |text: &str| keystow_account::wire::File { bytes: Bytes(text.as_bytes().to_vec()) };
        assert_eq!(put(here, &path, &anna, &file("one")).status, 200);
        assert_eq!(put(here, &path, &anna, &file("one")).status, 200, "sent twice");
        assert_eq!(refusal(&put(here, &path, &anna, &file("two"))), Some(Refusal::Conflict));
        assert_eq!(put(here, &format!("{path}/mend"), &anna, &file("two")).status, 200);
        here.pass(16 * MINUTE);
        assert_eq!(refusal(&put(here, &format!("{path}/mend"), &anna, &file("3"))), Some(Refusal::SignInAgain));
        assert_eq!(refusal(&delete(here, &path, &anna)), Some(Refusal::SignInAgain));
        let files: keystow_account::wire::Files = get(here, "/v1/files", &anna).done();
        assert_eq!(files.files[0].bytes, file("two").bytes);
        let anna = here.login(&name("anna"), PASSWORD);
        assert_eq!(delete(here, &path, &anna).status, 200);
        assert_eq!(refusal(&delete(here, &path, &anna)), Some(Refusal::NotFound));
        let files: keystow_account::wire::Files = get(here, "/v1/files", &anna).done();
        assert!(files.files.is_empty());
    });
}

#[test]
fn devices_are_listed_named_and_signed_out() {
    on_both(|here| {
        let (anna, berta) = (account(here, "anna"), account(here, "berta"));
        here.pass(2 * 3600);
        let second = here.login(&name("anna"), PASSWORD);
        let _: Status = get(here, "/v1/account", &anna).done();
        let devices: Devices = get(here, "/v1/devices", &second).done();
        let [old, new] = devices.devices.try_into().unwrap();
        assert_eq!((old.id, new.id, old.this, new.this), (anna.device, second.device, false, true));
        assert!(old.seen >= old.created + 2 * 3600, "it was just seen");
        let label = keystow_account::wire::Label { label: Bytes(b"sealed".to_vec()) };
        assert_eq!(put(here, &format!("/v1/devices/{}/label", old.id), &second, &label).status, 200);
        let foreign = format!("/v1/devices/{}", berta.device);
        assert_eq!(refusal(&put(here, &format!("{foreign}/label"), &second, &label)), Some(Refusal::NotFound));
        assert_eq!(refusal(&delete(here, &foreign, &second)), Some(Refusal::NotFound), "another account's");
        let devices: Devices = get(here, "/v1/devices", &second).done();
        assert_eq!(devices.devices[0].label, Some(label.label));
        let gone = format!("/v1/devices/{}", old.id);
        assert_eq!(refusal(&delete(here, &gone, &anna)), Some(Refusal::SignInAgain), "its sign-in is old");
        assert_eq!(delete(here, &gone, &second).status, 200);
        assert_eq!(refusal(&get(here, "/v1/account", &anna)), Some(Refusal::NotSignedIn));
        assert_eq!(delete(here, "/v1/session", &second).status, 200);
        assert_eq!(refusal(&get(here, "/v1/account", &second)), Some(Refusal::NotSignedIn));
        assert_eq!(get(here, "/v1/account", &berta).status, 200, "others notice nothing");
    });
}

#[test]
fn the_messages_of_a_sign_in_are_good_for_a_minute_and_once() {
    on_both(|here| {
        let anna = account(here, "anna");
        let proof = here.proof(&name("anna"), PASSWORD);
        let twice = here.proof(&name("anna"), PASSWORD);
        let signed_in: SignedIn = here.post("/v1/login/finish", None, &twice).done();
        assert_eq!(refusal(&here.post("/v1/login/finish", None, &twice)), Some(Refusal::WrongCredentials), "twice");
        assert_eq!(get(here, "/v1/account", &signed_in).status, 200);
        here.pass(61);
        assert_eq!(refusal(&here.post("/v1/login/finish", None, &proof)), Some(Refusal::WrongCredentials), "late");
        let (one, other) = (here.proof(&name("anna"), PASSWORD), here.proof(&name("anna"), PASSWORD));
        let mixed = keystow_account::wire::LoginFinish { state: one.state, finalization: other.finalization };
        assert_eq!(refusal(&here.post("/v1/login/finish", None, &mixed)), Some(Refusal::WrongCredentials));
        let devices: Devices = get(here, "/v1/devices", &anna).done();
        assert_eq!(devices.devices.len(), 2);

        let proof = here.proof(&name("anna"), PASSWORD);
        let out: SignedIn = here.post("/v1/login/finish", None, &proof).done();
        assert_eq!(delete(here, "/v1/session", &out).status, 200);
        assert_eq!(refusal(&delete(here, "/v1/session", &out)), Some(Refusal::NotSignedIn));
        let again = format!("/v1/devices/{}", out.device);
        assert_eq!(refusal(&delete(here, &again, &signed_in)), Some(Refusal::NotFound), "it is no device any more");
        assert_eq!(
            refusal(&here.post("/v1/login/finish", None, &proof)),
            Some(Refusal::WrongCredentials),
            "out is out"
        );
        let devices: Devices = get(here, "/v1/devices", &anna).done();
        assert_eq!((devices.devices.len(), rows(here)[2]), (2, 3), "but a trace is kept");
        here.pass(61);
        here.sweep();
        assert_eq!(rows(here)[2], 2, "for a minute");
    });
}

/// Changes the password with this session; the answer of the first step when that was refused.
pub(crate) fn change(here: &Here, who: &SignedIn, password: &str) -> Said {
    let begun = ClientRegistration::start(&mut OsRng, password.as_bytes()).unwrap();
    let request = Bytes(begun.message.serialize().to_vec());
    let said = post(here, "/v1/credentials/start", who, &CredentialStart { method: Method::Password, request });
    if said.status != 200 {
        return said;
    }
    let credential = credential(begun.state, password, &said.done::<CredentialStarted>().response);
    post(here, "/v1/credentials", who, &CredentialChange { method: Method::Password, credential })
}

#[test]
fn a_new_password_ends_every_other_sign_in_even_those_just_begun_and_every_request_to_be_let_in() {
    on_both(|here| {
        let anna = account(here, "anna");
        let other = here.login(&name("anna"), PASSWORD);
        let begun = here.proof(&name("anna"), PASSWORD);
        let asked = ask(here, "anna", [1; 32]);
        assert_eq!(change(here, &anna, "new password").status, 200);
        assert_eq!(refusal(&get(here, "/v1/account", &other)), Some(Refusal::NotSignedIn));
        assert_eq!(refusal(&here.post("/v1/login/finish", None, &begun)), Some(Refusal::WrongCredentials));
        let asking: Asking = get(here, "/v1/approvals", &anna).done();
        assert!(asking.requests.is_empty(), "{asked:?}");
        let status: Status = get(here, "/v1/account", &anna).done();
        assert_eq!((status.generation, status.devices), (2, 1));
        assert_eq!(here.login(&name("anna"), "new password").generation, 2);
    });
}

#[test]
fn of_two_devices_that_change_the_password_at_once_one_is_the_first_and_the_other_is_signed_out() {
    on_both(|here| {
        here.register(&name("anna"), PASSWORD);
        let mut password = PASSWORD.to_owned();
        for round in 0..8 {
            let [one, two] = [(); 2].map(|()| here.login(&name("anna"), &password));
            let new = [format!("one {round}"), format!("two {round}")];
            let said = thread::scope(|scope| {
                let change = |who, new| scope.spawn(move || change(here, who, new).status);
                [change(&one, &new[0]), change(&two, &new[1])].map(|thread| thread.join().unwrap())
            });
            assert!(matches!(said, [200, 401] | [401, 200]), "round {round}: {said:?}");
            password = new[usize::from(said[1] == 200)].clone();
        }
        here.login(&name("anna"), &password);
    });
}

fn ask(here: &Here, called: &str, secret: [u8; 32]) -> Asked {
    let ask = Ask { name: name(called), public: Bytes(vec![9; 32]), claim: Hash::of(&secret) };
    here.post("/v1/approvals", None, &ask).done()
}

fn claim(here: &Here, asked: &Asked, secret: [u8; 32]) -> Said {
    let claim = Claim { account: asked.account, secret: Bytes(secret.to_vec()) };
    here.post(&format!("/v1/approvals/{}/claim", asked.approval), None, &claim)
}

#[test]
fn a_request_to_be_let_in_is_answered_once_within_a_quarter_of_an_hour_by_its_own_account() {
    on_both(|here| {
        let (anna, berta) = (account(here, "anna"), account(here, "berta"));
        let approve = |text: &str| Approve { keybox: Bytes(text.as_bytes().to_vec()) };
        let asked = ask(here, "anna", [1; 32]);
        let path = format!("/v1/approvals/{}", asked.approval);
        assert_eq!(refusal(&post(here, &path, &berta, &approve("x"))), Some(Refusal::NotFound), "another account");
        assert_eq!(post(here, &path, &anna, &approve("for it")).status, 200);
        assert_eq!(post(here, &path, &anna, &approve("for it")).status, 200, "sent twice");
        assert_eq!(refusal(&post(here, &path, &anna, &approve("other"))), Some(Refusal::NotFound));
        assert_eq!(refusal(&claim(here, &asked, [2; 32])), Some(Refusal::NotFound), "without the secret");
        let let_in: SignedIn = claim(here, &asked, [1; 32]).done();
        assert_eq!((let_in.account, let_in.keybox.0.as_slice()), (anna.account, b"for it".as_slice()));
        assert_eq!(get(here, "/v1/account", &let_in).status, 200);
        assert_eq!(refusal(&claim(here, &asked, [1; 32])), Some(Refusal::NotFound), "once");

        let (late, answered) = (ask(here, "anna", [3; 32]), ask(here, "anna", [4; 32]));
        let path = format!("/v1/approvals/{}", answered.approval);
        assert_eq!(post(here, &path, &anna, &approve("in time")).status, 200);
        here.pass(16 * MINUTE);
        let path = format!("/v1/approvals/{}", late.approval);
        assert_eq!(refusal(&post(here, &path, &anna, &approve("late"))), Some(Refusal::NotFound));
        assert_eq!(refusal(&claim(here, &answered, [4; 32])), Some(Refusal::NotFound), "fetched too late");
        for n in 0..8 {
            ask(here, "anna", [n; 32]);
        }
        let ninth = Ask { name: name("anna"), public: Bytes(vec![9; 32]), claim: Hash::of(b"") };
        assert_eq!(refusal(&here.post("/v1/approvals", None, &ninth)), Some(Refusal::TooMany));
        let nobody = ask(here, "nobody", [1; 32]);
        assert_eq!(refusal(&claim(here, &nobody, [1; 32])), Some(Refusal::NotFound), "it looks like any other");
    });
}

#[test]
fn an_account_is_deleted_with_everything_of_it_after_seven_days_and_not_before() {
    on_both(|here| {
        let anna = account(here, "anna");
        let alone = rows(here);
        let berta = account(here, "berta");
        let first = next(None, SeriesId::new([1; 16]), "one");
        let _: Head = post(here, "/v1/log", &berta, &first).done();
        let file = keystow_account::wire::File { bytes: Bytes(b"file".to_vec()) };
        assert_eq!(put(here, &format!("/v1/files/{}", FileId::new([1; 16])), &berta, &file).status, 200);
        ask(here, "berta", [1; 32]);
        assert_eq!(delete(here, "/v1/account", &berta).status, 200);
        here.pass(6 * DAY);
        assert_eq!(here.sweep(), 0, "it may still be kept");
        let status: Status = get(here, "/v1/account", &berta).done();
        assert!(status.delete_after.is_some());
        assert_eq!(post(here, "/v1/account/keep", &berta, &keystow_account::wire::Empty {}).status, 200);
        here.pass(2 * DAY);
        assert_eq!(here.sweep(), 0, "it was kept");
        assert_eq!(refusal(&delete(here, "/v1/account", &berta)), Some(Refusal::SignInAgain));
        let berta = here.login(&name("berta"), PASSWORD);
        assert_eq!(delete(here, "/v1/account", &berta).status, 200);
        here.pass(7 * DAY + 1);
        assert_eq!(here.sweep(), 1);
        assert_eq!(rows(here), alone, "every table is as if it had never been there");
        assert_eq!(refusal(&get(here, "/v1/account", &berta)), Some(Refusal::NotSignedIn));
        assert_eq!(get(here, "/v1/account", &anna).status, 200, "nobody else noticed");
        let berta = account(here, "berta");
        let heads: Heads = get(here, "/v1/log/heads", &berta).done();
        assert!(heads.heads.is_empty(), "the name is free, and nothing of before comes back");
    });
}

#[test]
fn what_is_one_persons_is_never_anothers_under_the_same_names() {
    on_both(|here| {
        let (anna, berta) = (account(here, "anna"), account(here, "berta"));
        let (series, path) = (SeriesId::new([1; 16]), format!("/v1/files/{}", FileId::new([1; 16])));
        for (who, text) in [(&anna, "anna's"), (&berta, "berta's")] {
            let _: Head = post(here, "/v1/log", who, &next(None, series, text)).done();
            let file = keystow_account::wire::File { bytes: Bytes(text.as_bytes().to_vec()) };
            assert_eq!(put(here, &path, who, &file).status, 200);
        }
        assert_eq!(delete(here, &format!("/v1/log/{series}/1/body"), &berta).status, 200);
        assert_eq!(delete(here, &path, &berta).status, 200);
        let records: Records = get(here, "/v1/log", &anna).done();
        assert_eq!(records.records, [next(None, series, "anna's")]);
        let files: keystow_account::wire::Files = get(here, "/v1/files", &anna).done();
        assert_eq!(files.files[0].bytes.0, b"anna's");
    });
}

#[test]
fn an_account_that_is_full_takes_no_more_and_loses_nothing() {
    let here = Here::with(Limits { series_bytes: 20, series: 2, files: 1, ..generous() });
    let anna = account(&here, "anna");
    let first = next(None, SeriesId::new([1; 16]), "twelve bytes");
    let _: Head = post(&here, "/v1/log", &anna, &first).done();
    let more = next(Some(&first), first.series, "more");
    assert_eq!(refusal(&post(&here, "/v1/log", &anna, &more)), Some(Refusal::Full), "a series");
    let _: Head = post(&here, "/v1/log", &anna, &next(None, SeriesId::new([2; 16]), "x")).done();
    let third = next(None, SeriesId::new([3; 16]), "x");
    assert_eq!(refusal(&post(&here, "/v1/log", &anna, &third)), Some(Refusal::Full), "series");
    let file = keystow_account::wire::File { bytes: Bytes(b"file".to_vec()) };
    let path = |n| format!("/v1/files/{}", FileId::new([n; 16]));
    assert_eq!(put(&here, &path(1), &anna, &file).status, 200);
    assert_eq!(refusal(&put(&here, &path(2), &anna, &file)), Some(Refusal::Full), "files");
    assert_eq!(put(&here, &path(1), &anna, &file).status, 200, "the one that is there, sent again");
    let status: Status = get(&here, "/v1/account", &anna).done();
    assert_eq!((status.records, status.bytes), (2, 25));
    assert_eq!(here.check().faults, []);
}

#[test]
fn two_servers_on_one_postgresql_serve_one_account() {
    let (cluster, setup) = (Cluster::shared(), Setup::generate().unwrap());
    let (url, text) = (cluster.database(), setup.to_text().unwrap());
    let (one, two) = (Here::at(&url, setup), Here::at(&url, Setup::parse(&text).unwrap()));
    one.register(&name("anna"), PASSWORD);
    let proof = one.proof(&name("anna"), PASSWORD);
    let anna: SignedIn = two.post("/v1/login/finish", None, &proof).done();
    assert_eq!(refusal(&one.post("/v1/login/finish", None, &proof)), Some(Refusal::WrongCredentials), "used there");
    let first = next(None, SeriesId::new([1; 16]), "one");
    let second = next(Some(&first), first.series, "two");
    let _: Head = post(&one, "/v1/log", &anna, &first).done();
    let _: Head = post(&two, "/v1/log", &anna, &second).done();
    let records: Records = get(&one, "/v1/log", &anna).done();
    assert_eq!(records.records, [first, second.clone()]);

    let mut last = second;
    for round in 0..20 {
        let racing =
            [&one, &two].map(|here| (here, next(Some(&last), last.series, &format!("{round} {}", here.address.url))));
        let said = thread::scope(|scope| {
            let threads =
                racing.each_ref().map(|(here, record)| scope.spawn(|| post(here, "/v1/log", &anna, record).status));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(matches!(said, [200, 409] | [409, 200]), "round {round}: {said:?}");
        last = racing[usize::from(said[1] == 200)].1.clone();
    }
    assert_eq!((one.check().records, two.check().faults), (22, vec![]));
    let device = format!("/v1/devices/{}", anna.device);
    assert_eq!(delete(&two, &device, &anna).status, 200);
    assert_eq!(refusal(&get(&one, "/v1/account", &anna)), Some(Refusal::NotSignedIn), "signed out at both");
}

#[test]
fn while_postgresql_is_gone_the_server_says_so_and_when_it_is_back_it_goes_on() {
    let mut cluster = Cluster::start();
    let here = Here::at(&cluster.database(), Setup::generate().unwrap());
    let anna = account(&here, "anna");
    let first = next(None, SeriesId::new([1; 16]), "one");
    let second = next(Some(&first), first.series, "two");
    let _: Head = post(&here, "/v1/log", &anna, &first).done();
    assert_eq!(here.ask("GET", "/healthz", None, "").status, 200);
    cluster.run(false);
    let said = post(&here, "/v1/log", &anna, &second);
    assert_eq!((said.status, refusal(&said)), (503, Some(Refusal::Unavailable)));
    assert!(said.headers.contains_key("retry-after"));
    let said = here.ask("GET", "/healthz", None, "");
    assert_eq!((said.status, said.text().as_str()), (503, "the database cannot be reached\n"));
    cluster.run(true);
    let _: Head = post(&here, "/v1/log", &anna, &second).done();
    let records: Records = get(&here, "/v1/log", &anna).done();
    assert_eq!(records.records, [first, second]);
    drop(here);
}

#[test]
fn a_database_made_with_other_secrets_or_by_a_newer_program_is_refused() {
    on_both(|here| {
        account(here, "anna");
        let behaviour = || keystow_account::server::Behaviour::default();
        let url = here.dir.join("store.sqlite");
        if url.exists() {
            let store = keystow_account::store::Sqlite::open(&url).unwrap();
            let other = keystow_account::server::Server::start(
                keystow_account::store::Store::Sqlite(store),
                Setup::generate().unwrap(),
                behaviour(),
            );
            let error = here.run(other).err().unwrap();
            assert!(error.to_string().contains("other server secrets"), "{error}");
        }
        struct Newer;
        impl Work for Newer {
            type Done = ();
            async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
                tx.batch("UPDATE migration SET step = 99 WHERE step = 2").await
            }
        }
        let server = here.server.clone();
        let error = here.run(async move {
            server.store().write(Newer).await.unwrap();
            server.store().migrate().await.unwrap_err()
        });
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    });
}

#[test]
fn the_client_does_the_same_with_both() {
    on_both(|here| {
        let mut client: Client = here.client();
        let (made, _) = client.create(&name("anna"), PASSWORD).unwrap();
        let key = made.key.copy_key();
        let first = next(None, key.series_id("device"), "one");
        client.append(&first).unwrap();
        match client.append(&next(None, first.series, "other")).unwrap_err() {
            ClientError::Refused { refusal: Refusal::Conflict, head, .. } => assert_eq!(head, Some(first.head())),
            error => panic!("{error}"),
        }
        client.put_file(key.file_id("vault.json"), key.seal("vault.json", b"{}").unwrap()).unwrap();
        let sealed = &client.files().unwrap()[0].bytes;
        assert_eq!(key.open("vault.json", sealed).unwrap().as_slice(), b"{}");
        assert_eq!(client.status().unwrap().records, 1);
        let unknown = client.revoke(DeviceId::new([0; 16])).unwrap_err();
        assert_eq!(unknown.refusal(), Some(Refusal::NotFound));
    });
}
