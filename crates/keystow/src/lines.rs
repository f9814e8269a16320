//! Long lists of product keys: one a line in, one answer a line out, millions of lines a second.
//!
//! Input is a stream of text, output a stream of JSON objects or of lines for people. Which product a product key
//! unlocks is asked of the caller. Memory stays the same however long the stream is, or a line in it.

#![expect(clippy::indexing_slicing, reason = "ranges of the block that was just measured")]

use std::io::{self, ErrorKind, Read, Write};

use keystow_core::{KeyForm, PartialKey, ProductKey};
use zeroize::{Zeroize, Zeroizing};

/// The longest line that can be a product key with much around it, in bytes. Longer ones are answered with an error.
pub(crate) const MAX_LINE: usize = 4096;
/// How much is read at once, in bytes.
const BLOCK: usize = 256 * 1024;
/// Answers are written in pieces of about this many bytes.
const PIECE: usize = 64 * 1024;
/// The length of a product key with its dashes.
const KEY: usize = 29;

/// What a product key unlocks, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row<'a> {
    /// The `EditionID`.
    pub(crate) edition: Option<&'a str>,
    /// The channel, as in `slmgr` output.
    pub(crate) channel: Option<&'a str>,
    /// The product in words that people know.
    pub(crate) product: Option<&'a str>,
    /// Whether it is published, so nobody's own.
    pub(crate) generic: bool,
}

/// How an answer looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One JSON object a line, all ASCII.
    Json,
    /// One aligned line with the masked product key; the character hides the other symbols.
    Words {
        /// `•`, or `*` where the terminal has none.
        mask: char,
    },
}

/// How many lines were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Lines with something on them.
    pub(crate) lines: u64,
    /// Those that are a product key whose checksum is not wrong.
    pub(crate) valid: u64,
}

/// Answers every line of `input` that is not blank.
///
/// The input may be UTF-8 with or without its mark, or UTF-16 with its mark. A line that is not UTF-8, holds NUL
/// characters or is longer than [`MAX_LINE`] is answered with an error like any other.
///
/// # Errors
///
/// What reading or writing says.
pub(crate) fn identify(
    mut input: impl Read,
    output: impl Write,
    shape: Shape,
    lookup: impl Fn(&ProductKey) -> Row<'static>,
) -> io::Result<Tally> {
    let mut answers =
        Answers { out: Vec::with_capacity(PIECE + MAX_LINE), output, shape, tally: Tally::default(), lookup };
    let mut mark = [0; 3];
    let read = fill(&mut input, &mut mark)?;
    match mark[..read] {
        [0xFF, 0xFE, ref rest @ ..] => answers.all(Utf16::new(rest.chain(input), u16::from_le_bytes)),
        [0xFE, 0xFF, ref rest @ ..] => answers.all(Utf16::new(rest.chain(input), u16::from_be_bytes)),
        [0xEF, 0xBB, 0xBF] => answers.all(input),
        ref other => answers.all(other.chain(input)),
    }?;
    answers.flush()?;
    Ok(answers.tally)
}

struct Answers<W, F> {
    out: Vec<u8>,
    output: W,
    shape: Shape,
    tally: Tally,
    lookup: F,
}

