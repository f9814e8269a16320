//! Giving product keys back, and taking them over from elsewhere.

use std::fs;

use crate::home::{Home, OLD_LAPTOP_KEYS, PRO_KEY, mode, old_laptop, text};

/// The product key in the old laptop's firmware, `k2`.
const FIRMWARE: &str = OLD_LAPTOP_KEYS[1];

#[test]
fn an_item_is_given_back_where_it_fits_and_refused_where_it_does_not() {
    let home = Home::backed_up("fits");
    home.changes_nothing(&["restore", "k2", "--for", &old_laptop()]).ended(0).says("it fits");
    let said =
        home.changes_nothing(&["restore", "k2", "--for", "Professional", "--setup", "."]).failed(16, "does not fit");
    assert!(said.err.contains("try: keystow list --fits"), "{}", said.err);
    home.run(&["fit", "k2", "--for", "Home"]).ended(0);
    home.run(&["fit", "k2", "--for", "Professional"]).ended(5);
    home.run(&["list", "--fits", &old_laptop()]).ended(0).says("k2");
}

#[test]
fn an_oem_item_does_not_move_to_another_mainboard() {
    let home = Home::backed_up("other-board");
    for file in ["SOFTWARE", "SYSTEM"] {
        let below = format!("Windows/System32/config/{file}");
        home.file(&format!("other/{below}"), fs::read(format!("{}/{below}", old_laptop())).unwrap());
    }
    let board = keystow_makers::acpi::MsdmTable { data: PRO_KEY.as_bytes(), ..Default::default() };
    home.file("other/msdm.bin", board.make());
    let said = home.changes_nothing(&["restore", "k2", "--for", "other"]).failed(17, "came with another PC");
    assert!(said.err.contains("own firmware"), "{}", said.err);
}

#[test]
fn a_product_key_is_shown_whole_only_when_asked() {
    let home = Home::backed_up("reveal");
    assert!(!home.run(&["restore", "k2"]).ended(0).out.contains(FIRMWARE));
    home.run(&["restore", "k2", "--reveal"]).ended(0).says(FIRMWARE);
    home.run(&["restore", "o2", "--export", "o2.txt"]).failed(10, "no whole product key");
}

#[test]
fn a_plain_file_is_its_owners_alone_and_replaces_none() {
    let home = Home::backed_up("plain");
    for format in ["txt", "csv", "json"] {
        let name = format!("k2.{format}");
        let args = ["restore", "k2", "--export", &name, "--format", format];
        home.run(&args).ended(0).says("Delete it when you are done");
        let path = home.dir.join(&name);
        assert!(fs::read_to_string(&path).unwrap().contains(FIRMWARE));
        assert_eq!(mode(&path), 0o600);
        home.changes_nothing(&args).failed(1, "File exists");
    }
}

#[test]
fn setup_gets_its_three_files_in_the_form_that_it_reads() {
    let home = Home::backed_up("setup");
    let media = home.folder("media");
    home.changes_nothing(&["restore", "k2", "--setup", &media, "--dry-run"]).ended(0).says("Dry run");
    home.run(&["restore", "k2", "--setup", &media]).ended(0);
    let read = |name: &str| fs::read_to_string(home.dir.join("media").join(name)).unwrap();
    assert_eq!(read("sources/PID.txt"), format!("[PID]\r\nValue={FIRMWARE}\r\n"));
    assert_eq!(read("sources/ei.cfg"), "[EditionID]\r\nCore\r\n[Channel]\r\nOEM\r\n[VL]\r\n0\r\n");
    let answers = read("unattend.xml");
    assert!(answers.contains(&format!("<Key>{FIRMWARE}</Key>")), "{answers}");
    assert_eq!(unclosed(&answers), Vec::<String>::new());
    home.changes_nothing(&["restore", "k2", "--setup", &media]).failed(1, "is there already");
}

/// The elements of a text without comments that are not closed in order: none when it is well-formed.
fn unclosed(xml: &str) -> Vec<String> {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1).map(|part| part.split('>').next().unwrap()) {
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap().to_owned();
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_ref(), Some(&name));
        } else if !tag.starts_with('?') && !tag.ends_with('/') {
            open.push(name);
        }
    }
    open
}

