use proptest::prelude::*;

use super::*;

/// `DigitalProductId` of a published product key, cut to its first bytes, as regedit writes it.
const PASTED: &str =
    "\"DigitalProductId\"=hex:a4,00,00,00,03,00,00,00,30,30,33,33,30,2d,38,30,30,30,\\\r\n  30,2d,30,30\r\n";

fn parse(text: &str) -> RegFile {
    RegFile::parse(text.as_bytes()).unwrap()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Every value as `root path|name=kind:data`, which is what the tests compare.
fn listing(file: &RegFile) -> Vec<String> {
    let mut lines = Vec::new();
    for node in file.nodes() {
        for value in &node.values {
            let data: String = value.data().iter().map(|b| format!("{b:02x}")).collect();
            lines.push(format!("{:?} {}|{}={}:{data}", node.root, node.path, value.name, value.kind));
        }
    }
    lines
}

#[test]
fn every_kind_of_data_becomes_what_a_hive_holds() {
    let file = parse(
        "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Test]\r\n@=\"d\"\r\n\
         \"text\"=\"a\\\\b\\\"c\"\r\n\"dword\"=dword:0000001f\r\n\"qword\"=hex(b):01,00,00,00,00,00,00,80\r\n\
         \"expand\"=hex(2):41,00,00,00\r\n\"none\"=hex(0):\r\n\"hivex\"=str(2):\"e\"\r\n",
    );
    let path = "LocalMachine SOFTWARE\\Test";
    assert_eq!(file.problems(), []);
    assert_eq!(
        listing(&file),
        [
            format!("{path}|=1:64000000"),
            format!("{path}|text=1:61005c006200220063000000"),
            format!("{path}|dword=4:1f000000"),
            format!("{path}|qword=11:0100000000000080"),
            format!("{path}|expand=2:41000000"),
            format!("{path}|none=0:"),
            format!("{path}|hivex=2:65000000"),
        ]
    );
}

#[test]
fn a_pasted_value_line_is_enough() {
    for text in [PASTED.to_owned(), PASTED.replace("\r\n", "\n"), PASTED.replace("\r\n", "\r")] {
        let file = parse(&text);
        let value = file.node(Root::Unnamed, "").unwrap().value("digitalproductid").unwrap();
        assert_eq!((value.kind, value.line, value.data().len()), (3, 1, 22));
        assert_eq!(value.data()[..4], [0xA4, 0, 0, 0]);
    }
}

#[test]
fn all_encodings_and_line_ends_give_the_same() {
    let text = "Windows Registry Editor Version 5.00\r\n\r\n[HKLM\\Grün]\r\n\"a\"=\"ä\"\r\n";
    let utf16 = |text: &str| wide(text);
    let expected = listing(&parse(text));
    assert_eq!(expected, ["LocalMachine Grün|a=1:e4000000"]);
    for bytes in [
        utf16(text),
        utf16(&format!("\u{FEFF}{text}")),
        utf16(&format!("\u{FEFF}\u{FEFF}{text}")),
        format!("\u{FEFF}{text}").into_bytes(),
        text.replace("\r\n", "\n").into_bytes(),
        text.replace("\r\n", "\r").into_bytes(),
        text.chars().map(|c| c as u8).collect(),
        text.replace("Windows Registry Editor Version 5.00", "REGEDIT4").into_bytes(),
        text.replace("Windows Registry Editor Version 5.00", "").into_bytes(),
    ] {
        assert_eq!(listing(&RegFile::parse(&bytes).unwrap()), expected);
    }
}

#[test]
fn continued_bytes_may_have_trailing_blanks_comments_and_blank_lines() {
    let file = parse("[HKLM\\A]\n\"x\"=hex:01,\\  \n\n  ; why\n  02,\\ ; because\n  03 ; end\n\"y\"=dword:1\n");
    assert_eq!(listing(&file), ["LocalMachine A|x=3:010203", "LocalMachine A|y=4:01000000"]);
    assert_eq!(file.problems(), []);
}

#[test]
fn ansi_exports_keep_text_data_in_one_byte_a_character() {
    let file = parse("REGEDIT4\n[HKCR\\A]\n\"x\"=hex(2):80,00\n\"y\"=hex(7):61,00,00\n\"z\"=hex:80\n");
    assert_eq!(
        listing(&file),
        ["ClassesRoot A|x=2:ac200000", "ClassesRoot A|y=7:610000000000", "ClassesRoot A|z=3:80"]
    );
}

#[test]
fn later_sections_add_replace_and_delete() {
    let file = parse(
        "[HKLM\\A]\n\"x\"=\"1\"\n\"y\"=dword:1\n[HKLM\\A\\B]\n\"z\"=dword:2\n[HKLM\\AB]\n@=dword:3\n\
         [HKEY_LOCAL_MACHINE\\a]\n\"X\"=dword:9\n\"Y\"=-\n[-HKLM\\A\\b]\n\"lost\"=dword:1\n[HKLM\\C]\n[-HKLM\\C]\n",
    );
    assert_eq!(listing(&file), ["LocalMachine A|X=4:09000000", "LocalMachine AB|=4:03000000"]);
    assert!(file.node(Root::LocalMachine, "A\\B").is_none());
    assert_eq!(file.nodes().len(), 2);
    assert_eq!(file.problems(), []);
}

#[test]
fn deleting_a_node_deletes_what_is_below_and_nothing_beside() {
    let file = parse("[HKLM\\A]\n[HKLM\\A\\B]\n[HKLM\\A\\B\\C]\n[HKLM\\A B]\n[HKCU\\A\\B]\n[-HKLM\\A]\n[HKLM\\A]\n");
    let paths: Vec<_> = file.nodes().iter().map(|node| (node.root, node.path.as_str(), node.line)).collect();
    assert_eq!(paths, [(Root::LocalMachine, "A B", 4), (Root::CurrentUser, "A\\B", 5), (Root::LocalMachine, "A", 7)]);
}

#[test]
fn children_are_found_below_any_spelling_and_without_their_own_section() {
    let file = parse(
        "[HKLM\\Soft\\B\\C\\D]\n[HKLM\\SOFT\\b]\n[HKLM\\Soft\\A B]\n[HKLM\\Soft\\A]\n[HKLM\\Soft\\A\\Z]\n[HKLM\\Software]\n",
    );
    assert_eq!(file.children(Root::LocalMachine, "soft"), ["A", "A B", "b"]);
    assert_eq!(file.children(Root::LocalMachine, ""), ["Soft", "Software"]);
    assert_eq!(file.children(Root::LocalMachine, "SOFT\\B"), ["C"]);
    assert_eq!(file.children(Root::Users, ""), [""; 0]);
}

#[test]
fn texts_may_span_lines_but_a_forgotten_quote_loses_one_value_only() {
    let file = parse("[HKLM\\A]\n\"m\"=\"one\ntwo\"\n\"bad\"=\"open\n\"good\"=\"x\"\n");
    assert_eq!(file.nodes()[0].value("m").unwrap().data(), wide("one\ntwo\0"));
    assert_eq!(file.nodes()[0].value("good").unwrap().line, 5);
    assert_eq!(file.problems(), [RegFileProblem::Text { line: 4 }]);
}

#[test]
fn what_cannot_be_read_is_listed_with_its_line_and_the_rest_is_there() {
    let file = parse(
        "[HKLM\\A]\n\"a\"=hex:01,0g,\\\n  02,03\n\"b\"=dword:123456789\n\"c\" hex:00\n\"d\"=what:1\nnonsense\n\
         [HKLM\\B\n\"e\"=dword:1\n[HKLM\\C]\n\"f\"=dword:1\n\"g\"=hex:01,02,\\",
    );
    let problems: Vec<String> = file.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "line 2: bytes are pairs of hexadecimal digits between commas, here is 'g'",
            "line 4: a dword needs 1 to 8 hexadecimal digits, here are 9",
            "line 5: the name of the value has no closing quote and equals sign",
            "line 6: the type of the data is none that registry exports use",
            "line 7: this is neither a section, nor a value, nor a comment",
            "line 8: the section has no closing bracket; its values are left out",
            "line 12: the file ends inside this value; 2 bytes of it are there",
        ]
    );
    assert_eq!(listing(&file), ["LocalMachine C|f=4:01000000", "LocalMachine C|g=3:0102"]);
}

