//! A platform without a license service.

use super::{Action, Licenses, LicensingError, Way};

pub(super) fn look(_way: Way) -> Result<Licenses, LicensingError> {
    Err(LicensingError::Absent)
}

pub(super) fn installation_id(_way: Way, _product: &str) -> Result<String, LicensingError> {
    Err(LicensingError::Absent)
}

pub(super) fn act(_way: Way, _action: &Action) -> Result<(), LicensingError> {
    Err(LicensingError::Absent)
}
