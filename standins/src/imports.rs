//! Leads imports of the program itself to functions of this library. Other libraries keep the real ones.

use std::ffi::{CStr, c_void};

use windows::Win32::System::Diagnostics::Debug::IMAGE_NT_HEADERS64;
use windows::Win32::System::LibraryLoader::GetModuleHandleW;
use windows::Win32::System::Memory::{PAGE_PROTECTION_FLAGS, PAGE_READWRITE, VirtualProtect};
use windows::Win32::System::SystemServices::{IMAGE_DOS_HEADER, IMAGE_IMPORT_DESCRIPTOR};

/// The name of a function with what takes its place.
pub(crate) type Replacement = (&'static CStr, *const c_void);

/// The top bit of an entry that names a function by number.
const BY_NUMBER: usize = 1 << 63;
/// The hint that stands before a name.
const HINT: usize = 2;

/// Replaces the functions wherever the program imports them.
pub(crate) fn replace(replacements: &[Replacement]) {
    // SAFETY: the module of the program is loaded for the whole life of the process, and its headers are as the linker
    // wrote them: all offsets below are theirs and lead into the same module.
    unsafe {
        let Ok(module) = GetModuleHandleW(None) else { return };
        let base = module.0.cast::<u8>();
        let dos = base.cast::<IMAGE_DOS_HEADER>();
        let headers = base.offset((*dos).e_lfanew as isize).cast::<IMAGE_NT_HEADERS64>();
        let directory = (*headers).OptionalHeader.DataDirectory[1];
        let mut descriptor = base.add(directory.VirtualAddress as usize).cast::<IMAGE_IMPORT_DESCRIPTOR>();
        while directory.VirtualAddress != 0 && (*descriptor).Name != 0 {
            let names = base.add((*descriptor).Anonymous.OriginalFirstThunk as usize).cast::<usize>();
            let entries = base.add((*descriptor).FirstThunk as usize).cast::<*const c_void>();
            replace_in(base, names, entries, replacements);
            descriptor = descriptor.add(1);
        }
    }
}

/// # Safety
///
/// `names` and `entries` are the two tables of one import descriptor of the module at `base`.
unsafe fn replace_in(base: *mut u8, names: *const usize, entries: *mut *const c_void, replacements: &[Replacement]) {
    // SAFETY: both tables have the same number of entries, and a zero ends the names.
    unsafe {
        for at in 0.. {
            let name = *names.add(at);
            if name == 0 {
                return;
            }
            if name & BY_NUMBER != 0 {
                continue;
            }
            let name = CStr::from_ptr(base.add(name + HINT).cast());
            if let Some((_, function)) = replacements.iter().find(|(wanted, _)| *wanted == name) {
                put(entries.add(at), *function);
            }
        }
    }
}

/// # Safety
///
/// `entry` is an entry of an import table.
unsafe fn put(entry: *mut *const c_void, function: *const c_void) {
    let mut before = PAGE_PROTECTION_FLAGS::default();
    // SAFETY: the entry belongs to the program, whose other threads do not run yet.
    unsafe {
        if VirtualProtect(entry.cast(), size_of::<usize>(), PAGE_READWRITE, &raw mut before).is_ok() {
            *entry = function;
            let _ = VirtualProtect(entry.cast(), size_of::<usize>(), before, &raw mut before);
        }
    }
}
