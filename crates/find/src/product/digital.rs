//! From the values beside each other in one node to one finding.

use keystow_core::KeyForm;
use keystow_core::identify::{Basis, Evidence as Clues, GroupSerial, Product, Stored, tables};
use keystow_core::product_id::{Check, CheckName, DigitalProductId, KeyState, ProductId};

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
                gathering.problem(Problem::new(
                    ProblemKind::Unknown,
                    format!("{}: {full}\\{name}", at.source),
                    message,
                ));
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
    // Of two equals the last one wins: version 4, which also names edition and channel.
    let best = [&v3, &v4].into_iter().flatten().max_by_key(|(_, parsed)| rank(parsed.key()))?;
    let parsed: Vec<&DigitalProductId> = [&v4, &v3].into_iter().flatten().map(|(_, parsed)| parsed).collect();
    let product_id = named(values, "ProductId").map(RawValue::text).filter(|text| !text.is_empty());
    let held = held(best.1.key());
    let product = product(&parsed, &held, product_id.as_deref(), values, gathering);
    let mut checks: Vec<Check> = parsed.iter().flat_map(|parsed| parsed.checks()).copied().collect();
    checks.extend(twin(&parsed));
    let written = parsed.iter().find_map(|parsed| match parsed {
        DigitalProductId::V3(value) => value.time,
        _ => None,
    });
    Some(Found {
        place,
        origin: Origin { source: at.source.to_owned(), path: full.clone(), value: best.0.name.clone() },
        generic: generic(&held),
        product,
        held,
        checks,
        product_id,
        written: written.filter(|time| time.as_second() > 0),
        installation: None,
        old_windows: false,
        evidence: [&v3, &v4].into_iter().flatten().map(|(value, _)| evidence(&full, value)).collect(),
    })
}

/// Whether a product key is a published one, by group and serial.
pub(crate) fn generic(held: &Held) -> Option<tables::Generic> {
    let group = GroupSerial::of_key(held.full()?)?;
    tables::generic(group.group, group.serial?)
}

/// Asks everything that was stored beside the product key what it is for.
fn product(
    parsed: &[&DigitalProductId],
    held: &Held,
    product_id: Option<&str>,
    values: &[RawValue],
    gathering: &Gathering,
) -> Product {
    let text = |name: &str| named(values, name).map(RawValue::text).filter(|text| !text.is_empty());
    let (edition_id, pfn) = (text("EditionID"), text("OSProductPfn"));
    let v3 = parsed.iter().find_map(|parsed| if let DigitalProductId::V3(value) = parsed { Some(value) } else { None });
    let v4 = parsed.iter().find_map(|parsed| if let DigitalProductId::V4(value) = parsed { Some(value) } else { None });
    let or_empty = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    let stored = v4.map(|v4| [&v4.edition, &v4.channel, &v4.activation_id, &v4.eula, &v4.part_number].map(or_empty));
    let stored = stored.as_ref().map(|[edition, channel, activation_id, eula, part_number]| Stored {
        edition,
        channel,
        activation_id,
        eula,
        part_number,
    });
    let license = v3.and_then(|v3| v3.license).or_else(|| Some(v4?.extended_pid()?.license));
    let clues = Clues {
        stored,
        group: group(held, product_id, parsed),
        part_number: parsed.iter().find_map(|parsed| parsed.part_number()).or(pfn.as_deref().and_then(part_of)),
        edition_id: edition_id.as_deref(),
        license_digit: license.and_then(|license| u8::try_from(license.raw()).ok()),
        ..Clues::default()
    };
    // Zero says retail, and is also what a value says that says nothing; beside an edition it is believed.
    let unnamed = || Product {
        license_digit: clues.license_digit.filter(|digit| *digit != 0),
        ..Product::unknown(Basis::EditionId)
    };
    gathering.knowledge.product_for(&clues).unwrap_or_else(unnamed)
}

/// Group and serial: from the product key, else from the visible Product ID, which also works when it was cleared,
/// else the group that version 3 writes beside it.
fn group(held: &Held, product_id: Option<&str>, parsed: &[&DigitalProductId]) -> Option<GroupSerial> {
    let by_key = held.full().and_then(GroupSerial::of_key);
    let by_text = || match ProductId::parse(product_id?).ok()? {
        ProductId::Modern(id) => {
            Some(GroupSerial { form: KeyForm::Pkey2009, group: id.group, serial: Some(id.serial) })
        }
        _ => None,
    };
    let form = held.full().map_or(KeyForm::Pkey2009, keystow_core::ProductKey::form);
    let beside = || Some(GroupSerial { form, group: parsed.iter().find_map(|parsed| parsed.group())?, serial: None });
    by_key.or_else(by_text).or_else(beside)
}

/// The part number inside `Microsoft.Windows.48.X19-98843_8wekyb3d8bbwe`.
fn part_of(pfn: &str) -> Option<&str> {
    pfn.strip_prefix("Microsoft.Windows.")?.split_once('.')?.1.split('_').next()
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

/// Versions 3 and 4 of one node are written together, so two different product keys in them are a sign of editing.
fn twin(parsed: &[&DigitalProductId]) -> Option<Check> {
    let [first, second] = parsed else { return None };
    let keys = (first.key().product_key()?, second.key().product_key()?);
    Some(Check::new(CheckName::TwinKey, keys.0 == keys.1))
}