#[test]
fn what_is_exported_and_imported_keeps_product_edition_channel_and_note() {
    let from = Home::backed_up("export");
    from.typed(&["add", "--note", "sticker, lid"], PRO_KEY).ended(0);
    let facts = |home: &Home| {
        let list = home.run(&["list", "--json", "--reveal"]).ended(0).json();
        let names = ["product_key", "product", "edition", "channel", "note", "verdict"];
        let items = list["items"].as_array().unwrap();
        let mut rows: Vec<String> =
            items.iter().map(|item| names.map(|name| item[name].to_string()).join(" ")).collect();
        rows.sort();
        rows
    };
    from.run(&["export", "--format", "json", "--output", "all.json"]).ended(0);
    let to = Home::new("import");
    to.run(&["vault", "init"]).ended(0);
    to.run(&["import", &text(&from.dir.join("all.json"))]).ended(0).says("Imported 6 product keys.");
    assert_eq!(facts(&to), facts(&from));
    to.changes_nothing(&["import", &text(&from.dir.join("all.json"))]).ended(0).says("in the vault already");
}

#[test]
fn lists_of_other_programs_are_taken_over() {
    let home = Home::new("other-lists");
    home.run(&["vault", "init"]).ended(0);
    let csv = format!("Product,Product Key\r\nWindows 11 Pro,{PRO_KEY}\r\n");
    let report = format!(
        "==================================================\r\nProduct Name      : Windows 7 Home Premium\r\n\
         Product ID        : 00359-OEM-8912341-20026\r\nProduct Key       : {}\r\n\
         ==================================================\r\n",
        OLD_LAPTOP_KEYS[2]
    );
    let utf16: Vec<u8> = format!("\u{FEFF}Name;Key\r\nOffice Standard 2010;{}\r\n", OLD_LAPTOP_KEYS[3])
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    home.file("list.csv", csv);
    home.file("report.txt", report);
    home.file("wide.csv", utf16);
    home.run(&["import", "list.csv", "report.txt", "wide.csv"]).ended(0).says("Imported 3 product keys.");
    let listed = home.run(&["list"]).ended(0).out;
    for (partial, product) in
        [("T83GX", "Windows 11 Pro"), ("XM76F", "Windows 7 Home Premium"), ("8R6BM", "Office Standard 2010")]
    {
        assert!(listed.lines().any(|line| line.contains(partial) && line.contains(product)), "{partial}: {listed}");
    }
}

#[test]
fn what_is_forgotten_is_kept_for_a_while_and_comes_back_with_a_backup() {
    let home = Home::backed_up("forget");
    home.changes_nothing(&["forget", "k1", "--dry-run"]).ended(0).says("Nothing was forgotten.");
    home.run(&["forget", "k1"]).ended(0).says("Forgotten.");
    assert!(!home.run(&["list"]).ended(0).out.contains("8HVX7"));
    home.run(&["list", "--retired"]).ended(0).says("retired");
    home.run(&["vault", "prune"]).ended(0).says("0 items are gone");
    home.run(&["backup", &old_laptop()]).ended(0).says("Backed up");
    home.run(&["list"]).ended(0).says("8HVX7");
}

#[test]
fn after_a_change_of_the_phrase_the_old_one_opens_no_copy() {
    let home = Home::backed_up("rekey");
    let old = home.file("old.txt", fs::read(home.data("RECOVERY-PHRASE.txt")).unwrap());
    home.changes_nothing(&["vault", "rekey", "--dry-run"]).ended(0).says("Dry run");
    home.run(&["vault", "rekey"]).ended(0).says("The recovery phrase is changed");
    let new = text(&home.data("RECOVERY-PHRASE.txt"));
    assert_ne!(fs::read(&old).unwrap(), fs::read(&new).unwrap());
    let words = fs::read_to_string(&new).unwrap();
    assert_eq!(words.lines().count(), 1, "a dead phrase is not left lying about");
    for copy in ["vault", "vault-second-copy"] {
        let copy = text(&home.data(copy));
        home.changes_nothing(&["list", "--vault", &copy, "--passphrase-file", &old]).failed(12, "phrase");
        home.changes_nothing(&["list", "--vault", &copy, "--passphrase-file", &new]).ended(0).says("FC2HD");
    }
    home.run(&["verify", "--open"]).ended(0);
}
