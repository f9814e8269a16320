//! A person signs in on Windows: on the PC that the license came with, set up anew, and on another one.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::PathBuf;

use keystow_account::client::Address;
use keystow_account::server::{Behaviour, Certificate, Limits, Server, Serving, Setup, serve};
use keystow_account::store::{Sqlite, Store};
use keystow_makers::smbios::{self, BoardFacts, SystemFacts};
use keystow_makers::windows;
use keystow_rig::made::{hex, scenario};
use keystow_rig::{Prefix, Ran};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const PASSWORD: &str = "a horse eats green cucumbers";

/// A server on loopback, which Wine reaches as any Windows reaches a server.
struct Here {
    address: Address,
    dir: PathBuf,
    _runtime: Runtime,
}

impl Here {
    fn start() -> Self {
        let dir = std::env::temp_dir().join(format!("keystow-rig-account-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("password.txt"), PASSWORD).unwrap();
        let runtime = Runtime::new().unwrap();
        let store = Store::Sqlite(Sqlite::open(&dir.join("accounts.sqlite")).unwrap());
        let limits = Limits { address_per_minute: 10_000.try_into().unwrap(), ..Limits::default() };
        let behaviour = Behaviour { limits, ..Behaviour::default() };
        let server = runtime.block_on(Server::start(store, Setup::generate().unwrap(), behaviour)).unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let certificate = Certificate::generate(vec!["localhost".to_owned()]).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let address = Address { url, pin: Some(certificate.pin().unwrap()) };
        let serving = Serving { listener, certificate: Some(certificate) };
        runtime.spawn(serve(server, serving, std::future::pending()));
        Self { address, dir, _runtime: runtime }
    }

    /// Runs a command of the account on a PC, with server and password.
    fn run(&self, pc: &Prefix, args: &[&str]) -> Ran {
        let password = format!("Z:{}", self.dir.join("password.txt").display());
        let mut all = args.to_vec();
        all.extend(["--password-file", &password, "--passphrase-file", &password, "--json", "--no-input"]);
        pc.keystow(&all).unwrap()
    }

    fn with_address<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let mut all = args.to_vec();
        all.extend(["--server", &self.address.url, "--pin", self.address.pin.as_deref().unwrap()]);
        all
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A PC that was sold with its Windows 7, on this mainboard.
fn pc(serial_number: &str, uuid: [u8; 16]) -> Prefix {
    let made = windows::all().into_iter().find(|made| made.name == "windows-7").unwrap();
    let prefix = Prefix::of(&made).unwrap();
    let mut scenario = scenario(&made);
    let system = SystemFacts { serial_number, uuid, ..SystemFacts::default() };
    let board = BoardFacts { serial_number, ..BoardFacts::default() };
    scenario["smbios"] = json!(hex(&smbios::table(&[system.make(), board.make()])));
    scenario["InstallProductKey"] = json!({"installs": scenario["products"][0].clone()});
    prefix.standins(&scenario).unwrap();
    prefix
}

fn belongs(ran: &Ran) -> Value {
    let text = ran.stdout.lines().collect::<Vec<_>>().join("\n");
    let said: Value = serde_json::from_str(&text).unwrap_or_else(|error| unreadable(&error, ran));
    said["items"].as_array().unwrap().iter().find(|item| item["item"] == "k1").unwrap().clone()
}

#[expect(clippy::panic, reason = "tests")]
fn unreadable(error: &serde_json::Error, ran: &Ran) -> Value {
    panic!("{error}: {ran:?}")
}

#[test]
fn a_sign_in_on_the_reinstalled_pc_finds_its_license_and_on_another_pc_says_that_it_belongs_elsewhere() {
    let here = Here::start();
    let mine = *b"\x31\x07\x5e\x1f\x20\x4b\xd1\x48keystow\x01";
    let before = pc("MB-1", mine);
    let ran = here.run(&before, &here.with_address(&["account", "create", "anna"]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let password = format!("Z:{}", here.dir.join("password.txt").display());
    let ran = before.keystow(&["backup", "--to", "account", "--password-file", &password, "--no-input"]).unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("account  read back and opened"), "{ran:?}");

    let again = pc("MB-1", mine);
    let ran = here.run(&again, &here.with_address(&["account", "login", "anna"]));
    let item = belongs(&ran);
    assert_eq!((&item["likeness"], &item["step"]), (&json!("same"), &json!("apply")), "{ran:?}");
    let ran = here.run(&again, &["restore", "k1", "--yes"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(again.calls().unwrap().iter().any(|call| call["call"] == "InstallProductKey"), "it is installed");

    let other = pc("MB-2", *b"\x77\x07\x5e\x1f\x20\x4b\xd1\x48another\x02");
    let ran = here.run(&other, &here.with_address(&["account", "login", "anna"]));
    let item = belongs(&ran);
    assert_eq!((&item["likeness"], &item["step"]), (&json!("other"), &json!("refuse")), "{ran:?}");
    let ran = here.run(&other, &["restore", "k1", "--yes", "--same-pc"]);
    assert_eq!(ran.code, Some(17), "{ran:?}");
    assert!(!other.calls().unwrap().iter().any(|call| call["call"] == "InstallProductKey"), "nothing is installed");
}
