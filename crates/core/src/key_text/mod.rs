//! Product keys inside text that people and other programs wrote, with their labels.
//!
//! Input is a decoded text: a typed list, a report of another finder (plain, HTML, XML, JSON), or a CSV table. Output
//! is every product key and partial key in it with its place and what the text says it is for, and what looks like a
//! product key but is none. Nothing is completed or corrected.
//!
//! Sources: reports of ProduKey, ShowKeyPlus, Magical Jelly Bean, Belarc Advisor, MGADiag, `slmgr /dlv`, WMIC and
//! GLPI, and the CSV exports of password managers and PowerShell 5.1.

mod csv;
mod decode;
mod label;
mod markup;
mod recognise;

use std::cell::LazyCell;

use thiserror::Error;

use crate::{KeyError, PartialKey, ProductKey};
pub use decode::{decode, windows_1252};
use markup::Plain;
use recognise::{Match, Shape};

/// What a text holds.
#[derive(Debug, Default)]
pub struct TextScan {
    /// The product keys and partial keys, in the order of the text.
    pub findings: Vec<TextFinding>,
    /// What looks like a product key and is none, in the order of the text.
    pub problems: Vec<TextProblem>,
}

/// One product key or partial key in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFinding {
    /// The product key, or what is left of a masked one.
    pub found: Found,
    /// What the text says it is for: a product name, or a field name such as "OEM Key". It never holds a product key.
    pub label: Option<String>,
    /// Where it starts.
    pub place: Place,
}

/// A whole product key or the end of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The last five symbols; the rest is masked or was never there.
    Partial(PartialKey),
    /// All 25 symbols. The checksum may be wrong: see [`ProductKey::checksum_ok`].
    Whole(ProductKey),
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1. CR, LF and CR LF end lines.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

/// Something that looks like a product key and is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {}, column {}: {error}", place.line, place.column)]
pub struct TextProblem {
    /// Where it starts.
    pub place: Place,
    /// What is wrong with it.
    pub error: KeyError,
}

/// Reads a list of typed product keys, one a line: every line that is neither empty nor a comment (`#`, `;`, `//`)
/// gives its number, from 1, and its product key or what is wrong with it.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, Result<ProductKey, KeyError>)> {
    let is_comment = |line: &str| ["#", ";", "//"].iter().any(|mark| line.starts_with(mark));
    numbered_lines(text)
        .map(|(number, _, line)| (number, line.trim_matches(|c: char| c.is_whitespace() || c == '\0')))
        .filter(move |(_, line)| !line.is_empty() && !is_comment(line))
        .map(|(number, line)| (number, ProductKey::parse(line)))
}

/// Finds the product keys in a text of any kind. A table with a header is read by its columns, markup by its
/// elements, anything else line by line.
///
/// Five groups of five are recognised wherever they are not part of a longer word; 25 symbols without dashes, or
/// with spaces, only where they cannot be something else.
#[must_use]
pub fn find(text: &str) -> TextScan {
    if let Some(scan) = csv::scan(text) {
        return scan;
    }
    let plain = Plain::of(text);
    let rows: Vec<Row> = numbered_lines(plain.text()).map(|(_, start, line)| Row::new(line, start)).collect();
    let mut scan = TextScan::default();
    let mut places = Places::new(text);
    for (at, row) in rows.iter().enumerate() {
        let record = LazyCell::new(|| label::of_record(&rows, at));
        for (which, found) in row.matches.iter().enumerate() {
            let place = places.of(plain.source(row.start + found.start));
            scan.add(&found.shape, place, || label::of(&rows, at, which, || record.clone()));
        }
    }
    scan
}

impl TextScan {
    fn add(&mut self, shape: &Shape, place: Place, label: impl FnOnce() -> Option<String>) {
        let found = match shape {
            Shape::Broken(error) => return self.problems.push(TextProblem { place, error: error.clone() }),
            Shape::Empty => return,
            Shape::Partial(partial) => Found::Partial(*partial),
            Shape::Whole(key) => Found::Whole(key.clone()),
        };
        self.findings.push(TextFinding { found, label: label(), place });
    }
}

/// One line of the text that is searched, with what was recognised in it.
struct Row<'a> {
    text: &'a str,
    /// Where it starts in the searched text.
    start: usize,
    matches: Vec<Match>,
}

impl<'a> Row<'a> {
    fn new(text: &'a str, start: usize) -> Self {
        Self { text, start, matches: recognise::matches(text) }
    }
}

/// Turns byte offsets, asked in rising order, into lines and columns.
struct Places<'a> {
    lines: Box<dyn Iterator<Item = (usize, usize, &'a str)> + 'a>,
    now: (usize, usize, &'a str),
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let mut lines = Box::new(numbered_lines(text));
        let now = lines.next().unwrap_or((1, 0, ""));
        Self { lines, now }
    }

    fn of(&mut self, offset: usize) -> Place {
        while self.now.1 + self.now.2.len() < offset {
            match self.lines.next() {
                Some(next) => self.now = next,
                None => break,
            }
        }
        let (line, start, text) = self.now;
        let before = text.get(..offset.saturating_sub(start)).unwrap_or(text);
        Place { line, column: before.chars().count() + 1 }
    }
}

/// The lines of a text: number from 1, byte offset, text without its end.
fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let mut rest = Some((1, 0));
    std::iter::from_fn(move || {
        let (number, start) = rest?;
        let tail = text.get(start..)?;
        let length = tail.find(['\r', '\n']);
        rest = length.map(|length| {
            let end = if tail.get(length..).is_some_and(|end| end.starts_with("\r\n")) { 2 } else { 1 };
            (number + 1, start + length + end)
        });
        Some((number, start, tail.get(..length.unwrap_or(tail.len()))?))
    })
}

#[cfg(test)]
mod tests;
