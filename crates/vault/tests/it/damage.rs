//! Every damage and every lie is found, named, and healed from a good copy.

use keystow_vault::*;

use crate::medium::*;

/// Two equal copies of a vault with two records.
fn two_copies(name: &str) -> (Scratch, [Medium; 2]) {
    let (dir, media) = (Scratch::new(name), [Medium::new("a"), Medium::new("b")]);
    create(&media, &dir.join("pc"));
    backup(&media, &dir.join("pc"), &[0, 1], 1);
    backup(&media, &dir.join("pc"), &[2], 2);
    assert!(media[0].same_as(&media[1]));
    (dir, media)
}

fn found(media: &[Medium], dir: &Scratch) -> Vec<Finding> {
    let device = Device::load(&dir.join("pc")).unwrap();
    Vault::open(boxed(media), Some(&device)).unwrap().verify(Some(&device), None).findings
}

/// What a verification says about each file of the second place; there must be nothing about the first.
fn found_in_b(media: &[Medium], dir: &Scratch) -> Vec<(String, What)> {
    let findings = found(media, dir);
    assert!(findings.iter().all(|finding| finding.place == "b"), "{findings:?}");
    findings.into_iter().map(|finding| (finding.file, finding.what)).collect()
}

fn repairs(media: &[Medium], dir: &Scratch) {
    let device = Device::load(&dir.join("pc")).unwrap();
    let mut vault = Vault::open(boxed(media), Some(&device)).unwrap();
    let repaired = vault.writer(&dir.join("pc")).unwrap().repair(None);
    assert!(repaired.after.is_good() && repaired.failed.is_empty(), "{repaired:?}");
    assert!(media[0].same_as(&media[1]), "both copies are whole again");
}

fn log(medium: &Medium, end: &str) -> String {
    medium.paths().into_iter().find(|path| path.starts_with("log/") && path.ends_with(end)).unwrap()
}

#[test]
fn a_flipped_bit_in_any_file_is_found_there_and_healed() {
    let (dir, media) = two_copies("flip");
    for path in media[0].paths() {
        let good = media[1].get(&path);
        for at in [0, good.len() / 3, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            media[1].set(&path, &bad);
            let found = found_in_b(&media, &dir);
            assert_eq!(found.iter().map(|(file, _)| file).collect::<Vec<_>>(), [&path], "byte {at}: {found:?}");
            repairs(&media, &dir);
        }
    }
}

#[test]
fn a_cut_or_missing_file_of_any_kind_is_found_there_and_healed() {
    let (dir, media) = two_copies("cut");
    for path in media[0].paths() {
        let good = media[1].take(&path);
        assert_eq!(found_in_b(&media, &dir), [(path.clone(), What::Missing)]);
        repairs(&media, &dir);
        media[1].set(&path, &good[..good.len() / 2]);
        let found = found_in_b(&media, &dir);
        let hashed = path.starts_with("README") || path.starts_with("identity");
        let expected = if hashed { What::Altered } else { What::Cut };
        assert_eq!(found, [(path.clone(), expected)]);
        repairs(&media, &dir);
        media[1].set(&path, b"");
        assert_eq!(found_in_b(&media, &dir).len(), 1, "{path} is empty");
        repairs(&media, &dir);
    }
}

#[test]
fn swapped_bodies_and_headers_are_found_and_healed() {
    let (dir, media) = two_copies("swap");
    for (one, two) in [("/1.age", "/2.age"), ("/1.json", "/2.json")] {
        let (one, two) = (log(&media[1], one), log(&media[1], two));
        let (first, second) = (media[1].get(&one), media[1].get(&two));
        media[1].set(&one, &second);
        media[1].set(&two, &first);
        assert_eq!(found_in_b(&media, &dir), [(one, What::Swapped), (two, What::Swapped)]);
        repairs(&media, &dir);
    }
}

#[test]
fn files_of_another_vault_are_found_and_healed() {
    let (dir, media) = two_copies("foreign");
    let other = Medium::new("c");
    create(std::slice::from_ref(&other), &dir.join("other"));
    backup(std::slice::from_ref(&other), &dir.join("other"), &[2, 3, 4], 1);
    let theirs = open(std::slice::from_ref(&other)).id().clone();
    for end in ["/1.json", "/1.age"] {
        let path = log(&media[1], end);
        media[1].set(&path, &other.get(&log(&other, end)));
        let expected = if end == "/1.json" { What::Foreign(Some(theirs.clone())) } else { What::Altered };
        assert_eq!(found_in_b(&media, &dir), [(path, expected)]);
        repairs(&media, &dir);
    }
    media[1].set("identity.age", &other.get("identity.age"));
    assert_eq!(found_in_b(&media, &dir), [("identity.age".to_owned(), What::Altered)]);
    assert!(open(&media[1..]).unlock(&phrase()).is_err(), "the same phrase, but not our identity");
    repairs(&media, &dir);
    let whole = [media[0].clone(), other];
    let found = found(&whole, &dir);
    assert_eq!(found.iter().map(|finding| &finding.what).collect::<Vec<_>>(), [&What::Foreign(Some(theirs))]);
}

