//! A machine of an organization: it enrolls once, appends reports to its own series, and puts back what the server lost
//! of them.

use super::Client;
use super::http::ClientError;
use crate::organization::{Enrollment, MachineState};
use crate::wire::organization::{Enroll, Kept, Missing};
use crate::wire::{Empty, Head, Record, Refusal};

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The report, as the machine keeps it: it is sealed.
    pub record: Record,
    /// The numbers of older reports that the server had lost or altered, and has again.
    pub put_back: Vec<u64>,
    /// The numbers of those that it has lost or altered, and does not take again: another one stands in their place.
    pub lost: Vec<u64>,
}

impl Client {
    /// Enrolls this machine with a token. What comes back is what the machine has to keep.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotSignedIn`] when the token is over, was withdrawn, or all its uses are used; [`ClientError`].
    pub fn enroll(enrollment: &Enrollment) -> Result<MachineState, ClientError> {
        let client = Self::signed_in(&enrollment.address, &enrollment.token())?;
        let made = client.opened(enrollment.machine(), "the token holds no good public key");
        let (state, card) = made?;
        let token = state.token_hash().ok_or_else(|| client.lie("its token is none"))?;
        let enroll = Enroll { series: state.series, token, card };
        client.post(&format!("/v1/organizations/{}/enroll", enrollment.organization), &enroll).map(|Empty {}| state)
    }

    /// Puts back what the server lost of the reports in `kept`, then appends a report, and notes in the state that it
    /// is there.
    ///
    /// Where the server has more reports of this machine than the state knows, as after the PC was set back to an
    /// earlier day or switched off in the middle, it goes on after the last one.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when the server has fewer reports than it confirmed, and the first of those that it lost is
    /// not in `kept`; [`Refusal::NotSignedIn`] when the machine was removed; [`ClientError`].
    pub fn report(state: &mut MachineState, kept: &[Record], plain: &[u8]) -> Result<Reported, ClientError> {
        let client = Self::signed_in(&state.address, &state.token)?;
        let path = format!("/v1/organizations/{}/reports", state.organization);
        let (put_back, lost) = client.put_back(&path, state, kept)?;
        for _ in 0..2 {
            let record = client.opened(state.report(plain), "the state of this machine is damaged")?;
            match client.post::<_, Head>(&path, &record) {
                Ok(head) if head == record.head() => {
                    state.last = Some((head.index, head.hash));
                    return Ok(Reported { record, put_back, lost });
                }
                Ok(_) => return Err(client.lie("it took another report than was sent")),
                Err(ClientError::Refused { refusal: Refusal::Conflict, head, .. }) => {
                    let known = state.last.map_or(0, |(index, _)| index);
                    match head.filter(|head| head.series == state.series && head.index > known) {
                        Some(head) => state.last = Some((head.index, head.hash)),
                        None => return Err(client.lie("it has lost reports of this machine that it had confirmed")),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(client.lie("it takes no report after the one that it calls the last"))
    }

    /// Puts back what the server lost or altered: the numbers of those that it has again, and of those that it refuses.
    fn put_back(&self, path: &str, state: &MachineState, kept: &[Record]) -> Result<(Vec<u64>, Vec<u64>), ClientError> {
        let mut kept: Vec<_> =
            kept.iter().filter(|record| record.series == state.series && record.is_whole()).collect();
        kept.sort_unstable_by_key(|record| record.index);
        let (mut put_back, mut lost) = (Vec::new(), Vec::new());
        if kept.is_empty() {
            return Ok((put_back, lost));
        }
        let heads = kept.iter().map(|record| record.head()).collect();
        let Missing { indexes } = self.post(&format!("{path}/missing"), &Kept { heads })?;
        kept.retain(|record| indexes.contains(&record.index));
        // What is there proves what was before it: the last one is mended first.
        let mut gone = Vec::new();
        for record in kept.into_iter().rev() {
            let mended = self.put(&format!("{path}/mend"), record).map(|Empty {}| ());
            if taken(mended)? { put_back.push(record.index) } else { gone.push(record) }
        }
        for record in gone.into_iter().rev() {
            let appended = self.post(path, record).map(|_: Head| ());
            if taken(appended)? { put_back.push(record.index) } else { lost.push(record.index) }
        }
        put_back.sort_unstable();
        Ok((put_back, lost))
    }
}

/// Whether it was taken, or refused because something else is there.
fn taken(answer: Result<(), ClientError>) -> Result<bool, ClientError> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.refusal() == Some(Refusal::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}
