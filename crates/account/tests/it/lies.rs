//! Every lie of a server that the client can notice at this level is noticed and named; what only a comparison with
//! remembered heads can show is named here too, and shown to be repaired by appending or mending.

use std::sync::{Arc, Mutex};

use keystow_account::client::{Client, ClientError, SignIn};
use keystow_account::id::SeriesId;
use keystow_account::keys::{AccountKey, Newcomer, code};
use keystow_account::wire::{Bytes, Hash, Head, Method, Name, Record, Refusal};
use serde_json::{Value, json};

use crate::liar::{Lie, victim};
use crate::server::Here;

const PASSWORD: &str = "a horse eats 17 green cucumber salads";

/// What a lie does to an answer.
type Change = Box<dyn Fn(&mut Value) + Send + Sync>;

fn name() -> Name {
    Name::parse("anna@example.org").unwrap()
}

/// A server with Anna's account, and what she has of it.
fn annas() -> (Here, SignIn) {
    let here = Here::start();
    let (made, _) = here.client().create(&name(), PASSWORD).unwrap();
    (here, made)
}

/// Changes the answer at one route, every time.
fn at(route: &'static str, change: impl Fn(&mut Value) + Send + Sync + 'static) -> impl FnMut(&str) -> Lie + Send {
    let change = Arc::new(change);
    move |asked| {
        let change = change.clone();
        if asked == route { Lie::Change(Box::new(move |said| change(said))) } else { Lie::None }
    }
}

/// Gives another answer at one route, every time.
fn instead(route: &'static str, mut lie: impl FnMut() -> Lie + Send + 'static) -> impl FnMut(&str) -> Lie + Send {
    move |asked| if asked == route { lie() } else { Lie::None }
}

/// Keeps the first answer at one route and gives it again from then on.
fn replayed(route: &'static str) -> impl FnMut(&str) -> Lie + Send {
    let kept: Arc<Mutex<Option<Value>>> = Arc::default();
    at(route, move |said| {
        let mut kept = kept.lock().unwrap();
        *said = kept.get_or_insert_with(|| said.clone()).clone();
    })
}

fn sign_in(here: &Here, lie: impl FnMut(&str) -> Lie + Send + 'static) -> ClientError {
    victim(here, lie).sign_in(&name(), Method::Password, PASSWORD).unwrap_err()
}

/// Flips a bit of bytes in base64.
fn flip(said: &mut Value) {
    let mut bytes = data_encoding::BASE64.decode(said.as_str().unwrap().as_bytes()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    *said = data_encoding::BASE64.encode(&bytes).into();
}

fn is_lie(error: &ClientError, words: &str) {
    assert!(matches!(error, ClientError::Lie { .. }) && error.to_string().contains(words), "{error}");
}

fn next(before: Option<&Record>, series: SeriesId, body: &str) -> Record {
    Record {
        series,
        index: before.map_or(1, |before| before.index + 1),
        prev: before.map(Record::hash),
        header: Bytes(format!("header of {body}").into_bytes()),
        body: Bytes(body.as_bytes().to_vec()),
        body_hash: Hash::of(body.as_bytes()),
    }
}

/// Anna, signed in through a liar.
fn signed_in(here: &Here, anna: &SignIn, lie: impl FnMut(&str) -> Lie + Send + 'static) -> Client {
    let mut client = victim(here, lie);
    client.show(&anna.session.token);
    client
}

/// Three records of one series.
fn three(client: &Client) -> [Record; 3] {
    let series = SeriesId::new([1; 16]);
    let first = next(None, series, "one");
    let second = next(Some(&first), series, "two");
    let third = next(Some(&second), series, "three");
    for record in [&first, &second, &third] {
        client.append(record).unwrap();
    }
    [first, second, third]
}

/// What a device that remembers the head of a series sees in the records of that series.
fn noticed(records: &[Record], remembered: Head) -> Option<&'static str> {
    let mut last: Option<&Record> = None;
    for record in records {
        if !record.is_whole() {
            return Some("a body is not what its hash says");
        }
        if record.index != last.map_or(1, |last| last.index + 1) {
            return Some("a record is missing");
        }
        if record.prev != last.map(Record::hash) {
            return Some("a record does not follow the one before");
        }
        last = Some(record);
    }
    (last.map(Record::head) != Some(remembered)).then_some("the last record is not the one that was remembered")
}

