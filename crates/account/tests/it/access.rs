//! Every route, asked by everybody. The routes come from the server itself: a new one fails here until it has a line.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use keystow_account::id::{AccountId, ApprovalId, DeviceId, FileId, InviteId, SeriesId};
use keystow_account::server::{Serving, described, serve};
use keystow_account::wire::{Ask, Asked, Bytes, Empty, File, Hash, Head, Name, Record, Refusal, Refused, SignedIn};
use serde_json::json;
use tokio::net::TcpListener;

use crate::raw::Said;
use crate::server::{Here, on_both};

const PASSWORD: &str = "a horse eats 17 green cucumber salads";
/// Every route, who may use it, and the answer to who may and sends `{}` about a thing that is not there.
const ROUTES: &[(&str, &str, &str, u16)] = &[
    ("POST", "/v1/register", "anyone", 400),
    ("POST", "/v1/accounts", "anyone", 400),
    ("POST", "/v1/login/start", "anyone", 400),
    ("POST", "/v1/login/finish", "anyone", 400),
    ("POST", "/v1/credentials/start", "fresh session", 400),
    ("POST", "/v1/credentials", "fresh session", 400),
    ("POST", "/v1/approvals", "anyone", 400),
    ("GET", "/v1/approvals", "session", 200),
    ("POST", "/v1/approvals/{approval}", "session", 400),
    ("POST", "/v1/approvals/{approval}/claim", "anyone", 400),
    ("GET", "/v1/account", "session", 200),
    ("DELETE", "/v1/account", "fresh session", 200),
    ("POST", "/v1/account/keep", "session", 200),
    ("GET", "/v1/devices", "session", 200),
    ("PUT", "/v1/devices/{device}/label", "session", 400),
    ("DELETE", "/v1/devices/{device}", "fresh session", 404),
    ("DELETE", "/v1/session", "session", 200),
    ("GET", "/v1/files", "session", 200),
    ("PUT", "/v1/files/{file}", "session", 400),
    ("PUT", "/v1/files/{file}/mend", "fresh session", 400),
    ("DELETE", "/v1/files/{file}", "fresh session", 404),
    ("POST", "/v1/log", "session", 400),
    ("GET", "/v1/log", "session", 200),
    ("GET", "/v1/log/heads", "session", 200),
    ("PUT", "/v1/log/mend", "session", 400),
    ("DELETE", "/v1/log/{series}/{index}/body", "fresh session", 404),
    ("POST", "/v1/organizations", "fresh session", 400),
    ("GET", "/v1/organizations", "session", 200),
    ("POST", "/v1/organizations/{organization}/invites", "owner, fresh session", 400),
    ("GET", "/v1/organizations/{organization}/invites", "owner or collector", 200),
    ("DELETE", "/v1/organizations/{organization}/invites/{invite}", "owner, fresh session", 404),
    ("POST", "/v1/organizations/{organization}/tokens", "owner or collector", 400),
    ("DELETE", "/v1/organizations/{organization}/tokens/{invite}", "owner or collector", 404),
    ("POST", "/v1/organizations/{organization}/knock", "session", 400),
    ("POST", "/v1/organizations/{organization}/join", "session", 400),
    ("GET", "/v1/organizations/{organization}/members", "any member", 200),
    ("PUT", "/v1/organizations/{organization}/members/{member}/role", "owner, fresh session", 400),
    ("DELETE", "/v1/organizations/{organization}/members/{member}", "owner, fresh session", 404),
    ("POST", "/v1/organizations/{organization}/enroll", "enrollment token", 400),
    ("GET", "/v1/organizations/{organization}/machines", "any member", 200),
    ("POST", "/v1/organizations/{organization}/machines/{series}/remove", "owner, fresh session", 400),
    ("POST", "/v1/organizations/{organization}/reports", "machine", 400),
    ("POST", "/v1/organizations/{organization}/reports/missing", "machine", 400),
    ("PUT", "/v1/organizations/{organization}/reports/mend", "machine", 400),
    ("GET", "/v1/organizations/{organization}/reports", "owner or auditor", 200),
    ("GET", "/v1/organizations/{organization}/reports/last", "owner or auditor", 200),
    ("GET", "/v1/organizations/{organization}/audit", "owner or auditor", 200),
];

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// Without a token.
    Nobody,
    /// With something that is no token.
    Garbage,
    /// With a token that nobody was given.
    Unknown,
    /// With the device and secret of one account and the name of another.
    Mixed,
    /// With the token of a device that was signed out.
    SignedOut,
    /// With a token from before a change of the password.
    Outdated,
    /// With the token of an account that was deleted.
    Deleted,
    /// Signed in for longer than a quarter of an hour.
    Stale,
    /// Signed in just now, and a member of no organization.
    Fresh,
    /// An owner, signed in just now.
    Owner,
    /// An owner, signed in for longer than a quarter of an hour.
    StaleOwner,
    /// An owner of another organization.
    OtherOwner,
    /// An auditor.
    Auditor,
    /// A collector.
    Collector,
    /// Who was a member.
    Removed,
    /// A machine.
    Machine,
    /// A machine of another organization.
    OtherMachine,
    /// A machine that was removed.
    RemovedMachine,
    /// A machine that has an enrollment token and used it not yet.
    Enrolling,
    /// The same, with a token of another organization.
    OtherEnrolling,
}

