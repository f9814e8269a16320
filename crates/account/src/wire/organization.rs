//! What is said about organizations: members, machines, and the audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Bytes, Hash, Head, Record};
use crate::id::{AccountId, InviteId, SeriesId};

/// The longest body of a report, in bytes.
pub const MOST_REPORT: usize = 256 << 10;
/// How many of its last reports a machine keeps, sealed, to put back what a server loses.
pub const MOST_KEPT: usize = 30;
/// The longest keybox, card, label or proof, in bytes.
pub const MOST_SEALED: usize = 4096;
/// The most machines or rows of the audit log in one answer.
pub const MOST_ROWS: usize = 5000;
/// The longest that an invitation waits, in seconds: 7 days.
pub const MOST_INVITE_SECONDS: u64 = 7 * 24 * 3600;
/// The longest that an enrollment token is good, in seconds: a year.
pub const MOST_TOKEN_SECONDS: u64 = 366 * 24 * 3600;

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Owner,
    /// Reads reports and the audit log.
    Auditor,
    /// Makes enrollment tokens and sees which machines reported when. Opens nothing.
    Collector,
}

/// Makes an organization.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewOrganization {
    /// Its name on the server: random bytes.
    pub organization: AccountId,
    /// Its keys, sealed by the person who makes it and becomes its first owner.
    pub keybox: Bytes,
    /// What the organization calls that person, sealed.
    pub label: Bytes,
}

/// The organizations of a person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Organizations {
    /// Those that the person is a member of.
    pub organizations: Vec<Organization>,
}

/// An organization as one of its members has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Organization {
    /// Its name on the server.
    pub organization: AccountId,
    /// The member's role.
    pub role: Role,
    /// The keys of the role, sealed by the member.
    pub keybox: Bytes,
    /// Since when.
    pub since: i64,
}

/// Invites a person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewInvite {
    /// Its name: random bytes.
    pub invite: InviteId,
    /// The role.
    pub role: Role,
    /// The hash of the secret that the invited shows.
    pub secret: Hash,
    /// The keys of the role, sealed with a secret that the server never sees.
    pub keybox: Bytes,
    /// What the organization calls the person, sealed.
    pub label: Bytes,
    /// How long it is good, in seconds; 7 days at most.
    pub seconds: u64,
}

/// Makes a token by which machines enroll.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// Its name: random bytes.
    pub invite: InviteId,
    /// The hash of the secret that machines show.
    pub secret: Hash,
    /// How long it is good, in seconds; a year at most.
    pub seconds: u64,
    /// How many machines may enroll; any number without it.
    pub uses: Option<u64>,
}

/// The invitations and tokens that are there.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Invites {
    /// Also those that are over.
    pub invites: Vec<Invite>,
}

/// An invitation, or a token by which machines enroll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    /// Its name.
    pub invite: InviteId,
    /// The role of the invited; none for machines.
    pub role: Option<Role>,
    /// What the organization calls the invited, sealed.
    pub label: Option<Bytes>,
    /// When it was made.
    pub created: i64,
    /// Until when it is good.
    pub expires: i64,
    /// How many machines may still enroll; any number without it.
    pub uses: Option<u64>,
}

/// Looks at an invitation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Knock {
    /// Its name.
    pub invite: InviteId,
    /// Its secret.
    pub secret: Bytes,
}

/// What an invitation offers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// The role.
    pub role: Role,
    /// The keys of the role, sealed to the invitation.
    pub keybox: Bytes,
}

/// Joins an organization.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Join {
    /// The name of the invitation.
    pub invite: InviteId,
    /// Its secret.
    pub secret: Bytes,
    /// The keys of the role, sealed by the person who joins.
    pub keybox: Bytes,
}

/// The members of an organization.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Members {
    /// In the order in which they joined.
    pub members: Vec<Member>,
}

/// A member of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The person's account.
    pub member: AccountId,
    /// The role.
    pub role: Role,
    /// What the organization calls the person, sealed.
    pub label: Bytes,
    /// Since when.
    pub since: i64,
}

/// Changes a role.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct SetRole {
    /// The new one.
    pub role: Role,
}

/// A machine enrolls.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Enroll {
    /// The series that it will write: random bytes.
    pub series: SeriesId,
    /// The hash of the secret that it will show.
    pub token: Hash,
    /// Its key, sealed to the organization with a part of the token that the server never sees.
    pub card: Bytes,
}

/// Where to go on listing: from this series, inclusive.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct FromSeries {
    /// The series.
    pub from: Option<SeriesId>,
    /// How many at most.
    #[serde(default, deserialize_with = "super::countable")]
    pub limit: Option<u64>,
}