impl<W: Write, F: Fn(&ProductKey) -> Row<'static>> Answers<W, F> {
    /// Cuts blocks into lines. What is left of a block moves to the front of the next one.
    fn all(&mut self, mut input: impl Read) -> io::Result<()> {
        let mut block = Zeroizing::new(vec![0; BLOCK]);
        let (mut filled, mut number, mut too_long) = (0, 1_u64, false);
        loop {
            // Whoever types or feeds lines slowly sees each answer before the next line.
            self.flush()?;
            let read = read_some(&mut input, &mut block[filled..])?;
            filled += read;
            let mut at = 0;
            while let Some(end) = line_end(&block[at..filled]) {
                self.line(number, &block[at..at + end], std::mem::take(&mut too_long))?;
                at += end + 1;
                number += 1;
            }
            let rest = filled - at;
            if read == 0 {
                return self.line(number, &block[at..filled], too_long);
            }
            too_long |= rest > MAX_LINE;
            block.copy_within(at..filled, 0);
            // Nothing of a line that is too long is needed again.
            filled = if too_long { 0 } else { rest };
        }
    }

    fn line(&mut self, number: u64, line: &[u8], too_long: bool) -> io::Result<()> {
        if self.out.len() >= PIECE {
            self.flush()?;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if too_long || line.len() > MAX_LINE {
            self.refused(number, &format!("the line is longer than {MAX_LINE} bytes"));
        } else if let Some(key) = ProductKey::parse_bytes(line) {
            let last = line.last_chunk().map(|last: &[u8; 5]| last.map(|b| b.to_ascii_uppercase()));
            self.key(number, &key, last.unwrap_or_default());
        } else if !line.trim_ascii().is_empty() {
            self.unusual(number, line);
        }
        Ok(())
    }

    /// A line that is no product key in one of the two plain spellings.
    #[cold]
    fn unusual(&mut self, number: u64, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return;
        }
        match ProductKey::parse(text.trim()) {
            Ok(key) => {
                let mut last = [0; 5];
                last.copy_from_slice(key.partial().as_str().as_bytes());
                self.key(number, &key, last);
            }
            Err(error) => self.refused(number, &error.to_string()),
        }
    }

    fn key(&mut self, number: u64, key: &ProductKey, last: [u8; 5]) {
        if key.is_blank() {
            return self
                .refused(number, "only the letter B: this is what is left where Windows cleared the product key");
        }
        let checksum = key.checksum_ok();
        let valid = checksum != Some(false);
        self.tally.lines += 1;
        self.tally.valid += u64::from(valid);
        // The group of a mistyped product key is as doubtful as the rest of it.
        let row = if valid { (self.lookup)(key) } else { Row::default() };
        match self.shape {
            Shape::Json => json_key(&mut self.out, number, key, checksum, &row, last),
            Shape::Words { mask } => words_key(&mut self.out, number, valid, &row, last, mask),
        }
    }

    #[cold]
    fn refused(&mut self, number: u64, error: &str) {
        self.tally.lines += 1;
        let out = &mut self.out;
        match self.shape {
            Shape::Json => {
                put(out, b"{\"line\":");
                put_number(out, number);
                put(out, b",\"form\":null,\"valid\":false,\"group\":null,\"serial\":null,\"checksum_ok\":null");
                put(out, b",\"edition\":null,\"channel\":null,\"product\":null,\"generic\":null,\"partial_key\":null");
                put(out, b",\"error\":");
                put_text(out, Some(error));
                put(out, b"}\n");
            }
            Shape::Words { .. } => put(out, format!("{number:>8}  not a product key: {error}\n").as_bytes()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.output.write_all(&self.out)?;
        self.out.clear();
        self.output.flush()
    }
}

/// What a checksum says that does not match.
const MISTYPED: &str = "the checksum is wrong: at least one character is mistyped";

fn json_key(out: &mut Vec<u8>, number: u64, key: &ProductKey, checksum: Option<bool>, row: &Row<'_>, last: [u8; 5]) {
    put(out, b"{\"line\":");
    put_number(out, number);
    put(out, if key.form() == KeyForm::Pkey2009 { b",\"form\":\"PKEY2009\"" } else { b",\"form\":\"PKEY2005\"" });
    put(out, if checksum == Some(false) { b",\"valid\":false" } else { b",\"valid\":true" });
    match key.fields() {
        Some(fields) => {
            put(out, b",\"group\":");
            put_number(out, fields.group.into());
            put(out, b",\"serial\":");
            put_number(out, fields.serial.into());
        }
        None => put(out, b",\"group\":null,\"serial\":null"),
    }
    put(
        out,
        match checksum {
            None => b",\"checksum_ok\":null,\"edition\":",
            Some(false) => b",\"checksum_ok\":false,\"edition\":",
            Some(true) => b",\"checksum_ok\":true,\"edition\":",
        },
    );
    put_text(out, row.edition);
    put(out, b",\"channel\":");
    put_text(out, row.channel);
    put(out, b",\"product\":");
    put_text(out, row.product);
    put(
        out,
        if row.generic { b",\"generic\":true,\"partial_key\":\"" } else { b",\"generic\":false,\"partial_key\":\"" },
    );
    put(out, &last);
    if checksum == Some(false) {
        put(out, b"\",\"error\":");
        put_text(out, Some(MISTYPED));
        put(out, b"}\n");
    } else {
        put(out, b"\"}\n");
    }
}

fn words_key(out: &mut Vec<u8>, number: u64, valid: bool, row: &Row<'_>, last: [u8; 5], mask: char) {
    let masked = str::from_utf8(&last).ok().and_then(PartialKey::parse).map(|last| last.masked(mask));
    let masked = masked.unwrap_or_default();
    let product = row.product.or(row.edition).unwrap_or("unknown product");
    let channel = row.channel.unwrap_or("-");
    let text = match (valid, row.generic) {
        (false, _) => format!("{number:>8}  {masked}  {MISTYPED}\n"),
        (true, false) => format!("{number:>8}  {masked}  {channel:<16}  {product}\n"),
        (true, true) => format!("{number:>8}  {masked}  {channel:<16}  {product}, generic: nobody's own\n"),
    };
    put(out, text.as_bytes());
}

#[inline(always)]
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] += (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    put(out, &digits[at..]);
}

