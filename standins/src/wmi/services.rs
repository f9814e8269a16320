//! The namespace: queries, objects by path, methods.

use windows::Win32::System::Com::{
    EOLE_AUTHENTICATION_CAPABILITIES, IClientSecurity, IClientSecurity_Impl, RPC_C_AUTHN_LEVEL, RPC_C_IMP_LEVEL,
};
use windows::Win32::System::Variant::VARIANT;
use windows::Win32::System::Wmi::{
    IEnumWbemClassObject, IWbemCallResult, IWbemClassObject, IWbemContext, IWbemObjectSink, IWbemServices,
    IWbemServices_Impl, WBEM_E_INVALID_CLASS, WBEM_E_INVALID_METHOD, WBEM_E_INVALID_METHOD_PARAMETERS,
    WBEM_E_INVALID_QUERY, WBEM_E_NOT_FOUND, WBEM_GENERIC_FLAG_TYPE, WBEMSTATUS,
};
use windows::core::{BSTR, Error, HRESULT, HSTRING, IUnknown, OutRef, PCWSTR, Ref, Result, implement};

use super::class::{Class, OUTPUT, PRODUCT, class};
use super::not_played;
use super::object::{Found, Kind, Object, json};
use super::query::{Query, Refused};
use crate::scenario::{Row, Scenario, is, log, play};

/// The connection. It is its own proxy, so it also takes the security that callers set on proxies.
#[implement(IWbemServices, IClientSecurity)]
pub(super) struct Services;

impl IWbemServices_Impl for Services_Impl {
    fn ExecQuery(
        &self,
        _language: &BSTR,
        query: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
    ) -> Result<IEnumWbemClassObject> {
        log("wmi", "ExecQuery", &[&query.to_string()]);
        let scenario = Scenario::read();
        let query = Query::parse(&query.to_string(), &scenario).map_err(|refused| match refused {
            Refused::Class => status(WBEM_E_INVALID_CLASS),
            Refused::Words => status(WBEM_E_INVALID_QUERY),
        })?;
        let rows = query.class.rows(&scenario).into_iter().filter(|row| query.takes(row));
        let object = |row| Object::new(Kind::Instance(query.class), query.columns.clone(), row).into();
        Ok(Found::new(rows.map(object).collect()).into())
    }

    fn GetObject(
        &self,
        path: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        object: OutRef<IWbemClassObject>,
        _result: OutRef<IWbemCallResult>,
    ) -> Result<()> {
        let scenario = Scenario::read();
        let (class, row) = find(&path.to_string(), &scenario)?;
        let kind = if row.is_some() { Kind::Instance(class) } else { Kind::Class(class) };
        object.write(Some(Object::new(kind, class.known(&scenario).collect(), row.unwrap_or_default()).into()))
    }

