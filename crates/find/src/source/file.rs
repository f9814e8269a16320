//! One file, recognised by its content: hive, export, firmware table, or text with product keys.

use std::fs;
use std::io::Read;
use std::path::Path;

use keystow_core::acpi::{TableKind, Tables};
use keystow_core::hive::Hive;
use keystow_core::reg_file::RegFile;

use super::OpenFile;
use super::folder::files_in;
use crate::finding::{Problem, ProblemKind, shown};
use crate::product::{self, At, firmware, typed};
use crate::scan::Gathering;

/// Exports and lists are read whole; real exports of a whole registry stay below this.
const MOST_TEXT: u64 = 512 << 20;
/// Tables beside a Windows are small; large files there are not opened.
const MOST_TABLE: u64 = 1 << 20;
/// Enough to tell every format.
const HEAD: usize = 4096;

/// Which hive of a Windows a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HiveKind {
    Software,
    System,
    Other,
}

/// Formats that are told apart from text by their first bytes, and what to do with them.
const OTHERS: &[(&[u8], &str)] = &[
    (b"\x7fELF", "a Linux program"),
    (b"%PDF", "a PDF document; take a photograph or type the product key into a text file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"AGE-SECRET-KEY", "an age identity; it opens a vault and holds no product key"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"CREG", "a Windows 95, 98 or ME registry, which Keystow does not read; export it as .reg there"),
    (b"EVF\x09\x0d\x0a\xff\x00", "an EnCase image; mount it read-only and name the mounted folder"),
    (b"KDMV", "a VMware disk; mount it read-only and name the mounted folder"),
    (b"MZ", "a Windows program"),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"QFI\xfb", "a QEMU disk; mount it read-only and name the mounted folder"),
    (b"\xfd7zXZ\x00", "an xz archive; unpack it first"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"age-encryption.org/", "a sealed file; `keystow list --vault FOLDER` opens a vault"),
    (b"conectix", "a Hyper-V disk; mount it read-only and name the mounted folder"),
    (b"vhdxfile", "a Hyper-V disk; mount it read-only and name the mounted folder"),
];

/// Looks at a file that the person named.
pub(super) fn look(path: &Path, gathering: &mut Gathering) {
    if let Err(problem) = read(path, gathering) {
        gathering.problem(problem);
    }
}

/// Looks at a file of a collection; one that Keystow does not know is passed over. Says whether it was known.
pub(super) fn look_if_known(path: &Path, gathering: &mut Gathering) -> bool {
    let known = head(path).is_ok_and(|head| hive_head(&head) || firmware::is_table(&head) || has_text_name(path));
    let read = if known { read(path, gathering) } else { return false };
    match read {
        Err(problem) if problem.kind == ProblemKind::Unknown => return false,
        Err(problem) => gathering.problem(problem),
        Ok(()) => {}
    }
    true
}

/// Firmware tables that lie beside a Windows: files and folders named after them.
pub(super) fn look_at_tables(folder: &Path, gathering: &mut Gathering) {
    for name in ["acpi", "firmware"] {
        let below = super::folder::below(folder, &[name]).map(|folder| files_in(&folder)).unwrap_or_default();
        below.iter().for_each(|path| look_at_table(path, gathering));
    }
    for path in files_in(folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if ["acpidump", "msdm", "slic"].iter().any(|start| name.starts_with(start)) {
            look_at_table(&path, gathering);
        }
    }
}

/// Which hive a file is, by the nodes below its root. `None` when it is no hive or cannot be opened.
pub(super) fn hive_kind(path: &Path) -> Option<HiveKind> {
    if !hive_head(&head(path).ok()?) {
        return None;
    }
    Hive::open(OpenFile::open(path).ok()?).ok().map(|hive| kind_of(&hive))
}

fn look_at_table(path: &Path, gathering: &mut Gathering) {
    let small = fs::metadata(path).is_ok_and(|facts| facts.len() <= MOST_TABLE);
    if small {
        look_if_known(path, gathering);
    }
}

