//! Plain files: what people asked to have readable, and what is taken over from such files.

use std::fmt::Write as _;
use std::path::Path;

use keystow_core::key_text::{self, Found, decode};
use keystow_core::{PartialKey, ProductKey};
use keystow_os::files;
use keystow_vault::{About, Item};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::App;
use super::error::{Error, Result, at};
use super::items::{self, Named};

/// The `schema` of our own exports.
pub(crate) const SCHEMA: &str = "keystow.export/1";
/// A report of another finder, or an export, is smaller.
const MOST: u64 = 64 << 20;
/// The columns of a CSV export.
const COLUMNS: &[&str] = &["name", "product", "product_key", "edition", "channel", "verdict", "found", "note"];

/// What an import found in one file.
#[derive(Default)]
pub(crate) struct Imported {
    pub(crate) items: Vec<Item>,
    /// What looks like a product key and is none, by line.
    pub(crate) problems: Vec<String>,
}

/// The items as text: blocks of labels.
pub(crate) fn txt(items: &[&Named], shown: impl Fn(&Item) -> Zeroizing<String>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(items.len() * 512));
    for named in items {
        let about = &named.stored.item.about;
        let _ = writeln!(text, "Product: {}", about.product);
        let _ = writeln!(text, "Product Key: {}", shown(&named.stored.item).as_str());
        let lines = [("Edition", &about.edition), ("Channel", &about.channel), ("Verdict", &about.verdict)];
        for (label, value) in lines.iter().filter_map(|(label, value)| Some((label, value.as_ref()?))) {
            let _ = writeln!(text, "{label}: {value}");
        }
        if let Some(found) = about.found {
            let _ = writeln!(text, "Found: {} in {}", found.strftime("%Y-%m-%d"), about.origin.source);
        }
        if !about.note.is_empty() {
            let _ = writeln!(text, "Note: {}", about.note);
        }
        text.push('\n');
    }
    text
}

/// The items as CSV (RFC 4180), in UTF-8.
pub(crate) fn csv(items: &[&Named], shown: impl Fn(&Item) -> Zeroizing<String>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(items.len() * 512));
    text.push_str(&COLUMNS.join(","));
    text.push_str("\r\n");
    for named in items {
        let about = &named.stored.item.about;
        let key = shown(&named.stored.item);
        let or_empty = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let found = about.found.map(|time| time.to_string()).unwrap_or_default();
        let (edition, channel, verdict) =
            (or_empty(&about.edition), or_empty(&about.channel), or_empty(&about.verdict));
        let cells = [&named.name, &about.product, &*key, &edition, &channel, &verdict, &found, &about.note];
        for (at, cell) in cells.into_iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            push_cell(&mut text, cell);
        }
        text.push_str("\r\n");
    }
    text
}

/// The items as one JSON object.
pub(crate) fn json(items: &[&Named], shown: impl Fn(&Item) -> Zeroizing<String>) -> Value {
    let object = |named: &&Named| {
        let mut object = serde_json::to_value(&named.stored.item.about).unwrap_or_default();
        if let Value::Object(members) = &mut object {
            members.insert("name".to_owned(), json!(named.name));
            members.insert("id".to_owned(), json!(named.stored.id.as_str()));
            members.insert("product_key".to_owned(), json!(shown(&named.stored.item).as_str()));
        }
        object
    };
    json!({"schema": SCHEMA, "items": items.iter().map(object).collect::<Vec<_>>()})
}

/// The product key of an item in full, or what is known of it.
pub(crate) fn full_key(item: &Item) -> Zeroizing<String> {
    let partial = || item.about.partial_key.as_deref().and_then(PartialKey::parse);
    Zeroizing::new(match &item.product_key {
        Some(key) => key.reveal().as_str().to_owned(),
        None => partial().map(|partial| partial.masked('*')).unwrap_or_default(),
    })
}

/// A cell, quoted where it must be; one that a spreadsheet would take for a formula gets an apostrophe.
pub(super) fn push_cell(text: &mut String, cell: &str) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !formula && !cell.contains([',', '"', '\n', '\r']) {
        return text.push_str(cell);
    }
    text.push('"');
    if formula {
        text.push('\'');
    }
    text.push_str(&Zeroizing::new(cell.replace('"', "\"\"")));
    text.push('"');
}

impl App {
    /// Reads the product keys of a file: our own export, a CSV, or a report of another finder.
    pub(crate) fn import(&self, path: &Path) -> Result<Imported> {
        let bytes = Zeroizing::new(files::read(path, MOST).map_err(at(path))?);
        let text = Zeroizing::new(decode(&bytes).to_string());
        if let Some(items) = own_export(&text) {
            return Ok(Imported { items, problems: Vec::new() });
        }
        let scan = key_text::find(&text);
        let source = path.display().to_string();
        let item = |finding: key_text::TextFinding| {
            let mut item = match finding.found {
                Found::Whole(key) => items::of_typed(key, finding.label, String::new(), self.now()),
                Found::Partial(partial) => partial_item(partial, finding.label),
            };
            item.about.origin.source.clone_from(&source);
            item.about.origin.path = format!("line {}", finding.place.line);
            item
        };
        let items = scan.findings.into_iter().map(item).collect();
        Ok(Imported { items, problems: scan.problems.iter().map(ToString::to_string).collect() })
    }

    /// Writes a plain file that only its owner can read. It does not replace a file.
    pub(crate) fn write_plain(&self, path: &Path, text: &[u8], anyway: bool) -> Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let open = files::facts(folder).is_ok_and(|facts| no_owners(&facts));
        if open && !anyway {
            return Err(Error::OpenPlace { path: path.to_owned() });
        }
        files::write_new(path, text).map_err(at(path))
    }
}

/// Whether a file there could be read by others, whatever its mode.
fn no_owners(facts: &files::Facts) -> bool {
    use files::FileSystem as F;
    match facts.file_system {
        F::ExFat | F::Fat | F::Network => true,
        // On a stick, files are not given to an owner, whom no other PC would know.
        F::Ntfs => facts.others_can_read == Some(true),
        _ => false,
    }
}

fn partial_item(partial: PartialKey, label: Option<String>) -> Item {
    let about = About {
        partial_key: Some(partial.to_string()),
        product: label.unwrap_or_else(|| "Unknown product".to_owned()),
        verdict: Some("partial-only".to_owned()),
        ..About::default()
    };
    Item { about, ..Item::default() }
}

/// The items of our own export; `None` when the text is something else.
fn own_export(text: &str) -> Option<Vec<Item>> {
    let object: Value = serde_json::from_str(text).ok()?;
    if object.get("schema")?.as_str()? != SCHEMA {
        return None;
    }
    let items = object.get("items")?.as_array()?.iter().filter_map(|value| {
        let mut about: About = serde_json::from_value(value.clone()).ok()?;
        for ours in ["id", "name", "product_key"] {
            about.more.remove(ours);
        }
        let product_key = value.get("product_key")?.as_str().and_then(|text| ProductKey::parse(text).ok());
        Some(Item { product_key, about, evidence: Vec::new() })
    });
    Some(items.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_text() {
        let cell = |text: &str| {
            let mut out = String::new();
            push_cell(&mut out, text);
            out
        };
        assert_eq!(cell("=HYPERLINK(1)"), "\"'=HYPERLINK(1)\"");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("Windows 10 Pro"), "Windows 10 Pro");
    }
}
