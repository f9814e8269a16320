//! One class, instance or parameter list, and the list of instances a query found.

use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use windows::Win32::Foundation::{E_POINTER, S_FALSE, S_OK};
use windows::Win32::System::Com::SAFEARRAY;
use windows::Win32::System::Ole::{SafeArrayCreateVector, SafeArrayPutElement};
use windows::Win32::System::Variant::{VARIANT, VT_BOOL, VT_BSTR, VT_I4, VT_NULL};
use windows::Win32::System::Wmi::{
    CIM_STRING, IEnumWbemClassObject, IEnumWbemClassObject_Impl, IWbemClassObject, IWbemClassObject_Impl,
    IWbemObjectSink, IWbemQualifierSet, WBEM_COMPARISON_FLAG, WBEM_CONDITION_FLAG_TYPE, WBEM_E_NOT_FOUND,
    WBEM_E_TYPE_MISMATCH, WBEM_S_NO_MORE_DATA,
};
use windows::core::{BSTR, HRESULT, OutRef, PCWSTR, Ref, Result, implement};

use super::class::{Class, OUTPUT, Property};
use super::not_played;
use crate::scenario::Row;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Class(&'static Class),
    Instance(&'static Class),
    Parameters,
}

/// Properties with their values; one that has no value is null.
#[implement(IWbemClassObject)]
pub(super) struct Object {
    kind: Kind,
    properties: Vec<Property>,
    row: Mutex<Row>,
    /// Where an enumeration of the properties stands.
    at: AtomicUsize,
}

impl Object {
    pub(super) fn new(kind: Kind, properties: Vec<Property>, row: Row) -> Self {
        Self { kind, properties, row: Mutex::new(row), at: AtomicUsize::new(0) }
    }

    fn row(&self) -> Row {
        self.row.lock().map(|row| row.clone()).unwrap_or_default()
    }

    fn find(&self, name: &str) -> Option<Property> {
        self.properties.iter().copied().find(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Properties that every object has: its class and its path.
    fn system_property(&self, name: &str) -> Option<String> {
        let (Kind::Class(class) | Kind::Instance(class)) = self.kind else {
            return name.eq_ignore_ascii_case("__CLASS").then(|| "__PARAMETERS".to_owned());
        };
        match name.to_ascii_uppercase().as_str() {
            "__CLASS" => Some(class.name.to_owned()),
            "__PATH" | "__RELPATH" => {
                let row = self.row();
                let key = row.get(class.key).and_then(Value::as_str).unwrap_or_default();
                Some(format!("{}.{}=\"{key}\"", class.name, class.key))
            }
            _ => None,
        }
    }
}

impl IWbemClassObject_Impl for Object_Impl {
    fn Get(&self, name: &PCWSTR, _flags: i32, value: *mut VARIANT, kind: *mut i32, flavor: *mut i32) -> Result<()> {
        // SAFETY: the caller's text has its end.
        let name = unsafe { name.to_string() }.unwrap_or_default();
        let (found, cim) = match (self.find(&name), self.system_property(&name)) {
            (Some((name, cim)), _) => (variant(self.row().get(name)), cim),
            (None, Some(text)) => (VARIANT::from(text.as_str()), CIM_STRING.0),
            (None, None) => return Err(HRESULT(WBEM_E_NOT_FOUND.0).into()),
        };
        // SAFETY: each of the caller's places is null or may be written; they hold nothing that must be freed.
        unsafe {
            put(value, found);
            put(kind, cim);
            put(flavor, 0);
        }
        Ok(())
    }

    fn Put(&self, name: &PCWSTR, _flags: i32, value: *const VARIANT, _kind: i32) -> Result<()> {
        // SAFETY: the caller's text has its end.
        let name = unsafe { name.to_string() }.unwrap_or_default();
        let (name, _) = self.find(&name).ok_or(HRESULT(WBEM_E_NOT_FOUND.0))?;
        // SAFETY: the caller's variant is null or alive.
        let value = unsafe { value.as_ref() }.map_or(Some(Value::Null), json).ok_or(HRESULT(WBEM_E_TYPE_MISMATCH.0))?;
        if let Ok(mut row) = self.row.lock() {
            row.insert(name.to_owned(), value);
        }
        Ok(())
    }

    fn GetNames(
        &self,
        _qualifier: &PCWSTR,
        _flags: WBEM_CONDITION_FLAG_TYPE,
        _value: *const VARIANT,
    ) -> Result<*mut SAFEARRAY> {
        let len = u32::try_from(self.properties.len()).unwrap_or(0);
        // SAFETY: the array is new, has `len` elements, and takes a copy of each text.
        unsafe {
            let names = SafeArrayCreateVector(VT_BSTR, 0, len);
            for (at, (name, _)) in (0..).zip(&self.properties) {
                let name = BSTR::from(*name);
                SafeArrayPutElement(names, &raw const at, name.as_ptr().cast())?;
            }
            Ok(names)
        }
    }

    fn BeginEnumeration(&self, _flags: i32) -> Result<()> {
        self.at.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn Next(&self, _flags: i32, name: *mut BSTR, value: *mut VARIANT, kind: *mut i32, flavor: *mut i32) -> Result<()> {
        let at = self.at.fetch_add(1, Ordering::Relaxed);
        let Some((found, cim)) = self.properties.get(at) else { return Err(HRESULT(WBEM_S_NO_MORE_DATA.0).into()) };
        // SAFETY: each of the caller's places is null or may be written; they hold nothing that must be freed.
        unsafe {
            put(name, BSTR::from(*found));
            put(value, variant(self.row().get(*found)));
            put(kind, *cim);
            put(flavor, 0);
        }
        Ok(())
    }

    fn EndEnumeration(&self) -> Result<()> {
        Ok(())
    }

    fn Clone(&self) -> Result<IWbemClassObject> {
        Ok(Object::new(self.kind, self.properties.clone(), self.row()).into())
    }

    fn SpawnInstance(&self, _flags: i32) -> Result<IWbemClassObject> {
        let kind = if let Kind::Class(class) = self.kind { Kind::Instance(class) } else { self.kind };
        Ok(Object::new(kind, self.properties.clone(), Row::new()).into())
    }

    fn InheritsFrom(&self, ancestor: &PCWSTR) -> Result<()> {
        // SAFETY: the caller's text has its end.
        let ancestor = unsafe { ancestor.to_string() }.unwrap_or_default();
        let same = self.system_property("__CLASS").is_some_and(|class| class.eq_ignore_ascii_case(&ancestor));
        if same { Ok(()) } else { Err(S_FALSE.into()) }
    }

    fn GetMethod(
        &self,
        name: &PCWSTR,
        _flags: i32,
        inputs: OutRef<IWbemClassObject>,
        outputs: OutRef<IWbemClassObject>,
    ) -> Result<()> {
        // SAFETY: the caller's text has its end.
        let name = unsafe { name.to_string() }.unwrap_or_default();
        let Kind::Class(class) = self.kind else { return Err(HRESULT(WBEM_E_NOT_FOUND.0).into()) };
        let found = class.methods.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        let (_, parameters) = found.ok_or(HRESULT(WBEM_E_NOT_FOUND.0))?;
        if !inputs.is_null() {
            // A method without inputs has no list of them.
            let list = Object::new(Kind::Parameters, parameters.to_vec(), Row::new());
            inputs.write((!parameters.is_empty()).then(|| list.into()))?;
        }
        if !outputs.is_null() {
            outputs.write(Some(Object::new(Kind::Parameters, OUTPUT.to_vec(), Row::new()).into()))?;
        }
        Ok(())
    }

    fn GetQualifierSet(&self) -> Result<IWbemQualifierSet> {
        not_played()
    }
    fn Delete(&self, _name: &PCWSTR) -> Result<()> {
        not_played()
    }
    fn GetPropertyQualifierSet(&self, _name: &PCWSTR) -> Result<IWbemQualifierSet> {
        not_played()
    }
    fn GetObjectText(&self, _flags: i32) -> Result<BSTR> {
        not_played()
    }
    fn SpawnDerivedClass(&self, _flags: i32) -> Result<IWbemClassObject> {
        not_played()
    }
    fn CompareTo(&self, _flags: WBEM_COMPARISON_FLAG, _other: Ref<IWbemClassObject>) -> Result<()> {
        not_played()
    }
    fn GetPropertyOrigin(&self, _name: &PCWSTR) -> Result<BSTR> {
        not_played()
    }
    fn PutMethod(
        &self,
        _name: &PCWSTR,
        _flags: i32,
        _inputs: Ref<IWbemClassObject>,
        _outputs: Ref<IWbemClassObject>,
    ) -> Result<()> {
        not_played()
    }
    fn DeleteMethod(&self, _name: &PCWSTR) -> Result<()> {
        not_played()
    }
    fn BeginMethodEnumeration(&self, _flags: i32) -> Result<()> {
        not_played()
    }
    fn NextMethod(
        &self,
        _flags: i32,
        _name: *mut BSTR,
        _inputs: OutRef<IWbemClassObject>,
        _outputs: OutRef<IWbemClassObject>,
    ) -> Result<()> {
        not_played()
    }
    fn EndMethodEnumeration(&self) -> Result<()> {
        not_played()
    }
    fn GetMethodQualifierSet(&self, _name: &PCWSTR) -> Result<IWbemQualifierSet> {
        not_played()
    }
    fn GetMethodOrigin(&self, _name: &PCWSTR) -> Result<BSTR> {
        not_played()
    }
}

/// The instances a query found, handed out one after the other.
#[implement(IEnumWbemClassObject)]
pub(super) struct Found {
    objects: Vec<IWbemClassObject>,
    at: AtomicUsize,
}

impl Found {
    pub(super) fn new(objects: Vec<IWbemClassObject>) -> Self {
        Self { objects, at: AtomicUsize::new(0) }
    }
}

impl IEnumWbemClassObject_Impl for Found_Impl {
    fn Reset(&self) -> Result<()> {
        self.at.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn Next(&self, _timeout: i32, count: u32, objects: *mut Option<IWbemClassObject>, returned: *mut u32) -> HRESULT {
        if objects.is_null() || returned.is_null() {
            return E_POINTER;
        }
        let mut given = 0;
        while given < count {
            let Some(object) = self.objects.get(self.at.fetch_add(1, Ordering::Relaxed)) else { break };
            // SAFETY: the caller has room for `count` objects, and nothing in it must be freed.
            unsafe { objects.add(given as usize).write(Some(object.clone())) };
            given += 1;
        }
        // SAFETY: checked above.
        unsafe { *returned = given };
        if given == count { S_OK } else { S_FALSE }
    }

    fn NextAsync(&self, _count: u32, _sink: Ref<IWbemObjectSink>) -> HRESULT {
        windows::Win32::Foundation::E_NOTIMPL
    }

    fn Clone(&self) -> Result<IEnumWbemClassObject> {
        let at = AtomicUsize::new(self.at.load(Ordering::Relaxed));
        Ok(Found { objects: self.objects.clone(), at }.into())
    }

    fn Skip(&self, _timeout: i32, count: u32) -> HRESULT {
        let before = self.at.fetch_add(count as usize, Ordering::Relaxed);
        if before + count as usize <= self.objects.len() { S_OK } else { S_FALSE }
    }
}

/// Writes to a place that may be null, and does not free what was there.
///
/// # Safety
///
/// `place` is null or may be written.
unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: as the caller promises.
        unsafe { ptr::write(place, value) };
    }
}

/// WMI hands 32-bit numbers out as signed ones, whatever their type says.
fn variant(value: Option<&Value>) -> VARIANT {
    match value {
        Some(Value::Bool(flag)) => VARIANT::from(*flag),
        Some(Value::Number(number)) => {
            let word = number.as_i64().unwrap_or(0);
            VARIANT::from(u32::try_from(word).map_or(0, u32::cast_signed))
        }
        Some(Value::String(text)) => VARIANT::from(text.as_str()),
        _ => {
            let mut null = VARIANT::default();
            // SAFETY: an empty variant holds nothing that the tag tells of.
            unsafe { (*null.Anonymous.Anonymous).vt = VT_NULL };
            null
        }
    }
}

/// The value in a variant; nothing for a type that no property here has.
pub(super) fn json(value: &VARIANT) -> Option<Value> {
    // SAFETY: the tag says which member of the union is there.
    unsafe {
        let inner = &value.Anonymous.Anonymous;
        match inner.vt {
            VT_BOOL => Some(inner.Anonymous.boolVal.as_bool().into()),
            VT_BSTR => Some(inner.Anonymous.bstrVal.to_string().into()),
            VT_I4 => Some(inner.Anonymous.lVal.into()),
            VT_NULL => Some(Value::Null),
            _ => None,
        }
    }
}
