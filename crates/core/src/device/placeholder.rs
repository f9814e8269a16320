//! Values that firmware holds when nobody wrote the real ones: the same on many PCs, so they tell none from another.

/// Hardware listings that people published, and the lists that other programs made of such.
const LISTINGS: &str = "published listings";
/// The defaults of GLPI's blacklist.
const GLPI: &str = "GLPI";
/// The list in FreeBSD's `rc.d/hostid`.
const FREEBSD: &str = "FreeBSD";

/// Texts, letters and digits only, upper case, sorted; and where each is known from. Beginnings of `0123456789` and of
/// `1234567890`, and one character repeated, need no row.
const TEXTS: &[(&str, &str)] = &[
    ("ALLSERIES", GLPI),
    ("BASEBOARDSERIALNUMBER", LISTINGS),
    ("CHASSISSERIALNUMBER", LISTINGS),
    ("DEFAULT", LISTINGS),
    ("DEFAULTSTRING", LISTINGS),
    ("EMPTY", GLPI),
    ("EVAL", GLPI),
    ("FILLBYOEM", LISTINGS),
    ("IATPASS", GLPI),
    ("INVALID", GLPI),
    ("MB1234567890", GLPI),
    ("NA", GLPI),
    ("NONE", GLPI),
    ("NOSERIALNUMBER", LISTINGS),
    ("NOTAPPLICABLE", LISTINGS),
    ("NOTAVAILABLE", LISTINGS),
    ("NOTPRESENT", LISTINGS),
    ("NOTSETTABLE", LISTINGS),
    ("NOTSPECIFIED", GLPI),
    ("NULL", LISTINGS),
    ("NULLSTRING", GLPI),
    ("OEM", LISTINGS),
    ("OEMSERIAL", GLPI),
    ("PRODUCTNAME", GLPI),
    ("SERIAL", LISTINGS),
    ("SERIALNUMBER", LISTINGS),
    ("SERIALNUMBERXXXXXX", GLPI),
    ("SN12345", GLPI),
    ("SN1234567890", GLPI),
    ("SYS1234567890", GLPI),
    ("SYS9876543210", GLPI),
    ("SYSTEMMANUFACTURER", GLPI),
    ("SYSTEMNAME", GLPI),
    ("SYSTEMPRODUCTNAME", GLPI),
    ("SYSTEMSERIALNUMB", GLPI),
    ("SYSTEMSERIALNUMBER", GLPI),
    ("TOBEFILLED", LISTINGS),
    ("TOBEFILLEDBYOEM", GLPI),
    ("TYPE2BOARDSERIALNUMBER", LISTINGS),
    ("UNKNOW", GLPI),
    ("UNKNOWN", LISTINGS),
];

/// UUIDs in one of their two byte orders, sorted; and where each is known from.
const UUIDS: &[(u128, &str)] = &[
    (0x00010203_0405_0607_0809_0a0b0c0d0e0f, LISTINGS),
    (0x01020304_0506_0708_090a_0b0c0d0e0f10, LISTINGS),
    (0x01234567_89ab_cdef_0123_456789abcdef, LISTINGS),
    (0x03000200_0400_0500_0006_000700080009, GLPI),
    (0x07090201_0103_0301_0807_060504030201, FREEBSD),
    (0x11111111_2222_3333_4444_555555555555, FREEBSD),
    (0x12345678_1234_5678_1234_567812345678, LISTINGS),
    (0x12345678_1234_5678_90ab_cddeefaabbcc, LISTINGS),
    // A Dell whose service tag is seven spaces, in the two ways that are known.
    (0x4c4c4544_0000_2010_8020_80c04f202020, FREEBSD),
    (0x4c4c4544_0020_2010_8020_a0c04f202020, LISTINGS),
    (0x6ab5b300_538d_1014_9fb5_b0684d007b53, GLPI),
    (0x890e2d14_cacd_45d1_ae66_bc80e8bfeb0f, FREEBSD),
    (0x8e275844_178f_44a8_aceb_a7d7e5178c63, FREEBSD),
    (0xdc698397_fa54_4cf2_82c8_b1b5307a6a7f, FREEBSD),
    (0xdeadbeef_dead_beef_dead_beefdeadbeef, LISTINGS),
];

/// Network addresses of software that look like a maker's, sorted; and where each is known from.
const ADDRESSES: &[(u64, &str)] = &[
    (0x000b_cafe_0000, GLPI),
    (0x00a0_c600_0000, GLPI),
    (0x2041_5359_4eff, GLPI),
    (0x24b6_2052_4153, GLPI),
    (0x5050_5450_3030, GLPI),
];
/// How the addresses begin that VMware gives its adapters on the host.
const VMWARE_HOST: [u8; 4] = [0x00, 0x50, 0x56, 0xC0];
/// A serial number has at least this many letters and digits.
const SHORTEST_SERIAL: usize = 3;

