//! What a visitor wants, the same of every server.

use std::io;

/// How many records one fetch asks for.
pub const FETCHED: u64 = 10;
/// Of 100 visits of the mix, so many are status, fetch and append; the rest sign in.
const STATUS: usize = 35;
const FETCH: usize = 35;
const APPEND: usize = 25;

/// One visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// One record is added at the end of one's own series.
    Append,
    /// Ten records are read.
    Fetch,
    /// 35 % status, 35 % fetch, 25 % append, 5 % sign-in, in random order.
    Mixed,
    /// A whole sign-in.
    SignIn,
    /// The heads of all series are read.
    Status,
}

impl Visit {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 5] = [Self::SignIn, Self::Append, Self::Status, Self::Fetch, Self::Mixed];

    /// Its name in the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Fetch => "fetch",
            Self::Mixed => "mixed",
            Self::SignIn => "sign-in",
            Self::Status => "status",
        }
    }
}

/// Chooses the next visit of one visitor, by a small random number generator of its own (xorshift).
#[derive(Debug)]
pub struct Mix {
    want: Visit,
    state: u64,
}

impl Mix {
    /// Starts with a random state.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub fn new(want: Visit) -> io::Result<Self> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        Ok(Self { want, state: u64::from_le_bytes(seed) | 1 })
    }

    /// Wants `visit` from now on.
    pub fn only(&mut self, visit: Visit) {
        self.want = visit;
    }

    /// A number below `end`; 0 when there is none.
    pub fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 1).unwrap_or_default().checked_rem(end).unwrap_or_default()
    }

    /// The next visit; never [`Visit::Mixed`].
    pub fn draw(&mut self) -> Visit {
        if self.want != Visit::Mixed {
            return self.want;
        }
        match self.below(100) {
            drawn if drawn < STATUS => Visit::Status,
            drawn if drawn < STATUS + FETCH => Visit::Fetch,
            drawn if drawn < STATUS + FETCH + APPEND => Visit::Append,
            _ => Visit::SignIn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_has_every_visit_in_its_share() {
        let mut mix = Mix::new(Visit::Mixed).unwrap();
        let drawn: Vec<Visit> = (0..100_000).map(|_| mix.draw()).collect();
        for (visit, share) in [(Visit::Status, 35), (Visit::Fetch, 35), (Visit::Append, 25), (Visit::SignIn, 5)] {
            let times = drawn.iter().filter(|other| **other == visit).count() / 1000;
            assert!(times.abs_diff(share) <= 2, "{} was drawn {times} times of 100", visit.name());
        }
    }
}
