//! What one license leaves behind: values in the registry, and a row of the license service.

use crate::digital_product_id::{V3, V4};
use crate::hive::{Node, REG_BINARY};
use crate::key::pack;

/// `ApplicationID` of Windows.
pub const WINDOWS: &str = "55c92734-d682-4d71-983e-d6ec3f16059f";
/// `ApplicationID` of Office 2013 and later.
pub const OFFICE: &str = "0ff1ce15-a989-479d-af46-f275c6370663";

/// The license service's word for a product that is licensed.
pub const LICENSED: u32 = 1;
/// The license service's word for a product that only reminds its owner to activate it.
pub const NOTIFICATION: u32 = 5;

/// `SL_I_STORE_BASED_ACTIVATION`: a digital license.
const DIGITAL_LICENSE: u32 = 0x4004_F401;

/// A row of `SoftwareLicensingProduct`. A text is empty where the service gives none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductRow {
    /// `ID`: the activation ID, lower case, no braces.
    pub id: String,
    /// `ApplicationID`: [`WINDOWS`] or [`OFFICE`].
    pub application_id: String,
    /// `Name`.
    pub name: String,
    /// `Description`.
    pub description: String,
    /// `PartialProductKey`: the last five symbols.
    pub partial_product_key: String,
    /// `ProductKeyChannel`; none before Windows 8.
    pub product_key_channel: String,
    /// `ProductKeyID`: the extended Product ID.
    pub product_key_id: String,
    /// `ProductKeyID2`: the Product ID; none before Windows 8.
    pub product_key_id2: String,
    /// `LicenseFamily`.
    pub license_family: String,
    /// `LicenseStatus`, 0 to 6.
    pub license_status: u32,
    /// `LicenseStatusReason`: an HRESULT.
    pub license_status_reason: u32,
    /// `GracePeriodRemaining`, in minutes.
    pub grace_period_remaining: u32,
}

/// A license of Windows with its product key.
#[derive(Clone, Copy)]
pub(super) struct License {
    pub(super) product_key: &'static str,
    pub(super) product_id: &'static str,
    pub(super) extended_pid: &'static str,
    /// The group ID, which [`pack`] puts where it cannot be seen in older product keys.
    pub(super) group: u32,
    pub(super) part_number: &'static str,
    pub(super) activation_id: &'static str,
    pub(super) edition: &'static str,
    pub(super) channel: &'static str,
    pub(super) eula: &'static str,
    /// 0 retail, 2 OEM, 3 volume.
    pub(super) digit: u32,
}

impl ProductRow {
    /// The texts, by the names of WMI.
    #[must_use]
    pub fn texts(&self) -> [(&'static str, &str); 9] {
        [
            ("ID", &self.id),
            ("ApplicationID", &self.application_id),
            ("Name", &self.name),
            ("Description", &self.description),
            ("PartialProductKey", &self.partial_product_key),
            ("ProductKeyChannel", &self.product_key_channel),
            ("ProductKeyID", &self.product_key_id),
            ("ProductKeyID2", &self.product_key_id2),
            ("LicenseFamily", &self.license_family),
        ]
    }

    /// The numbers, by the names of WMI.
    #[must_use]
    pub fn numbers(&self) -> [(&'static str, u32); 3] {
        [
            ("LicenseStatus", self.license_status),
            ("LicenseStatusReason", self.license_status_reason),
            ("GracePeriodRemaining", self.grace_period_remaining),
        ]
    }

    /// Office 2019 Home & Business from the network, of which only the last five symbols are kept anywhere.
    pub(super) fn office_2019() -> Self {
        Self {
            id: "7fe09eef-5eed-4733-9a60-d7019df11cac".to_owned(),
            application_id: OFFICE.to_owned(),
            name: "Office 19, Office19HomeBusiness2019R_Retail edition".to_owned(),
            description: "Office 19, RETAIL channel".to_owned(),
            partial_product_key: "YDX76".to_owned(),
            product_key_channel: "Retail".to_owned(),
            product_key_id: String::new(),
            product_key_id2: String::new(),
            license_family: "Office19HomeBusiness2019R_Retail".to_owned(),
            license_status: LICENSED,
            license_status_reason: 0,
            grace_period_remaining: 0,
        }
    }
}

impl License {
    /// Writes Product ID, `DigitalProductId` and `DigitalProductId4`, as they are found beside each other.
    pub(super) fn write(&self, node: &mut Node, time: u32) {
        node.text("ProductId", self.product_id).value("DigitalProductId", REG_BINARY, self.v3(time)).value(
            "DigitalProductId4",
            REG_BINARY,
            self.v4(),
        );
    }

    /// What the service of Windows 8 and later says of it: licensed, by a digital license.
    pub(super) fn row(&self) -> ProductRow {
        ProductRow {
            id: self.activation_id.to_owned(),
            application_id: WINDOWS.to_owned(),
            name: format!("Windows(R), {} edition", self.edition),
            description: format!("Windows(R) Operating System, {} channel", self.described_channel()),
            partial_product_key: self.product_key.chars().skip(24).collect(),
            product_key_channel: self.channel.to_owned(),
            product_key_id: self.extended_pid.to_owned(),
            product_key_id2: self.product_id.to_owned(),
            license_family: self.edition.to_owned(),
            license_status: LICENSED,
            license_status_reason: DIGITAL_LICENSE,
            grace_period_remaining: 0,
        }
    }

    /// The channel as descriptions spell it, which is not as the channel is spelled.
    fn described_channel(&self) -> String {
        match self.channel {
            "Volume:GVLK" => "VOLUME_KMSCLIENT".to_owned(),
            channel => channel.to_uppercase().replace(':', "_"),
        }
    }

    fn v3(&self, time: u32) -> Vec<u8> {
        V3 {
            product_id: self.product_id,
            group: self.group,
            part_number: self.part_number,
            key: pack(self.product_key),
            time,
            license: self.digit,
            ..V3::default()
        }
        .make()
    }

    fn v4(&self) -> Vec<u8> {
        V4 {
            extended_pid: self.extended_pid,
            activation_id: self.activation_id,
            edition: self.edition,
            is_upgrade: false,
            key: pack(self.product_key),
            part_number: self.part_number,
            channel: self.channel,
            eula: self.eula,
        }
        .make()
    }
}
