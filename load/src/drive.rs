//! The load: visitors that each hold one connection and ask again as soon as they are answered.
//!
//! Every server is driven by the same loop on the same machine, so its figures compare. Rates per
//! second of the server's own processor time are the fairest, since the load takes its share of the cores.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::visit::Visit;

/// How many visitors there are at once.
pub const VISITORS: usize = 16;
/// An answer that takes longer is a time-out, and an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one visitor does again and again; a visit may take several requests.
pub trait Visitor: Send + 'static {
    /// Will do nothing but `visit` from now on.
    fn will(&mut self, visit: Visit);

    /// Visits once.
    ///
    /// # Errors
    ///
    /// When the server does not answer as it should.
    fn visit(&mut self, http: &mut Connection) -> impl Future<Output = io::Result<()>> + Send;
}

/// One kept-alive HTTP/1.1 connection, made anew when it breaks.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON, when the status is one of success.
    ///
    /// # Errors
    ///
    /// On any other status, and when the body is not JSON; the error quotes the body.
    pub fn json(&self) -> io::Result<serde_json::Value> {
        serde_json::from_slice(&self.done()?.body).map_err(io::Error::other)
    }

    /// Itself, when the status is one of success.
    ///
    /// # Errors
    ///
    /// On any other status; the error quotes the body.
    pub fn done(&self) -> io::Result<&Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(io::Error::other(format!("status {}: {}", self.status, String::from_utf8_lossy(&self.body))))
    }
}

impl Connection {
    /// Will connect to `address` when first used.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    /// Sends one request and reads the whole answer; `authorization` is that header's value.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or nothing comes within 10 seconds.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        authorization: &str,
        body: impl Into<Bytes>,
    ) -> io::Result<Answer> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.address.to_string());
        if !authorization.is_empty() {
            request = request.header(AUTHORIZATION, authorization);
        }
        let body = body.into();
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body)).map_err(io::Error::other)?;
        let answer = timeout(PATIENCE, self.exchange(request)).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
        if answer.is_err() {
            self.sender = None;
        }
        answer
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> io::Result<Answer> {
        let sender = match self.sender.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => connect(self.address).await?,
        };
        let sender = self.sender.insert(sender);
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Answer { status, body })
    }
}

async fn connect(address: SocketAddr) -> io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// What a run of visits came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// Visits that went well.
    pub visits: usize,
    /// Visits that did not.
    pub errors: usize,
    /// The first error's words.
    pub first_error: Option<String>,
    /// Seconds the run took.
    pub seconds: f64,
    /// Processor seconds of the server, and of its database when that is another program.
    pub cpu: Cpu,
    /// Half of the visits took at most this long.
    pub p50: Duration,
    /// 99 of 100 visits took at most this long.
    pub p99: Duration,
    /// The longest visit.
    pub max: Duration,
}

/// Processor seconds, by whose they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    /// The server's.
    pub server: f64,
    /// Its database's; 0 when it is inside the server.
    pub database: f64,
}

impl Report {
    /// Visits that went well, a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        count(self.visits) / self.seconds
    }

    /// Visits that went well, a second of the server's processor time.
    #[must_use]
    pub fn per_cpu_second(&self) -> f64 {
        count(self.visits) / self.cpu.server.max(0.01)
    }

    /// The head of a Markdown table of reports.
    pub const HEAD: &str = "| case | a second | per CPU-second of the server | p50 ms | p99 ms | max ms | errors | \
        CPU: server s | CPU: database s |\n|---|---|---|---|---|---|---|---|---|";
}

/// One row of the table under [`Report::HEAD`], without its first cell.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (rate, per_cpu, errors) = (self.rate(), self.per_cpu_second(), self.errors);
        write!(f, "{rate:.0} | {per_cpu:.0} | {:.1} | {:.1} | {:.1} | ", ms(self.p50), ms(self.p99), ms(self.max))?;
        write!(f, "{errors} | {:.2} | {:.2} |", self.cpu.server, self.cpu.database)
    }
}

/// Lets every visitor visit `address` again and again for `time`; `cpu` reads the processor time so far.
pub async fn drive<V: Visitor>(
    address: SocketAddr,
    visitors: &mut Vec<V>,
    time: Duration,
    cpu: impl Fn() -> Cpu,
) -> Stays {
    let before = cpu();
    let start = Instant::now();
    let end = start + time;
    let tasks: Vec<_> = visitors.drain(..).map(|visitor| tokio::spawn(stay(address, visitor, end))).collect();
    let mut stays = Stays::default();
    for task in tasks {
        if let Ok((visitor, stay)) = task.await {
            visitors.push(visitor);
            stays.add(stay);
        }
    }
    let after = cpu();
    stays.seconds = start.elapsed().as_secs_f64();
    stays.cpu = Cpu { server: after.server - before.server, database: after.database - before.database };
    stays
}

/// Visits and how long they took; several runs add up.
#[derive(Debug, Default)]
pub struct Stays {
    times: Vec<Duration>,
    errors: usize,
    first_error: Option<String>,
    seconds: f64,
    cpu: Cpu,
}

impl Stays {
    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.seconds += other.seconds;
        self.cpu.server += other.cpu.server;
        self.cpu.database += other.cpu.database;
    }

    /// What they come to.
    #[must_use]
    pub fn report(mut self) -> Report {
        self.times.sort_unstable();
        Report {
            visits: self.times.len(),
            errors: self.errors,
            first_error: self.first_error,
            seconds: self.seconds,
            cpu: self.cpu,
            p50: share(&self.times, 50),
            p99: share(&self.times, 99),
            max: share(&self.times, 100),
        }
    }
}

async fn stay<V: Visitor>(address: SocketAddr, mut visitor: V, end: Instant) -> (V, Stays) {
    let mut http = Connection::new(address);
    let mut stay = Stays::default();
    loop {
        let start = Instant::now();
        if start >= end {
            return (visitor, stay);
        }
        match visitor.visit(&mut http).await {
            Ok(()) => stay.times.push(start.elapsed()),
            Err(error) => {
                stay.errors += 1;
                stay.first_error.get_or_insert_with(|| error.to_string());
                // A server that is gone is not asked a million times.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// The time that `percent` of the sorted times do not pass.
fn share(times: &[Duration], percent: usize) -> Duration {
    times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts of visits are far below 2^52")]
fn count(visits: usize) -> f64 {
    visits as f64
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn shares_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(share(&times, 50), Duration::from_millis(100));
        assert_eq!(share(&times, 99), Duration::from_millis(198));
        assert_eq!(share(&times, 100), Duration::from_millis(200));
        assert_eq!(share(&[], 99), Duration::ZERO);
    }

    struct Asking;

    impl Visitor for Asking {
        fn will(&mut self, _: Visit) {}

        async fn visit(&mut self, http: &mut Connection) -> io::Result<()> {
            http.send(Method::GET, "/", "", "").await?.done().map(drop)
        }
    }

    #[test]
    fn a_broken_connection_is_an_error_and_the_next_visit_makes_a_new_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for (turn, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 1024]);
                if turn > 0 {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
                }
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let run = async { drive(address, &mut vec![Asking], Duration::from_millis(200), Cpu::default).await };
        let report = runtime.block_on(run).report();
        assert_eq!(report.errors, 1, "{report:?}");
        assert!(report.visits > 1, "{report:?}");
    }
}
