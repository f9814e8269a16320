//! A vault of 10,000 records, one item each, as a scheduled backup makes them over the years:
//! `cargo bench -p keystow-vault`. The numbers are in `docs/performance.md`.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops where it fails")]

#[expect(dead_code, clippy::indexing_slicing, reason = "shared with the tests")]
#[path = "../tests/it/medium.rs"]
mod medium;

use std::time::{Duration, Instant};

use keystow_vault::*;

use medium::*;

const RECORDS: u64 = 10_000;

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = run();
    let took = start.elapsed();
    println!("{what}: {took:.1?}");
    (result, took)
}

fn numbered(n: u64) -> Item {
    let mut item = item(0);
    item.product_key = None;
    item.about.partial_key = Some("T83GX".to_owned());
    item.about.product = format!("Product {n}");
    item
}

fn main() {
    let dir = Scratch::new("speed");
    let (place, state) = (dir.join("vault"), dir.join("pc"));
    let places = || vec![Box::new(Folder::new(&place)) as Box<dyn Place>];
    let (mut vault, _) = Vault::create(places(), &state, &phrase(), at(0)).unwrap();
    let mut writer = vault.writer(&state).unwrap();
    timed("write 10,000 records", || {
        for n in 0..RECORDS {
            writer.append(vec![Change::Put(numbered(n))], at(1)).unwrap();
        }
    });
    drop(writer);
    let (opened, _) = timed("open with the phrase", || vault.unlock(&phrase()).unwrap());
    let listing = |what: &str| {
        timed(what, || {
            let device = Device::load(&state).unwrap();
            let vault = Vault::open(places(), Some(&device)).unwrap();
            vault.items(&opened, Some(&device))
        })
    };
    let (first, _) = listing("first listing, without an index");
    let (second, _) = listing("listing with the index");
    assert_eq!((first.items.len(), first.opened, second.opened), (second.items.len(), RECORDS as usize, 0));
    let _ = timed("add one item", || {
        let mut vault = Vault::open(places(), None).unwrap();
        vault.writer(&state).unwrap().append(vec![Change::Put(numbered(RECORDS))], at(2)).unwrap()
    });
    assert_eq!(listing("listing with one past the index").0.opened, 1);
    let device = Device::load(&state).unwrap();
    let vault = Vault::open(places(), Some(&device)).unwrap();
    assert!(timed("verify without the phrase", || vault.verify(Some(&device), None)).0.findings.is_empty());
}
