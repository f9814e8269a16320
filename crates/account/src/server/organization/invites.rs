//! Invitations of persons, and tokens by which machines enroll.

use axum::http::Method as Verb;
use utoipa::ToSchema;

use super::super::access::Session;
use super::super::failure::Answer;
use super::super::route::{Call, Nothing, Routes, Sent};
use super::access::{Enroller, Owner};
use super::audit::{Note, note};
use super::{OfOrganization, first_count, put_member, role, role_number, sealed};
use crate::id::{AccountId, InviteId};
use crate::store::{Row, StoreError, Tx, Value, Work};
use crate::wire::organization::{
    Action, Invite, Invites, Join, Knock, MOST_INVITE_SECONDS, MOST_TOKEN_SECONDS, NewInvite, NewToken, Offer, Role,
};
use crate::wire::{Bytes, Empty, Hash, Refusal};

/// How many invitations and tokens may wait at once.
const MOST: u64 = 1000;

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::POST, "/v1/organizations/{organization}/invites", "Invite a person", invite);
    routes.add(Verb::GET, "/v1/organizations/{organization}/invites", "Invitations and tokens", list);
    routes.add(Verb::DELETE, "/v1/organizations/{organization}/invites/{invite}", "Withdraw an invitation", revoke);
    routes.add(Verb::POST, "/v1/organizations/{organization}/tokens", "Make an enrollment token", make_token);
    routes.add(Verb::DELETE, "/v1/organizations/{organization}/tokens/{invite}", "Withdraw a token", revoke_token);
    routes.add(Verb::POST, "/v1/organizations/{organization}/knock", "See what an invitation offers", knock);
    routes.add(Verb::POST, "/v1/organizations/{organization}/join", "Join with an invitation", join);
}

#[derive(serde::Deserialize, ToSchema)]
struct OfInvite {
    #[expect(dead_code, reason = "who may use a route knows it already")]
    organization: AccountId,
    invite: InviteId,
}

/// The organization of who is no member yet.
#[derive(serde::Deserialize, ToSchema)]
struct Foreign {
    organization: AccountId,
}

async fn invite(call: Call<Owner, OfOrganization, Sent<NewInvite>>) -> Answer<Empty> {
    let (Sent(new), who, now) = (call.input, call.who.0, call.server.now());
    sealed(&[&new.keybox, &new.label])?;
    let seconds = within(new.seconds, MOST_INVITE_SECONDS)?;
    let person = Some(Person { role: new.role, keybox: new.keybox, label: new.label });
    let (organization, by, invite, secret) = (who.organization, who.member, new.invite, new.secret);
    let put = PutInvite { organization, by, invite, secret, person, uses: None, now, expires: now + seconds };
    put_answer(call.server.store.write(put).await?)
}

async fn make_token(call: Call<Enroller, OfOrganization, Sent<NewToken>>) -> Answer<Empty> {
    let (Sent(new), who, now) = (call.input, call.who.0, call.server.now());
    let seconds = within(new.seconds, MOST_TOKEN_SECONDS)?;
    let uses = new.uses.map(|uses| within(uses, u64::from(u32::MAX))).transpose()?;
    let (organization, by, invite, secret) = (who.organization, who.member, new.invite, new.secret);
    let put = PutInvite { organization, by, invite, secret, person: None, uses, now, expires: now + seconds };
    put_answer(call.server.store.write(put).await?)
}

fn within(asked: u64, most: u64) -> Answer<i64> {
    let good = (1..=most).contains(&asked);
    i64::try_from(asked).ok().filter(|_| good).ok_or_else(|| Refusal::BadRequest.into())
}

fn put_answer(put: Option<bool>) -> Answer<Empty> {
    match put {
        Some(true) => Ok(Empty {}),
        Some(false) => Err(Refusal::Conflict.into()),
        None => Err(Refusal::Full.into()),
    }
}

async fn list(call: Call<Enroller, OfOrganization, Nothing>) -> Answer<Invites> {
    Ok(Invites { invites: call.server.store.read(FindInvites(call.who.0.organization)).await? })
}

async fn revoke(call: Call<Owner, OfInvite, Nothing>) -> Answer<Empty> {
    let (organization, by) = (call.who.0.organization, call.who.0.member);
    let revoke = Revoke { organization, by, invite: call.path.invite, machines: false, now: call.server.now() };
    if call.server.store.write(revoke).await? { Ok(Empty {}) } else { Err(Refusal::NotFound.into()) }
}

async fn revoke_token(call: Call<Enroller, OfInvite, Nothing>) -> Answer<Empty> {
    let (organization, by) = (call.who.0.organization, call.who.0.member);
    let revoke = Revoke { organization, by, invite: call.path.invite, machines: true, now: call.server.now() };
    if call.server.store.write(revoke).await? { Ok(Empty {}) } else { Err(Refusal::NotFound.into()) }
}