/// Writes a JSON string or null. The names in the tables need no escapes, so they are copied as they are.
fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return put(out, b"null") };
    out.push(b'"');
    if text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\') {
        put(out, text.as_bytes());
    } else {
        put_escaped(out, text);
    }
    out.push(b'"');
}

#[cold]
fn put_escaped(out: &mut Vec<u8>, text: &str) {
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => put(out, &[b'\\', byte]),
            Ok(byte @ b' '..=b'~') => out.push(byte),
            _ => put(out, format!("\\u{unit:04x}").as_bytes()),
        }
    }
}

/// Where the first line of `bytes` ends, without its line end. Most lines are as long as a product key.
#[inline(always)]
fn line_end(bytes: &[u8]) -> Option<usize> {
    if bytes.get(KEY) == Some(&b'\n') && !bytes[..KEY].contains(&b'\n') {
        return Some(KEY);
    }
    bytes.iter().position(|b| *b == b'\n')
}

/// Reads what there is, up to the length of `buf`; 0 only at the end.
fn read_some(input: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buf) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Fills `buf` as far as the input goes.
fn fill(input: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match read_some(input, &mut buf[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// A stream of UTF-16 as a stream of UTF-8. Half a surrogate pair and an odd last byte become U+FFFD.
struct Utf16<R> {
    input: R,
    unit: fn([u8; 2]) -> u16,
    /// Bytes that were read and not yet decoded: at most one unit, or a high surrogate and one byte.
    raw: Zeroizing<Vec<u8>>,
    text: Zeroizing<String>,
    given: usize,
}

impl<R: Read> Utf16<R> {
    fn new(input: R, unit: fn([u8; 2]) -> u16) -> Self {
        Self { input, unit, raw: Zeroizing::default(), text: Zeroizing::default(), given: 0 }
    }

    /// Decodes the next block; `false` at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        let kept = self.raw.len();
        self.raw.resize(kept + BLOCK / 4, 0);
        let read = read_some(&mut self.input, &mut self.raw[kept..])?;
        self.raw.truncate(kept + read);
        let is_last = read == 0;
        let mut whole = self.raw.len() / 2 * 2;
        let last_unit = self.raw[..whole].last_chunk().map(|pair| (self.unit)(*pair));
        if !is_last && last_unit.is_some_and(|unit| matches!(unit, 0xD800..=0xDBFF)) {
            whole -= 2;
        }
        let (pairs, _) = self.raw[..whole].as_chunks::<2>();
        self.text.zeroize();
        self.given = 0;
        self.text.reserve(3 * pairs.len() + 3);
        let units = pairs.iter().map(|pair| (self.unit)(*pair));
        self.text.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        if is_last && whole < self.raw.len() {
            self.text.push(char::REPLACEMENT_CHARACTER);
            whole = self.raw.len();
        }
        self.raw.drain(..whole);
        Ok(!is_last || !self.text.is_empty())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let rest = &self.text.as_bytes()[self.given..];
        let length = rest.len().min(buf.len());
        buf[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRO: &str = "W269N-WFGWX-YVC9B-4J6C9-T83GX";
    const SEVEN: &str = "FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4";

    fn lookup(key: &ProductKey) -> Row<'static> {
        match key.fields() {
            Some(fields) if fields.group == 3311 => Row {
                edition: Some("Professional"),
                channel: Some("Volume:GVLK"),
                product: Some("Windows 10 Pro"),
                generic: true,
            },
            _ => Row::default(),
        }
    }

    fn answer(input: impl Read, shape: Shape) -> (String, Tally) {
        let mut out = Vec::new();
        let tally = identify(input, &mut out, shape, lookup).unwrap();
        (String::from_utf8(out).unwrap(), tally)
    }

    fn json(input: &[u8]) -> String {
        answer(input, Shape::Json).0
    }

    /// Gives one byte at a time, as a slow pipe does.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let length = buf.len().min(1);
            self.0.read(&mut buf[..length])
        }
    }

    #[test]
    fn a_product_key_is_answered_with_all_that_is_known() {
        assert_eq!(
            json(PRO.as_bytes()),
            "{\"line\":1,\"form\":\"PKEY2009\",\"valid\":true,\"group\":3311,\"serial\":1,\"checksum_ok\":true,\
             \"edition\":\"Professional\",\"channel\":\"Volume:GVLK\",\"product\":\"Windows 10 Pro\",\"generic\":true,\
             \"partial_key\":\"T83GX\"}\n"
        );
        assert_eq!(
            json(SEVEN.as_bytes()),
            "{\"line\":1,\"form\":\"PKEY2005\",\"valid\":true,\"group\":null,\"serial\":null,\"checksum_ok\":null,\
             \"edition\":null,\"channel\":null,\"product\":null,\"generic\":false,\"partial_key\":\"GPDD4\"}\n"
        );
    }

    #[test]
    fn a_line_that_is_no_product_key_is_answered_without_its_text() {
        let nulls = "\"form\":null,\"valid\":false,\"group\":null,\"serial\":null,\"checksum_ok\":null,\"edition\":null,\
                     \"channel\":null,\"product\":null,\"generic\":null,\"partial_key\":null";
        assert_eq!(
            json(b"W269N-WFGWX-YVC9B-4J6O9-T83GX"),
            format!("{{\"line\":1,{nulls},\"error\":\"character 19 is 'O', which no product key contains\"}}\n")
        );
        for line in ["secret words", "W269N\0WFGWX", "\"\\\u{1F511}\u{7F}", "BBBBB-BBBBB-BBBBB-BBBBB-BBBBB"] {
            let answer = json(line.as_bytes());
            let value: serde_json::Value = serde_json::from_str(&answer).unwrap();
            assert!(answer.is_ascii() && answer.contains(nulls) && value["error"].is_string(), "{answer}");
            assert!(!answer.contains("secret") && !answer.contains("BBBBB"), "{answer}");
        }
    }

    #[test]
    fn a_mistyped_product_key_is_not_valid_and_not_looked_up() {
        let answer = json(b"W269N-WFGWX-YVC9B-4J6C9-T83GY");
        let value: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&value["valid"], &value["checksum_ok"]), (&false.into(), &false.into()));
        assert!(value["edition"].is_null() && value["error"].is_string(), "{answer}");
    }

    #[test]
    fn lines_are_counted_and_blank_ones_left_out() {
        let text = format!("{PRO}\r\n\r\n  {}  \n \t\n{SEVEN}\nx\n", PRO.to_lowercase().replace('-', " "));
        let (answers, tally) = answer(text.as_bytes(), Shape::Json);
        let lines: Vec<_> = answers.lines().map(|line| line.split([':', ',']).nth(1).unwrap()).collect();
        assert_eq!(lines, ["1", "3", "5", "6"]);
        assert_eq!(tally, Tally { lines: 4, valid: 3 });
    }

    #[test]
    fn every_encoding_gives_the_same_answers() {
        let text = format!("{PRO}\r\nW269N–WFGWX–YVC9B–4J6C9–T83GX\n\u{1F511}\n");
        let expected = json(text.as_bytes());
        assert_eq!(expected.lines().count(), 3);
        let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{FEFF}{text}").encode_utf16().flat_map(bytes).collect()
        };
        for bytes in [format!("\u{FEFF}{text}").into_bytes(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
            assert_eq!(json(&bytes), expected);
            assert_eq!(answer(Slow(&bytes), Shape::Json).0, expected);
        }
    }

    #[test]
    fn a_line_of_any_length_is_one_error_and_the_next_line_is_answered() {
        for length in [MAX_LINE, MAX_LINE + 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let text = format!("{}\n{PRO}\n", "x".repeat(length));
            let (answers, tally) = answer(text.as_bytes(), Shape::Json);
            assert_eq!(tally, Tally { lines: 2, valid: 1 }, "{length}");
            assert_eq!(answers.contains("longer than 4096"), length > MAX_LINE, "{length}");
            assert_eq!(answer(&text.as_bytes()[..length], Shape::Json).1, Tally { lines: 1, valid: 0 }, "{length}");
        }
    }

    #[test]
    fn lines_across_blocks_are_whole() {
        let text = format!("{PRO}\n").repeat(2 * BLOCK / 30 + 7);
        let (answers, tally) = answer(text.as_bytes(), Shape::Json);
        assert_eq!(tally.lines, tally.valid);
        assert_eq!(tally.lines, answers.lines().count() as u64);
        assert!(answers.lines().all(|line| line.ends_with("\"partial_key\":\"T83GX\"}")));
    }

    #[test]
    fn people_see_one_aligned_line_with_a_masked_key() {
        let text = format!("{PRO}\n{SEVEN}\nx\nW269N-WFGWX-YVC9B-4J6C9-T83GY");
        assert_eq!(
            answer(text.as_bytes(), Shape::Words { mask: '*' }).0,
            "       1  *****-*****-*****-*****-T83GX  Volume:GVLK       Windows 10 Pro, generic: nobody's own\n\
             \x20      2  *****-*****-*****-*****-GPDD4  -                 unknown product\n\
             \x20      3  not a product key: a product key has 25 characters, here are 1\n\
             \x20      4  *****-*****-*****-*****-T83GY  the checksum is wrong: at least one character is mistyped\n"
        );
    }

    #[test]
    fn numbers_and_texts_are_json() {
        let mut out = Vec::new();
        for number in [0, 9, 10, u64::MAX] {
            put_number(&mut out, number);
            out.push(b' ');
        }
        put_text(&mut out, Some("a\"b\\c\n\u{1F511}é"));
        put_text(&mut out, None);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "0 9 10 18446744073709551615 \"a\\\"b\\\\c\\u000a\\ud83d\\udd11\\u00e9\"null"
        );
    }
}
