//! A new device is let in by one that is signed in, after people compared a code on both.

use axum::http::Method as Verb;
use utoipa::ToSchema;

use super::access::{Anyone, Session, Shown};
use super::auth::{NewSession, Plain};
use super::failure::Answer;
use super::route::{Call, Nothing, Routes, Sent};
use crate::id::{AccountId, ApprovalId, DeviceId};
use crate::store::{Row, StoreError, Tx, Value, Work};
use crate::wire::{Approve, Ask, Asked, Asking, Bytes, Claim, Empty, Hash, MOST_FILE, Refusal, Request, SignedIn};

/// How long a request waits, in seconds.
pub(super) const WAIT_SECONDS: i64 = 15 * 60;
/// How many requests of one account wait at once.
const MOST: u64 = 8;

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::POST, "/v1/approvals", "Ask to be let in", ask);
    routes.add(Verb::GET, "/v1/approvals", "The requests that wait", list);
    routes.add(Verb::POST, "/v1/approvals/{approval}", "Let a new device in", approve);
    routes.add(Verb::POST, "/v1/approvals/{approval}/claim", "Fetch the answer; 404 while there is none", claim);
}

#[derive(serde::Deserialize, ToSchema)]
struct OfApproval {
    approval: ApprovalId,
}

/// The request is written whether the account exists or not, so that the answer does not tell.
async fn ask(call: Call<Anyone, Plain, Sent<Ask>>) -> Answer<Asked> {
    let (server, Sent(sent)) = (call.server, call.input);
    if sent.public.0.len() != 32 {
        return Err(Refusal::BadRequest.into());
    }
    let account = server.setup.account(&sent.name);
    server.counters.account(account)?;
    let approval = ApprovalId::random()?;
    let put = PutRequest { account, approval, public: sent.public, claim: sent.claim, now: server.now() };
    if server.store.write(put).await? { Ok(Asked { approval, account }) } else { Err(Refusal::TooMany.into()) }
}

async fn list(call: Call<Session, Plain, Nothing>) -> Answer<Asking> {
    let since = call.server.now() - WAIT_SECONDS;
    Ok(Asking { requests: call.server.store.read(FindRequests(call.who.account, since)).await? })
}

async fn approve(call: Call<Session, OfApproval, Sent<Approve>>) -> Answer<Empty> {
    let Sent(Approve { keybox }) = call.input;
    if keybox.0.len() > MOST_FILE {
        return Err(Refusal::TooLarge.into());
    }
    let since = call.server.now() - WAIT_SECONDS;
    let answer = PutAnswer { account: call.who.account, approval: call.path.approval, keybox, since };
    if call.server.store.write(answer).await? { Ok(Empty {}) } else { Err(Refusal::NotFound.into()) }
}

async fn claim(call: Call<Anyone, OfApproval, Sent<Claim>>) -> Answer<SignedIn> {
    let (server, Sent(sent), approval) = (call.server, call.input, call.path.approval);
    let device = DeviceId::random()?;
    let (shown, token) = Shown::new(sent.account, *device.as_bytes())?;
    let (account, now) = (sent.account, server.now());
    let new = NewSession { account, device, token: shown.hash, now };
    let (keybox, generation) = server
        .store
        .write(TakeAnswer { approval, claim: Hash::of(&sent.secret.0), new })
        .await?
        .ok_or(Refusal::NotFound)?;
    Ok(SignedIn { account, device, token, keybox: Bytes(keybox), generation })
}

struct PutRequest {
    account: AccountId,
    approval: ApprovalId,
    public: Bytes,
    claim: Hash,
    now: i64,
}

impl Work for PutRequest {
    /// Whether there was room.
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let account = Value::Bytes(self.account.as_bytes());
        let old = [account, Value::Int(self.now - WAIT_SECONDS)];
        tx.execute("DELETE FROM approval WHERE account_id = $1 AND created < $2", &old).await?;
        let waiting = tx.query("SELECT COUNT(*) FROM approval WHERE account_id = $1", &[account]).await?;
        if waiting.first().map_or(Ok(0), |row| row.count(0))? >= MOST {
            return Ok(false);
        }
        let sql = "INSERT INTO approval (account_id, approval_id, public, claim, created) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT DO NOTHING";
        let values = [
            account,
            Value::Bytes(self.approval.as_bytes()),
            Value::Bytes(&self.public.0),
            Value::Bytes(&self.claim.0),
            Value::Int(self.now),
        ];
        tx.execute(sql, &values).await.map(|_| true)
    }
}

struct FindRequests(AccountId, i64);

impl Work for FindRequests {
    type Done = Vec<Request>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Vec<Request>, StoreError> {
        let sql = "SELECT approval_id, public, created FROM approval \
                   WHERE account_id = $1 AND created >= $2 AND keybox IS NULL ORDER BY created, approval_id";
        let rows = tx.query(sql, &[Value::Bytes(self.0.as_bytes()), Value::Int(self.1)]).await?;
        let request = |row: &Row| {
            let approval = ApprovalId::new(row.array(0)?);
            Ok(Request { approval, public: Bytes(row.bytes(1)?), created: row.int(2)? })
        };
        rows.iter().map(request).collect()
    }
}

struct PutAnswer {
    account: AccountId,
    approval: ApprovalId,
    keybox: Bytes,
    since: i64,
}

impl Work for PutAnswer {
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let sql = "UPDATE approval SET keybox = $3 \
                   WHERE account_id = $1 AND approval_id = $2 AND created >= $4 AND (keybox IS NULL OR keybox = $3)";
        let values = [
            Value::Bytes(self.account.as_bytes()),
            Value::Bytes(self.approval.as_bytes()),
            Value::Bytes(&self.keybox.0),
            Value::Int(self.since),
        ];
        Ok(tx.execute(sql, &values).await? == 1)
    }
}

/// Fetches an answer, once, and makes the session of the new device.
struct TakeAnswer {
    approval: ApprovalId,
    claim: Hash,
    new: NewSession,
}

impl Work for TakeAnswer {
    type Done = Option<(Vec<u8>, u64)>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let (account, approval) = (Value::Bytes(self.new.account.as_bytes()), Value::Bytes(self.approval.as_bytes()));
        let sql = "SELECT approval.keybox, account.generation FROM approval JOIN account \
                   ON account.account_id = approval.account_id WHERE approval.account_id = $1 \
                   AND approval.approval_id = $2 AND approval.claim = $3 AND approval.created >= $4 \
                   AND approval.keybox IS NOT NULL";
        let since = Value::Int(self.new.now - WAIT_SECONDS);
        let rows = tx.query(sql, &[account, approval, Value::Bytes(&self.claim.0), since]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (keybox, generation) = (row.bytes(0)?, row.count(1)?);
        tx.execute("DELETE FROM approval WHERE account_id = $1 AND approval_id = $2", &[account, approval]).await?;
        Ok(self.new.insert(tx, generation).await?.then_some((keybox, generation)))
    }
}
