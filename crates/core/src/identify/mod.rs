//! From a finding to the product it unlocks, and the verdict.
//!
//! Input is what a product key shows of itself and what was stored beside it; output is a [`Product`] with the
//! evidence that answered. Nothing here looks for product keys, and a product is no proof that a product key is
//! genuine.
//!
//! Source: `docs/formats.md`, "Which edition and channel".

pub mod fit;
pub mod pkeyconfig;
pub mod tables;
pub mod transfer;
pub mod verdict;

mod channel;
mod edition;
mod evidence;
mod generation;
mod product;
mod status;

pub use channel::Channel;
pub use edition::Edition;
pub use evidence::{Evidence, GroupSerial, Knowledge, Stored};
pub use generation::Generation;
pub use product::{ActivationId, Basis, Eula, LicenseType, PartNumber, Product};
pub use status::LicenseStatus;
pub use tables::{Found, Generic, GenericKind, Observed};

use crate::{KeyForm, ProductKey};

/// What a product key says by itself, from the shipped tables alone. It is small and made without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The form.
    pub form: KeyForm,
    /// Whether it was typed correctly; `None` for the older form, which has no checksum that can be seen.
    pub checksum_ok: Option<bool>,
    /// Its span in the shipped table.
    pub found: Option<Found>,
    /// Set when it is shared, and so nobody's own.
    pub generic: Option<Generic>,
    /// What examples say about its group.
    pub observed: Option<Observed>,
}

/// Says what a product key is by itself. With a wrong checksum its group and serial mean nothing, so nothing is looked
/// up.
#[inline]
#[must_use]
pub fn identify(key: &ProductKey) -> Identified {
    let (form, checksum_ok) = (key.form(), key.checksum_ok());
    let (found, generic, observed) = match key.fields() {
        Some(fields) if checksum_ok == Some(true) => tables::look_up(fields.group, fields.serial),
        _ => (None, None, None),
    };
    Identified { form, checksum_ok, found, generic, observed }
}

impl Identified {
    /// The product, by the table, else by the shared product key, else by example.
    #[must_use]
    pub fn product(&self) -> Option<Product> {
        let found = self.found.map(|found| found.product(Basis::ShippedTable));
        found.or_else(|| self.generic.map(Generic::product)).or_else(|| self.observed.map(Observed::product))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ProductKey {
        ProductKey::parse(text).unwrap()
    }

    #[test]
    fn a_published_key_is_identified_and_known_to_be_shared() {
        let identified = identify(&key("W269N-WFGWX-YVC9B-4J6C9-T83GX"));
        assert_eq!((identified.form, identified.checksum_ok), (KeyForm::Pkey2009, Some(true)));
        assert_eq!(identified.found.map(Found::channel), Some(Channel::VolumeGvlk));
        assert_eq!(identified.generic.map(Generic::kind), Some(GenericKind::KmsClient));
        assert_eq!(identified.product().unwrap().name, "Windows 10/11 Pro");
    }

    #[test]
    fn an_office_key_is_known_by_example() {
        let product = identify(&key("XQNVK-8JYDB-WJ9W3-YJ8YR-WFG99")).product().unwrap();
        assert_eq!((product.name.as_str(), product.basis), ("Office Professional Plus 2016", Basis::Example));
        assert_eq!(product.generation, Some(Generation::Office));
    }

    #[test]
    fn a_mistyped_key_is_not_looked_up() {
        let identified = identify(&key("W269N-WFGWX-YVC9B-4J6C9-T83GY"));
        assert_eq!(identified.checksum_ok, Some(false));
        assert_eq!(identified.product(), None);
    }

    #[test]
    fn the_older_form_shows_nothing() {
        let identified = identify(&key("FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4"));
        assert_eq!((identified.form, identified.checksum_ok), (KeyForm::Pkey2005, None));
        assert_eq!(identified.product(), None);
    }
}
