//! Whether an account exists cannot be told from how long the server takes, nor from what it answers.
//!
//! Known and unknown accounts are asked for in turns, in one run, in a random order. The bound: the medians differ by
//! less than a twentieth, and the Mann-Whitney test does not tell the two apart at a level of 0.001, in one of three runs.

use std::sync::LazyLock;
use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use keystow_account::suite::Suite;
use keystow_account::wire::{Bytes, LoginFinish, LoginStart, LoginStarted, Method, Name};
use opaque_ke::ClientLogin;
use rand::Rng;
use rand::rngs::OsRng;
use serde::Serialize;
use tower::ServiceExt;

use crate::raw::Said;
use crate::server::Here;

/// Measurements of each kind.
const SAMPLES: usize = 1000;
/// How far from zero the standardized rank sum lies by chance in one of a thousand runs.
const CRITICAL: f64 = 3.29;
const MOST_DIFFERENCE: f64 = 0.05;

/// Asks on this thread, so that nothing is measured but the work, and gives how many seconds it took.
fn timed(here: &Here, runtime: &tokio::runtime::Runtime, path: &str, input: &impl Serialize) -> (Said, f64) {
    let body = Body::from(serde_json::to_vec(input).unwrap());
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
    let router = here.router.clone();
    let begun = Instant::now();
    let response = runtime.block_on(router.oneshot(request)).unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = runtime.block_on(to_bytes(response.into_body(), usize::MAX)).unwrap().to_vec();
    (Said { status, headers, body }, begun.elapsed().as_secs_f64())
}

/// The first message; the server cannot know that it is always the same.
fn start(name: &Name) -> LoginStart {
    static REQUEST: LazyLock<Bytes> = LazyLock::new(|| {
        let begun = ClientLogin::<Suite>::start(&mut OsRng, b"password").unwrap();
        Bytes(begun.message.serialize().to_vec())
    });
    LoginStart { name: name.clone(), method: Method::Password, request: REQUEST.clone() }
}

/// What two answers must have in common: status, names and values of headers, length, and the shape of the JSON.
fn shape(said: &Said) -> (u16, Vec<String>, usize, String) {
    let mut headers: Vec<_> = said.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort();
    let text = said.text();
    let started: Result<LoginStarted, _> = serde_json::from_str(&text);
    let shape = started.map(|it| format!("{} {:?} {}", it.response.0.len(), it.stretch, it.state.0.len()));
    (said.status, headers, text.len(), shape.unwrap_or(text))
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The rank sum of the first kind of samples, less what is expected, in standard deviations.
fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<_> = one.iter().map(|x| (*x, true)).chain(other.iter().map(|x| (*x, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ranks: f64 = (1..).zip(&all).filter(|(_, (_, first))| *first).map(|(rank, _)| f64::from(rank)).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    (ranks - n * (n + m + 1.0) / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

/// Compares the two kinds, and once or twice again when they could be told apart: on a busy machine chance does that now
/// and then, a difference does it every time.
fn cannot_be_told_apart(what: &str, mut sample: impl FnMut(bool) -> f64) {
    let words: Vec<String> = (0..3).map_while(|_| told_apart(what, &mut sample).err()).collect();
    assert!(words.len() < 3, "{}", words.join("\n"));
}

/// Takes the measurements in turns and compares them; the words say how they could be told apart.
fn told_apart(what: &str, mut sample: impl FnMut(bool) -> f64) -> Result<(), String> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    while known.len() < SAMPLES {
        let first = OsRng.r#gen::<bool>();
        for which in [first, !first] {
            let seconds = sample(which);
            if which { known.push(seconds) } else { unknown.push(seconds) }
        }
    }
    // The first ones warm up caches.
    let (known, unknown) = (&known[100..], &unknown[100..]);
    let (one, other, z) = (median(known), median(unknown), mann_whitney(known, unknown));
    let words = format!("{what}: {:.1} µs and {:.1} µs, z = {z:.2}", one * 1e6, other * 1e6);
    eprintln!("{words}");
    let alike = (one - other).abs() / one.max(other) < MOST_DIFFERENCE && z.abs() < CRITICAL;
    if alike { Ok(()) } else { Err(words) }
}

#[test]
fn an_account_that_exists_cannot_be_told_from_one_that_does_not() {
    let here = Here::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let names = |what: &str| [0, 1, 2, 3].map(|n| Name::parse(&format!("{what} {n}")).unwrap());
    let (known, unknown) = (names("knownperson"), names("unknownfolk"));
    known.iter().for_each(|name| here.register(name, "password"));
    let (known, unknown) = (&known, &unknown);
    let pick = |which: bool| if which { &known[OsRng.gen_range(0..4)] } else { &unknown[OsRng.gen_range(0..4)] };

    let shapes = [true, false].map(|which| shape(&timed(&here, &runtime, "/v1/login/start", &start(pick(which))).0));
    assert_eq!(shapes[0].0, 200);
    assert_eq!(shapes[0], shapes[1]);
    cannot_be_told_apart("start", |which| timed(&here, &runtime, "/v1/login/start", &start(pick(which))).1);

    let finish = |which: bool| {
        let (started, _) = timed(&here, &runtime, "/v1/login/start", &start(pick(which)));
        let started: LoginStarted = started.done();
        LoginFinish { state: started.state, finalization: Bytes(vec![7; 64]) }
    };
    let shapes = [true, false].map(|which| shape(&timed(&here, &runtime, "/v1/login/finish", &finish(which)).0));
    assert_eq!(shapes[0].0, 401);
    assert_eq!(shapes[0], shapes[1]);
    cannot_be_told_apart("finish", |which| {
        let finish = finish(which);
        timed(&here, &runtime, "/v1/login/finish", &finish).1
    });
}

#[test]
fn the_statistics_see_a_difference_of_a_twentieth() {
    let noise = || 1.0 + 0.1 * OsRng.r#gen::<f64>();
    let (same, slow): (Vec<f64>, Vec<f64>) = (0..SAMPLES).map(|_| (noise(), noise() * 1.05)).unzip();
    assert!(mann_whitney(&same, &slow).abs() > CRITICAL);
    assert!((median(&slow) / median(&same) - 1.05).abs() < 0.01);
}
