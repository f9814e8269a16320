//! The recovery phrase: the one thing a person keeps, which opens the vault.
//!
//! The default is six words of the EFF long list, 77 bits, drawn by the system's random source. An own phrase is
//! taken when an estimate of its strength passes a floor. Input is forgiving about case, spaces and dashes; nothing
//! here prints or repeats what was typed.
//!
//! Source: the word list and the number of words, <https://www.eff.org/dice>.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// The words of a generated phrase.
const WORDS: usize = 6;
/// The bits that an own phrase must have by our estimate.
const OWN_BITS: u32 = 60;
/// The characters that an own phrase must have.
const OWN_CHARACTERS: usize = 16;
/// Bits counted for each different unlisted character group of an own phrase; see [`estimate`].
const BITS_PER_LETTER: u32 = 3;
/// Bits counted for a word of the list: log2 7776, rounded down.
const BITS_PER_WORD: u32 = 12;

/// The list with its notice on top: 7,776 words, sorted.
const LIST: &str = include_str!("words.txt");
/// How many words the list has: 6^5, for five dice.
const LIST_LEN: u16 = 7776;

/// A recovery phrase, cleared on drop. [`reveal`](Self::reveal) is the only way out.
#[derive(Clone)]
pub struct Phrase {
    text: Zeroizing<String>,
    work: Work,
}

/// How hard scrypt works on a phrase, as log2 of its N; r is 8 and p is 1, as the age format fixes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// 2^16, 64 MiB, a fifth of a second. 77 random bits need no stretching; this only keeps a shortened or
    /// overheard phrase from being tried at the rate of a plain hash.
    Generated = 16,
    /// 2^18, 256 MiB, about a second: an own phrase has fewer bits than it seems to have.
    Own = 18,
}

/// Why text is not taken as a phrase. No error repeats a word of it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PhraseError {
    #[error("the phrase has {found} words, {needed} are needed")]
    Length { found: usize, needed: usize },
    #[error("the system gives no random bytes")]
    Random,
    #[error("word {position} is not in the word list")]
    Unknown { position: usize },
    #[error(
        "an own phrase needs at least {OWN_CHARACTERS} characters and about {OWN_BITS} bits; this one has {characters} \
         characters and about {bits} bits: add words, four or more that do not belong together"
    )]
    Weak { characters: usize, bits: u32 },
}

impl Phrase {
    /// Draws six words.
    ///
    /// # Errors
    ///
    /// [`PhraseError::Random`] when the system gives no random bytes.
    pub fn generate() -> Result<Self, PhraseError> {
        let words: Vec<&str> = words().collect();
        let mut text = Zeroizing::new(String::with_capacity(64));
        for _ in 0..WORDS {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(words.get(usize::from(draw()?)).copied().unwrap_or_default());
        }
        Ok(Self { text, work: Work::Generated })
    }

    /// Reads a generated phrase as typed: any case, any spaces, dashes between the words or not.
    ///
    /// # Errors
    ///
    /// [`PhraseError::Length`] or [`PhraseError::Unknown`], which names a word by its position only.
    pub fn parse_words(typed: &str) -> Result<Self, PhraseError> {
        let typed = tidy(typed);
        let mut text = Zeroizing::new(String::with_capacity(typed.len()));
        let mut found = 0;
        let mut rest = typed.split(' ').filter(|word| !word.is_empty()).peekable();
        while let Some(word) = rest.next() {
            found += 1;
            // Four words of the list have a dash in them, which may come as a space.
            let dashed = rest.peek().map(|next| Zeroizing::new(format!("{word}-{next}")));
            let word = match dashed.as_ref().filter(|dashed| is_listed(dashed)) {
                Some(dashed) => {
                    rest.next();
                    dashed.as_str()
                }
                None if is_listed(word) => word,
                None => return Err(PhraseError::Unknown { position: found }),
            };
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        if found != WORDS {
            return Err(PhraseError::Length { found, needed: WORDS });
        }
        Ok(Self { text, work: Work::Generated })
    }

    /// Takes an own phrase, for creating a vault or changing its phrase. Case counts; spaces at the ends and doubled
    /// ones do not.
    ///
    /// # Errors
    ///
    /// [`PhraseError::Weak`] when it is below the floor.
    pub fn own(typed: &str) -> Result<Self, PhraseError> {
        // Six words of the list are spelled as `typed` will spell them when the vault is opened.
        let text = Self::typed(typed).text;
        let (characters, bits) = (text.chars().count(), estimate(&text));
        if characters < OWN_CHARACTERS || bits < OWN_BITS {
            return Err(PhraseError::Weak { characters, bits });
        }
        Ok(Self { text, work: Work::Own })
    }

    /// Takes what was typed to open a vault: a generated phrase in any spelling, or else an own one as it is. There
    /// is no floor here, because whether it is right is for the vault to say.
    #[must_use]
    pub fn typed(typed: &str) -> Self {
        Self::parse_words(typed).unwrap_or_else(|_| Self { text: single_spaces(typed), work: Work::Own })
    }

    /// The phrase as text, words with one space between. Every use of this is a place where a secret leaves its type.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    pub(crate) fn work(&self) -> Work {
        self.work
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(…)")
    }
}

