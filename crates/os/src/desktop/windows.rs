//! The shell for pages, and the clipboard of this session.
//!
//! Sources: Microsoft, "ShellExecuteExW", "Clipboard Operations" and "Clipboard Formats" (Cloud Clipboard and
//! Clipboard History Formats).

#![expect(unsafe_code, reason = "system calls with structures, a window and memory that is handed over")]

use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{Duration, Instant};

use windows::Win32::Foundation::{GlobalFree, HANDLE, HGLOBAL, HWND};
use windows::Win32::System::Com::{COINIT_APARTMENTTHREADED, COINIT_DISABLE_OLE1DDE, CoInitializeEx, CoUninitialize};
use windows::Win32::System::Console::SetConsoleCtrlHandler;
use windows::Win32::System::DataExchange::{
    CloseClipboard, EmptyClipboard, GetClipboardOwner, OpenClipboard, RegisterClipboardFormatW, SetClipboardData,
};
use windows::Win32::System::Memory::{GMEM_MOVEABLE, GMEM_ZEROINIT, GlobalAlloc, GlobalLock, GlobalUnlock};
use windows::Win32::System::Ole::CF_UNICODETEXT;
use windows::Win32::UI::Shell::{SEE_MASK_FLAG_NO_UI, SEE_MASK_NOASYNC, SHELLEXECUTEINFOW, ShellExecuteExW};
use windows::Win32::UI::WindowsAndMessaging::{
    CreateWindowExW, DestroyWindow, DispatchMessageW, HWND_MESSAGE, MSG, MWMO_INPUTAVAILABLE,
    MsgWaitForMultipleObjectsEx, PM_REMOVE, PeekMessageW, QS_ALLINPUT, SW_SHOWNORMAL, WINDOW_EX_STYLE, WINDOW_STYLE,
};
use windows::core::{BOOL, HSTRING, PCWSTR, w};
use zeroize::{Zeroize, Zeroizing};

/// Nothing else is opened: the shell would also run a program by its path.
const SCHEMES: [&str; 2] = ["ms-settings:", "https:"];
/// Each keeps the text out of one place, by a number of zero: programs that watch the clipboard, its history, the
/// clipboards of the person's other devices.
const KEEP_OUT: [PCWSTR; 3] = [
    w!("ExcludeClipboardContentFromMonitorProcessing"),
    w!("CanIncludeInClipboardHistory"),
    w!("CanUploadToCloudClipboard"),
];
/// Other programs hold the clipboard for some milliseconds; this is tried for half a second.
const TRIES: u32 = 25;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);

/// The window that owns the secret on the clipboard; null when nothing is lent.
static OWNER: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

pub(super) fn open(address: &str) -> io::Result<()> {
    let known = SCHEMES.iter().any(|scheme| address.starts_with(scheme));
    if !known || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let address = HSTRING::from(address);
    let mut what = SHELLEXECUTEINFOW {
        cbSize: u32::try_from(size_of::<SHELLEXECUTEINFOW>()).unwrap_or_default(),
        // This program may end at once, and says itself what failed.
        fMask: SEE_MASK_NOASYNC | SEE_MASK_FLAG_NO_UI,
        lpVerb: w!("open"),
        lpFile: PCWSTR(address.as_ptr()),
        nShow: SW_SHOWNORMAL.0,
        ..SHELLEXECUTEINFOW::default()
    };
    // SAFETY: the structure is filled, and the texts in it outlive the call. COM, which the shell needs for
    // addresses, is left exactly when it was entered.
    unsafe {
        let com = CoInitializeEx(None, COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE);
        let opened = ShellExecuteExW(&raw mut what);
        if com.is_ok() {
            CoUninitialize();
        }
        opened.map_err(io::Error::from)
    }
}

pub(super) fn lend_secret(secret: &str, time: Duration, tick: &mut dyn FnMut(u64) -> bool) -> io::Result<()> {
    let loan = Loan::new()?;
    loan.put(secret)?;
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let seconds = u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        // What was copied meanwhile has taken the secret away already.
        if seconds == 0 || !loan.is_ours() || !tick(seconds) {
            return loan.take_back();
        }
        answer_messages(left.min(SECOND));
    }
}

/// The time in which a secret is on the clipboard. However it ends, the secret goes.
struct Loan(HWND);

