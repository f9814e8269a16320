//! Who may do what in an organization: members by their role, machines for themselves, and who was invited.

use std::sync::Arc;

use axum::http::request::Parts;

use super::super::Server;
use super::super::access::{Access, Known, Shown, address, known};
use super::super::failure::Answer;
use super::role;
use crate::id::{AccountId, InviteId, SeriesId};
use crate::store::{StoreError, Tx, Value, Work};
use crate::wire::organization::Role;
use crate::wire::{Hash, Refusal};

/// A member and the organization that the path names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Membership {
    pub(super) organization: AccountId,
    pub(super) member: AccountId,
    pub(super) role: Role,
}

/// An owner who signed in within the last quarter of an hour.
pub(super) struct Owner(pub(super) Membership);

/// An owner or auditor.
pub(super) struct Reader(pub(super) Membership);

/// An owner or collector.
pub(super) struct Enroller(pub(super) Membership);

/// Any member.
pub(super) struct Member(pub(super) Membership);

/// A machine of the organization that the path names.
pub(super) struct Machine {
    pub(super) organization: AccountId,
    pub(super) series: SeriesId,
}

/// A machine that shows an enrollment token of the organization that the path names.
pub(super) struct Enrolling {
    pub(super) organization: AccountId,
    pub(super) invite: InviteId,
    pub(super) secret: Hash,
}

impl Access for Owner {
    const NAME: &'static str = "owner, fresh session";

    async fn check(server: &Arc<Server>, parts: &Parts) -> Answer<Self> {
        let (known, membership) = membership(server, parts).await?;
        if membership.role != Role::Owner {
            return Err(Refusal::NotAllowed.into());
        }
        if known.fresh < server.now() {
            return Err(Refusal::SignInAgain.into());
        }
        Ok(Self(membership))
    }
}

impl Access for Reader {
    const NAME: &'static str = "owner or auditor";

    async fn check(server: &Arc<Server>, parts: &Parts) -> Answer<Self> {
        let (_, membership) = membership(server, parts).await?;
        if membership.role.reads() { Ok(Self(membership)) } else { Err(Refusal::NotAllowed.into()) }
    }
}

impl Access for Enroller {
    const NAME: &'static str = "owner or collector";

    async fn check(server: &Arc<Server>, parts: &Parts) -> Answer<Self> {
        let (_, membership) = membership(server, parts).await?;
        if membership.role.enrolls() { Ok(Self(membership)) } else { Err(Refusal::NotAllowed.into()) }
    }
}

impl Access for Member {
    const NAME: &'static str = "any member";

    async fn check(server: &Arc<Server>, parts: &Parts) -> Answer<Self> {
        Ok(Self(membership(server, parts).await?.1))
    }
}

impl Access for Machine {
    const NAME: &'static str = "machine";

    async fn check(server: &Arc<Server>, parts: &Parts) -> Answer<Self> {
        let shown = Shown::read(parts)?;
        let (organization, series) = (shown.account, SeriesId::new(shown.second));
        let token = server.store.read(FindToken { organization, series }).await?;
        // Both are hashes of random bytes: how long the comparison takes tells nothing of use.
        if token != Some(shown.hash) {
            return Err(Refusal::NotSignedIn.into());
        }
        if named(parts)? != organization {
            return Err(Refusal::NotAllowed.into());
        }
        Ok(Self { organization, series })
    }
}

impl Access for Enrolling {
    const NAME: &'static str = "enrollment token";

    /// The token itself is looked up in the transaction that uses it. Who shows wrong ones is counted by address.
    async fn check(server: &Arc<Server>, parts: &Parts) -> Answer<Self> {
        let shown = Shown::read(parts)?;
        let (organization, invite, secret) = (shown.account, InviteId::new(shown.second), shown.hash);
        let good = server.store.read(super::invites::FindSecret { organization, invite }).await? == Some(secret);
        if !good || named(parts)? != organization {
            server.counters.address(address(server, parts))?;
            return Err(Refusal::NotSignedIn.into());
        }
        Ok(Self { organization, invite, secret })
    }
}

/// The organization that the path names.
fn named(parts: &Parts) -> Answer<AccountId> {
    let mut segments = parts.uri.path().split('/');
    segments.find(|segment| *segment == "organizations");
    segments.next().and_then(AccountId::parse).ok_or_else(|| Refusal::NotFound.into())
}

/// Who is no member is not told whether there is such an organization.
async fn membership(server: &Arc<Server>, parts: &Parts) -> Answer<(Known, Membership)> {
    let known = known(server, parts).await?;
    let (organization, member) = (named(parts)?, known.session.account);
    let role = server.store.read(FindRole { organization, member }).await?.ok_or(Refusal::NotAllowed)?;
    Ok((known, Membership { organization, member, role }))
}

struct FindRole {
    organization: AccountId,
    member: AccountId,
}

impl Work for FindRole {
    type Done = Option<Role>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<Role>, StoreError> {
        let sql = "SELECT role FROM member WHERE account_id = $1 AND member_id = $2";
        let values = [Value::Bytes(self.organization.as_bytes()), Value::Bytes(self.member.as_bytes())];
        tx.query(sql, &values).await?.first().map(|row| role(row.int(0)?)).transpose()
    }
}

struct FindToken {
    organization: AccountId,
    series: SeriesId,
}

impl Work for FindToken {
    type Done = Option<Hash>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<Hash>, StoreError> {
        let sql = "SELECT token FROM machine WHERE account_id = $1 AND series = $2";
        let values = [Value::Bytes(self.organization.as_bytes()), Value::Bytes(self.series.as_bytes())];
        tx.query(sql, &values).await?.first().map(|row| row.array(0).map(Hash)).transpose()
    }
}
