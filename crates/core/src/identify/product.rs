//! What a product key unlocks, and the small types it is made of.
//!
//! Sources: pkeyconfig files (activation ID, part number, EULA type); `docs/formats.md`.

use std::fmt;

use super::generation::release_of;
use super::{Channel, Edition, Generation};

/// What a product key unlocks, as far as the evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The edition.
    pub edition: Option<Edition>,
    /// A second edition that comes with the first (`EditionId` lists such as `ServerDatacenter;AzureStackHCIAddOn2025`).
    pub add_on: Option<Edition>,
    /// The channel.
    pub channel: Option<Channel>,
    /// Plain words, such as `Windows 10/11 Pro`; never empty.
    pub name: String,
    /// The family of releases.
    pub generation: Option<Generation>,
    /// The activation ID.
    pub activation_id: Option<ActivationId>,
    /// The part number.
    pub part_number: Option<PartNumber>,
    /// The EULA type, which also marks upgrade-only product keys.
    pub eula: Option<Eula>,
    /// The only display language it allows, such as `zh-CN`.
    pub locked_language: Option<String>,
    /// The license digit stored beside the product key, where one was; see [`license_type`](Self::license_type).
    pub license_digit: Option<u8>,
    /// Which evidence answered.
    pub basis: Basis,
}

/// How a license was sold, as the license digit tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LicenseType {
    /// With a PC.
    Oem,
    /// By itself.
    Retail,
    /// Under an organization's agreement.
    Volume,
}

/// Which evidence says what a product key is for, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Basis {
    /// Windows wrote edition and channel beside the product key (`DigitalProductId4`).
    Stored,
    /// Group and serial lie in a range of a pkeyconfig file of the device.
    PkeyconfigFile,
    /// Group and serial lie in a range of the shipped table.
    ShippedTable,
    /// The part number alone.
    PartNumber,
    /// A description by the license service or the firmware.
    Description,
    /// `EditionID` and the license digit.
    EditionId,
    /// The group is known by example only: a hint, no proof.
    Example,
}

impl Basis {
    /// The word in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::PkeyconfigFile => "pkeyconfig-file",
            Self::ShippedTable => "shipped-table",
            Self::PartNumber => "part-number",
            Self::Description => "description",
            Self::EditionId => "edition-id",
            Self::Example => "example",
        }
    }

    /// Whether it is only a hint.
    #[must_use]
    pub fn is_hint(self) -> bool {
        self == Self::Example
    }
}

impl Product {
    /// A product of which nothing but its basis is known yet.
    #[must_use]
    pub fn unknown(basis: Basis) -> Self {
        Self {
            edition: None,
            add_on: None,
            channel: None,
            name: "Windows".to_owned(),
            generation: None,
            activation_id: None,
            part_number: None,
            eula: None,
            locked_language: None,
            license_digit: None,
            basis,
        }
    }

    /// A product as pkeyconfig files describe it: `editions` may be a list, `description` begins with the release.
    pub(super) fn described(basis: Basis, editions: &str, channel: Option<Channel>, description: &str) -> Self {
        let mut editions = editions.split(';').filter_map(Edition::parse);
        let (edition, add_on) = (editions.next(), editions.next());
        let name = match &edition {
            Some(edition) => name_of(edition, description),
            None if description.is_empty() => "Windows".to_owned(),
            None => description.to_owned(),
        };
        // Client editions exist in server files too (`ServerRdsh`), so the release decides, not the edition.
        let generation = release_of(description).map(|release| release.generation);
        let locked = description.split_once("MUI locked to ").and_then(|(_, rest)| rest.split(')').next());
        let locked_language = locked.map(str::to_owned);
        Self { edition, add_on, channel, name, generation, locked_language, ..Self::unknown(basis) }
    }

    /// Takes over from `other` what is not known yet, unless it contradicts; the basis stays.
    pub(super) fn complete(&mut self, other: Self) {
        let same_edition = self.edition.is_none() || self.edition == other.edition;
        let same_channel = self.channel.is_none() || self.channel == other.channel;
        if !(same_edition && same_channel) {
            return;
        }
        // A name without a release, such as `Windows Pro`, gives way to one with it.
        if self.generation.is_none() && (other.generation.is_some() || self.edition.is_none()) {
            self.name = other.name;
        }
        self.edition = self.edition.take().or(other.edition);
        self.add_on = self.add_on.take().or(other.add_on);
        self.channel = self.channel.or(other.channel);
        self.generation = self.generation.or(other.generation);
        self.activation_id = self.activation_id.or(other.activation_id);
        self.part_number = self.part_number.take().or(other.part_number);
        self.eula = self.eula.take().or(other.eula);
        self.locked_language = self.locked_language.take().or(other.locked_language);
        self.license_digit = self.license_digit.or(other.license_digit);
    }

    /// How it was sold: by its channel, else by the license digit (0 retail, 2 OEM, 3 volume). `None` for channels
    /// that are none of the three, such as virtual machines.
    #[must_use]
    pub fn license_type(&self) -> Option<LicenseType> {
        match (self.channel, self.license_digit) {
            (Some(channel), _) if channel.is_oem() => Some(LicenseType::Oem),
            (Some(channel), _) if channel.is_volume() => Some(LicenseType::Volume),
            (Some(Channel::Retail | Channel::RetailEval), _) | (None, Some(0)) => Some(LicenseType::Retail),
            (None, Some(2)) => Some(LicenseType::Oem),
            (None, Some(3)) => Some(LicenseType::Volume),
            _ => None,
        }
    }

    /// Whether it is a Windows before 10, as far as is known.
    #[must_use]
    pub fn is_old_windows(&self) -> bool {
        matches!(self.generation, Some(Generation::Windows7 | Generation::Windows8))
    }