impl Loan {
    /// A window that only gets messages, because the clipboard wants an owner, and a handler for the end of the
    /// program by Ctrl-C or by its console.
    fn new() -> io::Result<Self> {
        // SAFETY: this class is the system's own, and the texts are constants.
        let window = unsafe {
            CreateWindowExW(
                WINDOW_EX_STYLE(0),
                w!("STATIC"),
                PCWSTR::null(),
                WINDOW_STYLE(0),
                0,
                0,
                0,
                0,
                Some(HWND_MESSAGE),
                None,
                None,
                None,
            )
        }?;
        let free = OWNER.compare_exchange(ptr::null_mut(), window.0, Ordering::SeqCst, Ordering::SeqCst);
        if free.is_err() {
            // SAFETY: this thread made the window, and nothing else knows it.
            let _ = unsafe { DestroyWindow(window) };
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let loan = Self(window);
        // SAFETY: the handler is a function of this program, which stays, and may be called from any thread.
        unsafe { SetConsoleCtrlHandler(Some(console_ends), true) }?;
        Ok(loan)
    }

    /// The marks come first: the text is never there without them.
    fn put(&self, secret: &str) -> io::Result<()> {
        let _open = Clipboard::open(Some(self.0))?;
        // SAFETY: the clipboard is open, and this gives it to our window.
        unsafe { EmptyClipboard() }?;
        for name in KEEP_OUT {
            // SAFETY: the text is a constant.
            let format = unsafe { RegisterClipboardFormatW(name) };
            if format == 0 {
                return Err(io::Error::last_os_error());
            }
            Block::new(&[0, 0])?.hand_over(format)?;
        }
        let mut text = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
        text.extend(secret.encode_utf16());
        text.push(0);
        Block::new(&text)?.hand_over(u32::from(CF_UNICODETEXT.0))
    }

    /// Whoever copies something becomes the owner, so the text is ours exactly as long as our window is.
    fn is_ours(&self) -> bool {
        owned_by(self.0)
    }

    fn take_back(&self) -> io::Result<()> {
        take_away(self.0)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let _ = take_away(self.0);
        OWNER.store(ptr::null_mut(), Ordering::SeqCst);
        // SAFETY: the handler is the one that was set, and this thread made the window.
        unsafe {
            let _ = SetConsoleCtrlHandler(Some(console_ends), false);
            let _ = DestroyWindow(self.0);
        }
    }
}

/// The clipboard, open. It closes itself.
struct Clipboard;

impl Clipboard {
    fn open(owner: Option<HWND>) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            // SAFETY: a window that is not there is only an error.
            match unsafe { OpenClipboard(owner) } {
                Ok(()) => return Ok(Self),
                Err(error) if tries == TRIES => return Err(error.into()),
                Err(_) => std::thread::sleep(BETWEEN_TRIES),
            }
            tries += 1;
        }
    }
}

impl Drop for Clipboard {
    fn drop(&mut self) {
        // SAFETY: this thread has opened it.
        let _ = unsafe { CloseClipboard() };
    }
}

/// Memory for the clipboard. While it is ours, it clears and frees itself.
struct Block {
    memory: HGLOBAL,
    units: usize,
}

impl Block {
    fn new(text: &[u16]) -> io::Result<Self> {
        // SAFETY: the call only gives memory.
        let memory = unsafe { GlobalAlloc(GMEM_MOVEABLE | GMEM_ZEROINIT, size_of_val(text)) }?;
        let block = Self { memory, units: text.len() };
        block.with(|units| units.copy_from_slice(text)).ok_or_else(io::Error::last_os_error)?;
        Ok(block)
    }

    /// Puts it on the clipboard, which is open and ours. From then on the memory is the system's.
    fn hand_over(self, format: u32) -> io::Result<()> {
        // SAFETY: the memory is movable, unlocked and not used by us any more once this works.
        unsafe { SetClipboardData(format, Some(HANDLE(self.memory.0))) }?;
        std::mem::forget(self);
        Ok(())
    }

    fn with(&self, work: impl FnOnce(&mut [u16])) -> Option<()> {
        // SAFETY: the block is ours.
        let first = unsafe { GlobalLock(self.memory) }.cast::<u16>();
        if first.is_null() {
            return None;
        }
        // SAFETY: the block holds this many units, aligned for all types, zeroed when it was made, and nobody else
        // has it. It is unlocked when the slice is gone; at the last lock, "failure" is how that is told.
        unsafe {
            work(std::slice::from_raw_parts_mut(first, self.units));
            let _ = GlobalUnlock(self.memory);
        }
        Some(())
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.with(Zeroize::zeroize);
        // SAFETY: the block is ours, or this value would have been forgotten.
        let _ = unsafe { GlobalFree(Some(self.memory)) };
    }
}

fn owned_by(window: HWND) -> bool {
    // SAFETY: the call only tells.
    unsafe { GetClipboardOwner() }.is_ok_and(|owner| owner == window)
}

/// Empties the clipboard if it still holds what `window` put there. Nobody can change it while it is open.
fn take_away(window: HWND) -> io::Result<()> {
    if !owned_by(window) {
        return Ok(());
    }
    let _open = Clipboard::open(None)?;
    if owned_by(window) {
        // SAFETY: this thread has opened the clipboard.
        unsafe { EmptyClipboard() }?;
    }
    Ok(())
}

/// Called by the system in a thread of its own, before it ends this program.
unsafe extern "system" fn console_ends(_event: u32) -> BOOL {
    let window = OWNER.load(Ordering::SeqCst);
    if !window.is_null() {
        let _ = take_away(HWND(window));
    }
    // The next handler ends the program, as it would have without us.
    BOOL(0)
}