/// Whether a serial number is none: a placeholder, or too short for one.
pub(super) fn is_serial(value: &str) -> bool {
    is_text(value) || squeezed(value).len() < SHORTEST_SERIAL
}

/// Whether a text says nothing: a known placeholder, no letter or digit, one character repeated, counted digits, or
/// damaged.
pub(super) fn is_text(value: &str) -> bool {
    let text = squeezed(value);
    let known = TEXTS.binary_search_by_key(&text.as_str(), |(known, _)| known).is_ok();
    known || is_repeated(text.as_bytes()) || is_counted(text.as_bytes()) || value.contains(char::REPLACEMENT_CHARACTER)
}

/// Whether a UUID, in this byte order, is on many PCs.
pub(super) fn is_uuid(bytes: [u8; 16]) -> bool {
    let number = u128::from_be_bytes(bytes);
    // FreeBSD knows PCs where only the first bytes differ from all ones.
    let unset = number & !0 >> 32 == !0 >> 32;
    is_repeated(&bytes) || unset || UUIDS.binary_search_by_key(&number, |(known, _)| *known).is_ok()
}

/// Whether a network address is no adapter's own: all zeros, of a group, or made up by software, as its two lowest bits
/// say.
pub(super) fn is_mac(address: [u8; 6]) -> bool {
    let [a, b, c, d, e, f] = address;
    let number = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let known = ADDRESSES.binary_search_by_key(&number, |(known, _)| *known).is_ok();
    number == 0 || a & 0b11 != 0 || known || address.starts_with(&VMWARE_HOST)
}

/// The letters and digits, upper case.
fn squeezed(value: &str) -> String {
    value.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

fn is_repeated(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| bytes.first() == Some(byte))
}

/// `0123…` or `1234…`, past 9 on with 0. Three zeros may follow, as in `123456789000`.
fn is_counted(text: &[u8]) -> bool {
    let counted = |text: &[u8]| {
        let digits = text.iter().all(u8::is_ascii_digit) && matches!(text.first(), Some(b'0' | b'1'));
        digits && text.array_windows().all(|[digit, next]| (digit - b'0' + 1) % 10 == next - b'0')
    };
    counted(text) || text.strip_suffix(b"000").is_some_and(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_where_it_stands() {
        assert!(TEXTS.is_sorted() && UUIDS.is_sorted() && ADDRESSES.is_sorted());
        for (text, _) in TEXTS {
            assert_eq!(squeezed(text), *text);
            assert!(is_text(text) && is_text(&format!(" {} ", text.to_lowercase())), "{text}");
        }
        for (uuid, _) in UUIDS {
            assert!(is_uuid(uuid.to_be_bytes()), "{uuid:x}");
        }
        for (address, _) in ADDRESSES {
            let [_, _, rest @ ..] = address.to_be_bytes();
            assert!(is_mac(rest), "{address:x}");
            assert!(rest[0] & 0b11 == 0, "{address:x} needs no row");
        }
    }

    #[test]
    fn punctuation_case_and_counting_do_not_hide_a_placeholder() {
        for text in [
            "To Be Filled By O.E.M.",
            "To be filled by O.E.M",
            "Default_string",
            "None",
            "N/A",
            "Type2 - Board Serial Number",
            "",
            "   ",
            "..................",
            "0",
            "0000000",
            "FFFFFFFF",
            "xxxxxxxxxxx",
            "XX-XX-XX",
            "0123456789",
            "123456789",
            "1234567890",
            "12345678901234567",
            "123456789000",
            "S\u{fffd}N4411",
        ] {
            assert!(is_serial(text) && is_text(text), "{text:?}");
        }
        assert!(is_serial("A1") && !is_text("T8"), "a short name is one, a short serial number is not");
    }

    #[test]
    fn real_serial_numbers_are_kept() {
        for text in
            ["MB14-990215", "PF1X23ABC", "5CG1234567", "1234567891", "2345678", "/ABC12D3/CN1296158K00AB/", "NONE7"]
        {
            assert!(!is_serial(text), "{text}");
        }
    }

    #[test]
    fn unset_uuids_and_made_up_addresses_are_no_ones_own() {
        for uuid in [[0; 16], [0xFF; 16], [0xFE; 16]] {
            assert!(is_uuid(uuid));
        }
        assert!(is_uuid(0xffffff00_ffff_ffff_ffff_ffffffffffff_u128.to_be_bytes()));
        // The firmware of ASRock puts the network address in front and zeros behind: that is one PC's own.
        assert!(!is_uuid(0x9c6b0076_9cc4_0000_0000_000000000000_u128.to_be_bytes()));
        for address in [[0; 6], [0xFF; 6], [0x02, 0, 0, 0, 0, 1], [0x01, 0, 0x5E, 0, 0, 1], [0, 0x50, 0x56, 0xC0, 0, 8]]
        {
            assert!(is_mac(address), "{address:x?}");
        }
        assert!(!is_mac([0x3C, 0x7C, 0x3F, 0x11, 0x22, 0x33]));
    }
}
