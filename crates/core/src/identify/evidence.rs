//! Which of several pieces of evidence says what a product key is for.
//!
//! Input is what was found beside one product key, as plain text and numbers; output is the [`Product`] by the first
//! evidence that answers, completed by the weaker ones where they do not contradict it.
//!
//! Source: `docs/formats.md`, "Which edition and channel": the order of evidence.

use super::pkeyconfig::PkeyConfig;
use super::{ActivationId, Basis, Channel, Edition, Eula, PartNumber, Product, tables};
use crate::{KeyForm, ProductKey};

/// What is known of one finding. Everything may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// What Windows wrote beside the product key (`DigitalProductId4`).
    pub stored: Option<Stored<'a>>,
    /// Group and serial, from the product key, the Product ID or the key index of `DigitalProductId`.
    pub group: Option<GroupSerial>,
    /// A part number (`DigitalProductId`, `OSProductPfn`), with or without wave.
    pub part_number: Option<&'a str>,
    /// A description by the firmware (`[4.0] Professional OEM:DM`) or the license service (`…, RETAIL channel`).
    pub description: Option<&'a str>,
    /// The channel as the license service names it (`ProductKeyChannel`).
    pub channel: Option<&'a str>,
    /// The edition as the license service names it (`LicenseFamily`).
    pub license_family: Option<&'a str>,
    /// `EditionID` of the Windows in which the product key was found.
    pub edition_id: Option<&'a str>,
    /// The license digit: 0 retail, 2 OEM, 3 volume.
    pub license_digit: Option<u8>,
}

/// The texts of a `DigitalProductId4`; empty ones count as missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored<'a> {
    /// `EditionId`.
    pub edition: &'a str,
    /// `ProductKeyType`.
    pub channel: &'a str,
    /// The activation ID as GUID text.
    pub activation_id: &'a str,
    /// The EULA type.
    pub eula: &'a str,
    /// The part number.
    pub part_number: &'a str,
}

/// A group, and a serial where one is known. The two forms number their groups apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSerial {
    /// The form.
    pub form: KeyForm,
    /// The full group ID.
    pub group: u32,
    /// The serial inside the group.
    pub serial: Option<u32>,
}

impl GroupSerial {
    /// What a product key shows of itself; `None` for the older form and for a wrong checksum.
    #[must_use]
    pub fn of_key(key: &ProductKey) -> Option<Self> {
        let fields = key.fields().filter(|_| key.checksum_ok() == Some(true))?;
        Some(Self { form: KeyForm::Pkey2009, group: fields.group, serial: Some(fields.serial) })
    }
}

/// The shipped tables and the pkeyconfig files of a device, which win over them.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    files: Vec<PkeyConfig>,
}

impl Knowledge {
    /// The shipped tables alone.
    #[must_use]
    pub fn shipped() -> Self {
        Self::default()
    }

    /// Adds a file; the earlier ones win over the later ones.
    pub fn add(&mut self, file: PkeyConfig) {
        self.files.push(file);
    }

    /// The product in whose range a serial lies.
    #[must_use]
    pub fn find(&self, form: KeyForm, group: u32, serial: u32) -> Option<Product> {
        let shipped = || match form {
            KeyForm::Pkey2009 => tables::find(group, serial).map(|found| found.product(Basis::ShippedTable)),
            KeyForm::Pkey2005 => None,
        };
        self.files.iter().find_map(|file| file.find(form, group, serial)).or_else(shipped)
    }

    /// The product of one finding, by the strongest evidence that answers; `None` when none does.
    #[must_use]
    pub fn product_for(&self, evidence: &Evidence<'_>) -> Option<Product> {
        let ranged = evidence.group.and_then(|group| self.find(group.form, group.group, group.serial?));
        let example = evidence.group.and_then(|group| match group.serial {
            Some(serial) if group.form == KeyForm::Pkey2009 => {
                let generic = tables::generic(group.group, serial).map(tables::Generic::product);
                generic.or_else(|| tables::observed(group.form, group.group).map(tables::Observed::product))
            }
            _ => tables::observed(group.form, group.group).map(tables::Observed::product),
        });
        let stored = evidence.stored.and_then(|stored| self.stored(&stored));
        let part_number = evidence.part_number.and_then(|part| self.by_part_number(part));
        let answers = [stored, ranged, part_number, described(evidence), by_edition_id(evidence), example];
        answers.into_iter().flatten().reduce(|mut first, weaker| {
            first.complete(weaker);
            first
        })
    }

