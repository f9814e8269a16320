//! How many product keys a second are parsed, checked and looked up on one core.
//!
//! The list is a million well-formed product keys in memory with random groups, serials and security values, half
//! of them in the shipped table. They are test vectors that unlock nothing and are never printed.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "this is a program")]

use std::hint::black_box;
use std::time::Instant;

use crc::{CRC_32_BZIP2, Crc};
use keystow_core::ProductKey;
use keystow_core::identify::{identify, tables};

const COUNT: usize = 1_000_000;
const ROUNDS: usize = 9;

fn main() {
    let texts = make();
    let keys: Vec<ProductKey> = texts.iter().filter_map(|text| ProductKey::parse_bytes(text)).collect();
    let serials: Vec<(u32, u32)> =
        keys.iter().filter_map(ProductKey::fields).map(|fields| (fields.group, fields.serial)).collect();
    assert_eq!((keys.len(), serials.len()), (COUNT, COUNT));
    let found = keys.iter().filter(|key| identify(key).found.is_some()).count();
    println!("{COUNT} product keys, {found} of them in the shipped table; best of {ROUNDS} rounds");
    report("parse", || texts.iter().filter(|text| ProductKey::parse_bytes(&text[..]).is_some()).count());
    report("checksum", || keys.iter().filter(|key| key.checksum_ok() == Some(true)).count());
    report("table", || serials.iter().filter(|(group, serial)| tables::find(*group, *serial).is_some()).count());
    report("identify", || keys.iter().filter(|key| black_box(identify(key)).found.is_some()).count());
    report("parse and identify", || {
        let parsed = texts.iter().filter_map(|text| ProductKey::parse_bytes(&text[..]));
        parsed.filter(|key| black_box(identify(key)).found.is_some()).count()
    });
}

fn report(what: &str, run: impl Fn() -> usize) {
    let best = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        black_box(run());
        start.elapsed().as_secs_f64()
    });
    let seconds = best.fold(f64::INFINITY, f64::min);
    let each = seconds * 1e9 / COUNT as f64;
    println!("{what:>20}: {each:6.1} ns each, {:6.1} million a second", COUNT as f64 / seconds / 1e6);
}

/// Packs random fields with the right checksum and writes them as text.
fn make() -> Vec<[u8; 29]> {
    let checksum = Crc::<u32>::new(&CRC_32_BZIP2);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut texts = Vec::with_capacity(COUNT);
    while texts.len() < COUNT {
        let (group, serial) = (3258 + random.below(64), random.below(20_000_000));
        let security = u128::from(random.next()) & ((1 << 53) - 1);
        let fields = u128::from(group) | u128::from(serial) << 20 | security << 50;
        let sum = u128::from(checksum.checksum(&fields.to_le_bytes()) & 0x3FF);
        let packed = (fields | sum << 103 | 1 << 115).to_le_bytes();
        let key = ProductKey::unpack(&packed).expect("the fields fit");
        let text = key.reveal();
        texts.push(text.as_str().as_bytes().try_into().expect("29 characters"));
    }
    texts
}

/// SplitMix64: the same list on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
