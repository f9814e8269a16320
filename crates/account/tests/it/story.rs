//! A person makes an account, loses things, and gets back in.

use keystow_account::client::{Address, Client, ClientError};
use keystow_account::keys::{Newcomer, RecoveryCode, code};
use keystow_account::wire::{Bytes, Hash, Method, Name, Record, Refusal};

use crate::server::{Here, on_both};

const PASSWORD: &str = "a horse eats 17 green cucumber salads";

fn name() -> Name {
    Name::parse("anna@example.org").unwrap()
}

fn record(client: &Client, series: keystow_account::id::SeriesId, text: &str) -> Record {
    let (heads, _) = client.heads().unwrap();
    let head = heads.into_iter().find(|head| head.series == series);
    Record {
        series,
        index: head.map_or(1, |head| head.index + 1),
        prev: head.map(|head| head.hash),
        header: Bytes(b"header".to_vec()),
        body: Bytes(text.as_bytes().to_vec()),
        body_hash: Hash::of(text.as_bytes()),
    }
}

#[test]
fn an_account_is_made_signed_in_to_and_recovered() {
    on_both(|here| {
        let mut first = Client::new(&here.address).unwrap();
        let (made, code) = first.create(&name(), PASSWORD).unwrap();
        assert!(matches!(first.create(&name(), "another").unwrap_err().refusal(), Some(Refusal::Conflict)), "taken");

        let mut second = Client::new(&here.address).unwrap();
        let wrong = second.sign_in(&name(), Method::Password, "not it").unwrap_err();
        let unknown = second.sign_in(&Name::parse("nobody").unwrap(), Method::Password, PASSWORD).unwrap_err();
        assert_eq!(wrong.to_string(), unknown.to_string(), "nobody learns which accounts there are");
        let signed_in = second.sign_in(&name(), Method::Password, PASSWORD).unwrap();
        assert!(signed_in.key.is(&made.key));
        assert_eq!(second.devices().unwrap().len(), 2);

        let typed = RecoveryCode::parse(&code.reveal().to_uppercase()).unwrap();
        let mut third = Client::new(&here.address).unwrap();
        let recovered = third.sign_in(&name(), Method::Recovery, typed.reveal()).unwrap();
        assert!(recovered.key.is(&made.key));
        third.change(Method::Password, "a new password for Anna", &recovered.key).unwrap();
        assert_eq!(second.status().unwrap_err().refusal(), Some(Refusal::NotSignedIn), "all others are signed out");
        assert_eq!(third.devices().unwrap().len(), 1);
        let again = second.sign_in(&name(), Method::Password, "a new password for Anna").unwrap();
        assert!(again.key.is(&made.key));
    });
}

#[test]
fn records_are_appended_once_in_order_and_read_back() {
    on_both(|here| {
        let mut client = Client::new(&here.address).unwrap();
        let (made, _) = client.create(&name(), PASSWORD).unwrap();
        let series = made.key.copy_key().series_id("device");
        let first = record(&client, series, "one");
        let head = client.append(&first).unwrap();
        assert_eq!(client.append(&first).unwrap(), head, "sent twice, taken once");
        let second = record(&client, series, "two");
        client.append(&second).unwrap();
        let other = Record { body: Bytes(b"other".to_vec()), body_hash: Hash::of(b"other"), ..second.clone() };
        match client.append(&other).unwrap_err() {
            ClientError::Refused { refusal: Refusal::Conflict, head: Some(head), .. } => {
                assert_eq!(head, second.head())
            }
            error => panic!("{error}"),
        }
        let (records, more) = client.records(None, 1).unwrap();
        assert_eq!((records.as_slice(), more), ([first.clone()].as_slice(), true));
        let (records, more) = client.records(Some((series, 1)), 10).unwrap();
        assert_eq!((records.as_slice(), more), ([second.clone()].as_slice(), false));
        client.remove_body(series, 1).unwrap();
        assert_eq!(client.heads().unwrap().1.len(), 1);
        let (records, _) = client.records(None, 10).unwrap();
        assert_eq!(records[0].hash(), first.hash(), "the chain holds without the body");
        assert_eq!(client.mend_record(&other).unwrap_err().refusal(), Some(Refusal::Conflict));
        client.mend_record(&first).unwrap();
        assert_eq!(client.records(None, 10).unwrap().0, [first, second]);
        let checked = here.check();
        assert_eq!((checked.records, checked.series, checked.faults), (2, 1, vec![]));
    });
}

#[test]
fn a_new_device_is_let_in_by_an_old_one_after_comparing_a_code() {
    on_both(|here| {
        let mut old = Client::new(&here.address).unwrap();
        let (made, _) = old.create(&name(), PASSWORD).unwrap();
        let (mut new, newcomer) = (Client::new(&here.address).unwrap(), Newcomer::new().unwrap());
        let asked = new.ask_to_be_let_in(&name(), &newcomer).unwrap();
        assert!(new.let_in(&asked, &newcomer).unwrap().is_none(), "nobody has answered yet");
        let [request] = old.requests().unwrap().try_into().unwrap();
        assert_eq!(code(&made.session.account, &request.public), code(&asked.account, &newcomer.public()));
        old.approve(request.approval, made.key.seal_to(&made.session.account, &request.public).unwrap()).unwrap();
        let thief = Newcomer::new().unwrap();
        assert!(Client::new(&here.address).unwrap().let_in(&asked, &thief).unwrap().is_none(), "only with the secret");
        let signed_in = new.let_in(&asked, &newcomer).unwrap().unwrap();
        assert!(signed_in.key.is(&made.key));
        assert_eq!(new.devices().unwrap().len(), 2);
        assert!(new.let_in(&asked, &newcomer).unwrap().is_none(), "once");
    });
}

#[test]
fn a_server_with_another_certificate_is_not_believed() {
    let here = Here::start();
    let other = Address { pin: Some("x".repeat(43)), ..here.address.clone() };
    let mut client = Client::new(&other).unwrap();
    let error = client.sign_in(&name(), Method::Password, PASSWORD).unwrap_err();
    assert!(matches!(error, ClientError::Pin { .. }), "{error}");
    let unknown = Address { pin: None, ..here.address.clone() };
    let error = Client::new(&unknown).unwrap().sign_in(&name(), Method::Password, PASSWORD).unwrap_err();
    let ClientError::Certificate { found, .. } = error else { panic!("{error}") };
    assert_eq!(Some(found), here.address.pin, "the person can compare it");
}
