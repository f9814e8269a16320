//! The part of `bcryptprimitives.dll`: random bytes, which Rust's hash maps ask for.

use windows::Win32::Security::Authentication::Identity::RtlGenRandom;
use windows::core::BOOL;

/// Fills `len` bytes at `bytes`. Source: Microsoft, `ProcessPrng`.
// The library itself is linked with a function of this name, so the export has another one inside.
#[unsafe(export_name = "ProcessPrng")]
unsafe extern "system" fn process_prng(bytes: *mut u8, len: usize) -> BOOL {
    let mut done = 0;
    while done < len {
        let part = u32::try_from(len - done).unwrap_or(u32::MAX);
        // SAFETY: the caller owns `len` bytes, and `done` plus `part` is at most that.
        if !unsafe { RtlGenRandom(bytes.add(done).cast(), part) } {
            return false.into();
        }
        done += part as usize;
    }
    true.into()
}
