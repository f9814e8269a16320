//! WQL, as far as it is asked here: `SELECT a, b FROM Class WHERE X = 'x' AND Y IS NOT NULL`.

use serde_json::Value;

use super::class::{Class, Property, class};
use crate::scenario::{Row, Scenario, is};

/// A query that was understood.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) class: &'static Class,
    pub(super) columns: Vec<Property>,
    conditions: Vec<Condition>,
}

/// Why a query is refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// The class is not played.
    Class,
    /// The words make no sense, or name a property that the class does not have.
    Words,
}

#[derive(Debug)]
enum Condition {
    Equal(&'static str, String),
    NotNull(&'static str),
    Null(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Mark(char),
    Name(String),
    Text(String),
}

impl Query {
    pub(super) fn parse(text: &str, scenario: &Scenario) -> Result<Self, Refused> {
        let words = words(text)?;
        let from = words.iter().position(|word| word.is("FROM")).ok_or(Refused::Words)?;
        let (select, rest) = words.split_at(from);
        let [_, Word::Name(name), conditions @ ..] = rest else { return Err(Refused::Words) };
        let class = class(name).ok_or(Refused::Class)?;
        let [first, columns @ ..] = select else { return Err(Refused::Words) };
        if !first.is("SELECT") {
            return Err(Refused::Words);
        }
        let columns = match columns {
            [Word::Mark('*')] => class.known(scenario).collect(),
            list => list
                .split(|word| *word == Word::Mark(','))
                .map(|column| match column {
                    [Word::Name(name)] => class.property(scenario, name).ok_or(Refused::Words),
                    _ => Err(Refused::Words),
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { class, columns, conditions: parse_conditions(conditions, class, scenario)? })
    }

    pub(super) fn takes(&self, row: &Row) -> bool {
        let is_null = |name: &str| row.get(name).is_none_or(Value::is_null);
        self.conditions.iter().all(|condition| match condition {
            Condition::Equal(name, wanted) => match row.get(*name) {
                Some(Value::String(_)) => is(row, name, wanted),
                Some(other) => other.to_string().eq_ignore_ascii_case(wanted),
                None => false,
            },
            Condition::NotNull(name) => !is_null(name),
            Condition::Null(name) => is_null(name),
        })
    }
}

impl Word {
    fn is(&self, name: &str) -> bool {
        matches!(self, Self::Name(word) if word.eq_ignore_ascii_case(name))
    }
}

fn parse_conditions(words: &[Word], class: &Class, scenario: &Scenario) -> Result<Vec<Condition>, Refused> {
    let Some((first, words)) = words.split_first() else { return Ok(Vec::new()) };
    if !first.is("WHERE") {
        return Err(Refused::Words);
    }
    words.split(|word| word.is("AND")).map(|words| condition(words, class, scenario)).collect()
}

fn condition(words: &[Word], class: &Class, scenario: &Scenario) -> Result<Condition, Refused> {
    let [Word::Name(name), rest @ ..] = words else { return Err(Refused::Words) };
    let (name, _) = class.property(scenario, name).ok_or(Refused::Words)?;
    match rest {
        [Word::Mark('='), Word::Text(text) | Word::Name(text)] => Ok(Condition::Equal(name, text.clone())),
        [is, not, null] if is.is("IS") && not.is("NOT") && null.is("NULL") => Ok(Condition::NotNull(name)),
        [is, null] if is.is("IS") && null.is("NULL") => Ok(Condition::Null(name)),
        _ => Err(Refused::Words),
    }
}

fn words(text: &str) -> Result<Vec<Word>, Refused> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '\'' | '"' => quoted(rest, first).ok_or(Refused::Words)?,
            c if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                (Word::Name(name.to_owned()), after)
            }
            mark => (Word::Mark(mark), rest.get(mark.len_utf8()..).unwrap_or_default()),
        };
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// A text in quotes, and what follows; a backslash quotes one character.
fn quoted(text: &str, quote: char) -> Option<(Word, &str)> {
    let mut found = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => found.push(chars.next()?.1),
            c if c == quote => return Some((Word::Text(found), text.get(at + 1..)?)),
            c => found.push(c),
        }
    }
    None
}
