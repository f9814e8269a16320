//! Organizations: what members and machines may do, and the log of what they did.

mod access;
mod audit;
mod invites;
mod machines;
mod members;
mod reports;

use axum::http::Method as Verb;
use utoipa::ToSchema;

use self::audit::{Note, note};
use super::access::{Fresh, Session};
use super::auth::Plain;
use super::failure::Answer;
use super::route::{Call, Nothing, Routes, Sent};
use crate::id::AccountId;
use crate::store::{Row, StoreError, Tx, Value, Work};
use crate::wire::organization::{Action, MOST_SEALED, NewOrganization, Organization, Organizations, Role};
use crate::wire::{Bytes, Empty, Refusal};

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::POST, "/v1/organizations", "Make an organization", create);
    routes.add(Verb::GET, "/v1/organizations", "The organizations that one is a member of", list);
    invites::routes(routes);
    members::routes(routes);
    machines::routes(routes);
    reports::routes(routes);
    audit::routes(routes);
}

/// A path that names an organization alone.
#[derive(serde::Deserialize, ToSchema)]
struct OfOrganization {
    #[expect(dead_code, reason = "who may use a route knows it already")]
    organization: AccountId,
}

async fn create(call: Call<Fresh, Plain, Sent<NewOrganization>>) -> Answer<Empty> {
    let Sent(new) = call.input;
    sealed(&[&new.keybox, &new.label])?;
    let (server, most) = (&call.server, call.server.limits.organizations);
    let create = Create { new, person: call.who.0.account, setup: server.setup.id(), most, now: server.now() };
    match server.store.write(create).await? {
        Made::Done => Ok(Empty {}),
        Made::Taken => Err(Refusal::Conflict.into()),
        Made::Full => Err(Refusal::Full.into()),
    }
}

async fn list(call: Call<Session, Plain, Nothing>) -> Answer<Organizations> {
    Ok(Organizations { organizations: call.server.store.read(FindOrganizations(call.who.account)).await? })
}

/// Refuses small sealed things that are not small.
fn sealed(things: &[&Bytes]) -> Answer<()> {
    if things.iter().any(|thing| thing.0.len() > MOST_SEALED) { Err(Refusal::TooLarge.into()) } else { Ok(()) }
}

/// The number of a role in the database.
fn role_number(role: Role) -> i64 {
    Role::ALL.iter().position(|known| *known == role).map_or(-1, |at| at as i64)
}

/// The role of a number in the database.
fn role(number: i64) -> Result<Role, StoreError> {
    let known = usize::try_from(number).ok().and_then(|at| Role::ALL.get(at).copied());
    known.ok_or_else(|| StoreError::Damaged("a role".to_owned()))
}

/// The number in the first row.
fn first_count(rows: &[Row]) -> Result<u64, StoreError> {
    rows.first().map_or(Ok(0), |row| row.count(0))
}

struct Create {
    new: NewOrganization,
    person: AccountId,
    setup: i64,
    most: u64,
    now: i64,
}

enum Made {
    Done,
    Taken,
    Full,
}

impl Work for Create {
    type Done = Made;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Made, StoreError> {
        let organization = Value::Bytes(self.new.organization.as_bytes());
        let person = Value::Bytes(self.person.as_bytes());
        let count = tx.query("SELECT COUNT(*) FROM membership WHERE account_id = $1", &[person]).await?;
        let sql = "INSERT INTO account (account_id, kind, created, setup, generation) VALUES ($1, 1, $2, $3, 0) \
                   ON CONFLICT DO NOTHING";
        if first_count(&count)? >= self.most {
            return Ok(Made::Full);
        }
        if tx.execute(sql, &[organization, Value::Int(self.now), Value::Int(self.setup)]).await? == 0 {
            let sql = "SELECT keybox FROM member WHERE account_id = $1 AND member_id = $2";
            let there = tx.query(sql, &[organization, person]).await?;
            let same =
                there.first().map_or(Ok(false), |row| Ok::<_, StoreError>(row.bytes(0)? == self.new.keybox.0))?;
            return Ok(if same { Made::Done } else { Made::Taken });
        }
        let (keybox, label) = (Value::Bytes(&self.new.keybox.0), Value::Bytes(&self.new.label.0));
        put_member(tx, organization, person, Role::Owner, [keybox, label], self.now).await?;
        note(
            tx,
            &self.new.organization,
            Note::new(self.person.as_bytes(), Action::Created, &self.new.label.0),
            self.now,
        )
        .await?;
        Ok(Made::Done)
    }
}

/// Makes a member, or gives a member another role.
async fn put_member(
    tx: &mut dyn Tx,
    organization: Value<'_>,
    person: Value<'_>,
    role: Role,
    [keybox, label]: [Value<'_>; 2],
    now: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO member (account_id, member_id, role, keybox, label, since) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (account_id, member_id) DO UPDATE SET role = excluded.role, keybox = excluded.keybox, \
               label = excluded.label, since = excluded.since";
    let values = [organization, person, Value::Int(role_number(role)), keybox, label, Value::Int(now)];
    tx.execute(sql, &values).await?;
    let sql = "INSERT INTO membership (account_id, organization_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[person, organization]).await.map(drop)
}

struct FindOrganizations(AccountId);

impl Work for FindOrganizations {
    type Done = Vec<Organization>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let person = Value::Bytes(self.0.as_bytes());
        let sql = "SELECT organization_id FROM membership WHERE account_id = $1 ORDER BY organization_id";
        let mut found = Vec::new();
        for row in tx.query(sql, &[person]).await? {
            let organization = AccountId::new(row.array(0)?);
            let sql = "SELECT role, keybox, since FROM member WHERE account_id = $1 AND member_id = $2";
            let rows = tx.query(sql, &[Value::Bytes(organization.as_bytes()), person]).await?;
            if let Some(row) = rows.first() {
                let (role, keybox) = (role(row.int(0)?)?, Bytes(row.bytes(1)?));
                found.push(Organization { organization, role, keybox, since: row.int(2)? });
            }
        }
        Ok(found)
    }
}
