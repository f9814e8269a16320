//! A run that is killed, or whose disks are full, at any write: nothing acknowledged is lost, and the next run goes on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keystow_vault::*;

use crate::medium::*;

/// Where a run is cut and what happened before it.
struct Cut<'a> {
    media: &'a [Medium; 2],
    dir: &'a Scratch,
}

/// Kills `run` after its first write, its second, and so on until it ends by itself. Each time it is looked at twice:
/// with the local state as the run left it, and with the state from before, as if the last local write never came.
fn killed_at_every_write(
    name: &str,
    prepare: impl Fn(&[Medium; 2], &Path),
    run: impl Fn(&[Medium], &Path),
    check: impl Fn(&Cut<'_>),
) {
    let (dir, start) = (Scratch::new(name), [Medium::new("a"), Medium::new("b")]);
    create(&start, &dir.join("pc"));
    prepare(&start, &dir.join("pc"));
    dir.copy("pc", "before");
    for writes in 0.. {
        let media = start.clone().map(|medium| medium.fork());
        let budget = Arc::new(AtomicI64::new(writes));
        let dying = media.clone().map(|medium| medium.dying(&budget));
        dir.copy("before", "pc");
        run(&dying, &dir.join("pc"));
        let done = budget.load(Ordering::SeqCst) > 0;
        let late = media.clone().map(|medium| medium.fork());
        check(&Cut { media: &media, dir: &dir });
        dir.copy("before", "pc");
        check(&Cut { media: &late, dir: &dir });
        if done {
            assert!(writes > 1, "the run writes something");
            return;
        }
    }
}

impl Cut<'_> {
    /// The next run goes on: it backs up one more item, and then both copies are whole and have what is expected.
    fn goes_on(&self, opened: &Opened, expected: &[usize]) {
        let state = self.dir.join("pc");
        let mut vault = open(self.media);
        let mut writer = vault.writer(&state).unwrap();
        writer.append(put(&[4]), at(200)).unwrap();
        let repaired = writer.repair(Some(opened));
        let left: Vec<&What> = repaired.after.findings.iter().map(|finding| &finding.what).collect();
        assert!(left.iter().all(|what| **what == What::UnfinishedRekey), "{:?}", repaired.after.findings);
        drop(writer);
        let expected: Vec<usize> = expected.iter().copied().chain([4]).collect();
        assert_eq!(keys_in(&vault, opened), partials(&expected));
        for medium in self.media {
            assert_eq!(keys_in(&open(std::slice::from_ref(medium)), opened), partials(&expected), "each copy is whole");
        }
    }

    fn opened(&self) -> Opened {
        open(self.media).unlock(&phrase()).unwrap()
    }
}

#[test]
fn an_append_is_there_wholly_or_not_at_all() {
    killed_at_every_write(
        "cut-append",
        |media, state| backup(media, state, &[0], 1),
        |media, state| {
            if let Ok(mut vault) = Vault::open(boxed(media), None)
                && let Ok(mut writer) = vault.writer(state)
            {
                let _ = writer.append(put(&[1, 2]), at(2));
            }
        },
        |cut| {
            let opened = cut.opened();
            let before = keys_in(&open(cut.media), &opened);
            assert!(before == partials(&[0]) || before == partials(&[0, 1, 2]), "never one of the two: {before:?}");
            let mut vault = open(cut.media);
            vault.writer(&cut.dir.join("pc")).unwrap().append(put(&[1, 2]), at(3)).unwrap();
            cut.goes_on(&opened, &[0, 1, 2]);
        },
    );
}

#[test]
fn an_acknowledged_backup_survives_whatever_comes_next() {
    let (dir, media) = (Scratch::new("acknowledged"), [Medium::new("a"), Medium::new("b")]);
    create(&media, &dir.join("pc"));
    for writes in 0..6 {
        let budget = Arc::new(AtomicI64::new(i64::MAX));
        let dying = [media[0].dying(&budget), media[1].clone()];
        let mut vault = open(&dying);
        let mut writer = vault.writer(&dir.join("pc")).unwrap();
        budget.store(writes, Ordering::SeqCst);
        let mut new = item(0);
        new.about.note = format!("{writes}");
        let receipt = writer.append(vec![Change::Put(new)], at(writes + 1)).unwrap();
        assert!(receipt.places[1].result.is_ok(), "one full disk does not stop the other place");
        drop(writer);
        let opened = vault.unlock(&phrase()).unwrap();
        let one = open(&media[1..]);
        assert_eq!(one.items(&opened, None).items[0].item.about.note, format!("{writes}"));
    }
    backup(&media, &dir.join("pc"), &[1], 50);
    assert!(media[0].same_as(&media[1]));
}