/// Machines in the order of their series.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Machines {
    /// The machines.
    pub machines: Vec<Machine>,
    /// Whether there are more.
    pub more: bool,
}

/// A machine of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Machine {
    /// Its series.
    pub series: SeriesId,
    /// The token that it enrolled with.
    pub invite: InviteId,
    /// Its key, sealed to the organization.
    pub card: Bytes,
    /// When it enrolled.
    pub created: i64,
    /// Its last report; none before the first.
    pub last: Option<LastReport>,
}

/// The last report of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastReport {
    /// Which; also how many there are.
    pub index: u64,
    /// Its hash, see [`Record::hash`].
    pub hash: Hash,
    /// When it came, by the clock of the server.
    pub received: i64,
}

/// The last reports of machines, in the order of their series.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reports {
    /// The reports.
    pub reports: Vec<Record>,
    /// Whether there are more.
    pub more: bool,
}

/// What a machine keeps of its last reports: their heads.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// [`MOST_KEPT`] at most, all of its own series.
    pub heads: Vec<Head>,
}

/// Which of the reports that a machine keeps the server does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// Their numbers, in order; also those whose bytes were altered.
    pub indexes: Vec<u64>,
}

/// Removes a machine and its reports.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RemoveMachine {
    /// Shows other members that an owner did it, and not the server.
    pub proof: Bytes,
    /// What the machine was called, sealed.
    pub label: Bytes,
}

/// Where to go on reading the audit log: after this row.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct AfterEntry {
    /// Its number.
    #[serde(default, deserialize_with = "super::countable")]
    pub after: Option<u64>,
}

/// Rows of the audit log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// In order.
    pub entries: Vec<Entry>,
    /// Whether there are more.
    pub more: bool,
}

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Which, from 1 without a gap.
    #[schema(minimum = 1)]
    pub index: u64,
    /// When, by the clock of the server.
    pub time: i64,
    /// Who: the account of a member, or the series of a machine.
    pub actor: Bytes,
    /// What.
    pub action: Action,
    /// What it was done to: a member and the new role, an invitation, a machine and the proof of its removal. A sealed
    /// name follows where a person was invited or joined and where a machine was removed, and stands alone where the
    /// organization was made.
    pub subject: Bytes,
    /// The hash of this row, see [`Entry::hash_after`].
    pub hash: Hash,
}

/// What happens in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The organization was made.
    Created,
    /// A person was invited.
    Invited,
    /// An invitation was withdrawn.
    InviteRevoked,
    /// A person joined.
    Joined,
    /// A role was changed.
    RoleChanged,
    /// A member was removed.
    MemberRemoved,
    /// An enrollment token was made.
    TokenMade,
    /// An enrollment token was withdrawn.
    TokenRevoked,
    /// A machine enrolled.
    MachineEnrolled,
    /// A machine was removed with its reports.
    MachineRemoved,
    /// Reports were read; once for a member and hour.
    InventoryRead,
}

impl Role {
    /// Every role, as the database numbers them.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Auditor, Self::Collector];

    /// The name, as people type it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Auditor => "auditor",
            Self::Collector => "collector",
        }
    }

    /// Whether the role opens reports.
    #[must_use]
    pub fn reads(self) -> bool {
        self != Self::Collector
    }

    /// Whether the role makes enrollment tokens.
    #[must_use]
    pub fn enrolls(self) -> bool {
        self != Self::Auditor
    }
}

impl Action {
    /// Every action, as the database numbers them.
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::Invited,
        Self::InviteRevoked,
        Self::Joined,
        Self::RoleChanged,
        Self::MemberRemoved,
        Self::TokenMade,
        Self::TokenRevoked,
        Self::MachineEnrolled,
        Self::MachineRemoved,
        Self::InventoryRead,
    ];

    /// The number in the database and in hashes.
    #[must_use]
    pub fn number(self) -> i64 {
        Self::ALL.iter().position(|action| *action == self).map_or(-1, |at| at as i64)
    }
}

impl Entry {
    /// SHA-256 over the organization, the number of the row (8 bytes, big-endian), the hash of the row before (zeros
    /// for the first), time and action (8 bytes each, big-endian), the length of the actor (8 bytes), the actor and
    /// the subject.
    #[must_use]
    pub fn hash_after(&self, organization: &AccountId, prev: &Hash) -> Hash {
        Hash::of_parts(&[
            organization.as_bytes(),
            &self.index.to_be_bytes(),
            &prev.0,
            &self.time.to_be_bytes(),
            &self.action.number().to_be_bytes(),
            &(self.actor.0.len() as u64).to_be_bytes(),
            &self.actor.0,
            &self.subject.0,
        ])
    }
}

impl Machine {
    /// The head of its series.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.last.map(|last| Head { series: self.series, index: last.index, hash: last.hash })
    }
}
