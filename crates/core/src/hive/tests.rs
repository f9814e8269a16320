//! Hives made by `keystow_makers::hive`, whole and damaged.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;

use keystow_makers::hive as make;
use keystow_makers::hive::{Lists, utf16};
use proptest::prelude::*;

use super::*;

const CURRENT: &str = "Microsoft\\Windows NT\\CurrentVersion";

/// Every path, value name, kind and data of a hive, in the order of the walk, and the errors on the way.
fn list<R: ReadAt>(hive: &Hive<R>) -> (Vec<String>, Vec<HiveError>) {
    let (mut lines, mut errors) = (Vec::new(), Vec::new());
    let mut walk = hive.walk();
    while let Some(node) = walk.next() {
        let node = match node {
            Ok(node) => node,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        lines.push(format!("{} {}", walk.path(), node.last_written()));
        for value in node.values() {
            match value.and_then(|value| Ok((value.data()?, value))) {
                Ok((data, value)) => lines.push(format!("{} {:?} {data:x?}", value.name(), value.kind())),
                Err(error) => errors.push(error),
            }
        }
    }
    (lines, errors)
}

fn open(bytes: Vec<u8>) -> Hive<Vec<u8>> {
    Hive::open(bytes).unwrap()
}

fn refuse(bytes: &[u8]) -> HiveError {
    Hive::open(bytes).err().unwrap()
}

/// Where the content of the `nth` cell with this signature begins, counted from 0.
fn find(bytes: &[u8], signature: &[u8], nth: usize) -> usize {
    (0x1024..bytes.len()).step_by(4).filter(|at| bytes[*at..].starts_with(signature)).nth(nth).unwrap()
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

fn get(bytes: &[u8], at: usize) -> u32 {
    cell::u32_at(bytes, at)
}

#[test]
fn every_kind_of_list_gives_the_same_tree() {
    let seeds = make::seeds();
    let (expected, errors) = list(&open(seeds.iter().find(|(name, _)| *name == "lh").unwrap().1.clone()));
    assert_eq!((expected.len(), errors), (34, vec![]));
    for (name, bytes) in seeds.into_iter().filter(|(name, _)| *name != "big_data") {
        let hive = open(bytes);
        assert_eq!(list(&hive), (expected.clone(), vec![]), "{name}");
        for number in 0..9 {
            let node = hive.node(&format!("CLASSES\\.{number}{number}")).unwrap().unwrap();
            assert_eq!(node.value("N").unwrap().unwrap().dword(), Ok(Some(number)), "{name}");
        }
        assert!(hive.node("Classes\\.99").unwrap().is_none(), "{name}");
        assert!(hive.node("Classes\\.00\\deeper").unwrap().is_none(), "{name}");
    }
}

#[test]
fn values_come_as_they_were_made() {
    let mut made = make::Hive::new();
    let node = made.at(CURRENT);
    node.text("ProductName", "Windows 10 Pro").text("", "default").dword("InstallDate", 0x6593_7D25);
    node.value("Big-endian", make::REG_DWORD_BIG_ENDIAN, [1, 2, 3, 4]).value("Short", make::REG_DWORD, [1, 2]);
    node.value("Several", make::REG_MULTI_SZ, utf16("one\0two\0\0")).value("Unended", make::REG_SZ, utf16("end"));
    node.value("Odd", 0xFFFF_0007, [9; 5]).value("Nothing", make::REG_NONE, []);
    let hive = open(made.bytes());

    let node = hive.node(CURRENT).unwrap().unwrap();
    assert_eq!((node.name(), node.last_written()), ("CurrentVersion", make::SOME_TIME));
    let value = |name: &str| node.value(name).unwrap().unwrap();
    assert_eq!(value("PRODUCTNAME").text(), Ok(Some("Windows 10 Pro".to_owned())));
    assert_eq!(value("").text(), Ok(Some("default".to_owned())));
    assert_eq!(value("InstallDate").dword(), Ok(Some(0x6593_7D25)));
    assert_eq!(value("InstallDate").text(), Ok(None));
    assert_eq!(value("Big-endian").dword(), Ok(Some(0x0102_0304)));
    assert_eq!((value("Short").dword(), value("Short").data()), (Ok(None), Ok(vec![1, 2])));
    assert_eq!(value("Several").text(), Ok(Some("one".to_owned())));
    assert_eq!(value("Unended").text(), Ok(Some("end".to_owned())));
    assert_eq!((value("Odd").kind(), value("Odd").data()), (ValueKind::Other(0xFFFF_0007), Ok(vec![9; 5])));
    assert_eq!((value("Nothing").len(), value("Nothing").data()), (0, Ok(vec![])));
    assert!(node.value("DigitalProductId").unwrap().is_none());
    assert_eq!(node.values().count(), 9);
}

#[test]
fn kinds_have_the_numbers_of_windows() {
    for raw in 0..20 {
        assert_eq!(ValueKind::from_raw(raw).raw(), raw);
    }
    assert_eq!(ValueKind::from_raw(make::REG_QWORD), ValueKind::Qword);
    assert_eq!(ValueKind::from_raw(12), ValueKind::Other(12));
}

#[test]
fn names_are_latin_1_or_unicode_and_found_in_either_case() {
    for wide_names in [false, true] {
        let mut made = make::Hive::new();
        made.wide_names = wide_names;
        made.at("Größe\\Ωmega\\日本語").text("Прошлое", "x");
        let hive = open(made.bytes());
        let node = hive.node("GRÖßE\\ωMEGA\\日本語").unwrap().unwrap();
        assert_eq!(node.name(), "日本語");
        assert!(node.value("ПРОШЛОЕ").unwrap().is_some());
    }
}

#[test]
fn big_data_is_joined_and_old_formats_keep_it_in_one_cell() {
    for minor in [3, 4, 5, 6] {
        for len in [16_343, 16_344, 16_345, 16_348, 32_688, 32_689, 100_000_u32] {
            let data: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let mut made = make::Hive::new();
            made.minor = minor;
            made.root.value("Big", make::REG_BINARY, data.clone());
            let bytes = made.bytes();
            assert_eq!(bytes.windows(2).any(|pair| pair == b"db"), minor >= 4 && len > 16_344, "{minor} {len}");
            let hive = open(bytes);
            let value = hive.root().unwrap().value("Big").unwrap().unwrap();
            assert_eq!(value.data().as_ref(), Ok(&data), "1.{minor}, {len} bytes");
        }
    }
}

#[test]
fn the_condition_tells_dirty_from_clean_cut_and_damaged() {
    let mut made = make::Hive::new();
    let clean = made.bytes();
    assert_eq!(open(clean.clone()).condition(), Condition::Clean);
    assert_eq!(open(clean[..clean.len() - 1].to_vec()).condition(), Condition::Cut { needed: 8192, left: 8191 });
    let mut damaged = clean;
    damaged[0x2C] ^= 1;
    assert!(matches!(open(damaged).condition(), Condition::BadChecksum { stated, computed } if stated ^ computed == 1));
    made.dirty = true;
    assert_eq!(open(made.bytes()).condition(), Condition::Dirty { primary: 8, secondary: 7 });
}

#[test]
fn what_is_no_hive_is_named() {
    let hive = make::Hive::new().bytes();
    let patched = |at: usize, number: u32| {
        let mut bytes = hive.clone();
        put(&mut bytes, at, number);
        refuse(&bytes).to_string()
    };
    assert_eq!(
        refuse(b"CREG\0\0\x01\0").to_string(),
        "this is a registry of Windows 95, 98 or ME (it begins with \"CREG\"), which is not read"
    );
    assert_eq!(
        refuse(b"MZ\x90\0 and more").to_string(),
        "not a registry hive: it begins with \"MZ\\x90\\x00\", not with \"regf\""
    );
    assert_eq!(refuse(b"reg").to_string(), "the structure at 0x0 needs 512 bytes, 3 are left");
    assert_eq!(refuse(&hive[..511]).to_string(), "the structure at 0x0 needs 512 bytes, 511 are left");
    assert_eq!(patched(0x1C, 6), "this is a transaction log of a registry hive, not the hive itself");
    assert_eq!(patched(0x14, 2), "hive format 2.5 is not known; 1.0 to 1.6 are");
    assert_eq!(patched(0x18, 7), "hive format 1.7 is not known; 1.0 to 1.6 are");
}

#[test]
fn a_broken_reference_says_where_it_leads() {
    let hive = make::Hive::new().bytes();
    let root_at = |root: u32| {
        let mut bytes = hive.clone();
        put(&mut bytes, 0x24, root);
        open(bytes).root().err().unwrap().to_string()
    };
    let outside =
        |at: &str| format!("a cell reference leads to {at}, outside the hive's cells (0x1020 to 0x2000) or unaligned");
    assert_eq!(root_at(u32::MAX), "the hive names no root node");
    assert_eq!(root_at(0), outside("0x1000"));
    assert_eq!(root_at(0x24), outside("0x1024"));
    assert_eq!(root_at(0x1000), outside("0x2000"));
    assert_eq!(root_at(0xFFFF_FFF8), outside("0x100000ff8"));
    assert_eq!(root_at(0x20), "expected \"nk\" at 0x1024, found \"sk\"");
}

#[test]
fn a_cell_must_be_in_use_and_of_a_size_that_can_be() {
    let hive = make::Hive::new().bytes();
    let root = get(&hive, 0x24) as usize + 0x1000;
    let sized = |size: i32| {
        let mut bytes = hive.clone();
        put(&mut bytes, root, size.cast_unsigned());
        open(bytes).root().err()
    };
    let offset = root as u64;
    assert_eq!(sized(136), Some(HiveError::Free { offset }));
    assert_eq!(sized(-12), Some(HiveError::CellSize { offset, found: 12 }));
    assert_eq!(sized(0), Some(HiveError::CellSize { offset, found: 0 }));
    assert_eq!(sized(-8), Some(HiveError::Cut { offset: offset + 4, needed: 76, left: 4 }));
    assert_eq!(sized(i32::MIN), Some(HiveError::Cut { offset, needed: 1 << 31, left: 8192 - offset }));
}

#[test]
fn a_circle_is_an_error_and_the_walk_ends() {
    let mut made = make::Hive::new();
    made.lists = Lists::Leaf;
    made.at("a\\b\\c").dword("n", 1);
    made.at("z");
    let mut bytes = made.bytes();
    // The list of `b` comes first, because lists follow what they list; it names `c`, and now the root.
    let (list_of_b, root) = (find(&bytes, b"li", 0), get(&bytes, 0x24));
    put(&mut bytes, list_of_b + 4, root);
    let hive = open(bytes);
    let (lines, errors) = list(&hive);
    let paths: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(paths, ["", "a", "a\\b", "z"]);
    assert_eq!(errors, [HiveError::Cycle { offset: u64::from(root) + 0x1000 }]);
    // A path goes round as often as it is told to, up to the depth that Windows allows.
    let name = hive.root().unwrap().name().to_owned();
    let round = format!("a\\b\\{name}\\");
    assert!(hive.node(&round.repeat(170)).unwrap().is_some());
    assert!(matches!(hive.node(&round.repeat(171)), Err(HiveError::TooDeep { .. })));
}

#[test]
fn lists_inside_each_other_without_end_are_refused() {
    let mut made = make::Hive::new();
    made.lists = Lists::Index(1);
    made.at("a");
    made.at("b");
    let mut bytes = made.bytes();
    let index = find(&bytes, b"ri", 0);
    put(&mut bytes, index + 4, (index - 4 - 0x1000) as u32);
    let hive = open(bytes);
    let (lines, errors) = list(&hive);
    assert_eq!(lines.iter().filter(|line| line.starts_with('b')).count(), 1, "the rest is still read");
    assert!(errors.contains(&HiveError::TooDeep { offset: index as u64 - 4 }), "{errors:?}");
    // What is there is found; what is not found may have been in the part that cannot be read.
    assert!(hive.node("b").unwrap().is_some());
    assert!(matches!(hive.node("a"), Err(HiveError::TooDeep { .. })));
}

#[test]
fn a_list_that_multiplies_nodes_is_cut_off() {
    let mut made = make::Hive::new();
    made.lists = Lists::Leaf;
    for number in 0..300 {
        made.at(&format!("n{number}"));
    }
    let mut bytes = made.bytes();
    let list_at = find(&bytes, b"li", 0);
    let first = get(&bytes, list_at + 4);
    for element in 1..300 {
        put(&mut bytes, list_at + 4 + element * 4, first);
    }
    let (lines, errors) = list(&open(bytes.clone()));
    assert_eq!((lines.len(), errors.len()), (2, 299));

    // A list of lists in which each is the same one names far more nodes than the file has room for.
    put(&mut bytes, list_at, u32::from_le_bytes(*b"ri\x2C\x01"));
    let inner = first as usize + 0x1004;
    bytes[inner..inner + 2].copy_from_slice(b"li");
    bytes[inner + 2..inner + 4].copy_from_slice(&18_u16.to_le_bytes());
    let hive = open(bytes);
    let limit = hive.cells.capacity() / 80 + 1;
    let nodes: Vec<_> = hive.root().unwrap().children().collect();
    assert_eq!(nodes.len() as u64, limit + 1);
    assert!(matches!(nodes.last(), Some(Err(HiveError::TooMany { .. }))));
}

#[test]
fn a_walk_goes_as_deep_as_windows_and_no_deeper() {
    let mut made = make::Hive::new();
    let path = vec!["d"; MAX_DEPTH + 3].join("\\");
    made.at(&path);
    let hive = open(made.bytes());
    let (lines, errors) = list(&hive);
    assert_eq!(lines.len(), MAX_DEPTH + 1);
    assert!(matches!(errors.as_slice(), [HiveError::TooDeep { .. }]), "{errors:?}");
    assert!(hive.node(&path[..MAX_DEPTH * 2 - 1]).unwrap().is_some());
}

#[test]
fn a_stated_length_never_makes_memory() {
    let mut made = make::Hive::new();
    made.root.value("v", make::REG_BINARY, [7; 40]);
    let bytes = made.bytes();
    let vk = find(&bytes, b"vk", 0);
    let stated = |len: u32| {
        let mut bytes = bytes.clone();
        put(&mut bytes, vk + 4, len);
        open(bytes).root().unwrap().value("v").unwrap().unwrap().data()
    };
    let offset = vk as u64 - 4;
    assert_eq!(stated(40), Ok(vec![7; 40]));
    assert_eq!(stated(0x7FFF_FFFF), Err(HiveError::ValueSize { offset, found: 0x7FFF_FFFF }));
    assert_eq!(stated(0x8000_0005), Err(HiveError::ValueSize { offset, found: 5 }));
    assert!(matches!(stated(1000), Err(HiveError::Cut { needed: 1000, left: 44, .. })));
}

#[test]
fn one_bad_value_does_not_hide_the_others() {
    let mut made = make::Hive::new();
    made.root.dword("a", 1).dword("b", 2).dword("c", 3);
    let mut bytes = made.bytes();
    let bad = find(&bytes, b"vk", 1);
    bytes[bad] = b'x';
    let hive = open(bytes);
    let root = hive.root().unwrap();
    let names: Vec<_> = root.values().map(|value| value.map(|value| value.name().to_owned())).collect();
    let error = HiveError::Signature { offset: bad as u64, expected: b"vk", found: *b"xk" };
    assert_eq!(names, [Ok("a".to_owned()), Err(error.clone()), Ok("c".to_owned())]);
    assert!(root.value("c").unwrap().is_some());
    assert_eq!(root.value("b").err(), Some(error));
}

/// Notes which pages are asked for.
struct Watched<'b>(&'b [u8], RefCell<BTreeSet<u64>>);

impl ReadAt for Watched<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.1.borrow_mut().insert(offset / 4096);
        self.0.read_at(offset, buf)
    }
}

