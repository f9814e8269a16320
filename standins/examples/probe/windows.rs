//! The questions.

#![expect(unsafe_code, reason = "system calls")]
#![expect(clippy::print_stdout, reason = "what it is for")]

use std::ffi::c_void;
use std::time::Duration;

use keystow_os::licensing::{self, Action, Licenses, LicensingError};
use serde_json::{Value, json};
use windows::Win32::Foundation::{CloseHandle, GetLastError, HANDLE};
use windows::Win32::Security::{
    GetTokenInformation, TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TokenElevation, TokenElevationType,
};
use windows::Win32::System::Console::GetConsoleProcessList;
use windows::Win32::System::SystemInformation::{
    EnumSystemFirmwareTables, FIRMWARE_TABLE_PROVIDER, GetSystemFirmwareTable,
};
use windows::Win32::System::Threading::{
    GetCurrentProcess, GetExitCodeProcess, INFINITE, OpenProcessToken, WaitForSingleObject,
};
use windows::Win32::UI::Shell::{SEE_MASK_NOCLOSEPROCESS, SHELLEXECUTEINFOW, ShellExecuteExW};
use windows::core::{HSTRING, PCWSTR};

/// Long enough for what answers, short enough for a test of what hangs.
const LIMIT: Duration = Duration::from_secs(2);

pub(crate) fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let act = |action| refused(licensing::act(action, LIMIT)).unwrap_or_else(|()| json!("done"));
    let answer = match args.as_slice() {
        ["activate", product] => act(Action::Activate((*product).to_owned())),
        ["clear"] => act(Action::ClearFromRegistry),
        ["console"] => json!(console()),
        ["deposit", product, installation_id, confirmation_id] => act(Action::Deposit {
            product: (*product).to_owned(),
            installation_id: (*installation_id).to_owned(),
            confirmation_id: (*confirmation_id).to_owned(),
        }),
        ["exit", code] => std::process::exit(code.parse().unwrap_or(1)),
        ["install", key] => act(Action::Install((*key).to_owned().into())),
        ["installation-id", product] => match licensing::installation_id(product) {
            Ok(id) => json!(id),
            Err(error) => words(&error),
        },
        ["look"] => match licensing::look() {
            Ok(licenses) => shown(&licenses),
            Err(error) => words(&error),
        },
        ["refresh"] => act(Action::Refresh),
        ["run", verb, file, parameters] => run(verb, file, parameters),
        ["table", provider, name] => table(provider, name),
        ["tables"] => tables(),
        ["token"] => json!([token(TokenElevation), token(TokenElevationType)]),
        ["uninstall", product] => act(Action::Uninstall((*product).to_owned())),
        _ => json!("what?"),
    };
    println!("{answer}");
}

fn refused(done: Result<(), LicensingError>) -> Result<Value, ()> {
    done.err().map(|error| words(&error)).ok_or(())
}

fn words(error: &LicensingError) -> Value {
    json!({"error": error.to_string()})
}

fn shown(licenses: &Licenses) -> Value {
    let products = licenses.products.iter().map(|product| {
        json!({
            "ID": product.id,
            "ApplicationID": product.application,
            "Name": product.name,
            "Description": product.description,
            "PartialProductKey": product.partial_key,
            "ProductKeyChannel": product.channel,
            "LicenseFamily": product.family,
            "LicenseStatus": product.status,
            "LicenseStatusReason": product.reason,
            "GracePeriodRemaining": product.grace_minutes,
            "LicenseIsAddon": product.addon,
        })
    });
    json!({
        "way": format!("{:?}", licenses.way),
        "products": products.collect::<Vec<_>>(),
        "firmware_key": licenses.firmware_key.as_ref().map(|key| key.get(24..)),
        "firmware_description": licenses.firmware_description,
    })
}

fn provider(name: &str) -> FIRMWARE_TABLE_PROVIDER {
    FIRMWARE_TABLE_PROVIDER(name.bytes().fold(0, |word, byte| word << 8 | u32::from(byte)))
}

/// Asks for the length first, as programs do.
fn table(provider_name: &str, name: &str) -> Value {
    let id = name.bytes().rev().fold(0, |word, byte| word << 8 | u32::from(byte));
    // SAFETY: both calls get a buffer of the length that is told.
    unsafe {
        let len = GetSystemFirmwareTable(provider(provider_name), id, None);
        if len == 0 {
            return json!({"error": GetLastError().0});
        }
        let mut bytes = vec![0; len as usize];
        let len = GetSystemFirmwareTable(provider(provider_name), id, Some(&mut bytes));
        bytes.truncate(len as usize);
        json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

fn tables() -> Value {
    let mut bytes = vec![0; 4096];
    // SAFETY: the buffer has the length that is told.
    let len = unsafe { EnumSystemFirmwareTables(provider("ACPI"), Some(&mut bytes)) };
    bytes.truncate(len as usize);
    json!(bytes.chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>())
}

fn token(class: TOKEN_INFORMATION_CLASS) -> u32 {
    let (mut token, mut word, mut len) = (HANDLE::default(), 0_u32, 0);
    // SAFETY: the token is open, and both classes are one 32-bit word.
    unsafe {
        let done = OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token)
            .and_then(|()| GetTokenInformation(token, class, Some((&raw mut word).cast::<c_void>()), 4, &raw mut len));
        let _ = CloseHandle(token);
        if done.is_ok() && len == 4 { word } else { u32::MAX }
    }
}

/// Runs a program or opens an address by the shell, and waits for a program.
fn run(verb: &str, file: &str, parameters: &str) -> Value {
    let [verb, file, parameters] = [verb, file, parameters].map(HSTRING::from);
    let mut info = SHELLEXECUTEINFOW {
        cbSize: size_of::<SHELLEXECUTEINFOW>() as u32,
        fMask: SEE_MASK_NOCLOSEPROCESS,
        lpVerb: PCWSTR(verb.as_ptr()),
        lpFile: PCWSTR(file.as_ptr()),
        lpParameters: PCWSTR(parameters.as_ptr()),
        ..Default::default()
    };
    // SAFETY: the texts outlive the call, and the process is waited for and closed.
    unsafe {
        if let Err(error) = ShellExecuteExW(&raw mut info) {
            return json!({"error": error.code().0.cast_unsigned() & 0xFFFF});
        }
        if info.hProcess.is_invalid() {
            return json!("opened");
        }
        let mut code = 0;
        WaitForSingleObject(info.hProcess, INFINITE);
        let ended = GetExitCodeProcess(info.hProcess, &raw mut code);
        let _ = CloseHandle(info.hProcess);
        json!({"ended": ended.is_ok(), "code": code})
    }
}

fn console() -> u32 {
    // SAFETY: the list has the length that is told.
    unsafe { GetConsoleProcessList(&mut [0; 8]) }
}
