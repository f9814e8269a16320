//! Tables with a header: the CSV exports of spreadsheets, password managers and PowerShell.
//!
//! Input is a text; output is what [`super::find`] gives, with the product keys taken from their column and the
//! labels from the column of names. A text without such a header is no table here.
//!
//! Sources: RFC 4180; PowerShell 5.1 `Export-Csv` (`#TYPE` line) and Excel (`sep=` line) for what differs.

use super::label;
use super::recognise::{Match, folded, matches, typed};
use super::{Place, Places, TextScan};

/// Headers, folded, of columns that hold product keys.
const KEY_HEADERS: &[&str] = &[
    "backupproductkeydefault",
    "cdkey",
    "installedkey",
    "key",
    "licencekey",
    "license",
    "licensekey",
    "oa3xoriginalproductkey",
    "oemkey",
    "officekey",
    "officeproductkey",
    "partialproductkey",
    "pidkey",
    "productkey",
    "registrationkey",
    "serial",
    "serialkey",
    "serialnumber",
    "windowskey",
    "windowsproductkey",
];

/// What one header says of its column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Keys,
    Names,
    Other,
}

/// Reads a table. `None` when the text does not begin with a header that names a column of product keys or of
/// names, or when a quote stays open.
pub(super) fn scan(text: &str) -> Option<TextScan> {
    let (start, separator) = begin(text)?;
    let mut table = Table { text, at: start, separator };
    let columns: Vec<Column> = table.record()?.iter().map(|cell| column(cell.text)).collect();
    if columns.len() < 2 || columns.iter().all(|column| *column == Column::Other) {
        return None;
    }
    let mut scan = TextScan::default();
    let mut places = Places::new(text);
    while table.at < text.len() {
        let record = table.record()?;
        let name = columns.iter().zip(&record).find(|(column, _)| **column == Column::Names);
        let name = name.and_then(|(_, cell)| label::tidy(cell.text));
        for (at, cell) in record.iter().enumerate() {
            for found in in_cell(cell, columns.get(at) == Some(&Column::Keys)) {
                let place: Place = places.of(cell.start + found.start);
                scan.add(&found.shape, place, || name.clone());
            }
        }
    }
    Some(scan)
}

fn in_cell(cell: &Cell<'_>, is_key_column: bool) -> Vec<Match> {
    let found = matches(cell.text);
    if !found.is_empty() || !is_key_column {
        return found;
    }
    let typed = typed(cell.text.trim()).map(|shape| {
        let start = cell.text.len() - cell.text.trim_start().len();
        Match { start, end: cell.text.len(), shape }
    });
    typed.into_iter().collect()
}

fn column(header: &str) -> Column {
    let header = folded(header);
    if KEY_HEADERS.contains(&header.as_str()) {
        Column::Keys
    } else if label::is_name_field(&header) {
        Column::Names
    } else {
        Column::Other
    }
}

/// Where the header begins, and the separator: as stated, or the most frequent one in the header.
fn begin(text: &str) -> Option<(usize, char)> {
    for (_, start, line) in super::numbered_lines(text) {
        let separator_stated = line.strip_prefix("sep=").and_then(|rest| rest.chars().next());
        if line.trim().is_empty() || line.starts_with("#TYPE") {
            continue;
        }
        if let Some(separator) = separator_stated {
            return Some((start + line.len(), separator));
        }
        let count = |separator: &char| line.matches(*separator).count();
        let separator = [',', ';', '\t'].into_iter().max_by_key(count)?;
        return Some((start, separator));
    }
    None
}

/// One cell, without its outer quotes. Quotes inside stay doubled.
struct Cell<'a> {
    text: &'a str,
    start: usize,
}

struct Table<'a> {
    text: &'a str,
    at: usize,
    separator: char,
}

impl<'a> Table<'a> {
    /// The next record; an empty line is one with an empty cell. `None` when a quote stays open.
    fn record(&mut self) -> Option<Vec<Cell<'a>>> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        let mut cells = Vec::new();
        loop {
            cells.push(self.cell()?);
            match self.text.get(self.at..)?.chars().next() {
                Some(c) if c == self.separator => self.at += c.len_utf8(),
                _ => return Some(cells),
            }
        }
    }

    /// The next cell; afterwards the walk stands at the separator, the line end or the end.
    fn cell(&mut self) -> Option<Cell<'a>> {
        let rest = self.text.get(self.at..)?;
        let ends = |c: char| c == self.separator || matches!(c, '\r' | '\n');
        let (start, text, length) = match rest.strip_prefix('"') {
            Some(inside) => {
                let mut quotes = inside.match_indices('"').map(|(at, _)| at);
                let close = loop {
                    let at = quotes.next()?;
                    match inside.get(at + 1..)?.chars().next() {
                        Some('"') => _ = quotes.next(),
                        Some(c) if !ends(c) => {}
                        _ => break at,
                    }
                };
                (self.at + 1, inside.get(..close)?, close + 2)
            }
            None => {
                let length = rest.find(ends).unwrap_or(rest.len());
                (self.at, rest.get(..length)?, length)
            }
        };
        self.at += length;
        Some(Cell { text, start })
    }
}
