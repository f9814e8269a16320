//! Who may do what. A route takes one of these types, and there is no other way to make one than to show what it asks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use data_encoding::BASE64URL_NOPAD;

use super::Server;
use super::failure::Answer;
use crate::id::{AccountId, DeviceId, random};
use crate::store::{FindSession, StoreError, StoredSession, Tx, Value, Work};
use crate::wire::{Hash, Refusal, Token};

/// Who asks, as far as a route needs to know.
pub(crate) trait Access: Send + Sized + 'static {
    /// The name, for the documentation and the tests that ask every route as everybody.
    const NAME: &'static str;

    /// Finds out, or refuses.
    fn check(server: &Arc<Server>, parts: &Parts) -> impl Future<Output = Answer<Self>> + Send;
}

/// Anyone, counted by address.
pub(crate) struct Anyone;

/// A device that is signed in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
}

/// A device that signed in within the last quarter of an hour: a stolen token alone changes no password, alters
/// nothing and removes nothing.
pub(crate) struct Fresh(pub(crate) Session);

/// What a device shows: account, device and 32 random bytes.
pub(crate) struct Shown {
    pub(crate) account: AccountId,
    pub(crate) second: [u8; 16],
    pub(crate) hash: Hash,
}

/// A session that was shown and is good.
pub(crate) struct Known {
    pub(super) session: Session,
    pub(super) fresh: i64,
}

impl Access for Anyone {
    const NAME: &'static str = "anyone";

    async fn check(server: &Arc<Server>, parts: &Parts) -> Answer<Self> {
        server.counters.address(address(server, parts))?;
        Ok(Self)
    }
}

impl Access for Session {
    const NAME: &'static str = "session";

    async fn check(server: &Arc<Server>, parts: &Parts) -> Answer<Self> {
        known(server, parts).await.map(|known| known.session)
    }
}

impl Access for Fresh {
    const NAME: &'static str = "fresh session";

    async fn check(server: &Arc<Server>, parts: &Parts) -> Answer<Self> {
        let known = known(server, parts).await?;
        if known.fresh < server.now() {
            return Err(Refusal::SignInAgain.into());
        }
        Ok(Self(known.session))
    }
}

impl Shown {
    /// A new secret for a device or machine, and what the database keeps of it.
    pub(crate) fn new(account: AccountId, second: [u8; 16]) -> Answer<(Self, Token)> {
        let secret = random::<32>()?;
        let bytes = [account.as_bytes().as_slice(), &second, &secret].concat();
        let token = Token(BASE64URL_NOPAD.encode(&bytes));
        Ok((Self { account, second, hash: Hash::of(&secret) }, token))
    }

    /// Reads what was shown.
    pub(crate) fn read(parts: &Parts) -> Answer<Self> {
        let shown = || {
            let text = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
            let (_, token) = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))?;
            let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
            let (account, rest) = bytes.split_first_chunk::<16>()?;
            let (second, secret) = rest.split_first_chunk::<16>()?;
            (secret.len() == 32).then(|| Self {
                account: AccountId::new(*account),
                second: *second,
                hash: Hash::of(secret),
            })
        };
        shown().ok_or_else(|| Refusal::NotSignedIn.into())
    }
}

pub(super) async fn known(server: &Arc<Server>, parts: &Parts) -> Answer<Known> {
    let shown = Shown::read(parts)?;
    let (account, device) = (shown.account, DeviceId::new(shown.second));
    let stored = server.store.session(FindSession { account, device }).await?;
    // Both are hashes of random bytes: how long the comparison takes tells nothing of use.
    let StoredSession { seen, fresh, .. } =
        stored.filter(|stored| stored.token == shown.hash).ok_or(Refusal::NotSignedIn)?;
    let session = Session { account, device };
    if seen + 3600 < server.now() {
        server.store.write(Seen { session, now: server.now() }).await?;
    }
    Ok(Known { session, fresh })
}

/// Where a request comes from: the other end of the connection, or what the own proxy in front says.
pub(super) fn address(server: &Server, parts: &Parts) -> IpAddr {
    let direct = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let told = || parts.headers.get("x-forwarded-for")?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    let told = server.behind_proxy.then(told).flatten();
    told.or(direct).unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))
}

struct Seen {
    session: Session,
    now: i64,
}

impl Work for Seen {
    type Done = ();

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let sql = "UPDATE session SET seen = $3 WHERE account_id = $1 AND device_id = $2";
        let (account, device) = (self.session.account, self.session.device);
        let values = [Value::Bytes(account.as_bytes()), Value::Bytes(device.as_bytes()), Value::Int(self.now)];
        tx.execute(sql, &values).await.map(drop)
    }
}
