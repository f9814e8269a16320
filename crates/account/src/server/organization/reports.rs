//! Reports: a machine appends to its own series, puts back what was lost of it, and reads nothing; owners and auditors
//! read.

use axum::http::Method as Verb;

use super::super::failure::Answer;
use super::super::log::{self, Append, Mend, append_record, within_limits};
use super::super::route::{Asked, Call, Routes, Sent};
use super::OfOrganization;
use super::access::{Machine, Reader};
use super::audit::note_read;
use super::machines::Page;
use crate::id::AccountId;
use crate::store::{Place, StoreError, Tx, Value, Work, columns, number, record, with_last, within};
use crate::wire::organization::{FromSeries, Kept, MOST_KEPT, MOST_REPORT, Missing, Reports};
use crate::wire::{After, Empty, Head, MOST_RECORDS, Record, Records, Refusal};

pub(super) fn routes(routes: &mut Routes) {
    routes.add(Verb::POST, "/v1/organizations/{organization}/reports", "Append a report", append);
    routes.add(
        Verb::POST,
        "/v1/organizations/{organization}/reports/missing",
        "Which of its own reports are not there as a machine keeps them",
        missing,
    );
    routes.add(
        Verb::PUT,
        "/v1/organizations/{organization}/reports/mend",
        "Put the bytes of a report back that were damaged",
        mend,
    );
    routes.add(Verb::GET, "/v1/organizations/{organization}/reports", "Read all reports", read);
    routes.add(Verb::GET, "/v1/organizations/{organization}/reports/last", "The last report of each machine", last);
}

async fn append(call: Call<Machine, OfOrganization, Sent<Record>>) -> Answer<Head> {
    let record = of_machine(&call.who, call.input.0)?;
    let (series_bytes, now) = (call.server.limits.machine_bytes, call.server.now());
    let append = Append { account: call.who.organization, record, series: None, series_bytes, now };
    append_record(&call.server, append).await
}

async fn missing(call: Call<Machine, OfOrganization, Sent<Kept>>) -> Answer<Missing> {
    let Sent(Kept { heads }) = call.input;
    if heads.len() > MOST_KEPT {
        return Err(Refusal::TooLarge.into());
    }
    if heads.iter().any(|head| head.series != call.who.series) {
        return Err(Refusal::NotAllowed.into());
    }
    if heads.iter().any(|head| i64::try_from(head.index).is_err()) {
        return Err(Refusal::BadRequest.into());
    }
    Ok(call.server.store.read(FindMissing { account: call.who.organization, heads }).await?)
}

async fn mend(call: Call<Machine, OfOrganization, Sent<Record>>) -> Answer<Empty> {
    let record = of_machine(&call.who, call.input.0)?;
    let mend = Mend { account: call.who.organization, record, now: call.server.now() };
    if call.server.store.write(mend).await? { Ok(Empty {}) } else { Err(Refusal::Conflict.into()) }
}

/// Refuses what is no report of this machine.
fn of_machine(who: &Machine, record: Record) -> Answer<Record> {
    let record = within_limits(record)?;
    if record.series != who.series {
        return Err(Refusal::NotAllowed.into());
    }
    if record.body.0.len() > MOST_REPORT || !record.header.0.is_empty() {
        return Err(Refusal::TooLarge.into());
    }
    Ok(record)
}

async fn read(call: Call<Reader, OfOrganization, Asked<After>>) -> Answer<Records> {
    let (who, after) = (call.who.0, call.input.0);
    note_read(&call.server, who).await?;
    Ok(call.server.store.read(log::Page::new(who.organization, &after)).await?)
}

async fn last(call: Call<Reader, OfOrganization, Asked<FromSeries>>) -> Answer<Reports> {
    let (who, asked) = (call.who.0, call.input.0);
    note_read(&call.server, who).await?;
    Ok(call.server.store.read(Last(Page::new(who.organization, &asked, MOST_RECORDS))).await?)
}

struct FindMissing {
    account: AccountId,
    heads: Vec<Head>,
}

impl Work for FindMissing {
    type Done = Missing;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Missing, StoreError> {
        let mut indexes = Vec::new();
        for head in &self.heads {
            let place = Place { account: self.account, series: head.series, index: number(head.index)? };
            let there = place.record(tx).await?;
            let whole = |there: Record| !there.body.0.is_empty() && there.is_whole() && there.head() == *head;
            if !there.is_some_and(whole) {
                indexes.push(head.index);
            }
        }
        indexes.sort_unstable();
        Ok(Missing { indexes })
    }
}

struct Last(Page);

impl Work for Last {
    type Done = Reports;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Reports, StoreError> {
        // Lengths first: an answer holds few long bodies or many short ones.
        let lengths = with_last!(
            "SELECT CAST(COALESCE(length(record.body), 0) AS BIGINT) FROM head JOIN",
            "WHERE head.account_id = $1 AND head.series >= $2 ORDER BY head.series LIMIT $3"
        );
        let reports = with_last!(
            concat!("SELECT ", columns!(), " FROM head JOIN"),
            "WHERE head.account_id = $1 AND head.series >= $2 ORDER BY head.series LIMIT $3"
        );
        let (account, from) = (Value::Bytes(self.0.organization.as_bytes()), Value::Bytes(&self.0.from));
        let limit = Value::Int(self.0.limit as i64 + 1);
        let lengths = tx.query(lengths.on(tx.kind()), &[account, from, limit]).await?;
        let take = Value::Int(within(&lengths, self.0.limit)? as i64);
        let rows = tx.query(reports.on(tx.kind()), &[account, from, take]).await?;
        let reports = rows.into_iter().map(record).collect::<Result<Vec<_>, _>>()?;
        Ok(Reports { more: lengths.len() > reports.len(), reports })
    }
}
