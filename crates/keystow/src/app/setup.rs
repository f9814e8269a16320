//! The files that Setup reads, with a product key in them.

use keystow_core::ProductKey;
use keystow_core::answer::{self, AnswerError, Architecture, MediaChannel, Passes};
use keystow_core::identify::LicenseType;
use zeroize::Zeroizing;

/// The three files by their paths: beside `setup.exe` the answer file, in `sources` the other two.
///
/// # Errors
///
/// [`AnswerError`] when the edition is none.
pub(crate) fn files(
    key: &ProductKey,
    edition: Option<&str>,
    license: Option<LicenseType>,
) -> Result<[(&'static str, Zeroizing<String>); 3], AnswerError> {
    let (channel, volume) = match license {
        Some(LicenseType::Oem) => (MediaChannel::Oem, false),
        Some(LicenseType::Volume) => (MediaChannel::Volume, true),
        _ => (MediaChannel::Retail, false),
    };
    let all = [Architecture::Amd64, Architecture::X86, Architecture::Arm64];
    Ok([
        ("unattend.xml", answer::unattend(Some(key), &all, Passes::Both)?),
        ("sources/PID.txt", answer::pid_txt(key)),
        ("sources/ei.cfg", answer::ei_cfg(edition, channel, volume)?.into()),
    ])
}
