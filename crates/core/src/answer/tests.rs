use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;

fn pro() -> ProductKey {
    ProductKey::parse("W269N-WFGWX-YVC9B-4J6C9-T83GX").unwrap()
}

/// Every element with its depth and attributes, and every text; panics where the XML is not well-formed.
fn elements(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut seen = Vec::new();
    let mut open = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                seen.push(format!("{open} {}", &*start));
                open += 1;
            }
            Event::End(_) => open -= 1,
            Event::Text(text) => seen.extend(Some(text.trim().to_owned()).filter(|t| !t.is_empty())),
            Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(open, 0);
    seen
}

#[test]
fn the_answer_file_has_the_exact_form() {
    let file = unattend(Some(&pro()), &[Architecture::Amd64], Passes::Both).unwrap();
    let rest = "publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" versionScope=\"nonSxS\"";
    assert_eq!(
        elements(&file),
        [
            "0 unattend xmlns=\"urn:schemas-microsoft-com:unattend\"",
            "1 settings pass=\"windowsPE\"",
            &format!("2 component name=\"Microsoft-Windows-Setup\" processorArchitecture=\"amd64\" {rest}"),
            "3 UserData",
            "4 ProductKey",
            "5 Key",
            "W269N-WFGWX-YVC9B-4J6C9-T83GX",
            "5 WillShowUI",
            "OnError",
            "4 AcceptEula",
            "true",
            "1 settings pass=\"specialize\"",
            &format!("2 component name=\"Microsoft-Windows-Shell-Setup\" processorArchitecture=\"amd64\" {rest}"),
            "3 ProductKey",
            "W269N-WFGWX-YVC9B-4J6C9-T83GX",
        ]
    );
    assert!(file.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n") && file.ends_with("</unattend>\r\n"));
    assert_eq!(file.matches('\n').count(), file.matches("\r\n").count());
}

#[test]
fn each_pass_can_stand_alone() {
    let only = |passes| elements(&unattend(Some(&pro()), &[Architecture::X86], passes).unwrap()).join("\n");
    assert!(!only(Passes::WindowsPe).contains("specialize") && only(Passes::WindowsPe).contains("windowsPE"));
    assert!(!only(Passes::Specialize).contains("windowsPE") && only(Passes::Specialize).contains("specialize"));
}

#[test]
fn without_a_product_key_setup_takes_the_one_in_firmware() {
    for passes in [Passes::Both, Passes::WindowsPe, Passes::Specialize] {
        let file = unattend(None, &[Architecture::Amd64], passes).unwrap();
        let seen = elements(&file);
        assert_eq!(seen[4..], ["4 ProductKey", "5 WillShowUI", "Never", "4 AcceptEula", "true"], "{passes:?}");
        assert_eq!(read_setup_key(&file), None);
    }
}

#[test]
fn every_architecture_has_its_component_and_the_room_suffices() {
    let all = [Architecture::Amd64, Architecture::Arm64, Architecture::X86];
    let file = unattend(Some(&pro()), &all, Passes::Both).unwrap();
    let seen = elements(&file);
    for architecture in all {
        let mark = format!("processorArchitecture=\"{}\"", architecture.as_str());
        assert_eq!(seen.iter().filter(|element| element.contains(&mark)).count(), 2);
    }
    assert_eq!(file.capacity(), 300 + 1200 * 3, "it never grew");
    assert_eq!(unattend(None, &[], Passes::Both), Err(AnswerError::Architecture));
}

#[test]
fn the_small_files_have_the_exact_form() {
    assert_eq!(*pid_txt(&pro()), "[PID]\r\nValue=W269N-WFGWX-YVC9B-4J6C9-T83GX\r\n");
    assert_eq!(
        ei_cfg(Some("Professional"), MediaChannel::Retail, false).unwrap(),
        "[EditionID]\r\nProfessional\r\n[Channel]\r\nRetail\r\n[VL]\r\n0\r\n"
    );
    assert_eq!(
        ei_cfg(None, MediaChannel::Volume, true).unwrap(),
        "[EditionID]\r\n\r\n[Channel]\r\nVolume\r\n[VL]\r\n1\r\n"
    );
    assert_eq!(ei_cfg(Some("Pro\r\n[VL]"), MediaChannel::Oem, false), Err(AnswerError::Edition { found: '\r' }));
}

#[test]
fn setup_files_of_other_writers_are_read() {
    for text in [
        "[PID]\nValue=W269N-WFGWX-YVC9B-4J6C9-T83GX",
        "; by hand\r\n[pid]\r\n value = w269nwfgwxyvc9b4j6c9t83gx\r\n",
        "<unattend><!-- <Key>x</Key> --><ProductKey>\n W269N-WFGWX-YVC9B-4J6C9-T83GX </ProductKey></unattend>",
        "\u{FEFF}<?xml version='1.0'?><a:ProductKey><a:WillShowUI>Never</a:WillShowUI>\
         <a:Key>W269N-WFGWX-YVC9B-4J6C9-T83GX</a:Key></a:ProductKey>",
        "<u><ProductKey><Key>00000-00000-00000-00000-00000</Key></ProductKey><ProductKey>\
         W269N-WFGWX-YVC9B-4J6C9-T83GX</ProductKey><damaged",
    ] {
        assert_eq!(read_setup_key(text), Some(pro()), "{text}");
    }
    for text in [
        "",
        "[Other]\nValue=W269N-WFGWX-YVC9B-4J6C9-T83GX",
        "<Key>W269N-WFGWX-YVC9B-4J6C9-T83GX</Key>",
        "<ProductKey>BBBBB-BBBBB-BBBBB-BBBBB-BBBBB</ProductKey>",
    ] {
        assert_eq!(read_setup_key(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn every_product_key_is_read_back(bytes: [u8; 15]) {
        let mut packed = [0; 16];
        packed[..15].copy_from_slice(&bytes);
        packed[14] &= 0x0F;
        if let Ok(key) = ProductKey::unpack(&packed) && !key.is_blank() {
            let file = unattend(Some(&key), &[Architecture::Arm64], Passes::Specialize).unwrap();
            prop_assert_eq!(read_setup_key(&file), Some(key.clone()));
            prop_assert_eq!(read_setup_key(&pid_txt(&key)), Some(key));
        }
    }

    #[test]
    fn any_text_is_read(text in "[<>/a-zA-Z=&; \\[\\]]{0,80}") {
        let _ = read_setup_key(&text);
    }
}
