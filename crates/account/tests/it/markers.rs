//! Looks for words in bytes, however they may be written there.

use std::collections::HashMap;
use std::path::Path;

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

/// How many bytes of a form are looked up at once; no form is shorter.
const KEY: usize = 8;

/// Words, in every form in which they are looked for.
pub(crate) struct Markers {
    /// By their first bytes: the form and the words it stands for.
    forms: HashMap<[u8; KEY], Vec<(Vec<u8>, String)>>,
}

impl Markers {
    pub(crate) fn new(words: impl IntoIterator<Item = String>) -> Self {
        let mut forms = HashMap::<_, Vec<_>>::new();
        for word in words {
            for form in all_forms(&word) {
                let key = *form.first_chunk::<KEY>().unwrap_or_else(|| panic!("{word} is too short to be looked for"));
                forms.entry(key).or_default().push((form, word.clone()));
            }
        }
        Self { forms }
    }

    /// The words that stand in these bytes.
    pub(crate) fn found(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (at, window) in bytes.windows(KEY).enumerate() {
            let Some(forms) = self.forms.get(window) else { continue };
            found.extend(forms.iter().filter(|(form, _)| bytes[at..].starts_with(form)).map(|(_, word)| word.clone()));
        }
        found.sort();
        found.dedup();
        found
    }

    /// The words that stand in the files of a folder, and how many bytes were looked at.
    pub(crate) fn found_below(&self, folder: &Path) -> (Vec<String>, u64) {
        let (mut found, mut bytes, mut folders) = (Vec::new(), 0, vec![folder.to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(kind) if kind.is_file() => {
                        // PostgreSQL removes files while we look.
                        let content = std::fs::read(entry.path()).unwrap_or_default();
                        bytes += content.len() as u64;
                        let at = |word| format!("{word} in {}", entry.path().display());
                        found.extend(self.found(&content).into_iter().map(at));
                    }
                    _ => {}
                }
            }
        }
        (found, bytes)
    }
}

/// The words as UTF-8 and UTF-16, in capitals and not, and these in hexadecimal and base64 at every alignment.
pub(crate) fn all_forms(word: &str) -> Vec<Vec<u8>> {
    let mut plain = Vec::new();
    for text in [word.to_owned(), word.to_lowercase(), word.to_uppercase()] {
        plain.push(text.clone().into_bytes());
        plain.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        plain.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    let mut forms = plain.clone();
    for bytes in &plain {
        forms.push(HEXLOWER.encode(bytes).into_bytes());
        forms.push(HEXUPPER.encode(bytes).into_bytes());
        for before in 0..3 {
            let shifted = [vec![0; before], bytes.clone()].concat();
            // Characters that hold bits of a neighbor are left out.
            let (from, to) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
            forms.extend([BASE64, BASE64URL].map(|base64| base64.encode(&shifted).as_bytes()[from..to].to_vec()));
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

#[test]
fn words_are_found_in_every_form_and_nowhere_else() {
    let markers = Markers::new(["ANNAS-LAPTOP-7731".to_owned(), "another word".to_owned()]);
    for form in all_forms("ANNAS-LAPTOP-7731") {
        let bytes = [b"before".as_slice(), &form, b"after"].concat();
        assert_eq!(markers.found(&bytes), ["ANNAS-LAPTOP-7731"], "{}", String::from_utf8_lossy(&form));
        assert_eq!(markers.found(&bytes[..bytes.len() - 6]), [""; 0], "cut");
    }
    for before in 0..3 {
        let text = BASE64.encode(format!("{}ANNAS-LAPTOP-7731 and more", "x".repeat(before)).as_bytes());
        assert_eq!(markers.found(text.as_bytes()), ["ANNAS-LAPTOP-7731"], "behind {before} bytes");
    }
}
