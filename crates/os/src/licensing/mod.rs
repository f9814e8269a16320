//! The license service of the Windows that runs: what is installed and activated, and giving it a product key.
//!
//! There are two ways to the same service: WMI (`SoftwareLicensingProduct`, `SoftwareLicensingService`), and where that
//! is not there, the native interface (`slc.dll`). Every call has a time limit, since the service may hang.
//!
//! Sources: Microsoft, "SoftwareLicensingProduct class", "SoftwareLicensingService class", "Software Licensing API".

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

#[cfg_attr(windows, path = "windows/mod.rs")]
#[cfg_attr(not(windows), path = "none.rs")]
mod sys;

/// `ApplicationID` of Windows itself.
pub const WINDOWS: &str = "55c92734-d682-4d71-983e-d6ec3f16059f";
/// `ApplicationID` of Office 2013 and later, and of Office 2010.
pub const OFFICE: [&str; 2] = ["0ff1ce15-a989-479d-af46-f275c6370663", "59a52881-a989-479d-af46-f275c6370663"];
/// Reading takes a second at most, unless the service has to start on a slow PC.
pub const READING: Duration = Duration::from_secs(30);

/// How the license service was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The native interface, `slc.dll`.
    Native,
    /// WMI, `root\cimv2`.
    Wmi,
}

/// What the license service says.
#[derive(Clone, Debug)]
pub struct Licenses {
    /// How it was asked.
    pub way: Way,
    /// The products that have a product key, of Windows and of Office.
    pub products: Vec<LicensedProduct>,
    /// The product key in the firmware, as the service hands it out; empty strings are left out.
    pub firmware_key: Option<Zeroizing<String>>,
    /// What the service says the firmware product key is for. Empty when it is not for this generation of Windows.
    pub firmware_description: Option<String>,
}

/// A product that has a product key. Texts are as Windows gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicensedProduct {
    /// `ID`, the activation ID: a GUID in lower case without braces.
    pub id: String,
    /// `ApplicationID`, in lower case: one of [`WINDOWS`] and [`OFFICE`].
    pub application: String,
    /// `Name`, such as `Windows(R), Professional edition`.
    pub name: String,
    /// `Description`, such as `Windows(R) Operating System, RETAIL channel`.
    pub description: String,
    /// `PartialProductKey`: the last five symbols.
    pub partial_key: String,
    /// `ProductKeyChannel`, such as `Retail`; absent before Windows 8.
    pub channel: Option<String>,
    /// `LicenseFamily`, such as `Professional`.
    pub family: Option<String>,
    /// `LicenseStatus`, 0 to 6.
    pub status: u32,
    /// `LicenseStatusReason`: an HRESULT.
    pub reason: u32,
    /// `GracePeriodRemaining`, in minutes.
    pub grace_minutes: u32,
    /// `LicenseIsAddon`: it adds to another license and is not the license of Windows itself.
    pub addon: bool,
}

/// Something the license service is asked to do. Each needs administrator rights.
#[derive(Clone, Debug)]
pub enum Action {
    /// Activate the product with this activation ID.
    Activate(String),
    /// Take the product key out of the registry.
    ClearFromRegistry,
    /// Take the confirmation ID that Microsoft gave for an installation ID; both without separators.
    Deposit {
        /// The activation ID.
        product: String,
        /// The installation ID.
        installation_id: String,
        /// The confirmation ID.
        confirmation_id: String,
    },
    /// Install this product key: 25 symbols and four hyphens.
    Install(Zeroizing<String>),
    /// Look at all licenses anew.
    Refresh,
    /// Take the product key away from the product with this activation ID.
    Uninstall(String),
}

/// Why the license service did not answer, or said no.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LicensingError {
    /// Neither way leads to a license service, as in WinPE.
    #[error("there is no license service on this system")]
    Absent,
    /// The service answered with an error.
    #[error("{call}: the license service answers {hresult:#010X}")]
    Refused {
        /// What was asked, such as `Activate`.
        call: &'static str,
        /// The HRESULT.
        hresult: u32,
    },
    /// The service did not answer in time. Whether it did what it was asked is not known.
    #[error("{call}: the license service has not answered for {seconds} seconds")]
    TimedOut {
        /// What was asked.
        call: &'static str,
        /// How long it was given.
        seconds: u64,
    },
}

