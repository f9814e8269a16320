//! An organization: who may do what, machines that append and read nothing, and a server that lies.

use std::io::Read as _;
use std::ops::Range;

use keystow_account::client::{Client, ClientError, Fault, Known, MissingReports, MissingRows, SignIn};
use keystow_account::id::{AccountId, SeriesId};
use keystow_account::organization::{Enrollment, Held, Invitation, MachineState, Membership, OrganizationKey};
use keystow_account::server::described;
use keystow_account::store::{StoreError, Tx, Value, Work};
use keystow_account::wire::organization::{Action, Role};
use keystow_account::wire::{Method, Name, Record, Refusal};

use crate::server::Here;

const PASSWORD: &str = "a horse eats 17 green cucumber salads";
const DAY: u64 = 24 * 3600;

/// A person who is signed in.
struct Person {
    client: Client,
    signed_in: SignIn,
}

/// An organization with an owner, an auditor and a collector.
struct Org {
    here: Here,
    id: AccountId,
    owner: Person,
    auditor: Person,
    collector: Person,
    mine: Membership,
    collectors: Membership,
}

fn person(here: &Here, name: &str) -> Person {
    let mut client = Client::new(&here.address).unwrap();
    let (signed_in, _) = client.create(&Name::parse(name).unwrap(), PASSWORD).unwrap();
    Person { client, signed_in }
}

/// The same person, signed in anew.
fn person_again(here: &Here, name: &str) -> Client {
    let mut client = here.client();
    client.sign_in(&Name::parse(name).unwrap(), Method::Password, PASSWORD).unwrap();
    client
}

impl Org {
    fn start() -> Self {
        Self::at(Here::start())
    }

    /// One on SQLite and one on PostgreSQL.
    fn on_both() -> impl Iterator<Item = Self> {
        [Here::start, Here::start_on_postgres].into_iter().map(|here| Self::at(here()))
    }

    fn at(here: Here) -> Self {
        let owner = person(&here, "owner");
        let (id, mine) = owner.client.create_organization(&owner.signed_in.key, "Example", "Olga").unwrap();
        let (auditor, collector) = (person(&here, "auditor"), person(&here, "collector"));
        let join = |person: &Person, role, name: &str| {
            let line = owner.client.invite(&here.address, id, &mine, role, name, DAY).unwrap().reveal();
            let invitation = Invitation::parse(&line).unwrap();
            let (given, membership) = person.client.join(&person.signed_in.key, &invitation).unwrap();
            assert_eq!(given, role);
            membership
        };
        join(&auditor, Role::Auditor, "Anton");
        let collectors = join(&collector, Role::Collector, "Clara");
        Self { here, id, owner, auditor, collector, mine, collectors }
    }

    fn key(&self) -> OrganizationKey {
        whole(&self.mine)
    }

    fn machine(&self) -> MachineState {
        Client::enroll(&self.token()).unwrap()
    }

    fn token(&self) -> Enrollment {
        let key = self.collectors.held.enroll_key();
        let token = self.collector.client.make_token(&self.here.address, self.id, &key, DAY, None).unwrap();
        Enrollment::parse(&token.reveal()).unwrap()
    }

    /// Changes the database as a lying server would.
    fn lie(&self, sql: &'static str, series: SeriesId) {
        let (server, lie) = (self.here.server.clone(), Lie(sql, self.id, series));
        self.here.run(async move { server.store().write(lie).await.unwrap() });
    }

    fn look(&self, known: &mut Known) -> Vec<Fault> {
        self.auditor.client.look(self.id, &self.key(), known).unwrap().faults
    }
}

struct Lie(&'static str, AccountId, SeriesId);

impl Work for Lie {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let values = [Value::Bytes(self.1.as_bytes()), Value::Bytes(self.2.as_bytes())];
        assert!(tx.execute(self.0, &values).await? > 0, "the lie changed nothing");
        Ok(())
    }
}

fn whole(membership: &Membership) -> OrganizationKey {
    match &membership.held {
        Held::Whole(key) => key.clone(),
        Held::Enroll(_) => panic!("no key"),
    }
}