const CALLERS: [Caller; 9] = [
    Caller::Nobody,
    Caller::Garbage,
    Caller::Unknown,
    Caller::Mixed,
    Caller::SignedOut,
    Caller::Outdated,
    Caller::Deleted,
    Caller::Stale,
    Caller::Fresh,
];

/// Why a caller is refused; `None` when not.
fn refused(access: &str, caller: Caller) -> Option<Refusal> {
    use Caller::*;
    let no_session = [Nobody, Garbage, Unknown, Mixed, SignedOut, Outdated, Deleted, Machine, OtherMachine];
    let no_session = no_session.contains(&caller) || [RemovedMachine, Enrolling, OtherEnrolling].contains(&caller);
    let only = |allowed: &[Caller]| (!allowed.contains(&caller)).then_some(Refusal::NotAllowed);
    match access {
        "anyone" => None,
        "machine" if caller == Machine => None,
        "machine" if caller == OtherMachine => Some(Refusal::NotAllowed),
        "enrollment token" if caller == Enrolling => None,
        "machine" | "enrollment token" => Some(Refusal::NotSignedIn),
        _ if no_session => Some(Refusal::NotSignedIn),
        "session" => None,
        "fresh session" if caller == Stale || caller == StaleOwner => Some(Refusal::SignInAgain),
        "fresh session" => None,
        "owner, fresh session" if caller == StaleOwner => Some(Refusal::SignInAgain),
        "owner, fresh session" => only(&[Owner]),
        "owner or auditor" => only(&[Owner, StaleOwner, Auditor]),
        "owner or collector" => only(&[Owner, StaleOwner, Collector]),
        "any member" => only(&[Owner, StaleOwner, Auditor, Collector]),
        _ => panic!("who may use a route that is allowed to: {access}?"),
    }
}

fn name(caller: Caller, at: usize) -> Name {
    Name::parse(&format!("{caller:?} {at}")).unwrap()
}

/// What a caller shows at the route with this number; each has an account of its own, since some routes end it.
fn token(here: &Here, caller: Caller, at: usize) -> Option<String> {
    let name = name(caller, at);
    let account = || {
        here.register(&name, PASSWORD);
        here.login(&name, PASSWORD)
    };
    match caller {
        Caller::Nobody => None,
        Caller::Garbage => Some("x' OR 1=1 --".to_owned()),
        Caller::Unknown => Some(BASE64URL_NOPAD.encode(&[at as u8; 64])),
        Caller::Mixed => {
            let (mine, other) = (account(), here.login(&name, PASSWORD));
            let bytes = |signed_in: &SignedIn| BASE64URL_NOPAD.decode(signed_in.token.0.as_bytes()).unwrap();
            Some(BASE64URL_NOPAD.encode(&[&bytes(&mine)[..32], &bytes(&other)[32..]].concat()))
        }
        Caller::SignedOut => {
            let token = account().token.0;
            assert_eq!(here.ask("DELETE", "/v1/session", Some(&token), "").status, 200);
            Some(token)
        }
        Caller::Outdated => {
            let (old, new) = (account(), here.login(&name, PASSWORD));
            assert_eq!(crate::both::change(here, &new, "another").status, 200);
            Some(old.token.0)
        }
        Caller::Deleted => {
            let token = account().token.0;
            assert_eq!(here.ask("DELETE", "/v1/account", Some(&token), "").status, 200);
            Some(token)
        }
        Caller::Stale | Caller::Fresh => Some(account().token.0),
        _ => panic!("{caller:?} belongs to an organization"),
    }
}

