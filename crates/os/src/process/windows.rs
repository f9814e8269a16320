//! Consoles and the hardening of a process on Windows.
//!
//! The code page of a console stays as it is: the standard library writes to consoles in UTF-16 and so do we, and a
//! changed one would stay behind when Ctrl-C ends the program.
//!
//! Source: Microsoft, "SetProcessMitigationPolicy", "WerSetFlags", "High-Level Console Modes".

#![expect(unsafe_code, reason = "system calls about this process and its console")]

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::windows::io::{AsRawHandle, IntoRawHandle};
use std::sync::{Condvar, Mutex, PoisonError};

use windows::Win32::Foundation::{HANDLE, TRUE};
use windows::Win32::System::Console::{
    AttachConsole, CONSOLE_MODE, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT,
    ENABLE_VIRTUAL_TERMINAL_INPUT, ENABLE_VIRTUAL_TERMINAL_PROCESSING, FlushConsoleInputBuffer, FreeConsole,
    GetConsoleMode, GetConsoleOutputCP, GetConsoleProcessList, GetStdHandle, ReadConsoleW, STD_ERROR_HANDLE,
    STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleCtrlHandler, SetConsoleMode, SetStdHandle,
    WriteConsoleW,
};
use windows::Win32::System::Diagnostics::Debug::{SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SetErrorMode};
use windows::Win32::System::ErrorReporting::{WER_FAULT_REPORTING_FLAG_NOHEAP, WerSetFlags};
use windows::Win32::System::LibraryLoader::{LOAD_LIBRARY_SEARCH_SYSTEM32, SetDefaultDllDirectories};
use windows::Win32::System::Memory::{HEAP_INFORMATION_CLASS, HeapSetInformation};
use windows::Win32::System::Threading::{
    PROCESS_MITIGATION_POLICY, ProcessExtensionPointDisablePolicy, ProcessImageLoadPolicy, SetProcessMitigationPolicy,
};
use windows::core::BOOL;
use zeroize::{Zeroize, Zeroizing};

/// Whether somebody asked this process to end.
static STOP: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

const UTF_8: u32 = 65001;
/// A passphrase longer than this is not typed by a person.
const LONGEST: usize = 1024;
/// `HeapEnableTerminationOnCorruption`.
const TERMINATION: HEAP_INFORMATION_CLASS = HEAP_INFORMATION_CLASS(1);
/// `PROCESS_MITIGATION_IMAGE_LOAD_POLICY`: no DLL from another computer (1), none that a restricted program wrote (2), and
/// the system's own first (4).
const IMAGES: u32 = 7;
/// `PROCESS_MITIGATION_EXTENSION_POINT_DISABLE_POLICY`: no DLL that other programs ask to have in every process.
const EXTENSIONS: u32 = 1;
const CTRL_C: u16 = 0x03;
const CTRL_U: u16 = 0x15;
const CTRL_Z: u16 = 0x1A;

/// The output of the console that this process began in, and what it was set to.
#[derive(Debug)]
pub(super) struct ConsoleBefore {
    output: Option<(File, CONSOLE_MODE)>,
}

pub(super) fn wait_for_stop() -> io::Result<()> {
    // SAFETY: the function stands as long as the process, and touches nothing but a static of ours.
    unsafe { SetConsoleCtrlHandler(Some(asked_to_stop), true) }?;
    let mut asked = STOP.0.lock().unwrap_or_else(PoisonError::into_inner);
    while !*asked {
        asked = STOP.1.wait(asked).unwrap_or_else(PoisonError::into_inner);
    }
    Ok(())
}

/// Called in a thread of its own by the system, on Ctrl-C, a closed console, log-off and shutdown.
extern "system" fn asked_to_stop(_event: u32) -> BOOL {
    *STOP.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    STOP.1.notify_all();
    TRUE
}

pub(super) fn keep_memory() {}

pub(super) fn harden() {
    // SAFETY: none of these takes memory of ours.
    unsafe {
        // A crash shows no dialog, and no report takes along what lies in memory.
        SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
        let _ = WerSetFlags(WER_FAULT_REPORTING_FLAG_NOHEAP);
        // A DLL that lies beside the program in a Downloads folder is never loaded.
        let _ = SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32);
        let _ = HeapSetInformation(None, TERMINATION, None, 0);
    }
    mitigate(ProcessImageLoadPolicy, IMAGES);
    mitigate(ProcessExtensionPointDisablePolicy, EXTENSIONS);
}

fn mitigate(policy: PROCESS_MITIGATION_POLICY, flags: u32) {
    // SAFETY: both policies used here are one u32 of flags, which outlives the call.
    let _ = unsafe { SetProcessMitigationPolicy(policy, (&raw const flags).cast(), size_of::<u32>()) };
}

