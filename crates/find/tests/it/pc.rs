//! PCs to scan: folders with hives and tables of published product keys, and short ways to say what was found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use keystow_core::identify::verdict::VerdictKind;
use keystow_find::{Finding, FindingId, PlaceKind, Problem, ProblemKind, Scan, Source, scan};
use keystow_makers::digital_product_id::{V3, V4};
use keystow_makers::hive::{Hive, Node, REG_BINARY};
use keystow_makers::key::pack;

pub(crate) const CURRENT: &str = r"Microsoft\Windows NT\CurrentVersion";
pub(crate) const CONFIG: &str = "Windows/System32/config";
/// What Windows 10 and 11 Pro install by default: group 3308, serial 0.
pub(crate) const PRO_DEFAULT: &str = "VK7JG-NPHTM-C97JM-9MPGT-3V66T";
/// Windows 10 and 11 Pro, KMS client: group 3311, serial 1.
pub(crate) const PRO_KMS: &str = "W269N-WFGWX-YVC9B-4J6C9-T83GX";
/// Windows 10 Pro, for firmware: group 3305, serial 0.
pub(crate) const PRO_FIRMWARE: &str = "NF6HC-QH89W-F8WYV-WWXV4-WFG6P";
/// Windows 8 Pro, for firmware: group 1802.
pub(crate) const EIGHT_FIRMWARE: &str = "V7C3N-3W6CM-PDKR2-KW8DQ-RJMRD";
/// Windows 7 Home Premium. The older form does not show that it is shared, so here it stands for somebody's own.
pub(crate) const SEVEN: &str = "RHPQ2-RMFJH-74XYM-BH4JX-XM76F";
/// Windows 7 Ultimate, likewise.
pub(crate) const SEVEN_ULTIMATE: &str = "D4F6K-QK3RD-TMVMJ-BBMRX-3MBMV";

/// A folder that is gone when the test ends.
pub(crate) struct Pc(PathBuf);

impl Pc {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("keystow-find-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// A Windows of these two hives.
    pub(crate) fn of(software: &Hive, system: &Hive) -> Self {
        Self::new()
            .with(&format!("{CONFIG}/SOFTWARE"), software.bytes())
            .with(&format!("{CONFIG}/SYSTEM"), system.bytes())
    }

    pub(crate) fn with(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.write(path, bytes);
        self
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn scan(&self) -> Scan {
        look(&[&self.0])
    }

    /// Scans files or folders inside it, as one call.
    pub(crate) fn scan_in(&self, paths: &[&str]) -> Scan {
        look(&paths.iter().map(|path| self.0.join(path)).collect::<Vec<_>>())
    }
}

impl Drop for Pc {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn look(paths: &[impl AsRef<Path>]) -> Scan {
    scan(&paths.iter().map(|path| Source::Path(path.as_ref().to_owned())).collect::<Vec<_>>())
}

/// Scans one file of these bytes, under a name that says nothing.
pub(crate) fn scan_file(bytes: impl AsRef<[u8]>) -> Scan {
    Pc::new().with("file", bytes).scan_in(&["file"])
}

/// A SYSTEM hive that tells of nothing but its kind.
pub(crate) fn system() -> Hive {
    let mut hive = Hive::new();
    hive.at("Select").dword("Current", 1);
    hive.at(r"Setup\Pid").text("Pid", "00000270");
    hive
}

/// A SOFTWARE hive with this Windows and the values of one product key.
pub(crate) fn software(windows: &str, edition: &str, build: u32, license: &License<'_>) -> Hive {
    let mut hive = Hive::new();
    license.put(windows_in(hive.at(CURRENT), windows, edition, build));
    hive
}

/// Writes down which Windows it is.
pub(crate) fn windows_in<'n>(node: &'n mut Node, name: &str, edition: &str, build: u32) -> &'n mut Node {
    node.text("ProductName", name).text("EditionID", edition).text("CurrentBuild", &build.to_string())
}

/// The two values that Windows stores for one product key, and the Product ID beside them.
pub(crate) struct License<'a> {
    pub(crate) v3: V3<'a>,
    pub(crate) v4: V4<'a>,
}

