//! Registry hives: every file is read to its end or refused, with no more items than it has bytes.
#![no_main]

use keystow_core::hive::Hive;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(hive) = Hive::open(data) else { return };
    let _ = hive.node("Microsoft\\Windows NT\\CurrentVersion");
    let (mut items, mut values) = (0, 0);
    let mut walk = hive.walk();
    while let Some(node) = walk.next() {
        items += 1;
        let Ok(node) = node else { continue };
        // A node that was just met is found again by its path, unless a sibling hides it.
        if items < 20 && !walk.path().contains("\\\\") {
            let _ = hive.node(walk.path());
        }
        for value in node.values() {
            values += 1;
            if values > data.len() {
                return;
            }
            let Ok(value) = value else { continue };
            if let Ok(bytes) = value.data() {
                assert_eq!(bytes.len(), value.len() as usize);
            }
            let _ = (value.text(), value.dword());
        }
    }
    assert!(items <= data.len(), "{items} nodes and errors in {} bytes", data.len());
});
