//! A folder: a whole Windows, its `config` folder, or a handful of hives and tables that someone collected.

use std::fs;
use std::path::{Path, PathBuf};

use super::file;
use crate::finding::{Problem, ProblemKind, shown};
use crate::scan::Gathering;

/// Where the hives of a Windows lie, below the root of its volume, whatever the case.
const CONFIG: &[&str] = &["Windows", "System32", "config"];
/// Windows 2000 and NT 4 by default.
const CONFIG_WINNT: &[&str] = &["WINNT", "System32", "config"];
/// What an upgrade leaves of the Windows before.
const EARLIER: &str = "Windows.old";
/// Where a Windows keeps its tables of product keys, below `System32`.
const PKEYCONFIG: &[&[&str]] = &[&["spp", "tokens", "pkeyconfig"], &["spp", "tokens", "pkeyconfig-legacy"]];
/// More files than this are not a collection of hives but somebody's documents.
const MOST_FILES: usize = 256;

/// The hives of one Windows, and what its disk says of product keys.
#[derive(Debug, Default)]
pub(crate) struct WindowsFolder {
    pub(crate) software: Option<PathBuf>,
    pub(crate) system: Option<PathBuf>,
    pub(crate) pkeyconfig: Vec<PathBuf>,
    /// Whether it was replaced by an upgrade.
    pub(crate) earlier: bool,
}

/// Whether a volume's root holds a Windows.
pub(super) fn holds_windows(root: &Path) -> bool {
    config_of(root).is_some()
}

pub(super) fn look(folder: &Path, gathering: &mut Gathering) {
    if let Err(error) = fs::read_dir(folder) {
        return gathering.problem(Problem::io(folder, &error));
    }
    let barred = [CONFIG, CONFIG_WINNT, &["System32", "config"]].iter().find_map(|way| barred(folder, way));
    if let Some(problem) = barred {
        return gathering.problem(problem);
    }
    let known = if let Some(config) = config_of(folder) {
        not_files(&config, gathering);
        gathering.windows(&windows_in(&config, false));
        look_at_earlier(folder, gathering);
        file::look_at_tables(folder, gathering);
        true
    } else {
        collection(folder, gathering)
    };
    if !known {
        gathering.problem(Problem::new(
            ProblemKind::WithoutWindows,
            shown(folder),
            "no Windows, no SOFTWARE or SYSTEM hive, no export and no firmware table lies in this folder",
        ));
    }
}

/// What an upgrade left of the Windows before, below the root of a volume.
pub(super) fn look_at_earlier(root: &Path, gathering: &mut Gathering) {
    if let Some(config) = below(root, &[EARLIER]).and_then(|root| config_of(&root)) {
        gathering.windows(&windows_in(&config, true));
    }
}

/// The first folder on the way to the hives that is there and cannot be listed.
fn barred(folder: &Path, way: &[&str]) -> Option<Problem> {
    (1..=way.len()).find_map(|depth| {
        let path = below(folder, way.get(..depth)?).filter(|path| path.is_dir())?;
        fs::read_dir(&path).err().map(|error| Problem::io(&path, &error))
    })
}

/// Hives that are no files: a folder, a pipe, a link to a device.
fn not_files(config: &Path, gathering: &mut Gathering) {
    for path in ["SOFTWARE", "SYSTEM"].iter().filter_map(|name| below(config, &[name])).filter(|path| !path.is_file()) {
        gathering.problem(Problem::new(
            ProblemKind::Damaged,
            shown(&path),
            "this should be a registry hive and is no file",
        ));
    }
}

/// A folder that is no Windows: every file in it that Keystow knows, the hives of one Windows together. Says whether
/// there was any.
fn collection(folder: &Path, gathering: &mut Gathering) -> bool {
    let mut windows = WindowsFolder::default();
    let mut others = Vec::new();
    for path in files_in(folder) {
        match file::hive_kind(&path) {
            Some(file::HiveKind::Software) if windows.software.is_none() => windows.software = Some(path),
            Some(file::HiveKind::System) if windows.system.is_none() => windows.system = Some(path),
            _ => others.push(path),
        }
    }
    let mut known = windows.software.is_some() || windows.system.is_some();
    if known {
        gathering.windows(&windows);
    }
    for path in others {
        known |= file::look_if_known(&path, gathering);
    }
    known
}

/// The `config` folder of a Windows whose root, Windows folder or `config` folder this is.
fn config_of(folder: &Path) -> Option<PathBuf> {
    let ways: [&[&str]; 4] = [CONFIG, CONFIG_WINNT, &["System32", "config"], &[]];
    ways.iter().filter_map(|way| below(folder, way)).find(|config| {
        config.is_dir() && (below(config, &["SOFTWARE"]).is_some() && below(config, &["SYSTEM"]).is_some())
            || below(config, &["SOFTWARE"]).is_some_and(|_| config != folder)
    })
}

fn windows_in(config: &Path, earlier: bool) -> WindowsFolder {
    let file = |name| below(config, &[name]).filter(|path| path.is_file());
    let system32 = config.parent().unwrap_or(config);
    let pkeyconfig = pkeyconfig_in(system32);
    WindowsFolder { software: file("SOFTWARE"), system: file("SYSTEM"), pkeyconfig, earlier }
}

/// The tables of product keys of a Windows, below its `System32`.
pub(super) fn pkeyconfig_in(system32: &Path) -> Vec<PathBuf> {
    let tables = PKEYCONFIG.iter().filter_map(|way| below(system32, way));
    tables.flat_map(|folder| files_in(&folder)).filter(|path| is_pkeyconfig(path)).collect()
}

fn is_pkeyconfig(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.starts_with("pkeyconfig") && name.ends_with(".xrm-ms")
}

/// Follows names in any case. The exact name is tried first, since that is one system call.
pub(super) fn below(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().try_fold(folder.to_path_buf(), |folder, name| {
        let exact = folder.join(name);
        if exact.exists() {
            return Some(exact);
        }
        let entries = fs::read_dir(&folder).ok()?;
        let same =
            |entry: &fs::DirEntry| entry.file_name().to_str().is_some_and(|found| found.eq_ignore_ascii_case(name));
        entries.flatten().find(same).map(|entry| entry.path())
    })
}

/// The files of a folder by name, a bounded number of them.
pub(super) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).take(MOST_FILES).collect();
    files.sort();
    files
}
