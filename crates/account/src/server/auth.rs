//! Accounts and sign-ins, by OPAQUE. The server keeps nothing between two messages of a sign-in: the client carries it,
//! sealed. Accounts that do not exist are answered like those that do, with as much work.

use std::sync::PoisonError;

use axum::http::Method as Verb;
use opaque_ke::{
    CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload, ServerLogin,
    ServerLoginParameters, ServerRegistration,
};
use rand::rngs::OsRng;
use utoipa::ToSchema;

use super::Server;
use super::access::{Anyone, Fresh, Session, Shown};
use super::failure::{Answer, Failure};
use super::route::{Call, Routes, Sent};
use crate::id::{AccountId, DeviceId};
use crate::keys;
use crate::store::{Row, StoreError, Tx, Value, Work, number};
use crate::suite::{CONTEXT, Stretch, Suite};
use crate::wire::{
    Bytes, Credential, CredentialChange, CredentialStart, CredentialStarted, Empty, Hash, LoginFinish, LoginStart,
    LoginStarted, MOST_FILE, Method, Refusal, Register, RegisterStart, RegisterStarted, Registered, SignedIn,
};

/// For how many seconds the second step of a sign-in may wait.
const STATE_SECONDS: i64 = 60;
/// For how many seconds a sign-in counts as just made.
pub(super) const FRESH_SECONDS: i64 = 15 * 60;

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::POST, "/v1/register", "Begin an account", register_start);
    routes.add(Verb::POST, "/v1/accounts", "Make an account", register);
    routes.add(Verb::POST, "/v1/login/start", "Begin a sign-in", login_start);
    routes.add(Verb::POST, "/v1/login/finish", "End a sign-in", login_finish);
    routes.add(Verb::POST, "/v1/credentials/start", "Begin to change a secret", credential_start);
    routes.add(Verb::POST, "/v1/credentials", "Change a secret; all other devices are signed out", credential_change);
}

/// A path without parameters.
#[derive(serde::Deserialize, ToSchema)]
pub(crate) struct Plain {}

async fn register_start(call: Call<Anyone, Plain, Sent<RegisterStart>>) -> Answer<RegisterStarted> {
    call.server.expect_open()?;
    let (server, Sent(sent)) = (call.server, call.input);
    let account = server.setup.account(&sent.name);
    let password = respond(&server, &account, Method::Password, &sent.password)?;
    Ok(RegisterStarted { password, recovery: respond(&server, &account, Method::Recovery, &sent.recovery)? })
}

async fn register(call: Call<Anyone, Plain, Sent<Register>>) -> Answer<Registered> {
    call.server.expect_open()?;
    let (server, Sent(sent)) = (call.server, call.input);
    let account = server.setup.account(&sent.name);
    let credentials = [(Method::Password, checked(sent.password)?), (Method::Recovery, checked(sent.recovery)?)];
    let made = MakeAccount { account, setup: server.setup.id(), now: server.now(), credentials };
    match server.store.write(made).await? {
        true => Ok(Registered { account }),
        false => Err(Refusal::Conflict.into()),
    }
}

async fn login_start(call: Call<Anyone, Plain, Sent<LoginStart>>) -> Answer<LoginStarted> {
    let (server, Sent(sent)) = (call.server, call.input);
    let account = server.setup.account(&sent.name);
    server.counters.account(account)?;
    let request = CredentialRequest::<Suite>::deserialize(&sent.request.0).map_err(|_| Refusal::BadRequest)?;
    let (nobody, known) = (AccountId::random()?, *server.known.lock().unwrap_or_else(PoisonError::into_inner));
    let found = server.store.read(FindCredential { account, method: sent.method, nobody, known }).await?;
    *server.known.lock().unwrap_or_else(PoisonError::into_inner) = if found.is_some() { account } else { known };
    let (record, stretch, generation) = found.unwrap_or_else(|| (server.setup.decoy.clone(), Stretch::default(), 0));
    let record = ServerRegistration::<Suite>::deserialize(&record);
    let record = record.map_err(|_| StoreError::Damaged("a credential".to_owned()))?;
    let id = credential_id(&account, sent.method);
    let started = ServerLogin::start(&mut OsRng, &server.setup.opaque, Some(record), request, &id, parameters());
    let started = started.map_err(|_| Refusal::BadRequest)?;
    let state = State { account, method: sent.method, generation, begun: server.now(), device: DeviceId::random()? };
    let state = keys::seal(&server.setup.states, b"login", &state.to_bytes(&started.state.serialize()))?;
    Ok(LoginStarted { response: Bytes(started.message.serialize().to_vec()), stretch, state })
}

