//! Windows itself: the installed one, the ones before it, and the copies it keeps of its product key.

use keystow_core::identify::{Edition, Product};
use keystow_core::reg_file::{RegFile, Root};
use keystow_core::{KeyForm, ProductKey};

use super::{At, digital, typed};
use crate::finding::{Held, Installation, Origin, PlaceKind};
use crate::registry::{RawValue, RegistryError, View, named};
use crate::scan::{Gathering, evidence, is_new_build};

const CURRENT_VERSION: &str = r"Microsoft\Windows NT\CurrentVersion";
/// Windows 95, 98 and ME.
const CURRENT_VERSION_9X: &str = r"Microsoft\Windows\CurrentVersion";
const INTERNET_EXPLORER: &str = r"Microsoft\Internet Explorer\Registration";
/// Setup's defaults; the second since Windows 10.
const SETUP_DEFAULTS: &[&str] = &["DefaultProductKey", "DefaultProductKey2"];
/// Product keys of earlier Windows survive upgrades here: `Source OS (Updated on M/D/YYYY hh:mm:ss)`.
const SOURCE_OS: &str = "Source OS";
/// What names an installation, beside the values of [`digital::VALUES`].
const FACTS: &[&str] =
    &["CurrentBuild", "CurrentBuildNumber", "DisplayVersion", "EditionID", "ProductId", "ProductName", "ReleaseId"];
/// Windows 11 begins with this build; its `ProductName` still says Windows 10.
const FIRST_BUILD_OF_11: u32 = 22_000;

/// Everything in SOFTWARE.
pub(super) fn software(view: &dyn View, at: At<'_>, gathering: &mut Gathering) -> Result<(), RegistryError> {
    let replaced = at.earlier.then(|| "Windows.old".to_owned());
    let installed = current_version(view, at, CURRENT_VERSION, replaced, gathering)?;
    let installation = match installed {
        Some(installation) => Some(installation),
        None => current_version(view, at, CURRENT_VERSION_9X, None, gathering)?,
    };
    for name in SETUP_DEFAULTS {
        let path = format!("{CURRENT_VERSION}\\{name}");
        let Some(values) = view.values(&path, digital::VALUES)? else { continue };
        add(at, &path, PlaceKind::SetupDefault, &values, installation, gathering);
    }
    backup_default(view, at, installation, gathering)
}

/// Internet Explorer's copy.
pub(super) fn browser(view: &dyn View, at: At<'_>, gathering: &mut Gathering) -> Result<(), RegistryError> {
    if let Some(values) = view.values(INTERNET_EXPLORER, digital::VALUES)? {
        let installation = gathering.last_installation();
        add(at, INTERNET_EXPLORER, PlaceKind::BrowserCopy, &values, installation, gathering);
    }
    Ok(())
}

/// Everything in SYSTEM: for what processor the Windows is, and the installations that upgrades replaced, the newest
/// first.
pub(super) fn system(view: &dyn View, at: At<'_>, gathering: &mut Gathering) -> Result<(), RegistryError> {
    architecture(view, gathering)?;
    let mut names = view.children("Setup")?;
    names.retain(|name| name.get(..SOURCE_OS.len()).is_some_and(|start| start.eq_ignore_ascii_case(SOURCE_OS)));
    names.sort_by(|a, b| order_of(updated(b)).cmp(&order_of(updated(a))));
    for name in names {
        let replaced = Some(updated(&name).to_owned());
        current_version(view, at, &format!("Setup\\{name}"), replaced, gathering)?;
    }
    Ok(())
}

/// The environment of all users names the processor, in the control set that Windows started from last.
fn architecture(view: &dyn View, gathering: &mut Gathering) -> Result<(), RegistryError> {
    let Some(installation) = gathering.last_installation() else { return Ok(()) };
    let selected = view.values("Select", &["Current"])?.unwrap_or_default();
    let number = selected.first().and_then(|value| value.data.first_chunk().copied()).map_or(1, u32::from_le_bytes);
    let path = format!(r"ControlSet{number:03}\Control\Session Manager\Environment");
    let values = view.values(&path, &["PROCESSOR_ARCHITECTURE"])?.unwrap_or_default();
    if let (Some(value), Some(windows)) = (values.first(), gathering.installation_mut(installation)) {
        windows.architecture = Some(value.text()).filter(|text| !text.is_empty());
    }
    Ok(())
}

/// The date in `Source OS (Updated on 7/30/2016 09:12:44)`, as Setup wrote it; empty where there is none.
fn updated(name: &str) -> &str {
    name.split_once("(Updated on ").map_or("", |(_, rest)| rest.trim_end_matches(')'))
}

/// Puts the year of `7/30/2016 09:12:44` in front, so that dates can be ordered. Setup writes the month first, whatever
/// the language of Windows.
fn order_of(updated: &str) -> (u32, u32, u32, &str) {
    let (date, time) = updated.split_once(' ').unwrap_or((updated, ""));
    let mut parts = date.split('/').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let (month, day, year) = (next(), next(), next());
    (year, month, day, time)
}

/// Values without a section, as people paste them from regedit.
pub(super) fn pasted(source: &str, file: &RegFile, gathering: &mut Gathering) {
    for node in file.nodes().iter().filter(|node| node.root == Root::Unnamed) {
        let raw = |value: &keystow_core::reg_file::RegValue| RawValue {
            name: value.name.clone(),
            kind: value.kind,
            data: value.data().to_vec(),
        };
        let values: Vec<_> = node.values.iter().map(raw).collect();
        add(At { source, hive: "pasted", earlier: false }, &node.path, PlaceKind::Installed, &values, None, gathering);
    }
}

