//! The data of a value in a registry export: text, numbers and bytes.
//!
//! Input is the text behind the equals sign; output is the type and the data as it would lie in a hive.

use zeroize::Zeroizing;

use super::RegFileProblem;
use super::statement::{Cursor, closing_quote, is_blank, line_ends};
use crate::key_text::windows_1252;

const REG_SZ: u32 = 1;
const REG_EXPAND_SZ: u32 = 2;
const REG_BINARY: u32 = 3;
const REG_DWORD: u32 = 4;
const REG_MULTI_SZ: u32 = 7;

/// The type of a value and its data.
pub(super) type Content = (u32, Zeroizing<Vec<u8>>);

/// Reads the data of one value, over as many lines as it takes. A value that the end of the file cuts is given
/// together with the problem.
pub(super) fn read(cursor: &mut Cursor<'_>, ansi: bool) -> Result<(Content, Option<RegFileProblem>), RegFileProblem> {
    let (text, _) = cursor.rest_of_line();
    if text.starts_with('"') {
        return Ok(((REG_SZ, quoted(cursor)?), None));
    }
    let Some((word, _)) = text.split_once(':') else { return Err(unknown_type(cursor)) };
    let (word, number) = match word.trim_end_matches(is_blank).strip_suffix(')').and_then(|w| w.split_once('(')) {
        Some((word, number)) => (word, Some(u32::from_str_radix(number, 16).map_err(|_| unknown_type(cursor))?)),
        None => (word, None),
    };
    let colon = text.find(':').unwrap_or_default();
    let mut inside = Cursor { rest: cursor.rest.get(colon + 1..).unwrap_or_default(), line: cursor.line };
    inside.skip(is_blank);
    let read = match (word.trim_matches(is_blank).to_ascii_lowercase().as_str(), number) {
        ("hex", number) => bytes(&mut inside).map(|(data, problem)| {
            let kind = number.unwrap_or(REG_BINARY);
            ((kind, if ansi { widened(kind, data) } else { data }), problem)
        }),
        ("dword", None) => dword(&mut inside).map(|data| ((REG_DWORD, data), None)),
        ("str", number) if inside.rest.starts_with('"') => {
            quoted(&mut inside).map(|data| ((number.unwrap_or(REG_SZ), data), None))
        }
        _ => return Err(unknown_type(cursor)),
    };
    *cursor = inside;
    read
}

/// Leaves out a value that cannot be read, with all its continued lines.
pub(super) fn skip_value(cursor: &mut Cursor<'_>) {
    while let (text, true) = cursor.take_line() {
        if !text.trim_end_matches(is_blank).ends_with('\\') {
            break;
        }
    }
}

/// Takes the escapes out of a name or a text: `\\`, `\"`, and the `\n` and `\r` of other writers. Any other
/// backslash was typed by hand and stays.
pub(super) fn unescape(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(escaped @ ('\\' | '"' | 'n' | 'r'))) => {
                chars.next();
                plain.push(match escaped {
                    'n' => '\n',
                    'r' => '\r',
                    itself => itself,
                });
            }
            _ => plain.push(c),
        }
    }
    plain
}

fn unknown_type(cursor: &mut Cursor<'_>) -> RegFileProblem {
    let line = cursor.line;
    skip_value(cursor);
    RegFileProblem::Type { line }
}

/// Reads a quoted text, line ends included. Only a quote at the end of a line closes it: otherwise one forgotten
/// quote would swallow the values that follow.
fn quoted(cursor: &mut Cursor<'_>) -> Result<Zeroizing<Vec<u8>>, RegFileProblem> {
    let line = cursor.line;
    let inside = cursor.rest.get(1..).unwrap_or_default();
    let split = closing_quote(inside).and_then(|end| Some((inside.get(..end)?, inside.get(end + 1..)?)));
    let Some((text, rest)) = split else {
        cursor.skip_line();
        return Err(RegFileProblem::Text { line });
    };
    let mut after = Cursor { rest, line: line + line_ends(text) };
    let tail = after.take_line().0.trim_start_matches(is_blank);
    if !tail.is_empty() && !tail.starts_with(';') {
        cursor.skip_line();
        return Err(RegFileProblem::Text { line });
    }
    *cursor = after;
    Ok(utf16_with_nul(&unescape(text)))
}

fn dword(cursor: &mut Cursor<'_>) -> Result<Zeroizing<Vec<u8>>, RegFileProblem> {
    let line = cursor.line;
    let digits = cursor.take_line().0.split(';').next().unwrap_or_default().trim_matches(is_blank);
    let number = Some(digits).filter(|d| d.len() <= 8).and_then(|digits| {
        let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| plain)
    });
    let found = digits.chars().filter(char::is_ascii_hexdigit).count();
    number.map(|n| Zeroizing::new(n.to_le_bytes().to_vec())).ok_or(RegFileProblem::Dword { line, found })
}

/// Reads bytes in hexadecimal. A backslash continues them on the next line, where blank lines and comments may come
/// first.
fn bytes(cursor: &mut Cursor<'_>) -> Result<(Zeroizing<Vec<u8>>, Option<RegFileProblem>), RegFileProblem> {
    let first = cursor.line;
    let mut data = Zeroizing::new(Vec::with_capacity(cursor.rest_of_line().0.len() / 3 + 1));
    loop {
        let line = cursor.line;
        let before = *cursor;
        let (text, more) = cursor.take_line();
        let text = text.split(';').next().unwrap_or_default().trim_matches(is_blank);
        let (text, continued) = text.strip_suffix('\\').map_or((text, false), |text| (text, true));
        for byte in text.split(',').map(|byte| byte.trim_matches(is_blank)).filter(|byte| !byte.is_empty()) {
            match hex_byte(byte) {
                Ok(byte) => data.push(byte),
                Err(found) => {
                    *cursor = before;
                    skip_value(cursor);
                    return Err(RegFileProblem::Hex { line, found });
                }
            }
        }
        if !continued && (line == first || !text.is_empty()) {
            return Ok((data, None));
        }
        if !more || cursor.rest.is_empty() {
            let read = data.len();
            return Ok((data, Some(RegFileProblem::Cut { line: first, read })));
        }
        if cursor.rest.starts_with(['[', '"', '@']) {
            // The writer continued into nothing; the next statement is the safe reading.
            return Ok((data, None));
        }
    }
}

/// One byte of one or two digits, or the first character that is wrong.
fn hex_byte(text: &str) -> Result<u8, char> {
    match text.chars().find(|c| !c.is_ascii_hexdigit()).or_else(|| text.chars().nth(2)) {
        Some(wrong) => Err(wrong),
        None => u8::from_str_radix(text, 16).map_err(|_| ','),
    }
}

/// Text data of a `REGEDIT4` file as a hive would hold it.
fn widened(kind: u32, data: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    match kind {
        REG_SZ | REG_EXPAND_SZ | REG_MULTI_SZ => utf16(&windows_1252(&data), None),
        _ => data,
    }
}

fn utf16_with_nul(text: &str) -> Zeroizing<Vec<u8>> {
    utf16(text, Some(0))
}

fn utf16(text: &str, end: Option<u16>) -> Zeroizing<Vec<u8>> {
    let mut data = Zeroizing::new(Vec::with_capacity(2 * (text.encode_utf16().count() + 1)));
    data.extend(text.encode_utf16().chain(end).flat_map(u16::to_le_bytes));
    data
}
