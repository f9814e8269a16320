//! What this device remembers may be lost, or be put back from an old backup: the log goes on all the same.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keystow_vault::*;

use crate::medium::*;

/// Two copies with a record on each of three days, and the state after the first of them as `old`.
fn three_records(name: &str) -> (Scratch, [Medium; 2]) {
    let (dir, media) = (Scratch::new(name), [Medium::new("a"), Medium::new("b")]);
    create(&media, &dir.join("pc"));
    backup(&media, &dir.join("pc"), &[0], 1);
    dir.copy("pc", "old");
    backup(&media, &dir.join("pc"), &[1], 2);
    backup(&media, &dir.join("pc"), &[2], 3);
    (dir, media)
}

fn append(media: &[Medium], dir: &Scratch, number: usize, day: i64) -> Receipt {
    let mut vault = open(media);
    vault.writer(&dir.join("pc")).unwrap().append(put(&[number]), at(day)).unwrap()
}

/// Everything is listed from each copy alone, and nothing is wrong with any.
fn all_is_well(media: &[Medium], dir: &Scratch, numbers: &[usize]) {
    let vault = open(media);
    let opened = vault.unlock(&phrase()).unwrap();
    let device = Device::load(&dir.join("pc")).unwrap();
    let report = vault.verify(Some(&device), Some(&opened));
    assert!(report.is_good(), "{:?}", report.findings);
    for medium in media {
        assert_eq!(keys_in(&open(std::slice::from_ref(medium)), &opened), partials(numbers));
    }
}

#[test]
fn a_lost_state_is_learned_again_from_the_copies() {
    let (dir, media) = three_records("state-lost");
    fs::remove_file(dir.join("pc/state.json")).unwrap();
    assert_eq!(append(&media, &dir, 3, 4).record.unwrap().index, 4);
    all_is_well(&media, &dir, &[0, 1, 2, 3]);
}

#[test]
fn an_old_state_that_was_put_back_does_not_fork_the_log() {
    let (dir, media) = three_records("state-old");
    dir.copy("old", "pc");
    assert_eq!(append(&media, &dir, 3, 4).record.unwrap().index, 4);
    all_is_well(&media, &dir, &[0, 1, 2, 3]);
}

#[test]
fn an_index_is_not_used_again_though_the_records_before_it_are_missing() {
    let (dir, media) = three_records("state-gap");
    dir.copy("old", "pc");
    let header = media[0].paths().into_iter().find(|path| path.ends_with("/2.json")).unwrap();
    media[0].take(&header);
    assert_eq!(append(&media[..1], &dir, 3, 4).record.unwrap().index, 4, "with one place in reach");
    append(&media, &dir, 4, 5);
    all_is_well(&media, &dir, &[0, 1, 2, 3, 4]);
}

#[test]
fn of_two_histories_neither_is_covered_by_what_comes_later() {
    let (dir, media) = (Scratch::new("state-fork"), [Medium::new("a"), Medium::new("b")]);
    create(&media, &dir.join("pc"));
    backup(&media, &dir.join("pc"), &[0], 1);
    dir.copy("pc", "old");
    let old = media[0].fork();
    backup(&media, &dir.join("pc"), &[1], 2);
    // The disk with the first place and the state is put back, while the stick with the second is away.
    dir.copy("old", "pc");
    let media = [old, media[1].clone()];
    append(&media[..1], &dir, 2, 3);
    for (number, day) in [(3, 4), (4, 5)] {
        let receipt = append(&media, &dir, number, day);
        assert!(receipt.places[0].result.is_ok(), "{receipt:?}");
        assert!(receipt.places[1].result.is_err(), "it says that the stick is not written to");
        let vault = open(&media);
        let opened = vault.unlock(&phrase()).unwrap();
        let listed = keys_in(&vault, &opened);
        assert_eq!(listed, partials(&(0..=number).collect::<Vec<_>>()), "both histories are listed");
    }
    let findings = open(&media).verify(None, None).findings;
    assert!(findings.iter().any(|finding| finding.what == What::Forked), "{findings:?}");
}

#[test]
fn an_index_over_one_history_does_not_hide_the_other() {
    let (dir, media) = (Scratch::new("state-fork-index"), [Medium::new("a"), Medium::new("b")]);
    create(&media, &dir.join("pc"));
    let mut vault = open(&media);
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    for day in 1..70 {
        let mut item = item(0);
        item.about.note = format!("{day}");
        writer.append(vec![Change::Put(item)], at(day)).unwrap();
    }
    drop(writer);
    dir.copy("pc", "old");
    let old = media[0].fork();
    backup(&media, &dir.join("pc"), &[1], 71);
    let vault = open(&media);
    let opened = vault.unlock(&phrase()).unwrap();
    let device = Device::load(&dir.join("pc")).unwrap();
    let _ = vault.items(&opened, Some(&device));
    assert!(dir.join("pc/index.age").is_file(), "so many records are worth an index");
    backup(std::slice::from_ref(&old), &dir.join("old"), &[2], 71);
    let listing = open(&[media[1].clone(), old]).items(&opened, Some(&device));
    let mut listed: Vec<String> =
        listing.items.iter().map(|stored| stored.item.product_key.as_ref().unwrap().partial().to_string()).collect();
    listed.sort();
    assert_eq!(listed, partials(&[0, 1, 2]));
}

