//! Who is signed in, asked with every request.

use super::{Row, StoreError, Tx, Value, Work};
use crate::id::{AccountId, DeviceId};
use crate::wire::Hash;

/// A session that is good, as the database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredSession {
    /// SHA-256 of what the device shows.
    pub(crate) token: Hash,
    /// When the device was seen, to the hour.
    pub(crate) seen: i64,
    /// Until when the sign-in counts as just made.
    pub(crate) fresh: i64,
}

/// Looks for the session of a device.
#[derive(Clone, Copy)]
pub(crate) struct FindSession {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
}

impl Work for FindSession {
    type Done = Option<StoredSession>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let sql = "SELECT session.token, session.seen, session.fresh FROM session JOIN account \
                   ON account.account_id = session.account_id AND account.generation = session.generation \
                   WHERE session.account_id = $1 AND session.device_id = $2";
        let values = [Value::Bytes(self.account.as_bytes()), Value::Bytes(self.device.as_bytes())];
        let rows = tx.query(sql, &values).await?;
        let stored =
            |row: &Row| Ok(StoredSession { token: Hash(row.array(0)?), seen: row.int(1)?, fresh: row.int(2)? });
        rows.first().map(stored).transpose()
    }
}
