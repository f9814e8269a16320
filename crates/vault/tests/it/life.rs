//! The life of a vault: back up, list, retire, prune, change the phrase, several devices.

use keystow_vault::*;

use crate::medium::*;

#[test]
fn what_was_backed_up_is_got_back_whole_from_any_single_place() {
    let (dir, media) = (Scratch::new("life"), [Medium::new("a"), Medium::new("b")]);
    create(&media, &dir.join("pc"));
    backup(&media, &dir.join("pc"), &[0, 1], 1);
    for medium in &media {
        let vault = open(std::slice::from_ref(medium));
        let opened = vault.unlock(&phrase()).unwrap();
        let listing = vault.items(&opened, None);
        let mut items: Vec<Item> = listing.items.into_iter().map(|stored| stored.item).collect();
        items.sort_by_key(|item| item.about.product.clone());
        assert_eq!(items, [item(0), item(1)], "product keys, facts and evidence");
    }
}

#[test]
fn no_file_of_a_copy_contains_a_product_key_or_what_it_is_for() {
    let (dir, media) = (Scratch::new("plain"), [Medium::new("a")]);
    create(&media, &dir.join("pc"));
    backup(&media, &dir.join("pc"), &[0], 1);
    let packed = item(0).product_key.unwrap().pack();
    for path in media[0].paths() {
        let bytes = media[0].get(&path);
        for secret in [KEYS[0].as_bytes(), b"T83GX", b"Product 0", b"zoom", &packed] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{path}");
        }
    }
}

#[test]
fn backing_up_the_same_again_writes_nothing_and_a_change_writes_a_revision() {
    let (dir, media) = (Scratch::new("again"), [Medium::new("a")]);
    let mut vault = create(&media, &dir.join("pc"));
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    let first = writer.append(put(&[0]), at(1)).unwrap();
    let mut same = item(0);
    same.about.found = Some(at(2));
    let second = writer.append(vec![Change::Put(same.clone())], at(2)).unwrap();
    assert_eq!((second.record, &second.items), (None, &first.items), "the time of finding alone is no news");
    same.about.note = "from the sticker".to_owned();
    let third = writer.append(vec![Change::Put(same)], at(3)).unwrap();
    assert_eq!(third.record.map(|record| record.index), Some(2));
    let opened = vault.unlock(&phrase()).unwrap();
    let listing = vault.items(&opened, None);
    assert_eq!((listing.items.len(), listing.items[0].revisions), (1, 2));
    assert_eq!((listing.items[0].item.about.note.as_str(), listing.items[0].first), ("from the sticker", at(1)));
}

#[test]
fn two_devices_that_wrote_offline_merge_and_heal_each_other() {
    let (dir, a) = (Scratch::new("merge"), Medium::new("a"));
    create(std::slice::from_ref(&a), &dir.join("pc"));
    let mut vault = open(std::slice::from_ref(&a));
    let opened = vault.unlock(&phrase()).unwrap();
    vault.enroll(&opened, &dir.join("laptop"), at(1)).unwrap();
    let b = a.fork();
    backup(std::slice::from_ref(&a), &dir.join("pc"), &[0, 1], 2);
    backup(std::slice::from_ref(&b), &dir.join("laptop"), &[1, 2], 3);
    // Both places are called "a" here; findings of the union do not depend on names.
    let both = [a.clone(), b.clone()];
    let vault = open(&both);
    let opened = vault.unlock(&phrase()).unwrap();
    assert_eq!(keys_in(&vault, &opened), partials(&[0, 1, 2]), "the product key that both found is one item");
    backup(&both, &dir.join("pc"), &[3], 4);
    assert!(a.same_as(&b), "a backup heals both copies on its way");
}

#[test]
fn a_wrong_phrase_is_told_from_a_damaged_identity() {
    let (dir, media) = (Scratch::new("wrong"), [Medium::new("a")]);
    let vault = create(&media, &dir.join("pc"));
    let wrong = Phrase::parse_words(OTHER_WORDS).unwrap();
    assert!(matches!(vault.unlock(&wrong), Err(UnlockError::WrongPhrase { .. })));
    let mut bytes = media[0].get("identity.age");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    media[0].set("identity.age", &bytes);
    assert!(matches!(vault.unlock(&phrase()), Err(UnlockError::Damaged { .. })));
    media[0].take("identity.age");
    assert!(matches!(open(&media).unlock(&phrase()), Err(UnlockError::NoIdentity)));
}