#[test]
fn a_weaker_or_a_ruinous_stretch_is_refused_before_the_password_is_used() {
    let (here, _) = annas();
    for (memory, passes) in
        [(8, 1), (65_535, 3), (65_536, 2), (0, 0), (4_194_304, 3), (u32::MAX, 3), (65_536, u32::MAX)]
    {
        let sent = Arc::new(Mutex::new(0));
        let counted = sent.clone();
        let error = sign_in(&here, move |asked| {
            *counted.lock().unwrap() += 1;
            assert_eq!(asked, "POST /v1/login/start", "nothing made from the password is sent");
            Lie::Change(Box::new(move |said| said["stretch"] = json!({"memory_kib": memory, "passes": passes})))
        });
        assert!(matches!(error, ClientError::Stretch(_)), "{error}");
        assert_eq!(*sent.lock().unwrap(), 1);
    }
}

#[test]
fn a_server_that_does_not_know_what_the_account_was_made_with_is_as_good_as_a_wrong_password() {
    let (here, _) = annas();
    here.client().create(&Name::parse("berta").unwrap(), PASSWORD).unwrap();
    let bertas = {
        let kept: Arc<Mutex<Value>> = Arc::default();
        let keep = kept.clone();
        let mut berta = victim(&here, at("POST /v1/login/start", move |said| *keep.lock().unwrap() = said.clone()));
        berta.sign_in(&Name::parse("berta").unwrap(), Method::Password, PASSWORD).unwrap();
        Mutex::lock(&kept).unwrap().clone()
    };
    let lies: [Change; 3] = [
        Box::new(|said| flip(&mut said["response"])),
        Box::new(move |said| *said = bertas.clone()),
        Box::new(|said| flip(&mut said["state"])),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let error = sign_in(&here, at("POST /v1/login/start", lie));
        let known = [Some(Refusal::WrongCredentials), Some(Refusal::BadRequest)];
        assert!(known.contains(&error.refusal()), "{number}: {error}");
    }
    let mut client = victim(&here, replayed("POST /v1/login/start"));
    client.sign_in(&name(), Method::Password, PASSWORD).unwrap();
    let error = client.sign_in(&name(), Method::Password, PASSWORD).unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::WrongCredentials), "an answer of before");
}

#[test]
fn a_keybox_that_is_altered_or_anothers_is_named_and_its_session_is_not_used() {
    let (here, _) = annas();
    let foreign = AccountKey::generate().unwrap().seal_identity(b"not a keybox of hers").unwrap();
    let lies: [Change; 3] = [
        Box::new(|said| flip(&mut said["keybox"])),
        Box::new(move |said| said["keybox"] = json!(foreign)),
        Box::new(|said| said["keybox"] = json!("")),
    ];
    for lie in lies {
        let mut client = victim(&here, at("POST /v1/login/finish", lie));
        let error = client.sign_in(&name(), Method::Password, PASSWORD).unwrap_err();
        is_lie(&error, "the account's key is not the one that was sealed");
        assert_eq!(client.status().unwrap_err().refusal(), Some(Refusal::NotSignedIn));
    }
}

#[test]
fn a_new_account_is_not_called_done_when_the_server_made_another() {
    let here = Here::start();
    let other = keystow_account::id::AccountId::new([7; 16]);
    let error = victim(&here, at("POST /v1/accounts", move |said| said["account"] = json!(other)))
        .create(&name(), PASSWORD)
        .unwrap_err();
    is_lie(&error, "the recovery code opens something else");
    let unkept = instead("POST /v1/accounts", move || Lie::Say(200, json!({"account": other}).to_string()));
    let error = victim(&here, unkept).create(&Name::parse("berta").unwrap(), PASSWORD).unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::WrongCredentials), "an account that was not kept");
}