#[test]
fn a_device_that_the_root_never_signed_adds_nothing() {
    let (dir, media) = two_copies("unsigned");
    let other = Medium::new("c");
    create(std::slice::from_ref(&other), &dir.join("other"));
    let card = other.paths().into_iter().find(|path| path.starts_with("devices/")).unwrap();
    media[1].set(&card, &other.get(&card));
    let found = found_in_b(&media, &dir);
    assert!(matches!(found.as_slice(), [(file, What::Foreign(_))] if *file == card), "{found:?}");
    assert_eq!(open(&media).devices().count(), 1);
}

#[test]
fn a_forged_header_is_refused() {
    let (dir, media) = two_copies("forged");
    let path = log(&media[1], "/2.json");
    let text = String::from_utf8(media[1].get(&path)).unwrap();
    media[1].set(&path, text.replace("2027", "2028").as_bytes());
    assert_eq!(found_in_b(&media, &dir), [(path, What::Unsigned)]);
    repairs(&media, &dir);
}

#[test]
fn places_that_all_go_back_in_time_are_noticed() {
    let (dir, media) = (Scratch::new("rollback"), [Medium::new("a"), Medium::new("b")]);
    create(&media, &dir.join("pc"));
    backup(&media, &dir.join("pc"), &[0], 1);
    let old = media.clone().map(|medium| medium.fork());
    backup(&media, &dir.join("pc"), &[1], 2);
    let found = found(&old, &dir);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|finding| finding.what == What::RolledBack { seen: 2, found: 1 }));
    let one = [media[0].clone(), old[1].clone()];
    let found = found_in_b(&one, &dir);
    assert!(
        found.iter().all(|(_, what)| *what == What::Missing) && found.len() == 2,
        "one good place tells what is missing"
    );
    repairs(&one, &dir);
}

#[test]
fn two_histories_of_one_device_are_noticed_and_both_are_listed() {
    let (dir, media) = (Scratch::new("fork"), [Medium::new("a"), Medium::new("b")]);
    create(&media, &dir.join("pc"));
    backup(&media, &dir.join("pc"), &[0], 1);
    dir.copy("pc", "snapshot");
    backup(&media[..1], &dir.join("pc"), &[1], 2);
    backup(&media[1..], &dir.join("snapshot"), &[2], 2);
    let found = found(&media, &dir);
    assert_eq!(found.iter().filter(|finding| finding.what == What::Forked).count(), 2, "{found:?}");
    let vault = open(&media);
    assert_eq!(keys_in(&vault, &vault.unlock(&phrase()).unwrap()), partials(&[0, 1, 2]));
}

#[test]
fn damage_in_different_files_of_every_copy_heals_crosswise() {
    let (dir, media) = two_copies("cross");
    let (one, two) = (log(&media[0], "/1.age"), log(&media[1], "/2.age"));
    media[0].set(&one, b"rot");
    media[1].set(&two, b"rot");
    media[0].set("vault.json", b"{}");
    repairs(&media, &dir);
    let vault = open(&media);
    assert_eq!(keys_in(&vault, &vault.unlock(&phrase()).unwrap()), partials(&[0, 1, 2]));
}

#[test]
fn what_is_damaged_everywhere_is_said_and_left_as_it_is() {
    let (dir, media) = two_copies("lost");
    let path = log(&media[0], "/1.age");
    media[0].set(&path, b"rot");
    media[1].set(&path, b"rot");
    let mut vault = open(&media);
    let repaired = vault.writer(&dir.join("pc")).unwrap().repair(None);
    assert!(repaired.mended.is_empty());
    let findings = repaired.after.findings;
    assert!(findings.len() == 2 && findings.iter().all(|finding| finding.remedy == Remedy::Nothing), "{findings:?}");
    assert_eq!(media[0].get(&path), b"rot");
    let opened = vault.unlock(&phrase()).unwrap();
    let listing = vault.items(&opened, None);
    assert_eq!((listing.items.len(), listing.unread.len()), (1, 1), "the other record is still listed");
}

#[test]
fn left_overs_are_found_and_swept_and_strange_files_are_left_alone() {
    let (dir, media) = two_copies("left");
    let body = log(&media[1], "/2.age").replace("/2.age", "/3.age");
    media[1].set(&body, b"a body whose header never came");
    media[1].set(".keystow-tmp-1-1", b"half");
    media[1].set("holiday.jpg", b"mine");
    let found = found_in_b(&media, &dir);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.contains(&(body.clone(), What::LeftOver)));
    assert!(found.contains(&(".keystow-tmp-1-1".to_owned(), What::LeftOver)));
    assert!(found.contains(&("holiday.jpg".to_owned(), What::Unexpected)));
    backup(&media, &dir.join("pc"), &[3], 3);
    assert_eq!(found_in_b(&media, &dir), [("holiday.jpg".to_owned(), What::Unexpected)]);
}

#[test]
fn with_the_phrase_every_body_of_every_copy_is_opened() {
    let (dir, media) = two_copies("opened");
    let device = Device::load(&dir.join("pc")).unwrap();
    let vault = open(&media);
    let opened = vault.unlock(&phrase()).unwrap();
    let report = vault.verify(Some(&device), Some(&opened));
    assert!(report.is_good());
    assert!(report.places.iter().all(|place| (place.headers, place.bodies, place.opened) == (2, 2, 2)), "{report:?}");
}
