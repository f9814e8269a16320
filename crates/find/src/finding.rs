//! What a scan gives: findings with their origin, the Windows they belong to, and problems.

use std::fmt;

use jiff::Timestamp;
use keystow_core::identify::{Channel, Edition, Generic, LicenseStatus, Product, verdict::Verdict};
use keystow_core::product_id::Check;
use keystow_core::{PartialKey, ProductKey};

pub use keystow_core::identify::verdict::PlaceKind;

/// One product key, or the trace of one, judged.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The name people use for it in this scan: `k1`, `o2`.
    pub id: FindingId,
    /// What was found.
    pub found: Found,
    /// Other places of the same PC that hold the same product key.
    pub also: Vec<Origin>,
    /// What it means for its owner.
    pub verdict: Verdict,
}

/// What lay in one place, with everything that is known of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The sort of place.
    pub place: PlaceKind,
    /// Exactly where it was.
    pub origin: Origin,
    /// The product key, or what is left of it.
    pub held: Held,
    /// What it is for.
    pub product: Product,
    /// The published product key it is, when it is nobody's own.
    pub generic: Option<Generic>,
    /// Which checks were made of the value, and how each came out.
    pub checks: Vec<Check>,
    /// The Product ID text beside it.
    pub product_id: Option<String>,
    /// When Windows wrote the value down (UTC).
    pub written: Option<Timestamp>,
    /// Which of the scan's installations it belongs to, by position.
    pub installation: Option<usize>,
    /// Whether it is for a Windows before 10.
    pub old_windows: bool,
    /// The values and tables as they were read.
    pub evidence: Vec<Evidence>,
}

impl Found {
    /// A finding of which no more is known than this.
    pub(crate) fn new(place: PlaceKind, origin: Origin, held: Held, product: Product) -> Self {
        Self {
            place,
            origin,
            held,
            old_windows: product.is_old_windows(),
            product,
            generic: None,
            checks: Vec::new(),
            product_id: None,
            written: None,
            installation: None,
            evidence: Vec::new(),
        }
    }
}

impl std::ops::Deref for Finding {
    type Target = Found;

    fn deref(&self) -> &Found {
        &self.found
    }
}

/// What a place holds of a product key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The value is there and its product key was cleared; Windows does so with volume product keys.
    Blanked,
    /// All 25 symbols.
    Full(ProductKey),
    /// The license shows without any symbol of its product key.
    Nothing,
    /// The last five symbols.
    Partial(PartialKey),
}

/// The name of a finding inside one scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingId(pub(crate) String);

/// Where a finding was: a registry node and value, a firmware table, a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The source as the person named it, or the file inside it.
    pub source: String,
    /// The registry node, table or line.
    pub path: String,
    /// The value's name; empty where there is none.
    pub value: String,
}

/// A value or table as it was read, kept so that it can be judged again later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Registry node or table.
    pub path: String,
    /// Value name; empty for a table.
    pub value: String,
    /// The REG_ type; `REG_BINARY` (3) for a table.
    pub kind: u32,
    /// The raw bytes.
    pub data: Vec<u8>,
}

/// One Windows that a scan met: the installed one, or an earlier one that it replaced.
#[derive(Clone, Debug, Default)]
pub struct Installation {
    /// The source it was found in.
    pub source: String,
    /// `ProductName`, with Windows 11 told by its build.
    pub name: String,
    /// `EditionID`.
    pub edition: Option<Edition>,
    /// `CurrentBuild`.
    pub build: Option<u32>,
    /// `DisplayVersion` or `ReleaseId`, such as `22H2`.
    pub release: Option<String>,
    /// `ProductId`.
    pub product_id: Option<String>,
    /// Whether it was replaced by an upgrade, and when, as Setup wrote it.
    pub replaced: Option<String>,
    /// Whether a subscription raises its edition.
    pub subscription: bool,
    /// `PROCESSOR_ARCHITECTURE`, such as `AMD64`.
    pub architecture: Option<String>,
    /// How its license stands; only the license service of a running Windows knows.
    pub activation: Option<Activation>,
}

/// How the license of a running Windows stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// `LicenseStatus`.
    pub status: LicenseStatus,
    /// `LicenseStatusReason`: an HRESULT.
    pub reason: u32,
    /// Minutes left; 0 where nothing runs out.
    pub grace_minutes: u32,
    /// The channel that the service names.
    pub channel: Option<Channel>,
    /// The activation ID of the product in force.
    pub product: String,
    /// The last five symbols of its product key.
    pub partial_key: Option<PartialKey>,
}

/// A place that could not be read, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of trouble it is; the command line takes its exit code from this.
    pub kind: ProblemKind,
    /// The place.
    pub place: String,
    /// What was needed and what was there, as a sentence without its end.
    pub message: String,
}

/// The kinds of trouble a place can be in.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The bytes are not what they claim to be.
    Damaged,
    /// A hive with changes that only its logs hold.
    Dirty,
    /// The place is there and was never filled in. Nothing is wrong with it.
    Empty,
    /// Locked by encryption or hibernation, or sealed for one user.
    Locked,
    /// Nothing is there.
    Missing,
    /// More rights are needed.
    Rights,
    /// The license service of this Windows does not answer.
    Service,
    /// A file Keystow does not read.
    Unknown,
    /// A folder without a Windows.
    WithoutWindows,
}

impl Held {
    /// The whole product key, where it is there.
    #[must_use]
    pub fn full(&self) -> Option<&ProductKey> {
        match self {
            Self::Full(key) => Some(key),
            _ => None,
        }
    }

    /// The last five symbols, where they are known.
    #[must_use]
    pub fn partial(&self) -> Option<PartialKey> {
        match self {
            Self::Full(key) => Some(key.partial()),
            Self::Partial(partial) => Some(*partial),
            Self::Blanked | Self::Nothing => None,
        }
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.path)?;
        if self.value.is_empty() { Ok(()) } else { write!(f, "\\{}", self.value) }
    }
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, place: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { kind, place: hide(&place.into()), message: hide(&message.to_string()) }
    }

    /// Words an I/O error for a place.
    pub(crate) fn io(place: &std::path::Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ProblemKind::Missing,
            std::io::ErrorKind::PermissionDenied => ProblemKind::Rights,
            _ => ProblemKind::Damaged,
        };
        let message = match kind {
            ProblemKind::Missing => "there is nothing of this name".to_owned(),
            ProblemKind::Rights => "reading it needs more rights".to_owned(),
            _ => error.to_string(),
        };
        Self::new(kind, place.display().to_string(), message)
    }
}

/// Where a file of a source lies, for its origin.
pub(crate) fn shown(path: &std::path::Path) -> String {
    hide(&path.display().to_string())
}

/// What a source says may drive a terminal or fake a line, so control characters are not passed on; and where a
/// product key was typed in place of a path, it is not repeated.
pub(crate) fn hide(text: &str) -> String {
    match ProductKey::parse(text) {
        Ok(key) => key.partial().masked('*'),
        Err(_) => hide_controls(text),
    }
}

/// The text without control characters, and without those that turn the direction of writing and so make one text look
/// like another.
#[must_use]
pub fn hide_controls(text: &str) -> String {
    let turns =
        |c| matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{FFFD}' } else { c }).collect()
}
