//! How often and how much. Asked before any expensive work.

use std::net::IpAddr;
use std::num::NonZero;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::failure::{Answer, Failure};
use crate::id::AccountId;

/// What one account and one address may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sign-ins of one account in a minute.
    pub account_per_minute: NonZero<u32>,
    /// Sign-ins, new accounts and requests to be let in from one address in a minute.
    pub address_per_minute: NonZero<u32>,
    /// Bytes of the records of one series.
    pub series_bytes: u64,
    /// Series of one person's account: devices that ever wrote.
    pub series: u64,
    /// Small files of one account.
    pub files: u64,
    /// Organizations of one person; also members, and invitations and tokens, of one organization, times a hundred.
    pub organizations: u64,
    /// Machines of one organization.
    pub machines: u64,
    /// Bytes of the reports of one machine.
    pub machine_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const fn at_most(n: u32) -> NonZero<u32> {
            match NonZero::new(n) {
                Some(n) => n,
                None => NonZero::<u32>::MIN,
            }
        }
        Self {
            account_per_minute: at_most(10),
            address_per_minute: at_most(60),
            series_bytes: 256 << 20,
            series: 64,
            files: 256,
            organizations: 16,
            machines: 250_000,
            machine_bytes: 16 << 20,
        }
    }
}

/// Counts what happened of late. Each server counts for itself.
pub(super) struct Counters {
    accounts: DefaultKeyedRateLimiter<AccountId>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
}

impl Counters {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            accounts: RateLimiter::keyed(Quota::per_minute(limits.account_per_minute)),
            addresses: RateLimiter::keyed(Quota::per_minute(limits.address_per_minute)),
        }
    }

    /// Counts a sign-in of an account, whether there is one or not.
    pub(super) fn account(&self, account: AccountId) -> Answer<()> {
        self.accounts.check_key(&account).map_err(|until| too_many(&until))
    }

    /// Counts a request from an address. Of IPv6, the network of 64 bits counts as one.
    pub(super) fn address(&self, address: IpAddr) -> Answer<()> {
        let network = match address {
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => IpAddr::V4(address),
                None => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
            },
            address => address,
        };
        self.addresses.check_key(&network).map_err(|until| too_many(&until))
    }

    /// Forgets who was quiet for long.
    pub(super) fn forget_quiet(&self) {
        self.accounts.retain_recent();
        self.addresses.retain_recent();
    }
}

fn too_many(until: &governor::NotUntil<<DefaultClock as Clock>::Instant>) -> Failure {
    Failure::too_many(until.wait_time_from(DefaultClock::default().now()).as_secs() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_and_an_address_are_counted_each_for_itself() {
        let counters = Counters::new(&Limits::default());
        let (one, other) = (AccountId::random().unwrap(), AccountId::random().unwrap());
        assert!((0..10).all(|_| counters.account(one).is_ok()));
        assert!(counters.account(one).is_err(), "the eleventh in a minute");
        assert!(counters.account(other).is_ok());
        let address = |text: &str| text.parse().unwrap();
        assert!((0..60).all(|n| counters.address(address(&format!("2001:db8::{n}"))).is_ok()));
        assert!(counters.address(address("2001:db8::ffff")).is_err(), "one network");
        assert!(counters.address(address("2001:db8:0:1::1")).is_ok(), "another");
    }
}
