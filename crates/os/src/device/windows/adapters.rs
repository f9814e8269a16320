//! The addresses of the network adapters that are built in.
//!
//! Sources: Microsoft, "GetAdaptersAddresses", "OID_802_3_PERMANENT_ADDRESS" and "IOCTL_NDIS_QUERY_GLOBAL_STATS".

use std::ffi::c_void;
use std::ptr;

use windows::Win32::Foundation::ERROR_BUFFER_OVERFLOW;
use windows::Win32::NetworkManagement::IpHelper::{
    GAA_FLAG_INCLUDE_ALL_INTERFACES, GAA_FLAG_SKIP_ANYCAST, GAA_FLAG_SKIP_DNS_SERVER, GAA_FLAG_SKIP_FRIENDLY_NAME,
    GAA_FLAG_SKIP_MULTICAST, GAA_FLAG_SKIP_UNICAST, IF_TYPE_ETHERNET_CSMACD, IF_TYPE_IEEE80211,
    IP_ADAPTER_ADDRESSES_LH,
};
use windows::Win32::NetworkManagement::Ndis::OID_802_3_PERMANENT_ADDRESS;
use windows::core::{s, w};

use crate::library;
use crate::registry::{self, Root};

/// One node for each network adapter by its GUID; `Connection` below it says which device it is.
const CONNECTIONS: &str = r"SYSTEM\CurrentControlSet\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}";
/// How the names of devices on the board or in a slot begin; others are on USB, in a hypervisor or made by software.
const BUILT_IN: [&str; 2] = [r"ACPI\", r"PCI\"];
const IOCTL_NDIS_QUERY_GLOBAL_STATS: u32 = 0x0017_0002;
const KINDS: [u32; 2] = [IF_TYPE_ETHERNET_CSMACD, IF_TYPE_IEEE80211];
/// The list grows when an adapter comes in between two questions.
const TRIES: usize = 4;
/// What Microsoft recommends to begin with, in bytes; a list of thousands of adapters is no list.
const FIRST_ROOM: u32 = 15_000;
const MOST: u32 = 1 << 20;

type GetAdaptersAddresses =
    unsafe extern "system" fn(u32, u32, *const c_void, *mut IP_ADAPTER_ADDRESSES_LH, *mut u32) -> u32;

struct Adapter {
    guid: String,
    address: [u8; 6],
}

pub(super) fn mac_addresses() -> Vec<[u8; 6]> {
    let built_in = all().unwrap_or_default().into_iter().filter(|adapter| is_built_in(&instance(&adapter.guid)));
    let mut addresses: Vec<_> = built_in.filter_map(|adapter| permanent(&adapter)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// All Ethernet and Wi-Fi adapters, real or not.
fn all() -> Option<Vec<Adapter>> {
    // SAFETY: the type is that of iphlpapi.h.
    let get: GetAdaptersAddresses = unsafe { library::function(w!("iphlpapi.dll"), s!("GetAdaptersAddresses"))? };
    // A virtual switch takes the protocols off an adapter of the board, which then is listed only among all.
    let flags = GAA_FLAG_INCLUDE_ALL_INTERFACES.0
        | GAA_FLAG_SKIP_UNICAST.0
        | GAA_FLAG_SKIP_ANYCAST.0
        | GAA_FLAG_SKIP_MULTICAST.0
        | GAA_FLAG_SKIP_DNS_SERVER.0
        | GAA_FLAG_SKIP_FRIENDLY_NAME.0;
    let mut room = FIRST_ROOM;
    for _ in 0..TRIES {
        // Units of eight bytes lie as the structures must.
        let mut list = vec![0_u64; room.min(MOST).div_ceil(8) as usize];
        room = u32::try_from(list.len() * 8).ok()?;
        let first = list.as_mut_ptr().cast::<IP_ADAPTER_ADDRESSES_LH>();
        // SAFETY: the buffer is as long as `room` says; family 0 is any.
        match unsafe { get(0, flags, ptr::null(), first, &raw mut room) } {
            // SAFETY: the system has filled the list, which lives on until the adapters are copied.
            0 => return Some(unsafe { listed(first) }),
            status if status == ERROR_BUFFER_OVERFLOW.0 => {}
            _ => return None,
        }
    }
    None
}

/// Copies what matters out of a list.
///
/// # Safety
///
/// `next` is null or points to a list as the system fills it, which is not changed meanwhile.
unsafe fn listed(mut next: *const IP_ADAPTER_ADDRESSES_LH) -> Vec<Adapter> {
    let mut adapters = Vec::new();
    // SAFETY: as the caller promises; the last member has no next one.
    while let Some(adapter) = unsafe { next.as_ref() } {
        // SAFETY: the name is a string with its end, in the same memory.
        let guid = unsafe { adapter.AdapterName.to_string() };
        if let (Ok(guid), 6, Some(address)) =
            (guid, adapter.PhysicalAddressLength, adapter.PhysicalAddress.first_chunk::<6>())
            && KINDS.contains(&adapter.IfType)
        {
            adapters.push(Adapter { guid, address: *address });
        }
        next = adapter.Next;
    }
    adapters
}

/// The name of the device behind an adapter, such as `PCI\VEN_8086&DEV_15BC…`; empty when the registry has none.
fn instance(guid: &str) -> String {
    let node = format!(r"{CONNECTIONS}\{guid}\Connection");
    let values = registry::values(Root::LocalMachine, &node, &["PnpInstanceID"]).ok().flatten().unwrap_or_default();
    let data = values.first().map_or(&[][..], |value| &value.data);
    let units = data.chunks_exact(2).filter_map(|unit| unit.first_chunk()).map(|unit| u16::from_le_bytes(*unit));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

fn is_built_in(instance: &str) -> bool {
    let instance = instance.to_ascii_uppercase();
    BUILT_IN.iter().any(|begin| instance.starts_with(begin))
}

/// The address that the adapter was made with. Where the driver does not say it, the one in use counts, unless it says
/// itself that somebody has chosen it, as Windows does for Wi-Fi.
fn permanent(adapter: &Adapter) -> Option<[u8; 6]> {
    let mut answer = [0; 6];
    let device = format!(r"\\.\{}", adapter.guid);
    let question = OID_802_3_PERMANENT_ADDRESS.to_ne_bytes();
    let len = super::ask(&device, IOCTL_NDIS_QUERY_GLOBAL_STATS, &question, &mut answer);
    if len == Some(answer.len()) {
        return Some(answer);
    }
    let [first, ..] = adapter.address;
    (first & 0b10 == 0).then_some(adapter.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_adapters_on_the_board_or_in_a_slot_count() {
        assert!(is_built_in(r"PCI\VEN_8086&DEV_15BC&SUBSYS_07BE1028&REV_10\3&11583659&0&FE"));
        assert!(is_built_in(r"pci\ven_10ec&dev_8168"));
        assert!(is_built_in(r"ACPI\QCOM0001\0"));
        for other in
            ["", r"USB\VID_0BDA&PID_8153\000001", r"ROOT\NET\0000", r"BTH\MS_BTHPAN\6", r"PCIX\A", r"VMBUS\{A}"]
        {
            assert!(!is_built_in(other), "{other}");
        }
    }

    #[test]
    fn each_adapter_has_its_guid() {
        let adapters = all().unwrap();
        assert!(adapters.iter().all(|adapter| adapter.guid.len() == 38 && adapter.guid.starts_with('{')));
    }

    #[test]
    fn an_adapter_that_the_registry_does_not_know_is_not_built_in() {
        assert_eq!(instance("{00000000-0000-0000-0000-000000000000}"), "");
    }

    #[test]
    fn a_chosen_address_is_no_permanent_one() {
        let adapter = |address| Adapter { guid: "{no such adapter}".to_owned(), address };
        assert_eq!(permanent(&adapter([0x3A, 1, 2, 3, 4, 5])), None);
        assert_eq!(permanent(&adapter([0x38, 1, 2, 3, 4, 5])), Some([0x38, 1, 2, 3, 4, 5]));
    }
}