#[test]
fn there_is_one_writer_at_a_time_and_only_for_the_right_vault() {
    let (dir, media) = (Scratch::new("lock"), [Medium::new("a")]);
    let mut one = create(&media, &dir.join("pc"));
    let mut two = open(&media);
    let held = one.writer(&dir.join("pc")).unwrap();
    assert!(matches!(two.writer(&dir.join("pc")), Err(WriteError::Device(DeviceError::Locked))));
    drop(held);
    assert!(two.writer(&dir.join("pc")).is_ok());
    assert!(matches!(two.writer(&dir.join("nobody")), Err(WriteError::Device(DeviceError::NotEnrolled { .. }))));
    let other = [Medium::new("b")];
    create(&other, &dir.join("other"));
    assert!(matches!(two.writer(&dir.join("other")), Err(WriteError::Device(DeviceError::NotEnrolled { .. }))));
    let known = Device::load(&dir.join("pc")).unwrap();
    assert!(matches!(Vault::open(boxed(&other), Some(&known)), Err(VaultError::Foreign { .. })));
    assert!(matches!(Vault::create(boxed(&other), &dir.join("new"), &phrase(), at(0)), Err(VaultError::Exists { .. })));
}

#[test]
fn a_clock_that_is_behind_is_told_and_stops_only_prune() {
    let (dir, media) = (Scratch::new("clock"), [Medium::new("a")]);
    let mut vault = create(&media, &dir.join("pc"));
    let opened = vault.unlock(&phrase()).unwrap();
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    assert_eq!(writer.append(put(&[0]), at(10)).unwrap().clock, None);
    let receipt = writer.append(put(&[1]), at(5)).unwrap();
    assert_eq!(receipt.clock, Some(ClockBehind { last: at(10), now: at(5) }));
    assert!(receipt.record.is_some());
    assert!(matches!(writer.prune(&opened, at(6)), Err(WriteError::Clock { .. })));
    assert_eq!(keys_in(&vault, &opened), partials(&[0, 1]));
}

#[test]
fn a_backup_is_proven_from_the_medium() {
    let (dir, media) = (Scratch::new("prove"), [Medium::new("a"), Medium::new("b")]);
    let mut vault = create(&media, &dir.join("pc"));
    let record = vault.writer(&dir.join("pc")).unwrap().append(put(&[0]), at(1)).unwrap().record.unwrap();
    let opened = vault.unlock(&phrase()).unwrap();
    let proven = |vault: &Vault| {
        vault
            .prove(&opened, std::slice::from_ref(&record))
            .into_iter()
            .map(|proof| proof.result.is_ok())
            .collect::<Vec<_>>()
    };
    assert_eq!(proven(&vault), [true, true]);
    let mut body = media[1].get(&record.body_file());
    body[200] ^= 4;
    media[1].set(&record.body_file(), &body);
    assert_eq!(proven(&vault), [true, false]);
    media[0].take("identity.age");
    assert_eq!(proven(&vault), [false, false]);
}

#[test]
fn a_new_place_becomes_a_whole_copy_and_another_vault_is_left_alone() {
    let (dir, a) = (Scratch::new("copy"), Medium::new("a"));
    create(std::slice::from_ref(&a), &dir.join("pc"));
    backup(std::slice::from_ref(&a), &dir.join("pc"), &[0], 1);
    let b = Medium::new("b");
    let mut vault = open(std::slice::from_ref(&a));
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    writer.copy_to(Box::new(b.clone())).unwrap();
    assert!(a.same_as(&b));
    let foreign = Medium::new("c");
    create(std::slice::from_ref(&foreign), &dir.join("other"));
    let before = foreign.fork();
    assert!(writer.copy_to(Box::new(foreign.clone())).is_err());
    writer.append(put(&[1]), at(2)).unwrap();
    assert!(a.same_as(&b) && foreign.same_as(&before));
    assert!(writer.vault().verify(Some(writer.device()), None).is_good());
}

#[test]
fn an_absent_drive_is_not_mistaken_for_a_new_place() {
    let (dir, a) = (Scratch::new("absent"), Medium::new("a"));
    create(std::slice::from_ref(&a), &dir.join("pc"));
    let absent = Medium::new("stick");
    let mut vault = open(&[a.clone(), absent.clone()]);
    let receipt = vault.writer(&dir.join("pc")).unwrap().append(put(&[0]), at(1)).unwrap();
    assert_eq!(receipt.places.iter().map(|place| place.result.is_ok()).collect::<Vec<_>>(), [true, false]);
    assert!(absent.paths().is_empty(), "nothing is written where the vault should be and is not");
}

