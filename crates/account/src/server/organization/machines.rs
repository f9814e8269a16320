//! The machines of an organization: they enroll with a token, are listed, and are removed by an owner.

use axum::http::Method as Verb;
use utoipa::ToSchema;

use super::super::failure::Answer;
use super::super::route::{Asked, Call, Routes, Sent};
use super::access::{Enrolling, Member, Owner};
use super::audit::{Note, note};
use super::{OfOrganization, first_count, invites, sealed};
use crate::id::{AccountId, InviteId, SeriesId};
use crate::store::{Row, StoreError, Tx, Value, Work, end, with_last};
use crate::wire::organization::{Action, Enroll, FromSeries, LastReport, MOST_ROWS, Machine, Machines, RemoveMachine};
use crate::wire::{Bytes, Empty, Hash, Refusal};

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::POST, "/v1/organizations/{organization}/enroll", "Enroll a machine", enroll);
    routes.add(Verb::GET, "/v1/organizations/{organization}/machines", "The machines and their last reports", list);
    routes.add(
        Verb::POST,
        "/v1/organizations/{organization}/machines/{series}/remove",
        "Remove a machine and its reports",
        remove,
    );
}

#[derive(serde::Deserialize, ToSchema)]
struct OfMachine {
    #[expect(dead_code, reason = "who may use a route knows it already")]
    organization: AccountId,
    series: SeriesId,
}

async fn enroll(call: Call<Enrolling, OfOrganization, Sent<Enroll>>) -> Answer<Empty> {
    let Sent(enroll) = call.input;
    sealed(&[&enroll.card])?;
    let (most, now) = (call.server.limits.machines, call.server.now());
    match call.server.store.write(PutMachine { by: call.who, enroll, most, now }).await? {
        Enrolled::Done => Ok(Empty {}),
        Enrolled::Over => Err(Refusal::NotSignedIn.into()),
        Enrolled::Taken => Err(Refusal::Conflict.into()),
        Enrolled::Full => Err(Refusal::Full.into()),
    }
}

async fn list(call: Call<Member, OfOrganization, Asked<FromSeries>>) -> Answer<Machines> {
    Ok(call.server.store.read(Page::new(call.who.0.organization, &call.input.0, MOST_ROWS)).await?)
}

async fn remove(call: Call<Owner, OfMachine, Sent<RemoveMachine>>) -> Answer<Empty> {
    let (Sent(RemoveMachine { proof, label }), who, series) = (call.input, call.who.0, call.path.series);
    sealed(&[&proof, &label])?;
    let (organization, by, now) = (who.organization, who.member, call.server.now());
    let remove = Remove { organization, by, series, proof, label, now };
    if call.server.store.write(remove).await? { Ok(Empty {}) } else { Err(Refusal::NotFound.into()) }
}

struct PutMachine {
    by: Enrolling,
    enroll: Enroll,
    most: u64,
    now: i64,
}

enum Enrolled {
    Done,
    /// The token is not good any more.
    Over,
    Taken,
    Full,
}

impl Work for PutMachine {
    type Done = Enrolled;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Enrolled, StoreError> {
        let Enrolling { organization, invite, secret } = &self.by;
        let account = Value::Bytes(organization.as_bytes());
        let series = Value::Bytes(self.enroll.series.as_bytes());
        let sql = "SELECT token FROM machine WHERE account_id = $1 AND series = $2";
        if let Some(row) = tx.query(sql, &[account, series]).await?.first() {
            return Ok(if row.array(0)? == self.enroll.token.0 { Enrolled::Done } else { Enrolled::Taken });
        }
        let count = tx.query("SELECT COUNT(*) FROM machine WHERE account_id = $1", &[account]).await?;
        if first_count(&count)? >= self.most {
            return Ok(Enrolled::Full);
        }
        if !invites::use_token(tx, organization, invite, secret, self.now).await? {
            return Ok(Enrolled::Over);
        }
        let sql = "INSERT INTO machine (account_id, series, token, invite_id, card, created) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let values = [
            account,
            series,
            Value::Bytes(&self.enroll.token.0),
            Value::Bytes(invite.as_bytes()),
            Value::Bytes(&self.enroll.card.0),
            Value::Int(self.now),
        ];
        if tx.execute(sql, &values).await? == 0 {
            return Ok(Enrolled::Taken);
        }
        let done = Note::new(self.enroll.series.as_bytes(), Action::MachineEnrolled, invite.as_bytes());
        note(tx, organization, done, self.now).await?;
        Ok(Enrolled::Done)
    }
}

/// A page of a list that is in the order of series.
pub(super) struct Page {
    pub(super) organization: AccountId,
    pub(super) from: [u8; 16],
    pub(super) limit: usize,
}

impl Page {
    pub(super) fn new(organization: AccountId, asked: &FromSeries, most: usize) -> Self {
        let limit = asked.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(most);
        let from = asked.from.map_or([0; 16], |series| *series.as_bytes());
        Self { organization, from, limit: limit.clamp(1, most) }
    }
}

impl Work for Page {
    type Done = Machines;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Machines, StoreError> {
        let sql = with_last!(
            "SELECT machine.series, machine.invite_id, machine.card, machine.created, head.idx, head.hash, \
             record.received FROM machine \
             LEFT JOIN head ON head.account_id = machine.account_id AND head.series = machine.series LEFT JOIN",
            "WHERE machine.account_id = $1 AND machine.series >= $2 ORDER BY machine.series LIMIT $3"
        );
        let values =
            [Value::Bytes(self.organization.as_bytes()), Value::Bytes(&self.from), Value::Int(self.limit as i64 + 1)];
        let rows = tx.query(sql.on(tx.kind()), &values).await?;
        let machines = rows.iter().take(self.limit).map(machine).collect::<Result<_, _>>()?;
        Ok(Machines { machines, more: rows.len() > self.limit })
    }
}

fn machine(row: &Row) -> Result<Machine, StoreError> {
    let last = match row.maybe_int(4)? {
        Some(_) => Some(LastReport {
            index: row.count(4)?,
            hash: Hash(row.array(5)?),
            received: row.maybe_int(6)?.unwrap_or(0),
        }),
        None => None,
    };
    Ok(Machine {
        series: SeriesId::new(row.array(0)?),
        invite: InviteId::new(row.array(1)?),
        card: Bytes(row.bytes(2)?),
        created: row.int(3)?,
        last,
    })
}

struct Remove {
    organization: AccountId,
    by: AccountId,
    series: SeriesId,
    proof: Bytes,
    label: Bytes,
    now: i64,
}

impl Work for Remove {
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let values = [Value::Bytes(self.organization.as_bytes()), Value::Bytes(self.series.as_bytes())];
        if tx.execute("DELETE FROM machine WHERE account_id = $1 AND series = $2", &values).await? == 0 {
            return Ok(false);
        }
        end(tx, self.organization, Some(self.series)).await?;
        let subject = [self.series.as_bytes().as_slice(), &self.proof.0, &self.label.0].concat();
        let done = Note::new(self.by.as_bytes(), Action::MachineRemoved, &subject);
        note(tx, &self.organization, done, self.now).await?;
        Ok(true)
    }
}