fn said(known: &Known, series: SeriesId) -> &str {
    known.machines[&series].report.as_ref().unwrap()
}

#[test]
fn an_organization_is_made_joined_and_read() {
    for org in Org::on_both() {
        let mut machines = [org.machine(), org.machine()];
        Client::report(&mut machines[0], &[], b"{\"a\":1}").unwrap();
        Client::report(&mut machines[1], &[], b"{\"b\":1}").unwrap();
        Client::report(&mut machines[1], &[], b"{\"b\":2}").unwrap();

        let mut known = Known::default();
        let listed = org.auditor.client.organizations(&org.auditor.signed_in.key).unwrap();
        let [(organization, membership)] = listed.as_slice() else { panic!("one organization") };
        assert_eq!((organization.role, membership.name.as_str()), (Role::Auditor, "Example"));
        let looked = org.auditor.client.look(org.id, &whole(membership), &mut known).unwrap();
        assert_eq!((looked.machines, looked.reports, looked.faults), (2, 2, vec![]));
        assert_eq!(said(&known, machines[0].series), "{\"a\":1}");
        assert_eq!(said(&known, machines[1].series), "{\"b\":2}");
        let actions: Vec<_> = looked.entries.iter().map(|entry| entry.action).collect();
        let expected = [Action::Created, Action::Invited, Action::Joined, Action::Invited, Action::Joined];
        assert_eq!(actions[..5], expected);
        assert_eq!(actions.iter().filter(|action| **action == Action::MachineEnrolled).count(), 2);

        Client::report(&mut machines[0], &[], b"{\"a\":2}").unwrap();
        let looked = org.auditor.client.look(org.id, &whole(membership), &mut known).unwrap();
        assert_eq!((looked.machines, looked.reports), (0, 1), "only what is new is opened");
        assert_eq!(looked.entries.last().unwrap().action, Action::InventoryRead);
        assert_eq!(said(&known, machines[0].series), "{\"a\":2}");
        let tally = org.auditor.client.check_reports(org.id, &known).unwrap();
        assert_eq!((tally.reports, tally.faults), (4, vec![]));

        let names: Vec<_> = org.collector.client.members(org.id, &org.collectors.held.enroll_key()).unwrap();
        let mut names: Vec<_> = names.iter().map(|(member, name)| (member.role, name.as_str())).collect();
        names.sort_unstable();
        assert_eq!(names, [(Role::Owner, "Olga"), (Role::Auditor, "Anton"), (Role::Collector, "Clara")]);
        let listed = org.collector.client.machines(org.id).unwrap();
        assert_eq!(listed.iter().map(|machine| machine.last.unwrap().index).sum::<u64>(), 4, "sees who reported");

        org.owner.client.remove_machine(org.id, &org.key(), machines[1].series, "PC-1").unwrap();
        let looked = org.auditor.client.look(org.id, &whole(membership), &mut known).unwrap();
        let names: Vec<_> = looked.entries.iter().filter_map(|entry| entry.name(&org.mine.held.enroll_key())).collect();
        assert_eq!((looked.faults, known.machines.len(), names), (vec![], 1, vec!["PC-1".to_owned()]));
        let error = Client::report(&mut machines[1], &[], b"{}").unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::NotSignedIn), "a removed machine reports no more");
    }
}

