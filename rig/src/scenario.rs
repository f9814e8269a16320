//! What the stand-ins play: one JSON text, which they change as Windows would change.

use std::io;
use std::path::PathBuf;

use serde_json::Value;

use crate::Prefix;
use crate::copy::link;
use crate::wine;

/// The DLLs of Windows that the stand-in takes the place of.
const PLAYED: &[&str] = &["bcryptprimitives", "slc", "slcext", "sppc"];
/// The place of WMI's locator, by which every caller begins.
const LOCATOR: &str = r#"
[Software\\Classes\\CLSID\\{4590F811-1D3A-11D0-891F-00AA004B2E24}\\InprocServer32]
@="C:\\windows\\system32\\standins.dll"
"ThreadingModel"="Both"
"#;

impl Prefix {
    /// Lets the stand-ins play `scenario`; called again, it only changes what they play.
    ///
    /// # Errors
    ///
    /// When the stand-ins are not built or a file cannot be written.
    pub fn standins(&self, scenario: &Value) -> io::Result<()> {
        if !self.scenario_file().is_file() {
            self.place_standins()?;
        }
        std::fs::write(self.scenario_file(), scenario.to_string())
    }

    /// The scenario as it is now, after what the programs did.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn scenario(&self) -> io::Result<Value> {
        Ok(serde_json::from_slice(&std::fs::read(self.scenario_file())?)?)
    }

    /// The calls that were made, oldest first; takes them away.
    ///
    /// # Errors
    ///
    /// When the log is damaged.
    pub fn calls(&self) -> io::Result<Vec<Value>> {
        let text = match std::fs::read_to_string(self.log_file()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        std::fs::remove_file(self.log_file())?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// The variables that make Wine take the stand-ins, and tell them what to play; none without them.
    pub(crate) fn standin_variables(&self) -> Vec<(String, String)> {
        if !self.scenario_file().is_file() {
            return Vec::new();
        }
        let pairs = [
            ("KEYSTOW_STANDINS", r"C:\standins\scenario.json".to_owned()),
            ("KEYSTOW_STANDINS_LOG", r"C:\standins\calls.jsonl".to_owned()),
            ("WINEDLLOVERRIDES", format!("{}=n", PLAYED.join(","))),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    fn scenario_file(&self) -> PathBuf {
        self.drive_c().join("standins/scenario.json")
    }

    fn log_file(&self) -> PathBuf {
        self.drive_c().join("standins/calls.jsonl")
    }

    fn place_standins(&self) -> io::Result<()> {
        let dll = wine::target().join("x86_64-pc-windows-gnu/debug/standins.dll");
        if !dll.is_file() {
            let message = format!("{} is not built; `cargo xtask windows` builds it", dll.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        for name in PLAYED.iter().chain(&["standins"]) {
            link(&dll, &self.system32().join(format!("{name}.dll")))?;
        }
        std::fs::create_dir_all(self.drive_c().join("standins"))?;
        // Wine reads the registry's file when its server starts, and a later section goes before an earlier one.
        self.stop()?;
        let registry = self.folder().join("system.reg");
        let text = std::fs::read_to_string(&registry)? + LOCATOR;
        std::fs::write(registry, text)
    }
}
