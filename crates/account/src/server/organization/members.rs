//! The members of an organization.

use axum::http::Method as Verb;
use utoipa::ToSchema;

use super::super::failure::Answer;
use super::super::route::{Call, Nothing, Routes, Sent};
use super::access::{Member, Owner};
use super::audit::{Note, note};
use super::{OfOrganization, first_count, role, role_number};
use crate::id::AccountId;
use crate::store::{Row, StoreError, Tx, Value, Work};
use crate::wire::organization::{Action, Members, Role, SetRole};
use crate::wire::{self, Bytes, Empty, Refusal};

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::GET, "/v1/organizations/{organization}/members", "The members", list);
    routes.add(Verb::PUT, "/v1/organizations/{organization}/members/{member}/role", "Change a role", set_role);
    routes.add(Verb::DELETE, "/v1/organizations/{organization}/members/{member}", "Remove a member", remove);
}

#[derive(serde::Deserialize, ToSchema)]
struct OfMember {
    #[expect(dead_code, reason = "who may use a route knows it already")]
    organization: AccountId,
    member: AccountId,
}

async fn list(call: Call<Member, OfOrganization, Nothing>) -> Answer<Members> {
    Ok(Members { members: call.server.store.read(FindMembers(call.who.0.organization)).await? })
}

async fn set_role(call: Call<Owner, OfMember, Sent<SetRole>>) -> Answer<Empty> {
    change(call.server, call.who, call.path.member, Some(call.input.0.role)).await
}

async fn remove(call: Call<Owner, OfMember, Nothing>) -> Answer<Empty> {
    change(call.server, call.who, call.path.member, None).await
}

async fn change(
    server: std::sync::Arc<super::super::Server>,
    Owner(who): Owner,
    member: AccountId,
    role: Option<Role>,
) -> Answer<Empty> {
    let change = Change { organization: who.organization, by: who.member, member, role, now: server.now() };
    match server.store.write(change).await? {
        Changed::Done => Ok(Empty {}),
        Changed::Not => Err(Refusal::NotFound.into()),
        Changed::Refused => Err(Refusal::Conflict.into()),
    }
}

struct FindMembers(AccountId);

impl Work for FindMembers {
    type Done = Vec<wire::organization::Member>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let sql = "SELECT member_id, role, label, since FROM member WHERE account_id = $1 ORDER BY since, member_id";
        let member = |row: &Row| {
            let (member, role) = (AccountId::new(row.array(0)?), role(row.int(1)?)?);
            Ok(wire::organization::Member { member, role, label: Bytes(row.bytes(2)?), since: row.int(3)? })
        };
        tx.query(sql, &[Value::Bytes(self.0.as_bytes())]).await?.iter().map(member).collect()
    }
}

/// Gives a member another role, or removes the member.
struct Change {
    organization: AccountId,
    by: AccountId,
    member: AccountId,
    role: Option<Role>,
    now: i64,
}

enum Changed {
    Done,
    /// There is no such member.
    Not,
    /// The last owner stays one; a collector lacks the keys to become more, and needs an invitation.
    Refused,
}

impl Work for Change {
    type Done = Changed;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Changed, StoreError> {
        let organization = Value::Bytes(self.organization.as_bytes());
        let member = Value::Bytes(self.member.as_bytes());
        let sql = "SELECT role FROM member WHERE account_id = $1 AND member_id = $2";
        let Some(old) =
            tx.query(sql, &[organization, member]).await?.first().map(|row| role(row.int(0)?)).transpose()?
        else {
            return Ok(Changed::Not);
        };
        if self.role == Some(old) {
            return Ok(Changed::Done);
        }
        let lacks_keys = self.role.is_some_and(Role::reads) && !old.reads();
        if lacks_keys || is_last_owner(tx, organization, member).await? {
            return Ok(Changed::Refused);
        }
        let action = match self.role {
            Some(role) => {
                let sql = "UPDATE member SET role = $3 WHERE account_id = $1 AND member_id = $2";
                tx.execute(sql, &[organization, member, Value::Int(role_number(role))]).await?;
                Action::RoleChanged
            }
            None => {
                let sql = "DELETE FROM member WHERE account_id = $1 AND member_id = $2";
                tx.execute(sql, &[organization, member]).await?;
                let sql = "DELETE FROM membership WHERE account_id = $1 AND organization_id = $2";
                tx.execute(sql, &[member, organization]).await?;
                Action::MemberRemoved
            }
        };
        let subject = [self.member.as_bytes().as_slice(), self.role.map_or("", Role::as_str).as_bytes()].concat();
        note(tx, &self.organization, Note::new(self.by.as_bytes(), action, &subject), self.now).await?;
        Ok(Changed::Done)
    }
}

/// Whether this is an owner and there is no other.
pub(super) async fn is_last_owner(
    tx: &mut dyn Tx,
    organization: Value<'_>,
    member: Value<'_>,
) -> Result<bool, StoreError> {
    let owner = Value::Int(role_number(Role::Owner));
    let sql = "SELECT COUNT(*) FROM member WHERE account_id = $1 AND member_id = $2 AND role = $3";
    if first_count(&tx.query(sql, &[organization, member, owner]).await?)? == 0 {
        return Ok(false);
    }
    let sql = "SELECT COUNT(*) FROM member WHERE account_id = $1 AND member_id <> $2 AND role = $3";
    Ok(first_count(&tx.query(sql, &[organization, member, owner]).await?)? == 0)
}
