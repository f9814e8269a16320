//! The addresses of the network adapters that are built in.
//!
//! Source: Linux, `Documentation/ABI/testing/sysfs-class-net`.

use std::path::Path;

use super::{inside, text};

/// What a device on the board or in a slot hangs on; others are on USB, in a hypervisor or made by software.
const BUILT_IN: [&str; 2] = ["pci", "platform"];
/// `ARPHRD_ETHER`, which Wi-Fi has too.
const ETHERNET: &str = "1";
/// `NET_ADDR_PERM`: the address in use is the one that the adapter was made with.
const PERMANENT: &str = "0";

pub(super) fn mac_addresses(root: &Path) -> Vec<[u8; 6]> {
    let mut addresses: Vec<_> = inside(&root.join("sys/class/net")).filter_map(|adapter| address(&adapter)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn address(adapter: &Path) -> Option<[u8; 6]> {
    let subsystem = std::fs::read_link(adapter.join("device/subsystem")).ok()?;
    let is_built_in = BUILT_IN.iter().any(|name| subsystem.ends_with(name));
    if !is_built_in || text(&adapter.join("type"))? != ETHERNET {
        return None;
    }
    // Of Wi-Fi, whose address in use is often a random one, the radio tells its own.
    if let Some(own) = text(&adapter.join("phy80211/macaddress")) {
        return parse(&own);
    }
    let is_permanent = text(&adapter.join("addr_assign_type"))? == PERMANENT;
    if is_permanent { parse(&text(&adapter.join("address"))?) } else { None }
}

/// Six pairs of hexadecimal digits, divided by colons.
fn parse(text: &str) -> Option<[u8; 6]> {
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pair = |pair: &str| u8::from_str_radix(pair, 16).ok().filter(|_| is_pair(pair));
    text.split(':').map(pair).collect::<Option<Vec<_>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::Folder;
    use super::*;

    fn made(root: &Path, name: &str, subsystem: &str, files: &[(&str, &str)]) {
        let adapter = root.join("sys/class/net").join(name);
        fs::create_dir_all(adapter.join("device")).unwrap();
        fs::create_dir_all(adapter.join("phy80211")).unwrap();
        std::os::unix::fs::symlink(format!("../../../bus/{subsystem}"), adapter.join("device/subsystem")).unwrap();
        for (file, text) in [("type", "1\n")].iter().chain(files) {
            fs::write(adapter.join(file), text).unwrap();
        }
    }

    #[test]
    fn permanent_addresses_of_built_in_adapters_are_read() {
        let root = Folder::new("adapters");
        let permanent = |address| [("address", address), ("addr_assign_type", "0\n")];
        made(&root.0, "eno1", "pci", &permanent("02:00:00:00:00:09\n"));
        made(&root.0, "eth0", "platform", &permanent("02:00:00:00:00:01\n"));
        made(&root.0, "eth1", "usb", &permanent("02:00:00:00:00:02\n"));
        made(&root.0, "eth2", "virtio", &permanent("02:00:00:00:00:03\n"));
        made(&root.0, "eth3", "pci", &[("address", "02:00:00:00:00:04\n"), ("addr_assign_type", "3\n")]);
        made(&root.0, "ib0", "pci", &[("type", "32\n"), ("address", "02:00:00:00:00:05\n"), ("addr_assign_type", "0")]);
        let radio = [
            ("address", "66:66:66:66:66:66\n"),
            ("addr_assign_type", "3"),
            ("phy80211/macaddress", "02:00:00:00:00:06\n"),
        ];
        made(&root.0, "wlp2s0", "pci", &radio);
        fs::create_dir_all(root.0.join("sys/class/net/lo")).unwrap();
        let last = |last| [2, 0, 0, 0, 0, last];
        assert_eq!(mac_addresses(&root.0), [last(1), last(6), last(9)]);
    }

    #[test]
    fn what_is_no_address_is_none() {
        assert_eq!(parse("02:fc:00:00:00:01"), Some([2, 0xFC, 0, 0, 0, 1]));
        for text in
            ["", "02:fc:00:00:00", "02:fc:00:00:00:01:02", "2:fc:0:0:0:1", "02:fc:00:00:00:0g", "+2:fc:00:00:00:1"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
