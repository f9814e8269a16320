//! This PC: firmware tables, the Windows that runs, and every other volume that holds a Windows.

use keystow_os::{firmware, registry, volumes};

use super::folder;
use crate::finding::{Problem, ProblemKind};
use crate::product::{firmware as tables, service};
use crate::scan::Gathering;

/// What origins on this PC name as their source.
pub const THIS_PC: &str = "this PC";

/// Everything on this PC.
pub(super) fn look(gathering: &mut Gathering) {
    look_at_running(gathering);
    for volume in volumes::mounted().unwrap_or_default() {
        if let Err(error) = std::fs::read_dir(&volume) {
            gathering.problem(Problem::io(&volume, &error));
        } else if folder::holds_windows(&volume) {
            folder::look(&volume, gathering);
        }
    }
    for drive in volumes::locked() {
        let message = "this drive is locked by BitLocker, and nothing on it could be read";
        gathering.problem(Problem::new(ProblemKind::Locked, drive.display().to_string(), message));
    }
}

/// The firmware, and the Windows that runs; WinPE is none, it has nothing of its own to find.
pub(super) fn look_at_running(gathering: &mut Gathering) {
    read_firmware(gathering);
    if !registry::is_there() || volumes::is_windows_pe() {
        return;
    }
    let root = volumes::running_windows();
    if let Some(system32) = root.as_ref().map(|root| root.join("System32")) {
        gathering.learn(&folder::pkeyconfig_in(&system32));
    }
    let running = gathering.running_windows(THIS_PC);
    if let Some(windows) = running {
        service::look(THIS_PC, windows, gathering);
    }
    if let Some(volume) = root.as_deref().and_then(std::path::Path::parent) {
        folder::look_at_earlier(volume, gathering);
    }
}

fn read_firmware(gathering: &mut Gathering) {
    let mut refused = false;
    for name in [*b"MSDM", *b"SLIC"] {
        match firmware::table(name) {
            Ok(Some(bytes)) => tables::read(THIS_PC, &bytes, gathering),
            Ok(None) => {}
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => refused = true,
            Err(error) => gathering.problem(Problem::new(ProblemKind::Damaged, "firmware", error)),
        }
    }
    if refused {
        let message = "only an administrator may read the firmware tables";
        gathering.problem(Problem::new(ProblemKind::Rights, "firmware", message));
    }
}
