//! After everything went through the server, nothing that a person could recognize, and nothing that opens anything,
//! lies in its database, its log or its numbers.

use std::io;
use std::sync::{Mutex, Once};

use keystow_account::client::Client;
use keystow_account::id::DeviceId;
use keystow_account::keys::{CopyKey, Newcomer, RecoveryCode};
use keystow_account::server::described;
use keystow_account::wire::{Bytes, File, Hash, Method, Name, Record};

use crate::markers::Markers;
use crate::server::{Here, on_both};

const NAME: &str = "anna.marker-7731@example.org";
const UNKNOWN: &str = "unknown.marker-7731@example.org";
const PASSWORD: &str = "a horse eats 17 green cucumber salads";
const NEW_PASSWORD: &str = "a cow drinks 23 blue blueberry lassis";
const LABEL: &str = "The old laptop in Anna's kitchen";
/// Published product keys, names of things, and numbers of devices, as vaults hold them.
const KEPT: &[&str] = &[
    "VK7JG-NPHTM-C97JM-9MPGT-3V66T",
    "VK7JGNPHTMC97JM9MPGT3V66T",
    "W269N-WFGWX-YVC9B-4J6C9-T83GX",
    "ANNAS-LAPTOP-7731",
    "4c4c4544-0042-3510-8052-b4c04f564433",
    "Default string BRD-7731-0042",
    "ProfessionalWorkstation",
    "Windows 11 Pro for Workstations",
    "00330-80000-00000-AA731",
    "vault-of-anna-7731",
];

/// What the server wrote to its log.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps everything that anybody in this process logs, down to the last detail.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(|| Log);
        log.try_init().unwrap();
    });
}

/// Seals all of it and appends it as a record, puts it as small files, and calls the device so.
fn keep(client: &Client, key: &CopyKey, device: DeviceId) {
    let everything = [KEPT.join("\n"), NAME.to_owned(), LABEL.to_owned()].join("\n");
    let header = key.seal("header", everything.as_bytes()).unwrap();
    let body = key.seal("body", everything.as_bytes()).unwrap();
    let body_hash = Hash::of(&body.0);
    let record = Record { series: key.series_id(KEPT[3]), index: 1, prev: None, header, body, body_hash };
    client.append(&record).unwrap();
    for name in ["vault.json", KEPT[9]] {
        client.put_file(key.file_id(name), key.seal(name, everything.as_bytes()).unwrap()).unwrap();
    }
    client.label(device, key.seal("label", LABEL.as_bytes()).unwrap()).unwrap();
    client.remove_body(record.series, 1).unwrap();
    client.mend_record(&record).unwrap();
}

/// Everything that a person and their devices do; gives what must not be found.
fn live(here: &Here) -> Vec<String> {
    let name = Name::parse(NAME).unwrap();
    let mut client = here.client();
    let (made, code) = client.create(&name, PASSWORD).unwrap();
    let key = made.key.copy_key();
    keep(&client, &key, made.session.device);
    client.put_file(key.file_id("identity"), made.key.seal_identity(KEPT[0].as_bytes()).unwrap()).unwrap();

    let (mut new, newcomer) = (here.client(), Newcomer::new().unwrap());
    let asked = new.ask_to_be_let_in(&name, &newcomer).unwrap();
    let request = client.requests().unwrap().remove(0);
    client.approve(request.approval, made.key.seal_to(&made.session.account, &request.public).unwrap()).unwrap();
    let let_in = new.let_in(&asked, &newcomer).unwrap().unwrap();

    let mut third = here.client();
    let code = RecoveryCode::parse(code.reveal()).unwrap();
    let recovered = third.sign_in(&name, Method::Recovery, code.reveal()).unwrap();
    third.change(Method::Password, NEW_PASSWORD, &recovered.key).unwrap();
    for (name, password) in [(NAME, PASSWORD), (UNKNOWN, NEW_PASSWORD)] {
        third.sign_in(&Name::parse(name).unwrap(), Method::Password, password).unwrap_err();
    }
    let tokens = [&made.session.token, &let_in.session.token, &recovered.session.token].map(|token| token.0.clone());
    shout(here, &tokens[2]);
    let code = code.reveal().to_owned();
    let mut words: Vec<String> = KEPT.iter().map(|word| (*word).to_owned()).collect();
    words.extend([NAME, UNKNOWN, PASSWORD, NEW_PASSWORD, LABEL].map(str::to_owned));
    words.extend(tokens.map(|token| token[43..].to_owned()));
    words.extend([code.replace('-', ""), code, key.reveal().to_string()]);
    words
}

/// Puts words where none belong: into every path, question, header and body.
fn shout(here: &Here, token: &str) {
    for (method, path, _) in described() {
        let word = KEPT[3];
        let path = path.split('/').map(|part| if part.starts_with('{') { word } else { part }).collect::<Vec<_>>();
        let path = format!("{}?name={word}&series={word}", path.join("/"));
        for token in [Some(token), Some(NAME), None] {
            let said = here.ask(&method, &path, token, format!("{{\"name\": \"{UNKNOWN}\", \"{word}\": {word}"));
            assert_ne!(said.status, 500, "{method} {path}: {}", said.text());
        }
    }
    assert_eq!(here.ask("GET", &format!("/{NAME}"), None, "").status, 404);
}

#[test]
fn nothing_that_a_person_could_recognize_or_that_opens_anything_lies_on_the_server() {
    listen();
    on_both(|here| {
        let markers = Markers::new(live(here));
        let numbers = here.ask("GET", "/metrics", None, "");
        assert!(numbers.text().contains("keystow_requests_total"), "{}", numbers.text());
        assert_eq!(markers.found(&numbers.body), [""; 0], "numbers");
        let (found, bytes) = markers.found_below(&here.database_files());
        assert!(bytes > 50_000, "{bytes}");
        assert_eq!(found, [""; 0], "database");
        let log = LOG.lock().unwrap().clone();
        assert!(log.windows(9).any(|window| window == b"/v1/files"), "the requests are in the log");
        assert_eq!(markers.found(&log), [""; 0], "log");

        // All of them would be found.
        let token = here.token_of_another();
        let file = File { bytes: Bytes(LABEL.as_bytes().to_vec()) };
        let path = format!("/v1/files/{}", keystow_account::id::FileId::new([1; 16]));
        assert_eq!(here.ask("PUT", &path, Some(&token), serde_json::to_vec(&file).unwrap()).status, 200);
        let (found, _) = markers.found_below(&here.database_files());
        assert!(!found.is_empty() && found.iter().all(|found| found.starts_with(LABEL)), "{found:?}");
    });
    tracing::trace!("a word that is looked for: {LABEL}");
    let log = LOG.lock().unwrap().clone();
    assert_eq!(Markers::new([LABEL.to_owned()]).found(&log), [LABEL], "it would be found in the log");
}
