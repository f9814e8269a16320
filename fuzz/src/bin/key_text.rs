//! Product keys in text: every input is read, every place lies in the text, and what is found parses again. The reader
//! of Setup files gets the same input.
#![no_main]

use keystow_core::ProductKey;
use keystow_core::answer::read_setup_key;
use keystow_core::key_text::{Found, decode, find, lines};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = decode(data);
    let line_count = text.matches(['\r', '\n']).count() + 1;
    let scan = find(&text);
    for finding in &scan.findings {
        assert!((1..=line_count).contains(&finding.place.line));
        if let Found::Whole(key) = &finding.found {
            assert!(!key.is_blank());
            assert!(finding.label.as_ref().is_none_or(|label| !label.contains(key.reveal().as_str())));
        }
    }
    for problem in &scan.problems {
        assert!((1..=line_count).contains(&problem.place.line));
    }
    assert!(scan.findings.windows(2).all(|pair| pair[0].place <= pair[1].place));
    for (line, key) in lines(&text) {
        assert!(line <= line_count);
        if let Ok(key) = key {
            assert_eq!(ProductKey::parse(key.reveal().as_str()), Ok(key));
        }
    }
    let _ = read_setup_key(&text);
});
