//! Giving a product key back to the Windows that runs: compared first, installed, activated, and undone.

use std::collections::BTreeMap;
use std::time::Duration;

use keystow_core::activation::offline::{ConfirmationId, InstallationId};
use keystow_core::device::{self, Comparison, DeviceIdentity};
use keystow_core::identify::Product;
use keystow_core::identify::fit::{Answer, Fit};
use keystow_core::identify::transfer::{self, Decision, Question, Stated};
use keystow_core::{PartialKey, ProductKey};
use keystow_os::files;
use keystow_os::licensing::{self, Action, LicensedProduct, LicensingError, WINDOWS};
use keystow_vault::{Change, Event, Item, Opened, Vault};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::App;
use super::error::{Error, Result, at};
use super::fit;
use super::items::{Items, Named};
use super::running::Running;

/// A sealed note of one product key.
const MOST_BEFORE: u64 = 64 * 1024;
const SCHEMA: &str = "keystow.before/1";
/// The kind of the event in the vault.
const INSTALLED: &str = "installed";
/// The member of an item that keeps confirmation IDs by installation ID.
const CONFIRMATIONS: &str = "confirmation_ids";

/// What speaks for and against giving this product key to this Windows.
pub(crate) struct Plan {
    pub(crate) fit: Fit,
    pub(crate) comparison: Comparison,
    pub(crate) decision: Decision,
    pub(crate) product: Product,
}

/// What was there before a product key was installed. It lies sealed on this PC.
#[derive(Default, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Before {
    schema: String,
    /// The product key that Windows held; none where nobody can read it.
    product_key: Option<String>,
    /// Its last five symbols, where the license service showed them.
    partial_key: Option<String>,
    /// Whether Windows was activated.
    licensed: bool,
    /// The item that was installed.
    item: String,
}

/// What of the product key that is there now could be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// There is none.
    Nothing,
    /// Nobody can read it whole.
    Unreadable,
    /// All of it.
    Whole,
}

/// What came of undoing.
pub(crate) struct Undone {
    /// The product key that is there again; `None` when the installed one was only taken away.
    pub(crate) back: Option<PartialKey>,
    /// How activating it anew came out, when Windows was activated before.
    pub(crate) activated: Option<std::result::Result<(), LicensingError>>,
}

impl Plan {
    /// Weighs an item against the Windows that runs.
    pub(crate) fn new(item: &Item, running: &Running, stated: Option<Stated>) -> Self {
        let product = fit::product_of_item(item);
        let fitting = fit::check(&product, &running.target);
        let comparison = device::compare(&DeviceIdentity::from_map(&item.about.device), &running.device);
        let decision = transfer::decide(&Question {
            channel: product.channel,
            license: product.license_type(),
            has_key: item.product_key.is_some(),
            generic: item.about.generic,
            fit: fitting.answer,
            edition: product.edition.clone(),
            likeness: comparison.likeness,
            stated,
            requested: true,
        });
        Self { fit: fitting, comparison, decision, product }
    }

    /// Whether Windows becomes another edition by it.
    pub(crate) fn changes_edition(&self) -> bool {
        matches!(self.fit.answer, Answer::UpgradesInPlace | Answer::DowngradesInPlace)
    }
}

