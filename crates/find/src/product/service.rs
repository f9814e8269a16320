//! What only the license service of a running Windows knows: whether it is activated, and the last five symbols of
//! product keys that are stored nowhere else.

use keystow_core::identify::{Basis, Channel, Evidence as Clues, LicenseStatus, Product};
use keystow_core::product_id::{Check, CheckName};
use keystow_core::{PartialKey, ProductKey};
use keystow_os::licensing::{self, LicensedProduct, Licenses, LicensingError, WINDOWS};

use super::typed;
use crate::finding::{Activation, Found, Held, Origin, PlaceKind, Problem, ProblemKind};
use crate::scan::Gathering;

const PLACE: &str = "license service";
const PRODUCT: &str = "SoftwareLicensingProduct";

/// Asks the license service about the running Windows, which is the installation at `windows`.
pub(crate) fn look(source: &str, windows: usize, gathering: &mut Gathering) {
    match licensing::look() {
        Ok(licenses) => add(source, windows, &licenses, gathering),
        Err(error) => {
            let message = match error {
                LicensingError::Absent => "it is not there, so nothing tells whether this Windows is activated",
                LicensingError::TimedOut { .. } => {
                    "it has not answered in time; whether this Windows is activated is not known"
                }
                _ => "this user may not ask it, or it refused; whether this Windows is activated is not known",
            };
            gathering.problem(Problem::new(ProblemKind::Service, format!("{source}: {PLACE}"), message));
        }
    }
}

fn add(source: &str, windows: usize, licenses: &Licenses, gathering: &mut Gathering) {
    let of_windows = |product: &&LicensedProduct| product.application == WINDOWS && !product.addon;
    let installed: Vec<_> = licenses.products.iter().filter(of_windows).collect();
    compare_windows(source, windows, &installed, gathering);
    for product in licenses.products.iter().filter(|product| product.application != WINDOWS) {
        office(source, product, gathering);
    }
    if let Some(Ok(key)) = licenses.firmware_key.as_ref().map(|text| ProductKey::parse(text)) {
        compare_firmware(source, key, licenses.firmware_description.as_deref(), gathering);
    }
}

/// Compares the last five symbols that the service shows with the product key that the registry holds. They disagree
/// when one of the two was changed behind Windows' back.
fn compare_windows(source: &str, windows: usize, products: &[&LicensedProduct], gathering: &mut Gathering) {
    let stored = |found: &&mut Found| found.place == PlaceKind::Installed && found.installation == Some(windows);
    let held = gathering.found_mut().find(|found| stored(found)).and_then(|found| found.held.partial());
    let same = |product: &&&LicensedProduct| held.is_some() && partial(product) == held;
    let Some(product) = products.iter().find(same).or_else(|| products.first()) else {
        // A service that answers and knows no product key of Windows says that there is no license.
        return note(windows, &LicensedProduct::default(), gathering);
    };
    note(windows, product, gathering);
    let (Some(partial), channel) = (partial(product), channel(product)) else { return };
    let mut met = false;
    for found in gathering.found_mut().filter(stored) {
        met = true;
        match &found.held {
            Held::Full(key) => found.checks.push(Check::new(CheckName::LicenseService, key.partial() == partial)),
            // What Windows cleared from the registry, its license service still shows the end of.
            Held::Blanked | Held::Nothing => found.held = Held::Partial(partial),
            Held::Partial(_) => {}
        }
        found.product.channel = found.product.channel.or(channel);
    }
    if !met {
        let found =
            Found { installation: Some(windows), ..found(source, PlaceKind::Installed, product, partial, gathering) };
        gathering.add(found);
    }
}

/// Notes how the license of the running Windows stands.
fn note(windows: usize, product: &LicensedProduct, gathering: &mut Gathering) {
    if let Some(installation) = gathering.installation_mut(windows) {
        installation.activation = Some(Activation {
            status: LicenseStatus::from_raw(product.status).unwrap_or(LicenseStatus::Unlicensed),
            reason: product.reason,
            grace_minutes: product.grace_minutes,
            channel: channel(product),
            product: product.id.clone(),
            partial_key: partial(product),
        });
    }
}

/// An Office whose product key only the service knows, and of that the end.
fn office(source: &str, product: &LicensedProduct, gathering: &mut Gathering) {
    let Some(partial) = partial(product) else { return };
    let names = format!("{} {}", product.name, product.family.as_deref().unwrap_or_default());
    for found in gathering.found_mut().filter(|found| found.place == PlaceKind::Office) {
        if found.held.partial() == Some(partial) {
            return;
        }
        if found.held == Held::Nothing && is_of(&found.product.name, &names) {
            found.held = Held::Partial(partial);
            found.product.channel = found.product.channel.or(channel(product));
            return;
        }
    }
    let found = found(source, PlaceKind::Office, product, partial, gathering);
    gathering.add(found);
}

/// Whether the product list of Office (`Office HomeBusiness2019Retail`) and the service (`Office19HomeBusiness2019R_…`)
/// speak of the same Office.
fn is_of(listed: &str, names: &str) -> bool {
    let stem = listed.trim_start_matches("Office ").trim_end_matches("Retail").trim_end_matches("Volume");
    stem.len() > 4 && names.contains(stem)
}

/// The service reads the same firmware; where this user may not, it is the only one who can.
fn compare_firmware(source: &str, key: ProductKey, description: Option<&str>, gathering: &mut Gathering) {
    let mut met = false;
    for found in gathering.found_mut().filter(|found| found.place == PlaceKind::Firmware) {
        met = true;
        found.checks.push(Check::new(CheckName::LicenseService, found.held.full() == Some(&key)));
    }
    if !met {
        let origin =
            Origin { source: source.to_owned(), path: PLACE.to_owned(), value: "OA3xOriginalProductKey".to_owned() };
        let label = description.map(str::to_owned);
        let found = typed::found(PlaceKind::Firmware, origin, Held::Full(key), label, gathering);
        gathering.add(found);
    }
}

fn found(
    source: &str,
    place: PlaceKind,
    product: &LicensedProduct,
    partial: PartialKey,
    gathering: &Gathering,
) -> Found {
    let clues = Clues { description: Some(&product.description), ..Clues::default() };
    let unknown = || Product::unknown(Basis::Description);
    let mut known = gathering.knowledge.product_for(&clues).unwrap_or_else(unknown);
    known.channel = channel(product).or(known.channel);
    known.name = product.name.trim_end_matches(" edition").replace("(R)", "").replace(',', "");
    let origin = Origin { source: source.to_owned(), path: format!("{PLACE}: {PRODUCT}"), value: product.id.clone() };
    Found::new(place, origin, Held::Partial(partial), known)
}

fn partial(product: &LicensedProduct) -> Option<PartialKey> {
    PartialKey::parse(&product.partial_key)
}

fn channel(product: &LicensedProduct) -> Option<Channel> {
    product.channel.as_deref().and_then(Channel::parse).or_else(|| Channel::from_description(&product.description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn office_in_two_spellings_is_one_office() {
        let names = "Office 19, Office19HomeBusiness2019R_Retail edition HomeBusiness2019R_Retail";
        assert!(is_of("Office HomeBusiness2019Retail", names));
        assert!(!is_of("Office VisioPro2019Retail", names));
    }
}
