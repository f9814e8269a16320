//! HTML and XML as lines of text, so that tags and entities hide nothing.
//!
//! Input is a text; output is the text without its markup and, for every place in it, where that was in the input. A
//! cell becomes a tab, a row a line, and an XML element a line `name: value`, which is how plain reports look.
//!
//! Sources: HTML Living Standard, "Named character references" (the few that stand near product keys).

use std::borrow::Cow;

use zeroize::Zeroize;

/// A tag longer than this is taken for a stray `<`, in bytes.
const MAX_TAG: usize = 4096;
/// An entity longer than this is taken for a stray `&`, in bytes.
const MAX_ENTITY: usize = 10;
/// The line that stands where an element with elements inside ends: one record of a report.
pub(super) const RECORD_END: char = '\u{1D}';

/// Elements that only change how their text looks.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "big", "code", "em", "font", "i", "kbd", "mark", "nobr", "s", "samp", "small", "span", "strong",
    "sub", "sup", "tt", "u", "var", "wbr",
];
/// Elements of HTML that begin a line.
const BLOCK: &[&str] = &[
    "body", "br", "caption", "center", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "head", "hr",
    "html", "li", "ol", "p", "pre", "table", "tbody", "tfoot", "thead", "title", "tr", "ul",
];
/// Cells of a table row.
const CELL: &[&str] = &["td", "th"];

const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'),
    ("apos", '\''),
    ("bull", '•'),
    ("gt", '>'),
    ("lt", '<'),
    ("mdash", '—'),
    ("minus", '\u{2212}'),
    ("nbsp", ' '),
    ("ndash", '–'),
    ("quot", '"'),
    ("reg", '®'),
    ("shy", '\u{AD}'),
    ("trade", '™'),
];

/// A text without markup. It may hold product keys and is cleared on drop.
pub(super) struct Plain<'a> {
    text: Cow<'a, str>,
    /// Pairs of offsets, in the text and in the input, where the distance between the two changes. Rising.
    marks: Vec<(usize, usize)>,
}

impl<'a> Plain<'a> {
    /// Takes the markup out; a text without markup stays as it is.
    pub(super) fn of(text: &'a str) -> Self {
        if !is_markup(text) {
            return Self { text: Cow::Borrowed(text), marks: Vec::new() };
        }
        // Names of elements are written once more at most, so twice the input is enough.
        let out = String::with_capacity(2 * text.len());
        Writer { out, marks: Vec::new(), closed: false, in_pre: false }.write(text)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where a place in the text was in the input.
    pub(super) fn source(&self, at: usize) -> usize {
        let after = self.marks.partition_point(|(plain, _)| *plain <= at);
        let mark = after.checked_sub(1).and_then(|i| self.marks.get(i));
        mark.map_or(at, |(plain, source)| source + (at - plain))
    }
}

impl Drop for Plain<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.text {
            text.zeroize();
        }
    }
}

fn is_markup(text: &str) -> bool {
    let lower = |mark: &str| {
        let mark = mark.as_bytes();
        text.as_bytes().windows(mark.len()).any(|window| window.eq_ignore_ascii_case(mark))
    };
    text.trim_start().starts_with('<') || ["<html", "<table", "<td", "<br"].iter().any(|mark| lower(mark))
}

struct Writer {
    out: String,
    marks: Vec<(usize, usize)>,
    /// Whether the last tag closed an element: closing another one then ends a record.
    closed: bool,
    in_pre: bool,
}

impl Writer {
    fn write(mut self, text: &str) -> Plain<'static> {
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let length = match rest.chars().next() {
                Some('<') => self.tag(rest, at),
                Some('&') => self.entity(rest),
                Some('\r' | '\n') if !self.in_pre => {
                    self.out.push(' ');
                    1
                }
                other => {
                    self.out.extend(other);
                    other.map_or(1, char::len_utf8)
                }
            };
            at += length;
            if self.source_now() != at {
                self.marks.push((self.out.len(), at));
            }
        }
        Plain { text: Cow::Owned(self.out), marks: self.marks }
    }

    /// Where the input would be if nothing changed since the last mark.
    fn source_now(&self) -> usize {
        self.marks.last().map_or(self.out.len(), |(plain, source)| source + (self.out.len() - plain))
    }

    /// Writes what a tag stands for and gives its length.
    fn tag(&mut self, rest: &str, at: usize) -> usize {
        let after = rest.get(1..).unwrap_or_default();
        let end = after.bytes().take(MAX_TAG).position(|b| matches!(b, b'<' | b'>'));
        let inside = end.and_then(|end| Some((after.get(..end)?, after.as_bytes().get(end)?)));
        let Some((inside, b'>')) = inside.filter(|(inside, _)| looks_like_tag(inside)) else {
            self.out.push('<');
            return 1;
        };
        let closes = inside.starts_with('/');
        let body = inside.trim_start_matches('/').trim_end_matches('/');
        let name_end = body.find(|c: char| c.is_whitespace()).unwrap_or(body.len());
        let (name, attributes) = body.split_at(name_end);
        let lower = name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase();
        let is = |list: &[&str]| list.contains(&lower.as_str());
        self.in_pre = if lower == "pre" { !closes } else { self.in_pre };
        if is(INLINE) {
            return inside.len() + 2;
        }
        match (is(CELL), is(BLOCK), closes) {
            (true, ..) => self.out.push('\t'),
            (_, true, _) => self.out.push('\n'),
            (_, _, true) => {
                self.out.push('\n');
                if self.closed {
                    self.out.extend([RECORD_END, '\n']);
                }
            }
            _ => self.element(name, attributes, at + 1 + name_end),
        }
        self.closed = closes && !is(CELL) && !is(BLOCK);
        inside.len() + 2
    }

    /// Writes the opening of an XML element. Attributes stay: some hold product keys.
    fn element(&mut self, name: &str, attributes: &str, attributes_at: usize) {
        self.out.push('\n');
        self.out.push_str(name);
        self.marks.push((self.out.len(), attributes_at));
        self.out.push_str(attributes);
        self.out.push_str(": ");
    }

    /// Writes what an entity stands for and gives its length.
    fn entity(&mut self, rest: &str) -> usize {
        let end = rest.bytes().take(MAX_ENTITY).position(|b| b == b';');
        let decoded = end.and_then(|end| Some((end, entity_char(rest.get(1..end)?)?)));
        let Some((end, c)) = decoded else {
            self.out.push('&');
            return 1;
        };
        self.out.extend(Some(c).filter(|c| *c != '\u{AD}'));
        end + 1
    }
}

fn looks_like_tag(inside: &str) -> bool {
    inside.trim_start_matches('/').starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?'))
}

fn entity_char(name: &str) -> Option<char> {
    let Some(number) = name.strip_prefix('#') else {
        return ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
    };
    let number = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    number.ok().and_then(char::from_u32)
}
