//! Places to look: what a path is, told by its content and never by its name.

mod file;
mod folder;
mod this_pc;

pub(crate) use folder::WindowsFolder;
pub use this_pc::THIS_PC;

use std::path::{Path, PathBuf};

use keystow_core::read::ReadAt;
use keystow_os::files::Readable;

use crate::finding::{Problem, ProblemKind};
use crate::scan::Gathering;

/// A place to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder or file.
    Path(PathBuf),
    /// This PC: its firmware, the Windows that runs, and the Windows volumes it has mounted.
    ThisPc,
    /// Of this PC only the firmware and the Windows that runs.
    ThisWindows,
}

/// A file that is read at positions.
pub(crate) struct OpenFile(Readable);

impl Source {
    /// Looks there and adds what is found.
    pub(crate) fn look(&self, gathering: &mut Gathering) {
        match self {
            Self::Path(path) => look_at_path(path, gathering),
            Self::ThisPc => {
                gathering.begin();
                this_pc::look(gathering);
            }
            Self::ThisWindows => {
                gathering.begin();
                this_pc::look_at_running(gathering);
            }
        }
    }
}

fn look_at_path(path: &Path, gathering: &mut Gathering) {
    match std::fs::metadata(path) {
        Ok(facts) if facts.is_dir() => {
            gathering.begin();
            folder::look(path, gathering);
            gathering.begin();
        }
        Ok(facts) if facts.is_file() => file::look(path, gathering),
        Ok(_) => gathering.problem(Problem::new(
            ProblemKind::Unknown,
            path.display().to_string(),
            "this is neither a file nor a folder; disks are read once they are mounted",
        )),
        Err(error) => gathering.problem(Problem::io(path, &error)),
    }
}

impl OpenFile {
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        Readable::open(path).map(Self)
    }
}

impl ReadAt for OpenFile {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        self.0.read_at(offset, buf)
    }
}
