//! Tokens and UAC.

#![expect(unsafe_code, reason = "system calls with structures")]

use std::ffi::{OsStr, OsString, c_void};
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::ptr;

use windows::Win32::Foundation::{CloseHandle, ERROR_CANCELLED, HANDLE};
use windows::Win32::Security::{
    GetTokenInformation, TOKEN_ELEVATION, TOKEN_ELEVATION_TYPE, TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TokenElevation,
    TokenElevationType, TokenElevationTypeLimited,
};
use windows::Win32::System::Threading::{
    GetCurrentProcess, GetExitCodeProcess, INFINITE, OpenProcessToken, WaitForSingleObject,
};
use windows::Win32::UI::Shell::{
    SEE_MASK_NO_CONSOLE, SEE_MASK_NOASYNC, SEE_MASK_NOCLOSEPROCESS, SHELLEXECUTEINFOW, ShellExecuteExW,
};
use windows::Win32::UI::WindowsAndMessaging::SW_HIDE;
use windows::core::{HSTRING, PCWSTR, w};

use super::Rights;

pub(super) const ADVICE: &str = "the same command in a terminal that was started as administrator";

pub(super) fn of_this_process() -> Rights {
    let mut token = HANDLE::default();
    // SAFETY: the pseudo handle of this process is always valid, and `token` outlives the call.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) }.is_err() {
        return Rights::User;
    }
    let elevation: Option<TOKEN_ELEVATION> = ask(token, TokenElevation);
    let kind: Option<TOKEN_ELEVATION_TYPE> = ask(token, TokenElevationType);
    // SAFETY: the token is open and not used any more.
    let _ = unsafe { CloseHandle(token) };
    match (elevation, kind) {
        (Some(TOKEN_ELEVATION { TokenIsElevated: 1.. }), _) => Rights::Administrator,
        (_, Some(kind)) if kind == TokenElevationTypeLimited => Rights::MayElevate,
        _ => Rights::User,
    }
}

/// One fixed-size answer about a token.
fn ask<T: Default>(token: HANDLE, what: TOKEN_INFORMATION_CLASS) -> Option<T> {
    let mut answer = T::default();
    let (room, mut len) = (u32::try_from(size_of::<T>()).ok()?, 0);
    // SAFETY: `answer` is as long as `room` says and made of plain numbers.
    let asked =
        unsafe { GetTokenInformation(token, what, Some((&raw mut answer).cast::<c_void>()), room, &raw mut len) };
    asked.is_ok().then_some(answer)
}

pub(super) fn run_elevated(arguments: &[OsString]) -> io::Result<u32> {
    let program = HSTRING::from(std::env::current_exe()?.as_os_str());
    let line = command_line(arguments);
    let mut what = SHELLEXECUTEINFOW {
        cbSize: u32::try_from(size_of::<SHELLEXECUTEINFOW>()).unwrap_or_default(),
        // This thread answers no messages, so the shell must be done when the call is.
        fMask: SEE_MASK_NOCLOSEPROCESS | SEE_MASK_NO_CONSOLE | SEE_MASK_NOASYNC,
        lpVerb: w!("runas"),
        lpFile: PCWSTR(program.as_ptr()),
        lpParameters: PCWSTR(line.as_ptr()),
        // The other process speaks in this one's console: its own would be an empty window beside it.
        nShow: SW_HIDE.0,
        ..SHELLEXECUTEINFOW::default()
    };
    // SAFETY: the structure is filled, and the texts in it outlive the call.
    unsafe { ShellExecuteExW(&raw mut what) }.map_err(|error| {
        let refused = error.code() == ERROR_CANCELLED.to_hresult();
        if refused { io::ErrorKind::PermissionDenied.into() } else { io::Error::from(error) }
    })?;
    let mut code = 0;
    // SAFETY: the shell gave this handle to us; it is closed once.
    unsafe {
        WaitForSingleObject(what.hProcess, INFINITE);
        GetExitCodeProcess(what.hProcess, ptr::from_mut(&mut code))?;
        let _ = CloseHandle(what.hProcess);
    }
    Ok(code)
}

/// The arguments as one line with its end, as CommandLineToArgvW takes it apart again.
fn command_line(arguments: &[OsString]) -> Vec<u16> {
    let mut line = Vec::new();
    for argument in arguments {
        if !line.is_empty() {
            line.push(u16::from(b' '));
        }
        quote(argument, &mut line);
    }
    line.push(0);
    line
}

/// Puts an argument in quotes. Backslashes count only in front of a quote, where each must be doubled.
fn quote(argument: &OsStr, line: &mut Vec<u16>) {
    let (quote, backslash) = (u16::from(b'"'), u16::from(b'\\'));
    let mut backslashes = 0;
    line.push(quote);
    for unit in argument.encode_wide() {
        if unit == quote {
            line.extend(std::iter::repeat_n(backslash, backslashes + 1));
        }
        backslashes = if unit == backslash { backslashes + 1 } else { 0 };
        line.push(unit);
    }
    line.extend(std::iter::repeat_n(backslash, backslashes));
    line.push(quote);
}

#[cfg(test)]
mod tests {
    use windows::Win32::Foundation::{HLOCAL, LocalFree};
    use windows::Win32::UI::Shell::CommandLineToArgvW;

    use super::*;

    /// What a program gets of a line; in front of it stands the program's own name, which has rules of its own.
    fn taken_apart(line: &[u16]) -> Vec<String> {
        let line: Vec<u16> = "keystow.exe ".encode_utf16().chain(line.iter().copied()).collect();
        let mut count = 0;
        // SAFETY: the line has its end; the answer has as many texts as `count` says, and is freed once.
        unsafe {
            let texts = CommandLineToArgvW(PCWSTR(line.as_ptr()), &raw mut count);
            let arguments = (1..usize::try_from(count).unwrap()).map(|at| (*texts.add(at)).to_string().unwrap());
            let arguments = arguments.collect();
            let _ = LocalFree(Some(HLOCAL(texts.cast())));
            arguments
        }
    }

    #[test]
    fn windows_takes_apart_what_was_put_together() {
        // Every text of four of these characters, each between two others.
        const SIGNS: [char; 4] = ['"', '\\', ' ', 'a'];
        for number in 0..4_usize.pow(4) {
            let middle: String = (0..4).map(|at| SIGNS[number >> (2 * at) & 3]).collect();
            for middle in [&middle, &middle[1..], &middle[3..], ""] {
                let arguments = ["first", middle, r"C:\last dir\"];
                let line = command_line(&arguments.map(OsString::from));
                assert_eq!(taken_apart(&line), arguments);
            }
        }
    }

    #[test]
    fn arguments_survive_the_one_line_they_travel_in() {
        let line = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            String::from_utf16(&command_line(&arguments)).unwrap()
        };
        assert_eq!(line(&["restore", "k1"]), "\"restore\" \"k1\"\0");
        assert_eq!(line(&["", "a b"]), "\"\" \"a b\"\0");
        assert_eq!(line(&[r"C:\dir\", r#"say "hi""#, r#"\""#]), "\"C:\\dir\\\\\" \"say \\\"hi\\\"\" \"\\\\\\\"\"\0");
    }
}