/// What a role, a stranger, and a machine get from each route of an organization.
#[test]
fn every_route_is_refused_to_every_role_that_it_is_not_for() {
    for org in Org::on_both() {
        let mut machine = org.machine();
        Client::report(&mut machine, &[], b"{}").unwrap();
        let token = |person: &Person| person.signed_in.session.token.0.clone();
        let stranger = person(&org.here, "stranger");
        let who = [
            ("owner", token(&org.owner)),
            ("auditor", token(&org.auditor)),
            ("collector", token(&org.collector)),
            ("stranger", token(&stranger)),
            ("machine", machine.token.0.clone()),
            ("nobody", String::new()),
        ];
        let mut asked = 0;
        for (method, path, access) in described() {
            if !path.contains("{organization}") {
                continue;
            }
            let ids = ["{invite}", "{member}", "{series}"];
            let missing = AccountId::random().unwrap().to_string();
            let mut real = path.replace("{organization}", &org.id.to_string());
            ids.iter().for_each(|id| real = real.replace(id, &missing));
            for (name, token) in &who {
                // Nothing that is sent here is whole, so what is allowed changes nothing.
                let status = org.here.ask(&method, &real, Some(token), "{}").status;
                let allowed = match access {
                    "owner, fresh session" => *name == "owner",
                    "owner or auditor" => ["owner", "auditor"].contains(name),
                    "owner or collector" => ["owner", "collector"].contains(name),
                    "any member" => ["owner", "auditor", "collector"].contains(name),
                    "session" => !["machine", "nobody"].contains(name),
                    "machine" => *name == "machine",
                    "enrollment token" => false,
                    other => panic!("{other} is not known here"),
                };
                let refused = matches!(status, 401 | 403);
                assert_eq!(refused, !allowed, "{method} {path} as {name}: {status}");
                assert_ne!(status, 500, "{method} {path} as {name}");
                asked += 1;
            }
        }
        assert!(asked >= 17 * who.len(), "only {asked} were asked");
    }
}

#[test]
fn a_machine_writes_its_own_series_and_nothing_else() {
    for org in Org::on_both() {
        let (mut one, mut other) = (org.machine(), org.machine());
        let first = one.report(b"{}").unwrap();
        let as_other = Client::signed_in(&org.here.address, &other.token).unwrap();
        assert_eq!(as_other.status().unwrap_err().refusal(), Some(Refusal::NotSignedIn));
        assert_eq!(as_other.heads().unwrap_err().refusal(), Some(Refusal::NotSignedIn));
        assert_eq!(as_other.machines(org.id).unwrap_err().refusal(), Some(Refusal::NotSignedIn));
        // The state of one machine with the token of another.
        one.token = other.token.clone();
        assert_eq!(Client::report(&mut one, &[], b"{}").unwrap_err().refusal(), Some(Refusal::NotAllowed));
        Client::report(&mut other, &[], b"{}").unwrap();
        assert_eq!(first.index, 1);
        let before = other.last;
        other.last = None;
        Client::report(&mut other, &[], b"{\"again\":1}").unwrap();
        assert_eq!((before.unwrap().0, other.last.unwrap().0), (1, 2), "a PC that was set back goes on after the last");
        let mut known = Known::default();
        assert_eq!(org.look(&mut known), vec![]);
        assert_eq!(org.auditor.client.check_reports(org.id, &known).unwrap().reports, 2);
    }
}

#[test]
fn a_token_that_was_withdrawn_used_up_or_is_over_enrolls_nobody() {
    for org in Org::on_both() {
        let key = org.mine.held.enroll_key();
        let over = |token: &Enrollment| Client::enroll(token).unwrap_err().refusal() == Some(Refusal::NotSignedIn);
        let token = org.owner.client.make_token(&org.here.address, org.id, &key, DAY, Some(1)).unwrap();
        Client::enroll(&token).unwrap();
        assert!(over(&token), "used up");
        let token = org.owner.client.make_token(&org.here.address, org.id, &key, DAY, None).unwrap();
        Client::enroll(&token).unwrap();
        assert_eq!(org.collector.client.invites(org.id).unwrap().len(), 2);
        org.collector.client.revoke_token(org.id, token.invite).unwrap();
        assert!(over(&token), "withdrawn");
        let token = org.owner.client.make_token(&org.here.address, org.id, &key, DAY, None).unwrap();
        org.here.pass(DAY as i64 + 1);
        assert!(over(&token), "over");
        let owner = person_again(&org.here, "owner");
        assert!(owner.make_token(&org.here.address, org.id, &key, 400 * DAY, None).is_err(), "too long");
    }
}