fn words() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter(|line| !line.starts_with('#'))
}

fn is_listed(word: &str) -> bool {
    words().any(|listed| listed == word)
}

/// A number below [`LIST_LEN`], each as likely: 13 bits, drawn again when they are too large.
fn draw() -> Result<u16, PhraseError> {
    loop {
        let mut bytes = Zeroizing::new([0; 2]);
        getrandom::fill(bytes.as_mut()).map_err(|_| PhraseError::Random)?;
        let number = u16::from_le_bytes(*bytes) & 0x1FFF;
        if number < LIST_LEN {
            return Ok(number);
        }
    }
}

/// Lower case, with every kind of space or dash as one space.
fn tidy(typed: &str) -> Zeroizing<String> {
    let mut tidy = Zeroizing::new(String::with_capacity(typed.len() * 2));
    for c in typed.chars().flat_map(char::to_lowercase) {
        let gap = c.is_whitespace() || matches!(c, '-' | '_' | '.' | ',' | '\u{2010}'..='\u{2015}' | '\u{2212}');
        tidy.push(if gap { ' ' } else { c });
    }
    tidy
}

fn single_spaces(typed: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(typed.len()));
    for part in typed.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(part);
    }
    text
}

/// A careful guess at the bits of an own phrase: each different part between spaces counts once, with three bits for
/// each different character, or, as a word of the list, what its place in the list is worth.
fn estimate(text: &str) -> u32 {
    let mut parts: Vec<&str> = text.split(' ').collect();
    parts.sort_unstable();
    parts.dedup();
    let bits = parts.iter().map(|part| {
        let mut characters: Vec<char> = part.chars().collect();
        characters.sort_unstable();
        characters.dedup();
        let bits = BITS_PER_LETTER * u32::try_from(characters.len()).unwrap_or(0);
        if is_listed(&part.to_lowercase()) { BITS_PER_WORD } else { bits }
    });
    bits.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_eff_long_list() {
        let all: Vec<&str> = words().collect();
        assert_eq!(all.len(), usize::from(LIST_LEN));
        assert!(all.is_sorted_by(|a, b| a < b), "sorted, each once");
        assert_eq!((all[0], all[7775]), ("abacus", "zoom"));
        let mut joined = all.join("\n");
        joined.push('\n');
        let sha256 = "6d557f0693958fb5e650b68b5bee585eb82cf4da32965505c789e924743bc522";
        assert_eq!(crate::id::Hash::of(joined.as_bytes()).to_string(), sha256, "as in Debian's diceware 0.10");
    }

    #[test]
    fn generated_phrases_read_back_and_differ() {
        let phrase = Phrase::generate().unwrap();
        assert_eq!(phrase.reveal().split(' ').count(), WORDS);
        assert_eq!(Phrase::parse_words(phrase.reveal()).unwrap().reveal(), phrase.reveal());
        assert_ne!(Phrase::generate().unwrap().reveal(), phrase.reveal());
        assert_eq!(format!("{phrase:?}"), "Phrase(…)");
    }

    #[test]
    fn typing_may_be_careless_about_case_spaces_and_dashes() {
        for typed in [
            "abacus zoom yo-yo t-shirt abdomen unzip",
            "  Abacus   ZOOM\tyo yo T SHIRT abdomen unzip\n",
            "abacus-zoom-yo-yo-t-shirt-abdomen-unzip",
            "abacus–zoom–yo–yo–t–shirt–abdomen–unzip",
        ] {
            let phrase = Phrase::parse_words(typed).unwrap();
            assert_eq!(phrase.reveal(), "abacus zoom yo-yo t-shirt abdomen unzip", "{typed}");
            assert_eq!(Phrase::typed(typed).work(), Work::Generated);
        }
    }

    #[test]
    fn an_error_names_the_position_and_never_the_word() {
        let error = Phrase::parse_words("abacus zoom secretword abdomen unzip zoom").unwrap_err();
        assert_eq!(error.to_string(), "word 3 is not in the word list");
        let error = Phrase::parse_words("abacus zoom").unwrap_err();
        assert_eq!(error.to_string(), "the phrase has 2 words, 6 are needed");
        assert!(Phrase::parse_words("").is_err());
    }

    #[test]
    fn weak_own_phrases_are_refused_with_what_is_needed() {
        for weak in
            ["", "password", "aaaaaaaaaaaaaaaaaaaaaaaaaaa", "zoom zoom zoom zoom zoom zoom", "abacus zoom unzip"]
        {
            let error = Phrase::own(weak).unwrap_err();
            assert!(error.to_string().contains("at least 16 characters"), "{weak}");
        }
        for strong in ["abacus zoom unzip abdomen thumb", "Ein Pferd frisst 17 grüne Gurkensalate"] {
            assert_eq!(Phrase::own(&format!(" {strong}  ")).unwrap().reveal(), strong);
        }
    }
}