#[test]
fn a_foreign_public_key_in_a_request_to_be_let_in_shows_another_code() {
    let (here, _) = annas();
    let thief = Newcomer::new().unwrap();
    let theirs = thief.public();
    let mut old = victim(&here, at("GET /v1/approvals", move |said| said["requests"][0]["public"] = json!(theirs)));
    let made = old.sign_in(&name(), Method::Password, PASSWORD).unwrap();
    let newcomer = Newcomer::new().unwrap();
    let asked = here.client().ask_to_be_let_in(&name(), &newcomer).unwrap();
    let request = old.requests().unwrap().remove(0);
    let (shown, expected) = (code(&made.session.account, &request.public), code(&asked.account, &newcomer.public()));
    assert_ne!(shown, expected, "the person compares them");
}

#[test]
fn a_device_takes_only_a_key_that_was_sealed_to_it_for_the_account_whose_code_was_compared() {
    let (here, SignIn { key, .. }) = annas();
    let mut old = here.client();
    let made = old.sign_in(&name(), Method::Password, PASSWORD).unwrap();
    let (newcomer, other) = (Newcomer::new().unwrap(), Newcomer::new().unwrap());
    let to_other = key.seal_to(&made.session.account, &other.public()).unwrap();
    let elsewhere = key.seal_to(&keystow_account::id::AccountId::new([7; 16]), &newcomer.public()).unwrap();
    for keybox in [to_other, elsewhere, Bytes(vec![0; 100]), Bytes::default()] {
        let asked = here.client().ask_to_be_let_in(&name(), &newcomer).unwrap();
        let good = key.seal_to(&made.session.account, &newcomer.public()).unwrap();
        old.approve(asked.approval, good).unwrap();
        let claim: &'static str = format!("POST /v1/approvals/{}/claim", asked.approval).leak();
        let mut new = victim(&here, at(claim, move |said| said["keybox"] = json!(keybox)));
        is_lie(&new.let_in(&asked, &newcomer).unwrap_err(), "was not sealed to this device");
        assert_eq!(new.status().unwrap_err().refusal(), Some(Refusal::NotSignedIn));
    }
}

#[test]
fn a_record_that_is_confirmed_as_another_is_named_and_sent_again_it_is_there() {
    let (here, anna) = annas();
    let first = next(None, SeriesId::new([1; 16]), "one");
    let client = signed_in(&here, &anna, at("POST /v1/log", |said| flip(&mut said["hash"])));
    is_lie(&client.append(&first).unwrap_err(), "it took another record than was sent");
    let honest = signed_in(&here, &anna, |_| Lie::None);
    assert_eq!(honest.append(&first).unwrap(), first.head());
}

#[test]
fn records_out_of_order_twice_or_promised_and_not_given_are_named() {
    let (here, anna) = annas();
    let client = signed_in(&here, &anna, |_| Lie::None);
    let [first, second, _] = three(&client);
    let swap = |said: &mut Value| said["records"].as_array_mut().unwrap().swap(0, 1);
    let twice = |said: &mut Value| {
        let records = said["records"].as_array_mut().unwrap();
        records.push(records[2].clone());
    };
    let lies: [Change; 2] = [Box::new(swap), Box::new(twice)];
    for lie in lies {
        let client = signed_in(&here, &anna, at("GET /v1/log", lie));
        is_lie(&client.records(None, 10).unwrap_err(), "not in order");
    }
    let client = signed_in(&here, &anna, at("GET /v1/log", |said| *said = json!({"records": [], "more": true})));
    is_lie(&client.records(None, 10).unwrap_err(), "promises records and gives none");
    let again = json!([first, second]);
    let client = signed_in(&here, &anna, at("GET /v1/log", move |said| said["records"] = again.clone()));
    is_lie(&client.records(Some((second.series, 2)), 10).unwrap_err(), "not in order");
}