#[test]
fn a_child_is_found_without_reading_its_siblings() {
    for lists in [Lists::Fast, Lists::Hash, Lists::Index(500)] {
        let mut made = make::Hive::new();
        made.lists = lists;
        for number in 0..4000 {
            // The first four characters differ, because that is all that `lf` lists know.
            made.at(&format!("{number:04}-filler-so-that-nodes-fill-many-pages")).dword("n", number);
        }
        let bytes = made.bytes();
        let watched = Watched(&bytes, RefCell::default());
        let hive = Hive::open(&watched).unwrap();
        let node = hive.node("3210-filler-so-that-nodes-fill-many-pages").unwrap().unwrap();
        assert_eq!(node.value("n").unwrap().unwrap().dword(), Ok(Some(3210)));
        assert!(bytes.len() > 600_000, "{}", bytes.len());
        // 32 KB of list, and a page each for the root, the node and its value.
        assert!(hive.pages_read() <= 14, "{lists:?}: {} pages", hive.pages_read());
        assert_eq!(watched.1.borrow().len() as u64, hive.pages_read() + 1, "the base block comes on top");
    }
}

#[test]
fn a_medium_that_fails_is_an_error_with_its_place() {
    struct Failing(Vec<u8>);
    impl ReadAt for Failing {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
            if offset >= 4096 { Err(io::ErrorKind::TimedOut.into()) } else { self.0.read_at(offset, buf) }
        }
    }
    let hive = Hive::open(Failing(make::Hive::new().bytes())).unwrap();
    let error = hive.root().err().unwrap();
    assert!(matches!(error, HiveError::Read { kind: io::ErrorKind::TimedOut, .. }));
    assert!(error.to_string().contains("cannot be read at 0x1"), "{error}");
}

