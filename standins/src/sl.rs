//! The license service's own functions, as `slc.dll`, `sppc.dll` and `slcext.dll` export them.
//!
//! Source: Microsoft, "Software Licensing API" (slpublic.h). Memory that is handed out comes from `LocalAlloc`.

use std::ffi::c_void;
use std::ptr;

use serde_json::Value;
use windows::Win32::Foundation::{E_ACCESSDENIED, E_INVALIDARG, E_OUTOFMEMORY, S_OK};
use windows::Win32::Security::Authentication::Identity::{
    SL_LICENSING_STATUS, SLDATATYPE, SLIDTYPE, SLLICENSINGSTATUS,
};
use windows::Win32::System::Memory::{LMEM_ZEROINIT, LocalAlloc};
use windows::core::{GUID, HRESULT, PCWSTR};

use crate::scenario::{Row, Scenario, is, log, play, text};

type Handle = *mut c_void;

/// What an open service is called; nothing lies there.
const OPEN: Handle = 0x5750 as Handle;
const SERVICE_GONE: HRESULT = HRESULT(0x8007_06BA_u32.cast_signed());
const VALUE_NOT_FOUND: HRESULT = HRESULT(0xC004_F012_u32.cast_signed());
const KEY_NOT_INSTALLED: HRESULT = HRESULT(0xC004_F014_u32.cast_signed());
const APPLICATION: SLIDTYPE = SLIDTYPE(0);
const PRODUCT: SLIDTYPE = SLIDTYPE(1);
const PRODUCT_KEY: SLIDTYPE = SLIDTYPE(4);
const TEXT: SLDATATYPE = SLDATATYPE(1);
const BINARY: SLDATATYPE = SLDATATYPE(3);
const NUMBER: SLDATATYPE = SLDATATYPE(4);

#[unsafe(no_mangle)]
unsafe extern "system" fn SLOpen(handle: *mut Handle) -> HRESULT {
    log("sl", "SLOpen", &[]);
    match Scenario::read().word("sl") {
        "absent" => return SERVICE_GONE,
        "denied" => return E_ACCESSDENIED,
        _ => {}
    }
    // SAFETY: the caller's place for the handle.
    unsafe { *handle = OPEN };
    S_OK
}

#[unsafe(no_mangle)]
extern "system" fn SLClose(handle: Handle) -> HRESULT {
    if handle == OPEN { S_OK } else { E_INVALIDARG }
}