#[test]
fn what_is_dropped_swapped_or_altered_breaks_the_chain_that_the_records_themselves_carry() {
    let (here, anna) = annas();
    let [first, second, third] = three(&signed_in(&here, &anna, |_| Lie::None));
    let swapped = |member: &'static str| {
        move |said: &mut Value| {
            let other = said["records"][0][member].clone();
            said["records"][1][member] = other;
        }
    };
    let lies: [(&str, Change); 7] = [
        ("a body is not what its hash says", Box::new(swapped("body"))),
        ("a body is not what its hash says", Box::new(|said| flip(&mut said["records"][2]["body"]))),
        ("a record does not follow the one before", Box::new(swapped("header"))),
        (
            "a record does not follow the one before",
            Box::new(move |said| {
                swapped("body")(said);
                swapped("body_hash")(said);
            }),
        ),
        ("a record is missing", Box::new(|said| _ = said["records"].as_array_mut().unwrap().remove(1))),
        ("the last record is not the one", Box::new(|said| _ = said["records"].as_array_mut().unwrap().pop())),
        ("the last record is not the one", Box::new(|said| flip(&mut said["records"][2]["header"]))),
    ];
    for (what, lie) in lies {
        let client = signed_in(&here, &anna, at("GET /v1/log", lie));
        let (records, _) = client.records(None, 10).unwrap();
        assert!(noticed(&records, third.head()).is_some_and(|found| found.starts_with(what)), "{what}");
        for record in [&first, &second, &third] {
            client.mend_record(record).unwrap();
        }
    }
    let (records, _) = signed_in(&here, &anna, |_| Lie::None).records(None, 10).unwrap();
    assert_eq!(noticed(&records, third.head()), None);
}

#[test]
fn an_old_head_passes_here_and_only_a_remembered_head_shows_it_but_the_next_append_meets_the_truth() {
    let (here, anna) = annas();
    let honest = signed_in(&here, &anna, |_| Lie::None);
    let [first, second, third] = three(&honest);
    let old = json!([second.head()]);
    let client = signed_in(&here, &anna, at("GET /v1/log/heads", move |said| said["heads"] = old.clone()));
    let (heads, _) = client.heads().unwrap();
    assert_eq!(heads, [second.head()], "a rollback that nothing in it shows");
    assert_ne!(heads, [third.head()], "but what the device remembers");
    match client.append(&next(Some(&second), first.series, "other")).unwrap_err() {
        ClientError::Refused { refusal: Refusal::Conflict, head, .. } => assert_eq!(head, Some(third.head())),
        error => panic!("{error}"),
    }
}

#[test]
fn heads_so_high_that_nobody_could_list_their_records_are_named() {
    let (here, anna) = annas();
    for index in [1 << 21, i64::MAX as u64, u64::MAX] {
        let head = Head { series: SeriesId::new([1; 16]), index, hash: Hash([0; 32]) };
        let lie = at("GET /v1/log/heads", move |said| said["heads"] = json!([head, head]));
        is_lie(&signed_in(&here, &anna, lie).heads().unwrap_err(), "more records than anybody has");
    }
    let removed = json!(vec![json!({"series": SeriesId::new([1; 16]), "index": 1}); 3]);
    let lie = at("GET /v1/log/heads", move |said| said["removed"] = removed.clone());
    is_lie(&signed_in(&here, &anna, lie).heads().unwrap_err(), "more records than anybody has");
}