/// A path that names things that are not there.
fn filled(path: &str) -> String {
    path.replace("{approval}", &ApprovalId::new([8; 16]).to_string())
        .replace("{device}", &DeviceId::new([8; 16]).to_string())
        .replace("{file}", &FileId::new([8; 16]).to_string())
        .replace("{series}", &SeriesId::new([8; 16]).to_string())
        .replace("{index}", "1")
        .replace("{organization}", &ORGANIZATION.to_string())
        .replace("{invite}", &InviteId::new([8; 16]).to_string())
        .replace("{member}", &AccountId::new([8; 16]).to_string())
}

/// The organization that is asked about, and another one.
const ORGANIZATION: AccountId = AccountId::new([7; 16]);
const OTHER: AccountId = AccountId::new([6; 16]);

/// What a machine of an organization shows, or one that enrolls.
fn shown(organization: AccountId, second: [u8; 16], secret: [u8; 32]) -> String {
    BASE64URL_NOPAD.encode(&[organization.as_bytes().as_slice(), &second, &secret].concat())
}

/// Makes an organization and gives what everybody in it shows.
fn organization(here: &Here, id: AccountId) -> Vec<(Caller, String)> {
    let person = |called: &str| {
        let name = Name::parse(&format!("{called} of {id}")).unwrap();
        here.register(&name, PASSWORD);
        here.login(&name, PASSWORD).token.0
    };
    let (stale, auditor, collector, removed) = (person("owner"), person("auditor"), person("collector"), person("x"));
    let new = json!({"organization": id, "keybox": "AAAA", "label": "AAAA"});
    let _: Empty = here.post("/v1/organizations", Some(&stale), &new).done();
    let base = format!("/v1/organizations/{id}");
    for (who, role, number) in [(&auditor, "auditor", 1), (&collector, "collector", 2), (&removed, "auditor", 3)] {
        let (invite, secret) = (InviteId::new([number; 16]), Bytes(vec![number; 32]));
        let new = json!({"invite": invite, "role": role, "secret": Hash::of(&secret.0), "keybox": "AAAA",
            "label": "AAAA", "seconds": 3600});
        let _: Empty = here.post(&format!("{base}/invites"), Some(&stale), &new).done();
        let join = json!({"invite": invite, "secret": secret, "keybox": "AAAA"});
        assert_eq!(here.post(&format!("{base}/join"), Some(who), &join).status, 200);
    }
    let decoded = BASE64URL_NOPAD.decode(removed.as_bytes()).unwrap();
    let member = AccountId::from_slice(&decoded[..16]).unwrap();
    assert_eq!(here.ask("DELETE", &format!("{base}/members/{member}"), Some(&stale), "").status, 200);
    let new = json!({"invite": InviteId::new([4; 16]), "secret": Hash::of(&[4; 32]), "seconds": 86400, "uses": null});
    let _: Empty = here.post(&format!("{base}/tokens"), Some(&collector), &new).done();
    let enrolling = shown(id, [4; 16], [4; 32]);
    let machines = [1, 2].map(|number| {
        let enroll = json!({"series": SeriesId::new([number; 16]), "token": Hash::of(&[number; 32]), "card": "AAAA"});
        assert_eq!(here.post(&format!("{base}/enroll"), Some(&enrolling), &enroll).status, 200);
        shown(id, [number; 16], [number; 32])
    });
    let remove = format!("{base}/machines/{}/remove", SeriesId::new([2; 16]));
    assert_eq!(here.post(&remove, Some(&stale), &json!({"proof": "AAAA", "label": "AAAA"})).status, 200);
    here.pass(16 * 60);
    let owner = here.login(&Name::parse(&format!("owner of {id}")).unwrap(), PASSWORD).token.0;
    let [machine, removed_machine] = machines;
    vec![
        (Caller::Owner, owner),
        (Caller::StaleOwner, stale),
        (Caller::Auditor, auditor),
        (Caller::Collector, collector),
        (Caller::Removed, removed),
        (Caller::Machine, machine),
        (Caller::RemovedMachine, removed_machine),
        (Caller::Enrolling, enrolling),
    ]
}

