//! The account itself, and the devices that are signed in to it.

use axum::http::Method as Verb;
use utoipa::ToSchema;

use super::access::{Fresh, Session};
use super::auth::{Plain, STATE_SECONDS};
use super::failure::Answer;
use super::route::{Call, Nothing, Routes, Sent};
use crate::id::{AccountId, DeviceId};
use crate::store::{Row, StoreError, Tx, Value, Work};
use crate::wire::{Bytes, Deletion, Device, Devices, Empty, Label, MOST_FILE, Refusal, Status};

/// How long an account that shall be deleted can be kept after all: 7 days, in seconds.
pub(super) const DELETE_SECONDS: i64 = 7 * 24 * 3600;

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::GET, "/v1/account", "The account as it stands", status);
    routes.add(Verb::DELETE, "/v1/account", "Delete the account, in seven days", delete);
    routes.add(Verb::POST, "/v1/account/keep", "Keep an account that was to be deleted", keep);
    routes.add(Verb::GET, "/v1/devices", "The devices that are signed in", devices);
    routes.add(Verb::PUT, "/v1/devices/{device}/label", "Name a device", label);
    routes.add(Verb::DELETE, "/v1/devices/{device}", "Sign a device out", revoke);
    routes.add(Verb::DELETE, "/v1/session", "Sign this device out", logout);
}

#[derive(serde::Deserialize, ToSchema)]
struct OfDevice {
    device: DeviceId,
}

async fn status(call: Call<Session, Plain, Nothing>) -> Answer<Status> {
    let found = call.server.store.read(FindStatus(call.who.account)).await?.ok_or(Refusal::NotSignedIn)?;
    Ok(Status { most_bytes: call.server.limits.series_bytes, ..found })
}

async fn delete(call: Call<Fresh, Plain, Nothing>) -> Answer<Deletion> {
    let delete_after = call.server.now() + DELETE_SECONDS;
    call.server.store.write(SetDeletion(call.who.0.account, Some(delete_after))).await?;
    Ok(Deletion { delete_after })
}

async fn keep(call: Call<Session, Plain, Nothing>) -> Answer<Empty> {
    call.server.store.write(SetDeletion(call.who.account, None)).await?;
    Ok(Empty {})
}

async fn devices(call: Call<Session, Plain, Nothing>) -> Answer<Devices> {
    Ok(Devices { devices: call.server.store.read(FindDevices(call.who)).await? })
}

async fn label(call: Call<Session, OfDevice, Sent<Label>>) -> Answer<Empty> {
    let Sent(Label { label }) = call.input;
    if label.0.len() > MOST_FILE {
        return Err(Refusal::TooLarge.into());
    }
    let set = SetLabel { account: call.who.account, device: call.path.device, label };
    if call.server.store.write(set).await? { Ok(Empty {}) } else { Err(Refusal::NotFound.into()) }
}

async fn revoke(call: Call<Fresh, OfDevice, Nothing>) -> Answer<Empty> {
    let session = Session { account: call.who.0.account, device: call.path.device };
    let end = EndSession(session, call.server.now());
    if call.server.store.write(end).await? { Ok(Empty {}) } else { Err(Refusal::NotFound.into()) }
}

async fn logout(call: Call<Session, Plain, Nothing>) -> Answer<Empty> {
    call.server.store.write(EndSession(call.who, call.server.now())).await?;
    Ok(Empty {})
}

struct FindStatus(AccountId);

impl Work for FindStatus {
    type Done = Option<Status>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let account = [Value::Bytes(self.0.as_bytes())];
        let found =
            tx.query("SELECT created, generation, delete_after FROM account WHERE account_id = $1", &account).await?;
        let Some(found) = found.first() else { return Ok(None) };
        let sql = "SELECT CAST(COALESCE(SUM(idx), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) \
                   FROM head WHERE account_id = $1";
        let sums = tx.query(sql, &account).await?;
        let sessions =
            tx.query("SELECT COUNT(*) FROM session WHERE account_id = $1 AND generation >= 0", &account).await?;
        let first = |rows: &[Row], column| rows.first().map_or(Ok(0), |row| row.count(column));
        Ok(Some(Status {
            created: found.int(0)?,
            generation: found.count(1)?,
            delete_after: found.maybe_int(2)?,
            records: first(&sums, 0)?,
            bytes: first(&sums, 1)?,
            most_bytes: 0,
            devices: first(&sessions, 0)?,
        }))
    }
}

struct SetDeletion(AccountId, Option<i64>);

impl Work for SetDeletion {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let values = [Value::Bytes(self.0.as_bytes()), self.1.map_or(Value::Null, Value::Int)];
        tx.execute("UPDATE account SET delete_after = $2 WHERE account_id = $1", &values).await.map(drop)
    }
}

struct FindDevices(Session);

impl Work for FindDevices {
    type Done = Vec<Device>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Vec<Device>, StoreError> {
        let sql = "SELECT device_id, label, created, seen FROM session \
                   WHERE account_id = $1 AND generation >= 0 ORDER BY created, device_id";
        let rows = tx.query(sql, &[Value::Bytes(self.0.account.as_bytes())]).await?;
        let device = |row: &Row| {
            let id = DeviceId::new(row.array(0)?);
            let label = row.maybe_bytes(1)?.map(Bytes);
            Ok(Device { id, label, created: row.int(2)?, seen: row.int(3)?, this: id == self.0.device })
        };
        rows.iter().map(device).collect()
    }
}

struct SetLabel {
    account: AccountId,
    device: DeviceId,
    label: Bytes,
}

impl Work for SetLabel {
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let sql = "UPDATE session SET label = $3 WHERE account_id = $1 AND device_id = $2 AND generation >= 0";
        let values =
            [Value::Bytes(self.account.as_bytes()), Value::Bytes(self.device.as_bytes()), Value::Bytes(&self.label.0)];
        Ok(tx.execute(sql, &values).await? == 1)
    }
}

/// Signs a device out, at this time.
struct EndSession(Session, i64);

impl Work for EndSession {
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let (account, device) = (Value::Bytes(self.0.account.as_bytes()), Value::Bytes(self.0.device.as_bytes()));
        // While its last message could be sent again, a trace stays that shows it was used.
        let sql = "UPDATE session SET generation = -1 \
                   WHERE account_id = $1 AND device_id = $2 AND generation >= 0 AND created >= $3";
        if tx.execute(sql, &[account, device, Value::Int(self.1 - STATE_SECONDS)]).await? == 1 {
            return Ok(true);
        }
        let sql = "DELETE FROM session WHERE account_id = $1 AND device_id = $2 AND generation >= 0";
        Ok(tx.execute(sql, &[account, device]).await? == 1)
    }
}