#[test]
fn a_fork_passes_here_and_only_the_other_devices_head_shows_it() {
    let (here, anna) = annas();
    let [first, second, third] = three(&signed_in(&here, &anna, |_| Lie::None));
    let forked = next(Some(&second), first.series, "what one device is shown instead");
    let (record, head) = (json!(forked), json!([forked.head()]));
    let client = signed_in(&here, &anna, move |asked| {
        let (record, head) = (record.clone(), head.clone());
        match asked {
            "GET /v1/log" => Lie::Change(Box::new(move |said| said["records"][2] = record)),
            "GET /v1/log/heads" => Lie::Change(Box::new(move |said| said["heads"] = head)),
            _ => Lie::None,
        }
    });
    let (records, _) = client.records(None, 10).unwrap();
    let (heads, _) = client.heads().unwrap();
    assert_eq!(noticed(&records, heads[0]), None, "a fork is whole in itself");
    assert!(noticed(&records, third.head()).is_some(), "but for who wrote the other branch");
}

#[test]
fn an_append_that_is_confirmed_and_not_kept_passes_here_and_is_put_back_by_appending_again() {
    let (here, anna) = annas();
    let first = next(None, SeriesId::new([1; 16]), "one");
    let second = next(Some(&first), first.series, "two");
    let said = json!(first.head()).to_string();
    let client = signed_in(&here, &anna, instead("POST /v1/log", move || Lie::Say(200, said.clone())));
    assert_eq!(client.append(&first).unwrap(), first.head());
    let honest = signed_in(&here, &anna, |_| Lie::None);
    assert_eq!(honest.heads().unwrap().0, [], "it was not kept");
    let error = honest.append(&second).unwrap_err();
    assert!(matches!(error, ClientError::Refused { refusal: Refusal::Conflict, head: None, .. }), "{error}");
    honest.append(&first).unwrap();
    honest.append(&second).unwrap();
    assert_eq!(honest.heads().unwrap().0, [second.head()]);
}

#[test]
fn a_small_file_that_is_altered_or_anothers_does_not_open_and_good_bytes_mend_it() {
    let (here, anna) = annas();
    let key = &anna.key;
    let (honest, key) = (signed_in(&here, &anna, |_| Lie::None), key.copy_key());
    let names = ["vault.json", "README.txt"];
    for name in names {
        honest.put_file(key.file_id(name), key.seal(name, name.as_bytes()).unwrap()).unwrap();
    }
    let swap = |said: &mut Value| {
        let other = said["files"][0]["bytes"].clone();
        said["files"][0]["bytes"] = said["files"][1]["bytes"].take();
        said["files"][1]["bytes"] = other;
    };
    let alter = |said: &mut Value| {
        flip(&mut said["files"][0]["bytes"]);
        flip(&mut said["files"][1]["bytes"]);
    };
    let renamed = |said: &mut Value| {
        let other = said["files"][0]["id"].clone();
        said["files"][0]["id"] = said["files"][1]["id"].take();
        said["files"][1]["id"] = other;
    };
    let lies: [Change; 3] = [Box::new(swap), Box::new(alter), Box::new(renamed)];
    for lie in lies {
        let client = signed_in(&here, &anna, at("GET /v1/files", lie));
        let files = client.files().unwrap();
        for name in names {
            let file = files.iter().find(|file| file.id == key.file_id(name)).unwrap();
            assert!(key.open(name, &file.bytes).is_err(), "{name}");
            client.mend_file(file.id, key.seal(name, name.as_bytes()).unwrap()).unwrap();
        }
    }
    assert!(honest.files().unwrap().iter().all(|file| names.iter().any(|name| key.open(name, &file.bytes).is_ok())));
}