impl License<'_> {
    pub(crate) fn put(&self, node: &mut Node) {
        self.put_raw(node, self.v3.make(), self.v4.make());
    }

    /// The same with values that were edited after they were made.
    pub(crate) fn put_raw(&self, node: &mut Node, v3: Vec<u8>, v4: Vec<u8>) {
        node.text("ProductId", self.v3.product_id).value("DigitalProductId", REG_BINARY, v3).value(
            "DigitalProductId4",
            REG_BINARY,
            v4,
        );
    }
}

/// The shared product key that Pro installs by default.
pub(crate) fn pro_default() -> License<'static> {
    License { v3: V3::default(), v4: V4::default() }
}

/// Pro, activated by an organization's server.
pub(crate) fn pro_kms() -> License<'static> {
    let v3 = V3 {
        product_id: "00331-10000-00001-AA123",
        group: 3311,
        part_number: "[TH]X19-98806",
        key: pack(PRO_KMS),
        license: 3,
        ..V3::default()
    };
    let v4 = V4 {
        extended_pid: "03612-03311-000-000001-03-1033-19045.0000-1182025",
        activation_id: "2de67392-b7a7-462a-b1ca-108dd189f588",
        key: pack(PRO_KMS),
        part_number: "[TH]X19-98806",
        channel: "Volume:GVLK",
        eula: "Volume",
        ..V4::default()
    };
    License { v3, v4 }
}

/// Windows 7 Home Premium, bought in a box.
pub(crate) fn seven_retail() -> License<'static> {
    let v3 = V3 {
        product_id: "00359-123-4200267-89123",
        group: 179,
        part_number: "X15-37376",
        key: pack(SEVEN),
        time: 1_331_994_000,
        ..V3::default()
    };
    let v4 = V4 {
        extended_pid: "00359-00179-123-420026-00-1033-7601.0000-0772012",
        activation_id: "",
        edition: "HomePremium",
        key: pack(SEVEN),
        part_number: "X15-37376",
        ..V4::default()
    };
    License { v3, v4 }
}

/// Windows 7 Home Premium, as a shop built it in.
pub(crate) fn seven_oem() -> License<'static> {
    let License { v3, v4 } = seven_retail();
    let v3 = V3 { product_id: "00359-OEM-8912341-20026", license: 2, ..v3 };
    let v4 =
        V4 { extended_pid: "00359-00179-123-420026-02-1033-7601.0000-0772012", channel: "OEM:COA", eula: "OEM", ..v4 };
    License { v3, v4 }
}

/// What is said in one line: place, last five symbols, verdict.
pub(crate) type Said<'a> = (PlaceKind, Option<&'a str>, VerdictKind);

/// What a scan found, in its order.
pub(crate) fn said(scan: &Scan) -> Vec<(PlaceKind, Option<String>, VerdictKind)> {
    let said = |finding: &Finding| {
        (finding.place, finding.held.partial().map(|partial| partial.to_string()), finding.verdict.kind)
    };
    scan.findings.iter().map(said).collect()
}

pub(crate) fn assert_said(scan: &Scan, expected: &[Said<'_>]) {
    let expected: Vec<_> = expected.iter().map(|(place, key, kind)| (*place, key.map(str::to_owned), *kind)).collect();
    assert_eq!(said(scan), expected, "{:?}", scan.problems);
}

/// The last five symbols of what is worth keeping, best first.
pub(crate) fn kept(scan: &Scan) -> Vec<String> {
    let find = |id: &FindingId| scan.findings.iter().find(|finding| finding.id == *id).unwrap();
    scan.keep.iter().map(|id| find(id).held.partial().unwrap().to_string()).collect()
}

/// The kinds of its problems.
pub(crate) fn problems(scan: &Scan) -> Vec<ProblemKind> {
    scan.problems.iter().map(|Problem { kind, .. }| *kind).collect()
}

/// Edition and channel of a finding.
pub(crate) fn product(finding: &Finding) -> (Option<&str>, Option<&str>) {
    (
        finding.product.edition.as_ref().map(|edition| edition.id()),
        finding.product.channel.map(|channel| channel.as_str()),
    )
}

/// A registry export of one node.
pub(crate) fn export(path: &str, values: &[(&str, &[u8])]) -> String {
    let mut text = format!("Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\{path}]\r\n");
    for (name, data) in values {
        let hex: Vec<String> = data.iter().map(|byte| format!("{byte:02x}")).collect();
        text += &format!("\"{name}\"=hex:{}\r\n", hex.join(","));
    }
    text
}
