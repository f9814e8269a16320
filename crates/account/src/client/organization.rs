//! A member of an organization: members, invitations, tokens, and the audit log.

use serde::{Deserialize, Serialize};

use super::http::ClientError;
use super::{Address, Client};
use crate::id::{AccountId, InviteId, SeriesId};
use crate::keys::AccountKey;
use crate::organization::{EnrollKey, Enrollment, Held, Invitation, Membership, OrganizationKey};
use crate::wire::organization::{
    Action, Audit, Entry, Invite, Invites, Join, Knock, Member, Members, NewInvite, NewOrganization, NewToken, Offer,
    Organization, Organizations, RemoveMachine, Role, SetRole,
};
use crate::wire::{Bytes, Empty, Hash, Refusal};

/// How far the audit log had come when it was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownHead {
    /// The last row.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

const OTHER: &str = "the audit log is not the one that was seen before";
const SHORTER: &str = "the audit log is shorter than it was";

impl ClientError {
    /// Whether the server has less than it had, or something else: it was restored from an older copy, or lies.
    #[must_use]
    pub fn is_set_back(&self) -> bool {
        matches!(self, Self::Lie { what, .. } if [OTHER, SHORTER].contains(what))
    }
}

impl Entry {
    /// The name that the row keeps, of a member, an invited or a machine, whatever became of it since.
    #[must_use]
    pub fn name(&self, key: &EnrollKey) -> Option<String> {
        let label = match self.action {
            Action::Created => self.subject.0.as_slice(),
            Action::Invited | Action::Joined => self.subject.0.get(16..)?,
            Action::MachineRemoved => self.subject.0.get(48..)?,
            _ => return None,
        };
        key.open_label(&Bytes(label.to_vec())).ok()
    }
}

impl KnownHead {
    /// The head that a row is.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        Self { index: entry.index, hash: entry.hash }
    }
}

impl Client {
    /// Makes an organization; the person becomes its first owner.
    ///
    /// # Errors
    ///
    /// [`Refusal::SignInAgain`]; [`ClientError`].
    pub fn create_organization(
        &self,
        account: &AccountKey,
        name: &str,
        owner: &str,
    ) -> Result<(AccountId, Membership), ClientError> {
        let (organization, key) = (AccountId::random()?, OrganizationKey::generate()?);
        let label = key.enroll_key().seal_label(owner)?;
        let membership = Membership { name: name.to_owned(), held: Held::Whole(key) };
        let keybox = membership.seal(account, &organization)?;
        let new = NewOrganization { organization, keybox, label };
        self.post("/v1/organizations", &new).map(|Empty {}| (organization, membership))
    }

    /// The organizations that the person is a member of, with their keys.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when a keybox does not open; [`ClientError`].
    pub fn organizations(&self, account: &AccountKey) -> Result<Vec<(Organization, Membership)>, ClientError> {
        let Organizations { organizations } = self.get("/v1/organizations")?;
        let open = |organization: Organization| {
            let opened = Membership::open(account, &organization.organization, &organization.keybox);
            let membership = self.opened(opened, "the keys of an organization are not those that were sealed")?;
            if matches!(membership.held, Held::Enroll(_)) && organization.role.reads() {
                return Err(self.lie("it names another role than the keys are for"));
            }
            Ok((organization, membership))
        };
        organizations.into_iter().map(open).collect()
    }

