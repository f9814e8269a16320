//! A machine of an organization: it scans itself and reports, sealed to the organization. It asks nobody, and keeps
//! nothing that could open a report of another machine.

use std::io;
use std::path::Path;

use keystow_account::client::Client;
use keystow_account::organization::{Enrollment, MachineState};
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

/// What this machine keeps of its enrollment.
#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    /// What tells this machine from others: a copy of its disk on another PC must not report as this one.
    device: std::collections::BTreeMap<String, String>,
    machine: MachineState,
}

impl App {
    /// Enrolls this machine in an organization.
    pub(crate) fn enroll_machine(&self, line: &str, again: bool) -> Result<()> {
        let enrollment = Enrollment::parse(line).ok_or(FleetError::NoEnrollment)?;
        let path = self.paths.agent();
        if !again && path.is_file() {
            return Err(FleetError::Enrolled { path }.into());
        }
        let machine = Client::enroll(&enrollment)?;
        self.keep(&Kept { format: FORMAT, device: this_device().0.to_map(), machine })
    }

    /// Scans and reports. Gives what was found, and the number of the report.
    pub(crate) fn report(&self, from: Option<&Path>) -> Result<(Scan, u64)> {
        let mut kept = self.enrollment()?;
        let device = this_device().0;
        if compare(&DeviceIdentity::from_map(&kept.device), &device).likeness == Likeness::Other {
            return Err(FleetError::OtherMachine.into());
        }
        let source = from.map_or(Source::ThisPc, |path| Source::Path(path.to_owned()));
        let scan = keystow_find::scan(&[source]);
        let of_file = || Some(from?.file_name()?.to_string_lossy().into_owned());
        let name = of_file().or_else(keystow_os::device::name).unwrap_or_default();
        let mut report = Report::of(&scan, name, self.now());
        if from.is_none() {
            (report.device, report.linked) = (device.to_map(), self.linked());
        }
        let text = report.to_json().map_err(io::Error::other).map_err(at(self.paths.agent()))?;
        let head = Client::report(&mut kept.machine, &text)?;
        self.keep(&kept)?;
        Ok((scan, head.index))
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
