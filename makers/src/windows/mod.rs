//! Seven made Windows: the registry of each, its firmware table and what its license service says.
//!
//! Every product key in them is a published one, beside the Product ID, part number and activation ID that go with it.
//! Where no list publishes them (Windows 7, 8.1), they are made up in the right shape.
//!
//! Sources: `docs/formats.md`; the tables of Windows 11 24H2 for groups, part numbers and activation IDs.

mod license;

use license::License;
pub use license::{LICENSED, NOTIFICATION, OFFICE, ProductRow, WINDOWS};

use crate::acpi::MsdmTable;
use crate::hive::{Hive, Node, REG_QWORD};
use crate::old_laptop;

/// A Windows on a PC.
#[derive(Clone, Debug)]
pub struct MadeWindows {
    /// Its name, fit for a folder.
    pub name: &'static str,
    /// `HKEY_LOCAL_MACHINE\SOFTWARE`.
    pub software: Hive,
    /// `HKEY_LOCAL_MACHINE\SYSTEM` as a hive holds it: with `ControlSet001` and without `CurrentControlSet`.
    pub system: Hive,
    /// The MSDM table of the firmware.
    pub msdm: Option<Vec<u8>>,
    /// What the license service says of the products that have a product key.
    pub products: Vec<ProductRow>,
}

/// What names an installation.
struct Release<'a> {
    product_name: &'a str,
    edition_id: &'a str,
    build: &'a str,
    /// What one release writes and another does not.
    texts: &'a [(&'a str, &'a str)],
    ubr: Option<u32>,
    /// Seconds since 1970.
    installed: u32,
}

const CURRENT_VERSION: &str = r"Microsoft\Windows NT\CurrentVersion";
const ENVIRONMENT: &str = r"ControlSet001\Control\Session Manager\Environment";
const PRODUCT_OPTIONS: &str = r"ControlSet001\Control\ProductOptions";

/// Windows 7 Home Premium, generic. Product ID and part number are made up.
const SEVEN: License = License {
    product_key: "RHPQ2-RMFJH-74XYM-BH4JX-XM76F",
    product_id: "00359-OEM-8901235-00007",
    extended_pid: "00359-00178-012-300007-02-1033-7601.0000-1402012",
    group: 178,
    part_number: "X15-37362",
    activation_id: "d2c04e90-c3dd-4260-b0f3-f845f5d27d64",
    edition: "HomePremium",
    channel: "OEM:SLP",
    eula: "OEM",
    digit: 2,
};
/// Windows 8.1 Pro N, generic: group 2601, serial 1. Part number and activation ID are made up.
const EIGHT: License = License {
    product_key: "JRBBN-4Q997-H4RM2-H3B7W-Q68KC",
    product_id: "00260-10000-00001-AA524",
    extended_pid: "06401-02601-000-000001-00-1033-9600.0000-2912013",
    group: 2601,
    part_number: "[Blue]X99-99999",
    activation_id: "3f6d2a10-8b1c-4c52-9a77-5e2d90c4b8e1",
    edition: "ProfessionalN",
    channel: "Retail",
    eula: "Retail",
    digit: 0,
};
/// Windows 10 and 11 Home, generic: group 3261, serial 0.
const HOME: License = License {
    product_key: "YTMG3-N6DKC-DKB77-7M9GH-8HVX7",
    product_id: "00326-10000-00000-AA613",
    extended_pid: "03612-03261-000-000000-00-1033-19045.0000-2952022",
    group: 3261,
    part_number: "[TH]X19-98868",
    activation_id: "2b1f36bb-c1cd-4306-bf5c-a0367c2d97d8",
    edition: "Core",
    channel: "Retail",
    eula: "Retail",
    digit: 0,
};
/// Windows 10 and 11 Pro, generic: group 3308, serial 0.
const PRO: License = License {
    product_key: "VK7JG-NPHTM-C97JM-9MPGT-3V66T",
    product_id: "00330-80000-00000-AA208",
    extended_pid: "03612-03308-000-000000-00-1033-26100.0000-2842024",
    group: 3308,
    part_number: "[TH]X19-98841",
    activation_id: "4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c",
    edition: "Professional",
    channel: "Retail",
    eula: "Retail",
    digit: 0,
};
/// Windows 10 and 11 Enterprise, KMS client: group 3290, serial 3.
const ENTERPRISE: License = License {
    product_key: "NPPR9-FWDCX-D2C8J-H872K-2YT43",
    product_id: "00329-00000-00003-AA491",
    extended_pid: "03612-03290-000-000003-03-1033-22631.0000-3102023",
    group: 3290,
    part_number: "[TH]X19-98698",
    activation_id: "73111121-5638-40f6-bc11-f1d7b0d64300",
    edition: "Enterprise",
    channel: "Volume:GVLK",
    eula: "Volume",
    digit: 3,
};
/// Windows 10 Home, default for firmware product keys: group 3258, serial 0.
const HOME_FIRMWARE: &str = "37GNV-YCQVD-38XP9-T848R-FC2HD";