async fn knock(call: Call<Session, Foreign, Sent<Knock>>) -> Answer<Offer> {
    let (Sent(sent), organization) = (call.input, call.path.organization);
    let (invite, secret, now) = (sent.invite, Hash::of(&sent.secret.0), call.server.now());
    let found = call.server.store.read(FindOffer { organization, invite, secret, now }).await?;
    let Person { role, keybox, .. } = found.ok_or(Refusal::NotFound)?;
    Ok(Offer { role, keybox })
}

async fn join(call: Call<Session, Foreign, Sent<Join>>) -> Answer<Empty> {
    let (Sent(sent), server, person) = (call.input, &call.server, call.who.account);
    sealed(&[&sent.keybox])?;
    let (organization, invite, secret, now) =
        (call.path.organization, sent.invite, Hash::of(&sent.secret.0), server.now());
    let offer = FindOffer { organization, invite, secret, now };
    let most = server.limits.organizations;
    match server.store.write(DoJoin { offer, person, keybox: sent.keybox, most }).await? {
        Joined::Done => Ok(Empty {}),
        Joined::Not => Err(Refusal::NotFound.into()),
        Joined::LastOwner => Err(Refusal::Conflict.into()),
        Joined::Full => Err(Refusal::Full.into()),
    }
}

/// What an invitation makes of a person.
struct Person {
    role: Role,
    keybox: Bytes,
    label: Bytes,
}

struct PutInvite {
    organization: AccountId,
    by: AccountId,
    invite: InviteId,
    secret: Hash,
    person: Option<Person>,
    uses: Option<i64>,
    now: i64,
    expires: i64,
}

impl Work for PutInvite {
    /// Whether it was put; `None` when there are too many.
    type Done = Option<bool>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<bool>, StoreError> {
        let (organization, invite) = (Value::Bytes(self.organization.as_bytes()), Value::Bytes(self.invite.as_bytes()));
        let over = "DELETE FROM invite WHERE account_id = $1 AND expires < $2";
        tx.execute(over, &[organization, Value::Int(self.now)]).await?;
        let count = tx.query("SELECT COUNT(*) FROM invite WHERE account_id = $1", &[organization]).await?;
        if first_count(&count)? >= MOST {
            return Ok(None);
        }
        let sql = "INSERT INTO invite \
                   (account_id, invite_id, kind, role, secret, keybox, label, created, expires, uses) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
        let person = self.person.as_ref();
        let values = [
            organization,
            invite,
            Value::Int(i64::from(person.is_none())),
            person.map_or(Value::Null, |person| Value::Int(role_number(person.role))),
            Value::Bytes(&self.secret.0),
            person.map_or(Value::Null, |person| Value::Bytes(&person.keybox.0)),
            person.map_or(Value::Null, |person| Value::Bytes(&person.label.0)),
            Value::Int(self.now),
            Value::Int(self.expires),
            self.uses.map_or(Value::Null, Value::Int),
        ];
        if tx.execute(sql, &values).await? == 0 {
            let sql = "SELECT secret FROM invite WHERE account_id = $1 AND invite_id = $2";
            let rows = tx.query(sql, &[organization, invite]).await?;
            return rows.first().map_or(Ok(Some(false)), |row| Ok(Some(row.array(0)? == self.secret.0)));
        }
        let action = if person.is_some() { Action::Invited } else { Action::TokenMade };
        let label = person.map_or(&[][..], |person| &person.label.0);
        let subject = [self.invite.as_bytes().as_slice(), label].concat();
        let done = Note::new(self.by.as_bytes(), action, &subject);
        note(tx, &self.organization, done, self.now).await?;
        Ok(Some(true))
    }
}

struct FindInvites(AccountId);

impl Work for FindInvites {
    type Done = Vec<Invite>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Vec<Invite>, StoreError> {
        let sql = "SELECT invite_id, role, label, created, expires, uses FROM invite WHERE account_id = $1 \
                   ORDER BY created, invite_id";
        let invite = |row: &Row| {
            Ok(Invite {
                invite: InviteId::new(row.array(0)?),
                role: row.maybe_int(1)?.map(role).transpose()?,
                label: row.maybe_bytes(2)?.map(Bytes),
                created: row.int(3)?,
                expires: row.int(4)?,
                uses: row.maybe_int(5)?.map(|uses| u64::try_from(uses).unwrap_or(0)),
            })
        };
        tx.query(sql, &[Value::Bytes(self.0.as_bytes())]).await?.iter().map(invite).collect()
    }
}

struct Revoke {
    organization: AccountId,
    by: AccountId,
    invite: InviteId,
    machines: bool,
    now: i64,
}