#[test]
fn retired_items_go_after_ninety_days_and_nothing_else_does() {
    let (dir, media) = (Scratch::new("prune"), [Medium::new("a"), Medium::new("b")]);
    let mut vault = create(&media, &dir.join("pc"));
    let opened = vault.unlock(&phrase()).unwrap();
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    let receipt = writer.append(put(&[0, 1]), at(1)).unwrap();
    writer.append(put(&[2]), at(2)).unwrap();
    writer.append(vec![Change::Retire(receipt.items[0].clone())], at(3)).unwrap();
    assert!(writer.prune(&opened, at(92)).unwrap().items.is_empty(), "89 days are not enough");
    let pruned = writer.prune(&opened, at(93)).unwrap();
    assert_eq!((pruned.items.len(), pruned.bodies), (1, 2), "one body in two places");
    assert!(writer.vault().verify(Some(writer.device()), None).is_good(), "the absence is announced");
    assert!(writer.prune(&opened, at(94)).unwrap().items.is_empty());
    let receipt = writer.append(put(&[0]), at(95)).unwrap();
    assert!(receipt.record.is_some(), "what was pruned and is found again is news");
    assert_eq!(keys_in(&vault, &opened), partials(&[0, 1, 2]));
    let listing = vault.items(&opened, None);
    let kept = listing.items.iter().find(|stored| stored.item.about.product == "Product 1").unwrap();
    assert_eq!(kept.at.time, at(1), "what was put again kept its time");
}

#[test]
fn a_body_that_comes_back_after_a_prune_is_found_and_removed() {
    let (dir, media) = (Scratch::new("back"), [Medium::new("a"), Medium::new("b")]);
    let mut vault = create(&media, &dir.join("pc"));
    let opened = vault.unlock(&phrase()).unwrap();
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    let receipt = writer.append(put(&[0]), at(1)).unwrap();
    let body = receipt.record.unwrap().body_file();
    let bytes = media[1].get(&body);
    writer.append(vec![Change::Retire(receipt.items[0].clone())], at(2)).unwrap();
    writer.prune(&opened, at(100)).unwrap();
    media[1].set(&body, &bytes);
    drop(writer);
    let mut vault = open(&media);
    assert_eq!(keys_in(&vault, &opened), [""; 0], "it does not come back to life");
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    let repaired = writer.repair(None);
    assert_eq!(repaired.mended.iter().map(|finding| &finding.what).collect::<Vec<_>>(), [&What::PrunedStillThere]);
    assert!(repaired.after.is_good() && media[0].same_as(&media[1]));
}

#[test]
fn a_changed_phrase_replaces_the_old_one_and_an_old_identity_that_returns_is_removed() {
    let (dir, media) = (Scratch::new("rekey"), [Medium::new("a"), Medium::new("b")]);
    create(&media, &dir.join("pc"));
    backup(&media, &dir.join("pc"), &[0], 1);
    let old = media[1].fork();
    let mut vault = open(&media);
    let mut opened = vault.unlock(&phrase()).unwrap();
    let new = Phrase::parse_words(OTHER_WORDS).unwrap();
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    let rekeyed = writer.rekey(&mut opened, &new, at(2)).unwrap();
    drop(writer);
    assert!(rekeyed.kept.is_empty() && rekeyed.places.iter().all(|place| place.result.is_ok()));
    assert!(vault.prove(&opened, &[]).iter().all(|proof| proof.result.is_ok()));
    assert!(matches!(vault.unlock(&phrase()), Err(UnlockError::WrongPhrase { .. })));
    assert_eq!(keys_in(&vault, &vault.unlock(&new).unwrap()), partials(&[0]));
    // The second place was not there when the phrase was changed.
    let both = [media[0].clone(), old.clone()];
    let mut vault = open(&both);
    let found: Vec<What> = vault.verify(None, None).findings.into_iter().map(|finding| finding.what).collect();
    assert!(found.contains(&What::Missing), "{found:?}");
    let mut writer = vault.writer(&dir.join("pc")).unwrap();
    writer.append(put(&[1]), at(3)).unwrap();
    let found = writer.vault().verify(Some(writer.device()), None).findings;
    assert_eq!(
        found.iter().map(|finding| (&finding.what, finding.file.as_str())).collect::<Vec<_>>(),
        [(&What::OldIdentity, "identity.age")]
    );
    assert!(writer.repair(None).after.is_good());
    assert!(matches!(open(std::slice::from_ref(&old)).unlock(&phrase()), Err(UnlockError::WrongPhrase { .. })));
}

#[test]
fn a_secret_beside_the_vault_opens_with_its_phrase_and_in_no_other_vault() {
    let (dir, media) = (Scratch::new("aside"), [[Medium::new("a")], [Medium::new("b")]]);
    let vaults = media.each_ref().map(|media| create(media, &dir.join(&format!("{:p}", media))));
    let sealed = vaults[0].seal_aside(b"before").unwrap();
    assert!(!sealed.windows(6).any(|bytes| bytes == b"before"));
    let opened = vaults.each_ref().map(|vault| vault.unlock(&phrase()).unwrap());
    assert_eq!(opened[0].open_aside(&sealed).unwrap().as_slice(), b"before");
    assert!(opened[1].open_aside(&sealed).is_err(), "the same phrase, another vault");
    assert!(opened[0].open_aside(&sealed[..sealed.len() - 1]).is_err(), "cut");
}
