//! Which license of the vault belongs on this PC.

use keystow_core::device::{self, Comparison, DeviceIdentity};
use keystow_core::identify::Product;
use keystow_core::identify::fit::Answer;
use keystow_core::identify::transfer::{self, Decision, Question, Step};

use super::fit::{self, Target};
use super::items::{Items, Named};
use super::running::{look, this_device};

/// What was found.
pub(crate) struct Found<'i> {
    /// The Windows that runs here.
    pub(crate) windows: Option<String>,
    /// The items that are worth something, those that belong here first.
    pub(crate) items: Vec<Belonging<'i>>,
}

/// One item beside this PC.
pub(crate) struct Belonging<'i> {
    pub(crate) named: &'i Named,
    pub(crate) product: Product,
    pub(crate) comparison: Comparison,
    pub(crate) decision: Decision,
}

/// Compares every item that is not retired with this PC.
pub(crate) fn belonging(items: &Items) -> Found<'_> {
    let (here, target) = (this_device().0, look().ok().map(|(target, _)| target));
    let living = items.items.iter().filter(|named| named.stored.retired.is_none());
    let mut found: Vec<_> = living.map(|named| compare(named, &here, target.as_ref())).collect();
    found.sort_by_key(|found| rank(found.decision.step));
    Found { windows: target.map(|target| target.name), items: found }
}

fn compare<'i>(named: &'i Named, here: &DeviceIdentity, target: Option<&Target>) -> Belonging<'i> {
    let item = &named.stored.item;
    let product = fit::product_of_item(item);
    let comparison = device::compare(&DeviceIdentity::from_map(&item.about.device), here);
    let decision = transfer::decide(&Question {
        channel: product.channel,
        license: product.license_type(),
        has_key: item.product_key.is_some(),
        generic: item.about.generic,
        // Without a Windows to compare with, the edition is to be chosen when it is installed.
        fit: target.map_or(Answer::Same, |target| fit::check(&product, target).answer),
        edition: product.edition.clone(),
        likeness: comparison.likeness,
        stated: None,
        requested: false,
    });
    Belonging { named, product, comparison, decision }
}

fn rank(step: Step) -> u8 {
    match step {
        Step::Apply => 0,
        Step::LeaveToSetup => 1,
        Step::Ask(_) => 2,
        Step::Account => 3,
        Step::Organization => 4,
        Step::Refuse => 5,
    }
}
