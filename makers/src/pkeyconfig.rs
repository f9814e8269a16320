//! Makes pkeyconfig files: the XML in which Windows lists serial ranges and their products, with the inner document
//! as base64 and without signatures.

use std::fmt::Write as _;

/// One serial range and the product it is for.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Group ID.
    pub group: u32,
    /// Activation ID, GUID text without braces. Rows with the same one share the fields below up to `channel`.
    pub activation_id: &'a str,
    /// `EditionId`.
    pub edition: &'a str,
    /// `ProductDescription`.
    pub description: &'a str,
    /// `ProductKeyType`.
    pub channel: &'a str,
    /// Whether the group is of the older form (`msft:rm/algorithm/pkey/2005`).
    pub older: bool,
    /// First serial.
    pub start: u32,
    /// Last serial.
    pub end: u32,
    /// `PartNumber`.
    pub part_number: &'a str,
    /// `EulaType`.
    pub eula: &'a str,
    /// `IsValid`.
    pub valid: bool,
}

/// A whole file: UTF-8 with a byte order mark, base64 in lines of 76 characters.
#[must_use]
pub fn xrm_ms(rows: &[Row<'_>]) -> Vec<u8> {
    wrap(inner(rows).as_bytes())
}

/// A whole file around any inner bytes.
#[must_use]
pub fn wrap(inner: &[u8]) -> Vec<u8> {
    let mut data = String::new();
    for (i, symbol) in base64(inner).chars().enumerate() {
        if i % 76 == 0 {
            data.push_str("\r\n");
        }
        data.push(symbol);
    }
    let file = format!(
        concat!(
            "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?>",
            "<rg:licenseGroup xmlns:rg=\"urn:mpeg:mpeg21:2003:01-REL-R-NS\"><r:license xmlns:r=\"{0}\">",
            "<r:title>pkeyconfig made by keystow-makers</r:title><r:otherInfo>",
            "<tm:infoTables xmlns:tm=\"http://www.microsoft.com/DRM/XrML2/TM/v2\"><tm:infoList tag=\"#global\">",
            "<tm:infoStr name=\"applicationId\">55c92734-d682-4d71-983e-d6ec3f16059f</tm:infoStr>",
            "<tm:infoBin name=\"pkeyConfigData\">{1}</tm:infoBin>",
            "</tm:infoList></tm:infoTables></r:otherInfo></r:license></rg:licenseGroup>"
        ),
        "urn:mpeg:mpeg21:2003:01-REL-R-NS", data
    );
    file.into_bytes()
}

/// The inner document.
#[must_use]
pub fn inner(rows: &[Row<'_>]) -> String {
    let (mut configs, mut ranges, mut keys) = (String::new(), String::new(), String::new());
    let (mut ids, mut groups) = (Vec::new(), Vec::new());
    for row in rows {
        let id = row.activation_id;
        if !ids.contains(&id) {
            ids.push(id);
            let _ = write!(
                configs,
                "<Configuration><ActConfigId>{{{id}}}</ActConfigId><RefGroupId>{}</RefGroupId><EditionId>{}</EditionId>\
                 <ProductDescription>{}</ProductDescription><ProductKeyType>{}</ProductKeyType>\
                 <IsRandomized>false</IsRandomized></Configuration>",
                row.group,
                escape(row.edition),
                escape(row.description),
                escape(row.channel)
            );
        }
        let _ = write!(
            ranges,
            "<KeyRange><RefActConfigId>{{{id}}}</RefActConfigId><PartNumber>{}</PartNumber><EulaType>{}</EulaType>\
             <IsValid>{}</IsValid><Start>{}</Start><End>{}</End></KeyRange>",
            escape(row.part_number),
            escape(row.eula),
            row.valid,
            row.start,
            row.end
        );
        if !groups.contains(&row.group) {
            groups.push(row.group);
            let year = if row.older { 2005 } else { 2009 };
            let _ = write!(
                keys,
                "<PublicKey><GroupId>{}</GroupId><AlgorithmId>msft:rm/algorithm/pkey/{year}</AlgorithmId>\
                 <PublicKeyValue>AAAA</PublicKeyValue></PublicKey>",
                row.group
            );
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <ProductKeyConfiguration xmlns=\"http://www.microsoft.com/DRM/PKEY/Configuration/2.0\">\
         <Configurations>{configs}</Configurations><KeyRanges>{ranges}</KeyRanges><PublicKeys>{keys}</PublicKeys>\
         </ProductKeyConfiguration>"
    )
}

/// The same text as UTF-16, little-endian, with a byte order mark.
#[must_use]
pub fn utf16(text: &str) -> Vec<u8> {
    let text = text.trim_start_matches('\u{FEFF}');
    [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// RFC 4648 with padding.
fn base64(bytes: &[u8]) -> String {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = chunk.iter().chain(&[0; 3]).take(3).fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        for place in 0..4 {
            let symbol = SYMBOLS.get(three >> (18 - 6 * place) & 63).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(symbol) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_agrees_with_the_vectors_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