pub(super) fn prepare_console() -> ConsoleBefore {
    ConsoleBefore { output: show_colors() }
}

fn show_colors() -> Option<(File, CONSOLE_MODE)> {
    let output = File::options().read(true).write(true).open("CONOUT$").ok()?;
    let before = mode(handle(&output)).ok()?;
    // SAFETY: the handle is open.
    unsafe { SetConsoleMode(handle(&output), before | ENABLE_VIRTUAL_TERMINAL_PROCESSING) }.ok()?;
    Some((output, before))
}

impl Drop for ConsoleBefore {
    fn drop(&mut self) {
        if let Some((output, before)) = &self.output {
            // SAFETY: the handle is open. Where this process joined another console meanwhile, its console is gone, the
            // call fails, and the other one stays as its owner set it.
            let _ = unsafe { SetConsoleMode(handle(output), *before) };
        }
    }
}

pub(super) fn console_has_colors() -> bool {
    // What is no console and calls itself a terminal is that of a shell from elsewhere, and has colors.
    std_mode(STD_OUTPUT_HANDLE).is_none_or(|mode| mode.contains(ENABLE_VIRTUAL_TERMINAL_PROCESSING))
}

pub(super) fn readers_know_utf8() -> bool {
    // A console is written to in UTF-16 by the standard library, whatever its code page; without one nobody converts.
    // SAFETY: the call only tells a number.
    let code_page = unsafe { GetConsoleOutputCP() };
    io::stdout().is_terminal() || matches!(code_page, 0 | UTF_8)
}

pub(super) fn owns_console() -> bool {
    // Who starts a program without a window to read its answers gives it a console of its own, too.
    let whole = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE].iter().all(|which| std_mode(*which).is_some());
    // SAFETY: the slice tells its own length.
    whole && unsafe { GetConsoleProcessList(&mut [0; 2]) } == 1
}

pub(super) fn wait_for_key() -> Option<char> {
    let quiet = Quiet::new().ok()?;
    let mut unit = [0];
    quiet.read(&mut unit).ok()?;
    char::decode_utf16(unit).next()?.ok()
}

pub(super) fn join_console(process: u32) -> io::Result<()> {
    // SAFETY: both calls take numbers.
    unsafe {
        let _ = FreeConsole();
        AttachConsole(process)?;
    }
    for (which, name) in [(STD_INPUT_HANDLE, "CONIN$"), (STD_OUTPUT_HANDLE, "CONOUT$"), (STD_ERROR_HANDLE, "CONOUT$")] {
        let file = File::options().read(true).write(true).open(name)?;
        // The handle is to last as long as the process.
        let handle = HANDLE(file.into_raw_handle());
        // SAFETY: the handle is open and is never closed.
        unsafe { SetStdHandle(which, handle) }?;
    }
    Ok(())
}

pub(super) fn ask_secret(prompt: &str) -> io::Result<Zeroizing<String>> {
    // The prompt comes last: what a fast typist types at it must not be echoed, nor dropped by the switch.
    let quiet = Quiet::new()?;
    // SAFETY: the handle is open.
    let _ = unsafe { FlushConsoleInputBuffer(handle(&quiet.input)) };
    quiet.write(prompt)?;
    let line = read_line(|unit| quiet.read(unit));
    let _ = quiet.write("\r\n");
    line
}

/// The console without echo, line editing and Ctrl-C, so that nothing can leave it like that; dropping restores it.
struct Quiet {
    input: File,
    output: File,
    before: CONSOLE_MODE,
}

impl Quiet {
    fn new() -> io::Result<Self> {
        let input = File::options().read(true).write(true).open("CONIN$")?;
        let output = File::options().read(true).write(true).open("CONOUT$")?;
        let before = mode(handle(&input))?;
        // Arrows and function keys must not become escape sequences in a secret.
        let off = ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT | ENABLE_VIRTUAL_TERMINAL_INPUT;
        // SAFETY: the handle is open.
        unsafe { SetConsoleMode(handle(&input), CONSOLE_MODE(before.0 & !off.0)) }?;
        Ok(Self { input, output, before })
    }

    /// Reads what is typed, in UTF-16, and gives how many units there are.
    fn read(&self, units: &mut [u16]) -> io::Result<usize> {
        let mut read = 0;
        let room = u32::try_from(units.len()).unwrap_or(u32::MAX);
        // SAFETY: the handle is open, and the buffer has `room` units.
        unsafe { ReadConsoleW(handle(&self.input), units.as_mut_ptr().cast(), room, &raw mut read, None) }?;
        Ok(read as usize)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let units: Vec<u16> = text.encode_utf16().collect();
        // SAFETY: the handle is open, and the slice tells its own length.
        unsafe { WriteConsoleW(handle(&self.output), &units, None, None) }?;
        Ok(())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: the handle is open.
        let _ = unsafe { SetConsoleMode(handle(&self.input), self.before) };
    }
}