async fn login_finish(call: Call<Anyone, Plain, Sent<LoginFinish>>) -> Answer<SignedIn> {
    let (server, Sent(sent)) = (call.server, call.input);
    let wrong = || Failure::from(Refusal::WrongCredentials);
    let opened = keys::open(&server.setup.states, b"login", &sent.state).map_err(|_| Refusal::BadRequest)?;
    let (state, opaque) = State::read(&opened).ok_or(Refusal::BadRequest)?;
    if server.now() - state.begun > STATE_SECONDS {
        return Err(wrong());
    }
    let login = ServerLogin::<Suite>::deserialize(opaque).map_err(|_| Refusal::BadRequest)?;
    let finalization = CredentialFinalization::deserialize(&sent.finalization.0).map_err(|_| Refusal::BadRequest)?;
    login.finish(finalization, parameters()).map_err(|_| wrong())?;
    let (shown, token) = Shown::new(state.account, *state.device.as_bytes())?;
    let (account, device, generation) = (state.account, state.device, state.generation);
    let now = server.now();
    let open = OpenSession { account, device, method: state.method, generation, token: shown.hash, now };
    let keybox = server.store.write(open).await?.ok_or_else(wrong)?;
    Ok(SignedIn { account, device, token, keybox: Bytes(keybox), generation })
}

async fn credential_start(call: Call<Fresh, Plain, Sent<CredentialStart>>) -> Answer<CredentialStarted> {
    let Sent(sent) = call.input;
    let response = respond(&call.server, &call.who.0.account, sent.method, &sent.request)?;
    Ok(CredentialStarted { response })
}

async fn credential_change(call: Call<Fresh, Plain, Sent<CredentialChange>>) -> Answer<Empty> {
    let Sent(sent) = call.input;
    let change = ChangeCredential { session: call.who.0, method: sent.method, credential: checked(sent.credential)? };
    if call.server.store.write(change).await? { Ok(Empty {}) } else { Err(Refusal::NotSignedIn.into()) }
}

/// The server's part in making a credential.
fn respond(server: &Server, account: &AccountId, method: Method, request: &Bytes) -> Answer<Bytes> {
    let request = RegistrationRequest::<Suite>::deserialize(&request.0).map_err(|_| Refusal::BadRequest)?;
    let id = credential_id(account, method);
    let started = ServerRegistration::start(&server.setup.opaque, request, &id).map_err(|_| Refusal::BadRequest)?;
    Ok(Bytes(started.message.serialize().to_vec()))
}

/// Takes a credential that can be signed in with, at least by its form.
fn checked(credential: Credential) -> Answer<Credential> {
    let whole = RegistrationUpload::<Suite>::deserialize(&credential.record.0).is_ok();
    if credential.keybox.0.len() > MOST_FILE {
        return Err(Refusal::TooLarge.into());
    }
    if whole && credential.stretch.is_allowed() { Ok(credential) } else { Err(Refusal::BadRequest.into()) }
}

fn parameters() -> ServerLoginParameters<'static, 'static> {
    ServerLoginParameters { context: Some(CONTEXT), ..ServerLoginParameters::default() }
}

fn credential_id(account: &AccountId, method: Method) -> Vec<u8> {
    [account.as_bytes().as_slice(), &[method_number(method) as u8]].concat()
}

