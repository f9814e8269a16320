//! A machine of an organization: it scans itself and reports, sealed to the organization. It asks nobody, and keeps
//! nothing that could open a report of another machine.

use std::path::{Path, PathBuf};
use std::{fs, io};

use keystow_account::client::{Client, Reported};
use keystow_account::id::SeriesId;
use keystow_account::organization::{Enrollment, MachineState};
use keystow_account::wire::Record;
use keystow_account::wire::organization::MOST_KEPT;
use keystow_core::device::{DeviceIdentity, Likeness, compare};
use keystow_find::{Scan, Source};
use keystow_os::files;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::App;
use super::error::{Result, at};
use super::fleet::FleetError;
use super::fleet::report::Report;
use super::running::this_device;

const FORMAT: u32 = 1;
const MOST: u64 = 64 * 1024;
/// The greatest size of a report that was sent.
const MOST_SENT: u64 = 1 << 20;

/// What this machine keeps of its enrollment.
#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    /// What tells this machine from others: a copy of its disk on another PC must not report as this one.
    device: std::collections::BTreeMap<String, String>,
    /// What the organization calls this machine, where it is not the device's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    machine: MachineState,
}

impl App {
    /// Enrolls this machine in an organization. Enrolled again, it keeps a name that it was given before.
    pub(crate) fn enroll_machine(&self, line: &str, again: bool, name: Option<&str>) -> Result<()> {
        let enrollment = Enrollment::parse(line).ok_or(FleetError::NoEnrollment)?;
        let path = self.paths.agent();
        if !again && path.is_file() {
            return Err(FleetError::Enrolled { path }.into());
        }
        let before = || self.enrollment().ok().and_then(|kept| kept.name);
        let name = name.map(str::to_owned).or_else(before);
        let machine = Client::enroll(&enrollment)?;
        self.keep(&Kept { format: FORMAT, device: this_device().0.to_map(), name, machine })
    }

    /// Scans and reports. Gives what was found, and what became of the report.
    pub(crate) fn report(&self, from: Option<&Path>) -> Result<(Scan, Reported)> {
        let mut kept = self.enrollment()?;
        let device = this_device().0;
        if compare(&DeviceIdentity::from_map(&kept.device), &device).likeness == Likeness::Other {
            return Err(FleetError::OtherMachine.into());
        }
        let source = from.map_or(Source::ThisPc, |path| Source::Path(path.to_owned()));
        let scan = keystow_find::scan(&[source]);
        let name = kept.name.clone().or_else(keystow_os::device::name).unwrap_or_default();
        let mut report = Report::of(&scan, name, self.now());
        if from.is_none() {
            (report.device, report.linked) = (device.to_map(), self.linked());
        }
        let text = report.to_json().map_err(io::Error::other).map_err(at(self.paths.agent()))?;
        let sent = self.sent(kept.machine.series);
        let reported = Client::report(&mut kept.machine, &sent, &text)?;
        self.keep_sent(&reported.record)?;
        self.keep(&kept)?;
        Ok((scan, reported))
    }

    /// The reports of this series that are kept. What is damaged among them is of no use, and left out.
    fn sent(&self, series: SeriesId) -> Vec<Record> {
        let read = |path: PathBuf| serde_json::from_slice(&files::read(&path, MOST_SENT).ok()?).ok();
        let mut sent: Vec<Record> = self.sent_files().into_iter().filter_map(read).collect();
        sent.retain(|record| record.series == series);
        sent.sort_unstable_by_key(|record| std::cmp::Reverse(record.index));
        sent.truncate(MOST_KEPT);
        sent
    }

    /// Keeps a report, sealed as it was sent, and removes the oldest ones.
    fn keep_sent(&self, record: &Record) -> Result<()> {
        let path = self.paths.sent_reports().join(sent_name(record));
        let text = serde_json::to_vec(record).map_err(io::Error::other).map_err(at(&path))?;
        files::create_dir(&self.paths.sent_reports()).map_err(at(&path))?;
        files::replace(&path, &text).map_err(at(&path))?;
        let kept: Vec<_> = self.sent(record.series).iter().map(sent_name).collect();
        for old in self.sent_files() {
            if !kept.iter().any(|name| old.ends_with(name)) {
                files::remove(&old).map_err(at(old))?;
            }
        }
        Ok(())
    }

    fn sent_files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.paths.sent_reports()).into_iter().flatten().flatten();
        files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
    }

    fn enrollment(&self) -> Result<Kept> {
        let path = self.paths.agent();
        let bytes = match files::read(&path, MOST) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FleetError::NotEnrolled.into()),
            Err(error) => return Err(at(path)(error)),
        };
        let kept = serde_json::from_slice(&bytes).ok().filter(|kept: &Kept| kept.format == FORMAT);
        kept.ok_or_else(|| at(path)(io::Error::new(io::ErrorKind::InvalidData, "damaged; enroll again")))
    }

    fn keep(&self, kept: &Kept) -> Result<()> {
        let path = self.paths.agent();
        let text = serde_json::to_vec(kept).map(Zeroizing::new).map_err(io::Error::other).map_err(at(&path))?;
        files::create_dir(self.paths.data()).map_err(at(&path))?;
        files::replace(&path, &text).map_err(at(path))
    }
}

/// What the file of a report is called.
fn sent_name(record: &Record) -> String {
    format!("{}-{}.json", record.series, record.index)
}
