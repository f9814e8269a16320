//! This process: no core dumps, and no echo while a secret is typed.

use std::io;

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(any(windows, target_os = "linux")), path = "none.rs")]
mod sys;

/// Keeps secrets of this process out of core dumps and away from other processes of the same user, where the
/// platform allows. Best effort: a platform that refuses is no reason to stop.
pub fn harden() {
    sys::harden();
}

/// Lets this process keep up to 64 MiB of memory that it gave back, where the allocator would hand it to the system and ask
/// for it again within the same millisecond (glibc). For one that runs for long and does the same again and again.
pub fn keep_memory() {
    sys::keep_memory();
}

/// Makes the console ready for the escape sequences of colors (Windows; elsewhere terminals are so by themselves). What
/// was set before comes back when the value is dropped.
#[must_use]
pub fn prepare_console() -> Console {
    Console { _before: sys::prepare_console() }
}

/// Whether the terminal understands the escape sequences of colors. Old consoles of Windows do not, even when they were
/// asked by [`prepare_console`]. Says nothing about an output that is no terminal.
#[must_use]
pub fn console_has_colors() -> bool {
    sys::console_has_colors()
}

/// Whether the program that reads our output takes it for UTF-8. On Windows, PowerShell takes it for the code page of the
/// console.
#[must_use]
pub fn readers_know_utf8() -> bool {
    sys::readers_know_utf8()
}

/// Whether the console belongs to this process alone, as after a double-click (Windows): it vanishes when the program
/// ends, so somebody must be given time to read.
#[must_use]
pub fn owns_console() -> bool {
    sys::owns_console()
}

/// Waits until a key is pressed in the console and gives the character it stands for; `None` for other keys, or where
/// there is no console.
#[must_use]
pub fn wait_for_key() -> Option<char> {
    sys::wait_for_key()
}

/// Makes the console of another process the console of this one: an elevated process so speaks in the window of the
/// one that asked for it (Windows).
///
/// # Errors
///
/// What the system says; [`io::ErrorKind::Unsupported`] elsewhere.
pub fn join_console(process: u32) -> io::Result<()> {
    sys::join_console(process)
}

/// Waits until somebody asks this process to end: Ctrl-C, or what a service manager sends. From then on such a request
/// no longer ends the process by itself.
///
/// # Errors
///
/// What the system says; [`io::ErrorKind::Unsupported`] where it cannot be asked.
pub fn wait_for_stop() -> io::Result<()> {
    sys::wait_for_stop()
}

/// A console that was made ready.
#[derive(Debug)]
pub struct Console {
    _before: sys::ConsoleBefore,
}

/// Asks on the controlling terminal, without echo, and gives the line without its end.
///
/// # Errors
///
/// [`io::ErrorKind::Interrupted`] when the person pressed Ctrl-C; [`io::ErrorKind::NotFound`] or another kind when
/// there is no terminal to ask on.
pub fn ask_secret(prompt: &str) -> io::Result<zeroize::Zeroizing<String>> {
    sys::ask_secret(prompt)
}
