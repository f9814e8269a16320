//! The two ways to the license service.

mod native;
mod wmi;

use super::{Action, Licenses, LicensingError, Way};

pub(super) fn look(way: Way) -> Result<Licenses, LicensingError> {
    match way {
        Way::Native => native::look(),
        Way::Wmi => wmi::look(),
    }
}

pub(super) fn installation_id(way: Way, product: &str) -> Result<String, LicensingError> {
    match way {
        Way::Native => native::installation_id(product),
        Way::Wmi => wmi::installation_id(product),
    }
}

pub(super) fn act(way: Way, action: &Action) -> Result<(), LicensingError> {
    match way {
        Way::Native => native::act(action),
        Way::Wmi => wmi::act(action),
    }
}
