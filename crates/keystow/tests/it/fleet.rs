//! An organization from its making to a setup file: an owner, an auditor, a collector, and machines with made disks.

use std::fs;
use std::path::{Path, PathBuf};

use keystow_makers::windows;
use serde_json::Value;

use crate::account::{Server, with};
use crate::home::{Home, files_in, mode, old_laptop, text};

const PASSWORD: &str = "a horse eats green cucumbers";

/// A person with an account on the server, and the file with the password.
struct Person {
    home: Home,
    password: String,
}

impl Person {
    fn new(test: &str, name: &str, server: &Server) -> Self {
        let home = Home::new(&format!("{test}-{name}"));
        let password = home.file("password.txt", PASSWORD);
        let create = ["account", "create", name, "--password-file", &password];
        home.run(&with(&create, &server.at_args())).ended(0);
        Self { home, password }
    }

    /// Runs `keystow fleet` with the password.
    fn fleet(&self, args: &[&str]) -> crate::home::Said {
        self.home.run(&[&["fleet"], args, &["--password-file", &self.password]].concat())
    }

    fn json(&self, args: &[&str]) -> Value {
        self.fleet(&with(args, &["--json"])).ended(0).json()
    }
}

/// A machine with a made disk.
fn machine(test: &str, name: &str, token: &str) -> (Home, PathBuf) {
    let home = Home::new(&format!("{test}-{name}"));
    let disk = home.dir.join(name);
    let made = windows::all().into_iter().find(|made| made.name == name).unwrap();
    for (path, bytes) in windows::folder(&made) {
        home.file(&format!("{name}/{path}"), bytes);
    }
    home.run(&["agent", "enroll", "--token-file", token, "--name", name]).ended(0).says("is enrolled");
    (home, disk)
}

fn report(machine: &(Home, PathBuf)) {
    machine.0.run(&["agent", "run", "--from", &text(&machine.1)]).ended(0).says("is with the organization");
}

fn server(test: &str) -> (Server, Home) {
    let home = Home::new(&format!("{test}-server"));
    (Server::start(&home.folder("data")), home)
}

/// An organization of three persons and two machines that reported.
struct School {
    server: Home,
    owner: Person,
    auditor: Person,
    collector: Person,
    token: String,
    machines: [(Home, PathBuf); 2],
    volume: &'static str,
    digital: &'static str,
    running: Server,
}

impl School {
    fn start(test: &str) -> Self {
        let (running, server) = server(test);
        let [owner, auditor, collector] =
            ["owner", "auditor", "collector"].map(|name| Person::new(test, name, &running));
        owner.fleet(&["init", "Example School"]).ended(0).says("you own it");
        for (person, role) in [(&auditor, "auditor"), (&collector, "collector")] {
            let line = text(&owner.home.dir.join(role));
            owner.fleet(&["invite", "--role", role, "--name", role, "--out", &line]).ended(0);
            person.fleet(&["join", "--from", &line]).ended(0).says("of Example School now");
            person.fleet(&["join", "--from", &line]).failed(10, "was used");
        }
        let token = text(&collector.home.dir.join("token.txt"));
        collector.fleet(&["enroll", "--out", &token]).ended(0).says("good for 30 days");
        assert_eq!(mode(Path::new(&token)), 0o600);
        let named = |part: &str| windows::all().iter().map(|made| made.name).find(|name| name.contains(part)).unwrap();
        let (volume, digital) = (named("volume"), named("10-home"));
        let machines = [machine(test, volume, &token), machine(test, digital, &token)];
        machines.iter().for_each(report);
        report(&machines[1]);
        Self { server, owner, auditor, collector, token, machines, volume, digital, running }
    }
}

