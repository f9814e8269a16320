//! Registry exports: every input is an export or an error, lookups find every node, and lists stay in bounds.
#![no_main]

use keystow_core::reg_file::{MAX_PROBLEMS, RegFile};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(file) = RegFile::parse(data) else { return };
    assert!(file.problems().len() <= MAX_PROBLEMS);
    let mut bytes = 0;
    for node in file.nodes().iter().take(100) {
        let found = file.node(node.root, &node.path).expect("every node is found by its path");
        assert!(std::ptr::eq(found, node));
        let _ = file.children(node.root, &node.path);
        for value in node.values.iter().take(100) {
            assert!(node.value(&value.name).is_some());
            bytes += value.data().len();
        }
    }
    // Half a byte for each digit, four for a `dword` of one digit, two for each character and NUL of a text.
    assert!(bytes <= 4 * data.len() + 4);
});
