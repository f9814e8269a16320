//! `BCryptGenRandom` for a crate that asks for it, answered by the generator that the standard library uses too.
//!
//! `bcrypt.dll` is no known DLL: Windows would take one that lies beside `keystow.exe`, such as in a Downloads folder.
//! With the function defined here, the linker does not import that DLL. `bcryptprimitives.dll` is a known one.

#![expect(unsafe_code, reason = "a function that foreign code calls")]

windows::core::link!("bcryptprimitives.dll" "system" fn ProcessPrng(data: *mut u8, len: usize) -> i32);

/// Fills `len` bytes. The algorithm and the flags of the real function choose among generators; there is one here.
#[unsafe(no_mangle)]
extern "system" fn BCryptGenRandom(_algorithm: *mut u8, data: *mut u8, len: u32, _flags: u32) -> i32 {
    // SAFETY: the caller owns `len` bytes at `data`. The call always succeeds, says Microsoft.
    unsafe { ProcessPrng(data, len as usize) };
    0
}
