//! The license service through WMI, by the crate `wmi`. Failures of a method come back as the HRESULT of the call.

#![expect(unsafe_code, reason = "a property is put into an object")]

use std::collections::HashMap;

use windows::Win32::System::Variant::VARIANT;
use windows::core::{HSTRING, PCWSTR};
use wmi::{Variant, WMIConnection, WMIError};
use zeroize::Zeroizing;

use super::super::{Action, LicensedProduct, Licenses, LicensingError, OFFICE, WINDOWS, Way};

const PRODUCT: &str = "SoftwareLicensingProduct";
const SERVICE: &str = "SoftwareLicensingService";
/// What every Windows since 7 has.
const COLUMNS: &str = "ID, ApplicationID, Name, Description, PartialProductKey, LicenseFamily, LicenseStatus, \
                       LicenseStatusReason, GracePeriodRemaining, LicenseIsAddon";
/// Since Windows 8.
const CHANNEL: &str = "ProductKeyChannel";
const FIRMWARE: &str = "OA3xOriginalProductKey, OA3xOriginalProductKeyDescription";

/// Answers that mean that WMI, or this part of it, is not there or may not be asked: class not registered, namespace,
/// class, provider or property unknown, access to the namespace denied, service disabled, server not there.
const ABSENT: &[u32] = &[
    0x8004_0154,
    0x8004_1003,
    0x8004_100E,
    0x8004_1010,
    0x8004_1011,
    0x8004_1013,
    0x8004_1014,
    0x8007_0422,
    0x8007_06BA,
];
/// A query that names a property which this Windows does not have.
const INVALID_QUERY: u32 = 0x8004_1017;
const ACCESS_DENIED: u32 = 0x8007_0005;
const WBEM_ACCESS_DENIED: u32 = 0x8004_1003;
/// `E_FAIL`, for what the crate reports in words.
const FAILED: u32 = 0x8000_4005;

type Row = HashMap<String, Variant>;

pub(super) fn look() -> Result<Licenses, LicensingError> {
    let wmi = connect()?;
    let mut products = Vec::new();
    for application in std::iter::once(WINDOWS).chain(OFFICE) {
        let wanted = format!("FROM {PRODUCT} WHERE ApplicationID='{application}' AND PartialProductKey IS NOT NULL");
        let rows = match rows(&wmi, &format!("SELECT {COLUMNS}, {CHANNEL} {wanted}")) {
            Err(LicensingError::Refused { hresult: INVALID_QUERY, .. }) => {
                rows(&wmi, &format!("SELECT {COLUMNS} {wanted}"))?
            }
            rows => rows?,
        };
        products.extend(rows.iter().map(product));
    }
    // Windows 7 has no firmware product keys, and the properties are unknown there.
    let service = rows(&wmi, &format!("SELECT {FIRMWARE} FROM {SERVICE}")).unwrap_or_default();
    let text = |name: &str| service.first().and_then(|row| text(row, name));
    Ok(Licenses {
        way: Way::Wmi,
        products,
        firmware_key: text("OA3xOriginalProductKey").map(Zeroizing::new),
        firmware_description: text("OA3xOriginalProductKeyDescription"),
    })
}

pub(super) fn installation_id(product: &str) -> Result<String, LicensingError> {
    const CALL: &str = "OfflineInstallationId";
    let id = guid(product).ok_or(LicensingError::Refused { call: CALL, hresult: FAILED })?;
    let rows = rows(&connect()?, &format!("SELECT ID, {CALL} FROM {PRODUCT} WHERE ID='{id}'"))?;
    let found = rows.first().and_then(|row| text(row, CALL));
    found.ok_or(LicensingError::Refused { call: CALL, hresult: FAILED })
}

pub(super) fn act(action: &Action) -> Result<(), LicensingError> {
    let wmi = connect()?;
    let call = action.call();
    match action {
        Action::Activate(product) | Action::Uninstall(product) => {
            run(&wmi, call, PRODUCT, &product_path(product, call)?, &[])
        }
        Action::ClearFromRegistry | Action::Refresh => run(&wmi, call, SERVICE, &service_path(&wmi, call)?, &[]),
        Action::Deposit { product, installation_id, confirmation_id } => {
            let inputs = [("InstallationId", installation_id.as_str()), ("ConfirmationId", confirmation_id)];
            run(&wmi, call, PRODUCT, &product_path(product, call)?, &inputs)
        }
        Action::Install(key) => run(&wmi, call, SERVICE, &service_path(&wmi, call)?, &[("ProductKey", key.as_str())]),
    }
}

