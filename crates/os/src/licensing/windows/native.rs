//! The license service through `slc.dll`, for a Windows whose WMI is broken.
//!
//! Source: Microsoft, "Software Licensing API" (slpublic.h).

#![expect(unsafe_code, reason = "foreign functions that hand out memory")]

use std::ffi::c_void;
use std::ptr;

use windows::Win32::Foundation::{E_ACCESSDENIED, HLOCAL, LocalFree};
use windows::core::{GUID, HRESULT, HSTRING, PCSTR, PCWSTR, s, w};
use zeroize::Zeroizing;

use crate::library;

use super::super::{Action, LicensedProduct, Licenses, LicensingError, OFFICE, WINDOWS, Way};

const APPLICATION: i32 = 0;
const PRODUCT_SKU: i32 = 1;
/// `SL_DATA_SZ` and `SL_DATA_BINARY`.
const TEXT: u32 = 1;
const BINARY: u32 = 3;
const SLC: PCWSTR = w!("slc.dll");
/// The service finds out by itself which form a product key has.
const DETECT: PCWSTR = w!("msft:rm/algorithm/pkey/detect");
const FAILED: u32 = 0x8000_4005;
/// No PC has more products or product keys than this.
const MOST: usize = 4096;

type Handle = *mut c_void;
type Open = unsafe extern "system" fn(*mut Handle) -> HRESULT;
type Close = unsafe extern "system" fn(Handle) -> HRESULT;
type List = unsafe extern "system" fn(Handle, i32, *const GUID, i32, *mut u32, *mut *mut GUID) -> HRESULT;
type KeyIds = unsafe extern "system" fn(Handle, *const GUID, *mut u32, *mut *mut GUID) -> HRESULT;
type Information = unsafe extern "system" fn(Handle, *const GUID, PCWSTR, *mut u32, *mut u32, *mut *mut u8) -> HRESULT;
type ServiceInformation = unsafe extern "system" fn(Handle, PCWSTR, *mut u32, *mut u32, *mut *mut u8) -> HRESULT;
type StatusInformation =
    unsafe extern "system" fn(Handle, *const GUID, *const GUID, PCWSTR, *mut u32, *mut *mut Status) -> HRESULT;
type InstallKey = unsafe extern "system" fn(Handle, PCWSTR, PCWSTR, u32, *const u8, *mut GUID) -> HRESULT;
type OnSku = unsafe extern "system" fn(Handle, *const GUID) -> HRESULT;
type SetCurrent = unsafe extern "system" fn(Handle, *const GUID, *const GUID) -> HRESULT;
type Consume = unsafe extern "system" fn(Handle, *const GUID, *const GUID, PCWSTR, *mut c_void) -> HRESULT;
type ActivateProduct =
    unsafe extern "system" fn(Handle, *const GUID, u32, *const c_void, *const c_void, PCWSTR, u16) -> HRESULT;
type InstallationId = unsafe extern "system" fn(Handle, *const GUID, *mut *mut u16) -> HRESULT;
type DepositId = unsafe extern "system" fn(Handle, *const GUID, PCWSTR, PCWSTR) -> HRESULT;

/// `SL_LICENSING_STATUS`, 40 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
struct Status {
    sku: GUID,
    status: i32,
    grace_minutes: u32,
    grace_days: u32,
    reason: i32,
    expires: u64,
}

/// An open handle of the service. It closes itself.
struct Service {
    handle: Handle,
}

/// Memory that the service handed out. It frees itself.
struct Lent<T> {
    first: *mut T,
    count: usize,
}

pub(super) fn look() -> Result<Licenses, LicensingError> {
    let service = Service::open()?;
    let mut products = Vec::new();
    for application in std::iter::once(WINDOWS).chain(OFFICE) {
        let application_id = guid(application, "SLGetSLIDList")?;
        // An application that the service has never heard of is no error.
        for sku in service.skus(&application_id).unwrap_or_default() {
            products.extend(service.product(application, &application_id, &sku));
        }
    }
    Ok(Licenses {
        way: Way::Native,
        products,
        firmware_key: service.text(w!("BiosProductKey")).map(Zeroizing::new),
        firmware_description: service.text(w!("BiosProductKeyDescription")),
    })
}

