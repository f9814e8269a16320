//! The files that Windows Setup reads: `unattend.xml`, `PID.txt`, `ei.cfg`.
//!
//! Input is a product key, or none, and what to write around it; output is the text of a file. Nothing here writes
//! to a disk. [`read_setup_key`] takes the product key back out of such a file.
//!
//! These files hold the product key in plain text on media that get around: whoever writes one says so.
//!
//! Sources: Microsoft, "Unattended Windows Setup Reference" (`Microsoft-Windows-Setup`, `UserData`, `ProductKey`;
//! `Microsoft-Windows-Shell-Setup`, `ProductKey`); Microsoft, "Windows Setup Edition Configuration and Product ID
//! Files (EI.cfg and PID.txt)".

mod read;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::ProductKey;
pub use read::read_setup_key;

/// The processor that a component of an answer file is for. Setup takes only those of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// 64-bit, Intel and AMD.
    Amd64,
    /// 64-bit, ARM.
    Arm64,
    /// 32-bit, Intel and AMD.
    X86,
}

/// The channel of installation media, as `ei.cfg` names it. Setup takes product keys of that channel only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaChannel {
    /// Media of a PC maker.
    Oem,
    /// Media bought separately.
    Retail,
    /// Media of an organization.
    Volume,
}

/// Which parts of Setup an answer file gives the product key to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Passes {
    /// Both.
    Both,
    /// Before the disk is written: the product key chooses the edition.
    WindowsPe,
    /// At the first start: the product key activates. The only one that serves a multiple activation key.
    Specialize,
}

/// Why a file cannot be written.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum AnswerError {
    #[error("an answer file needs one architecture at least")]
    Architecture,
    #[error("an edition is letters and digits, here is {found:?}")]
    Edition { found: char },
}

/// Writes `unattend.xml`, with CR LF and one component for each of `architectures`.
///
/// Without a product key, Setup takes the one in firmware and asks for none; the specialize pass then has nothing to
/// say and is left out. The license terms are accepted for the person who starts Setup, as every unattended
/// installation must.
///
/// # Errors
///
/// [`AnswerError::Architecture`] when `architectures` is empty.
pub fn unattend(
    product_key: Option<&ProductKey>,
    architectures: &[Architecture],
    passes: Passes,
) -> Result<Zeroizing<String>, AnswerError> {
    if architectures.is_empty() {
        return Err(AnswerError::Architecture);
    }
    let text = product_key.map(ProductKey::reveal);
    let key = text.as_ref().map(|text| text.as_str());
    // Two components of an architecture take less than 1200 bytes; growing would leave copies of the product key.
    let mut out = Zeroizing::new(String::with_capacity(300 + 1200 * architectures.len()));
    line(&mut out, 0, &["<?xml version=\"1.0\" encoding=\"utf-8\"?>"]);
    line(&mut out, 0, &["<unattend xmlns=\"urn:schemas-microsoft-com:unattend\">"]);
    if passes != Passes::Specialize || key.is_none() {
        settings(&mut out, "windowsPE", architectures, "Microsoft-Windows-Setup", |out| user_data(out, key));
    }
    if let Some(key) = key.filter(|_| passes != Passes::WindowsPe) {
        settings(&mut out, "specialize", architectures, "Microsoft-Windows-Shell-Setup", |out| {
            line(out, 3, &["<ProductKey>", key, "</ProductKey>"]);
        });
    }
    line(&mut out, 0, &["</unattend>"]);
    Ok(out)
}

/// Writes `\sources\PID.txt`, which gives Setup a product key without any answer file.
#[must_use]
pub fn pid_txt(product_key: &ProductKey) -> Zeroizing<String> {
    let text = product_key.reveal();
    let mut out = Zeroizing::new(String::with_capacity(64));
    line(&mut out, 0, &["[PID]"]);
    line(&mut out, 0, &["Value=", text.as_str()]);
    out
}

/// Writes `\sources\ei.cfg`, which says what the media install; it holds no product key.
///
/// `edition` is an `EditionID` such as `Professional`; without one, Setup lets the product key or the person choose.
/// `volume_license` says that the media are of a volume license.
///
/// # Errors
///
/// [`AnswerError::Edition`] when `edition` is not made of letters and digits.
pub fn ei_cfg(edition: Option<&str>, channel: MediaChannel, volume_license: bool) -> Result<String, AnswerError> {
    let edition = edition.unwrap_or_default();
    if let Some(found) = edition.chars().find(|c| !c.is_ascii_alphanumeric()) {
        return Err(AnswerError::Edition { found });
    }
    let volume = if volume_license { "1" } else { "0" };
    let mut out = String::new();
    for text in ["[EditionID]", edition, "[Channel]", channel.as_str(), "[VL]", volume] {
        line(&mut out, 0, &[text]);
    }
    Ok(out)
}

impl Architecture {
    /// The name in `processorArchitecture`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::X86 => "x86",
        }
    }
}

impl MediaChannel {
    /// The name in `ei.cfg`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oem => "OEM",
            Self::Retail => "Retail",
            Self::Volume => "Volume",
        }
    }
}

/// Writes one pass with the same component for every architecture.
fn settings(
    out: &mut String,
    pass: &str,
    architectures: &[Architecture],
    component: &str,
    content: impl Fn(&mut String),
) {
    line(out, 1, &["<settings pass=\"", pass, "\">"]);
    for architecture in architectures {
        let architecture = architecture.as_str();
        let attributes = "publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" versionScope=\"nonSxS\"";
        let start =
            ["<component name=\"", component, "\" processorArchitecture=\"", architecture, "\" ", attributes, ">"];
        line(out, 2, &start);
        content(out);
        line(out, 2, &["</component>"]);
    }
    line(out, 1, &["</settings>"]);
}

/// Writes what the windowsPE pass says. Nothing here needs escaping: a product key is letters, digits and dashes.
fn user_data(out: &mut String, key: Option<&str>) {
    line(out, 3, &["<UserData>"]);
    line(out, 4, &["<ProductKey>"]);
    if let Some(key) = key {
        line(out, 5, &["<Key>", key, "</Key>"]);
    }
    line(out, 5, &["<WillShowUI>", if key.is_some() { "OnError" } else { "Never" }, "</WillShowUI>"]);
    line(out, 4, &["</ProductKey>"]);
    line(out, 4, &["<AcceptEula>true</AcceptEula>"]);
    line(out, 3, &["</UserData>"]);
}

fn line(out: &mut String, depth: usize, parts: &[&str]) {
    out.extend(std::iter::repeat_n("  ", depth));
    out.extend(parts.iter().copied());
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests;