    /// What was written beside the product key; the activation ID adds what the texts leave out.
    fn stored(&self, stored: &Stored<'_>) -> Option<Product> {
        let activation_id = ActivationId::parse(stored.activation_id);
        let known = activation_id.and_then(|id| {
            let in_file = self.files.iter().find_map(|file| file.by_activation_id(id));
            in_file.or_else(|| tables::by_activation_id(id))
        });
        let mut product = Product::described(Basis::Stored, stored.edition, Channel::parse(stored.channel), "");
        product.activation_id = activation_id;
        product.eula = Eula::parse(stored.eula);
        product.part_number = PartNumber::parse(stored.part_number);
        let answers = product.edition.is_some() || product.channel.is_some() || known.is_some();
        if let Some(known) = known {
            product.complete(known);
        }
        answers.then_some(product)
    }

    fn by_part_number(&self, text: &str) -> Option<Product> {
        let part = PartNumber::parse(text)?;
        let in_file = self.files.iter().find_map(|file| file.by_part_number(&part));
        in_file.or_else(|| tables::by_part_number(&part).map(|found| found.product(Basis::PartNumber)))
    }
}

/// Edition and channel by the words of the license service or the firmware.
fn described(evidence: &Evidence<'_>) -> Option<Product> {
    let text = evidence.description.unwrap_or_default().trim();
    let (edition, channel) = edition_and_channel(text);
    let edition = evidence.license_family.filter(|family| !family.is_empty()).or(edition);
    let channel = evidence.channel.and_then(Channel::parse).or(channel);
    if edition.is_none() && channel.is_none() {
        return None;
    }
    let mut product = Product::described(Basis::Description, edition.unwrap_or_default(), channel, text);
    if product.edition.is_none() {
        "Windows".clone_into(&mut product.name);
    }
    Some(product)
}

/// Reads `[4.0] Professional OEM:DM`, `Win 10 RTM Core Retail (MUI locked to zh-CN)` or `…, RETAIL channel`.
fn edition_and_channel(text: &str) -> (Option<&str>, Option<Channel>) {
    let line = text.split(" (").next().unwrap_or_default();
    let mut words = line.split_whitespace().rev();
    match words.next().and_then(Channel::parse) {
        Some(channel) => (words.next().filter(|word| !word.starts_with('[')), Some(channel)),
        None => (None, Channel::from_description(text)),
    }
}

