//! `testdata/old-laptop`: an old laptop's disk. It was sold with Windows 7 Home Premium, upgraded to Windows 10 Home in
//! July 2016, and carries a firmware product key that a repair shop's board brought with it. Office 2010 is installed,
//! and a newer Office beside it. Every product key in it is a published one.

use crate::acpi::MsdmTable;
use crate::digital_product_id::{V3, V4};
use crate::hive::{Hive, Node, REG_BINARY, REG_DWORD};
use crate::key::pack;

/// Windows 10 and 11 Home, default of an upgrade: group 3261, serial 0.
const HOME_DEFAULT: &str = "YTMG3-N6DKC-DKB77-7M9GH-8HVX7";
/// Windows 10 Home, default for firmware product keys: group 3258, serial 0.
const FIRMWARE: &str = "37GNV-YCQVD-38XP9-T848R-FC2HD";
/// Windows 7 Home Premium, generic.
const SEVEN: &str = "RHPQ2-RMFJH-74XYM-BH4JX-XM76F";
/// Office 2010 Standard, KMS client.
const OFFICE: &str = "V7QKV-4XVVR-XYV4D-F7DFM-8R6BM";
/// 2016-07-30 09:12:44 UTC, when Windows 10 was installed.
const UPGRADED: u32 = 1_469_869_964;
/// 2012-03-17 14:20:00 UTC, when Windows 7 was installed.
const FIRST_INSTALLED: u32 = 1_331_994_000;

/// The files of the disk, by their paths below `testdata/`.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let config = "old-laptop/Windows/System32/config";
    vec![
        (format!("{config}/SOFTWARE"), software().bytes()),
        (format!("{config}/SYSTEM"), system().bytes()),
        ("old-laptop/msdm.bin".to_owned(), MsdmTable { data: FIRMWARE.as_bytes(), ..MsdmTable::default() }.make()),
    ]
}

pub(crate) fn software() -> Hive {
    let mut hive = Hive::new();
    windows_10(hive.at(r"Microsoft\Windows NT\CurrentVersion"));
    hive.at(r"Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform")
        .text("BackupProductKeyDefault", HOME_DEFAULT)
        .text("KeyManagementServiceVersion", "6.2.9200.16384");
    let default = hive.at(r"Microsoft\Windows NT\CurrentVersion\DefaultProductKey");
    digital(default, &home_v3(), &home_v4());
    let browser = hive.at(r"Microsoft\Internet Explorer\Registration");
    digital(browser, &home_v3(), &home_v4());
    office(&mut hive);
    // A registry has many other nodes; a few neighbours keep the lists honest.
    for neighbour in ["Active Setup", "DirectX", "Fusion", "NET Framework Setup", "Shared Tools", "Wbem", "Windows"] {
        hive.at("Microsoft").child(neighbour).text("Version", "1.0");
    }
    hive.at(r"Wow6432Node\Microsoft\Windows NT\CurrentVersion").text("ProductName", "Windows 10 Home");
    hive
}

fn windows_10(node: &mut Node) {
    node.text("ProductName", "Windows 10 Home")
        .text("EditionID", "Core")
        .text("CompositionEditionID", "Core")
        .text("InstallationType", "Client")
        .text("CurrentVersion", "6.3")
        .text("CurrentBuild", "19045")
        .text("CurrentBuildNumber", "19045")
        .text("DisplayVersion", "22H2")
        .text("ReleaseId", "2009")
        .text("RegisteredOwner", "Maria")
        .value("InstallDate", REG_DWORD, UPGRADED.to_le_bytes())
        .dword("UBR", 3803);
    digital(node, &home_v3(), &home_v4());
}

pub(crate) fn system() -> Hive {
    let mut hive = Hive::new();
    hive.at("Select").dword("Current", 1).dword("Default", 1);
    hive.at(r"ControlSet001\Control\ComputerName\ComputerName").text("ComputerName", "OLD-LAPTOP");
    hive.at(r"ControlSet001\Control\Session Manager\Environment").text("PROCESSOR_ARCHITECTURE", "AMD64");
    hive.at(r"ControlSet001\Control\ProductOptions")
        .text("ProductType", "WinNT")
        .text("OSProductPfn", "Microsoft.Windows.101.X19-98868_8wekyb3d8bbwe");
    hive.at(r"Setup\Pid").text("Pid", "00000270");
    let seven = hive.at(r"Setup\Source OS (Updated on 7/30/2016 09:12:44)");
    seven
        .text("ProductName", "Windows 7 Home Premium")
        .text("EditionID", "HomePremium")
        .text("CurrentVersion", "6.1")
        .text("CurrentBuild", "7601")
        .text("CurrentBuildNumber", "7601")
        .text("CSDVersion", "Service Pack 1")
        .value("InstallDate", REG_DWORD, FIRST_INSTALLED.to_le_bytes());
    digital(seven, &seven_v3(), &seven_v4());
    hive
}

fn office(hive: &mut Hive) {
    let office = V4 {
        extended_pid: "82503-00172-000-000000-03-1033-7601.0000-0772012",
        activation_id: "9da2a678-fb6b-4e67-ab84-60dd6a9c819a",
        edition: "StandardVL",
        key: pack(OFFICE),
        part_number: "X15-87192",
        channel: "Volume:GVLK",
        eula: "Volume",
        is_upgrade: false,
    };
    hive.at(r"Microsoft\Office\14.0\Registration\{90140000-0012-0000-0000-0000000FF1CE}")
        .text("ProductName", "Microsoft Office Standard 2010")
        .text("ProductID", "02260-018-0001231-86512")
        .value("DigitalProductID", REG_BINARY, office.make());
    hive.at(r"Microsoft\Office\ClickToRun\Configuration")
        .text("ProductReleaseIds", "HomeBusiness2019Retail")
        .text("Platform", "x64");
}

fn digital(node: &mut Node, v3: &V3<'_>, v4: &V4<'_>) {
    node.text("ProductId", v3.product_id).value("DigitalProductId", REG_BINARY, v3.make()).value(
        "DigitalProductId4",
        REG_BINARY,
        v4.make(),
    );
}

fn home_v3() -> V3<'static> {
    V3 {
        product_id: "00326-10000-00000-AA917",
        group: 3261,
        part_number: "[TH]X19-98868",
        key: pack(HOME_DEFAULT),
        time: UPGRADED,
        ..V3::default()
    }
}

fn home_v4() -> V4<'static> {
    V4 {
        extended_pid: "03612-03261-000-000000-00-1033-10586.0000-2122016",
        activation_id: "2b1f36bb-c1cd-4306-bf5c-a0367c2d97d8",
        edition: "Core",
        key: pack(HOME_DEFAULT),
        part_number: "[TH]X19-98868",
        ..V4::default()
    }
}

fn seven_v3() -> V3<'static> {
    V3 {
        product_id: "00359-OEM-8912341-20026",
        group: 179,
        part_number: "X15-37376",
        key: pack(SEVEN),
        time: FIRST_INSTALLED,
        license: 2,
        ..V3::default()
    }
}

fn seven_v4() -> V4<'static> {
    V4 {
        extended_pid: "00359-00179-123-420026-02-1033-7601.0000-0772012",
        activation_id: "d2c04e90-c3dd-4260-b0f3-f845f5d27d64",
        edition: "HomePremium",
        key: pack(SEVEN),
        part_number: "X15-37376",
        channel: "OEM:COA",
        eula: "OEM",
        is_upgrade: false,
    }
}