pub(super) fn installation_id(product: &str) -> Result<String, LicensingError> {
    const CALL: &str = "SLGenerateOfflineInstallationId";
    let (service, sku) = (Service::open()?, guid(product, CALL)?);
    let generate: InstallationId = service.entry(s!("SLGenerateOfflineInstallationId"), CALL)?;
    let mut text = ptr::null_mut();
    // SAFETY: the handle is open, `sku` and `text` outlive the call.
    done(CALL, unsafe { generate(service.handle, &raw const sku, &raw mut text) })?;
    let lent = Lent { first: text, count: 0 };
    // SAFETY: on success it is a string with its end.
    Ok(unsafe { PCWSTR(lent.first).to_string() }.unwrap_or_default())
}

pub(super) fn act(action: &Action) -> Result<(), LicensingError> {
    let (service, call) = (Service::open()?, action.call());
    match action {
        Action::Activate(product) => service.activate(&guid(product, call)?),
        // There is no such call here. Reading goes on as before, and nothing is lost.
        Action::ClearFromRegistry => Ok(()),
        Action::Deposit { product, installation_id, confirmation_id } => {
            let (sku, deposit): (_, DepositId) =
                (guid(product, call)?, service.entry(s!("SLDepositOfflineConfirmationId"), call)?);
            let (installation, confirmation) = (HSTRING::from(installation_id), HSTRING::from(confirmation_id));
            // SAFETY: the handle is open, and everything pointed to outlives the call.
            done(call, unsafe {
                deposit(service.handle, &raw const sku, PCWSTR(installation.as_ptr()), PCWSTR(confirmation.as_ptr()))
            })
        }
        Action::Install(key) => service.install(key),
        Action::Refresh => {
            let (application, consume): (_, Consume) =
                (guid(WINDOWS, call)?, service.entry(s!("SLConsumeRight"), call)?);
            // SAFETY: the handle is open; a null product and right mean all of them.
            done(call, unsafe {
                consume(service.handle, &raw const application, ptr::null(), PCWSTR::null(), ptr::null_mut())
            })
        }
        Action::Uninstall(product) => {
            let (sku, uninstall): (_, OnSku) =
                (guid(product, call)?, service.entry(s!("SLUninstallProofOfPurchase"), call)?);
            for key in service.key_ids(&sku)? {
                // SAFETY: the handle is open, `key` outlives the call.
                done(call, unsafe { uninstall(service.handle, &raw const key) })?;
            }
            Ok(())
        }
    }
}

impl Service {
    fn open() -> Result<Self, LicensingError> {
        let open: Open = entry(SLC, s!("SLOpen")).ok_or(LicensingError::Absent)?;
        let mut handle = ptr::null_mut();
        // SAFETY: `handle` outlives the call.
        let opened = unsafe { open(&raw mut handle) };
        if opened == E_ACCESSDENIED {
            done("SLOpen", opened)?;
        }
        opened.ok().map_err(|_| LicensingError::Absent)?;
        Ok(Self { handle })
    }

    /// A function of the library by its name.
    fn entry<F: Copy>(&self, name: PCSTR, call: &'static str) -> Result<F, LicensingError> {
        entry(SLC, name).ok_or(LicensingError::Refused { call, hresult: FAILED })
    }

    fn skus(&self, application: &GUID) -> Result<Vec<GUID>, LicensingError> {
        let list: List = self.entry(s!("SLGetSLIDList"), "SLGetSLIDList")?;
        let (mut count, mut ids) = (0, ptr::null_mut());
        // SAFETY: the handle is open, and everything pointed to outlives the call.
        done("SLGetSLIDList", unsafe {
            list(self.handle, APPLICATION, application, PRODUCT_SKU, &raw mut count, &raw mut ids)
        })?;
        Ok(Lent { first: ids, count: count as usize }.to_vec())
    }

