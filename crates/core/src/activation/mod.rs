//! What Windows' license service answers, in plain words, and what to do next.
//!
//! Input is an HRESULT as the service, WMI or the network below it gives it; output is what it says, and the next step
//! for the person before the PC. Nothing here talks to the service: `keystow_os` does. Activation by telephone is in
//! [`offline`].
//!
//! Sources: Microsoft, "Windows activation error codes"; the message texts of slmgr.vbs; `slerror.h`. Many codes are
//! known by their symbol only.

mod answers;
mod general;
pub mod offline;

pub use general::general;

/// What a code says and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HRESULT.
    pub code: u32,
    /// Its name in the Windows headers; empty where none is known.
    pub symbol: &'static str,
    /// What it says, as a sentence.
    pub says: &'static str,
    /// The next step, as a sentence.
    pub next: &'static str,
    /// What kind of trouble it is.
    pub class: Class,
}

/// The kinds of trouble, by what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Microsoft refuses the product key, and will again.
    Blocked,
    /// The service has other work.
    Busy,
    /// The product key is for another edition or version.
    Edition,
    /// The hardware is not the one the license knows.
    Hardware,
    /// The product key is wrong or missing.
    Key,
    /// The activation server was not reached.
    Network,
    /// An organization's activation service or agreement.
    Organization,
    /// None of the others.
    Other,
    /// It is done after a restart.
    Restart,
    /// An administrator may do it.
    Rights,
    /// The Microsoft Store, which keeps digital licenses.
    Store,
    /// The product key was used too often.
    UsedUp,
}

/// The word in the machine interface, the class, the next step.
const CLASSES: [(&str, Class, &str); 12] = [
    (
        "blocked",
        Class::Blocked,
        "Trying again does not help. Ask the seller for another product key or the money back, or ask Microsoft's support \
         why it is blocked.",
    ),
    ("busy", Class::Busy, "Wait five minutes, then run the same command again."),
    (
        "edition",
        Class::Edition,
        "`keystow fit` says which edition the product key is for. Install that edition, then run the same command again.",
    ),
    (
        "hardware",
        Class::Hardware,
        "Sign in with the Microsoft account to which the license is linked, and say in the activation troubleshooter that \
         the hardware was changed: `keystow link`.",
    ),
    (
        "key",
        Class::Key,
        "Compare the product key with the sticker, the box or the receipt, character by character. None has a 0, 1, 5, A, \
         E, I, L, O, S, U or Z.",
    ),
    (
        "network",
        Class::Network,
        "Connect this PC to the internet, then run the same command again. Without internet, activate by telephone: \
         `--method offline`.",
    ),
    (
        "organization",
        Class::Organization,
        "Connect to your organization's network and ask its administrator. On a PC of your own, use a product key of your \
         own: `keystow list`.",
    ),
    (
        "other",
        Class::Other,
        "Restart this PC and run the same command again. If it stays so, `keystow doctor` looks for the cause; Microsoft's \
         support asks for the code.",
    ),
    ("restart", Class::Restart, "Restart this PC, then run the same command again."),
    (
        "rights",
        Class::Rights,
        "Run the same command with `--elevate`, or in a terminal that was opened as administrator.",
    ),
    (
        "store",
        Class::Store,
        "Wait an hour, restart this PC and try again. If it stays so, open the activation troubleshooter: `keystow link`.",
    ),
    (
        "used-up",
        Class::UsedUp,
        "Remove the product key from the PC where it was used before, then activate by telephone: `--method offline`.",
    ),
];

impl Class {
    /// Every class, in the order of their names.
    pub const ALL: [Self; 12] = [
        Self::Blocked,
        Self::Busy,
        Self::Edition,
        Self::Hardware,
        Self::Key,
        Self::Network,
        Self::Organization,
        Self::Other,
        Self::Restart,
        Self::Rights,
        Self::Store,
        Self::UsedUp,
    ];

    /// The word in the machine interface.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// What helps in most cases, as a sentence.
    #[must_use]
    pub const fn next(self) -> &'static str {
        self.row().2
    }

    #[expect(clippy::indexing_slicing, reason = "a row for every class; a test compares")]
    const fn row(self) -> &'static (&'static str, Self, &'static str) {
        const ROWS: &[(&str, Class, &str); 12] = &CLASSES;
        &ROWS[self as usize]
    }
}

/// What a code says; `None` for one that is not known, about which [`general`] says as much as its number tells.
#[must_use]
pub fn explain(hresult: u32) -> Option<&'static Answer> {
    [&answers::ANSWERS[..], &general::ANSWERS[..]].into_iter().find_map(|table| {
        let row = table.binary_search_by_key(&hresult, |answer| answer.code).ok()?;
        table.get(row)
    })
}

/// What kind of trouble a code is, known or not.
#[must_use]
pub fn class(hresult: u32) -> Class {
    explain(hresult).map_or_else(|| general::range(hresult).0, |answer| answer.class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static Answer> {
        answers::ANSWERS.iter().chain(&general::ANSWERS)
    }

    /// Whether every "key" is a product key.
    fn names_product_keys(text: &str) -> bool {
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let is_key = |word: &str| ["key", "keys"].contains(&word.to_lowercase().as_str());
        words.iter().enumerate().all(|(i, word)| !is_key(word) || i > 0 && words[i - 1].eq_ignore_ascii_case("product"))
    }

    #[test]
    fn every_answer_is_found_by_its_code_and_says_what_to_do() {
        assert_eq!(answers::ANSWERS.len(), 99);
        assert!(answers::ANSWERS.is_sorted_by_key(|answer| answer.code));
        assert!(general::ANSWERS.is_sorted_by_key(|answer| answer.code));
        for answer in all() {
            let code = answer.code;
            assert_eq!(explain(code), Some(answer), "{code:#x}");
            assert_eq!(class(code), answer.class);
            for sentence in [answer.says, answer.next] {
                assert!(
                    sentence.len() > 10 && sentence.ends_with('.') && !sentence.contains("  "),
                    "{code:#x}: {sentence}"
                );
                assert!(names_product_keys(sentence), "{code:#x}: {sentence}");
                assert!(!sentence.contains("icence"), "{code:#x}: {sentence}");
            }
        }
        assert!(!names_product_keys("a key") && names_product_keys("a product key, keystow"));
    }

    #[test]
    fn every_class_has_its_own_row() {
        for (class, row) in Class::ALL.into_iter().zip(CLASSES) {
            assert_eq!((class, class.as_str(), class.next()), (row.1, row.0, row.2));
        }
        assert!(CLASSES.is_sorted_by_key(|row| row.0));
    }

    #[test]
    fn the_next_step_fits_the_trouble() {
        for (code, class, words) in [
            (0xC004_C003, Class::Blocked, "seller"),
            (0xC004_C008, Class::UsedUp, "--method offline"),
            (0xC004_F050, Class::Key, "sticker"),
            (0xC004_F069, Class::Edition, "keystow fit"),
            (0xC004_F074, Class::Organization, "administrator"),
            (0xC004_F025, Class::Rights, "--elevate"),
            (0xC004_F211, Class::Hardware, "keystow link"),
            (0xC004_D302, Class::Restart, "Restart"),
            (0x8007_0005, Class::Rights, "--elevate"),
            (0x8007_2EE7, Class::Network, "--method offline"),
            (0x8007_0BC2, Class::Restart, "Restart"),
        ] {
            let answer = explain(code).unwrap();
            assert_eq!(answer.class, class, "{code:#x}");
            assert!(answer.next.contains(words), "{code:#x}: {}", answer.next);
        }
    }
}
