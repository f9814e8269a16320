//! This PC: firmware tables, and every mounted volume that holds a Windows.

use keystow_os::{firmware, volumes};

use super::folder;
use crate::finding::{Problem, ProblemKind};
use crate::product::firmware as tables;
use crate::scan::Gathering;

const SOURCE: &str = "this PC";

pub(super) fn look(gathering: &mut Gathering) {
    let mut refused = false;
    for name in [*b"MSDM", *b"SLIC"] {
        match firmware::table(name) {
            Ok(Some(bytes)) => tables::read(SOURCE, &bytes, gathering),
            Ok(None) => {}
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => refused = true,
            Err(error) => gathering.problem(Problem::new(ProblemKind::Damaged, "firmware", error)),
        }
    }
    if refused {
        let message = "only an administrator may read the firmware tables";
        gathering.problem(Problem::new(ProblemKind::Rights, "firmware", message));
    }
    for volume in volumes::mounted().unwrap_or_default() {
        if folder::holds_windows(&volume) {
            folder::look(&volume, gathering);
        }
    }
}