#[test]
fn every_route_of_an_organization_is_refused_to_everybody_but_those_it_is_for() {
    on_both(|here| {
        let mut callers = organization(here, ORGANIZATION);
        for (caller, token) in organization(here, OTHER) {
            match caller {
                Caller::Owner => callers.push((Caller::OtherOwner, token)),
                Caller::Machine => callers.push((Caller::OtherMachine, token)),
                Caller::Enrolling => callers.push((Caller::OtherEnrolling, token)),
                _ => {}
            }
        }
        // Meanwhile the owner's sign-in has become old.
        let owner = Name::parse(&format!("owner of {ORGANIZATION}")).unwrap();
        callers[0].1 = here.login(&owner, PASSWORD).token.0;
        for (caller, token) in callers {
            let no_session = refused("session", caller).is_some();
            for (method, path, access, allowed) in ROUTES {
                // Members are asked about the routes of persons elsewhere, some of which would end them.
                if no_session || path.contains("{organization}") {
                    let said = here.ask(method, &filled(path), Some(&token), "{}");
                    let words = format!("{method} {path} asked by {caller:?}: {} {}", said.status, said.text());
                    match refused(access, caller) {
                        Some(why) => {
                            assert_eq!((said.status, refusal(&said)), (why.status().as_u16(), Some(why)), "{words}")
                        }
                        None => assert_eq!(said.status, *allowed, "{words}"),
                    }
                }
            }
        }
    });
}

fn refusal(said: &Said) -> Option<Refusal> {
    serde_json::from_slice(&said.body).ok().map(|refused: Refused| refused.error)
}

#[test]
fn every_route_has_a_line_in_the_table_of_who_may_use_it() {
    let known: Vec<_> = ROUTES.iter().map(|(method, path, access, _)| ((*method).to_owned(), *path, *access)).collect();
    assert_eq!(described(), known);
}

#[test]
fn every_route_is_refused_to_everybody_but_those_it_is_for() {
    let here = Here::start();
    let mut tokens: Vec<Vec<Option<String>>> = Vec::new();
    for caller in CALLERS.into_iter().filter(|caller| *caller != Caller::Fresh) {
        tokens.push((0..ROUTES.len()).map(|at| token(&here, caller, at)).collect());
        if caller == Caller::Deleted {
            here.pass(8 * 24 * 3600);
            assert_eq!(here.sweep(), ROUTES.len() as u64);
        }
    }
    here.pass(16 * 60);
    tokens.push((0..ROUTES.len()).map(|at| token(&here, Caller::Fresh, at)).collect());
    for (caller, tokens) in CALLERS.into_iter().zip(tokens) {
        for ((method, path, access, allowed), token) in ROUTES.iter().zip(tokens) {
            let said = here.ask(method, &filled(path), token.as_deref(), "{}");
            let words = format!("{method} {path} asked by {caller:?}: {} {}", said.status, said.text());
            match refused(access, caller) {
                Some(why) => assert_eq!((said.status, refusal(&said)), (why.status().as_u16(), Some(why)), "{words}"),
                None => assert_eq!(said.status, *allowed, "{words}"),
            }
        }
    }
}

#[test]
fn a_path_knows_no_other_methods_and_tells_nobody_what_it_would_do() {
    let here = Here::start();
    for (_, path, ..) in ROUTES {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD"] {
            let known = |known: &str| ROUTES.iter().any(|(method, other, ..)| *method == known && other == path);
            // A server that answers GET answers HEAD, without the body.
            let listed = known(method) || (method == "HEAD" && known("GET"));
            let said = here.ask(method, &filled(path), None, "{}");
            assert_eq!(said.status == 405, !listed, "{method} {path}: {}", said.status);
            assert!(said.status < 500 && said.status != 200, "{method} {path}: {}", said.status);
        }
    }
    for path in
        ["/", "/v1", "/v1/", "/v2/log", "/v1/log/", "/v1//log", "/v1/log/heads/x", "/../etc/passwd", "/v1/%2e%2e/log"]
    {
        assert_eq!(here.ask("GET", path, None, "").status, 404, "{path}");
    }
}

/// What another person is told at each route that names a thing of Anna's, or would write where she has one already.
const OTHERS: &[(&str, &str, u16)] = &[
    ("POST", "/v1/approvals/{approval}", 404),
    ("POST", "/v1/approvals/{approval}/claim", 404),
    ("PUT", "/v1/devices/{device}/label", 404),
    ("DELETE", "/v1/devices/{device}", 404),
    ("PUT", "/v1/files/{file}", 200),
    ("PUT", "/v1/files/{file}/mend", 200),
    ("DELETE", "/v1/files/{file}", 200),
    ("DELETE", "/v1/log/{series}/{index}/body", 404),
];