#[test]
fn answers_that_are_none_are_named_and_never_a_crash() {
    let (here, anna) = annas();
    let answers = [
        (200, ""),
        (200, "null"),
        (200, "[]"),
        (200, "<html>"),
        (200, r#"{"heads": 7, "removed": []}"#),
        (200, r#"{"heads": [{"series": "AAAAAAAAAAAAAAAAAAAAAA", "index": -1, "hash": ""}], "removed": []}"#),
        (200, r#"{"heads": [{"series": "short", "index": 1, "hash": ""}], "removed": []}"#),
        (200, r#"{"heads": [], "removed": [], "heads": []}"#),
        (204, ""),
        (301, ""),
        (418, r#"{"error": "teapot"}"#),
        (500, "<html>"),
        (401, r#"{"error": 7}"#),
    ];
    for (status, words) in answers {
        let client = signed_in(&here, &anna, instead("GET /v1/log/heads", move || Lie::Say(status, words.to_owned())));
        let error = client.heads().unwrap_err();
        assert!(matches!(error, ClientError::Answer { .. }), "{status} {words}: {error}");
    }
    let deep = "[".repeat(1 << 20);
    let client = signed_in(&here, &anna, instead("GET /v1/log/heads", move || Lie::Say(200, deep.clone())));
    assert!(matches!(client.heads().unwrap_err(), ClientError::Answer { .. }));
    let away = || Lie::SayWith(302, "location", "https://example.org/".to_owned(), String::new());
    let client = signed_in(&here, &anna, instead("GET /v1/log/heads", away));
    assert!(matches!(client.heads().unwrap_err(), ClientError::Answer { .. }), "it is not followed anywhere");
    let token = at("POST /v1/login/finish", |said| said["token"] = json!("a\r\nb: c"));
    assert!(matches!(sign_in(&here, token), ClientError::Answer { .. }), "a token that is none");
}

#[test]
fn a_fault_of_the_server_is_told_in_words_and_its_wish_to_wait_for_ever_is_not_granted() {
    let (here, anna) = annas();
    let client =
        signed_in(&here, &anna, instead("GET /v1/log/heads", || Lie::Say(500, r#"{"error": "internal"}"#.to_owned())));
    assert!(client.heads().unwrap_err().to_string().ends_with("it has a fault; its log says which"));
    for seconds in ["18446744073709551615", "3600", "-1", "soon"] {
        let busy = r#"{"error": "unavailable"}"#.to_owned();
        let lie = move || Lie::SayWith(503, "retry-after", seconds.to_owned(), busy.clone());
        let client = signed_in(&here, &anna, instead("GET /v1/log/heads", lie));
        assert_eq!(client.heads().unwrap_err().refusal(), Some(Refusal::Unavailable), "{seconds}");
    }
}

#[test]
fn an_answer_that_is_cut_does_not_end_or_does_not_begin_is_given_up_and_what_was_done_meanwhile_is_found() {
    let (here, anna) = annas();
    let lies: [fn() -> Lie; 4] = [|| Lie::Cut, || Lie::Hang, || Lie::Flood, || Lie::Drip];
    for lie in lies {
        let client = signed_in(&here, &anna, instead("GET /v1/log/heads", lie));
        let error = client.heads().unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. } | ClientError::Answer { .. }), "{error}");
    }
    let first = next(None, SeriesId::new([1; 16]), "one");
    let client = signed_in(&here, &anna, instead("POST /v1/log", || Lie::Cut));
    assert!(matches!(client.append(&first).unwrap_err(), ClientError::Unreachable { .. }));
    assert_eq!(signed_in(&here, &anna, |_| Lie::None).append(&first).unwrap(), first.head(), "it is there, once");
    assert_eq!(here.check().records, 1);
}

#[test]
fn a_sign_in_whose_last_answer_is_lost_begins_anew_and_is_never_called_a_wrong_password() {
    let (here, anna) = annas();
    let once = |route: &'static str| {
        let mut lost = false;
        instead(route, move || if std::mem::replace(&mut lost, true) { Lie::None } else { Lie::Cut })
    };
    victim(&here, once("POST /v1/login/finish")).sign_in(&name(), Method::Password, PASSWORD).unwrap();
    let error = sign_in(&here, instead("POST /v1/login/finish", || Lie::Cut));
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    signed_in(&here, &anna, once("DELETE /v1/session")).sign_out().unwrap();
    assert_eq!(signed_in(&here, &anna, |_| Lie::None).status().unwrap_err().refusal(), Some(Refusal::NotSignedIn));
}
