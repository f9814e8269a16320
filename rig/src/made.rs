//! A made Windows in a prefix: its registry, its firmware, its license service.

use std::io;

use keystow_makers::reg_text::{self, WINE_SOFTWARE};
use keystow_makers::windows::MadeWindows;
use serde_json::{Map, Value, json};

use crate::Prefix;

impl Prefix {
    /// A prefix whose registry is that of a made Windows.
    ///
    /// # Errors
    ///
    /// As for [`Prefix::new`] and [`Prefix::import_reg`].
    pub fn of(windows: &MadeWindows) -> io::Result<Self> {
        let prefix = Self::new(windows.name)?;
        let software = reg_text::export(r"HKEY_LOCAL_MACHINE\SOFTWARE", &windows.software.root, WINE_SOFTWARE);
        let system = reg_text::export(r"HKEY_LOCAL_MACHINE\SYSTEM", &windows.system.root, &[]);
        for export in [software, system] {
            prefix.import_reg(&text(&export))?;
        }
        Ok(prefix)
    }
}

/// The scenario in which firmware and license service are those of a made Windows, and the person is administrator.
#[must_use]
pub fn scenario(windows: &MadeWindows) -> Value {
    let firmware = windows.msdm.as_ref().map_or(json!({}), |table| json!({"MSDM": hex(table)}));
    let row = |row: &keystow_makers::windows::ProductRow| {
        let texts = row.texts().into_iter().filter(|(_, text)| !text.is_empty());
        let mut members: Map<String, Value> = texts.map(|(name, text)| (name.to_owned(), json!(text))).collect();
        members.extend(row.numbers().map(|(name, number)| (name.to_owned(), json!(number))));
        Value::Object(members)
    };
    json!({
        "firmware": firmware,
        "smbios": "",
        "rights": "administrator",
        "uac": "yes",
        "wmi": "works",
        "sl": "works",
        "service": {"Version": "10.0.19041.1"},
        "products": windows.products.iter().map(row).collect::<Vec<_>>(),
    })
}

/// Bytes as the scenario spells them.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An export without its byte order mark.
fn text(export: &[u8]) -> String {
    let (pairs, _) = export.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    String::from_utf16_lossy(&units).trim_start_matches('\u{feff}').to_owned()
}