/// The seven, oldest Windows first, an upgraded one last.
#[must_use]
pub fn all() -> Vec<MadeWindows> {
    vec![
        windows_7(),
        windows_8_1(),
        windows_10_home(),
        windows_10_pro_firmware(),
        windows_11_pro_retail(),
        volume_client(),
        upgraded(),
    ]
}

/// The files of a Windows as they lie on a disk, and `msdm.bin` beside them; paths are relative, with slashes.
#[must_use]
pub fn folder(windows: &MadeWindows) -> Vec<(String, Vec<u8>)> {
    let config = "Windows/System32/config";
    let hives = [("SOFTWARE", &windows.software), ("SYSTEM", &windows.system)];
    let mut files: Vec<_> = hives.map(|(name, hive)| (format!("{config}/{name}"), hive.bytes())).into();
    files.extend(windows.msdm.iter().map(|table| ("msdm.bin".to_owned(), table.clone())));
    files
}

/// Sold with Windows 7 Home Premium by a PC maker.
fn windows_7() -> MadeWindows {
    let release = Release {
        product_name: "Windows 7 Home Premium",
        edition_id: "HomePremium",
        build: "7601",
        texts: &[("CurrentVersion", "6.1"), ("CSDVersion", "Service Pack 1")],
        ubr: None,
        // 2012-05-19 10:00 UTC.
        installed: 1_337_421_600,
    };
    let mut made = MadeWindows::new("windows-7", &release, &SEVEN);
    let default = made.software.at(CURRENT_VERSION).child("DefaultProductKey");
    SEVEN.write(default, release.installed);
    // Windows 7 has fewer properties, and shows its generation in the texts.
    made.products = vec![ProductRow {
        name: "Windows(R) 7, HomePremium edition".to_owned(),
        description: "Windows Operating System - Windows(R) 7, OEM_SLP channel".to_owned(),
        product_key_channel: String::new(),
        product_key_id2: String::new(),
        license_status_reason: 0,
        ..SEVEN.row()
    }];
    made
}

/// Installed with a generic product key and never activated: there were no digital licenses yet.
fn windows_8_1() -> MadeWindows {
    let release = Release {
        product_name: "Windows 8.1 Pro N",
        edition_id: "ProfessionalN",
        build: "9600",
        texts: &[("CurrentVersion", "6.3")],
        ubr: Some(17_031),
        // 2013-10-18 10:00 UTC.
        installed: 1_382_090_400,
    };
    let mut made = MadeWindows::new("windows-8.1", &release, &EIGHT);
    // SL_E_GRACE_TIME_EXPIRED.
    made.products =
        vec![ProductRow { license_status: NOTIFICATION, license_status_reason: 0xC004_F009, ..EIGHT.row() }];
    made
}

/// Upgraded long ago; what is left is the product key of millions and a digital license.
fn windows_10_home() -> MadeWindows {
    let release = Release {
        product_name: "Windows 10 Home",
        edition_id: "Core",
        build: "19045",
        texts: &[("CurrentVersion", "6.3"), ("DisplayVersion", "22H2"), ("ReleaseId", "2009")],
        ubr: Some(3803),
        // 2022-10-22 09:00 UTC.
        installed: 1_666_429_200,
    };
    MadeWindows::new("windows-10-home", &release, &HOME).modern(&HOME, 101, release.installed)
}

/// Sold with Home, which the firmware still says; Pro was put on it.
fn windows_10_pro_firmware() -> MadeWindows {
    let release = Release {
        product_name: "Windows 10 Pro",
        edition_id: "Professional",
        build: "19045",
        texts: &[("CurrentVersion", "6.3"), ("DisplayVersion", "22H2"), ("ReleaseId", "2009")],
        ubr: Some(5247),
        // 2023-01-01 09:00 UTC.
        installed: 1_672_563_600,
    };
    let pro = License { extended_pid: "03612-03308-000-000000-00-1033-19045.0000-0012023", ..PRO };
    let mut made = MadeWindows::new("windows-10-pro-firmware", &release, &pro).modern(&pro, 48, release.installed);
    made.msdm = Some(MsdmTable { data: HOME_FIRMWARE.as_bytes(), ..MsdmTable::default() }.make());
    made
}

