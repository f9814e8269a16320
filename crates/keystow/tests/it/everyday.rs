//! The main job: find, back up, look, verify, and ask whether the PC may be wiped.

use std::fs;

use crate::home::{Home, mode, old_laptop};

#[test]
fn a_backup_without_a_terminal_makes_two_proven_copies_and_leaves_the_phrase_to_its_owner() {
    let home = Home::new("first-backup");
    let said = home.run(&["backup", &old_laptop()]).ended(0);
    insta::assert_snapshot!(home.redact(&said.out), @"
    Windows 10 Home, build 19045
    Windows 7 Home Premium, build 7601, replaced 7/30/2016 09:12:44

    KEEP  k2  •••••-•••••-•••••-•••••-FC2HD  Windows 10/11 Home (OEM:DM)
              Firmware (MSDM): The product key in the firmware belongs to this mainboard and cannot move. Setup finds it by itself.
    KEEP  k3  •••••-•••••-•••••-•••••-XM76F  Windows 7 Home Premium (OEM:COA)
              Earlier Windows: A Windows 7 or 8 product key activates its own Windows only; it no longer activates a new 10 or 11.
    NOTE  k1  •••••-•••••-•••••-•••••-8HVX7  Windows 10/11 Home (Retail)
              Windows (registry): The same product key is on millions of PCs. The license is kept at Microsoft for this mainboard.
    NOTE  o1  •••••-•••••-•••••-•••••-8R6BM  Microsoft Office Standard 2010 (Volume:GVLK)
              Office: An organization's agreement activates this PC; ask its administrator.
    NOTE  o2  no product key stored          Office HomeBusiness2019Retail
              Office: The PC keeps the last five characters at most. No program can read the rest; keep the account or receipt.

    Backed up: 5 findings, sealed.
      HOME/.local/share/keystow/vault  read back and opened
      HOME/.local/share/keystow/vault-second-copy  read back and opened
    ");
    insta::assert_snapshot!(home.redact(&said.err), @"
    The recovery phrase is in HOME/.local/share/keystow/RECOVERY-PHRASE.txt
      Write its six words on paper, then delete the file: whoever has it and a copy can open everything.

    All copies lie on one disk, and one disk is not two places: if it dies, all are gone.
    Next:  keystow vault place add FOLDER      a USB stick or another PC's disk
           keystow list                        what is in the vault
           keystow ready SOURCE                before you wipe a PC
    ");
    let phrase = home.data("RECOVERY-PHRASE.txt");
    assert_eq!(mode(&phrase), 0o600);
    assert_eq!(fs::read_to_string(phrase).unwrap().split_whitespace().count(), 6);
}

#[test]
fn what_was_backed_up_is_listed_and_shown() {
    let home = Home::backed_up("listed");
    insta::assert_snapshot!(home.run(&["list"]).ended(0).out, @"
    k1   •••••-•••••-•••••-•••••-8HVX7  Windows 10/11 Home (Retail)  no-key-needed
    k2   •••••-•••••-•••••-•••••-FC2HD  Windows 10/11 Home (OEM:DM)  keep-this-pc
    k3   •••••-•••••-•••••-•••••-XM76F  Windows 7 Home Premium (OEM:COA)  old-version-only
    o1   •••••-•••••-•••••-•••••-8R6BM  Microsoft Office Standard 2010 (Volume:GVLK)  organization
    o2   no product key stored          Office HomeBusiness2019Retail  partial-only
    ");
    let shown = home.run(&["show", "k2"]).ended(0);
    assert!(shown.out.contains("•••••-•••••-•••••-•••••-FC2HD") && shown.out.contains("keep-this-pc"), "{}", shown.out);
    assert_eq!(home.run(&["show", "fc2hd"]).ended(0).out, shown.out, "the last five characters name it too");
}

#[test]
fn good_copies_verify_and_every_record_opens() {
    let home = Home::backed_up("verified");
    home.run(&["verify"]).ended(0).says("good");
    let opened = home.run(&["verify", "--open"]).ended(0);
    assert_eq!(opened.out.matches("1 records, 1 opened").count(), 2, "{}", opened.out);
}

#[test]
fn a_pc_whose_copies_share_one_disk_is_not_ready_to_wipe() {
    let home = Home::backed_up("not-ready");
    let said = home.changes_nothing(&["ready", &old_laptop(), "--certificate", "wiped.txt"]).ended(5);
    assert!(said.out.contains("Do not wipe this PC yet."), "{}", said.out);
    assert!(said.err.contains("try: keystow vault place add"), "{}", said.err);
    Home::new("not-ready-without-vault").run(&["ready", &old_laptop()]).ended(5).says("there is no vault yet");
}

#[test]
fn a_second_backup_adds_no_record() {
    let home = Home::backed_up("again");
    home.changes_nothing(&["backup", &old_laptop()]).ended(0).says("Nothing new: it is all in the vault.");
}

#[test]
fn a_named_place_gets_a_copy_at_the_first_backup_and_later() {
    let home = Home::new("named-place");
    let (stick, disk) = (home.folder("stick"), home.folder("disk"));
    home.run(&["backup", &old_laptop(), "--to", &stick]).ended(0);
    assert!(home.dir.join("stick/keystow-vault/vault.json").is_file());
    assert!(!home.data("vault-second-copy").exists(), "the named place is the second copy");
    home.run(&["backup", &old_laptop(), "--to", &disk]).ended(0);
    home.run(&["verify", "--open"]).ended(0).says("disk/keystow-vault");
}
