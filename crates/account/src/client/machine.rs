//! A machine of an organization: it enrolls once, and then appends reports to its own series.

use super::Client;
use super::http::ClientError;
use crate::organization::{Enrollment, MachineState};
use crate::wire::organization::Enroll;
use crate::wire::{Empty, Head, Refusal};

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

    /// Appends a report, and notes in the state that it is there.
    ///
    /// Where the server has more reports of this machine than the state knows, as after the PC was set back to an
    /// earlier day or switched off in the middle, it goes on after the last one.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when the server has fewer reports than it confirmed; [`Refusal::NotSignedIn`] when the
    /// machine was removed; [`ClientError`].
    pub fn report(state: &mut MachineState, plain: &[u8]) -> Result<Head, ClientError> {
        let client = Self::signed_in(&state.address, &state.token)?;
        let path = format!("/v1/organizations/{}/reports", state.organization);
        for _ in 0..2 {
            let report = client.opened(state.report(plain), "the state of this machine is damaged")?;
            match client.post::<_, Head>(&path, &report) {
                Ok(head) if head == report.head() => {
                    state.last = Some((head.index, head.hash));
                    return Ok(head);
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
}