impl Action {
    /// The name of the call, as Microsoft's documents spell it.
    #[must_use]
    pub fn call(&self) -> &'static str {
        match self {
            Self::Activate(_) => "Activate",
            Self::ClearFromRegistry => "ClearProductKeyFromRegistry",
            Self::Deposit { .. } => "DepositOfflineConfirmationId",
            Self::Install(_) => "InstallProductKey",
            Self::Refresh => "RefreshLicenseStatus",
            Self::Uninstall(_) => "UninstallProductKey",
        }
    }
}

/// Asks what has a product key and how it stands. It needs no administrator rights.
///
/// # Errors
///
/// [`LicensingError`]
pub fn look() -> Result<Licenses, LicensingError> {
    within(READING, "SoftwareLicensingProduct", || either(sys::look))
}

/// Asks for the installation ID of a product, for activation by telephone: 54 or 63 digits.
///
/// # Errors
///
/// [`LicensingError`]
pub fn installation_id(product: &str) -> Result<String, LicensingError> {
    let product = product.to_owned();
    within(READING, "OfflineInstallationId", move || either(|way| sys::installation_id(way, &product)))
}

/// Has the service do something, and waits for it at most `limit`.
///
/// # Errors
///
/// [`LicensingError`]
pub fn act(action: Action, limit: Duration) -> Result<(), LicensingError> {
    within(limit, action.call(), move || either(|way| sys::act(way, &action)))
}

/// No product of Microsoft's has a longer name.
const LONGEST_TEXT: usize = 256;

impl LicensedProduct {
    /// A text of the service as a terminal may show it: nothing in it steers one, and it has an end.
    #[cfg_attr(not(windows), expect(dead_code, reason = "only Windows has the service"))]
    fn shown(text: &str) -> String {
        let turns =
            |c| matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        let safe = |c: char| if c.is_control() || turns(c) { '\u{FFFD}' } else { c };
        text.chars().take(LONGEST_TEXT).map(safe).collect()
    }
}

/// WMI first; where it is not there, the native way.
fn either<T>(mut ask: impl FnMut(Way) -> Result<T, LicensingError>) -> Result<T, LicensingError> {
    match ask(Way::Wmi) {
        Err(LicensingError::Absent) => ask(Way::Native),
        answer => answer,
    }
}

/// Asks in a thread of its own, so that a hanging service hangs nobody else. The thread ends with the process.
fn within<T: Send + 'static>(
    limit: Duration,
    call: &'static str,
    ask: impl FnOnce() -> Result<T, LicensingError> + Send + 'static,
) -> Result<T, LicensingError> {
    let (answer, answered) = mpsc::channel();
    let asking = thread::spawn(move || answer.send(ask()));
    match answered.recv_timeout(limit) {
        Ok(answer) => {
            // It has answered and only tidies up; a process that ends meanwhile would end with its code under Wine.
            let _ = asking.join();
            answer
        }
        Err(RecvTimeoutError::Disconnected) => Err(LicensingError::Absent),
        Err(RecvTimeoutError::Timeout) => Err(LicensingError::TimedOut { call, seconds: limit.as_secs() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hang_ends_at_the_limit_and_names_the_call() {
        let hang = within(Duration::from_millis(10), "Activate", || {
            thread::sleep(Duration::from_secs(60));
            Ok(())
        });
        assert_eq!(hang, Err(LicensingError::TimedOut { call: "Activate", seconds: 0 }));
    }

    #[test]
    fn the_native_way_is_taken_only_where_wmi_is_absent() {
        let absent = either(|way| if way == Way::Wmi { Err(LicensingError::Absent) } else { Ok(way) });
        assert_eq!(absent, Ok(Way::Native));
        let refused = LicensingError::Refused { call: "Activate", hresult: 0xC004_F074 };
        assert_eq!(either(|_| Err::<(), _>(refused.clone())), Err(refused.clone()));
    }
}