/// Bought separately. Its `ProductName` says Windows 10, as it does on every Windows 11.
fn windows_11_pro_retail() -> MadeWindows {
    let release = Release {
        product_name: "Windows 10 Pro",
        edition_id: "Professional",
        build: "26100",
        texts: &[("CurrentVersion", "6.3"), ("DisplayVersion", "24H2"), ("ReleaseId", "2009")],
        ubr: Some(2033),
        // 2024-10-10 10:00 UTC.
        installed: 1_728_554_400,
    };
    MadeWindows::new("windows-11-pro-retail", &release, &PRO).modern(&PRO, 48, release.installed)
}

/// Activated by its organization for 180 days at a time.
fn volume_client() -> MadeWindows {
    let release = Release {
        product_name: "Windows 10 Enterprise",
        edition_id: "Enterprise",
        build: "22631",
        texts: &[("CurrentVersion", "6.3"), ("DisplayVersion", "23H2"), ("ReleaseId", "2009")],
        ubr: Some(2428),
        // 2023-11-06 09:30 UTC.
        installed: 1_699_263_000,
    };
    let mut made = MadeWindows::new("volume-client", &release, &ENTERPRISE).modern(&ENTERPRISE, 4, release.installed);
    let platform = made.software.at(CURRENT_VERSION).child("SoftwareProtectionPlatform");
    platform.text("KeyManagementServiceName", "kms.example.org").text("KeyManagementServicePort", "1688");
    // SL_E_VL_INFO_PRODUCT_USER_RIGHT.
    made.products = vec![ProductRow {
        license_status_reason: 0x4004_F040,
        grace_period_remaining: 180 * 24 * 60,
        ..ENTERPRISE.row()
    }];
    made
}

/// The old laptop of `testdata/`, before a repair shop gave it another board: Windows 10 Home over Windows 7, with
/// Office 2010 and Office 2019.
fn upgraded() -> MadeWindows {
    let home = License {
        product_id: "00326-10000-00000-AA917",
        extended_pid: "03612-03261-000-000000-00-1033-10586.0000-2122016",
        ..HOME
    };
    MadeWindows {
        name: "upgraded",
        software: old_laptop::software(),
        system: old_laptop::system(),
        msdm: None,
        products: vec![home.row(), ProductRow::office_2019()],
    }
}

impl MadeWindows {
    fn new(name: &'static str, release: &Release<'_>, license: &License) -> Self {
        let (mut software, mut system) = (Hive::new(), Hive::new());
        let current = software.at(CURRENT_VERSION);
        release.write(current);
        license.write(current, release.installed);
        license.write(software.at(r"Microsoft\Internet Explorer\Registration"), release.installed);
        for neighbour in ["DirectX", "NET Framework Setup", "Wbem"] {
            software.at("Microsoft").child(neighbour).text("Version", "1.0");
        }
        let select = system.at("Select");
        for (value, set) in [("Current", 1), ("Default", 1), ("Failed", 0), ("LastKnownGood", 1)] {
            select.dword(value, set);
        }
        system.at(r"ControlSet001\Control\ComputerName\ComputerName").text("ComputerName", &name.to_uppercase());
        system.at(ENVIRONMENT).text("PROCESSOR_ARCHITECTURE", "AMD64");
        system.at(PRODUCT_OPTIONS).text("ProductType", "WinNT");
        system.at(r"Setup\Pid").text("Pid", "00000270");
        Self { name, software, system, msdm: None, products: vec![license.row()] }
    }

    /// Adds what Windows 10 and later write besides.
    fn modern(mut self, license: &License, sku: u32, installed: u32) -> Self {
        let current = self.software.at(CURRENT_VERSION);
        current.text("CompositionEditionID", license.edition);
        current.dword("CurrentMajorVersionNumber", 10).dword("CurrentMinorVersionNumber", 0);
        current.value("InstallTime", REG_QWORD, file_time(installed).to_le_bytes());
        current.child("SoftwareProtectionPlatform").text("BackupProductKeyDefault", license.product_key);
        for default in ["DefaultProductKey", "DefaultProductKey2"] {
            license.write(current.child(default), installed);
        }
        let part = license.part_number.trim_start_matches("[TH]");
        let family = format!("Microsoft.Windows.{sku}.{part}_8wekyb3d8bbwe");
        self.system.at(PRODUCT_OPTIONS).text("OSProductPfn", &family);
        self
    }
}

