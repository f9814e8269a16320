//! Product keys in lists, reports and Setup files: typed by people, or written by other programs.

use keystow_core::identify::Clues;
use keystow_core::key_text::{self, decode};
use keystow_core::product_id::{Check, CheckName};
use keystow_core::{KeyError, KeyForm, PartialKey, ProductKey};

use crate::finding::{Found, Held, Origin, PlaceKind, Problem, ProblemKind};
use crate::scan::Gathering;

/// Releases before Windows 10, as product names begin.
const OLD_WINDOWS: &[&str] = &["Windows 7", "Windows 8", "Windows Vista", "Windows XP"];

/// Reads a text of any kind.
pub(crate) fn read(source: &str, bytes: &[u8], gathering: &mut Gathering) {
    let scan = key_text::find(&decode(bytes));
    for found in scan.findings {
        let path = format!("line {}", found.place.line);
        let origin = Origin { source: source.to_owned(), path, value: String::new() };
        let held = match found.found {
            key_text::Found::Partial(partial) => Held::Partial(partial),
            key_text::Found::Whole(key) => Held::Full(key),
        };
        let found = self::found(PlaceKind::Typed, origin, held, found.label, gathering);
        gathering.add(found);
    }
    for problem in scan.problems {
        gathering.problem(Problem::new(ProblemKind::Damaged, source, problem));
    }
}

/// A finding of which nothing but the product key, and perhaps a label, is known.
pub(crate) fn found(
    place: PlaceKind,
    origin: Origin,
    held: Held,
    label: Option<String>,
    gathering: &Gathering,
) -> Found {
    let mut product = gathering.knowledge.product_for(&Clues { key: held.full(), ..Clues::default() });
    if product.edition.is_none() && product.channel.is_none() && let Some(label) = label {
        product.name = label;
    }
    let mut found = Found {
        place,
        origin,
        generic: held.full().and_then(|key| gathering.knowledge.generic(key)),
        product,
        checks: held.full().and_then(ProductKey::checksum_ok).map(checksum).into_iter().collect(),
        held,
        product_id: None,
        written: None,
        installation: None,
        old_windows: false,
        evidence: Vec::new(),
    };
    found.old_windows = is_old(&found);
    found
}

/// Whether a product key is for a Windows before 10, as far as its product's name says.
pub(crate) fn is_old(found: &Found) -> bool {
    OLD_WINDOWS.iter().any(|old| found.product.name.starts_with(old))
}

/// Words a product key that cannot be read.
pub(crate) fn unreadable(origin: &Origin, error: &KeyError) -> Problem {
    Problem::new(ProblemKind::Damaged, origin.to_string(), error)
}

fn checksum(ok: bool) -> Check {
    Check::new(CheckName::KeyChecksum, ok)
}
