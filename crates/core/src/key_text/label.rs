//! What a text says a product key is for.
//!
//! Input is the rows of a text with the product keys recognised in them; output is one label. A product name on the
//! same line comes first, then the line's own words, then the name field or heading of the record around it.

use super::Row;
use super::markup::RECORD_END;
use super::recognise::folded;

/// How many lines a name may stand above a product key; `slmgr /dlv` needs 9 and WMIC, with its blank lines, 20.
const LOOK_BACK: usize = 24;
/// How many lines a name may stand below; MGADiag needs 6.
const LOOK_AHEAD: usize = 12;
/// How much of a line or a gap is looked at, in bytes: labels are short, and hostile lines are not.
const MAX_LOOK: usize = 200;
/// The longest label, in characters.
const MAX_LABEL: usize = 100;

/// Field names, folded, whose value names the product.
const NAME_FIELDS: &[&str] = &[
    "caption",
    "fullname",
    "licensename",
    "name",
    "operatingsystem",
    "os",
    "osname",
    "product",
    "productname",
    "program",
    "software",
    "softwarename",
    "title",
    "windowsedition",
    "windowsversion",
];
/// What names of products begin a word with, folded.
const PRODUCT_WORDS: &[&str] =
    &["exchange", "microsoft", "office", "project", "sharepoint", "sql", "visio", "visual", "win", "windows"];
/// How field names of product keys end, folded. Such a name says nothing about the product.
const KEY_FIELDS: &[&str] = &["key", "pid", "productid", "schlüssel", "serial", "serialnumber", "value"];
/// Parts of field names of product keys that belong to the device, whatever is installed.
const DEVICE_FIELDS: &[&str] = &["bios", "firmware", "msdm", "oa3", "oem", "original"];

/// The label of one product key. `record` gives the name of the record around its line.
pub(super) fn of(rows: &[Row<'_>], at: usize, which: usize, record: impl FnOnce() -> Option<String>) -> Option<String> {
    let row = rows.get(at)?;
    let found = row.matches.get(which)?;
    let first = row.matches.first()?;
    let end_before = which.checked_sub(1).and_then(|i| row.matches.get(i)).map_or(0, |m| m.end);
    let start_after = row.matches.get(which + 1).map_or(row.text.len(), |m| m.start);
    let before = tail(row.text.get(end_before..found.start)?);
    let after = head(row.text.get(found.end..start_after)?);
    // Where the first product key begins its line, names follow the product keys.
    let leads = !tail(row.text.get(..first.start)?).contains(char::is_alphanumeric);
    let named = if leads {
        cells(after).into_iter().find(|c| is_product(c))
    } else {
        cells(before).into_iter().rfind(|c| is_product(c))
    };
    if let Some(name) = named {
        return tidy(value_of(name));
    }
    let field = cells(before).pop().or_else(|| column_header(rows, at));
    let own = field.filter(|field| is_own_words(field));
    let speaks = own.or_else(|| field.filter(|field| contains(field, DEVICE_FIELDS)));
    speaks.and_then(tidy).or_else(record).or_else(|| field.and_then(tidy))
}

/// Whether a field, folded, names a product.
pub(super) fn is_name_field(name: &str) -> bool {
    NAME_FIELDS.contains(&name)
}

/// A label as people read it, or nothing where it might hold a product key that nobody recognised.
pub(super) fn tidy(label: &str) -> Option<String> {
    let words: Vec<&str> = label.split_whitespace().filter(|word| *word != "\"\"").collect();
    let looks_secret = |word: &&str| {
        let dashes = word.contains('-') && word.len() >= 20;
        dashes || word.len() >= 24 && !word.contains(char::is_lowercase)
    };
    let label: String = words.join(" ").chars().take(MAX_LABEL).collect();
    (!words.iter().any(looks_secret) && label.contains(char::is_alphanumeric)).then_some(label)
}

/// The name field or heading nearest above, else the name field nearest below, within one record.
pub(super) fn of_record(rows: &[Row<'_>], at: usize) -> Option<String> {
    let mut above = rows.get(..at)?.iter().rev().take(LOOK_BACK);
    while let Some(row) = above.next() {
        if ends_record(row.text) {
            // An underlined heading.
            if let Some(heading) = above.next().and_then(heading) {
                return Some(heading);
            }
            break;
        }
        if let Some(name) = name_field(row).or_else(|| heading(row)) {
            return Some(name);
        }
    }
    let below = rows.get(at + 1..)?.iter().take(LOOK_AHEAD);
    below.take_while(|row| !ends_record(row.text) && row.matches.is_empty()).find_map(name_field)
}

fn name_field(row: &Row<'_>) -> Option<String> {
    let (name, value) = head(row.text).split_once([':', '=']).filter(|_| row.matches.is_empty())?;
    is_name_field(&folded(name)).then(|| tidy(value.trim_matches(is_wrapping)))?
}

/// The line above where it only says what stands below, as WMIC writes.
fn column_header<'a>(rows: &[Row<'a>], at: usize) -> Option<&'a str> {
    let above = rows.get(..at)?.iter().rev().take(3).find(|row| !head(row.text).trim().is_empty())?;
    let header = head(above.text).trim();
    (above.matches.is_empty() && !header.contains([':', '=']) && is_key_field(header)).then_some(header)
}

