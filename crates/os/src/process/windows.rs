//! Consoles and the hardening of a process on Windows.

#![expect(unsafe_code, reason = "system calls about this process and its console")]

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;

use windows::Win32::Foundation::HANDLE;
use windows::Win32::System::Console::{
    AttachConsole, CONSOLE_MODE, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT,
    ENABLE_VIRTUAL_TERMINAL_PROCESSING, FreeConsole, GetConsoleCP, GetConsoleMode, GetConsoleOutputCP,
    GetConsoleProcessList, GetStdHandle, ReadConsoleW, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
    SetConsoleCP, SetConsoleMode, SetConsoleOutputCP, SetStdHandle,
};
use windows::Win32::System::Diagnostics::Debug::{SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SetErrorMode};
use windows::Win32::System::LibraryLoader::{LOAD_LIBRARY_SEARCH_SYSTEM32, SetDefaultDllDirectories};
use windows::Win32::System::Memory::{HEAP_INFORMATION_CLASS, HeapSetInformation};
use zeroize::{Zeroize, Zeroizing};

/// A passphrase longer than this is not typed by a person.
const LONGEST: usize = 1024;
const UTF_8: u32 = 65001;
/// `HeapEnableTerminationOnCorruption`.
const TERMINATION: HEAP_INFORMATION_CLASS = HEAP_INFORMATION_CLASS(1);
const CTRL_C: u16 = 0x03;
const CTRL_U: u16 = 0x15;
const CTRL_Z: u16 = 0x1A;

/// What the console was set to.
#[derive(Debug)]
pub(super) struct ConsoleBefore {
    code_pages: (u32, u32),
    output: Option<CONSOLE_MODE>,
}

pub(super) fn harden() {
    // SAFETY: none of these takes memory of ours.
    unsafe {
        // A crash shows no dialog, and no report with the memory of this process is offered to anyone.
        SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
        // A DLL that lies beside the program in a Downloads folder is never loaded.
        let _ = SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32);
        let _ = HeapSetInformation(None, TERMINATION, None, 0);
    }
}

pub(super) fn prepare_console() -> ConsoleBefore {
    // SAFETY: these calls take and give numbers; without a console they fail and change nothing.
    unsafe {
        let code_pages = (GetConsoleCP(), GetConsoleOutputCP());
        let _ = SetConsoleCP(UTF_8);
        let _ = SetConsoleOutputCP(UTF_8);
        let mut mode = CONSOLE_MODE(0);
        let output = GetStdHandle(STD_OUTPUT_HANDLE).ok();
        let output = output.filter(|output| GetConsoleMode(*output, &raw mut mode).is_ok());
        if let Some(output) = output {
            let _ = SetConsoleMode(output, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
        }
        ConsoleBefore { code_pages, output: output.map(|_| mode) }
    }
}

impl Drop for ConsoleBefore {
    fn drop(&mut self) {
        let (input, output) = self.code_pages;
        // SAFETY: as above.
        unsafe {
            if input != 0 {
                let _ = SetConsoleCP(input);
            }
            if output != 0 {
                let _ = SetConsoleOutputCP(output);
            }
            if let (Some(mode), Ok(handle)) = (self.output, GetStdHandle(STD_OUTPUT_HANDLE)) {
                let _ = SetConsoleMode(handle, mode);
            }
        }
    }
}

pub(super) fn console_has_colors() -> bool {
    let mut mode = CONSOLE_MODE(0);
    // SAFETY: `mode` outlives the call.
    let known = unsafe { GetStdHandle(STD_OUTPUT_HANDLE).and_then(|output| GetConsoleMode(output, &raw mut mode)) };
    known.is_ok() && mode.contains(ENABLE_VIRTUAL_TERMINAL_PROCESSING)
}

pub(super) fn owns_console() -> bool {
    // SAFETY: the slice tells its own length.
    unsafe { GetConsoleProcessList(&mut [0; 2]) == 1 }
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
    for (which, name, write) in
        [(STD_INPUT_HANDLE, "CONIN$", false), (STD_OUTPUT_HANDLE, "CONOUT$", true), (STD_ERROR_HANDLE, "CONOUT$", true)]
    {
        let file = File::options().read(true).write(write || name == "CONIN$").open(name)?;
        // The handle is to last as long as the process.
        let handle = HANDLE(std::os::windows::io::IntoRawHandle::into_raw_handle(file));
        // SAFETY: the handle is open and is never closed.
        unsafe { SetStdHandle(which, handle) }?;
    }
    Ok(())
}

pub(super) fn ask_secret(prompt: &str) -> io::Result<Zeroizing<String>> {
    // The prompt comes last: what a fast typist types at it must not be echoed.
    let quiet = Quiet::new()?;
    quiet.write(prompt)?;
    let line = read_line(&quiet);
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
        let mut before = CONSOLE_MODE(0);
        // SAFETY: the handle is open, and `before` outlives the calls.
        unsafe {
            GetConsoleMode(handle(&input), &raw mut before)?;
            let off = ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT;
            SetConsoleMode(handle(&input), CONSOLE_MODE(before.0 & !off.0))?;
        }
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
        unsafe { windows::Win32::System::Console::WriteConsoleW(handle(&self.output), &units, None, None) }?;
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

fn read_line(console: &Quiet) -> io::Result<Zeroizing<String>> {
    // Full size from the start: a growing buffer would leave copies of the secret behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        let mut unit = [0];
        if console.read(&mut unit)? == 0 {
            break;
        }
        match unit {
            [13 | 10 | CTRL_Z] => break,
            [CTRL_C] => return Err(io::ErrorKind::Interrupted.into()),
            [CTRL_U] => line.clear(),
            [8 | 0x7F] => drop(line.pop()),
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
