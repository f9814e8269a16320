//! prctl(2), setrlimit(2), mallopt(3) and termios(3).

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use zeroize::Zeroizing;

/// A passphrase longer than this is not typed by a person.
const LONGEST: usize = 1024;
const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const CTRL_U: u8 = 0x15;

pub(super) fn harden() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

pub(super) fn keep_memory() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "the only way to set the allocator")]
    // SAFETY: it takes numbers only, and is safe to call at any time.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 << 20);
    }
}

#[derive(Debug)]
pub(super) struct ConsoleBefore;

pub(super) fn prepare_console() -> ConsoleBefore {
    ConsoleBefore
}

pub(super) fn console_has_colors() -> bool {
    true
}

pub(super) fn readers_know_utf8() -> bool {
    true
}

pub(super) fn owns_console() -> bool {
    false
}

pub(super) fn wait_for_key() -> Option<char> {
    None
}

pub(super) fn join_console(_process: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn wait_for_stop() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    signals.forever().next();
    Ok(())
}

pub(super) fn ask_secret(prompt: &str) -> io::Result<Zeroizing<String>> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    // The prompt comes last: what a fast typist types at it must not be echoed, nor dropped by the switch.
    let quiet = Quiet::new(terminal)?;
    (&quiet.terminal).write_all(prompt.as_bytes())?;
    let line = read_line(&quiet.terminal);
    let _ = (&quiet.terminal).write_all(b"\n");
    line
}

/// A terminal without echo. Signals are off as well, so that Ctrl-C cannot leave it like that; dropping restores it.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn new(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

fn read_line(mut terminal: &File) -> io::Result<Zeroizing<String>> {
    // Full size from the start: a growing buffer would leave copies of the secret behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        let mut byte = [0];
        if terminal.read(&mut byte)? == 0 {
            break;
        }
        match byte {
            [b'\r' | b'\n' | CTRL_D] => break,
            [CTRL_C] => return Err(io::ErrorKind::Interrupted.into()),
            [CTRL_U] => line.clear(),
            [0x08 | 0x7F] => drop(line.pop()),
            [byte] if line.len() < LONGEST => line.push(byte),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the line is too long")),
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Zeroizing::new(text.to_owned()))
}
