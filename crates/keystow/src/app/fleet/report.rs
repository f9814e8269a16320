//! What a machine reports: who it is, which Windows it runs, and its product keys. Versioned JSON, sealed to the
//! organization before it leaves the machine; members that a newer version wrote are ignored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keystow_core::identify::LicenseType;
use keystow_core::{PartialKey, ProductKey};
use keystow_find::{Finding, PlaceKind, Scan};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The format that this program writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;

/// A report.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    pub(super) format: u32,
    /// When it was made, by the clock of the machine.
    pub(crate) time: Timestamp,
    /// What the machine is called.
    pub(crate) name: String,
    /// What tells the machine from others, as marks that cannot be read back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) device: BTreeMap<String, String>,
    /// The Windows on it; the one that runs first.
    pub(crate) windows: Vec<Windows>,
    pub(crate) findings: Vec<Found>,
    /// Places that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<String>,
    /// When somebody confirmed there that the license is linked to a Microsoft account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) linked: Option<Timestamp>,
}

/// A Windows.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Windows {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) edition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) build: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<String>,
    /// How its license stands, where the license service was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    /// Whether an upgrade replaced it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replaced: bool,
}

/// A product key, or what is known of it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Found {
    #[serde(skip_serializing_if = "Option::is_none", with = "key_text")]
    pub(crate) product_key: Option<ProductKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partial_key: Option<String>,
    pub(crate) product: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) edition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<String>,
    /// `retail`, `oem` or `volume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) license: Option<String>,
    pub(crate) verdict: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) generic: bool,
    /// Whether it is the one to keep.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) keep: bool,
    /// Whether it is for the Windows of the machine, as installed or from the firmware.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) windows: bool,
    /// Whether it is the one that this Windows runs with.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) installed: bool,
}

impl Report {
    /// What a scan of a machine says.
    pub(crate) fn of(scan: &Scan, name: String, time: Timestamp) -> Self {
        let windows = scan.installations.iter().map(|windows| Windows {
            name: windows.name.clone(),
            edition: windows.edition.as_ref().map(|edition| edition.id().to_owned()),
            build: windows.build,
            release: windows.release.clone(),
            status: windows.activation.as_ref().map(|activation| activation.status.as_str().to_owned()),
            replaced: windows.replaced.is_some(),
        });
        let mut windows: Vec<_> = windows.collect();
        windows.sort_by_key(|windows| windows.replaced);
        Self {
            format: FORMAT,
            time,
            name,
            windows,
            findings: scan.findings.iter().map(|finding| Found::of(finding, scan)).collect(),
            problems: scan.problems.iter().map(|problem| format!("{}: {}", problem.place, problem.message)).collect(),
            ..Self::default()
        }
    }

    /// As JSON.
    pub(crate) fn to_json(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        let mut text = Zeroizing::new(Vec::with_capacity(64 * 1024));
        serde_json::to_writer(&mut *text, self)?;
        Ok(text)
    }

    /// Reads what a machine wrote. `None` when it is no report, or one of a newer format.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|report: &Self| report.format == FORMAT)
    }

    /// The Windows that runs.
    pub(crate) fn running(&self) -> Option<&Windows> {
        self.windows.first()
    }
}

impl Found {
    fn of(finding: &Finding, scan: &Scan) -> Self {
        let product = &finding.product;
        let windows = matches!(finding.place, PlaceKind::Installed | PlaceKind::Firmware | PlaceKind::BackupDefault);
        Self {
            product_key: finding.held.full().cloned(),
            partial_key: finding.held.partial().map(|partial| partial.to_string()),
            product: product.name.clone(),
            edition: product.edition.as_ref().map(|edition| edition.id().to_owned()),
            channel: product.channel.map(|channel| channel.as_str().to_owned()),
            license: product.license_type().map(license).map(str::to_owned),
            verdict: finding.verdict.kind.as_str().to_owned(),
            generic: finding.generic.is_some(),
            keep: scan.keep.contains(&finding.id),
            windows: windows && !product.is_old_windows(),
            installed: finding.place == PlaceKind::Installed,
        }
    }

    /// How the license was sold.
    pub(crate) fn license_type(&self) -> Option<LicenseType> {
        let all = [LicenseType::Oem, LicenseType::Retail, LicenseType::Volume];
        all.into_iter().find(|kind| Some(license(*kind)) == self.license.as_deref())
    }

    /// The last five symbols.
    pub(crate) fn last_five(&self) -> Option<PartialKey> {
        self.product_key.as_ref().map(ProductKey::partial).or_else(|| PartialKey::parse(self.partial_key.as_deref()?))
    }
}

/// How a license was sold, as a report names it.
fn license(kind: LicenseType) -> &'static str {
    match kind {
        LicenseType::Oem => "oem",
        LicenseType::Volume => "volume",
        _ => "retail",
    }
}

/// A product key inside a sealed report, as its 29 characters.
mod key_text {
    use keystow_core::ProductKey;
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(key: &Option<ProductKey>, to: S) -> Result<S::Ok, S::Error> {
        match key {
            Some(key) => to.serialize_str(key.reveal().as_str()),
            None => to.serialize_none(),
        }
    }

    /// What is no product key is left out: a machine that is broken must not hide the rest of its report.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ProductKey>, D::Error> {
        let text = Option::<String>::deserialize(from)?.map(Zeroizing::new);
        Ok(text.and_then(|text| ProductKey::parse(&text).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_the_round_trip_and_what_is_newer_is_refused() {
        let found = Found {
            product_key: ProductKey::parse("W269N-WFGWX-YVC9B-4J6C9-T83GX").ok(),
            product: "Windows 10/11 Pro".to_owned(),
            keep: true,
            ..Found::default()
        };
        let time = Timestamp::from_second(1_700_000_000).unwrap();
        let report = Report { format: FORMAT, name: "PC".to_owned(), time, findings: vec![found], ..Report::default() };
        let text = String::from_utf8(report.to_json().unwrap().to_vec()).unwrap();
        let read = Report::parse(&text).unwrap();
        assert_eq!((read.name.as_str(), read.time), ("PC", time));
        assert_eq!(read.findings[0].product_key, report.findings[0].product_key);
        assert!(Report::parse(&text.replace("\"format\":1", "\"format\":2")).is_none());
        let broken = Report::parse(&text.replace("W269N", "W269!")).unwrap();
        assert!(broken.findings[0].product_key.is_none() && broken.findings[0].keep);
    }
}
