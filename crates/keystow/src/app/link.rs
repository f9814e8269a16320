//! Linking a license to a Microsoft account: what is needed, as far as it can be seen, and what the person confirms.
//!
//! Sources: Microsoft Support, "Activate Windows" (linking since version 1607, build 14393) and the article that names
//! version 1511 (build 10586). No local trace proves the link, so nothing here claims one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keystow_os::rights::{self, Rights};
use keystow_os::{files, person};
use keystow_vault::{Change, Event, Vault};

use super::App;
use super::backup::BackedUp;
use super::error::{Result, at};
use super::running::Running;

/// The first build whose Settings links licenses to accounts (version 1607).
const LINKS_SINCE: u32 = 14_393;
/// The first build that keeps digital licenses (version 1511).
const DIGITAL_SINCE: u32 = 10_586;
/// One point in time.
const MOST: u64 = 64;
/// The kind of the event.
const LINKED: &str = "account-linked";

/// One thing that linking needs.
pub(crate) struct Needed {
    pub(crate) what: &'static str,
    /// Whether it is so; `None` where this program cannot see it.
    pub(crate) holds: Option<bool>,
    pub(crate) says: String,
    pub(crate) next: &'static str,
}

/// What linking needs on the Windows that runs.
pub(crate) fn needed(running: &Running) -> Vec<Needed> {
    let build = running.target.installed.build;
    let version = match build {
        LINKS_SINCE.. => "its Settings link licenses (since version 1607, build 14393)".to_owned(),
        DIGITAL_SINCE.. => {
            "digital licenses are kept since version 1511, and linking is reported from 1607 on".to_owned()
        }
        _ => format!("build {build} is too old: version 1511 (build 10586) at least, 1607 (14393) for linking"),
    };
    let activation = running.activation.as_ref();
    let account = person::has_microsoft_account();
    vec![
        Needed {
            what: "Windows",
            holds: Some(build >= LINKS_SINCE),
            says: version,
            next: "Windows Update, on a Windows 10 or 11; an older Windows keeps no digital license",
        },
        Needed {
            what: "License",
            holds: activation.and_then(|now| now.channel).map(|channel| !channel.is_volume()),
            says: match activation.and_then(|now| now.channel) {
                Some(channel) if channel.is_volume() => {
                    "it is an organization's, which no person's account can hold".to_owned()
                }
                Some(_) => "it is a person's".to_owned(),
                None => "whose it is cannot be seen".to_owned(),
            },
            next: "the administrator of your organization",
        },
        Needed {
            what: "Administrator",
            holds: Some(rights::of_this_process() != Rights::User),
            says: "your account must be an administrator of this PC".to_owned(),
            next: "sign in with an administrator's account",
        },
        Needed {
            what: "Activated",
            holds: activation.map(|activation| activation.status.is_licensed()),
            says: activation.map_or("the license service did not answer".to_owned(), |now| {
                format!("this Windows is {}", now.status)
            }),
            next: "keystow restore ITEM",
        },
        Needed {
            what: "Account",
            holds: account,
            says: match account {
                Some(true) => "you are signed in with a Microsoft account".to_owned(),
                Some(false) => "you are signed in with a local account".to_owned(),
                None => "whether you are signed in with a Microsoft account cannot be seen".to_owned(),
            },
            next: "the page that opens: Add an account",
        },
    ]
}

impl App {
    /// Writes down that the person saw the link in Settings.
    pub(crate) fn note_linked(&self, running: &Running, vault: Vault) -> Result<BackedUp> {
        let mut details = BTreeMap::from([
            ("windows".to_owned(), running.target.name.clone()),
            ("said_by".to_owned(), "the person, who saw it in Settings".to_owned()),
        ]);
        details.extend(running.device.to_map().into_iter().map(|(name, mark)| (format!("device-{name}"), mark)));
        let event = Event { kind: LINKED.to_owned(), item: None, details };
        let done = self.change(vault, vec![Change::Event(event)], None)?;
        // Records are sealed, and `ready` asks for no phrase.
        let path = self.paths.linked();
        files::replace(&path, self.now().to_string().as_bytes()).map_err(at(&path))?;
        Ok(done)
    }

    /// When the person confirmed the link.
    pub(crate) fn linked(&self) -> Option<Timestamp> {
        let bytes = files::read(&self.paths.linked(), MOST).ok()?;
        std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
    }
}
