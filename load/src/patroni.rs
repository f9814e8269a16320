//! `PostgreSQL` that survives the loss of a machine: three nodes under Patroni, three etcd, `HAProxy` in front.
//!
//! Replication is synchronous, so what was acknowledged is on two nodes. `HAProxy` sends every connection to
//! the node that Patroni names primary. The settings are those that `docs/operations.md` recommends.
//!
//! Sources: Patroni 3 documentation, "YAML Configuration Settings" and "Patroni REST API" (`/primary`);
//! `HAProxy` 2.6 manual, `option httpchk`, `on-marked-down`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::postgres::{accepts, binaries, install_packages, missing};
use crate::process::{
    Running, Scratch, as_servant, family_cpu_seconds, free_port, is_root, kill9, listens, random_hex, run,
};

const PACKAGES: &[&str] = &["postgresql", "patroni", "etcd-server", "etcd-client", "haproxy", "curl"];
/// What of each package must be there.
const PROGRAMS: &[&str] = &["patroni", "etcd", "haproxy", "curl"];
const FOLDERS: &[&str] = &["/usr/bin", "/usr/sbin", "/usr/local/bin"];
const NODES: usize = 3;
/// A node's configuration, in its folder.
const CONFIG: &str = "patroni.json";
/// A first start makes a cluster and two copies of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// The whole of it; everything stops and goes when this is dropped.
#[derive(Debug)]
pub struct Patroni {
    // Dropped in this order: the front, the nodes, what they agree by, and the files.
    proxy: Option<Running>,
    nodes: Vec<Node>,
    etcd: Vec<Running>,
    scratch: Scratch,
    front: u16,
    password: String,
}

#[derive(Debug)]
struct Node {
    running: Option<Running>,
    rest: u16,
    port: u16,
    folder: PathBuf,
    log: PathBuf,
}

impl Patroni {
    /// Starts everything and waits for a leader with a synchronous copy.
    ///
    /// # Errors
    ///
    /// When something is not installed (the error says what to install) or does not start.
    pub fn start() -> io::Result<Self> {
        for program in PROGRAMS {
            find(program)?;
        }
        let bin = binaries()?;
        let scratch = Scratch::new("keystow-patroni")?;
        let (front, password) = (free_port()?, random_hex(16)?);
        let mut all = Self { proxy: None, nodes: Vec::new(), etcd: Vec::new(), scratch, front, password };
        let peers = all.start_etcd()?;
        for number in 0..NODES {
            let node = all.start_node(number, &peers, &bin)?;
            all.nodes.push(node);
        }
        all.start_proxy()?;
        all.wait_for_synchronous_copy()?;
        Ok(all)
    }

