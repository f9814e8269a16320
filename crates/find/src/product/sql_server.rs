//! Microsoft SQL Server. Express editions have no product key.

use keystow_core::identify::{Basis, Product};
use keystow_core::product_id::{DigitalProductId, KeyState};

use super::At;
use crate::finding::{Found, Held, Origin, PlaceKind, Problem, ProblemKind};
use crate::registry::{RawValue, RegistryError, View, named};
use crate::scan::{Gathering, evidence};

const SERVERS: &[&str] = &[r"Microsoft\Microsoft SQL Server", r"Wow6432Node\Microsoft\Microsoft SQL Server"];
/// 2005 puts it into `ProductID`, 2008 and later into `Setup` or `ClientSetup`, the tools into `Tools\Setup`.
const BELOW: &[&str] = &["ClientSetup", "ProductID", "Setup", r"Tools\ClientSetup", r"Tools\Setup"];
/// 2005 numbers the value by its edition: `DigitalProductID77599` and others.
const VALUES: &[&str] =
    &["DigitalProductID", "DigitalProductID77591", "DigitalProductID77599", "DigitalProductID77654"];
/// A server has a handful of instances; a hostile hive may claim many, and each costs several looks.
const MOST_INSTANCES: usize = 128;
const EDITION: &str = "Edition";
/// The length of a product key alone, as 2012 and later store it.
const BARE: usize = 16;

pub(super) fn find(view: &dyn View, at: At<'_>, gathering: &mut Gathering) -> Result<(), RegistryError> {
    for server in SERVERS {
        for instance in view.children(server)?.into_iter().take(MOST_INSTANCES) {
            for below in BELOW {
                let path = format!("{server}\\{instance}\\{below}");
                let wanted: Vec<&str> = VALUES.iter().chain(&[EDITION]).copied().collect();
                let Some(values) = view.values(&path, &wanted)? else { continue };
                let name = named(&values, EDITION).map(|edition| format!("SQL Server {} ({instance})", edition.text()));
                let name = name.unwrap_or_else(|| format!("SQL Server ({instance})"));
                for value in values.iter().filter(|value| value.name != EDITION && !value.data.is_empty()) {
                    add(at, &path, value, name.clone(), gathering);
                }
            }
        }
    }
    Ok(())
}

fn add(at: At<'_>, path: &str, value: &RawValue, name: String, gathering: &mut Gathering) {
    let full = format!("{}\\{path}", at.hive);
    let origin = Origin { source: at.source.to_owned(), path: full.clone(), value: value.name.clone() };
    // Only the place and the length tell a bare product key from a whole structure.
    let key = match value.data.len() {
        BARE => KeyState::parse_bare(&value.data),
        _ => match DigitalProductId::parse(&value.data) {
            Ok(parsed) => Ok(parsed.key().clone()),
            Err(_) => KeyState::parse_bare(&value.data),
        },
    };
    let held = match key {
        Ok(KeyState::Present(key)) => Held::Full(key),
        Ok(KeyState::Blanked | KeyState::Placeholder) => Held::Blanked,
        Ok(KeyState::Unreadable(error)) => return gathering.problem(problem(&origin, error)),
        Err(error) => return gathering.problem(problem(&origin, error)),
    };
    let product = Product { name, ..Product::unknown(Basis::Stored) };
    let evidence = vec![evidence(&full, value)];
    gathering.add(Found { evidence, ..Found::new(PlaceKind::SqlServer, origin, held, product) });
}

fn problem(origin: &Origin, error: impl std::fmt::Display) -> Problem {
    Problem::new(ProblemKind::Damaged, origin.to_string(), error)
}
