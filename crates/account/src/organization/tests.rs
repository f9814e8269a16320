//! What keys open, and what they do not.

use super::*;

fn address() -> Address {
    Address { url: "https://keystow.example.org".to_owned(), pin: None }
}

#[test]
fn a_card_opens_only_with_the_token_it_was_made_with_and_in_its_own_place() {
    let (key, organization) = (OrganizationKey::generate().unwrap(), AccountId::random().unwrap());
    let token = key.enroll_key().token(&address(), organization).unwrap();
    let token = Enrollment::parse(&token.reveal()).unwrap();
    let (state, card) = token.machine().unwrap();
    assert!(key.open_card(&organization, &token.invite, &state.series, &card).is_ok());
    let (other, series) = (InviteId::random().unwrap(), SeriesId::random().unwrap());
    assert!(key.open_card(&organization, &other, &state.series, &card).is_err(), "another token");
    assert!(key.open_card(&organization, &token.invite, &series, &card).is_err(), "another series");
    assert!(OrganizationKey::generate().unwrap().open_card(&organization, &token.invite, &series, &card).is_err());
    // Who knows the public half alone, as a server may, makes no card that opens.
    let invented = Enrollment { client: Zeroizing::new([7; 32]), ..token };
    let (state, card) = invented.machine().unwrap();
    assert!(key.open_card(&organization, &invented.invite, &state.series, &card).is_err());
}

#[test]
fn a_report_opens_only_as_the_one_that_the_machine_wrote() {
    let (key, organization) = (OrganizationKey::generate().unwrap(), AccountId::random().unwrap());
    let token = key.enroll_key().token(&address(), organization).unwrap();
    let (mut state, card) = token.machine().unwrap();
    let machine = key.open_card(&organization, &token.invite, &state.series, &card).unwrap();
    let first = state.report(b"{}").unwrap();
    state.last = Some((1, first.hash()));
    let second = state.report(b"{\"a\":1}").unwrap();
    assert_eq!(machine.open(&organization, &first).unwrap().trim_ascii_end(), b"{}");
    assert_eq!(machine.open(&organization, &second).unwrap().trim_ascii_end(), b"{\"a\":1}");
    assert_eq!(first.body.0.len(), second.body.0.len(), "their lengths say little");
    assert!(machine.open(&organization, &Record { index: 2, ..first.clone() }).is_err(), "moved");
    assert!(machine.open(&organization, &Record { prev: None, ..second.clone() }).is_err(), "after another");
    let (other, _) = token.machine().unwrap();
    assert!(machine.open(&organization, &other.report(b"{}").unwrap()).is_err(), "of another machine");
}

#[test]
fn a_collector_gets_the_enroll_key_and_never_more() {
    let key = OrganizationKey::generate().unwrap();
    let whole = Held::Whole(key.clone());
    let collector = whole.for_role(Role::Collector).unwrap();
    assert!(matches!(collector, Held::Enroll(_)));
    assert!(collector.for_role(Role::Auditor).is_none());
    let (account, organization) = (AccountKey::generate().unwrap(), AccountId::random().unwrap());
    let keybox = Membership { name: "Example".to_owned(), held: collector }.seal(&account, &organization).unwrap();
    let opened = Membership::open(&account, &organization, &keybox).unwrap();
    assert_eq!(opened.name, "Example");
    let label = key.enroll_key().seal_label("Anna").unwrap();
    assert_eq!(opened.held.enroll_key().open_label(&label).unwrap(), "Anna");
    assert!(Membership::open(&account, &AccountId::random().unwrap(), &keybox).is_err(), "another organization");
}

#[test]
fn lines_that_are_handed_over_read_back_and_are_not_taken_for_each_other() {
    let organization = AccountId::random().unwrap();
    let invitation = Invitation::new(&address(), organization).unwrap();
    let read = Invitation::parse(&format!(" {}\n", invitation.reveal().as_str())).unwrap();
    assert_eq!(
        (read.invite, read.shown, read.seal),
        (invitation.invite, invitation.shown.clone(), invitation.seal.clone())
    );
    assert!(Enrollment::parse(&invitation.reveal()).is_none());
    assert!(Invitation::parse("keystow-member-1.e30").is_none());
}