#[test]
fn when_no_place_can_be_written_the_record_goes_out_later() {
    let (dir, media) = (Scratch::new("later"), [Medium::new("a")]);
    create(&media, &dir.join("pc"));
    let budget = Arc::new(AtomicI64::new(i64::MAX));
    let mut vault = open(&[media[0].dying(&budget)]);
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    budget.store(0, Ordering::SeqCst);
    let error = writer.append(put(&[0]), at(1)).unwrap_err();
    assert!(matches!(error, WriteError::NoPlace(_)), "{error}");
    drop(writer);
    let mut vault = open(&media);
    let receipt = vault.writer(&dir.join("pc")).unwrap().append(put(&[0]), at(2)).unwrap();
    assert_eq!(receipt.record, None, "it went out when the writer began");
    let opened = vault.unlock(&phrase()).unwrap();
    assert_eq!(keys_in(&vault, &opened), partials(&[0]));
}

#[test]
fn while_the_phrase_changes_the_old_or_the_new_one_opens() {
    let new = || Phrase::parse_words(OTHER_WORDS).unwrap();
    killed_at_every_write(
        "cut-rekey",
        |media, state| backup(media, state, &[0, 1], 1),
        |media, state| {
            let Ok(mut vault) = Vault::open(boxed(media), None) else { return };
            let Ok(mut opened) = vault.unlock(&phrase()) else { return };
            if let Ok(mut writer) = vault.writer(state) {
                let _ = writer.rekey(&mut opened, &new(), at(2));
            }
        },
        |cut| {
            let [a, b] = cut.media.each_ref().map(|medium| {
                let vault = open(std::slice::from_ref(medium));
                vault.unlock(&phrase()).or_else(|_| vault.unlock(&new())).unwrap()
            });
            assert_eq!(keys_in(&open(cut.media), &a), partials(&[0, 1]));
            cut.goes_on(&b, &[0, 1]);
        },
    );
}

#[test]
fn a_prune_that_is_cut_keeps_what_lives_and_is_finished_later() {
    killed_at_every_write(
        "cut-prune",
        |media, state| {
            backup(media, state, &[0, 1], 1);
            let mut vault = open(media);
            let mut writer = vault.writer(state).unwrap();
            let receipt = writer.append(put(&[0]), at(2)).unwrap();
            writer.append(vec![Change::Retire(receipt.items[0].clone())], at(2)).unwrap();
        },
        |media, state| {
            let Ok(mut vault) = Vault::open(boxed(media), None) else { return };
            let Ok(opened) = vault.unlock(&phrase()) else { return };
            if let Ok(mut writer) = vault.writer(state) {
                let _ = writer.prune(&opened, at(100));
            }
        },
        |cut| {
            let opened = cut.opened();
            let mut vault = open(cut.media);
            let mut writer = vault.writer(&cut.dir.join("pc")).unwrap();
            writer.prune(&opened, at(150)).unwrap();
            drop(writer);
            cut.goes_on(&opened, &[1]);
        },
    );
}

#[test]
fn a_repair_that_is_cut_makes_nothing_worse() {
    killed_at_every_write(
        "cut-repair",
        |media, state| {
            backup(media, state, &[0, 1], 1);
            let paths = media[1].paths();
            media[1].set(&paths[0], b"rot");
            media[1].take(&paths[2]);
            let last = paths.iter().find(|path| path.ends_with("/1.age")).unwrap();
            media[0].set(last, b"rot");
        },
        |media, state| {
            if let Ok(mut vault) = Vault::open(boxed(media), None)
                && let Ok(mut writer) = vault.writer(state)
            {
                writer.repair(None);
            }
        },
        |cut| cut.goes_on(&cut.opened(), &[0, 1]),
    );
}

#[test]
fn a_copy_that_is_cut_can_be_made_again() {
    let (dir, a) = (Scratch::new("cut-copy"), Medium::new("a"));
    create(std::slice::from_ref(&a), &dir.join("pc"));
    backup(std::slice::from_ref(&a), &dir.join("pc"), &[0], 1);
    for writes in 0.. {
        let b = Medium::new("b");
        let mut vault = open(std::slice::from_ref(&a));
        let mut writer = vault.writer(&dir.join("pc")).unwrap();
        let done = writer.copy_to(Box::new(b.dying(&Arc::new(AtomicI64::new(writes))))).is_ok();
        drop(writer);
        let mut vault = open(std::slice::from_ref(&a));
        let mut writer = vault.writer(&dir.join("pc")).unwrap();
        writer.copy_to(Box::new(b.clone())).unwrap();
        assert!(a.same_as(&b), "after {writes} writes");
        if done {
            return;
        }
    }
}