fn handle(file: &File) -> HANDLE {
    HANDLE(file.as_raw_handle())
}

fn std_mode(which: STD_HANDLE) -> Option<CONSOLE_MODE> {
    // SAFETY: the call takes a number.
    mode(unsafe { GetStdHandle(which) }.ok()?).ok()
}

/// How a console is set; an error for what is no console.
fn mode(handle: HANDLE) -> io::Result<CONSOLE_MODE> {
    let mut mode = CONSOLE_MODE(0);
    // SAFETY: `mode` outlives the call, which refuses handles that are none.
    unsafe { GetConsoleMode(handle, &raw mut mode) }?;
    Ok(mode)
}

/// Reads a line unit by unit. A console has no end; where it gives nothing, Ctrl-C or Ctrl-Break was pressed.
fn read_line(mut read: impl FnMut(&mut [u16; 1]) -> io::Result<usize>) -> io::Result<Zeroizing<String>> {
    // Full size from the start: a growing buffer would leave copies of the secret behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut unit = Zeroizing::new([0]);
    loop {
        if read(&mut unit)? == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match *unit {
            [13 | 10 | CTRL_Z] => break,
            [CTRL_C] => return Err(io::ErrorKind::Interrupted.into()),
            [CTRL_U] => line.clear(),
            [8 | 0x7F] => remove_last(&mut line),
            [0] => {}
            [typed] if line.len() < LONGEST => line.push(typed),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the line is too long")),
        }
        unit.zeroize();
    }
    let mut text = Zeroizing::new(String::with_capacity(LONGEST * 3));
    for c in char::decode_utf16(line.iter().copied()) {
        text.push(c.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?);
    }
    Ok(text)
}

/// Removes the last character, which may be a pair of surrogates.
fn remove_last(line: &mut Vec<u16>) {
    let is_pair = matches!(line.as_slice(), [.., 0xD800..=0xDBFF, 0xDC00..=0xDFFF]);
    line.truncate(line.len().saturating_sub(if is_pair { 2 } else { 1 }));
}

#[cfg(test)]
mod tests {
    use std::os::windows::process::CommandExt;
    use std::process::Command;

    use windows::Win32::System::Threading::DETACHED_PROCESS;

    use super::*;

    fn typed(units: &[u16]) -> io::Result<String> {
        let mut units = units.iter();
        let line = read_line(|unit| {
            let next = units.next().copied();
            unit[0] = next.unwrap_or_default();
            Ok(usize::from(next.is_some()))
        });
        line.map(|line| line.as_str().to_owned())
    }

    fn text(text: &str) -> io::Result<String> {
        typed(&text.encode_utf16().collect::<Vec<_>>())
    }

    #[test]
    fn a_line_ends_with_enter_or_ctrl_z() {
        for end in ["\r", "\n", "\x1a", "\rmore"] {
            assert_eq!(text(&format!("Grüße 𝄞{end}")).unwrap(), "Grüße 𝄞");
        }
    }

    #[test]
    fn whole_characters_are_taken_back() {
        assert_eq!(text("a𝄞\x08b\r").unwrap(), "ab");
        assert_eq!(text("ab\x08\x7f\x08c\r").unwrap(), "c");
        assert_eq!(text("wrong\x15right\r").unwrap(), "right");
    }

    #[test]
    fn ctrl_c_half_a_character_and_too_much_are_errors() {
        assert_eq!(text("abc\x03").unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert_eq!(text("abc").unwrap_err().kind(), io::ErrorKind::Interrupted, "half a secret is none");
        assert_eq!(typed(&[0xD834, 13]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(text(&format!("{}\r", "a".repeat(LONGEST))).unwrap().len(), LONGEST);
        assert_eq!(text(&"a".repeat(LONGEST + 1)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn without_a_console_nothing_is_asked_and_nothing_hangs() {
        if File::open("CONIN$").is_ok() {
            // This test again, in a process that has none.
            let mut alone = Command::new(std::env::current_exe().unwrap());
            alone.args(["--exact", "process::sys::tests::without_a_console_nothing_is_asked_and_nothing_hangs"]);
            let ran = alone.creation_flags(DETACHED_PROCESS.0).output().unwrap();
            assert!(ran.status.success() && ran.stdout.windows(8).any(|part| part == b"1 passed"), "{ran:?}");
            return;
        }
        harden();
        assert!(ask_secret("?").is_err());
        assert_eq!(wait_for_key(), None);
        assert!(!owns_console());
        drop(prepare_console());
    }
}
