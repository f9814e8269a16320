//! From the values beside each other in one node to one finding.

use keystow_core::identify::{ActivationId, Channel, Clues, Edition};
use keystow_core::product_id::{Check, DigitalProductId, KeyState, LicenseKind, ProductId};

use super::At;
use crate::finding::{Found, Held, Origin, PlaceKind, Problem, ProblemKind};
use crate::registry::{RawValue, named};
use crate::scan::{Gathering, evidence};

/// The values that make one finding.
pub(crate) const VALUES: &[&str] = &["DigitalProductId", "DigitalProductId4", "EditionID", "OSProductPfn", "ProductId"];

/// Reads `DigitalProductId` and `DigitalProductId4` of one node as one finding: they are two spellings of the same
/// thing, and each checks the other. Gives `None` where neither is there or says anything.
pub(crate) fn read(
    at: At<'_>,
    path: &str,
    place: PlaceKind,
    values: &[RawValue],
    gathering: &mut Gathering,
) -> Option<Found> {
    let full = format!("{}\\{path}", at.hive);
    let mut parse = |name: &str| {
        let value = named(values, name).filter(|value| !value.data.is_empty())?;
        match DigitalProductId::parse(&value.data) {
            Ok(DigitalProductId::Placeholder { .. }) => {
                let message = "all zero, as Wine and Proton write it: there is no license here";
                gathering.problem(Problem::new(ProblemKind::Unknown, format!("{}: {full}\\{name}", at.source), message));
                None
            }
            Ok(parsed) => Some((value, parsed)),
            Err(error) => {
                let place = format!("{}: {full}\\{name}", at.source);
                gathering.problem(Problem::new(ProblemKind::Damaged, place, error));
                None
            }
        }
    };
    let (v3, v4) = (parse("DigitalProductId"), parse("DigitalProductId4"));
    let best = [&v4, &v3].into_iter().flatten().max_by_key(|(_, parsed)| rank(parsed.key()))?;
    let parsed: Vec<&DigitalProductId> = [&v4, &v3].into_iter().flatten().map(|(_, parsed)| parsed).collect();
    let product_id = named(values, "ProductId").map(RawValue::text).filter(|text| !text.is_empty());
    let held = held(best.1.key());
    let clues = clues(&parsed, &held, product_id.as_deref(), values);
    let mut checks: Vec<Check> = parsed.iter().flat_map(|parsed| parsed.checks()).copied().collect();
    checks.extend(agreement(&parsed));
    checks.extend(unreadable(best.1.key()));
    let written = parsed.iter().find_map(|parsed| match parsed {
        DigitalProductId::V3(value) => value.time,
        _ => None,
    });
    Some(Found {
        place,
        origin: Origin { source: at.source.to_owned(), path: full.clone(), value: best.0.name.clone() },
        generic: held.full().and_then(|key| gathering.knowledge.generic(key)),
        product: gathering.knowledge.product_for(&clues),
        held,
        checks,
        product_id,
        written: written.filter(|time| time.as_second() > 0),
        installation: None,
        old_windows: false,
        evidence: [&v3, &v4].into_iter().flatten().map(|(value, _)| evidence(&full, value)).collect(),
    })
}

/// A readable product key says more than a cleared one.
fn rank(key: &KeyState) -> u8 {
    match key {
        KeyState::Present(_) => 2,
        KeyState::Blanked => 1,
        _ => 0,
    }
}

fn held(key: &KeyState) -> Held {
    match key {
        KeyState::Present(key) => Held::Full(key.clone()),
        KeyState::Blanked => Held::Blanked,
        KeyState::Placeholder | KeyState::Unreadable(_) => Held::Nothing,
    }
}
