//! The person whose account this process runs as.

#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(not(windows), path = "none.rs")]
mod sys;

/// Whether that account is connected to a Microsoft account, which a digital license is linked to. `None` where this
/// cannot be seen: for an account of an organization, on a Windows before 8, on another system.
#[must_use]
pub fn has_microsoft_account() -> Option<bool> {
    sys::has_microsoft_account()
}