impl App {
    /// Notes what is there now, sealed, so that it can be put back. It comes before anything is changed. Says whether
    /// that can be put back.
    pub(crate) fn remember(&self, running: &Running, new: &Named, items: &Items, vault: &Vault) -> Result<Noted> {
        let (held, path) = (running.installed(), self.paths.before());
        let key = present(running, items);
        // The second half of a restore, such as with the confirmation ID: what was there before the first half counts.
        if key.is_some() && key == new.stored.item.product_key && path.exists() {
            return Ok(Noted::Whole);
        }
        let key = key.map(|key| key.reveal().as_str().to_owned());
        let noted = match (&key, held.and_then(|held| held.partial()).or_else(|| service_key(running))) {
            (Some(_), _) => Noted::Whole,
            (None, Some(_)) => Noted::Unreadable,
            (None, None) => Noted::Nothing,
        };
        let before = Before {
            schema: SCHEMA.to_owned(),
            product_key: key,
            partial_key: held.and_then(|held| held.partial()).map(|partial| partial.to_string()),
            licensed: running.activation.as_ref().is_some_and(|activation| activation.status.is_licensed()),
            item: new.stored.id.as_str().to_owned(),
        };
        let plain = Zeroizing::new(serde_json::to_vec(&before).unwrap_or_default());
        let sealed = vault.seal_aside(&plain).map_err(Error::Aside)?;
        files::create_dir(self.paths.data()).map_err(at(&path))?;
        files::replace(&path, &sealed).map_err(at(&path))?;
        Ok(noted)
    }

    /// Writes down in the vault that an item was installed, where this PC has the vault.
    pub(crate) fn note_installed(&self, named: &Named, status: &str, vault: Vault) -> Result<()> {
        if self.device().is_none() {
            return Ok(());
        }
        let _lock = self.begin()?;
        let details = BTreeMap::from([("status".to_owned(), status.to_owned())]);
        let event = Event { kind: INSTALLED.to_owned(), item: Some(named.stored.id.clone()), details };
        self.change(vault, vec![Change::Event(event)], None).map(drop)
    }

    /// The confirmation ID that was kept for this installation ID: the hardware and the product key are unchanged.
    pub(crate) fn kept_confirmation(&self, item: &Item, installation: &InstallationId) -> Option<ConfirmationId> {
        let kept = item.about.more.get(CONFIRMATIONS)?.as_object()?;
        ConfirmationId::parse(kept.get(installation.text())?.as_str()?).ok()
    }

    /// Keeps a confirmation ID with its item.
    pub(crate) fn keep_confirmation(
        &self,
        named: &Named,
        installation: &InstallationId,
        confirmation: &ConfirmationId,
    ) -> Result<()> {
        let _lock = self.begin()?;
        let vault = self.open_vault()?;
        let mut item = named.stored.item.clone();
        let kept = item.about.more.entry(CONFIRMATIONS.to_owned()).or_insert_with(|| json!({}));
        if let Some(kept) = kept.as_object_mut() {
            kept.insert(installation.text().to_owned(), json!(confirmation.text()));
        }
        self.change(vault, vec![Change::Revise(named.stored.id.clone(), item)], None).map(drop)
    }

    /// Puts back what was there before the last product key that Keystow installed. The note of it stays until all of
    /// it is done, so that the same command can be run again.
    pub(crate) fn undo(
        &self,
        opened: &Opened,
        running: &Running,
        limit: Duration,
    ) -> Result<std::result::Result<Undone, LicensingError>> {
        let path = self.paths.before();
        let sealed = match files::read(&path, MOST_BEFORE) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Error::NothingToUndo),
            sealed => sealed.map_err(at(&path))?,
        };
        let plain = opened.open_aside(&sealed).map_err(Error::Aside)?;
        let before: Before = serde_json::from_slice(&plain).map_err(|_| Error::NothingToUndo)?;
        let key = before.product_key.as_deref().and_then(|text| ProductKey::parse(text).ok());
        // A changed edition does not change back by a product key.
        if let Some(key) = &key {
            let product = fit::product_of_key(key);
            let fitting = fit::check(&product, &running.target);
            if fitting.answer.fits() == Some(false) {
                return Err(Error::NoWayBack { product: product.name, windows: running.target.name.clone() });
            }
        }
        let done = match &key {
            Some(key) => put_back(key, before.licensed, limit),
            None => take_away(limit),
        };
        if matches!(&done, Ok(Undone { activated: None | Some(Ok(())), .. })) {
            files::remove(&path).map_err(at(&path))?;
        }
        Ok(done)
    }
}

