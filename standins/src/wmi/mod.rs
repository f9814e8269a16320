//! WMI: the locator, and a namespace with the two classes of the license service.
//!
//! Source: Microsoft, "WMI COM API" (wbemcli.h), and how the crate `wmi` calls it.

mod class;
mod object;
mod query;
mod services;

use std::ffi::c_void;
use std::ptr;

use windows::Win32::Foundation::{CLASS_E_CLASSNOTAVAILABLE, CLASS_E_NOAGGREGATION, E_NOTIMPL, E_POINTER, S_FALSE};
use windows::Win32::System::Com::{IClassFactory, IClassFactory_Impl};
use windows::Win32::System::Wmi::{
    IWbemContext, IWbemLocator, IWbemLocator_Impl, IWbemServices, WBEM_E_ACCESS_DENIED, WBEM_E_INVALID_NAMESPACE,
    WbemLocator,
};
use windows::core::{BOOL, BSTR, GUID, HRESULT, IUnknown, Interface, Ref, Result, implement};

use crate::scenario::{Scenario, hang};
use services::Services;

/// Gives COM the factory of the locator.
#[unsafe(no_mangle)]
unsafe extern "system" fn DllGetClassObject(class: *const GUID, iid: *const GUID, object: *mut *mut c_void) -> HRESULT {
    if class.is_null() || iid.is_null() || object.is_null() {
        return E_POINTER;
    }
    // SAFETY: COM passes two ids and a place for the object.
    unsafe {
        *object = ptr::null_mut();
        if *class != WbemLocator {
            return CLASS_E_CLASSNOTAVAILABLE;
        }
        IUnknown::from(Factory).query(iid, object)
    }
}

/// The library stays: functions of the program are led to it.
#[unsafe(no_mangle)]
extern "system" fn DllCanUnloadNow() -> HRESULT {
    S_FALSE
}

#[implement(IClassFactory)]
struct Factory;

impl IClassFactory_Impl for Factory_Impl {
    fn CreateInstance(&self, outer: Ref<IUnknown>, iid: *const GUID, object: *mut *mut c_void) -> Result<()> {
        if outer.is_some() {
            return Err(CLASS_E_NOAGGREGATION.into());
        }
        // SAFETY: COM passes an id and a place for the object.
        unsafe { IUnknown::from(Locator).query(iid, object) }.ok()
    }

    fn LockServer(&self, _lock: BOOL) -> Result<()> {
        Ok(())
    }
}

#[implement(IWbemLocator)]
struct Locator;

impl IWbemLocator_Impl for Locator_Impl {
    fn ConnectServer(
        &self,
        namespace: &BSTR,
        _user: &BSTR,
        _password: &BSTR,
        _locale: &BSTR,
        _flags: i32,
        _authority: &BSTR,
        _context: Ref<IWbemContext>,
    ) -> Result<IWbemServices> {
        let scenario = Scenario::read();
        match scenario.word("wmi") {
            "absent" => return Err(HRESULT(WBEM_E_INVALID_NAMESPACE.0).into()),
            "denied" => return Err(HRESULT(WBEM_E_ACCESS_DENIED.0).into()),
            "hangs" => hang(),
            _ => {}
        }
        let namespace = namespace.to_string().to_ascii_lowercase().replace('/', "\\");
        if namespace.trim_start_matches(r"\\.\") == r"root\cimv2" {
            Ok(Services.into())
        } else {
            Err(HRESULT(WBEM_E_INVALID_NAMESPACE.0).into())
        }
    }
}

/// What is not played, because nobody asks for it.
fn not_played<T>() -> Result<T> {
    Err(E_NOTIMPL.into())
}