pub(super) fn method_number(method: Method) -> i64 {
    match method {
        Method::Password => 0,
        Method::Recovery => 1,
    }
}

/// What the client carries between the steps of a sign-in.
struct State {
    account: AccountId,
    method: Method,
    generation: u64,
    begun: i64,
    /// The device that a good third message makes; that it exists already shows a message sent twice.
    device: DeviceId,
}

impl State {
    fn to_bytes(&self, opaque: &[u8]) -> Vec<u8> {
        [
            self.account.as_bytes().as_slice(),
            self.device.as_bytes(),
            &[method_number(self.method) as u8],
            &self.generation.to_be_bytes(),
            &self.begun.to_be_bytes(),
            opaque,
        ]
        .concat()
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (account, rest) = bytes.split_first_chunk::<16>()?;
        let (device, rest) = rest.split_first_chunk::<16>()?;
        let (method, rest) = rest.split_first()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let (begun, opaque) = rest.split_first_chunk::<8>()?;
        let method = if *method == 0 { Method::Password } else { Method::Recovery };
        let (generation, begun) = (u64::from_be_bytes(*generation), i64::from_be_bytes(*begun));
        let (account, device) = (AccountId::new(*account), DeviceId::new(*device));
        Some((Self { account, method, generation, begun, device }, opaque))
    }
}

struct MakeAccount {
    account: AccountId,
    setup: i64,
    now: i64,
    credentials: [(Method, Credential); 2],
}

impl Work for MakeAccount {
    /// Whether it was made; `false` when the name is taken.
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let account = Value::Bytes(self.account.as_bytes());
        let sql = "INSERT INTO account (account_id, kind, created, setup, generation) VALUES ($1, 0, $2, $3, 1) \
                   ON CONFLICT DO NOTHING";
        if tx.execute(sql, &[account, Value::Int(self.now), Value::Int(self.setup)]).await? == 0 {
            let sql = "SELECT record FROM credential WHERE account_id = $1 AND method = 0";
            let rows = tx.query(sql, &[account]).await?;
            let [(_, mine), _] = &self.credentials;
            return rows.first().map_or(Ok(false), |row| Ok(row.bytes(0)? == mine.record.0));
        }
        for (method, credential) in &self.credentials {
            put_credential(tx, &self.account, *method, credential).await?;
        }
        Ok(true)
    }
}

async fn put_credential(
    tx: &mut dyn Tx,
    account: &AccountId,
    method: Method,
    credential: &Credential,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO credential (account_id, method, record, keybox, memory_kib, passes) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, method) DO UPDATE SET \
               record = excluded.record, keybox = excluded.keybox, \
               memory_kib = excluded.memory_kib, passes = excluded.passes";
    let values = [
        Value::Bytes(account.as_bytes()),
        Value::Int(method_number(method)),
        Value::Bytes(&credential.record.0),
        Value::Bytes(&credential.keybox.0),
        Value::Int(credential.stretch.memory_kib.into()),
        Value::Int(credential.stretch.passes.into()),
    ];
    tx.execute(sql, &values).await.map(drop)
}

struct FindCredential {
    account: AccountId,
    method: Method,
    /// An account that does not exist, and one that does: what is found takes longer to look for than what is not, so
    /// for everybody one of each is looked for.
    nobody: AccountId,
    known: AccountId,
}

impl Work for FindCredential {
    type Done = Option<(Vec<u8>, Stretch, u64)>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let sql = "SELECT credential.record, credential.memory_kib, credential.passes, account.generation \
                   FROM credential JOIN account ON account.account_id = credential.account_id \
                   WHERE credential.account_id = $1 AND credential.method = $2";
        let method = Value::Int(method_number(self.method));
        let rows = tx.query(sql, &[Value::Bytes(self.account.as_bytes()), method]).await?;
        let other = if rows.is_empty() { self.known } else { self.nobody };
        let others = tx.query(sql, &[Value::Bytes(other.as_bytes()), method]).await?;
        let read = |row: &Row| {
            let small = |column| row.int(column).map(|number| u32::try_from(number).unwrap_or(0));
            Ok((row.bytes(0)?, Stretch { memory_kib: small(1)?, passes: small(2)? }, row.count(3)?))
        };
        let found = rows.first().or(others.first()).map(read).transpose()?;
        Ok(found.filter(|_| !rows.is_empty()))
    }
}