impl Release<'_> {
    fn write(&self, node: &mut Node) {
        node.text("ProductName", self.product_name)
            .text("EditionID", self.edition_id)
            .text("InstallationType", "Client")
            .text("CurrentBuild", self.build)
            .text("CurrentBuildNumber", self.build)
            .text("CurrentType", "Multiprocessor Free")
            .text("RegisteredOwner", "Maria")
            .text("RegisteredOrganization", "")
            .text("SystemRoot", r"C:\Windows")
            .dword("InstallDate", self.installed);
        for (name, text) in self.texts {
            node.text(name, text);
        }
        if let Some(ubr) = self.ubr {
            node.dword("UBR", ubr);
        }
    }
}

/// Seconds since 1970 as a file time: 100 ns steps since 1601.
fn file_time(seconds: u32) -> u64 {
    (u64::from(seconds) + 11_644_473_600) * 10_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const LICENSES: [License; 5] = [SEVEN, EIGHT, HOME, PRO, ENTERPRISE];

    #[test]
    fn a_product_id_says_the_group_and_serial_of_its_product_key() {
        for license in LICENSES.iter().filter(|license| license.product_key.contains('N')) {
            let number = u128::from_le_bytes(crate::key::pack(license.product_key));
            let (group, serial) = (number & 0xF_FFFF, number >> 20 & 0x3FFF_FFFF);
            assert_eq!(group, u128::from(license.group));
            let digits: String = license.product_id.chars().filter(|c| *c != '-').take(15).collect();
            assert_eq!(digits, format!("{group:06}{serial:09}"));
            assert!(license.extended_pid.contains(&format!("-{group:05}-000-{serial:06}-0{}-", license.digit)));
        }
    }

    #[test]
    fn an_oem_product_id_of_windows_7_has_its_check_digit() {
        let sequence = SEVEN.product_id.split('-').nth(2).unwrap();
        assert_eq!(sequence.chars().filter_map(|c| c.to_digit(10)).sum::<u32>() % 7, 0, "{sequence}");
    }

    #[test]
    fn seven_windows_have_names_of_their_own_and_a_row_each() {
        let all = all();
        let mut names: Vec<&str> = all.iter().map(|made| made.name).collect();
        assert_eq!(names.len(), 7);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 7);
        for made in &all {
            assert_eq!(made.products[0].application_id, WINDOWS, "{}", made.name);
            assert_eq!(made.products[0].partial_product_key.len(), 5, "{}", made.name);
            assert!(!made.software.root.children.is_empty() && !made.system.root.children.is_empty());
        }
    }

    #[test]
    fn the_service_speaks_of_the_product_key_in_the_registry() {
        for mut made in all() {
            let node = made.software.at(CURRENT_VERSION);
            let key = |name: &str, at: usize| {
                let value = node.values.iter().find(|value| value.name == name).unwrap();
                value.data[at..at + 16].to_vec()
            };
            assert_eq!(key("DigitalProductId", 0x34), key("DigitalProductId4", 0x328), "{}", made.name);
            let stored = key("DigitalProductId", 0x34);
            let of_key = |license: &&License| crate::key::pack(license.product_key).as_slice() == stored;
            let first = LICENSES.iter().find(of_key).unwrap();
            assert!(first.product_key.ends_with(&made.products[0].partial_product_key), "{}", made.name);
            assert_eq!(first.activation_id, made.products[0].id, "{}", made.name);
        }
    }

    #[test]
    fn only_a_pc_with_a_firmware_product_key_has_a_table_beside_its_hives() {
        for made in all() {
            let files = folder(&made);
            assert!(files[0].1.starts_with(b"regf") && files[1].1.starts_with(b"regf"));
            assert_eq!(files.len(), if made.name == "windows-10-pro-firmware" { 3 } else { 2 }, "{}", made.name);
        }
    }

    #[test]
    fn windows_before_10_keeps_no_product_key_as_text() {
        for mut made in all() {
            let platform = made.software.at(CURRENT_VERSION).child("SoftwareProtectionPlatform");
            let kept = platform.values.iter().any(|value| value.name == "BackupProductKeyDefault");
            assert_eq!(kept, !["windows-7", "windows-8.1"].contains(&made.name), "{}", made.name);
        }
    }
}