#[test]
fn other_files_are_refused() {
    for text in ["", "[PID]\r\nValue=x\r\n", "Dear reader,\n\nhello\n", "{\"name\": \"x\"}", "<html>\n</html>"] {
        assert!(matches!(RegFile::parse(text.as_bytes()), Err(RegFileError::NotAnExport { .. })), "{text}");
    }
    let error = RegFile::parse(b"a\nb\n").unwrap_err().to_string();
    assert_eq!(error, "no registry export: 3 lines hold neither its header, nor a registry path, nor a value");
}

#[test]
fn an_empty_export_is_an_export() {
    assert!(parse("\u{FEFF}Windows Registry Editor Version 5.00\r\n\r\n").nodes().is_empty());
}

#[test]
fn data_is_never_printed() {
    assert_eq!(format!("{:?}", parse(PASTED).nodes()[0].values), "[RegValue(\"DigitalProductId\", kind 3, 22 bytes)]");
}

#[test]
fn a_long_list_of_problems_is_capped() {
    let file = parse(&format!("[HKLM\\A]\n{}", "?\n".repeat(5000)));
    assert_eq!(file.problems().len(), MAX_PROBLEMS);
}

proptest! {
    #[test]
    fn written_values_are_read_back(name in "[^\r\n\0]{0,20}", text in "[^\r]{0,40}", bytes: Vec<u8>) {
        let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let hex: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let text_in_file = escape(&text);
        let reg = format!(
            "REGEDIT4\n[HKCU\\A]\n\"{0}\"=\"{text_in_file}\"\n\"b{0}\"=hex:{1}\n",
            escape(&name), hex.join(",\\\n  ")
        );
        let file = parse(&reg);
        prop_assert_eq!(file.problems(), []);
        prop_assert_eq!(file.nodes()[0].value(&name).unwrap().data(), wide(&format!("{text}\0")));
        prop_assert_eq!(file.nodes()[0].value(&format!("b{name}")).unwrap().data(), bytes);
    }

    #[test]
    fn any_bytes_are_an_export_or_an_error(bytes: Vec<u8>) {
        let _ = RegFile::parse(&bytes);
    }
}