    /// Invites a person. The line that comes back is handed over by another way than the server.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn invite(
        &self,
        address: &Address,
        organization: AccountId,
        mine: &Membership,
        role: Role,
        person: &str,
        seconds: u64,
    ) -> Result<Invitation, ClientError> {
        let held = mine.held.for_role(role).ok_or_else(|| self.refused(Refusal::NotAllowed))?;
        let invitation = Invitation::new(address, organization)?;
        let keybox = Membership { name: mine.name.clone(), held }.seal_to(&invitation)?;
        let label = mine.held.enroll_key().seal_label(person)?;
        let secret = Hash::of(invitation.shown.as_slice());
        let new = NewInvite { invite: invitation.invite, role, secret, keybox, label, seconds };
        self.post(&path(organization, "invites"), &new).map(|Empty {}| invitation)
    }

    /// Joins an organization.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] when the invitation is over or was used;
    /// [`ClientError::Lie`] when what the server gives was not sealed by who made the invitation.
    pub fn join(&self, account: &AccountKey, invitation: &Invitation) -> Result<(Role, Membership), ClientError> {
        let (organization, invite) = (invitation.organization, invitation.invite);
        let secret = Bytes(invitation.shown.to_vec());
        let offer: Offer = self.post(&path(organization, "knock"), &Knock { invite, secret: secret.clone() })?;
        let membership = Membership::open_from(invitation, &offer.keybox);
        let membership = self.opened(membership, "the keys of the invitation are not those that were sealed")?;
        if matches!(membership.held, Held::Whole(_)) != offer.role.reads() {
            return Err(self.lie("it names another role than the invitation"));
        }
        let keybox = membership.seal(account, &organization)?;
        let join = Join { invite, secret, keybox };
        self.post(&path(organization, "join"), &join).map(|Empty {}| (offer.role, membership))
    }

    /// The invitations and tokens that wait.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn invites(&self, organization: AccountId) -> Result<Vec<Invite>, ClientError> {
        self.get(&path(organization, "invites")).map(|invites: Invites| invites.invites)
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn revoke_invite(&self, organization: AccountId, invite: InviteId) -> Result<(), ClientError> {
        self.delete(&path(organization, &format!("invites/{invite}"))).map(|Empty {}| ())
    }

    /// The members, with the names that owners gave them.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when a name was not sealed by a member; [`ClientError`].
    pub fn members(&self, organization: AccountId, key: &EnrollKey) -> Result<Vec<(Member, String)>, ClientError> {
        let Members { members } = self.get(&path(organization, "members"))?;
        let open = |member: Member| {
            let name = self.opened(key.open_label(&member.label), "the name of a member is not what was sealed")?;
            Ok((member, name))
        };
        members.into_iter().map(open).collect()
    }

    /// Gives a member another role.
    ///
    /// # Errors
    ///
    /// [`Refusal::Conflict`] for the last owner, and for a collector who shall read: that
    /// takes keys, and so a new invitation.
    pub fn set_role(&self, organization: AccountId, member: AccountId, role: Role) -> Result<(), ClientError> {
        self.put(&path(organization, &format!("members/{member}/role")), &SetRole { role }).map(|Empty {}| ())
    }

    /// Removes a member.
    ///
    /// # Errors
    ///
    /// [`Refusal::Conflict`] for the last owner; [`ClientError`].
    pub fn remove_member(&self, organization: AccountId, member: AccountId) -> Result<(), ClientError> {
        self.delete(&path(organization, &format!("members/{member}"))).map(|Empty {}| ())
    }

    /// Makes a token by which machines enroll.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn make_token(
        &self,
        address: &Address,
        organization: AccountId,
        key: &EnrollKey,
        seconds: u64,
        uses: Option<u64>,
    ) -> Result<Enrollment, ClientError> {
        let token = key.token(address, organization)?;
        let new = NewToken { invite: token.invite, secret: Hash::of(token.shown.as_slice()), seconds, uses };
        self.post(&path(organization, "tokens"), &new).map(|Empty {}| token)
    }

    /// Withdraws an enrollment token. Machines that enrolled with it stay.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn revoke_token(&self, organization: AccountId, invite: InviteId) -> Result<(), ClientError> {
        self.delete(&path(organization, &format!("tokens/{invite}"))).map(|Empty {}| ())
    }

    /// Removes a machine and its reports. Its name stays in the audit log, sealed.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn remove_machine(
        &self,
        organization: AccountId,
        key: &OrganizationKey,
        series: SeriesId,
        name: &str,
    ) -> Result<(), ClientError> {
        let (proof, label) = (key.removal(&organization, &series), key.enroll_key().seal_label(name)?);
        let path = path(organization, &format!("machines/{series}/remove"));
        self.post(&path, &RemoveMachine { proof, label }).map(|Empty {}| ())
    }

    /// The audit log is not the one that was seen before.
    #[must_use]
    pub fn other_audit(&self) -> ClientError {
        self.lie(OTHER)
    }

    /// Rows of the audit log after the one that is known, whose chain holds.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when a row is missing or altered, or when the log ends before the row that is known.
    pub fn audit(&self, organization: AccountId, known: Option<KnownHead>) -> Result<Vec<Entry>, ClientError> {
        // The known row is read again: a log that was set back is shorter, or has another one there.
        let mut last = (known.map_or(0, |known| known.index.saturating_sub(1)), None);
        let mut entries = Vec::new();
        loop {
            let page: Audit = self.get(&format!("{}?after={}", path(organization, "audit"), last.0))?;
            for entry in page.entries {
                if entry.index != last.0 + 1 {
                    return Err(self.lie("rows of the audit log are missing"));
                }
                let first = last.1.is_none() && known.is_some();
                let prev = last.1.unwrap_or(Hash([0; 32]));
                if first {
                    if known.is_some_and(|known| known.hash != entry.hash) {
                        return Err(self.other_audit());
                    }
                } else if entry.hash_after(&organization, &prev) != entry.hash {
                    return Err(self.lie("a row of the audit log was altered"));
                }
                last = (entry.index, Some(entry.hash));
                if !first {
                    entries.push(entry);
                }
            }
            if !page.more {
                break;
            }
        }
        if known.is_some_and(|known| last.0 < known.index) {
            return Err(self.lie(SHORTER));
        }
        Ok(entries)
    }
}

/// What belongs to an organization.
pub(super) fn path(organization: AccountId, rest: &str) -> String {
    format!("/v1/organizations/{organization}/{rest}")
}