/// Waits, and lets the window answer meanwhile: whoever copies something waits for its answer.
fn answer_messages(time: Duration) {
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let millis = u32::try_from(left.as_millis()).unwrap_or(u32::MAX).saturating_add(1);
        let mut message = MSG::default();
        // SAFETY: `message` outlives the calls, and the messages are those of windows of this thread.
        unsafe {
            MsgWaitForMultipleObjectsEx(None, millis, QS_ALLINPUT, MWMO_INPUTAVAILABLE);
            while PeekMessageW(&raw mut message, None, 0, 0, PM_REMOVE).as_bool() {
                DispatchMessageW(&raw const message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use windows::Win32::System::DataExchange::{GetClipboardData, IsClipboardFormatAvailable};
    use windows::Win32::System::Memory::GlobalSize;

    use super::*;

    /// There is one clipboard, and tests run at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    const SECRET: &str = "TX9XD-98N7V-6WMQ6-BX7FG-H8Q99";
    const TEXT: u32 = 13;

    fn alone() -> MutexGuard<'static, ()> {
        ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_the_clipboard(format: u32) -> Option<Vec<u8>> {
        let _open = Clipboard::open(None).unwrap();
        // SAFETY: the clipboard is open; the block is read within its size while it is locked.
        unsafe {
            let memory = HGLOBAL(GetClipboardData(format).ok()?.0);
            let bytes = std::slice::from_raw_parts(GlobalLock(memory).cast::<u8>(), GlobalSize(memory)).to_vec();
            let _ = GlobalUnlock(memory);
            Some(bytes)
        }
    }

    fn text() -> Option<String> {
        let bytes = on_the_clipboard(TEXT)?;
        let units: Vec<u16> = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        let end = units.iter().position(|unit| *unit == 0)?;
        String::from_utf16(&units[..end]).ok()
    }

    fn copy_as_another_program(what: &str) {
        let _open = Clipboard::open(None).unwrap();
        let units: Vec<u16> = what.encode_utf16().chain([0]).collect();
        // SAFETY: the clipboard is open.
        unsafe { EmptyClipboard() }.unwrap();
        Block::new(&units).unwrap().hand_over(TEXT).unwrap();
    }

    fn format(name: PCWSTR) -> u32 {
        // SAFETY: the text is a constant.
        unsafe { RegisterClipboardFormatW(name) }
    }

    #[test]
    fn a_secret_is_lent_with_its_marks_and_goes_after_its_time() {
        let _alone = alone();
        let mut seen = Vec::new();
        lend_secret(SECRET, Duration::from_secs(2), &mut |left| {
            seen.push(left);
            assert_eq!(text().as_deref(), Some(SECRET));
            for mark in KEEP_OUT {
                assert_eq!(
                    on_the_clipboard(format(mark)).as_deref().and_then(|bytes| bytes.first_chunk()),
                    Some(&[0_u8; 4])
                );
            }
            true
        })
        .unwrap();
        assert_eq!(seen, [2, 1]);
        // SAFETY: the call only tells.
        assert!(unsafe { IsClipboardFormatAvailable(TEXT) }.is_err());
        assert!(OWNER.load(Ordering::SeqCst).is_null());
    }

    #[test]
    fn a_loan_ends_early_when_the_person_says_so() {
        let _alone = alone();
        let start = Instant::now();
        lend_secret(SECRET, Duration::from_secs(600), &mut |_| false).unwrap();
        assert_eq!(text(), None);
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn what_was_copied_meanwhile_stays_and_ends_the_loan() {
        let _alone = alone();
        let (mut ticks, mut other) = (0, None);
        lend_secret(SECRET, Duration::from_secs(600), &mut |_| {
            ticks += 1;
            other = Some(std::thread::spawn(|| copy_as_another_program("a shopping list")));
            true
        })
        .unwrap();
        other.unwrap().join().unwrap();
        assert_eq!((ticks, text().as_deref()), (1, Some("a shopping list")));
    }

    #[test]
    fn ctrl_c_takes_the_secret_away_and_ends_the_program_as_always() {
        let _alone = alone();
        let mut handler = None;
        lend_secret(SECRET, Duration::from_secs(600), &mut |_| {
            // SAFETY: the handler asks nothing of its caller.
            handler = Some(std::thread::spawn(|| unsafe { console_ends(0) }));
            true
        })
        .unwrap();
        assert!(!handler.unwrap().join().unwrap().as_bool());
        assert_eq!(text(), None);
    }

    #[test]
    fn two_secrets_are_not_lent_at_once() {
        let _alone = alone();
        lend_secret(SECRET, Duration::from_secs(600), &mut |_| {
            let second = lend_secret("another", Duration::from_secs(1), &mut |_| true);
            assert_eq!(second.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
            assert_eq!(text().as_deref(), Some(SECRET));
            false
        })
        .unwrap();
    }

    #[test]
    fn only_pages_are_opened() {
        for address in ["calc.exe", "file:///C:/", "C:\\Windows\\notepad.exe", "http://a", "https://a b", "", "HTTPS:"]
        {
            assert_eq!(open(address).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{address}");
        }
    }
}
