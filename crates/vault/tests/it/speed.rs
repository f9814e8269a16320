//! A large vault stays quick. Run with `--ignored --nocapture` for the numbers.

use std::time::{Duration, Instant};

use keystow_vault::*;

use crate::medium::*;

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

#[test]
#[ignore = "a measurement: it writes 20,000 files"]
fn ten_thousand_records_list_quickly_and_one_more_is_added_quickly() {
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
    let (second, took) = listing("listing with the index");
    assert_eq!((first.items.len() as u64, first.opened as u64, second.opened), (RECORDS, RECORDS, 0));
    assert_eq!(first.items, second.items);
    let (_, added) = timed("add one item", || {
        let mut vault = Vault::open(places(), None).unwrap();
        vault.writer(&state).unwrap().append(vec![Change::Put(numbered(RECORDS))], at(2)).unwrap()
    });
    assert_eq!(listing("listing with one past the index").0.opened, 1);
    let device = Device::load(&state).unwrap();
    let vault = Vault::open(places(), Some(&device)).unwrap();
    assert!(timed("verify without the phrase", || vault.verify(Some(&device), None)).0.findings.is_empty());
    if !cfg!(debug_assertions) {
        assert!(took < Duration::from_millis(300), "listing took {took:?}");
        assert!(added < Duration::from_millis(300), "adding took {added:?}");
    }
}
