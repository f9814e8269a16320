//! `testdata/`: made by `makers/` from published product keys, checked in, compared in every test run.

use std::path::Path;

use crate::run::{Done, root};

pub(crate) fn run(check: bool) -> Done {
    for (path, bytes) in keystow_makers::testdata() {
        let file = root().join("testdata").join(&path);
        let same = std::fs::read(&file).is_ok_and(|there| there == bytes);
        match (same, check) {
            (true, _) => {}
            (false, true) => return Err(format!("testdata/{path} differs from its maker; run `cargo xtask fixtures`")),
            (false, false) => write(&file, &bytes)?,
        }
    }
    Ok(())
}

fn write(file: &Path, bytes: &[u8]) -> Done {
    let folder = file.parent().unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, bytes));
    written.map_err(|error| format!("{}: {error}", file.display()))
}
