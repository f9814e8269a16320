//! The small files of a copy: put once, changed and removed only after a sign-in just made.

use axum::http::Method as Verb;
use utoipa::ToSchema;

use super::access::{Fresh, Session};
use super::auth::Plain;
use super::failure::Answer;
use super::route::{Call, Nothing, Routes, Sent};
use crate::id::{AccountId, FileId};
use crate::store::{Row, StoreError, Tx, Value, Work};
use crate::wire::{Bytes, Empty, File, Files, MOST_FILE, NamedFile, Refusal};

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::GET, "/v1/files", "All small files", list);
    routes.add(Verb::PUT, "/v1/files/{file}", "Put a small file that is not there yet", put);
    routes.add(Verb::PUT, "/v1/files/{file}/mend", "Put good bytes in place of a small file", mend);
    routes.add(Verb::DELETE, "/v1/files/{file}", "Remove a small file", remove);
}

#[derive(serde::Deserialize, ToSchema)]
struct OfFile {
    file: FileId,
}

async fn list(call: Call<Session, Plain, Nothing>) -> Answer<Files> {
    Ok(Files { files: call.server.store.read(FindFiles(call.who.account)).await? })
}

async fn put(call: Call<Session, OfFile, Sent<File>>) -> Answer<Empty> {
    put_file(call.server, call.who.account, call.path.file, call.input.0.bytes, false).await
}

async fn mend(call: Call<Fresh, OfFile, Sent<File>>) -> Answer<Empty> {
    put_file(call.server, call.who.0.account, call.path.file, call.input.0.bytes, true).await
}

async fn remove(call: Call<Fresh, OfFile, Nothing>) -> Answer<Empty> {
    let removed = call.server.store.write(RemoveFile(call.who.0.account, call.path.file)).await?;
    if removed { Ok(Empty {}) } else { Err(Refusal::NotFound.into()) }
}

async fn put_file(
    server: std::sync::Arc<super::Server>,
    account: AccountId,
    file: FileId,
    bytes: Bytes,
    replace: bool,
) -> Answer<Empty> {
    if bytes.0.len() > MOST_FILE {
        return Err(Refusal::TooLarge.into());
    }
    let put = PutFile { account, file, bytes, replace, most: server.limits.files };
    match server.store.write(put).await? {
        Put::Done => Ok(Empty {}),
        Put::Taken => Err(Refusal::Conflict.into()),
        Put::Full => Err(Refusal::Full.into()),
    }
}

struct FindFiles(AccountId);

impl Work for FindFiles {
    type Done = Vec<NamedFile>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let sql = "SELECT file_id, bytes FROM file WHERE account_id = $1 ORDER BY file_id";
        let rows = tx.query(sql, &[Value::Bytes(self.0.as_bytes())]).await?;
        rows.iter().map(|row| Ok(NamedFile { id: FileId::new(row.array(0)?), bytes: Bytes(row.bytes(1)?) })).collect()
    }
}

struct PutFile {
    account: AccountId,
    file: FileId,
    bytes: Bytes,
    replace: bool,
    most: u64,
}

enum Put {
    Done,
    Taken,
    Full,
}

impl Work for PutFile {
    type Done = Put;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Put, StoreError> {
        let (account, file) = (Value::Bytes(self.account.as_bytes()), Value::Bytes(self.file.as_bytes()));
        let values = [account, file, Value::Bytes(&self.bytes.0)];
        if self.replace {
            let sql = "UPDATE file SET bytes = $3 WHERE account_id = $1 AND file_id = $2";
            if tx.execute(sql, &values).await? == 1 {
                return Ok(Put::Done);
            }
        }
        // What is there already takes no room, so this comes first.
        if let Some(there) = self.there(tx).await? {
            return Ok(there);
        }
        let count = tx.query("SELECT COUNT(*) FROM file WHERE account_id = $1", &[account]).await?;
        if count.first().map_or(Ok(0), |row| row.count(0))? >= self.most {
            return Ok(Put::Full);
        }
        let sql = "INSERT INTO file (account_id, file_id, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        if tx.execute(sql, &values).await? == 1 {
            return Ok(Put::Done);
        }
        Ok(self.there(tx).await?.unwrap_or(Put::Taken))
    }
}

impl PutFile {
    /// What it means that a file of this name is there, if one is.
    async fn there(&self, tx: &mut dyn Tx) -> Result<Option<Put>, StoreError> {
        let sql = "SELECT bytes FROM file WHERE account_id = $1 AND file_id = $2";
        let rows = tx.query(sql, &[Value::Bytes(self.account.as_bytes()), Value::Bytes(self.file.as_bytes())]).await?;
        let put = |row: &Row| Ok(if row.bytes(0)? == self.bytes.0 { Put::Done } else { Put::Taken });
        rows.first().map(put).transpose()
    }
}

struct RemoveFile(AccountId, FileId);

impl Work for RemoveFile {
    type Done = bool;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let values = [Value::Bytes(self.0.as_bytes()), Value::Bytes(self.1.as_bytes())];
        Ok(tx.execute("DELETE FROM file WHERE account_id = $1 AND file_id = $2", &values).await? == 1)
    }
}