#[test]
fn an_organization_sees_its_machines_and_each_role_what_it_may() {
    let School { server, owner, auditor, collector, token, machines, volume, digital, .. } = &School::start("fleet");
    owner.fleet(&["members"]).ended(0).says("collector  since");
    let said = collector.json(&["machines"]);
    assert_eq!(said["machines"].as_array().unwrap().len(), 2);
    assert!(!said.to_string().contains(volume), "a collector sees no names");
    collector.fleet(&["inventory"]).failed(20, "opens no reports");
    let said = auditor.json(&["inventory"]);
    let lines = said["lines"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["name"] == **volume && line["finding"]["channel"] == "Volume:GVLK"), "{said}");
    assert!(lines.iter().any(|line| line["name"] == **digital && line["finding"]["generic"] == true), "{said}");
    auditor.fleet(&["inventory", "--check"]).ended(0).says("3 reports were opened");

    owner.fleet(&["audit"]).ended(0).says("owner made the organization").says("auditor read reports");
    let log = auditor.json(&["audit"]);
    let entries = log["entries"].as_array().unwrap().iter();
    assert_eq!(entries.filter(|entry| entry["action"] == "machine-enrolled").count(), 2);

    owner.fleet(&["machines", "--remove", volume]).ended(0).says("are removed");
    machines[0].0.run(&["agent", "run", "--from", &text(&machines[0].1)]).failed(20, "it was removed");
    let said = auditor.json(&["inventory"]);
    assert_eq!(said["machines"], 1, "{said}");
    assert_eq!(auditor.json(&["machines"])["removed"][0]["name"], **volume);
    collector.fleet(&["enroll", "--revoke", "all"]).ended(0).says("enroll nobody any more");
    let late = Home::new("fleet-late");
    late.run(&["agent", "enroll", "--token-file", token]).failed(20, "its token is over");
    owner.fleet(&["members", "--remove", "auditor"]).ended(0);
    let said = owner.fleet(&["audit"]).ended(0).out;
    for line in ["auditor read reports", "invited auditor", "auditor joined", "removed the member auditor"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    for line in ["enrolled with the token", "removed the machine"] {
        assert!(said.lines().any(|said| said.contains(line) && said.contains(volume)), "{line}: {said}");
    }
    auditor.fleet(&["inventory"]).failed(10, "in no such organization");
    for (path, bytes) in files_in(&server.dir) {
        for secret in [volume, digital, "Example School", "Volume:GVLK", "YTMG3"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is readable in {}", path.display());
        }
    }
}

#[test]
fn reports_are_filtered_written_down_and_made_into_setup_files() {
    let School { owner, auditor, volume, digital, .. } = &School::start("fleet-plan");
    let said = auditor.fleet(&["inventory", "--filter", "generic", "--filter", "not-linked"]).ended(0);
    assert!(said.out.contains(digital), "{}", said.out);
    auditor.fleet(&["inventory", "--filter", "same-key"]).ended(4);
    auditor.fleet(&["inventory", "--filter", "color=green"]).failed(2, "is no filter");
    for format in ["csv", "html", "json"] {
        let file = text(&auditor.home.dir.join(format));
        auditor.fleet(&["report", "--format", format, "--out", &file]).ended(0);
        let written = fs::read_to_string(&file).unwrap();
        assert!(written.contains(digital) && !written.contains("YTMG3"), "{written}");
    }
    let plans = owner.home.folder("plans");
    let said = owner.fleet(&["plan", "--all", "--out", &plans]).ended(0);
    assert!(said.err.contains("show product keys to everyone"), "{}", said.err);
    let pid = Path::new(&plans).join(volume).join("sources/PID.txt");
    assert_eq!(mode(&pid), 0o600);
    let written = fs::read_to_string(&pid).unwrap();
    assert_eq!(written.lines().find_map(|line| line.strip_prefix("Value=")).unwrap().len(), 29);
    owner.fleet(&["plan", "--for", digital, "--out", &plans]).ended(4).says("its license is a digital one");
}

#[test]
fn an_agent_says_what_is_in_its_way() {
    let home = Home::new("agent-alone");
    home.run(&["agent", "run"]).failed(10, "enrolled in no organization");
    let wrong = home.file("wrong.txt", "keystow-machines-1.nothing\n");
    home.run(&["agent", "enroll", "--token-file", &wrong]).failed(2, "no line that");
    let (server, _server_home) = server("agent");
    let owner = Person::new("agent", "owner", &server);
    owner.fleet(&["inventory"]).failed(10, "in no such organization");
    owner.fleet(&["init", "Example"]).ended(0);
    let token = text(&owner.home.dir.join("token.txt"));
    owner.fleet(&["enroll", "--out", &token, "--uses", "1"]).ended(0);
    owner.fleet(&["enroll", "--out", &token]).failed(1, "is there already");
    let one = machine("agent", windows::all()[0].name, &token);
    one.0.run(&["agent", "enroll", "--token-file", &token]).failed(1, "enrolled already");
    one.0.run(&["agent", "enroll", "--again", "--token-file", &token]).failed(20, "its token is over");
    assert_eq!(mode(&one.0.data("agent.json")), 0o600);
    drop(server);
    let mut command = one.0.command(&["agent", "run", "--from", &text(&one.1)]);
    crate::home::Said::of(&mut command).failed(19, "cannot be reached");
}