/// `EditionID` and the license digit. An unnamed edition says nothing.
fn by_edition_id(evidence: &Evidence<'_>) -> Option<Product> {
    let edition = Edition::parse(evidence.edition_id?)?;
    let name = edition.name().to_owned();
    let license_digit = evidence.license_digit;
    let channel = (license_digit == Some(0) && !edition.is_evaluation()).then_some(Channel::Retail);
    Some(Product { edition: Some(edition), name, license_digit, channel, ..Product::unknown(Basis::EditionId) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::LicenseType;

    const PRO: GroupSerial = GroupSerial { form: KeyForm::Pkey2009, group: 3308, serial: Some(0) };

    fn product(evidence: Evidence<'_>) -> Product {
        Knowledge::shipped().product_for(&evidence).unwrap()
    }

    fn answer(evidence: Evidence<'_>) -> (Basis, Option<String>, Option<Channel>) {
        let product = product(evidence);
        (product.basis, product.edition.map(|edition| edition.id().to_owned()), product.channel)
    }

    #[test]
    fn the_order_of_evidence_holds() {
        let stored = Stored { edition: "Core", channel: "OEM:DM", ..Stored::default() };
        let all = Evidence {
            stored: Some(stored),
            group: Some(PRO),
            part_number: Some("[TH]X19-98841"),
            description: Some("[4.0] Education OEM:NONSLP"),
            edition_id: Some("Enterprise"),
            license_digit: Some(3),
            ..Evidence::default()
        };
        let retail = Some(Channel::Retail);
        assert_eq!(answer(all), (Basis::Stored, Some("Core".into()), Some(Channel::OemDm)));
        let rest = Evidence { stored: None, ..all };
        assert_eq!(answer(rest), (Basis::ShippedTable, Some("Professional".into()), retail));
        let rest = Evidence { group: None, ..rest };
        assert_eq!((answer(rest).0, answer(rest).2), (Basis::PartNumber, retail));
        let rest = Evidence { part_number: None, ..rest };
        assert_eq!(answer(rest), (Basis::Description, Some("Education".into()), Some(Channel::OemNonslp)));
        let rest = Evidence { description: None, ..rest };
        assert_eq!(answer(rest), (Basis::EditionId, Some("Enterprise".into()), None));
        assert_eq!(product(rest).license_type(), Some(LicenseType::Volume));
        let rest = Evidence { edition_id: None, group: Some(GroupSerial { group: 2615, serial: None, ..PRO }), ..rest };
        assert_eq!(answer(rest), (Basis::Example, Some("Professional".into()), Some(Channel::VolumeGvlk)));
        assert_eq!(Knowledge::shipped().product_for(&Evidence::default()), None);
    }

    #[test]
    fn weaker_evidence_completes_what_the_stronger_leaves_out() {
        let stored = Stored { edition: "", channel: "Retail", ..Stored::default() };
        let product = product(Evidence { stored: Some(stored), group: Some(PRO), ..Evidence::default() });
        assert_eq!(product.basis, Basis::Stored);
        assert_eq!(product.edition, Edition::parse("Professional"));
        assert_eq!(product.name, "Windows 10/11 Pro");
        assert!(product.activation_id.is_some() && product.part_number.is_some());
    }

    #[test]
    fn weaker_evidence_that_contradicts_adds_nothing() {
        let stored = Stored { edition: "Core", channel: "OEM:DM", ..Stored::default() };
        let product = product(Evidence { stored: Some(stored), group: Some(PRO), ..Evidence::default() });
        assert_eq!((product.name.as_str(), product.activation_id, product.part_number), ("Windows Home", None, None));
    }

    #[test]
    fn an_activation_id_names_the_product_where_the_texts_are_empty() {
        let stored = Stored { activation_id: "4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c", ..Stored::default() };
        let product = product(Evidence { stored: Some(stored), ..Evidence::default() });
        assert_eq!((product.name.as_str(), product.channel), ("Windows 10/11 Pro", Some(Channel::Retail)));
    }

    #[test]
    fn descriptions_of_firmware_and_license_service_are_read() {
        let read = |text| edition_and_channel(text);
        assert_eq!(read("[4.0] Professional OEM:DM"), (Some("Professional"), Some(Channel::OemDm)));
        assert_eq!(read("[4.0] OEM:DM"), (None, Some(Channel::OemDm)));
        assert_eq!(read("Win 10 RTM Core Retail (MUI locked to zh-CN)"), (Some("Core"), Some(Channel::Retail)));
        assert_eq!(read("Windows(R) Operating System, VOLUME_KMSCLIENT channel"), (None, Some(Channel::VolumeGvlk)));
        assert_eq!(read(""), (None, None));
    }

    #[test]
    fn the_license_service_names_edition_and_channel_in_fields_too() {
        let evidence = Evidence {
            description: Some("Windows(R) Operating System, RETAIL channel"),
            channel: Some("OEM:DM"),
            license_family: Some("Core"),
            ..Evidence::default()
        };
        assert_eq!(answer(evidence), (Basis::Description, Some("Core".into()), Some(Channel::OemDm)));
        assert_eq!(product(evidence).name, "Windows Home");
    }

    #[test]
    fn a_windows_7_group_is_only_a_hint() {
        let group = GroupSerial { form: KeyForm::Pkey2005, group: 170, serial: Some(1) };
        let product = product(Evidence { group: Some(group), ..Evidence::default() });
        assert_eq!((product.name.as_str(), product.basis.is_hint()), ("Windows 7 Ultimate", true));
    }

    #[test]
    fn a_mistyped_key_gives_no_group() {
        let key = |text| ProductKey::parse(text).unwrap();
        assert_eq!(GroupSerial::of_key(&key("VK7JG-NPHTM-C97JM-9MPGT-3V66T")), Some(PRO));
        assert_eq!(GroupSerial::of_key(&key("VK7JG-NPHTM-C97JM-9MPGT-3V66W")), None);
    }
}
