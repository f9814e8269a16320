//! Functions of Windows itself that the scenario answers: firmware tables, rights, UAC, the console.

use std::ffi::c_void;

use serde_json::{Value, json};
use windows::Win32::Foundation::{
    CloseHandle, ERROR_CANCELLED, ERROR_INSUFFICIENT_BUFFER, ERROR_NOT_FOUND, GetLastError, HANDLE, HINSTANCE,
    SetLastError, WIN32_ERROR,
};
use windows::Win32::Security::{
    GetTokenInformation, TOKEN_INFORMATION_CLASS, TokenElevation, TokenElevationType, TokenElevationTypeDefault,
    TokenElevationTypeFull, TokenElevationTypeLimited,
};
use windows::Win32::System::Console::GetConsoleProcessList;
use windows::Win32::System::SystemInformation::{
    EnumSystemFirmwareTables, FIRMWARE_TABLE_PROVIDER, GetSystemFirmwareTable,
};
use windows::Win32::System::Threading::{
    CREATE_UNICODE_ENVIRONMENT, CreateProcessW, PROCESS_INFORMATION, STARTF_USESTDHANDLES, STARTUPINFOW,
};
use windows::Win32::UI::Shell::{SEE_MASK_NOCLOSEPROCESS, SHELLEXECUTEINFOW};
use windows::core::{BOOL, HSTRING, PCWSTR, PWSTR};

use crate::imports;
use crate::scenario::{ELEVATED, Scenario, log};

const ACPI: u32 = u32::from_be_bytes(*b"ACPI");
const RSMB: u32 = u32::from_be_bytes(*b"RSMB");
/// `RawSMBIOSData`: calling method, version 3.3, DMI revision; the length of the structures follows.
const SMBIOS_HEADER: [u8; 4] = [0, 3, 3, 0];

/// Replaces what the scenario names; everything else stays real.
pub(crate) fn replace(scenario: &Scenario) {
    let mut replacements: Vec<imports::Replacement> = Vec::new();
    if scenario.get("firmware").is_some() || scenario.get("smbios").is_some() {
        replacements.push((c"GetSystemFirmwareTable", firmware_table as *const c_void));
        replacements.push((c"EnumSystemFirmwareTables", firmware_tables as *const c_void));
    }
    if scenario.get("rights").is_some() {
        replacements.push((c"GetTokenInformation", token_information as *const c_void));
    }
    if scenario.get("uac").is_some() {
        replacements.push((c"ShellExecuteExW", shell_execute as *const c_void));
    }
    if scenario.get("console_processes").is_some() {
        replacements.push((c"GetConsoleProcessList", console_processes as *const c_void));
    }
    if !replacements.is_empty() {
        imports::replace(&replacements);
    }
}

/// `GetSystemFirmwareTable`: the tables of the scenario, and no other ACPI table.
unsafe extern "system" fn firmware_table(provider: u32, table: u32, buffer: *mut u8, size: u32) -> u32 {
    let scenario = Scenario::read();
    let bytes = match provider {
        ACPI if scenario.get("firmware").is_some() => {
            let name = String::from_utf8_lossy(&table.to_le_bytes()).into_owned();
            log("system", "GetSystemFirmwareTable", &[&name]);
            scenario.get("firmware").and_then(|tables| hex(tables.get(&name)?))
        }
        RSMB if scenario.get("smbios").is_some() => scenario.get("smbios").and_then(hex).map(|structures| {
            let len = u32::try_from(structures.len()).unwrap_or(u32::MAX);
            [&SMBIOS_HEADER, len.to_le_bytes().as_slice(), &structures].concat()
        }),
        // SAFETY: the caller's own buffer, passed on.
        _ => unsafe {
            let buffer = (!buffer.is_null()).then(|| std::slice::from_raw_parts_mut(buffer, size as usize));
            return GetSystemFirmwareTable(FIRMWARE_TABLE_PROVIDER(provider), table, buffer);
        },
    };
    // SAFETY: the caller owns `size` bytes at `buffer`.
    unsafe { answer(bytes, buffer, size) }
}

/// `EnumSystemFirmwareTables`: the names of the ACPI tables, four bytes each.
unsafe extern "system" fn firmware_tables(provider: u32, buffer: *mut u8, size: u32) -> u32 {
    let scenario = Scenario::read();
    let Some(tables) = scenario.get("firmware").and_then(Value::as_object).filter(|_| provider == ACPI) else {
        // SAFETY: the caller's own buffer, passed on.
        return unsafe {
            let buffer = (!buffer.is_null()).then(|| std::slice::from_raw_parts_mut(buffer, size as usize));
            EnumSystemFirmwareTables(FIRMWARE_TABLE_PROVIDER(provider), buffer)
        };
    };
    // SAFETY: the caller owns `size` bytes at `buffer`.
    unsafe { answer(Some(tables.keys().flat_map(|name| name.bytes()).collect()), buffer, size) }
}

