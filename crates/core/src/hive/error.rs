//! What can be wrong with a hive, and where.

use std::io;

use thiserror::Error;

/// Why a hive or a part of it cannot be read. Offsets count from the start of the file.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum HiveError {
    #[error("the cell at {offset:#x} says it has {found} bytes, which no cell in this place can have")]
    CellSize { offset: u64, found: u32 },
    #[error("the structure at {offset:#x} needs {needed} bytes, {left} are left")]
    Cut { offset: u64, needed: u64, left: u64 },
    #[error("the node at {offset:#x} was met before: the registry tree runs in a circle or joins itself")]
    Cycle { offset: u64 },
    #[error("the subkey list at {offset:#x} is empty, though its owner counts on it")]
    EmptyList { offset: u64 },
    #[error("the cell at {offset:#x} is free; what it holds is left over from something deleted")]
    Free { offset: u64 },
    #[error("this is a transaction log of a registry hive, not the hive itself")]
    Log,
    #[error("a cell reference is missing in the structure at {offset:#x}")]
    NoCell { offset: u64 },
    #[error("not a registry hive: it begins with \"{}\", not with \"regf\"", .found.escape_ascii())]
    NotAHive { found: [u8; 4] },
    #[error("a cell reference leads to {offset:#x}, outside the hive's cells (0x1020 to {end:#x}) or unaligned")]
    OutOfReach { offset: u64, end: u64 },
    #[error("the medium cannot be read at {offset:#x}: {kind}")]
    Read { offset: u64, kind: io::ErrorKind },
    #[error("the hive names no root node")]
    Root,
    #[error("expected \"{}\" at {offset:#x}, found \"{}\"", .expected.escape_ascii(), .found.escape_ascii())]
    Signature { offset: u64, expected: &'static [u8], found: [u8; 2] },
    #[error("the node at {offset:#x} lies deeper than 512 levels")]
    TooDeep { offset: u64 },
    #[error("the lists at {offset:#x} name more nodes than the hive can hold")]
    TooMany { offset: u64 },
    #[error("the value at {offset:#x} says it has {found} bytes, more than the hive holds")]
    ValueSize { offset: u64, found: u32 },
    #[error("hive format {major}.{minor} is not known; 1.0 to 1.6 are")]
    Version { major: u32, minor: u32 },
    #[error("this is a registry of Windows 95, 98 or ME (it begins with \"CREG\"), which is not read")]
    Windows9x,
}
