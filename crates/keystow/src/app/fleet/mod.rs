//! The organizations of the person who is signed in: their members, their machines, and what these reported.
//!
//! Only this program opens reports; the server keeps them sealed. What was opened is kept on this PC, sealed with the
//! organization's key, so that the next look opens only what is new and notices what the server takes back.

pub(crate) mod inventory;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod table;

use std::io;
use std::path::PathBuf;

use keystow_account::client::{Client, ClientError, Known, Looked, Missing};
use keystow_account::id::AccountId;
use keystow_account::keys::AccountKey;
use keystow_account::organization::{Held, Membership, OrganizationKey};
use keystow_account::wire::Bytes;
use keystow_account::wire::organization::Role;
use keystow_os::files;
use zeroize::Zeroizing;

use super::App;
use super::account::Account;
use super::error::{Result, at};

/// The greatest size of what is kept of an organization: 100,000 machines take about 120 MB.
const MOST: u64 = 4 << 30;

/// Why something with organizations was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetError {
    #[error("{}: this machine is enrolled already", path.display())]
    Enrolled { path: PathBuf },
    #[error("this is no line that `keystow fleet enroll` gave")]
    NoEnrollment,
    #[error("this is no line that `keystow fleet invite` gave")]
    NoInvitation,
    #[error("no machine is called {name}")]
    NoMachine { name: String },
    #[error("no member is called {name}")]
    NoMember { name: String },
    #[error("your account is in no such organization; it is in: {names}")]
    NoOrganization { names: String },
    #[error("your role in {organization} opens no reports")]
    NotAReader { organization: String },
    #[error("this machine is enrolled in no organization")]
    NotEnrolled,
    #[error("the enrollment here is of another PC, from which this disk was copied")]
    OtherMachine,
    #[error("the invitation is for {needed}, and your account is at {found}")]
    OtherServer { needed: String, found: String },
    #[error("your account is in several organizations: {names}")]
    Several { names: String },
}

/// An organization, and the person's way into it.
pub(crate) struct Fleet {
    pub(crate) client: Client,
    pub(crate) account: Account,
    pub(crate) id: AccountId,
    pub(crate) role: Role,
    pub(crate) membership: Membership,
}

impl Fleet {
    /// The key that opens reports.
    pub(crate) fn key(&self) -> Result<&OrganizationKey> {
        match &self.membership.held {
            Held::Whole(key) if self.role.reads() => Ok(key),
            _ => Err(FleetError::NotAReader { organization: self.membership.name.clone() }.into()),
        }
    }
}

impl App {
    /// The organization of this name, or the only one.
    pub(crate) fn fleet(&self, account: Account, key: &AccountKey, wanted: Option<&str>) -> Result<Fleet> {
        let client = account.client()?;
        let mut found = client.organizations(key)?;
        let names: Vec<_> = found.iter().map(|(_, membership)| membership.name.clone()).collect();
        if let Some(wanted) = wanted {
            found.retain(|(organization, membership)| {
                membership.name.eq_ignore_ascii_case(wanted) || organization.organization.to_string() == wanted
            });
        }
        match (found.pop(), found.is_empty()) {
            (Some((organization, membership)), true) => {
                let (id, role) = (organization.organization, organization.role);
                Ok(Fleet { client, account, id, role, membership })
            }
            (None, _) => Err(FleetError::NoOrganization { names: names.join(", ") }.into()),
            _ => Err(FleetError::Several { names: names.join(", ") }.into()),
        }
    }

    /// What is remembered of an organization. What was damaged is noticed, and not used.
    pub(crate) fn known(&self, fleet: &Fleet) -> Result<Known> {
        let path = self.known_path(fleet);
        let sealed = match files::read(&path, MOST) {
            Ok(bytes) => Bytes(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Known::default()),
            Err(error) => return Err(at(path)(error)),
        };
        let damaged =
            |_| at(&path)(io::Error::new(io::ErrorKind::InvalidData, "damaged; move it away, and all is read anew"));
        let plain = fleet.key()?.open_memory(&fleet.id, &sealed).map_err(|_| damaged(()))?;
        serde_json::from_slice(&plain).map_err(|_| damaged(()))
    }

    /// Looks what is new, and remembers it.
    pub(crate) fn look(&self, fleet: &Fleet, known: &mut Known) -> Result<Looked> {
        let looked = fleet.client.look(fleet.id, fleet.key()?, known)?;
        if looked.machines + looked.reports + looked.entries.len() > 0 {
            self.keep_known(fleet, known)?;
        }
        Ok(looked)
    }

    /// Takes what the server has now as the new beginning, and remembers it. Gives what is missing.
    pub(crate) fn accept(&self, fleet: &Fleet, known: &mut Known) -> Result<(Missing, Looked)> {
        let accepted = fleet.client.accept(fleet.id, fleet.key()?, known)?;
        if !self.dry_run {
            self.keep_known(fleet, known)?;
        }
        Ok(accepted)
    }

    fn keep_known(&self, fleet: &Fleet, known: &Known) -> Result<()> {
        let path = self.known_path(fleet);
        let size =
            known.machines.values().map(|machine| 512 + machine.report.as_ref().map_or(0, |report| report.len()));
        let mut plain = Zeroizing::new(Vec::with_capacity(4096 + size.sum::<usize>()));
        serde_json::to_writer(&mut *plain, known).map_err(io::Error::other).map_err(at(&path))?;
        let sealed = fleet.key()?.seal_memory(&fleet.id, &plain).map_err(ClientError::from)?;
        files::create_dir(&self.paths.fleet()).map_err(at(&path))?;
        files::replace(&path, &sealed.0).map_err(at(path))
    }

    fn known_path(&self, fleet: &Fleet) -> PathBuf {
        self.paths.fleet().join(format!("{}.sealed", fleet.id))
    }
}