/// One `CurrentVersion` node or a copy of it; gives the installation it tells of.
fn current_version(
    view: &dyn View,
    at: At<'_>,
    path: &str,
    replaced: Option<String>,
    gathering: &mut Gathering,
) -> Result<Option<usize>, RegistryError> {
    let wanted: Vec<&str> = digital::VALUES.iter().chain(FACTS).copied().collect();
    let Some(values) = view.values(path, &wanted)?.filter(|values| !values.is_empty()) else { return Ok(None) };
    let place = if replaced.is_some() { PlaceKind::EarlierWindows } else { PlaceKind::Installed };
    let installation = gathering.installation(installation(at, &values, replaced));
    add(at, path, place, &values, Some(installation), gathering);
    Ok(Some(installation))
}

fn add(
    at: At<'_>,
    path: &str,
    place: PlaceKind,
    values: &[RawValue],
    installation: Option<usize>,
    gathering: &mut Gathering,
) {
    if let Some(mut found) = digital::read(at, path, place, values, gathering) {
        let build = installation.and_then(|at| gathering.installation_at(at)?.build);
        found.installation = installation;
        if let Some((installation, windows)) = installation.and_then(|at| Some((at, gathering.installation_at(at)?))) {
            name_by(&mut found.product, windows);
            if place == PlaceKind::Installed && is_raised(&found.product, windows) {
                gathering.subscribe(installation);
            }
        }
        found.old_windows =
            found.product.is_old_windows() || has_old_form(&found.held) || build.is_some_and(is_old_build);
        gathering.add(found);
    }
}

/// Whether a subscription raises a Pro to Enterprise or Education: the product key stays that of the Pro.
/// `CompositionEditionID` does not tell: since 1903 it is Enterprise in every Pro.
fn is_raised(product: &Product, windows: &Installation) -> bool {
    let begins = |edition: &Option<Edition>, starts: &[&str]| {
        edition.as_ref().is_some_and(|edition| starts.iter().any(|start| edition.id().starts_with(start)))
    };
    begins(&product.edition, &["Professional"]) && begins(&windows.edition, &["Education", "Enterprise"])
}

/// Whether a product key has the form of Windows 7 and older. One that a newer Windows holds was typed in there.
fn has_old_form(held: &Held) -> bool {
    held.full().is_some_and(|key| key.form() == KeyForm::Pkey2005)
}

fn is_old_build(build: u32) -> bool {
    !is_new_build(build)
}

/// What was stored beside a product key names its edition but not its release; the Windows around it does.
fn name_by(product: &mut Product, windows: &Installation) {
    if product.generation.is_none() && (product.edition.is_none() || product.edition == windows.edition) {
        product.name.clone_from(&windows.name);
    }
}

/// `BackupProductKeyDefault`: the product key in plain text.
fn backup_default(
    view: &dyn View,
    at: At<'_>,
    installation: Option<usize>,
    gathering: &mut Gathering,
) -> Result<(), RegistryError> {
    let path = format!(r"{CURRENT_VERSION}\SoftwareProtectionPlatform");
    let Some(values) = view.values(&path, &["BackupProductKeyDefault"])? else { return Ok(()) };
    for value in &values {
        let text = value.text();
        let full = format!("{}\\{path}", at.hive);
        let origin = Origin { source: at.source.to_owned(), path: full.clone(), value: value.name.clone() };
        match ProductKey::parse(&text) {
            Ok(key) if key.is_blank() => {}
            Ok(key) => {
                let mut found = typed::found(PlaceKind::BackupDefault, origin, Held::Full(key), None, gathering);
                found.installation = installation;
                found.evidence.push(evidence(&full, value));
                gathering.add(found);
            }
            Err(_) if text.is_empty() => {}
            Err(error) => gathering.problem(typed::unreadable(&origin, &error)),
        }
    }
    Ok(())
}

fn installation(at: At<'_>, values: &[RawValue], replaced: Option<String>) -> Installation {
    let text = |name: &str| named(values, name).map(RawValue::text).filter(|text| !text.is_empty());
    let build = text("CurrentBuild").or_else(|| text("CurrentBuildNumber")).and_then(|build| build.parse().ok());
    Installation {
        source: at.source.to_owned(),
        name: name(text("ProductName").unwrap_or_else(|| "Windows".to_owned()), build),
        subscription: false,
        architecture: None,
        activation: None,
        edition: text("EditionID").as_deref().and_then(Edition::parse),
        build,
        release: text("DisplayVersion").or_else(|| text("ReleaseId")),
        product_id: text("ProductId"),
        replaced: replaced.map(|when| crate::finding::hide_controls(&when)),
    }
}

fn name(name: String, build: Option<u32>) -> String {
    match name.strip_prefix("Windows 10") {
        Some(rest) if build.is_some_and(|build| build >= FIRST_BUILD_OF_11) => format!("Windows 11{rest}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_11_is_told_by_its_build() {
        assert_eq!(name("Windows 10 Pro".into(), Some(22_631)), "Windows 11 Pro");
        assert_eq!(name("Windows 10 Pro".into(), Some(19_045)), "Windows 10 Pro");
        assert_eq!(name("Windows 7 Ultimate".into(), Some(7601)), "Windows 7 Ultimate");
    }
}