fn connect() -> Result<WMIConnection, LicensingError> {
    WMIConnection::new().map_err(|_| LicensingError::Absent)
}

fn rows(wmi: &WMIConnection, query: &str) -> Result<Vec<Row>, LicensingError> {
    wmi.raw_query(query).map_err(|error| match code(&error) {
        hresult if ABSENT.contains(&hresult) => LicensingError::Absent,
        hresult => LicensingError::Refused { call: PRODUCT, hresult },
    })
}

/// Runs a method with its inputs. The class tells their types, the instance does the work.
fn run(
    wmi: &WMIConnection,
    call: &'static str,
    class: &str,
    path: &str,
    inputs: &[(&str, &str)],
) -> Result<(), LicensingError> {
    let refused = |error: WMIError| LicensingError::Refused {
        call,
        hresult: match code(&error) {
            WBEM_ACCESS_DENIED => ACCESS_DENIED,
            other => other,
        },
    };
    let signature = wmi.get_object(class).and_then(|class| class.get_method(call)).map_err(refused)?;
    let instance = signature.map(|signature| signature.spawn_instance()).transpose().map_err(refused)?;
    if let Some(instance) = &instance {
        for (name, value) in inputs {
            let (name, value) = (HSTRING::from(*name), VARIANT::from(*value));
            // The crate's own way knows arrays too, and links propsys.dll for them, which is no known DLL.
            // SAFETY: name and value outlive the call.
            let put = unsafe { instance.inner.Put(PCWSTR(name.as_ptr()), 0, &raw const value, 0) };
            put.map_err(|error| LicensingError::Refused { call, hresult: error.code().0.cast_unsigned() })?;
        }
    }
    let answer = wmi.exec_method(path, call, instance.as_ref()).map_err(refused)?;
    let returned = answer.and_then(|answer| answer.get_property("ReturnValue").ok());
    match returned.as_ref().and_then(number) {
        None | Some(0) => Ok(()),
        Some(hresult) => Err(LicensingError::Refused { call, hresult }),
    }
}

fn product_path(product: &str, call: &'static str) -> Result<String, LicensingError> {
    let id = guid(product).ok_or(LicensingError::Refused { call, hresult: FAILED })?;
    Ok(format!("{PRODUCT}.ID=\"{id}\""))
}

/// The one instance of the service is named by its version.
fn service_path(wmi: &WMIConnection, call: &'static str) -> Result<String, LicensingError> {
    let version = rows(wmi, &format!("SELECT Version FROM {SERVICE}"))?;
    let version = version.first().and_then(|row| text(row, "Version")).filter(|version| !version.contains(['"', '\\']));
    let version = version.ok_or(LicensingError::Refused { call, hresult: FAILED })?;
    Ok(format!("{SERVICE}.Version=\"{version}\""))
}

/// The text of a GUID, and nothing that a query could be bent with.
fn guid(text: &str) -> Option<&str> {
    (text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')).then_some(text)
}

fn product(row: &Row) -> LicensedProduct {
    let or_empty = |name| text(row, name).unwrap_or_default();
    let number = |name: &str| row.get(name).and_then(number).unwrap_or(0);
    LicensedProduct {
        id: or_empty("ID").to_ascii_lowercase(),
        application: or_empty("ApplicationID").to_ascii_lowercase(),
        name: or_empty("Name"),
        description: or_empty("Description"),
        partial_key: or_empty("PartialProductKey"),
        channel: text(row, CHANNEL),
        family: text(row, "LicenseFamily"),
        status: number("LicenseStatus"),
        reason: number("LicenseStatusReason"),
        grace_minutes: number("GracePeriodRemaining"),
        addon: matches!(row.get("LicenseIsAddon"), Some(Variant::Bool(true))),
    }
}

fn text(row: &Row, name: &str) -> Option<String> {
    match row.get(name) {
        Some(Variant::String(text)) if !text.is_empty() => Some(LicensedProduct::shown(text)),
        _ => None,
    }
}

/// WMI gives its 32-bit numbers signed or unsigned.
fn number(value: &Variant) -> Option<u32> {
    match value {
        Variant::I4(value) => Some(value.cast_unsigned()),
        Variant::UI4(value) => Some(*value),
        Variant::I8(value) => u32::try_from(*value).ok(),
        Variant::UI8(value) => u32::try_from(*value).ok(),
        _ => None,
    }
}

fn code(error: &WMIError) -> u32 {
    match error {
        WMIError::HResultError { hres } => hres.cast_unsigned(),
        _ => FAILED,
    }
}
