//! The audit log: one row for each thing that was done, each with the hash of the one before.

use axum::http::Method as Verb;

use super::super::Server;
use super::super::failure::Answer;
use super::super::route::{Asked, Call, Routes};
use super::OfOrganization;
use super::access::{Membership, Reader};
use crate::id::AccountId;
use crate::store::{Row, StoreError, Tx, Value, Work, number};
use crate::wire::organization::{Action, AfterEntry, Audit, Entry, MOST_ROWS};
use crate::wire::{Bytes, Hash};

/// How often a row is tried to be written while others write theirs.
const TRIES: u32 = 64;
/// How long a member's reading counts as one, in seconds.
const READ_SECONDS: i64 = 3600;

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::GET, "/v1/organizations/{organization}/audit", "Read the audit log", read);
}

async fn read(call: Call<Reader, OfOrganization, Asked<AfterEntry>>) -> Answer<Audit> {
    let after = call.input.0.after.and_then(|after| i64::try_from(after).ok()).unwrap_or(0);
    Ok(call.server.store.read(Page { organization: call.who.0.organization, after }).await?)
}

/// What was done.
#[derive(Clone, Copy)]
pub(super) struct Note<'a> {
    actor: &'a [u8],
    action: Action,
    subject: &'a [u8],
}

impl<'a> Note<'a> {
    pub(super) fn new(actor: &'a [u8], action: Action, subject: &'a [u8]) -> Self {
        Self { actor, action, subject }
    }
}

/// Writes a row after the last one, in the transaction of what was done.
pub(super) async fn note(
    tx: &mut dyn Tx,
    organization: &AccountId,
    note: Note<'_>,
    now: i64,
) -> Result<(), StoreError> {
    let account = Value::Bytes(organization.as_bytes());
    for _ in 0..TRIES {
        let last = "SELECT idx, hash FROM audit WHERE account_id = $1 ORDER BY idx DESC LIMIT 1";
        let last = tx.query(last, &[account]).await?;
        let (index, prev) = match last.first() {
            Some(row) => (row.count(0)?.saturating_add(1), Hash(row.array(1)?)),
            None => (1, Hash([0; 32])),
        };
        let entry = Entry {
            index,
            time: now,
            actor: Bytes(note.actor.to_vec()),
            action: note.action,
            subject: Bytes(note.subject.to_vec()),
            hash: prev,
        };
        let sql = "INSERT INTO audit (account_id, idx, prev, time, actor, action, subject, hash) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        let values = [
            account,
            Value::Int(number(index)?),
            Value::Bytes(&prev.0),
            Value::Int(now),
            Value::Bytes(note.actor),
            Value::Int(note.action.number()),
            Value::Bytes(note.subject),
            Value::Bytes(&entry.hash_after(organization, &prev).0),
        ];
        if tx.execute(sql, &values).await? == 1 {
            return Ok(());
        }
    }
    Err(StoreError::Unavailable("the audit log is busy".to_owned()))
}

/// Notes that a member reads, once in an hour.
pub(super) async fn note_read(server: &Server, who: Membership) -> Answer<()> {
    let read = Read { organization: who.organization, member: who.member, now: server.now() };
    if !server.store.read(IsNoted(read)).await? {
        server.store.write(NoteRead(read)).await?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Read {
    organization: AccountId,
    member: AccountId,
    now: i64,
}

struct IsNoted(Read);

impl Work for IsNoted {
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let sql = "SELECT idx FROM audit WHERE account_id = $1 AND time > $2 AND actor = $3 AND action = $4 LIMIT 1";
        let values = [
            Value::Bytes(self.0.organization.as_bytes()),
            Value::Int(self.0.now - READ_SECONDS),
            Value::Bytes(self.0.member.as_bytes()),
            Value::Int(Action::InventoryRead.number()),
        ];
        Ok(!tx.query(sql, &values).await?.is_empty())
    }
}

struct NoteRead(Read);

impl Work for NoteRead {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if IsNoted(self.0).run(tx).await? {
            return Ok(());
        }
        let done = Note::new(self.0.member.as_bytes(), Action::InventoryRead, &[]);
        note(tx, &self.0.organization, done, self.0.now).await
    }
}

struct Page {
    organization: AccountId,
    after: i64,
}

impl Work for Page {
    type Done = Audit;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Audit, StoreError> {
        let sql = "SELECT idx, time, actor, action, subject, hash FROM audit WHERE account_id = $1 AND idx > $2 \
                   ORDER BY idx LIMIT $3";
        let values =
            [Value::Bytes(self.organization.as_bytes()), Value::Int(self.after), Value::Int(MOST_ROWS as i64 + 1)];
        let rows = tx.query(sql, &values).await?;
        let entries = rows.iter().take(MOST_ROWS).map(entry).collect::<Result<_, _>>()?;
        Ok(Audit { entries, more: rows.len() > MOST_ROWS })
    }
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    let action = usize::try_from(row.int(3)?).ok().and_then(|at| Action::ALL.get(at).copied());
    Ok(Entry {
        index: row.count(0)?,
        time: row.int(1)?,
        actor: Bytes(row.bytes(2)?),
        action: action.ok_or_else(|| StoreError::Damaged("an action".to_owned()))?,
        subject: Bytes(row.maybe_bytes(4)?.unwrap_or_default()),
        hash: Hash(row.array(5)?),
    })
}