#[test]
fn an_invitation_is_good_once_and_for_a_week_at_most_and_the_last_owner_stays() {
    for org in Org::on_both() {
        let owner = &org.owner.client;
        let invite = |seconds| owner.invite(&org.here.address, org.id, &org.mine, Role::Owner, "New", seconds);
        assert_eq!(invite(8 * DAY).unwrap_err().refusal(), Some(Refusal::BadRequest));
        let invitation = invite(DAY).unwrap();
        let new = person(&org.here, "new");
        new.client.join(&new.signed_in.key, &invitation).unwrap();
        let late = person(&org.here, "late");
        let error = late.client.join(&late.signed_in.key, &invitation).unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::NotFound), "used");
        let invitation = invite(DAY).unwrap();
        org.here.pass(DAY as i64 + 1);
        let error = late.client.join(&late.signed_in.key, &invitation).unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::NotFound), "over");

        let id = |person: &Person| person.signed_in.session.account;
        let stale = owner.set_role(org.id, id(&new), Role::Auditor);
        assert_eq!(stale.unwrap_err().refusal(), Some(Refusal::SignInAgain), "a stolen token alone changes nothing");
        let owner = &person_again(&org.here, "owner");
        owner.set_role(org.id, id(&new), Role::Auditor).unwrap();
        assert_eq!(
            owner.set_role(org.id, id(&org.owner), Role::Auditor).unwrap_err().refusal(),
            Some(Refusal::Conflict)
        );
        assert_eq!(owner.remove_member(org.id, id(&org.owner)).unwrap_err().refusal(), Some(Refusal::Conflict));
        let up = owner.set_role(org.id, id(&org.collector), Role::Auditor);
        assert_eq!(up.unwrap_err().refusal(), Some(Refusal::Conflict), "a collector lacks the key");
        owner.remove_member(org.id, id(&org.auditor)).unwrap();
        let gone = org.auditor.client.machines(org.id).unwrap_err();
        assert_eq!(gone.refusal(), Some(Refusal::NotAllowed));
        assert!(org.auditor.client.organizations(&org.auditor.signed_in.key).unwrap().is_empty());
    }
}

#[test]
fn a_server_that_invents_swaps_drops_or_takes_back_is_told_by_words() {
    let org = Org::start();
    let mut machines = [org.machine(), org.machine(), org.machine()];
    for machine in &mut machines {
        Client::report(machine, &[], b"{\"n\":1}").unwrap();
        Client::report(machine, &[], b"{\"n\":2}").unwrap();
    }
    let series = machines.each_ref().map(|machine| machine.series);
    let mut known = Known::default();
    assert_eq!(org.look(&mut known), vec![]);
    let whats = |faults: Vec<Fault>| faults.iter().map(|fault| fault.what).collect::<Vec<_>>();

    // Rolled back: the last report is gone.
    org.lie(
        "UPDATE head SET idx = 1, hash = (SELECT prev FROM record WHERE record.account_id = $1 AND \
             record.series = $2 AND record.idx = 2) WHERE account_id = $1 AND series = $2",
        series[0],
    );
    assert_eq!(whats(org.look(&mut known)), ["the server has fewer reports of it than before"]);
    assert_eq!(said(&known, series[0]), "{\"n\":2}", "what was known is kept");
    let lost = Client::report(&mut machines[0], &[], b"{}").unwrap_err();
    assert!(lost.to_string().contains("has lost reports"), "the machine notices too: {lost}");

    // Swapped: the body of another machine's report.
    org.lie(
        "UPDATE record SET body = (SELECT body FROM record other WHERE other.account_id = $1 AND other.idx = 2 \
             AND other.series <> $2 LIMIT 1) WHERE account_id = $1 AND series = $2 AND idx = 2",
        series[1],
    );
    let tally = org.auditor.client.check_reports(org.id, &known).unwrap();
    assert!(whats(tally.faults).contains(&"a report of it was not written by it"));

    // Dropped in the middle.
    org.lie("DELETE FROM record WHERE account_id = $1 AND series = $2 AND idx = 1", series[2]);
    let tally = org.auditor.client.check_reports(org.id, &known).unwrap();
    assert!(whats(tally.faults).contains(&"reports in the middle are missing, or in another order"));

    // A machine vanished.
    org.lie("DELETE FROM machine WHERE account_id = $1 AND series = $2", series[2]);
    assert!(whats(org.look(&mut known)).contains(&"the server does not list it any more"));
}