    fn key_ids(&self, sku: &GUID) -> Result<Vec<GUID>, LicensingError> {
        let list: KeyIds = self.entry(s!("SLGetInstalledProductKeyIds"), "SLGetInstalledProductKeyIds")?;
        let (mut count, mut ids) = (0, ptr::null_mut());
        // SAFETY: the handle is open, and everything pointed to outlives the call.
        done("SLGetInstalledProductKeyIds", unsafe { list(self.handle, sku, &raw mut count, &raw mut ids) })?;
        Ok(Lent { first: ids, count: count as usize }.to_vec())
    }

    /// A product that has a product key.
    fn product(&self, name: &str, application: &GUID, sku: &GUID) -> Option<LicensedProduct> {
        let key = *self.key_ids(sku).ok()?.first()?;
        let of_key = |name| self.of(s!("SLGetPKeyInformation"), &key, name);
        let of_sku = |name| self.of(s!("SLGetProductSkuInformation"), sku, name);
        let status = self.status(application, sku);
        Some(LicensedProduct {
            id: text_of(sku),
            application: name.to_owned(),
            name: of_sku(w!("Name")).unwrap_or_default(),
            description: of_sku(w!("Description")).unwrap_or_default(),
            partial_key: of_key(w!("PartialProductKey"))?,
            channel: of_key(w!("Channel")),
            family: of_sku(w!("Family")),
            status: status.map_or(0, as_wmi),
            reason: status.map_or(0, |status| status.reason.cast_unsigned()),
            grace_minutes: status.map_or(0, |status| status.grace_minutes),
            addon: of_sku(w!("DependsOn")).is_some(),
        })
    }

    fn status(&self, application: &GUID, sku: &GUID) -> Option<Status> {
        let ask: StatusInformation = self.entry(s!("SLGetLicensingStatusInformation"), "").ok()?;
        let (mut count, mut rows) = (0, ptr::null_mut());
        // SAFETY: the handle is open, and everything pointed to outlives the call.
        let answer = unsafe { ask(self.handle, application, sku, PCWSTR::null(), &raw mut count, &raw mut rows) };
        let rows = Lent { first: rows, count: if answer.is_ok() { count as usize } else { 0 } };
        rows.to_vec().into_iter().find(|row| row.sku == *sku)
    }

