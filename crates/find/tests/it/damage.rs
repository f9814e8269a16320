//! Damaged, hostile and huge files: an answer or a problem, and never more than that.

use std::time::{Duration, Instant};

use keystow_core::identify::verdict::VerdictKind as V;
use keystow_find::{PlaceKind as P, ProblemKind};
use keystow_makers::acpi::{MsdmTable, SlicTable, dump};
use keystow_makers::digital_product_id::V3;
use keystow_makers::hive::Hive;
use proptest::prelude::*;

use crate::pc::*;

fn ten() -> Hive {
    software("Windows 10 Pro", "Professional", 19045, &pro_default())
}

#[test]
fn a_dirty_hive_gives_its_findings_and_says_that_newer_changes_may_be_missing() {
    let dirty = Hive { dirty: true, ..ten() };
    let scan = Pc::of(&dirty, &system()).scan();
    assert_said(&scan, &[(P::Installed, Some("3V66T"), V::NoKeyNeeded)]);
    assert_eq!(problems(&scan), [ProblemKind::Dirty]);
}

#[test]
fn a_hive_cut_anywhere_gives_an_answer_or_a_problem() {
    let whole = ten().bytes();
    let (mut found, mut troubled) = (0, 0);
    for length in (4..whole.len()).step_by(61).chain([4095, 4096, 4097, 4128]) {
        let scan = scan_file(&whole[..length]);
        assert!(!scan.problems.is_empty(), "cut at {length}, without a word");
        found += scan.findings.len();
        troubled += usize::from(scan.findings.is_empty());
    }
    assert!(found > 0 && troubled > 0, "{found} {troubled}");
}

#[test]
fn one_product_behind_damage_does_not_hide_the_others() {
    let mut hive = ten();
    hive.at(r"Microsoft\Office\14.0\Registration").child("broken").text("ProductID", "x");
    let mut bytes = hive.bytes();
    let name = bytes.windows(12).rposition(|window| window == b"Registration").unwrap();
    bytes[name - 0x4C..name - 0x4A].copy_from_slice(b"xx");
    let scan = scan_file(bytes);
    assert_said(&scan, &[(P::Installed, Some("3V66T"), V::NoKeyNeeded)]);
    assert_eq!(problems(&scan), [ProblemKind::Damaged]);
}

#[test]
fn a_hive_whose_nodes_lead_back_to_themselves_ends() {
    let mut bytes = ten().bytes();
    let names = ["Microsoft", "Windows NT"];
    let cells: Vec<usize> = names
        .iter()
        .map(|name| bytes.windows(name.len()).position(|window| window == name.as_bytes()).unwrap() - 0x4C)
        .collect();
    // The list of subkeys stands 0x1C into a node; the inner node takes that of the outer, which leads to it.
    let list: [u8; 4] = bytes[cells[0] + 0x1C..cells[0] + 0x20].try_into().unwrap();
    bytes[cells[1] + 0x1C..cells[1] + 0x20].copy_from_slice(&list);
    let start = Instant::now();
    let scan = scan_file(bytes);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(scan.findings.len(), 0);
}

#[test]
fn a_hive_whose_damage_hides_its_kind_is_called_damaged() {
    let mut bytes = ten().bytes();
    let root = 4096 + u32::from_le_bytes(bytes[36..40].try_into().unwrap()) as usize + 4;
    bytes[root + 0x1C..root + 0x20].copy_from_slice(&0x00FF_FFF0_u32.to_le_bytes());
    assert_eq!(problems(&scan_file(bytes)), [ProblemKind::Damaged]);
}

#[test]
fn a_list_of_very_many_keys_is_read_to_its_bound_and_says_so() {
    let line = format!("{PRO_DEFAULT},{PRO_KMS},{SEVEN}\n");
    let text = line.repeat(3_000_000 / line.len());
    let start = Instant::now();
    let scan = scan_file(&text);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    let places: usize = scan.findings.iter().map(|finding| 1 + finding.also.len()).sum();
    assert_eq!((scan.findings.len(), places), (3, 20_000));
    assert_eq!(problems(&scan), [ProblemKind::Unknown]);
}

#[test]
fn damaged_tables_are_damaged_and_unused_ones_empty() {
    let msdm = MsdmTable::default().make();
    assert_eq!(problems(&scan_file(&msdm[..60])), [ProblemKind::Damaged]);
    assert_eq!(
        problems(&scan_file(MsdmTable { data: &[0xFF; 29], ..MsdmTable::default() }.make())),
        [ProblemKind::Empty]
    );
    let mut wrong = msdm.clone();
    wrong[9] ^= 1;
    assert_said(&scan_file(&wrong), &[(P::Firmware, Some("3V66T"), V::Unsure)]);
}

/// One good file of each kind, for damage to begin with.
fn kinds() -> Vec<Vec<u8>> {
    let msdm = MsdmTable::default().make();
    let path = format!(r"SOFTWARE\{CURRENT}");
    vec![
        Vec::new(),
        ten().bytes(),
        system().bytes(),
        msdm.clone(),
        SlicTable::default().make(),
        dump(&[("MSDM", &msdm)]).into_bytes(),
        export(&path, &[("DigitalProductId", &V3::default().make())]).into_bytes(),
        format!("Computer,Product Key\nKITCHEN,{PRO_DEFAULT}\n").into_bytes(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_of_any_kind_stop_a_scan(
        kind in 0..8_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        cut in any::<prop::sample::Index>(),
        tail in prop::collection::vec(any::<u8>(), 0..96),
    ) {
        let mut bytes = kinds().swap_remove(kind);
        for (at, byte) in edits.iter().filter(|_| kind > 0) {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if cut.index(4) == 0 {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes.extend(tail);
        let scan = scan_file(bytes);
        prop_assert!(scan.keep.len() <= scan.findings.len());
    }
}