impl Work for Revoke {
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let values = [
            Value::Bytes(self.organization.as_bytes()),
            Value::Bytes(self.invite.as_bytes()),
            Value::Int(i64::from(self.machines)),
        ];
        let sql = "DELETE FROM invite WHERE account_id = $1 AND invite_id = $2 AND kind = $3";
        if tx.execute(sql, &values).await? == 0 {
            return Ok(false);
        }
        let action = if self.machines { Action::TokenRevoked } else { Action::InviteRevoked };
        note(tx, &self.organization, Note::new(self.by.as_bytes(), action, self.invite.as_bytes()), self.now).await?;
        Ok(true)
    }
}

/// The hash of what shows an enrollment token.
pub(super) struct FindSecret {
    pub(super) organization: AccountId,
    pub(super) invite: InviteId,
}

impl Work for FindSecret {
    type Done = Option<Hash>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<Hash>, StoreError> {
        let sql = "SELECT secret FROM invite WHERE account_id = $1 AND invite_id = $2 AND kind = 1";
        let values = [Value::Bytes(self.organization.as_bytes()), Value::Bytes(self.invite.as_bytes())];
        tx.query(sql, &values).await?.first().map(|row| row.array(0).map(Hash)).transpose()
    }
}

/// What a good invitation offers.
struct FindOffer {
    organization: AccountId,
    invite: InviteId,
    secret: Hash,
    now: i64,
}

impl Work for FindOffer {
    type Done = Option<Person>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<Person>, StoreError> {
        let sql = "SELECT role, keybox, label FROM invite WHERE account_id = $1 AND invite_id = $2 AND kind = 0 \
                   AND secret = $3 AND expires >= $4";
        let values = [
            Value::Bytes(self.organization.as_bytes()),
            Value::Bytes(self.invite.as_bytes()),
            Value::Bytes(&self.secret.0),
            Value::Int(self.now),
        ];
        let person = |row: &Row| {
            Ok(Person { role: role(row.int(0)?)?, keybox: Bytes(row.bytes(1)?), label: Bytes(row.bytes(2)?) })
        };
        tx.query(sql, &values).await?.first().map(person).transpose()
    }
}

struct DoJoin {
    offer: FindOffer,
    person: AccountId,
    keybox: Bytes,
    most: u64,
}

enum Joined {
    Done,
    /// There is no such invitation.
    Not,
    /// The only owner cannot become less.
    LastOwner,
    Full,
}

impl Work for DoJoin {
    type Done = Joined;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Joined, StoreError> {
        let organization = Value::Bytes(self.offer.organization.as_bytes());
        let person = Value::Bytes(self.person.as_bytes());
        let Some(offer) = self.offer.run(tx).await? else {
            // It may have been used by this very work before.
            let sql = "SELECT keybox FROM member WHERE account_id = $1 AND member_id = $2";
            let rows = tx.query(sql, &[organization, person]).await?;
            let same = rows.first().map_or(Ok(false), |row| Ok::<_, StoreError>(row.bytes(0)? == self.keybox.0))?;
            return Ok(if same { Joined::Done } else { Joined::Not });
        };
        let count = tx.query("SELECT COUNT(*) FROM membership WHERE account_id = $1", &[person]).await?;
        if first_count(&count)? >= self.most {
            return Ok(Joined::Full);
        }
        if offer.role != Role::Owner && super::members::is_last_owner(tx, organization, person).await? {
            return Ok(Joined::LastOwner);
        }
        let (keybox, label) = (Value::Bytes(&self.keybox.0), Value::Bytes(&offer.label.0));
        put_member(tx, organization, person, offer.role, [keybox, label], self.offer.now).await?;
        let used = [organization, Value::Bytes(self.offer.invite.as_bytes())];
        tx.execute("DELETE FROM invite WHERE account_id = $1 AND invite_id = $2", &used).await?;
        let subject = [self.offer.invite.as_bytes().as_slice(), &offer.label.0].concat();
        let done = Note::new(self.person.as_bytes(), Action::Joined, &subject);
        note(tx, &self.offer.organization, done, self.offer.now).await?;
        Ok(Joined::Done)
    }
}

/// Takes one use of a good enrollment token; `false` when it is not good any more.
pub(super) async fn use_token(
    tx: &mut dyn Tx,
    organization: &AccountId,
    invite: &InviteId,
    secret: &Hash,
    now: i64,
) -> Result<bool, StoreError> {
    let sql = "UPDATE invite SET uses = uses - 1 WHERE account_id = $1 AND invite_id = $2 AND kind = 1 \
               AND secret = $3 AND expires >= $4 AND (uses IS NULL OR uses > 0)";
    let values = [
        Value::Bytes(organization.as_bytes()),
        Value::Bytes(invite.as_bytes()),
        Value::Bytes(&secret.0),
        Value::Int(now),
    ];
    Ok(tx.execute(sql, &values).await? == 1)
}