/// A line that is a product name and no field.
fn heading(row: &Row<'_>) -> Option<String> {
    let text = head(row.text).trim().trim_end_matches(':');
    let is_heading = row.matches.is_empty() && !text.contains([':', '=']) && is_product(text);
    is_heading.then(|| tidy(text.trim_matches(is_wrapping)))?
}

/// The parts of a line between separators, without the marks around them.
fn cells(text: &str) -> Vec<&str> {
    text.split(['\t', ',', ';', '|', '"', '{', '}', '(', ')', '<', '>', '[', ']'])
        .flat_map(|cell| cell.split("  "))
        .map(|cell| cell.trim_matches(is_wrapping))
        .filter(|cell| cell.contains(char::is_alphanumeric))
        .collect()
}

fn is_product(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric()).map(folded);
    let path = text.contains('\\') || text.contains("//");
    !path && !is_key_field(text) && words.any(|word| PRODUCT_WORDS.iter().any(|known| begins(&word, known)))
}

/// `office2016` begins with `office`, `officer` does not.
fn begins(word: &str, known: &str) -> bool {
    word.strip_prefix(known).is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
}

fn is_key_field(text: &str) -> bool {
    let name = folded(text);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    KEY_FIELDS.iter().any(|end| name.ends_with(end))
}

/// Whether a person wrote this before a product key: mostly letters, and not the name of its field.
fn is_own_words(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let path = text.contains('\\') || text.contains("//");
    !path && letters * 2 > text.chars().count() && !is_key_field(text)
}

fn contains(text: &str, parts: &[&str]) -> bool {
    let name = folded(text);
    parts.iter().any(|part| name.contains(part))
}

/// The value in `Product Name: Windows 10 Pro`, where that is a product; else the whole cell.
fn value_of(cell: &str) -> &str {
    cell.rsplit_once([':', '='])
        .map(|(_, value)| value.trim_matches(is_wrapping))
        .filter(|v| is_product(v))
        .unwrap_or(cell)
}

/// Lines that end a record: rules, JSON braces and the end of an XML record.
fn ends_record(text: &str) -> bool {
    let text = head(text).trim();
    let rule = text.len() >= 3 && text.chars().all(|c| matches!(c, '=' | '-' | '*' | '_' | '#' | '~' | '─'));
    rule || text.starts_with(RECORD_END) || matches!(text, "}" | "}," | "{" | "[" | "]" | "],")
}

fn is_wrapping(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, ':' | '=' | '-' | '–' | '—' | '"' | '\'' | ',' | ';' | '.' | '>' | '•' | '*' | '\0')
}

fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_LOOK)).unwrap_or(text)
}

fn tail(text: &str) -> &str {
    text.get(text.ceil_char_boundary(text.len().saturating_sub(MAX_LOOK))..).unwrap_or(text)
}