    /// Address, user and password of the database `postgres` through `HAProxy`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, self.front)
    }

    /// The number of the node that leads, from 0; `None` while there is none.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        self.nodes.iter().position(|node| node.answers("primary"))
    }

    /// Kills the leader's Patroni and `PostgreSQL` with SIGKILL, as a power cut would, and gives its number.
    ///
    /// # Errors
    ///
    /// When no node leads.
    pub fn kill_leader(&mut self) -> io::Result<usize> {
        let leader = self.leader().ok_or_else(|| io::Error::other("no node leads"))?;
        if let Some(node) = self.nodes.get_mut(leader) {
            node.kill9();
        }
        Ok(leader)
    }

    /// Starts a node that was killed; it joins as a copy.
    ///
    /// # Errors
    ///
    /// When there is no such node or Patroni does not start.
    pub fn revive(&mut self, number: usize) -> io::Result<()> {
        let node = self.nodes.get_mut(number).ok_or_else(|| io::Error::other("no such node"))?;
        node.running = Some(Running::start(&mut patroni(&node.folder)?, &node.log)?);
        Ok(())
    }

    /// Seconds of processor time of `PostgreSQL` on all nodes.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        self.nodes.iter().filter_map(Node::postgres).map(family_cpu_seconds).sum()
    }

    fn start_etcd(&mut self) -> io::Result<String> {
        let ports: Vec<(u16, u16)> = (0..NODES).map(|_| Ok((free_port()?, free_port()?))).collect::<io::Result<_>>()?;
        let cluster: Vec<String> =
            ports.iter().enumerate().map(|(number, (_, peer))| format!("e{number}=http://127.0.0.1:{peer}")).collect();
        for (number, (client, peer)) in ports.iter().enumerate() {
            let name = format!("e{number}");
            let mut command = as_servant(&find("etcd")?);
            command.args(["--name", &name, "--initial-cluster", &cluster.join(","), "--initial-cluster-state", "new"]);
            command.arg("--data-dir").arg(self.scratch.folder(&name)?.join("data"));
            for (option, port) in [
                ("--listen-client-urls", client),
                ("--advertise-client-urls", client),
                ("--listen-peer-urls", peer),
                ("--initial-advertise-peer-urls", peer),
            ] {
                command.args([option, &format!("http://127.0.0.1:{port}")]);
            }
            // Three servers on one busy disk are slower to answer than three machines.
            command.args(["--heartbeat-interval", "250", "--election-timeout", "2500"]);
            self.etcd.push(Running::start(&mut command, &self.log(&name))?);
        }
        for (etcd, (client, _)) in self.etcd.iter_mut().zip(&ports) {
            etcd.wait_until(PATIENCE, || fetched(*client, "health"))?;
        }
        let clients: Vec<String> = ports.iter().map(|(client, _)| format!("127.0.0.1:{client}")).collect();
        Ok(clients.join(","))
    }

    fn start_node(&self, number: usize, peers: &str, bin: &Path) -> io::Result<Node> {
        let name = format!("p{number}");
        let folder = self.scratch.folder(&name)?;
        let (rest, port) = (free_port()?, free_port()?);
        let config = folder.join(CONFIG);
        fs::write(&config, self.node_config(&name, &folder, (rest, port), peers, bin).to_string())?;
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&config))?;
        }
        let log = self.log(&name);
        let mut node = Node { running: Some(Running::start(&mut patroni(&folder)?, &log)?), rest, port, folder, log };
        // The first node makes the cluster, the others copy it.
        if let Some(running) = &mut node.running {
            running.wait_until(PATIENCE, || accepts(bin, port))?;
        }
        Ok(node)
    }

    /// One node's configuration. Patroni reads YAML, of which JSON is a part.
    fn node_config(
        &self,
        name: &str,
        folder: &Path,
        (rest, port): (u16, u16),
        peers: &str,
        bin: &Path,
    ) -> serde_json::Value {
        let account = |user: &str| serde_json::json!({"username": user, "password": self.password});
        serde_json::json!({
            "scope": "keystow",
            "name": name,
            "restapi": {"listen": format!("127.0.0.1:{rest}"), "connect_address": format!("127.0.0.1:{rest}")},
            "etcd3": {"hosts": peers},
            "bootstrap": {
                "dcs": {
                    "ttl": 15, "loop_wait": 5, "retry_timeout": 5,
                    "synchronous_mode": true,
                    "postgresql": {"use_pg_rewind": true, "parameters": {"max_connections": 200}},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
            },
            "postgresql": {
                "listen": format!("127.0.0.1:{port}"),
                "connect_address": format!("127.0.0.1:{port}"),
                "data_dir": folder.join("data"),
                "bin_dir": bin,
                "pgpass": folder.join("pgpass"),
                "authentication": {
                    "superuser": account("postgres"), "replication": account("copy"), "rewind": account("rewind"),
                },
                "parameters": {"unix_socket_directories": folder},
                "pg_hba": [
                    "local all all scram-sha-256",
                    "host all all 127.0.0.1/32 scram-sha-256",
                    "host replication copy 127.0.0.1/32 scram-sha-256",
                ],
                "basebackup": [{"checkpoint": "fast"}],
            },
        })
    }

    fn start_proxy(&mut self) -> io::Result<()> {
        let servers: Vec<String> = (self.nodes.iter().enumerate())
            .map(|(number, node)| format!("  server p{number} 127.0.0.1:{} check port {}", node.port, node.rest))
            .collect();
        let config = format!(
            "defaults\n  mode tcp\n  timeout connect 2s\n  timeout client 10m\n  timeout server 10m\n  timeout check 2s\n\
             listen postgres\n  bind 127.0.0.1:{}\n  option httpchk GET /primary\n  http-check expect status 200\n  \
             default-server inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions\n{}\n",
            self.front,
            servers.join("\n")
        );
        let path = self.scratch.path().join("haproxy.cfg");
        fs::write(&path, config)?;
        let mut proxy = Running::start(Command::new(find("haproxy")?).arg("-f").arg(&path), &self.log("haproxy"))?;
        proxy.wait_until(PATIENCE, || listens(self.front))?;
        self.proxy = Some(proxy);
        Ok(())
    }

    fn wait_for_synchronous_copy(&mut self) -> io::Result<()> {
        let rests: Vec<u16> = self.nodes.iter().map(|node| node.rest).collect();
        let any = |what: &str| rests.iter().any(|rest| fetched(*rest, what));
        let proxy = self.proxy.as_mut().ok_or_else(|| io::Error::other("no HAProxy"))?;
        proxy.wait_until(PATIENCE, || any("primary") && any("synchronous"))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.scratch.path().join(format!("{name}.log"))
    }
}

impl Node {
    fn answers(&self, what: &str) -> bool {
        self.running.is_some() && fetched(self.rest, what)
    }

    /// The process of `PostgreSQL`, which Patroni starts as a daemon: no child of its own.
    fn postgres(&self) -> Option<u32> {
        let note = fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        let pid = note.lines().next()?.trim().parse().ok()?;
        // A note can outlive its writer, whose number may be another's now.
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        words.contains(self.folder.to_str()?).then_some(pid)
    }

    fn kill9(&mut self) {
        let postgres = self.postgres();
        if let Some(mut running) = self.running.take() {
            running.kill9();
            if let Some(pid) = postgres {
                kill9(pid);
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Patroni stops its PostgreSQL, which then leaves no shared memory behind.
        if let Some(running) = &mut self.running {
            let _ = running.stop(Signal::TERM);
        }
        self.kill9();
    }
}

/// Installs everything that is missing when we are root on Debian or a relative of it.
///
/// # Errors
///
/// When something is missing and cannot be installed; the error says what to install.
pub fn install() -> io::Result<()> {
    let there = binaries().is_ok() && PROGRAMS.iter().all(|program| find(program).is_ok());
    if there { Ok(()) } else { install_packages(PACKAGES) }
}

fn patroni(folder: &Path) -> io::Result<Command> {
    let mut command = as_servant(&find("patroni")?);
    command.arg(folder.join(CONFIG));
    Ok(command)
}

fn find(program: &str) -> io::Result<PathBuf> {
    let mut places = FOLDERS.iter().map(|folder| Path::new(folder).join(program));
    places.find(|path| path.exists()).ok_or_else(|| missing(PACKAGES))
}

/// Whether `http://127.0.0.1:port/what` answers with a status of success.
fn fetched(port: u16, what: &str) -> bool {
    let url = format!("http://127.0.0.1:{port}/{what}");
    run(Command::new("curl").args(["-sf", "-m", "2", "-o", "/dev/null", &url])).is_ok()
}