    /// The SKU numbers from which this product key upgrades; empty when it stands alone.
    #[must_use]
    pub fn upgrades_from(&self) -> Vec<u16> {
        self.eula.as_ref().map(Eula::upgrades_from).unwrap_or_default()
    }

    /// Whether it only upgrades an edition that is already there.
    #[must_use]
    pub fn is_upgrade_only(&self) -> bool {
        self.eula.as_ref().is_some_and(Eula::is_upgrade_only)
    }
}

/// Release and edition in plain words: `Windows ` and `Windows Server ` give way to the release.
pub(super) fn name_of(edition: &Edition, description: &str) -> String {
    let release = release_of(description).map_or("", |release| release.name);
    let server = edition.name().strip_prefix("Windows Server ");
    match server.or_else(|| edition.name().strip_prefix("Windows ")) {
        Some(rest) if !release.is_empty() && release.starts_with("Windows Server") == server.is_some() => {
            format!("{release} {rest}")
        }
        None if !release.is_empty() && edition.is_known() => format!("{} ({release})", edition.name()),
        _ => edition.name().to_owned(),
    }
}

/// The GUID that names a product (`ActConfigId`, `ID` of `SoftwareLicensingProduct`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActivationId(u128);

impl ActivationId {
    /// Takes the 32 hexadecimal digits as one number, in the order of the text.
    #[must_use]
    pub fn from_raw(raw: u128) -> Self {
        Self(raw)
    }

    /// Reads GUID text, with or without braces.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('{').map_or(Some(text), |inner| inner.strip_suffix('}'))?;
        let groups = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        let digits: String = text.split('-').collect();
        let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        (groups && hex).then(|| u128::from_str_radix(&digits, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b, c, d) = (self.0 >> 96, self.0 >> 80 & 0xFFFF, self.0 >> 64 & 0xFFFF, self.0 >> 48 & 0xFFFF);
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{:012x}", self.0 & 0xFFFF_FFFF_FFFF)
    }
}

impl fmt::Debug for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActivationId({self})")
    }
}

/// A part number, such as `[TH]X19-98841`: a release wave in brackets, a number, `:Virtual` for virtual machines.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartNumber(String);

impl PartNumber {
    /// Takes the text as it stands; `None` when it is empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text with wave and suffix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number without wave and suffix, such as `X19-98841`, which names the product.
    #[must_use]
    pub fn number(&self) -> &str {
        let rest =
            self.0.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(self.as_str(), |(_, rest)| rest);
        rest.strip_suffix(":Virtual").unwrap_or(rest)
    }
}

impl fmt::Display for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartNumber({self})")
    }
}

/// A EULA type, such as `OEM` or `Retail:WAU:101;99;100;`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Eula(String);

impl Eula {
    /// Takes the text as it stands; `None` when it is empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it marks an upgrade-only product key.
    #[must_use]
    pub fn is_upgrade_only(&self) -> bool {
        self.0.contains(":WAU:")
    }

    /// The SKU numbers from which it upgrades, in the order of the text.
    #[must_use]
    pub fn upgrades_from(&self) -> Vec<u16> {
        let list = self.0.split_once(":WAU:").map_or("", |(_, list)| list);
        list.split(';').filter_map(|sku| sku.trim().parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_activation_id_is_guid_text_with_or_without_braces() {
        let text = "4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c";
        let id = ActivationId::parse(text).unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(ActivationId::parse(&format!("{{{}}}", text.to_uppercase())), Some(id));
        for wrong in ["", "{", "4de7cb65", "4de7cb65cdf14de98ae8e3cce27b9f2c", "{4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c"]
        {
            assert_eq!(ActivationId::parse(wrong), None, "{wrong}");
        }
        assert_eq!(ActivationId::parse("+de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c"), None);
    }

    #[test]
    fn wave_and_suffix_do_not_belong_to_the_number() {
        let number = |text: &str| PartNumber::parse(text).unwrap().number().to_owned();
        assert_eq!(number("[TH]X19-98841"), "X19-98841");
        assert_eq!(number("[RS5]res-v4301:Virtual"), "res-v4301");
        assert_eq!(number("C83-00001"), "C83-00001");
        assert_eq!(number("[broken"), "[broken");
    }

    #[test]
    fn upgrade_only_product_keys_say_from_what() {
        let eula = Eula::parse("Retail:WAU:101;99;100;").unwrap();
        assert!(eula.is_upgrade_only());
        assert_eq!(eula.upgrades_from(), [101, 99, 100]);
        assert!(!Eula::parse("Retail").unwrap().is_upgrade_only());
        assert!(Eula::parse("Retail").unwrap().upgrades_from().is_empty());
    }

    #[test]
    fn names_join_release_and_edition() {
        let name = |edition: &str, description: &str| name_of(&Edition::parse(edition).unwrap(), description);
        assert_eq!(name("Professional", "Win 10 RTM Professional Retail"), "Windows 10/11 Pro");
        assert_eq!(name("ServerStandard", "Windows Server 2025 RTM"), "Windows Server 2025 Standard");
        assert_eq!(name("ServerRdsh", "Windows Server 2019 RTM"), "Windows Enterprise multi-session");
        assert_eq!(
            name("AzureStackHCIAddOn", "Windows Server 2019 RTM"),
            "Azure Stack HCI add-on (Windows Server 2019)"
        );
        assert_eq!(name("Core", ""), "Windows Home");
        assert_eq!(name("Moon", "Win 10 RTM"), "Moon");
    }

    proptest! {
        #[test]
        fn every_activation_id_survives_its_text(raw: u128) {
            let id = ActivationId::from_raw(raw);
            prop_assert_eq!(ActivationId::parse(&id.to_string()), Some(id));
        }
    }
}