#[test]
fn a_record_that_waits_for_a_place_is_not_covered_by_the_next() {
    let (dir, media) = (Scratch::new("state-waits"), [Medium::new("a")]);
    create(&media, &dir.join("pc"));
    let budget = Arc::new(AtomicI64::new(i64::MAX));
    let mut vault = open(&[media[0].dying(&budget)]);
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    budget.store(0, Ordering::SeqCst);
    for number in [0, 1] {
        let error = writer.append(put(&[number]), at(1)).unwrap_err();
        assert!(matches!(error, WriteError::NoPlace(_)), "{error}");
    }
    drop(writer);
    append(&media, &dir, 2, 2);
    all_is_well(&media, &dir, &[0, 2]);
}

#[test]
fn a_record_that_another_device_left_waiting_is_not_brought_by_its_successor() {
    let (dir, media) = (Scratch::new("state-successor"), [Medium::new("a")]);
    create(&media, &dir.join("pc"));
    let budget = Arc::new(AtomicI64::new(i64::MAX));
    let mut vault = open(&[media[0].dying(&budget)]);
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    budget.store(0, Ordering::SeqCst);
    writer.append(put(&[0]), at(1)).unwrap_err();
    drop(writer);
    fs::remove_file(dir.join("pc/device.json")).unwrap();
    let mut vault = open(&media);
    let opened = vault.unlock(&phrase()).unwrap();
    vault.enroll(&opened, &dir.join("pc"), at(2)).unwrap();
    append(&media, &dir, 1, 3);
    all_is_well(&media, &dir, &[1]);
}

#[test]
fn a_creation_that_is_cut_leaves_nothing_foreign_in_the_vault_made_after_it() {
    for writes in 0.. {
        let (dir, media) = (Scratch::new("state-cut-creation"), [Medium::new("a"), Medium::new("b")]);
        let budget = Arc::new(AtomicI64::new(writes));
        let dying = media.clone().map(|medium| medium.dying(&budget));
        if Vault::create(boxed(&dying), &dir.join("pc"), &phrase(), at(0)).is_ok() {
            assert!(writes > 3, "creation writes several files");
            return;
        }
        create(&media, &dir.join("pc"));
        backup(&media, &dir.join("pc"), &[0], 1);
        all_is_well(&media, &dir, &[0]);
    }
}

#[test]
fn a_place_of_the_vault_that_was_found_empty_is_made_again_and_stays_one_place() {
    let (dir, media) = three_records("state-empty-place");
    let media = [media[0].clone(), Medium::new("b")];
    media[1].set(".keystow-tmp-1-1", b"cut");
    let mut vault = open(&media);
    vault.writer(&dir.join("pc")).unwrap().copy_to(Box::new(media[1].clone())).unwrap();
    let conditions: Vec<_> =
        vault.conditions().map(|(name, condition)| (name, matches!(condition, Condition::Good))).collect();
    assert_eq!(conditions, [("a".to_owned(), true), ("b".to_owned(), true)]);
    assert!(media[0].same_as(&media[1]));
}

#[test]
fn a_repair_leaves_alone_what_another_device_may_be_writing() {
    let (dir, media) = three_records("state-other-device");
    let mut vault = open(&media);
    let opened = vault.unlock(&phrase()).unwrap();
    vault.enroll(&opened, &dir.join("laptop"), at(4)).unwrap();
    let laptop = Device::load(&dir.join("laptop")).unwrap().id();
    let body = format!("log/{laptop}/1.age");
    media[0].set(&body, b"its header is on the way");
    let mut vault = open(&media);
    let repaired = vault.writer(&dir.join("pc")).unwrap().repair(None);
    assert!(repaired.failed.is_empty(), "{:?}", repaired.failed);
    assert_eq!(media[0].get(&body), b"its header is on the way");
}

#[test]
fn a_place_that_missed_the_record_of_a_prune_loses_the_bodies_with_the_next_one() {
    let (dir, media) = three_records("state-missed-prune");
    let mut vault = open(&media);
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    let item = writer.append(put(&[0]), at(4)).unwrap().items[0].clone();
    writer.append(vec![Change::Retire(item)], at(4)).unwrap();
    drop(writer);
    let budget = Arc::new(AtomicI64::new(i64::MAX));
    let mut vault = open(&[media[0].clone(), media[1].dying(&budget)]);
    let opened = vault.unlock(&phrase()).unwrap();
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    budget.store(0, Ordering::SeqCst);
    let pruned = writer.prune(&opened, at(100)).unwrap();
    assert!(!pruned.kept.is_empty(), "it says that one place keeps the item");
    drop(writer);
    let mut vault = open(&media);
    let pruned = vault.writer(&dir.join("pc")).unwrap().prune(&opened, at(101)).unwrap();
    assert!(pruned.kept.is_empty() && pruned.bodies > 0, "{pruned:?}");
    all_is_well(&media, &dir, &[1, 2]);
}