    fn ExecMethod(
        &self,
        path: &BSTR,
        method: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        inputs: Ref<IWbemClassObject>,
        outputs: OutRef<IWbemClassObject>,
        _result: OutRef<IWbemCallResult>,
    ) -> Result<()> {
        let (class, row) = find(&path.to_string(), &Scenario::read())?;
        // Every method here is one of an instance.
        let row = row.ok_or_else(|| status(WBEM_E_INVALID_METHOD_PARAMETERS))?;
        let method = method.to_string();
        let found = class.methods.iter().find(|(name, _)| name.eq_ignore_ascii_case(&method));
        let (call, parameters) = found.ok_or_else(|| status(WBEM_E_INVALID_METHOD))?;
        let mut args = Vec::new();
        if *class == PRODUCT {
            args.push(crate::scenario::text(&row, class.key).to_owned());
        }
        for (name, _) in *parameters {
            let inputs = inputs.as_ref().ok_or_else(|| status(WBEM_E_INVALID_METHOD_PARAMETERS))?;
            args.push(input(inputs, name)?);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        play("wmi", call, &args)?;
        if outputs.is_null() {
            return Ok(());
        }
        let row = Row::from_iter([("ReturnValue".to_owned(), 0.into())]);
        outputs.write(Some(Object::new(Kind::Parameters, OUTPUT.to_vec(), row).into()))
    }

    fn OpenNamespace(
        &self,
        _namespace: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _services: OutRef<IWbemServices>,
        _result: OutRef<IWbemCallResult>,
    ) -> Result<()> {
        not_played()
    }
    fn CancelAsyncCall(&self, _sink: Ref<IWbemObjectSink>) -> Result<()> {
        not_played()
    }
    fn QueryObjectSink(&self, _flags: WBEM_GENERIC_FLAG_TYPE) -> Result<IWbemObjectSink> {
        not_played()
    }
    fn GetObjectAsync(
        &self,
        _path: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
    fn PutClass(
        &self,
        _object: Ref<IWbemClassObject>,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _result: OutRef<IWbemCallResult>,
    ) -> Result<()> {
        not_played()
    }
    fn PutClassAsync(
        &self,
        _object: Ref<IWbemClassObject>,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
    fn DeleteClass(
        &self,
        _class: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _result: OutRef<IWbemCallResult>,
    ) -> Result<()> {
        not_played()
    }
    fn DeleteClassAsync(
        &self,
        _class: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
    fn CreateClassEnum(
        &self,
        _superclass: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
    ) -> Result<IEnumWbemClassObject> {
        not_played()
    }
    fn CreateClassEnumAsync(
        &self,
        _superclass: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
    fn PutInstance(
        &self,
        _instance: Ref<IWbemClassObject>,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _result: OutRef<IWbemCallResult>,
    ) -> Result<()> {
        not_played()
    }
    fn PutInstanceAsync(
        &self,
        _instance: Ref<IWbemClassObject>,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
    fn DeleteInstance(
        &self,
        _path: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _result: OutRef<IWbemCallResult>,
    ) -> Result<()> {
        not_played()
    }
    fn DeleteInstanceAsync(
        &self,
        _path: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
    fn CreateInstanceEnum(
        &self,
        _filter: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
    ) -> Result<IEnumWbemClassObject> {
        not_played()
    }
    fn CreateInstanceEnumAsync(
        &self,
        _filter: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
    fn ExecQueryAsync(
        &self,
        _language: &BSTR,
        _query: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
    fn ExecNotificationQuery(
        &self,
        _language: &BSTR,
        _query: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
    ) -> Result<IEnumWbemClassObject> {
        not_played()
    }
    fn ExecNotificationQueryAsync(
        &self,
        _language: &BSTR,
        _query: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
    fn ExecMethodAsync(
        &self,
        _path: &BSTR,
        _method: &BSTR,
        _flags: WBEM_GENERIC_FLAG_TYPE,
        _context: Ref<IWbemContext>,
        _inputs: Ref<IWbemClassObject>,
        _sink: Ref<IWbemObjectSink>,
    ) -> Result<()> {
        not_played()
    }
}

impl IClientSecurity_Impl for Services_Impl {
    fn QueryBlanket(
        &self,
        _proxy: Ref<IUnknown>,
        _authn: *mut u32,
        _authz: *mut u32,
        _principal: *mut *mut u16,
        _level: *mut RPC_C_AUTHN_LEVEL,
        _impersonation: *mut RPC_C_IMP_LEVEL,
        _info: *mut *mut core::ffi::c_void,
        _capabilities: *mut u32,
    ) -> Result<()> {
        not_played()
    }

    fn SetBlanket(
        &self,
        _proxy: Ref<IUnknown>,
        _authn: u32,
        _authz: u32,
        _principal: &PCWSTR,
        _level: RPC_C_AUTHN_LEVEL,
        _impersonation: RPC_C_IMP_LEVEL,
        _info: *const core::ffi::c_void,
        _capabilities: &EOLE_AUTHENTICATION_CAPABILITIES,
    ) -> Result<()> {
        Ok(())
    }

    fn CopyProxy(&self, _proxy: Ref<IUnknown>) -> Result<IUnknown> {
        not_played()
    }
}

/// What a path such as `Class` or `Class.Key="value"` names: a class, and the row when it is an instance.
fn find(path: &str, scenario: &Scenario) -> Result<(&'static Class, Option<Row>)> {
    // A full path begins with `\\.\root\cimv2:`.
    let path = path.rsplit_once(':').filter(|(before, _)| before.starts_with(r"\\")).map_or(path, |(_, rest)| rest);
    let (name, key) = path.split_once('.').map_or((path, None), |(name, key)| (name, Some(key)));
    let class = class(name).ok_or_else(|| status(WBEM_E_INVALID_CLASS))?;
    let Some(key) = key else { return Ok((class, None)) };
    let (_, value) = key.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case(class.key)).ok_or_else(lost)?;
    let value = value.trim_matches('"');
    let row = class.rows(scenario).into_iter().find(|row| is(row, class.key, value)).ok_or_else(lost)?;
    Ok((class, Some(row)))
}

fn input(inputs: &IWbemClassObject, name: &str) -> Result<String> {
    let mut value = VARIANT::default();
    // SAFETY: the name has its end, and the value outlives the call.
    unsafe { inputs.Get(&HSTRING::from(name), 0, &raw mut value, None, None)? };
    let text = json(&value).and_then(|value| value.as_str().map(str::to_owned));
    text.ok_or_else(|| status(WBEM_E_INVALID_METHOD_PARAMETERS))
}

fn lost() -> Error {
    status(WBEM_E_NOT_FOUND)
}

fn status(status: WBEMSTATUS) -> Error {
    HRESULT(status.0).into()
}