#[test]
fn nobody_reads_or_changes_what_is_anothers_at_any_route_that_names_a_thing() {
    let is_named = |path: &str| path.contains('{') && !path.contains("{organization}");
    let named: Vec<_> = ROUTES.iter().filter(|route| is_named(route.1)).map(|route| (route.0, route.1)).collect();
    assert_eq!(named, OTHERS.iter().map(|other| (other.0, other.1)).collect::<Vec<_>>());
    let here = Here::start();
    let [anna, berta] = ["anna", "berta"].map(|name| {
        let name = Name::parse(name).unwrap();
        here.register(&name, PASSWORD);
        here.login(&name, PASSWORD)
    });
    let (series, file) = (SeriesId::new([1; 16]), FileId::new([1; 16]));
    let record = Record {
        series,
        index: 1,
        prev: None,
        header: Bytes::default(),
        body: Bytes(b"anna's".to_vec()),
        body_hash: Hash::of(b"anna's"),
    };
    let _: Head = here.post("/v1/log", Some(&anna.token.0), &record).done();
    let put = serde_json::to_vec(&File { bytes: Bytes(b"anna's".to_vec()) }).unwrap();
    assert_eq!(here.ask("PUT", &format!("/v1/files/{file}"), Some(&anna.token.0), put).status, 200);
    let ask = Ask { name: Name::parse("anna").unwrap(), public: Bytes(vec![9; 32]), claim: Hash::of(b"anna's") };
    let asked: Asked = here.post("/v1/approvals", None, &ask).done();
    let hers = || {
        let routes = ROUTES.iter().filter(|(method, path, ..)| *method == "GET" && !path.contains('{'));
        routes.map(|(_, path, ..)| here.ask("GET", path, Some(&anna.token.0), "").text()).collect::<Vec<_>>()
    };
    let before = hers();
    for (method, path, status) in OTHERS {
        let path =
            path.replace("{approval}", &asked.approval.to_string()).replace("{device}", &anna.device.to_string());
        let path = path.replace("{file}", &file.to_string()).replace("{series}", &series.to_string());
        let path = path.replace("{index}", "1");
        // One body for all of them: members that a route does not know do not count.
        let input = serde_json::json!({
            "keybox": "AAAA", "account": berta.account, "secret": "YW5uYSdz", "label": "AAAA", "bytes": "AAAA"
        });
        let said = here.ask(method, &path, Some(&berta.token.0), input.to_string());
        assert_eq!(said.status, *status, "{method} {path}: {}", said.text());
    }
    assert_eq!(hers(), before, "nothing of hers changed");
}

/// [`Access`](crate) is asked for by `Routes::add` alone, so a route that is added otherwise would be open to all.
#[test]
fn routes_are_added_through_the_one_function_that_asks_for_an_access_type() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server");
    let mut ways = Vec::new();
    let entries = [sources.clone(), sources.join("organization")].map(|folder| std::fs::read_dir(folder).unwrap());
    for path in entries.into_iter().flatten().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        for line in text.lines().filter(|line| {
            [".route(", ".nest(", "route_service(", "nest_service("].iter().any(|way| line.contains(way))
        }) {
            ways.push(format!("{file}: {}", line.trim()));
        }
    }
    ways.sort();
    let known = [
        "mod.rs: let outside = Router::new().route(\"/healthz\", get(healthz)).route(\"/metrics\", get(show_metrics));",
        "route.rs: self.router = router.route(path, on(filter, answer));",
    ];
    assert_eq!(ways, known);
}

#[test]
fn who_is_refused_while_still_writing_is_told_why() {
    let here = Here::start();
    let listener = here.run(TcpListener::bind("127.0.0.1:0")).unwrap();
    let (address, server) = (listener.local_addr().unwrap(), here.server.clone());
    here.spawn(async { serve(server, Serving { listener, certificate: None }, std::future::pending()).await.unwrap() });
    for length in [100, 20_000, 60_000] {
        for _ in 0..20 {
            let mut socket = TcpStream::connect(address).unwrap();
            let header = format!(
                "POST /v1/log HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer nothing\r\nContent-Length: {length}\r\n\r\n"
            );
            socket.write_all(header.as_bytes()).unwrap();
            for _ in 0..2 {
                thread::sleep(Duration::from_millis(5));
                socket.write_all(&vec![b' '; length / 2]).unwrap();
            }
            let mut said = [0; 12];
            socket.read_exact(&mut said).unwrap();
            assert_eq!(&said, b"HTTP/1.1 401");
        }
    }
}
