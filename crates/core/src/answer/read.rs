//! The product key in a Setup file that lies on a disk.
//!
//! Input is the decoded text of `unattend.xml`, under any name, or of `PID.txt`; output is its product key.

use quick_xml::Reader;
use quick_xml::events::Event;
use zeroize::Zeroizing;

use crate::ProductKey;

/// Takes the product key out of `unattend.xml` or `PID.txt`, the first one where there are several.
///
/// Placeholders and anything that is no product key are passed over. In damaged XML, what stands before the damage
/// counts.
#[must_use]
pub fn read_setup_key(text: &str) -> Option<ProductKey> {
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    if text.starts_with('<') { from_xml(text) } else { from_ini(text) }
}

/// Looks for `<ProductKey>…</ProductKey>` and `<ProductKey><Key>…</Key>`; prefixes of names do not matter.
fn from_xml(text: &str) -> Option<ProductKey> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut key_depth = 0_usize;
    let mut content = Zeroizing::new(String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let inside = key_depth > 0 || start.local_name().as_ref() == "ProductKey";
                key_depth += usize::from(inside);
                content.clear();
            }
            Event::Text(part) if key_depth > 0 => content.push_str(&part),
            Event::End(_) if key_depth > 0 => {
                if let Some(key) = product_key(&content) {
                    return Some(key);
                }
                key_depth -= 1;
                content.clear();
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// Looks for `Value=` in the section `[PID]`.
fn from_ini(text: &str) -> Option<ProductKey> {
    let mut in_pid = false;
    for line in text.split(['\r', '\n']).map(str::trim) {
        if line.starts_with('[') {
            in_pid = line.eq_ignore_ascii_case("[PID]");
        }
        let value = line.split_once('=').filter(|(name, _)| in_pid && name.trim().eq_ignore_ascii_case("Value"));
        if let Some(key) = value.and_then(|(_, value)| product_key(value)) {
            return Some(key);
        }
    }
    None
}

fn product_key(text: &str) -> Option<ProductKey> {
    ProductKey::parse(text.trim()).ok().filter(|key| !key.is_blank())
}