#[test]
fn a_hive_cut_anywhere_is_read_as_far_as_it_goes() {
    for (name, whole) in make::seeds() {
        let all: BTreeSet<String> = list(&open(whole.clone())).0.into_iter().collect();
        for len in (0..whole.len()).step_by(512) {
            let cut = &whole[..len];
            match Hive::open(cut) {
                Ok(hive) => {
                    let (lines, errors) = list(&hive);
                    assert!(lines.iter().all(|line| all.contains(line)), "{name} cut at {len}");
                    assert!(
                        !errors.is_empty() || lines.len() == all.len(),
                        "{name} cut at {len} lost something silently"
                    );
                }
                Err(error) => assert_eq!(error, HiveError::Cut { offset: 0, needed: 512, left: len as u64 }),
            }
        }
    }
}

#[test]
fn no_flipped_bit_stops_the_reader() {
    let mut made = make::Hive::new();
    made.lists = Lists::Index(1);
    made.at("a\\b").dword("n", 1).text("t", "text");
    made.at("c");
    let whole = made.bytes();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for at in (0..512).chain(4096..used) {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(hive) = Hive::open(bytes) {
                let (lines, errors) = list(&hive);
                assert!(lines.len() + errors.len() <= 40, "byte {at}, bit {bit}");
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_made_is_read(
        names in prop::collection::btree_set("[a-z]{1,6}|[à-ö]{1,3}|[α-ρ]{1,4}", 1..30),
        data in prop::collection::vec(any::<u8>(), 0..200),
        lists in prop_oneof![
            Just(Lists::Fast), Just(Lists::Hash), Just(Lists::Leaf),
            (1_usize..9).prop_map(Lists::Index), (1_usize..9).prop_map(Lists::Nested),
        ],
        minor in 0_u32..=6,
        wide_names: bool,
    ) {
        let mut made = make::Hive { lists, minor, wide_names, ..make::Hive::new() };
        for name in &names {
            made.at(name).value(name, make::REG_BINARY, data.clone());
        }
        let hive = open(made.bytes());
        for name in &names {
            let node = hive.node(&name.to_uppercase()).unwrap().unwrap();
            prop_assert_eq!(node.name(), name);
            prop_assert_eq!(node.value(name).unwrap().unwrap().data().unwrap(), data.clone());
        }
        let found: BTreeSet<String> =
            hive.root().unwrap().children().map(|node| node.unwrap().name().to_owned()).collect();
        prop_assert_eq!(found, names);
    }

    #[test]
    fn random_damage_is_an_answer_or_an_error(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..30), seed in 0_usize..8) {
        let mut bytes = make::seeds().swap_remove(seed).1;
        for (at, byte) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(hive) = Hive::open(bytes) {
            list(&hive);
        }
    }
}