#[test]
fn a_server_that_was_restored_from_an_older_copy_is_healed() {
    let School { server, owner, auditor, machines, volume, running, .. } = School::start("fleet-older");
    auditor.fleet(&["inventory"]).ended(0);
    let listen = format!("127.0.0.1:{}", running.port());
    drop(running);
    let (data, older) = (server.dir.join("data"), server.folder("older"));
    let copy = |name: &Path| fs::copy(name, Path::new(&older).join(name.file_name().unwrap())).unwrap();
    fs::read_dir(&data).unwrap().for_each(|file| _ = copy(&file.unwrap().path()));
    let running = Server::at(&text(&data), &listen);
    report(&machines[0]);
    report(&machines[0]);
    owner.fleet(&["invite", "--role", "auditor", "--name", "Ben"]).ended(0);
    auditor.fleet(&["inventory"]).ended(0);
    drop(running);

    let _running = Server::at(&older, &listen);
    auditor.fleet(&["inventory"]).failed(13, "keystow fleet audit --accept");
    auditor.fleet(&["audit"]).failed(13, "the audit log is shorter than it was");
    auditor.fleet(&["audit", "--accept", "--dry-run"]).ended(0).says("would be taken");
    let said = auditor.fleet(&["audit", "--accept"]).ended(0).out;
    assert!(
        said.contains("are missing.") && said.contains(&format!("{volume}: went back from report 3 to 1.")),
        "{said}"
    );
    auditor.fleet(&["audit", "--accept"]).ended(0).says("Nothing is missing.");
    auditor.fleet(&["inventory", "--check"]).ended(0);

    let said = machines[0].0.run(&["agent", "run", "--from", &text(&machines[0].1)]).ended(0);
    assert!(said.err.contains("had lost reports of this machine, and has them again: 2, 3."), "{}", said.err);
    let said = machines[0].0.run(&["agent", "run", "--from", &text(&machines[0].1)]).ended(0);
    assert!(!said.err.contains("lost"), "{}", said.err);
    let sent = machines[0].0.data("sent-reports");
    assert_eq!((mode(&sent), fs::read_dir(&sent).unwrap().count()), (0o700, 5));
    for (path, bytes) in files_in(&sent) {
        for secret in [volume, "Volume:GVLK", "Professional"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is readable in {}", path.display());
        }
    }
    auditor.fleet(&["inventory", "--check"]).ended(0);
    auditor.fleet(&["audit"]).ended(0);

    // Without what was sent, there is nothing to put back.
    fs::remove_dir_all(&sent).unwrap();
    let again = machines[0].0.data("agent.json");
    let state = fs::read_to_string(&again).unwrap().replace("\"last\":[5,", "\"last\":[9,");
    fs::write(&again, state).unwrap();
    let said = machines[0].0.run(&["agent", "run", "--from", &text(&machines[0].1)]);
    said.failed(13, "has lost reports of this machine").says("agent enroll --again");
}

#[test]
fn a_machine_keeps_its_name_whatever_it_looks_at() {
    let (server, _home) = server("fleet-name");
    let owner = Person::new("fleet-name", "owner", &server);
    owner.fleet(&["init", "Example"]).ended(0);
    let token = text(&owner.home.dir.join("token.txt"));
    owner.fleet(&["enroll", "--out", &token]).ended(0);
    let disk = windows::all()[0].name;
    let (home, folder) = machine("fleet-name", disk, &token);
    let names = || {
        home.run(&["agent", "run", "--from", &text(&folder)]).ended(0);
        let said = owner.json(&["machines"]);
        said["machines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(), [disk]);
    // A disk with product keys of Windows and Office, whole ones and parts.
    home.run(&["agent", "run", "--from", &old_laptop()]).ended(0);
    let scan = home.run(&["scan", &old_laptop(), "--json"]).json();
    let found = scan["findings"].as_array().unwrap().len();
    let said = owner.json(&["inventory"]);
    let lines = said["lines"].as_array().unwrap();
    assert!(found > 3 && lines.len() == found, "every finding has a line: {said}");
    assert!(lines.iter().all(|line| line["name"] == disk), "{said}");
    let generic = lines.iter().filter(|line| line["finding"]["generic"] == true).count();
    let said = owner.json(&["inventory", "--filter", "generic"]);
    assert!(generic > 0 && said["lines"].as_array().unwrap().len() == generic, "{said}");
    home.run(&["agent", "enroll", "--again", "--token-file", &token]).ended(0);
    assert_eq!(names(), [disk, disk], "enrolled again, it keeps its name");
    fs::remove_file(home.data("agent.json")).unwrap();
    home.run(&["agent", "enroll", "--token-file", &token]).ended(0);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert!(names().contains(&host.trim().to_owned()), "the device's own name");
}
