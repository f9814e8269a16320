//! What in one line of text is a product key, a masked one, or meant to be one.
//!
//! Input is a line; output is the places that have the shape of a product key. Labels are no concern of this file.

use std::ops::Range;

use crate::key::{SYMBOLS, TEXT_LEN};
use crate::{KeyError, KeyForm, PartialKey, ProductKey};

/// Something with the shape of a product key, and its bytes in the line.
pub(super) struct Match {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) shape: Shape,
}

/// What it is.
pub(super) enum Shape {
    /// Meant to be a product key and not one.
    Broken(KeyError),
    /// The shape without content: `XXXXX-…` in a form, or the `BBBBB-…` that a cleared product key decodes to.
    Empty,
    Partial(PartialKey),
    Whole(ProductKey),
}

/// Field names, folded, whose value is a partial key: `slmgr`, WMI and `ospp.vbs`.
const PARTIAL_FIELDS: &[&str] = &["last5charactersofinstalledproductkey", "partialproductkey"];

/// What has the shape of a product key in one line, from left to right.
pub(super) fn matches(line: &str) -> Vec<Match> {
    let words = words(line);
    let mut matches = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if let Some(shape) = dashed(word).or_else(|| undashed(word)) {
            matches.push(Match { start: word.start, end: word.end, shape });
        } else if let Some(five) = words.get(at..at + 5)
            && let Some(found) = spaced(line, five)
        {
            matches.push(found);
            at += 4;
        }
        at += 1;
    }
    if matches.is_empty() {
        matches.extend(partial_field(line));
    }
    matches
}

/// Reads a cell of a column of product keys in which [`matches`] sees nothing: symbols without dashes, a partial key,
/// or a mistyped product key. `None` when it is too short to be meant as one.
pub(super) fn typed(cell: &str) -> Option<Shape> {
    if let Some(partial) = PartialKey::parse(cell) {
        return Some(Shape::Partial(partial));
    }
    let symbols = cell.chars().filter(|c| c.is_alphanumeric()).count();
    match ProductKey::parse(cell) {
        Ok(key) => Some(shape_of_key(key)),
        Err(error) => (symbols >= SYMBOLS / 2 && cell.len() < 4 * TEXT_LEN).then_some(Shape::Broken(error)),
    }
}

/// A longest run of letters, digits and mask characters, with single dashes inside.
struct Word<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut close = |open: &mut Option<Range<usize>>| {
        if let Some(range) = open.take()
            && let Some(text) = line.get(range.clone())
        {
            words.push(trimmed(text, range.start));
        }
    };
    let mut dash = false;
    for (at, c) in line.char_indices() {
        if is_symbol(c) {
            match &mut open {
                Some(range) => range.end = at + c.len_utf8(),
                None => open = Some(at..at + c.len_utf8()),
            }
            dash = false;
        } else if is_dash(c) && open.is_some() && !dash {
            dash = true;
        } else {
            close(&mut open);
            dash = false;
        }
    }
    close(&mut open);
    words
}

/// Takes marks such as `**` off the ends of a word, where they are emphasis and not a masked group.
fn trimmed(text: &str, start: usize) -> Word<'_> {
    let group = |mut groups: std::str::Split<'_, fn(char) -> bool>, back: bool| {
        let group = if back { groups.next_back() } else { groups.next() };
        group.filter(|g| g.chars().count() > 5).map_or(0, |g| {
            let marks = |c: char| is_mask(c);
            g.len() - if back { g.trim_end_matches(marks).len() } else { g.trim_start_matches(marks).len() }
        })
    };
    let split = |text| str::split(text, is_dash as fn(char) -> bool);
    let (front, back) = (group(split(text), false), group(split(text), true));
    let range = front..text.len().saturating_sub(back).max(front);
    let inner = text.get(range).unwrap_or_default();
    Word { text: inner, start: start + front, end: start + front + inner.len() }
}

