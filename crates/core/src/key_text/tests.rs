use proptest::prelude::*;

use super::*;

const PRO: &str = "W269N-WFGWX-YVC9B-4J6C9-T83GX";
const RETAIL: &str = "VK7JG-NPHTM-C97JM-9MPGT-3V66T";
const OFFICE: &str = "XQNVK-8JYDB-WJ9W3-YJ8YR-WFG99";
const SEVEN: &str = "FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4";

/// Findings as `line:column last five "label"`, an ellipsis before those that are partial.
fn listing(text: &str) -> Vec<String> {
    let show = |finding: &TextFinding| {
        let key = match &finding.found {
            Found::Whole(key) => key.partial().to_string(),
            Found::Partial(partial) => format!("…{partial}"),
        };
        let Place { line, column } = finding.place;
        format!("{line}:{column} {key} {}", finding.label.as_deref().unwrap_or("-"))
    };
    find(text).findings.iter().map(show).collect()
}

fn problems(text: &str) -> Vec<String> {
    find(text).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_typed_list_gives_every_line_but_comments() {
    let text = format!("# mine\r\n{PRO}\r\n\r\n  {}\n; spare\nW269N\r// end\r{OFFICE}", RETAIL.to_lowercase());
    let list: Vec<_> = lines(&text).map(|(line, key)| (line, key.map(|k| k.partial().to_string()))).collect();
    assert_eq!(
        list,
        [
            (2, Ok("T83GX".to_owned())),
            (4, Ok("3V66T".to_owned())),
            (6, Err(KeyError::Length { found: 5, group: None })),
            (8, Ok("WFG99".to_owned())),
        ]
    );
}

#[test]
fn reports_with_fields_give_the_product_name_of_their_record() {
    let rule = "=".repeat(50);
    let text = format!(
        "{rule}\nProduct Name      : Windows 10 Pro\nProduct ID        : 00330-80000-00000-AA965\n\
         Product Key       : {PRO}\nInstallation Folder : C:\\Windows\n{rule}\n\n{rule}\n\
         Product Name      : Microsoft Office 2016\nProduct Key       : {OFFICE}\n{rule}\n"
    );
    assert_eq!(listing(&text), ["4:21 T83GX Windows 10 Pro", "10:21 WFG99 Microsoft Office 2016"]);
    assert_eq!(problems(&text), [""; 0]);
}

#[test]
fn a_firmware_product_key_does_not_take_the_name_of_what_is_installed() {
    let text = format!("Product Name: Windows 10 Pro\nInstalled Key: {PRO}\nOEM Key: {RETAIL}\n");
    assert_eq!(listing(&text), ["2:16 T83GX Windows 10 Pro", "3:10 3V66T OEM Key"]);
    assert_eq!(listing(&format!("Installed Key: {PRO}")), ["1:16 T83GX Installed Key"]);
}

#[test]
fn headings_and_own_words_are_labels() {
    let text = format!(
        "Windows 10 Pro\n  Product ID: 00330-80000-00000-AA965\n  CD Key: {PRO}\n\nOffice 2016\n-----------\n\
         Key: {OFFICE}\nlaptop in the kitchen: {SEVEN}\nWindows 11 Home {RETAIL}, bought 2023\n"
    );
    assert_eq!(
        listing(&text),
        [
            "3:11 T83GX Windows 10 Pro",
            "7:6 WFG99 Office 2016",
            "8:24 GPDD4 laptop in the kitchen",
            "9:17 3V66T Windows 11 Home"
        ]
    );
}

#[test]
fn names_may_stand_behind_the_product_keys_of_a_line() {
    let text = format!("{PRO} Windows 10 Pro, {OFFICE} Office 2016");
    assert_eq!(listing(&text), ["1:1 T83GX Windows 10 Pro", "1:47 WFG99 Office 2016"]);
    let json = format!(
        "[{{\"name\":\"Windows 10 Pro\",\"key\":\"{PRO}\"}},{{\"name\":\"Office 2016\",\"key\":\"{OFFICE}\"}}]"
    );
    assert_eq!(listing(&json), ["1:34 T83GX Windows 10 Pro", "1:95 WFG99 Office 2016"]);
}

#[test]
fn html_hides_nothing() {
    let text = format!(
        "<html><body>\n<table><tr><th>Product<th>Key\n<tr><td nowrap>Windows 10 Pro</td>\n<td>{PRO}</td></tr>\n\
         <tr><td>Office&nbsp;2016<td>XQNVK-8JYDB-<wbr>WJ9W3&#45;YJ8YR&ndash;<b>WFG99</b></tr></table>"
    );
    assert_eq!(listing(&text), ["4:5 T83GX Windows 10 Pro", "5:29 WFG99 Office 2016"]);
}

#[test]
fn what_stands_above_or_in_the_same_cell_is_understood() {
    let wmic = format!("OA3xOriginalProductKey         \r\r\n{PRO}  \r\r\n");
    assert_eq!(listing(&wmic), ["3:1 T83GX OA3xOriginalProductKey"]);
    let belarc =
        format!("<tr><td>Microsoft – Windows 10 Pro (x64)</td><td>00330-80000-00000-AA965 (Key:&nbsp;{PRO})</td></tr>");
    assert_eq!(listing(&belarc), ["1:85 T83GX Microsoft – Windows 10 Pro"]);
    let ospp = "LICENSE NAME: Office 16, ProPlus edition\nLICENSE STATUS: x\nLast 5 characters of installed product key: WFG99";
    assert_eq!(listing(ospp), ["3:45 …WFG99 Office 16, ProPlus edition"]);
    let produkey = format!("Windows 10 Pro,00330-80000-00000-AA965,{PRO},C:\\Windows,Service Pack 0,PC1\n");
    assert_eq!(listing(&produkey), ["1:40 T83GX Windows 10 Pro"]);
    let json = format!(
        "{{\n \"licenseinfos\": [\n  {{\n   \"fullname\": \"Microsoft Office 2016\",\n   \"key\": \"{OFFICE}\"\n  }}\n ]\n}}"
    );
    assert_eq!(listing(&json), ["5:12 WFG99 Microsoft Office 2016"]);
}

#[test]
fn xml_records_keep_apart_and_attributes_are_read() {
    let text = format!(
        "<?xml version=\"1.0\"?>\n<CONTENT>\n <LICENSEINFOS>\n  <KEY>{PRO}</KEY>\n  <FULLNAME>Windows 10 Pro</FULLNAME>\n \
         </LICENSEINFOS>\n <LICENSEINFOS>\n  <KEY>{OFFICE}</KEY>\n  <FULLNAME>Office 2016</FULLNAME>\n \
         </LICENSEINFOS>\n</CONTENT>"
    );
    assert_eq!(listing(&text), ["4:8 T83GX Windows 10 Pro", "8:8 WFG99 Office 2016"]);
    let text = format!("<Configuration>\n<Add><Product ID=\"ProPlusVolume\" PIDKEY=\"{OFFICE}\">\n</Product></Add>\n");
    assert_eq!(listing(&text)[0].split(' ').take(2).collect::<Vec<_>>(), ["2:42", "WFG99"]);
    let text = format!("<PIDKEY Value=\"{}\"/>", OFFICE.replace('-', ""));
    assert_eq!(listing(&text)[0].split(' ').take(2).collect::<Vec<_>>(), ["1:16", "WFG99"]);
}

#[test]
fn masked_keys_are_partial() {
    for masked in [
        "XXXXX-XXXXX-XXXXX-XXXXX-T83GX",
        "*****-*****-*****-*****-T83GX",
        "•••••-•••••-•••••-•••••-T83GX",
        "*****-*****-YVC9B-4J6C9-T83GX",
        "xxxxx-xxxxx-xxxxx-xxxxx-t83gx",
    ] {
        assert_eq!(listing(&format!("Windows 10 Pro: {masked}")), ["1:17 …T83GX Windows 10 Pro"], "{masked}");
    }
    for field in ["Partial Product Key: T83GX", "PartialProductKey=T83GX", "\"PartialProductKey\": \"T83GX\","] {
        let found = listing(&format!("Name: Windows(R), Professional edition\n{field}"));
        assert!(found[0].ends_with("…T83GX Windows(R), Professional edition"), "{found:?}");
    }
}

#[test]
fn blanks_and_placeholders_are_nothing() {
    for text in [
        "BBBBB-BBBBB-BBBBB-BBBBB-BBBBB",
        "XXXXX-XXXXX-XXXXX-XXXXX-XXXXX",
        "00000-00000-00000-00000-00000",
        "*****-*****-*****-*****-*****",
        "W269N-*****-*****-*****-*****",
        "4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c",
        "03612-03308-000-000000-00-1033-26100.0000-3102025",
        "00330-80000-00000-AA965",
        "https://example.org/after-these-years-still-alive",
        "W269N-WFGWX-YVC9B-4J6C9-T83GX-12345",
        "AAW269N-WFGWX-YVC9B-4J6C9-T83GXA",
        "W269N-WFGWX-YVC9B-4J6C9-T83GXé",
        "BCDFGHJKMPQRTVWXYBCDFGHJK",
    ] {
        let scan = find(text);
        assert!(scan.findings.is_empty() && scan.problems.is_empty(), "{text}: {scan:?}");
    }
}

#[test]
fn marks_around_a_product_key_do_not_hide_it() {
    for text in
        [format!("**{PRO}**"), format!("({PRO})."), format!("key_{PRO}_1"), format!("- {PRO} -"), format!("“{PRO}”")]
    {
        assert_eq!(find(&text).findings.len(), 1, "{text}");
    }
    for text in
        [PRO.replace('-', " "), PRO.replace('-', ""), PRO.replace('-', "–"), PRO.to_lowercase(), SEVEN.replace('-', "")]
    {
        assert_eq!(find(&text).findings.len(), 1, "{text}");
    }
}

#[test]
fn a_mistyped_product_key_is_a_problem_with_its_place() {
    let text = "mine:\nWindows 10: W269N-WFGWX-YVC9B-4J6O9-T83GX\nspare W269N-WFGWX-YVC9B-4J6C9-T83G\n";
    assert_eq!(listing(text), [""; 0]);
    assert_eq!(
        problems(text),
        [
            "line 2, column 13: character 19 is 'O', which no product key contains",
            "line 3, column 7: a product key has 25 characters, here are 24 (group 5 has 4 instead of 5)",
        ]
    );
}

#[test]
fn tables_are_read_by_their_columns() {
    let rows = |s: &str, text: &str| text.replace('|', s);
    for separator in [",", ";", "\t"] {
        let text = rows(
            separator,
            &format!(
                "Computer|Product Name|Product Key\r\nPC1|Windows 10 Pro|{PRO}\r\nPC2|\"Office\r\n2016\"|\"{OFFICE}\"\r\nPC3|Old|VK7JG-NPHTM\r\n"
            ),
        );
        assert_eq!(listing(&text), ["2:20 T83GX Windows 10 Pro", "4:8 WFG99 Office 2016"]);
        assert_eq!(problems(&text), [""; 0]);
    }
    let text = format!("title,license key\nMine,{}\nOther,W269N-WFGWX-YVC9B-4J6C9\nLast,T83GX\n", PRO.replace('-', ""));
    assert_eq!(listing(&text), ["2:6 T83GX Mine", "4:6 …T83GX Last"]);
    assert_eq!(problems(&text), ["line 3, column 7: a product key has 25 characters, here are 20"]);
}

#[test]
fn powershell_and_excel_tables_begin_with_a_line_of_their_own() {
    let text = "#TYPE Selected\r\n\"Name\",\"PartialProductKey\"\r\n\"Windows\",\"T83GX\"\r\n";
    assert_eq!(listing(text), ["3:12 …T83GX Windows"]);
    assert_eq!(listing(&format!("sep=|\nname|key\nHome|{PRO}\n")), ["3:6 T83GX Home"]);
}

#[test]
fn product_keys_in_notes_of_a_password_manager_carry_its_title() {
    let text = format!("name,notes,password\nWindows at home,\"bought 2020\n{PRO}\",x\n");
    assert_eq!(listing(&text), ["3:1 T83GX Windows at home"]);
}

#[test]
fn a_table_with_an_open_quote_is_read_as_text() {
    assert_eq!(listing(&format!("name,key\n\"Windows 10,{PRO}\n")), ["2:13 T83GX Windows 10"]);
}

#[test]
fn labels_never_hold_a_product_key() {
    let text = format!("{PRO}\nName: {}\nkey {RETAIL}", &PRO[..28]);
    for finding in find(&text).findings {
        assert!(finding.label.is_none_or(|label| !label.contains("WFGWX")));
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in "[\\PC\n\r]{0,200}") {
        let _ = (find(&text), lines(&text).count());
    }

    #[test]
    fn a_product_key_is_found_at_its_place(before in "[ .,:;|<&\n]{0,30}", after in "[ .,:;|<&\n]{0,30}") {
        let text = format!("{before}{PRO}{after}");
        let findings = find(&text).findings;
        prop_assert_eq!(findings.len(), 1);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        prop_assert_eq!(findings[0].place, Place { line, column });
    }
}