/// Lists ids of one kind that belong to an id of another kind.
#[unsafe(no_mangle)]
unsafe extern "system" fn SLGetSLIDList(
    _handle: Handle,
    asked: SLIDTYPE,
    id: *const GUID,
    wanted: SLIDTYPE,
    count: *mut u32,
    ids: *mut *mut GUID,
) -> HRESULT {
    // SAFETY: the caller's id is null or alive.
    let id = unsafe { id.as_ref() };
    let belongs = |row: &Row| match (asked, id) {
        (_, None) => true,
        (APPLICATION, Some(id)) => guid(row, "ApplicationID") == Some(*id),
        (PRODUCT, Some(id)) => guid(row, "ID") == Some(*id),
        (PRODUCT_KEY, Some(id)) => guid(row, "ID").map(key_id) == Some(*id),
        _ => false,
    };
    let of = |row: &Row| match wanted {
        APPLICATION => guid(row, "ApplicationID"),
        PRODUCT => guid(row, "ID"),
        PRODUCT_KEY => guid(row, "ID").filter(|_| has_key(row)).map(key_id),
        _ => None,
    };
    let mut found: Vec<GUID> = Vec::new();
    for id in Scenario::read().products().iter().filter(|row| belongs(row)).filter_map(of) {
        if !found.contains(&id) {
            found.push(id);
        }
    }
    // SAFETY: the caller's places for the list and its length.
    unsafe { lend(&found, count, ids) }
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLGetInstalledProductKeyIds(
    handle: Handle,
    product: *const GUID,
    count: *mut u32,
    ids: *mut *mut GUID,
) -> HRESULT {
    // SAFETY: the caller's arguments, passed on.
    unsafe { SLGetSLIDList(handle, PRODUCT, product, PRODUCT_KEY, count, ids) }
}

/// The states of all products of an application, or of one.
#[unsafe(no_mangle)]
unsafe extern "system" fn SLGetLicensingStatusInformation(
    _handle: Handle,
    application: *const GUID,
    product: *const GUID,
    _right: PCWSTR,
    count: *mut u32,
    rows: *mut *mut SL_LICENSING_STATUS,
) -> HRESULT {
    // SAFETY: the caller's ids are null or alive.
    let (application, product) = unsafe { (application.as_ref(), product.as_ref()) };
    let wanted = |row: &&Row| {
        application.is_none_or(|id| guid(row, "ApplicationID") == Some(*id))
            && product.is_none_or(|id| guid(row, "ID") == Some(*id))
    };
    let found: Vec<_> = Scenario::read().products().iter().filter(wanted).map(status).collect();
    // SAFETY: the caller's places for the list and its length.
    unsafe { lend(&found, count, rows) }
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLGetProductSkuInformation(
    _handle: Handle,
    product: *const GUID,
    name: PCWSTR,
    kind: *mut SLDATATYPE,
    len: *mut u32,
    bytes: *mut *mut u8,
) -> HRESULT {
    // SAFETY: the caller's id and name are alive, and the places may be written.
    unsafe {
        let column = match name.to_string().unwrap_or_default().as_str() {
            "DependsOn" => "LicenseDependsOn".to_owned(),
            "Family" => "LicenseFamily".to_owned(),
            other => other.to_owned(),
        };
        let value = row_of(*product).and_then(|row| row.get(&column).cloned());
        give(value, kind, len, bytes)
    }
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLGetServiceInformation(
    _handle: Handle,
    name: PCWSTR,
    kind: *mut SLDATATYPE,
    len: *mut u32,
    bytes: *mut *mut u8,
) -> HRESULT {
    // SAFETY: the caller's name is alive, and the places may be written.
    unsafe {
        let name = name.to_string().unwrap_or_default().replace("BiosProductKey", "OA3xOriginalProductKey");
        give(Scenario::read().service().get(&name).cloned(), kind, len, bytes)
    }
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLGetPKeyInformation(
    _handle: Handle,
    key: *const GUID,
    name: PCWSTR,
    kind: *mut SLDATATYPE,
    len: *mut u32,
    bytes: *mut *mut u8,
) -> HRESULT {
    // SAFETY: the caller's id and name are alive, and the places may be written.
    unsafe {
        let Some(row) = row_of(key_id(*key)).filter(has_key) else { return KEY_NOT_INSTALLED };
        let column = match name.to_string().unwrap_or_default().as_str() {
            "Channel" => "ProductKeyChannel",
            "DigitalPID" => "ProductKeyID",
            "DigitalPID2" => "ProductKeyID2",
            "PartialProductKey" => "PartialProductKey",
            "ProductSkuId" => {
                ptr::write(kind, BINARY);
                return lend(&[key_id(*key)], len, bytes.cast()).map(|| *len = size_of::<GUID>() as u32).into();
            }
            _ => return VALUE_NOT_FOUND,
        };
        give(row.get(column).cloned(), kind, len, bytes)
    }
}

/// Finds an installed product key by its last five symbols, which is all that is known of it.
#[unsafe(no_mangle)]
unsafe extern "system" fn SLGetPKeyId(
    _handle: Handle,
    _algorithm: PCWSTR,
    key: PCWSTR,
    _len: u32,
    _data: *const u8,
    id: *mut GUID,
) -> HRESULT {
    // SAFETY: the caller's text has its end, and the place may be written.
    unsafe {
        let key = key.to_string().unwrap_or_default();
        match with_key(&key) {
            Some(found) => {
                *id = key_id(found);
                S_OK
            }
            None => KEY_NOT_INSTALLED,
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLInstallProofOfPurchase(
    _handle: Handle,
    _algorithm: PCWSTR,
    key: PCWSTR,
    _len: u32,
    _data: *const u8,
    id: *mut GUID,
) -> HRESULT {
    // SAFETY: the caller's text has its end, and the place may be written.
    unsafe {
        let key = key.to_string().unwrap_or_default();
        if let Err(refused) = play("sl", "InstallProductKey", &[&key]) {
            return refused;
        }
        if let Some(product) = with_key(&key) {
            *id = key_id(product);
        }
    }
    S_OK
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLUninstallProofOfPurchase(_handle: Handle, key: *const GUID) -> HRESULT {
    // SAFETY: the caller's id is alive.
    play_for("UninstallProductKey", key_id(unsafe { *key }), &[])
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLSetCurrentProductKey(_handle: Handle, product: *const GUID, key: *const GUID) -> HRESULT {
    // SAFETY: the caller's ids are alive.
    let (product, key) = unsafe { (*product, *key) };
    log("sl", "SLSetCurrentProductKey", &[&words(product)]);
    if key_id(product) == key { S_OK } else { KEY_NOT_INSTALLED }
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLActivateProduct(
    _handle: Handle,
    product: *const GUID,
    _len: u32,
    _data: *const c_void,
    _information: *const c_void,
    _proxy: PCWSTR,
    _port: u16,
) -> HRESULT {
    // SAFETY: the caller's id is alive.
    play_for("Activate", unsafe { *product }, &[])
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLGenerateOfflineInstallationId(
    _handle: Handle,
    product: *const GUID,
    id: *mut *mut u16,
) -> HRESULT {
    // SAFETY: the caller's id is alive, and the place may be written.
    unsafe {
        let found = row_of(*product).map(|row| text(&row, "OfflineInstallationId").to_owned());
        let Some(found) = found.filter(|found| !found.is_empty()) else { return VALUE_NOT_FOUND };
        let mut len = 0;
        lend(&wide(&found), &raw mut len, id)
    }
}

#[unsafe(no_mangle)]
unsafe extern "system" fn SLDepositOfflineConfirmationId(
    _handle: Handle,
    product: *const GUID,
    installation: PCWSTR,
    confirmation: PCWSTR,
) -> HRESULT {
    // SAFETY: the caller's id is alive, and its texts have their ends.
    unsafe {
        let ids = [installation.to_string().unwrap_or_default(), confirmation.to_string().unwrap_or_default()];
        play_for("DepositOfflineConfirmationId", *product, &[&ids[0], &ids[1]])
    }
}

/// Evaluates the licenses anew, which is how a native caller refreshes their status.
#[unsafe(no_mangle)]
unsafe extern "system" fn SLConsumeRight(
    _handle: Handle,
    _application: *const GUID,
    _product: *const GUID,
    _right: PCWSTR,
    _reserved: *mut c_void,
) -> HRESULT {
    play("sl", "RefreshLicenseStatus", &[]).err().unwrap_or(S_OK)
}

fn play_for(call: &str, product: GUID, more: &[&str]) -> HRESULT {
    let product = words(product);
    play("sl", call, &[&[product.as_str()], more].concat()).err().unwrap_or(S_OK)
}

/// A product key's id here is its product's with the first number turned over, so both lead to each other.
fn key_id(id: GUID) -> GUID {
    GUID { data1: !id.data1, ..id }
}

fn row_of(product: GUID) -> Option<Row> {
    Scenario::read().products().into_iter().find(|row| guid(row, "ID") == Some(product))
}

/// The product whose product key ends as this one does.
fn with_key(key: &str) -> Option<GUID> {
    let tail = |row: &&Row| has_key(row) && key.ends_with(text(row, "PartialProductKey"));
    Scenario::read().products().iter().find(tail).and_then(|row| guid(row, "ID"))
}

fn has_key(row: &Row) -> bool {
    !is(row, "PartialProductKey", "")
}

/// The native states are fewer: all kinds of grace are one, and a notification is the last one.
fn status(row: &Row) -> SL_LICENSING_STATUS {
    let number = |name: &str| row.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let status = match number("LicenseStatus") {
        0 => 0,
        1 => 1,
        5 => 3,
        _ => 2,
    };
    let minutes = number("GracePeriodRemaining");
    SL_LICENSING_STATUS {
        SkuId: guid(row, "ID").unwrap_or_default(),
        eStatus: SLLICENSINGSTATUS(status),
        dwGraceTime: minutes,
        dwTotalGraceDays: minutes.div_ceil(24 * 60),
        hrReason: HRESULT(number("LicenseStatusReason").cast_signed()),
        qwValidityExpiration: 0,
    }
}

fn guid(row: &Row, name: &str) -> Option<GUID> {
    GUID::try_from(text(row, name)).ok()
}

fn words(id: GUID) -> String {
    format!("{id:?}").to_ascii_lowercase()
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// Hands out a value with its kind: a text with its end, or a number.
///
/// # Safety
///
/// `len` and `bytes` may be written; `kind` is null or may be written.
unsafe fn give(value: Option<Value>, kind: *mut SLDATATYPE, len: *mut u32, bytes: *mut *mut u8) -> HRESULT {
    let (found, data): (_, Vec<u8>) = match value {
        Some(Value::String(text)) => (TEXT, wide(&text).iter().flat_map(|unit| unit.to_le_bytes()).collect()),
        Some(Value::Number(number)) => {
            let number = number.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
            (NUMBER, number.to_le_bytes().to_vec())
        }
        _ => return VALUE_NOT_FOUND,
    };
    // SAFETY: as the caller promises.
    unsafe {
        if !kind.is_null() {
            *kind = found;
        }
        lend(&data, len, bytes)
    }
}

/// Copies a list to memory that the caller frees with `LocalFree`; an empty list is null.
///
/// # Safety
///
/// `count` and `list` may be written.
unsafe fn lend<T: Copy>(items: &[T], count: *mut u32, list: *mut *mut T) -> HRESULT {
    // SAFETY: the new memory has room for the items, and the places may be written.
    unsafe {
        *list = ptr::null_mut();
        *count = u32::try_from(items.len()).unwrap_or(0);
        if items.is_empty() {
            return S_OK;
        }
        let Ok(memory) = LocalAlloc(LMEM_ZEROINIT, size_of_val(items)) else { return E_OUTOFMEMORY };
        ptr::copy_nonoverlapping(items.as_ptr(), memory.0.cast(), items.len());
        *list = memory.0.cast();
    }
    S_OK
}