/// Both functions give the length that is needed, and write nothing into a buffer that is too small.
///
/// # Safety
///
/// `buffer` is null or has `size` bytes.
unsafe fn answer(bytes: Option<Vec<u8>>, buffer: *mut u8, size: u32) -> u32 {
    let Some(bytes) = bytes else {
        fail(ERROR_NOT_FOUND);
        return 0;
    };
    if buffer.is_null() || (size as usize) < bytes.len() {
        fail(ERROR_INSUFFICIENT_BUFFER);
    } else {
        // SAFETY: the buffer is large enough, and nothing of ours lies in it.
        unsafe { buffer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
    u32::try_from(bytes.len()).unwrap_or(0)
}

/// `GetTokenInformation`: elevation as the scenario says, everything else from Wine.
unsafe extern "system" fn token_information(
    token: HANDLE,
    class: TOKEN_INFORMATION_CLASS,
    buffer: *mut c_void,
    len: u32,
    needed: *mut u32,
) -> BOOL {
    let scenario = Scenario::read();
    let (elevated, kind) = match scenario.rights() {
        "may-elevate" => (0, TokenElevationTypeLimited),
        "user" => (0, TokenElevationTypeDefault),
        _ => (1, TokenElevationTypeFull),
    };
    let word = match class {
        class if class == TokenElevation => elevated,
        class if class == TokenElevationType => kind.0,
        // SAFETY: the caller's own arguments, passed on.
        _ => return unsafe { GetTokenInformation(token, class, Some(buffer), len, needed) }.is_ok().into(),
    };
    // SAFETY: both classes are one 32-bit word, and the caller says how long its buffer is.
    unsafe {
        if !needed.is_null() {
            *needed = size_of::<i32>() as u32;
        }
        if buffer.is_null() || (len as usize) < size_of::<i32>() {
            fail(ERROR_INSUFFICIENT_BUFFER);
            return false.into();
        }
        buffer.cast::<i32>().write_unaligned(word);
    }
    true.into()
}

/// `ShellExecuteExW`: notes what was asked for. What is to run as administrator runs, or the person refuses.
unsafe extern "system" fn shell_execute(info: *mut SHELLEXECUTEINFOW) -> BOOL {
    // SAFETY: the caller's structure; its texts are null or have their ends.
    let (verb, file, parameters) = unsafe {
        let info = &mut *info;
        info.hInstApp = HINSTANCE(42 as *mut c_void);
        (words(info.lpVerb), words(info.lpFile), words(info.lpParameters))
    };
    log("system", "ShellExecuteExW", &[&verb, &file, &parameters]);
    if verb != "runas" {
        return true.into();
    }
    if Scenario::read().word("uac") == "no" {
        fail(ERROR_CANCELLED);
        return false.into();
    }
    // SAFETY: only this thread changes the environment, and it is the only one that reads it meanwhile.
    unsafe { std::env::set_var(ELEVATED, "1") };
    let started = start(&file, &parameters);
    // SAFETY: as above.
    unsafe { std::env::remove_var(ELEVATED) };
    let Ok(process) = started else {
        // SAFETY: it only reads the thread's own state.
        fail(unsafe { GetLastError() });
        return false.into();
    };
    // SAFETY: the caller's structure; it closes the process when it asked for it.
    unsafe {
        if (*info).fMask & SEE_MASK_NOCLOSEPROCESS == 0 {
            let _ = CloseHandle(process);
        } else {
            (*info).hProcess = process;
        }
    }
    true.into()
}

/// `GetConsoleProcessList`: only its number can be chosen.
unsafe extern "system" fn console_processes(list: *mut u32, len: u32) -> u32 {
    let scenario = Scenario::read();
    // SAFETY: the caller owns `len` numbers at `list`.
    let slice = unsafe { std::slice::from_raw_parts_mut(list, len as usize) };
    match scenario.get("console_processes").unwrap_or(&json!(null)).as_u64() {
        Some(count) => {
            slice.iter_mut().take(usize::try_from(count).unwrap_or(0)).for_each(|id| *id = std::process::id());
            u32::try_from(count).unwrap_or(0)
        }
        // SAFETY: the caller's own arguments, passed on.
        None => unsafe { GetConsoleProcessList(slice) },
    }
}

fn start(file: &str, parameters: &str) -> windows::core::Result<HANDLE> {
    let mut line: Vec<u16> = format!("\"{file}\" {parameters}").encode_utf16().chain([0]).collect();
    // What runs as administrator shares no input and output with who asked for it.
    let cb = size_of::<STARTUPINFOW>() as u32;
    let startup = STARTUPINFOW { cb, dwFlags: STARTF_USESTDHANDLES, ..Default::default() };
    let mut process = PROCESS_INFORMATION::default();
    // SAFETY: the texts have their ends, and everything pointed to outlives the call.
    unsafe {
        CreateProcessW(
            &HSTRING::from(file),
            Some(PWSTR(line.as_mut_ptr())),
            None,
            None,
            false,
            CREATE_UNICODE_ENVIRONMENT,
            None,
            PCWSTR::null(),
            &raw const startup,
            &raw mut process,
        )?;
        let _ = CloseHandle(process.hThread);
    }
    Ok(process.hProcess)
}

fn fail(error: WIN32_ERROR) {
    // SAFETY: it only writes the thread's own state.
    unsafe { SetLastError(error) };
}

/// # Safety
///
/// `text` is null or has its end.
unsafe fn words(text: PCWSTR) -> String {
    // SAFETY: as the caller promises.
    if text.is_null() { String::new() } else { unsafe { text.to_string() }.unwrap_or_default() }
}

/// The bytes of a member in hexadecimal digits.
fn hex(value: &Value) -> Option<Vec<u8>> {
    let (pairs, rest) = value.as_str()?.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect::<Option<Vec<u8>>>().filter(|_| rest.is_empty())
}
