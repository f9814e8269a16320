//! Whether a product key fits a Windows, and which Windows a person means.

use std::path::Path;

use keystow_core::identify::fit::{Fit, Installed, fit};
use keystow_core::identify::{Basis, Channel, Edition, Product};
use keystow_core::{ProductKey, identify};
use keystow_find::{Scan, Source, THIS_PC};
use keystow_vault::Item;

use super::running::{self, LIVE};

/// A current Windows 11, assumed where only an edition was named.
const CURRENT_BUILD: u32 = 26_100;
/// A current Windows Server, likewise.
const CURRENT_SERVER_BUILD: u32 = 26_100;

/// What an item is called of which nothing is known.
pub(crate) const UNKNOWN: &str = "Unknown product";
/// Windows 7 with its service pack.
const SEVEN_BUILD: u32 = 7601;
/// Editions that end with Windows 7, sorted.
const ONLY_SEVEN: &[&str] = &["Business", "HomeBasic", "HomePremium", "Starter", "Ultimate"];

/// The Windows that a product key is to fit.
pub(crate) struct Target {
    /// What people call it.
    pub(crate) name: String,
    pub(crate) installed: Installed,
    /// The product key in its firmware, which names the mainboard.
    pub(crate) firmware: Option<ProductKey>,
    /// Whether a PC was looked at, and not only an edition named.
    pub(crate) is_pc: bool,
}

/// The Windows of a folder or hive, or an edition by name. The words say what was there instead.
pub(crate) fn target(wanted: &str) -> Result<Target, String> {
    if wanted == LIVE {
        return Ok(running::look()?.0);
    }
    let path = Path::new(wanted);
    if path.exists() {
        return in_scan(wanted, &keystow_find::scan(&[Source::Path(path.to_owned())]));
    }
    let edition = Edition::parse(wanted).filter(Edition::is_known).or_else(|| by_name(wanted));
    let edition = edition.ok_or_else(|| match ProductKey::parse(wanted) {
        Ok(_) => "a product key was given where a Windows belongs; shells remember what is typed there".to_owned(),
        Err(_) => format!("{wanted} is neither a folder or hive nor the name of an edition"),
    })?;
    let (age, build) = match edition.id() {
        id if ONLY_SEVEN.contains(&id) => ("an old", SEVEN_BUILD),
        _ if edition.is_server() => ("a current", CURRENT_SERVER_BUILD),
        _ => ("a current", CURRENT_BUILD),
    };
    let name = format!("{age} {}", edition.name());
    Ok(Target { name, installed: Installed { edition, build }, firmware: None, is_pc: false })
}

/// The installed Windows of a scan.
pub(crate) fn in_scan(wanted: &str, scan: &Scan) -> Result<Target, String> {
    let windows = scan.installations.iter().find(|windows| windows.replaced.is_none());
    let windows = windows.ok_or_else(|| format!("{wanted} holds no installed Windows"))?;
    let edition =
        windows.edition.clone().ok_or_else(|| format!("the Windows in {wanted} does not name its edition"))?;
    let build = windows.build.ok_or_else(|| format!("the Windows in {wanted} does not name its build"))?;
    let firmware = scan.findings.iter().find(|finding| finding.place == keystow_find::PlaceKind::Firmware);
    Ok(Target {
        name: if wanted == THIS_PC {
            format!("{} on {wanted}", windows.name)
        } else {
            format!("{} in {wanted}", windows.name)
        },
        installed: Installed { edition, build },
        firmware: firmware.and_then(|finding| finding.held.full()).cloned(),
        is_pc: true,
    })
}

/// Editions by what people call them: `Home`, `Windows 11 Pro`.
fn by_name(wanted: &str) -> Option<Edition> {
    let plain = wanted.trim().to_ascii_lowercase().replace("windows", "").replace("10", "").replace("11", "");
    Some(match plain.trim() {
        "home" => Edition::parse("Core")?,
        "home n" => Edition::parse("CoreN")?,
        "home single language" => Edition::parse("CoreSingleLanguage")?,
        "pro" => Edition::parse("Professional")?,
        "pro n" => Edition::parse("ProfessionalN")?,
        "pro education" => Edition::parse("ProfessionalEducation")?,
        "pro for workstations" => Edition::parse("ProfessionalWorkstation")?,
        _ => return None,
    })
}

/// What a product key is for, by itself.
pub(crate) fn product_of_key(key: &ProductKey) -> Product {
    identify::identify(key).product().unwrap_or_else(|| Product::unknown(Basis::Example))
}

/// What an item is for: by its product key, else by what was kept beside it.
pub(crate) fn product_of_item(item: &Item) -> Product {
    let by_key = item.product_key.as_ref().and_then(|key| identify::identify(key).product());
    let about = &item.about;
    let kept = || Product {
        edition: about.edition.as_deref().and_then(Edition::parse),
        channel: about.channel.as_deref().and_then(Channel::parse),
        generation: identify::Generation::of_name(&about.product).filter(|_| about.product != UNKNOWN).or_else(|| {
            about.windows.as_ref().and_then(|windows| {
                let build = windows.build.as_deref()?.split('.').next()?.parse().ok()?;
                Some(identify::Generation::of_build(build, false))
            })
        }),
        name: about.product.clone(),
        ..Product::unknown(Basis::Stored)
    };
    by_key.unwrap_or_else(kept)
}

/// Whether a product fits a target.
pub(crate) fn check(product: &Product, target: &Target) -> Fit {
    fit(product, &target.installed)
}
