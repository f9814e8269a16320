//! Microsoft Office: whole product keys up to 2010; since 2013 the registry tells only that it is there.

use keystow_core::identify::{Basis, Product};

use super::{At, digital};
use crate::finding::{Found, Held, Origin, PlaceKind};
use crate::registry::{RawValue, RegistryError, View, named};
use crate::scan::{Gathering, evidence};

/// 2003, 2007, 2010, 2013; 2016 and later. The last two keep a product key here only in a few volume installations.
const RELEASES: &[&str] = &["11.0", "12.0", "14.0", "15.0", "16.0"];
/// A real Office lists up to 350 products that could be installed.
const MOST_PRODUCTS: usize = 2048;
/// 64-bit Office, and 32-bit Office on a 64-bit Windows.
const VIEWS: &[&str] = &[r"Microsoft\Office", r"Wow6432Node\Microsoft\Office"];
const NAMES: &[&str] = &["ConvertToEdition", "DigitalProductID", "ProductID", "ProductName", "ProductNameBrand"];
const CLICK_TO_RUN: &str = r"Microsoft\Office\ClickToRun\Configuration";

pub(super) fn find(view: &dyn View, at: At<'_>, gathering: &mut Gathering) -> Result<(), RegistryError> {
    for office in VIEWS {
        // One look tells most PCs that there is no Office at all.
        let releases = view.children(office)?;
        for release in releases.iter().filter(|release| RELEASES.contains(&release.as_str())) {
            registrations(view, at, &format!("{office}\\{release}\\Registration"), gathering)?;
        }
    }
    click_to_run(view, at, gathering)
}

/// The nodes of one release. Most of them carry names only: they list everything that Office could be, and an installed
/// one is told by its Product ID.
fn registrations(view: &dyn View, at: At<'_>, path: &str, gathering: &mut Gathering) -> Result<(), RegistryError> {
    for guid in view.children(path)?.into_iter().take(MOST_PRODUCTS) {
        let node = format!("{path}\\{guid}");
        let Some(values) = view.values(&node, NAMES)? else { continue };
        // The value is spelled `DigitalProductID` here, and holds either version.
        let renamed: Vec<RawValue> = values.iter().filter_map(as_windows_names_it).collect();
        if let Some(mut found) = digital::read(at, &node, PlaceKind::Office, &renamed, gathering) {
            name(&mut found.product, &values);
            "DigitalProductID".clone_into(&mut found.origin.value);
            gathering.add(found);
        } else if let Some(value) = named(&values, "ProductID") {
            let mut found = keyless(at, &node, value, Product::unknown(Basis::Stored));
            name(&mut found.product, &values);
            found.product_id = Some(value.text()).filter(|text| !text.is_empty());
            gathering.add(found);
        }
    }
    Ok(())
}

/// Office 2013 and later from the network: a list of products such as `HomeBusiness2019Retail,VisioPro2019Retail`.
fn click_to_run(view: &dyn View, at: At<'_>, gathering: &mut Gathering) -> Result<(), RegistryError> {
    let Some(values) = view.values(CLICK_TO_RUN, &["ProductReleaseIds"])? else { return Ok(()) };
    for value in &values {
        for id in value.text().split(',').map(str::trim).filter(|id| !id.is_empty()).take(32) {
            let product = Product { name: format!("Office {id}"), ..Product::unknown(Basis::Stored) };
            gathering.add(keyless(at, CLICK_TO_RUN, value, product));
        }
    }
    Ok(())
}

fn keyless(at: At<'_>, path: &str, value: &RawValue, product: Product) -> Found {
    let full = format!("{}\\{path}", at.hive);
    let origin = Origin { source: at.source.to_owned(), path: full.clone(), value: value.name.clone() };
    let evidence = vec![evidence(&full, value)];
    Found { evidence, ..Found::new(PlaceKind::Office, origin, Held::Nothing, product) }
}

fn as_windows_names_it(value: &RawValue) -> Option<RawValue> {
    let name = match value.name.to_ascii_lowercase().as_str() {
        "digitalproductid" if value.data.get(4) == Some(&4) => "DigitalProductId4",
        "digitalproductid" => "DigitalProductId",
        "productid" => "ProductId",
        _ => return None,
    };
    Some(RawValue { name: name.to_owned(), ..value.clone() })
}

fn name(product: &mut Product, values: &[RawValue]) {
    let text = |name: &str| named(values, name).map(RawValue::text).filter(|text| !text.is_empty());
    if let Some(name) = text("ProductNameBrand").or_else(|| text("ProductName")).or_else(|| text("ConvertToEdition")) {
        product.name = name;
    }
}