/// Sets a series back to its second report, as a server does that was restored from an older copy.
fn set_back(org: &Org, series: SeriesId) {
    org.lie(
        "UPDATE head SET idx = 2, hash = (SELECT prev FROM record WHERE record.account_id = $1 AND \
             record.series = $2 AND record.idx = 3) WHERE account_id = $1 AND series = $2",
        series,
    );
    org.lie("DELETE FROM record WHERE account_id = $1 AND series = $2 AND idx > 2", series);
}

#[test]
fn a_machine_puts_back_what_the_server_lost_or_altered_and_nothing_else() {
    for org in Org::on_both() {
        let (mut machine, mut kept) = (org.machine(), Vec::new());
        let series = machine.series;
        let mut report = |machine: &mut MachineState, held: Range<usize>| {
            let reported = Client::report(machine, &kept[held], b"{\"n\":1}")?;
            kept.push(reported.record);
            Ok::<_, ClientError>((reported.put_back, reported.lost))
        };
        for count in 0..5 {
            assert_eq!(report(&mut machine, 0..count).unwrap(), (vec![], vec![]));
        }
        let mut known = Known::default();
        assert_eq!(org.look(&mut known), vec![]);
        set_back(&org, series);
        assert_eq!(org.look(&mut known).len(), 1);
        assert!(
            report(&mut machine, 3..5).unwrap_err().to_string().contains("has lost reports"),
            "the third is not kept"
        );
        assert_eq!(report(&mut machine, 0..5).unwrap(), (vec![3, 4, 5], vec![]), "the very same ones");
        assert_eq!(org.look(&mut known), vec![]);

        org.lie("UPDATE record SET body = body_hash WHERE account_id = $1 AND series = $2 AND idx = 6", series);
        org.lie("DELETE FROM record WHERE account_id = $1 AND series = $2 AND idx = 4", series);
        assert_eq!(report(&mut machine, 0..6).unwrap(), (vec![4, 6], vec![]));
        assert_eq!(org.look(&mut known), vec![]);
        let tally = org.auditor.client.check_reports(org.id, &known).unwrap();
        assert_eq!((tally.reports, tally.faults), (7, vec![]));

        org.lie("UPDATE record SET prev = body_hash WHERE account_id = $1 AND series = $2 AND idx = 7", series);
        org.lie("DELETE FROM record WHERE account_id = $1 AND series = $2 AND idx = 6", series);
        assert_eq!(report(&mut machine, 5..7).unwrap(), (vec![6, 7], vec![]), "the last one proves the one before");
        // Where the chain proves another one, it stays, and the machine says so.
        org.lie("UPDATE record SET prev = body_hash WHERE account_id = $1 AND series = $2 AND idx = 8", series);
        org.lie("DELETE FROM record WHERE account_id = $1 AND series = $2 AND idx = 7", series);
        assert_eq!(report(&mut machine, 6..7).unwrap(), (vec![], vec![7]));
    }
}

#[test]
fn a_server_that_was_set_back_is_believed_again_only_when_an_owner_says_so() {
    let org = Org::start();
    let mut machines = [org.machine(), org.machine(), org.machine()];
    for machine in &mut machines {
        (0..3).for_each(|_| _ = Client::report(machine, &[], b"{}").unwrap());
    }
    let [back, gone, again] = machines.each_ref().map(|machine| machine.series);
    let mut known = Known::default();
    org.owner.client.remove_machine(org.id, &org.key(), again, "PC").unwrap();
    assert_eq!(org.look(&mut known), vec![]);
    let rows = known.audit.unwrap().index;
    set_back(&org, back);
    org.lie("DELETE FROM machine WHERE account_id = $1 AND series = $2", gone);
    org.lie(
        "INSERT INTO machine (account_id, series, token, invite_id, card, created) \
             SELECT account_id, $2, token, invite_id, card, created FROM machine WHERE account_id = $1 LIMIT 1",
        again,
    );
    org.lie("DELETE FROM audit WHERE account_id = $1 AND idx > 6 AND actor <> $2", SeriesId::random().unwrap());
    let look = |known: &mut Known| org.auditor.client.look(org.id, &org.key(), known);
    for _ in 0..2 {
        assert!(look(&mut known).unwrap_err().is_set_back(), "it is named each time");
    }
    assert_eq!(known.machines.len(), 2);
    let (missing, looked) = org.auditor.client.accept(org.id, &org.key(), &mut known).unwrap();
    assert_eq!(missing.audit, Some(MissingRows { before: rows, now: 6 }));
    assert_eq!(missing.reports, [MissingReports { series: back, before: 3, now: 2 }]);
    assert_eq!(missing.machines, [gone]);
    let whats: Vec<_> = looked.faults.iter().map(|fault| fault.what).collect();
    assert_eq!(whats, ["no token of this organization enrolled it"], "what no key proves is still not believed");
    assert_eq!(look(&mut known).unwrap().faults, looked.faults);
    let (missing, _) = org.auditor.client.accept(org.id, &org.key(), &mut known).unwrap();
    assert!(missing.is_nothing());
}

