//! The two classes: their properties with types, their methods with parameters.
//!
//! Source: Microsoft, "SoftwareLicensingProduct class" and "SoftwareLicensingService class".

use serde_json::Value;
use windows::Win32::System::Wmi::{CIM_BOOLEAN, CIM_STRING, CIM_UINT32};

use crate::scenario::{Row, Scenario};

/// A property: its name and the number of its CIM type.
pub(super) type Property = (&'static str, i32);

const TEXT: i32 = CIM_STRING.0;
const NUMBER: i32 = CIM_UINT32.0;
const FLAG: i32 = CIM_BOOLEAN.0;

/// A class of the namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) name: &'static str,
    /// The property that names an instance in its path.
    pub(super) key: &'static str,
    pub(super) properties: &'static [Property],
    /// Methods, each with its inputs, which are texts all.
    pub(super) methods: &'static [(&'static str, &'static [Property])],
}

pub(super) static PRODUCT: Class = Class {
    name: "SoftwareLicensingProduct",
    key: "ID",
    properties: &[
        ("ApplicationID", TEXT),
        ("Description", TEXT),
        ("EvaluationEndDate", TEXT),
        ("ExtendedGrace", NUMBER),
        ("GenuineStatus", NUMBER),
        ("GracePeriodRemaining", NUMBER),
        ("ID", TEXT),
        ("KeyManagementServiceMachine", TEXT),
        ("KeyManagementServicePort", NUMBER),
        ("LicenseDependsOn", TEXT),
        ("LicenseFamily", TEXT),
        ("LicenseIsAddon", FLAG),
        ("LicenseStatus", NUMBER),
        ("LicenseStatusReason", NUMBER),
        ("Name", TEXT),
        ("OfflineInstallationId", TEXT),
        ("PartialProductKey", TEXT),
        ("ProductKeyChannel", TEXT),
        ("ProductKeyID", TEXT),
        ("ProductKeyID2", TEXT),
        ("RemainingAppReArmCount", NUMBER),
        ("RemainingSkuReArmCount", NUMBER),
        ("VLActivationType", NUMBER),
        ("VLActivationTypeEnabled", NUMBER),
    ],
    methods: &[
        ("Activate", &[]),
        ("DepositOfflineConfirmationId", &[("InstallationId", TEXT), ("ConfirmationId", TEXT)]),
        ("UninstallProductKey", &[]),
    ],
};

pub(super) static SERVICE: Class = Class {
    name: "SoftwareLicensingService",
    key: "Version",
    properties: &[
        ("ClientMachineID", TEXT),
        ("IsKeyManagementServiceMachine", NUMBER),
        ("KeyManagementServiceMachine", TEXT),
        ("KeyManagementServicePort", NUMBER),
        ("OA3xOriginalProductKey", TEXT),
        ("OA3xOriginalProductKeyDescription", TEXT),
        ("OA3xOriginalProductKeyPkPn", TEXT),
        ("RemainingWindowsReArmCount", NUMBER),
        ("Version", TEXT),
    ],
    methods: &[
        ("ClearProductKeyFromRegistry", &[]),
        ("InstallProductKey", &[("ProductKey", TEXT)]),
        ("RefreshLicenseStatus", &[]),
    ],
};

/// What a method gives back.
pub(super) const OUTPUT: &[Property] = &[("ReturnValue", NUMBER)];

/// The class of this name, in whatever case.
pub(super) fn class(name: &str) -> Option<&'static Class> {
    [&PRODUCT, &SERVICE].into_iter().find(|class| class.name.eq_ignore_ascii_case(name))
}

impl Class {
    /// The property of this name, unless the Windows of the scenario is too old to have it.
    pub(super) fn property(&self, scenario: &Scenario, name: &str) -> Option<Property> {
        self.known(scenario).find(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The properties this Windows knows.
    pub(super) fn known(&self, scenario: &Scenario) -> impl Iterator<Item = Property> {
        let lacks = scenario.get("lacks").and_then(Value::as_array).cloned().unwrap_or_default();
        self.properties.iter().copied().filter(move |(name, _)| !lacks.iter().any(|lacking| lacking == name))
    }

    /// All instances.
    pub(super) fn rows(&self, scenario: &Scenario) -> Vec<Row> {
        if *self == PRODUCT { scenario.products() } else { vec![scenario.service()] }
    }
}