struct OpenSession {
    account: AccountId,
    device: DeviceId,
    method: Method,
    generation: u64,
    token: Hash,
    now: i64,
}

impl Work for OpenSession {
    /// The keybox; `None` when the account is not there, its secrets were changed meanwhile, or the message was used.
    type Done = Option<Vec<u8>>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let account = Value::Bytes(self.account.as_bytes());
        let sql = "SELECT credential.keybox FROM credential JOIN account ON account.account_id = credential.account_id \
                   WHERE credential.account_id = $1 AND credential.method = $2 AND account.generation = $3";
        let values = [account, Value::Int(method_number(self.method)), Value::Int(number(self.generation)?)];
        let Some(keybox) = tx.query(sql, &values).await?.first().map(|row| row.bytes(0)).transpose()? else {
            return Ok(None);
        };
        let new = NewSession { account: self.account, device: self.device, token: self.token, now: self.now };
        Ok(new.insert(tx, self.generation).await?.then_some(keybox))
    }
}

/// A session that a sign-in or an approval makes.
pub(super) struct NewSession {
    pub(super) account: AccountId,
    pub(super) device: DeviceId,
    pub(super) token: Hash,
    pub(super) now: i64,
}

impl NewSession {
    /// Whether it was made, now or by this very work before.
    pub(super) async fn insert(&self, tx: &mut dyn Tx, generation: u64) -> Result<bool, StoreError> {
        let (account, device) = (Value::Bytes(self.account.as_bytes()), Value::Bytes(self.device.as_bytes()));
        let sql = "INSERT INTO session (account_id, device_id, token, generation, created, seen, fresh) \
                   VALUES ($1, $2, $3, $4, $5, $5, $6) ON CONFLICT DO NOTHING";
        let values = [
            account,
            device,
            Value::Bytes(&self.token.0),
            Value::Int(number(generation)?),
            Value::Int(self.now),
            Value::Int(self.now + FRESH_SECONDS),
        ];
        if tx.execute(sql, &values).await? == 1 {
            return Ok(true);
        }
        let sql = "SELECT token FROM session WHERE account_id = $1 AND device_id = $2";
        let rows = tx.query(sql, &[account, device]).await?;
        rows.first().map_or(Ok(false), |row| Ok(row.bytes(0)? == self.token.0))
    }
}

struct ChangeCredential {
    session: Session,
    method: Method,
    credential: Credential,
}

impl Work for ChangeCredential {
    /// Whether the device was still signed in: of two that change a secret at once, one is the first.
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let (account, device) = (Value::Bytes(self.session.account.as_bytes()), self.session.device);
        let values = [account, Value::Bytes(device.as_bytes())];
        let sql = "UPDATE session SET seen = seen WHERE account_id = $1 AND device_id = $2";
        if tx.execute(sql, &values).await? == 0 {
            return Ok(false);
        }
        put_credential(tx, &self.session.account, self.method, &self.credential).await?;
        tx.execute("UPDATE account SET generation = generation + 1 WHERE account_id = $1", &[account]).await?;
        tx.execute("DELETE FROM session WHERE account_id = $1 AND device_id <> $2", &values).await?;
        tx.execute("DELETE FROM approval WHERE account_id = $1", &[account]).await?;
        let sql = "UPDATE session SET generation = (SELECT generation FROM account WHERE account_id = $1) \
                   WHERE account_id = $1 AND device_id = $2";
        tx.execute(sql, &values).await.map(|_| true)
    }
}