#[test]
fn a_machine_and_a_report_that_the_server_makes_up_are_not_believed() {
    let org = Org::start();
    let (mut one, mut other) = (org.machine(), org.machine());
    Client::report(&mut one, &[], b"{\"n\":1}").unwrap();
    Client::report(&mut other, &[], b"{\"n\":1}").unwrap();
    let mut known = Known::default();
    assert_eq!(org.look(&mut known), vec![]);
    // A new machine with the card of another.
    org.lie(
        "INSERT INTO machine (account_id, series, token, invite_id, card, created) \
             SELECT account_id, $2, token, invite_id, card, created FROM machine WHERE account_id = $1 LIMIT 1",
        SeriesId::random().unwrap(),
    );
    let faults = org.look(&mut known);
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].what, "no token of this organization enrolled it");
    assert_eq!(known.machines.len(), 2);
    // A report made with the key of another machine, in a series that the server writes itself.
    let made_up = Record { series: one.series, index: 2, ..other.report(b"{\"n\":9}").unwrap() };
    let prev = Some(one.last.unwrap().1);
    let made_up = Record { prev, ..made_up };
    let path = format!("/v1/organizations/{}/reports", org.id);
    let status = org.here.post(&path, Some(&one.token.0), &made_up).status;
    assert_eq!(status, 200, "the server cannot know");
    let whats: Vec<_> = org.look(&mut known).iter().map(|fault| fault.what).collect();
    assert!(whats.contains(&"a report of it was not written by it"), "{whats:?}");
    assert_eq!(said(&known, one.series), "{\"n\":1}");
}

#[test]
fn the_audit_log_cannot_be_shortened_or_rewritten() {
    let org = Org::start();
    let entries = org.auditor.client.audit(org.id, None).unwrap();
    assert_eq!(entries.len(), 5);
    let last = entries.last().unwrap();
    let known = keystow_account::client::KnownHead { index: last.index, hash: last.hash };
    assert!(org.auditor.client.audit(org.id, Some(known)).unwrap().is_empty());
    org.lie("UPDATE audit SET actor = $2 WHERE account_id = $1 AND idx = 3", SeriesId::random().unwrap());
    let error = org.auditor.client.audit(org.id, None).unwrap_err();
    assert!(error.to_string().ends_with("lies: a row of the audit log was altered"), "{error}");
    org.lie("DELETE FROM audit WHERE account_id = $1 AND idx = 5 OR account_id = $2", SeriesId::random().unwrap());
    let error = org.auditor.client.audit(org.id, Some(known)).unwrap_err();
    assert!(matches!(error, ClientError::Lie { what: "the audit log is shorter than it was", .. }), "{error}");
}

#[test]
fn nothing_that_an_organization_says_of_itself_lies_readable_in_the_database() {
    let org = Org::start();
    let mut machine = org.machine();
    Client::report(&mut machine, &[], b"{\"name\":\"PC-OF-ANTON\"}").unwrap();
    let mut all = Vec::new();
    for name in std::fs::read_dir(&org.here.dir).unwrap() {
        std::fs::File::open(name.unwrap().path()).unwrap().read_to_end(&mut all).unwrap();
    }
    for secret in ["PC-OF-ANTON", "Example", "Olga", "Anton", "Clara"] {
        assert!(!all.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}