/// Five groups between dashes.
fn dashed(word: &Word<'_>) -> Option<Shape> {
    if word.text.len() < TEXT_LEN - 4 || word.text.len() > 4 * TEXT_LEN {
        return None;
    }
    let groups: Vec<&str> = word.text.split(is_dash).collect();
    let groups: [&str; 5] = groups.try_into().ok()?;
    let fives = groups.iter().filter(|group| group.chars().count() == 5).count();
    if fives == 5 {
        return five_fives(word.text, &groups);
    }
    // A symbol left out or typed twice. Fewer right groups, or small letters, are more likely words or numbers.
    let near = word.text.chars().filter(|c| c.is_alphanumeric()).count().abs_diff(SYMBOLS) <= 2;
    let typed = word.text.chars().all(|c| is_dash(c) || c.is_ascii_uppercase() || c.is_ascii_digit());
    let letters = word.text.chars().any(|c| c.is_ascii_uppercase());
    if fives < 3 || !near || !typed || !letters {
        return None;
    }
    ProductKey::parse(word.text).err().map(Shape::Broken)
}

fn five_fives(text: &str, groups: &[&str; 5]) -> Option<Shape> {
    let [first, second, .., last] = groups;
    let mut symbols = groups.iter().flat_map(|group| group.chars());
    let one = symbols.next()?;
    if symbols.all(|c| c == one) {
        return Some(Shape::Empty);
    }
    let masked = |group: &str| group.chars().all(|c| is_mask(c) || c.eq_ignore_ascii_case(&'X'));
    if masked(first) && masked(second) {
        return Some(PartialKey::parse(last).filter(|_| !masked(last)).map_or(Shape::Empty, Shape::Partial));
    }
    if text.chars().any(is_mask) {
        return Some(Shape::Empty);
    }
    match ProductKey::parse(text) {
        Ok(key) => Some(shape_of_key(key)),
        // Five words of five letters occur in addresses of web pages.
        Err(_) if text.chars().any(char::is_lowercase) && !text.chars().any(|c| c.is_ascii_digit()) => None,
        Err(error) => Some(Shape::Broken(error)),
    }
}

/// 25 symbols without dashes, as in old Office configuration files.
fn undashed(word: &Word<'_>) -> Option<Shape> {
    let plain = word.text.len() == SYMBOLS && word.text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !plain {
        return None;
    }
    ProductKey::parse(word.text).ok().filter(|key| is_surely_meant(key, word.text)).map(shape_of_key)
}

/// Five groups between single blanks, in capitals.
fn spaced(line: &str, words: &[Word<'_>]) -> Option<Match> {
    let capital = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if !words.iter().all(|word| word.text.len() == 5 && word.text.bytes().all(capital)) {
        return None;
    }
    let (start, end) = (words.first()?.start, words.last()?.end);
    let text = line.get(start..end).filter(|text| text.len() == TEXT_LEN)?;
    let key = ProductKey::parse(text).ok().filter(|key| is_surely_meant(key, text))?;
    Some(Match { start, end, shape: shape_of_key(key) })
}

/// Whether symbols without dashes are a product key and not some other number: by the checksum, or by holding
/// letters and digits.
fn is_surely_meant(key: &ProductKey, text: &str) -> bool {
    match key.form() {
        KeyForm::Pkey2009 => key.checksum_ok() == Some(true),
        KeyForm::Pkey2005 => text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_uppercase()),
    }
}

/// The value of a field that says it is a partial key.
fn partial_field(line: &str) -> Option<Match> {
    let (name, value) = line.split_once([':', '='])?;
    let quotes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';');
    let partial = PartialKey::parse(value.trim_matches(quotes))?;
    let name = folded(name);
    PARTIAL_FIELDS.iter().any(|field| name.ends_with(field)).then(|| {
        let start = line.len() - value.trim_start_matches(quotes).len();
        Match { start, end: start + 5, shape: Shape::Partial(partial) }
    })
}

fn shape_of_key(key: ProductKey) -> Shape {
    if key.is_blank() { Shape::Empty } else { Shape::Whole(key) }
}

/// A field name as the tables here write it: small letters and digits only.
pub(super) fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_symbol(c: char) -> bool {
    c.is_alphanumeric() || is_mask(c)
}

fn is_mask(c: char) -> bool {
    matches!(c, '*' | '•' | '●' | '·' | '?')
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}