fn read(path: &Path, gathering: &mut Gathering) -> Result<(), Problem> {
    let head = head(path).map_err(|error| Problem::io(path, &error))?;
    if hive_head(&head) {
        return hive(path, gathering);
    }
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(Problem::new(ProblemKind::Unknown, shown(path), format!("this is {what}")));
    }
    if is_binary(&head) && !firmware::is_table(&head) {
        let message = "this is no text, hive or firmware table; a disk image is read once it is mounted";
        return Err(Problem::new(ProblemKind::Unknown, shown(path), message));
    }
    let bytes = whole(path)?;
    let source = shown(path);
    // A text of tables may begin with the name of one.
    if TableKind::recognise(&bytes) == Some(TableKind::Dump) {
        for table in Tables::new(&bytes) {
            match table {
                Ok(table) => firmware::read(&source, table.bytes(), gathering),
                Err(error) => gathering.problem(Problem::new(ProblemKind::Damaged, source.as_str(), error)),
            }
        }
    } else if firmware::is_table(&bytes) {
        firmware::read(&source, &bytes, gathering);
    } else if let Ok(file) = RegFile::parse(&bytes) {
        product::export(&source, &file, gathering);
    } else {
        return text(&source, &bytes, gathering);
    }
    Ok(())
}

/// A text that holds no product key is some other file, perhaps not even a text.
fn text(source: &str, bytes: &[u8], gathering: &mut Gathering) -> Result<(), Problem> {
    let before = gathering.counted();
    typed::read(source, bytes, gathering);
    if gathering.counted() == before {
        let message = "this is no hive, no export and no firmware table, and as a text it holds no product key";
        return Err(Problem::new(ProblemKind::Unknown, source, message));
    }
    Ok(())
}

fn hive(path: &Path, gathering: &mut Gathering) -> Result<(), Problem> {
    let open = OpenFile::open(path).map_err(|error| Problem::io(path, &error))?;
    let hive = Hive::open(open).map_err(|error| Problem::new(ProblemKind::Damaged, shown(path), error))?;
    let source = shown(path);
    let name = match kind_of(&hive) {
        HiveKind::Software => "SOFTWARE",
        HiveKind::System => "SYSTEM",
        HiveKind::Other => return other_hive(source, &hive),
    };
    gathering.begin_hive(name);
    gathering.hive(&hive, At { source: &source, hive: name, earlier: false });
    Ok(())
}

fn other_hive(source: String, hive: &Hive<OpenFile>) -> Result<(), Problem> {
    if let Some((kind, message)) = product::unclean(hive.condition()) {
        return Err(Problem::new(kind, source, message));
    }
    // Damage may be what hides the nodes that tell the hives.
    for path in ["", "Microsoft", "Setup"] {
        hive.node(path).map_err(|error| Problem::new(ProblemKind::Damaged, source.clone(), error))?;
    }
    let message = "a registry hive that is neither SOFTWARE nor SYSTEM holds no product key";
    Err(Problem::new(ProblemKind::Unknown, source, message))
}

fn kind_of(hive: &Hive<OpenFile>) -> HiveKind {
    let has = |path: &str| hive.node(path).is_ok_and(|node| node.is_some());
    match () {
        () if has("Microsoft") || has("Wow6432Node") => HiveKind::Software,
        () if has("Select") || has("Setup") || has("ControlSet001") => HiveKind::System,
        () => HiveKind::Other,
    }
}

fn hive_head(head: &[u8]) -> bool {
    head.starts_with(b"regf")
}

/// Whether a file begins like no text of any encoding: UTF-16 puts its zeros in every other place, and the rest has
/// none. Disk images are told so before they are read whole.
fn is_binary(head: &[u8]) -> bool {
    const MOST_ZEROS: usize = 64;
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    zeros(0) > MOST_ZEROS && zeros(1) > MOST_ZEROS || head.get(510..512) == Some(&[0x55, 0xAA])
}

fn has_text_name(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    matches!(ending.as_str(), "csv" | "reg" | "txt")
}

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    fs::File::open(path)?.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn whole(path: &Path) -> Result<Vec<u8>, Problem> {
    let length = fs::metadata(path).map_or(0, |facts| facts.len());
    if length > MOST_TEXT {
        let message =
            format!("{length} bytes are too many for an export or a list; a disk image is read once it is mounted");
        return Err(Problem::new(ProblemKind::Unknown, shown(path), message));
    }
    fs::read(path).map_err(|error| Problem::io(path, &error))
}
