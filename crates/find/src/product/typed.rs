//! Product keys in lists, reports and Setup files: typed by people, or written by other programs.

use keystow_core::identify::{Basis, Evidence as Clues, GroupSerial, Product};
use keystow_core::key_text::{self, decode};
use keystow_core::product_id::{Check, CheckName};
use keystow_core::{KeyError, ProductKey};

use super::digital;
use crate::finding::{Found, Held, Origin, PlaceKind, Problem, ProblemKind};
use crate::scan::Gathering;

/// More product keys than a person or a company writes into one file for a scan.
const MOST_FINDINGS: usize = 20_000;

/// Reads a text of any kind.
pub(crate) fn read(source: &str, bytes: &[u8], gathering: &mut Gathering) {
    let scan = key_text::find(&decode(bytes));
    let count = scan.findings.len();
    if count > MOST_FINDINGS {
        let message =
            format!("{count} product keys are a list for `keystow identify`; the first {MOST_FINDINGS} were read");
        gathering.problem(Problem::new(ProblemKind::Unknown, source, message));
    }
    for found in scan.findings.into_iter().take(MOST_FINDINGS) {
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
    let group = held.full().and_then(GroupSerial::of_key);
    let known = gathering.knowledge.product_for(&Clues { group, ..Clues::default() });
    let product = known.unwrap_or_else(|| Product {
        name: label.unwrap_or_else(|| "Unknown product".to_owned()),
        ..Product::unknown(Basis::Example)
    });
    let generic = digital::generic(&held);
    let checks = held.full().and_then(ProductKey::checksum_ok).map(checksum).into_iter().collect();
    Found { generic, checks, ..Found::new(place, origin, held, product) }
}

/// Words a product key that cannot be read.
pub(crate) fn unreadable(origin: &Origin, error: &KeyError) -> Problem {
    Problem::new(ProblemKind::Damaged, origin.to_string(), error)
}

fn checksum(ok: bool) -> Check {
    Check::new(CheckName::KeyChecksum, ok)
}
