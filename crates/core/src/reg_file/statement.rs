//! The statements of a registry export: sections, values and comments, one after the other.
//!
//! Input is the decoded text; output is one statement at a time with its line. A line that cannot be read is a
//! statement too, and the next one starts right below it.

use zeroize::Zeroizing;

use super::RegFileProblem;
use super::data::{self, Content};

/// One statement.
pub(super) enum Statement<'a> {
    /// `REGEDIT4` or `Windows Registry Editor Version 5.00`; also in the middle, where files were joined.
    Header,
    /// `[path]` or `[-path]`.
    Section { path: &'a str, delete: bool },
    /// `"name"=data` or `@=data`; `content` is `None` where the data is `-`, which deletes the value.
    Value { name: String, content: Option<Content>, problem: Option<RegFileProblem> },
    /// A line, or a value over several lines, that could not be read.
    Unreadable(RegFileProblem),
}

/// A walk over the text.
pub(super) struct Statements<'a> {
    cursor: Cursor<'a>,
    /// Data of text types in hexadecimal is ANSI in `REGEDIT4` files.
    ansi: bool,
}

/// The text still to come, and the number of the line it starts in.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a str,
    pub(super) line: usize,
}

impl<'a> Statements<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { cursor: Cursor { rest: text, line: 1 }, ansi: false }
    }

    /// The line where the walk is, from 1.
    pub(super) fn line(&self) -> usize {
        self.cursor.line
    }

    /// The next statement and the line where it starts.
    pub(super) fn next(&mut self) -> Option<(usize, Statement<'a>)> {
        loop {
            self.cursor.skip(|c| is_blank(c) || is_line_end(c));
            match self.cursor.peek()? {
                ';' => self.cursor.skip_line(),
                _ => break,
            }
        }
        let line = self.cursor.line;
        let statement = match self.cursor.peek()? {
            '[' => section(self.cursor.take_line().0, line),
            '"' | '@' => self.value(line).unwrap_or_else(Statement::Unreadable),
            _ => self.header(line),
        };
        Some((line, statement))
    }

    fn header(&mut self, line: usize) -> Statement<'a> {
        let text = self.cursor.take_line().0.trim();
        self.ansi = text == "REGEDIT4";
        let is_header = self.ansi || text.starts_with("Windows Registry Editor Version 5");
        if is_header { Statement::Header } else { Statement::Unreadable(RegFileProblem::Statement { line }) }
    }

    fn value(&mut self, line: usize) -> Result<Statement<'a>, RegFileProblem> {
        let name = self.name(line)?;
        self.cursor.skip(is_blank);
        if let Some(rest) = self.cursor.rest.strip_prefix('-') {
            self.cursor.rest = rest;
            self.cursor.skip_line();
            return Ok(Statement::Value { name, content: None, problem: None });
        }
        let (content, problem) = data::read(&mut self.cursor, self.ansi)?;
        Ok(Statement::Value { name, content: Some(content), problem })
    }

    /// The name of a value and the equals sign behind it.
    fn name(&mut self, line: usize) -> Result<String, RegFileProblem> {
        let (text, _) = self.cursor.rest_of_line();
        let (name, rest) = match text.strip_prefix('@') {
            Some(rest) => (Some(Zeroizing::default()), rest),
            None => {
                let end = text.get(1..).and_then(closing_quote);
                let split = end.and_then(|end| Some((text.get(1..=end)?, text.get(end + 2..)?)));
                split.map_or((None, text), |(name, rest)| (Some(data::unescape(name)), rest))
            }
        };
        let after = rest.trim_start_matches(is_blank).strip_prefix('=');
        if let (Some(mut name), Some(after)) = (name, after) {
            self.cursor.rest = self.cursor.rest.get(text.len() - after.len()..).unwrap_or_default();
            return Ok(std::mem::take(&mut *name));
        }
        data::skip_value(&mut self.cursor);
        Err(RegFileProblem::Name { line })
    }
}

/// Reads `[path]` or `[-path]`. The last bracket of the line closes, because paths may contain brackets.
fn section(text: &str, line: usize) -> Statement<'_> {
    let Some((path, _)) = text.strip_prefix('[').and_then(|text| text.rsplit_once(']')) else {
        return Statement::Unreadable(RegFileProblem::Section { line });
    };
    match path.strip_prefix('-') {
        Some(path) => Statement::Section { path, delete: true },
        None => Statement::Section { path, delete: false },
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Skips characters, counting line ends. CR LF is one.
    pub(super) fn skip(&mut self, which: fn(char) -> bool) {
        let rest = self.rest.trim_start_matches(which);
        let (skipped, _) = self.rest.split_at(self.rest.len() - rest.len());
        self.line += line_ends(skipped);
        self.rest = rest;
    }

    /// The rest of this line without its end, and the length of the end.
    pub(super) fn rest_of_line(&self) -> (&'a str, usize) {
        let length = self.rest.find(is_line_end).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(length);
        let end = if rest.starts_with("\r\n") { 2 } else { rest.len().min(1) };
        (text, end)
    }

    /// Takes the rest of this line, and says whether another line follows.
    pub(super) fn take_line(&mut self) -> (&'a str, bool) {
        let (text, end) = self.rest_of_line();
        self.rest = self.rest.get(text.len() + end..).unwrap_or_default();
        self.line += usize::from(end > 0);
        (text, end > 0)
    }

    pub(super) fn skip_line(&mut self) {
        self.take_line();
    }
}

/// The position of the quote that closes a text whose opening quote is left out already.
pub(super) fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

pub(super) fn line_ends(text: &str) -> usize {
    let bytes = text.as_bytes();
    bytes.iter().filter(|b| **b == b'\n').count()
        + bytes.split(|b| *b == b'\r').skip(1).filter(|after| after.first() != Some(&b'\n')).count()
}

pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\0' | '\u{A0}' | '\u{FEFF}')
}

pub(super) fn is_line_end(c: char) -> bool {
    matches!(c, '\r' | '\n')
}
