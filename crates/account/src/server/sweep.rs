//! What happens by itself: accounts whose time has come are deleted, requests that waited too long are forgotten.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;

use super::Server;
use super::approvals::WAIT_SECONDS;
use super::auth::STATE_SECONDS;
use crate::id::AccountId;
use crate::store::{StoreError, Tx, Value, Work, end};

/// How often.
const EVERY: Duration = Duration::from_secs(600);
/// How often metrics are summed up.
const SUM_UP: Duration = Duration::from_secs(5);
/// The tables that an account has rows in beside those of its log; the account itself last.
const TABLES: [&str; 11] = [
    "DELETE FROM credential WHERE account_id = $1",
    "DELETE FROM session WHERE account_id = $1",
    "DELETE FROM approval WHERE account_id = $1",
    "DELETE FROM file WHERE account_id = $1",
    "DELETE FROM member WHERE account_id = $1",
    "DELETE FROM membership WHERE account_id = $1",
    "DELETE FROM invite WHERE account_id = $1",
    "DELETE FROM machine WHERE account_id = $1",
    "DELETE FROM audit WHERE account_id = $1",
    "DELETE FROM member WHERE member_id = $1",
    "DELETE FROM account WHERE account_id = $1",
];

/// Does it again and again, until it is dropped.
pub(super) async fn forever(server: Arc<Server>) {
    loop {
        if let Err(error) = server.sweep().await {
            tracing::warn!(%error, "sweeping");
        }
        server.counters.forget_quiet();
        for _ in 0..EVERY.as_secs() / SUM_UP.as_secs() {
            tokio::time::sleep(SUM_UP).await;
            // Until they are summed up, the metrics hold every single time in memory.
            server.metrics.iter().for_each(PrometheusHandle::run_upkeep);
        }
    }
}

impl Server {
    /// Deletes the accounts whose time has come, forgets requests that waited too long, and gives how many accounts
    /// were deleted. A server that [serves](super::serve) does it every ten minutes.
    ///
    /// # Errors
    ///
    /// What the store says; what was deleted until then stays deleted.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let now = self.now();
        self.store.write(OldRequests(now - WAIT_SECONDS)).await?;
        self.store.write(OldTraces(now - STATE_SECONDS)).await?;
        let mut count = 0;
        for account in self.store.read(Due(now)).await? {
            self.store.write(Delete { account, now }).await?;
            count += 1;
        }
        Ok(count)
    }
}

struct OldRequests(i64);

impl Work for OldRequests {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.execute("DELETE FROM approval WHERE created < $1", &[Value::Int(self.0)]).await.map(drop)
    }
}

/// Devices that were signed out, see `EndSession`.
struct OldTraces(i64);

impl Work for OldTraces {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let sql = "DELETE FROM session WHERE generation < 0 AND created < $1";
        tx.execute(sql, &[Value::Int(self.0)]).await.map(drop)
    }
}

struct Due(i64);

impl Work for Due {
    type Done = Vec<AccountId>;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let sql = "SELECT account_id FROM account WHERE delete_after < $1 LIMIT 1000";
        tx.query(sql, &[Value::Int(self.0)]).await?.iter().map(|row| row.array(0).map(AccountId::new)).collect()
    }
}

struct Delete {
    account: AccountId,
    now: i64,
}

impl Work for Delete {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        // It may have been kept meanwhile.
        let sql = "SELECT kind FROM account WHERE account_id = $1 AND delete_after < $2";
        if tx.query(sql, &[Value::Bytes(self.account.as_bytes()), Value::Int(self.now)]).await?.is_empty() {
            return Ok(());
        }
        end(tx, self.account, None).await?;
        for sql in TABLES {
            tx.execute(sql, &[Value::Bytes(self.account.as_bytes())]).await?;
        }
        Ok(())
    }
}
