//! What each product stores where. The modules ask a registry view for the values they know and add what they find.

pub(crate) mod digital;
pub(crate) mod firmware;
mod office;
pub(crate) mod service;
mod sql_server;
pub(crate) mod typed;
mod visual_studio;
mod windows;

use std::path::PathBuf;

use keystow_core::hive::{Condition, Hive};
use keystow_core::identify::pkeyconfig::PkeyConfig;
use keystow_core::reg_file::{RegFile, Root};

use crate::finding::{Problem, ProblemKind, shown};
use crate::registry::{Export, HiveView, Live, RegistryError, View};
use crate::scan::Gathering;
use crate::source::{OpenFile, WindowsFolder};

/// Where the findings of one hive come from.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    /// The file, as people know it.
    pub(crate) source: &'a str,
    /// The hive's name in front of every path: `SOFTWARE` or `SYSTEM`.
    pub(crate) hive: &'a str,
    /// Whether this Windows was replaced by an upgrade.
    pub(crate) earlier: bool,
}

/// pkeyconfig files have 0.1 to 2 MB.
const MOST_PKEYCONFIG: u64 = 16 << 20;

/// Reads what one product keeps in a hive.
type Finder = fn(&dyn View, At<'_>, &mut Gathering) -> Result<(), RegistryError>;
const SOFTWARE: &[Finder] = &[windows::software, windows::browser, office::find, sql_server::find, visual_studio::find];
const SYSTEM: &[Finder] = &[windows::system];

impl Gathering {
    /// Reads the hives of one Windows.
    pub(crate) fn windows(&mut self, folder: &WindowsFolder) {
        self.learn(&folder.pkeyconfig);
        let hives = [(&folder.software, "SOFTWARE"), (&folder.system, "SYSTEM")];
        for (path, hive) in hives.into_iter().filter_map(|(path, hive)| Some((path.as_ref()?, hive))) {
            let opened = OpenFile::open(path).map_err(|error| Problem::io(path, &error));
            let opened = opened.and_then(|file| {
                Hive::open(file).map_err(|error| Problem::new(ProblemKind::Damaged, shown(path), error))
            });
            match opened {
                Ok(opened) => self.hive(&opened, At { source: &shown(path), hive, earlier: folder.earlier }),
                Err(problem) => self.problem(problem),
            }
        }
    }

    /// Reads the registry of the Windows that runs, and gives its place among the installations.
    pub(crate) fn running_windows(&mut self, source: &str) -> Option<usize> {
        let next = self.installations();
        for hive in ["SOFTWARE", "SYSTEM"] {
            self.registry(&Live { hive }, At { source, hive, earlier: false });
        }
        (self.installations() > next).then_some(next)
    }

    /// Takes in what a disk says of product keys.
    pub(crate) fn learn(&mut self, pkeyconfig: &[PathBuf]) {
        for path in pkeyconfig {
            let read = keystow_os::files::read(path, MOST_PKEYCONFIG).map_err(|error| Problem::io(path, &error));
            let parsed = read.and_then(|bytes| {
                PkeyConfig::parse(&bytes).map_err(|error| Problem::new(ProblemKind::Damaged, shown(path), error))
            });
            match parsed {
                Ok(config) => self.knowledge.add(config),
                Err(problem) => self.problem(problem),
            }
        }
    }

    /// Reads one hive of a Windows.
    pub(crate) fn hive(&mut self, hive: &Hive<OpenFile>, at: At<'_>) {
        if let Some((kind, message)) = unclean(hive.condition()) {
            self.problem(Problem::new(kind, at.source, message));
        }
        self.registry(&HiveView::new(hive), at);
    }

    /// Reads what every product keeps in this hive. One product's damage does not keep the others from being read.
    fn registry(&mut self, view: &dyn View, at: At<'_>) {
        for find in if at.hive == "SYSTEM" { SYSTEM } else { SOFTWARE } {
            if let Err(error) = find(view, at, self) {
                self.problem(Problem::new(ProblemKind::Damaged, at.source, error));
            }
        }
    }
}

/// Reads a registry export: what it holds of SOFTWARE and SYSTEM, and values that stand alone.
pub(crate) fn export(source: &str, file: &RegFile, gathering: &mut Gathering) {
    for problem in file.problems() {
        gathering.problem(Problem::new(ProblemKind::Damaged, source, problem));
    }
    for hive in ["SOFTWARE", "SYSTEM"] {
        let view = Export { file, root: Root::LocalMachine, prefix: hive };
        gathering.registry(&view, At { source, hive, earlier: false });
    }
    windows::pasted(source, file, gathering);
}

/// What is wrong with a hive that was not closed properly.
pub(crate) fn unclean(condition: Condition) -> Option<(ProblemKind, String)> {
    const AS_IT_LIES: &str = "it was read as it lies, so the newest changes may be missing";
    Some(match condition {
        Condition::Clean => return None,
        Condition::BadChecksum { stated, computed } => (
            ProblemKind::Dirty,
            format!("the base block states checksum {stated:#x} and has {computed:#x}; {AS_IT_LIES}"),
        ),
        Condition::Cut { needed, left } => (
            ProblemKind::Damaged,
            format!("the hive needs {needed} bytes and the file has {left}; what is there was read"),
        ),
        Condition::Dirty { primary, secondary } => (
            ProblemKind::Dirty,
            format!(
                "Windows was still writing (sequence {primary}, {secondary}) and its logs were not replayed; {AS_IT_LIES}"
            ),
        ),
        _ => (ProblemKind::Dirty, AS_IT_LIES.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use keystow_core::read::ReadAt;
    use keystow_makers::hive as make;

    use super::*;

    /// How many pages of 4 KiB were read after each finder of SOFTWARE, one after the other.
    fn pages<R: ReadAt>(hive: &Hive<R>) -> Vec<u64> {
        let (view, mut gathering) = (HiveView::new(hive), Gathering::default());
        let at = At { source: "test", hive: "SOFTWARE", earlier: false };
        let read = |find: &Finder| find(&view, at, &mut gathering).map(|()| hive.pages_read());
        SOFTWARE.iter().map(read).collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_question_near_the_last_one_reads_no_page_again() {
        let mut made = make::Hive::new();
        for number in 0..3000 {
            made.at(&format!("Classes\\Some.Program.{number}")).dword("n", number);
        }
        made.at(r"Microsoft\Windows NT\CurrentVersion").text("ProductName", "Windows 7 Ultimate");
        let hive = Hive::open(made.bytes()).unwrap();
        let pages = pages(&hive);
        assert!(pages[1] <= 12, "Windows alone reads {} pages", pages[1]);
        let view = HiveView::new(&hive);
        let name = |path| view.values(path, &["ProductName"]).unwrap().map(|values| values[0].text());
        assert_eq!(name(r"Microsoft\Windows NT\CurrentVersion").as_deref(), Some("Windows 7 Ultimate"));
        assert_eq!(name(r"Microsoft\Windows NT\Absent"), None);
        assert_eq!(name(r"microsoft\windows nt\currentversion").as_deref(), Some("Windows 7 Ultimate"));
        assert_eq!(view.children("").unwrap(), ["Classes", "Microsoft"]);
        assert_eq!(hive.pages_read(), *pages.last().unwrap(), "all of it was at hand");
    }

    #[test]
    fn windows_product_keys_cost_at_most_48_pages() {
        // `cargo xtask bench` names a real one; the test before this one bounds a made one.
        let Some(path) = std::env::var_os("KEYSTOW_HIVE") else { return };
        let pages = pages(&Hive::open(OpenFile::open(path.as_ref()).unwrap()).unwrap());
        println!("pages after Windows, its copies, Office, SQL Server, Visual Studio: {pages:?}");
        assert!(pages[1] <= 48, "{pages:?}");
    }
}