/// The product key that Windows has now: the license service knows which one, the registry or the vault has it whole.
fn present(running: &Running, items: &Items) -> Option<ProductKey> {
    let stored = running.installed().and_then(|held| held.full());
    match service_key(running) {
        None => stored.cloned(),
        Some(partial) => {
            let kept = items.items.iter().filter_map(|named| named.stored.item.product_key.as_ref());
            stored.into_iter().chain(kept).find(|key| key.partial() == partial).cloned()
        }
    }
}

/// The last five symbols that the license service shows.
fn service_key(running: &Running) -> Option<PartialKey> {
    running.activation.as_ref()?.partial_key
}

fn put_back(key: &ProductKey, licensed: bool, limit: Duration) -> std::result::Result<Undone, LicensingError> {
    let product = install(key, limit)?;
    let activated = licensed.then(|| activate(&product, limit).map(drop));
    Ok(Undone { back: Some(key.partial()), activated })
}

fn take_away(limit: Duration) -> std::result::Result<Undone, LicensingError> {
    if let Some(product) = in_use(None)? {
        licensing::act(Action::Uninstall(product.id), limit)?;
    }
    licensing::act(Action::ClearFromRegistry, limit)?;
    Ok(Undone { back: None, activated: None })
}

/// Installs a product key and gives the product that has it then.
pub(crate) fn install(key: &ProductKey, limit: Duration) -> std::result::Result<LicensedProduct, LicensingError> {
    licensing::act(Action::Install(Zeroizing::new(key.reveal().as_str().to_owned())), limit)?;
    // Windows knows the product key now; a failing refresh changes nothing about that.
    let _ = licensing::act(Action::Refresh, limit);
    let product = in_use(Some(key.partial()))?;
    product.ok_or(LicensingError::Refused { call: "InstallProductKey", hresult: NOT_SHOWN })
}

/// `SL_E_PKEY_NOT_INSTALLED`: the service took the product key and shows it nowhere.
const NOT_SHOWN: u32 = 0xC004_F014;

/// Asks Microsoft's server to activate, and gives how the product stands then.
pub(crate) fn activate(
    product: &LicensedProduct,
    limit: Duration,
) -> std::result::Result<LicensedProduct, LicensingError> {
    licensing::act(Action::Activate(product.id.clone()), limit)?;
    let _ = licensing::act(Action::Refresh, limit);
    again(product)
}

/// The installation ID that Microsoft's telephone service asks for.
pub(crate) fn installation_id(product: &LicensedProduct) -> std::result::Result<InstallationId, LicensingError> {
    let text = licensing::installation_id(&product.id)?;
    InstallationId::parse(&text)
        .map_err(|_| LicensingError::Refused { call: "OfflineInstallationId", hresult: NOT_SHOWN })
}

/// Gives Windows the confirmation ID, and says how the product stands then.
pub(crate) fn confirm(
    product: &LicensedProduct,
    installation: &InstallationId,
    confirmation: &ConfirmationId,
    limit: Duration,
) -> std::result::Result<LicensedProduct, LicensingError> {
    let action = Action::Deposit {
        product: product.id.clone(),
        installation_id: installation.text().to_owned(),
        confirmation_id: confirmation.text().to_owned(),
    };
    licensing::act(action, limit)?;
    let _ = licensing::act(Action::Refresh, limit);
    again(product)
}

fn again(product: &LicensedProduct) -> std::result::Result<LicensedProduct, LicensingError> {
    let products = licensing::look()?.products;
    Ok(products.into_iter().find(|now| now.id == product.id).unwrap_or_else(|| product.clone()))
}

/// The Windows product that has a product key, or this one.
fn in_use(key: Option<PartialKey>) -> std::result::Result<Option<LicensedProduct>, LicensingError> {
    let products = licensing::look()?.products;
    let mut windows = products.into_iter().filter(|product| product.application == WINDOWS && !product.addon);
    Ok(windows.find(|product| key.is_none_or(|key| product.partial_key.eq_ignore_ascii_case(key.as_str()))))
}
