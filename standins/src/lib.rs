//! Plays the parts of Windows that Wine lacks: the license service, WMI, firmware tables, rights.
//!
//! One DLL stands in for `slc.dll`, `slcext.dll`, `sppc.dll`, `bcryptprimitives.dll` and WMI's locator, so that the
//! program under test is the real one and makes its real calls. What is played is in a JSON text, the scenario, which
//! `KEYSTOW_STANDINS` names; calls that change Windows change it. `rig/README.md` lists its members.

#![cfg(windows)]
#![expect(unsafe_code, reason = "every function here is called by foreign code, with its pointers")]

mod imports;
mod random;
mod scenario;
mod sl;
mod system;
mod wmi;

use std::ffi::c_void;

use windows::Win32::Foundation::HINSTANCE;
use windows::Win32::System::SystemServices::DLL_PROCESS_ATTACH;
use windows::core::BOOL;

/// Called when a process loads the library: `bcryptprimitives.dll` is among the imports of every program of Rust, so
/// this is before its `main`.
#[unsafe(no_mangle)]
extern "system" fn DllMain(_module: HINSTANCE, reason: u32, _reserved: *mut c_void) -> BOOL {
    if reason == DLL_PROCESS_ATTACH {
        system::replace(&scenario::Scenario::read());
    }
    true.into()
}