    /// A text that the service knows of a product or product key.
    fn of(&self, function: PCSTR, id: &GUID, name: PCWSTR) -> Option<String> {
        let ask: Information = self.entry(function, "").ok()?;
        let (mut kind, mut len, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: the handle is open, and everything pointed to outlives the call.
        let answer = unsafe { ask(self.handle, id, name, &raw mut kind, &raw mut len, &raw mut data) };
        wide(answer.is_ok() && kind == TEXT, Lent { first: data, count: len as usize })
    }

    /// A text that the service knows of this PC.
    fn text(&self, name: PCWSTR) -> Option<String> {
        let ask: ServiceInformation = self.entry(s!("SLGetServiceInformation"), "").ok()?;
        let (mut kind, mut len, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: the handle is open, and everything pointed to outlives the call.
        let answer = unsafe { ask(self.handle, name, &raw mut kind, &raw mut len, &raw mut data) };
        wide(answer.is_ok() && kind == TEXT, Lent { first: data, count: len as usize })
    }

    /// Installs a product key and makes it the one in use of its product.
    fn install(&self, key: &str) -> Result<(), LicensingError> {
        const CALL: &str = "SLInstallProofOfPurchase";
        let install: InstallKey = self.entry(s!("SLInstallProofOfPurchase"), CALL)?;
        let text: Zeroizing<Vec<u16>> = Zeroizing::new(key.encode_utf16().chain([0]).collect());
        let mut id = GUID::zeroed();
        // SAFETY: the handle is open; the texts have their ends, and everything pointed to outlives the call.
        done(CALL, unsafe { install(self.handle, DETECT, PCWSTR(text.as_ptr()), 0, ptr::null(), &raw mut id) })?;
        let Some(sku) = self.sku_of(&id) else { return Ok(()) };
        let set: SetCurrent = self.entry(s!("SLSetCurrentProductKey"), CALL)?;
        // SAFETY: the handle is open, and both ids outlive the call.
        done("SLSetCurrentProductKey", unsafe { set(self.handle, &raw const sku, &raw const id) })
    }

    /// The product that an installed product key unlocks.
    fn sku_of(&self, key: &GUID) -> Option<GUID> {
        let ask: Information = self.entry(s!("SLGetPKeyInformation"), "").ok()?;
        let (mut kind, mut len, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: the handle is open, and everything pointed to outlives the call.
        let answer = unsafe { ask(self.handle, key, w!("ProductSkuId"), &raw mut kind, &raw mut len, &raw mut data) };
        let lent = Lent { first: data, count: if answer.is_ok() { len as usize } else { 0 } };
        let bytes: [u8; 16] = lent.to_vec().try_into().ok().filter(|_| kind == BINARY)?;
        Some(from_bytes(bytes))
    }

    fn activate(&self, sku: &GUID) -> Result<(), LicensingError> {
        const CALL: &str = "SLActivateProduct";
        let activate: ActivateProduct = entry(w!("slcext.dll"), s!("SLActivateProduct"))
            .ok_or(LicensingError::Refused { call: CALL, hresult: FAILED })?;
        // SAFETY: the handle is open, `sku` outlives the call; the nulls mean: online, without a proxy of its own.
        done(CALL, unsafe { activate(self.handle, sku, 0, ptr::null(), ptr::null(), PCWSTR::null(), 0) })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let (false, Some(close)) = (self.handle.is_null(), entry::<Close>(SLC, s!("SLClose"))) {
            // SAFETY: the handle is open and is not used any more.
            let _ = unsafe { close(self.handle) };
        }
    }
}

impl<T: Copy> Lent<T> {
    fn to_vec(&self) -> Vec<T> {
        if self.first.is_null() {
            return Vec::new();
        }
        // SAFETY: the service says that so many stand there; it may hand bytes out at any alignment.
        (0..self.count.min(MOST)).map(|at| unsafe { self.first.add(at).read_unaligned() }).collect()
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        if !self.first.is_null() {
            // SAFETY: the service allocated it with LocalAlloc, and nobody else frees it.
            let _ = unsafe { LocalFree(Some(HLOCAL(self.first.cast()))) };
        }
    }
}

fn entry<F: Copy>(library: PCWSTR, name: PCSTR) -> Option<F> {
    // SAFETY: the types above are the documented signatures.
    unsafe { library::function(library, name) }
}

fn done(call: &'static str, answer: HRESULT) -> Result<(), LicensingError> {
    answer.ok().map_err(|_| LicensingError::Refused { call, hresult: answer.0.cast_unsigned() })
}

/// The text in bytes that the service handed out; `None` when there is none.
fn wide(is_text: bool, lent: Lent<u8>) -> Option<String> {
    let bytes = lent.to_vec();
    let units = bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    let text: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    let text = LicensedProduct::shown(&String::from_utf16_lossy(&text));
    (is_text && !text.is_empty()).then_some(text)
}

/// The native states 0 to 3 as WMI numbers them.
fn as_wmi(status: Status) -> u32 {
    match status.status {
        1 => 1,
        2 => 2,
        3 => 5,
        _ => 0,
    }
}

fn guid(text: &str, call: &'static str) -> Result<GUID, LicensingError> {
    GUID::try_from(text).map_err(|_| LicensingError::Refused { call, hresult: FAILED })
}

/// A GUID in the order in which Windows keeps it in memory.
fn from_bytes(bytes: [u8; 16]) -> GUID {
    let [a0, a1, a2, a3, b0, b1, c0, c1, rest @ ..] = bytes;
    GUID {
        data1: u32::from_le_bytes([a0, a1, a2, a3]),
        data2: u16::from_le_bytes([b0, b1]),
        data3: u16::from_le_bytes([c0, c1]),
        data4: rest,
    }
}

fn text_of(guid: &GUID) -> String {
    format!("{guid:?}").to_ascii_lowercase()
}
