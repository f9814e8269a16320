//! Records and small files.

use super::Client;
use super::http::ClientError;
use crate::id::{FileId, SeriesId};
use crate::wire::{Bytes, Empty, File, Files, Head, Heads, NamedFile, Record, Records, Removed};

/// The most records of one person that a server is believed to have: a backup a minute for two years.
const MOST_CLAIMED: u64 = 1 << 20;

impl Client {
    /// The last record of every series, and the records whose bodies were removed for good.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when there are so many that who makes a list of them runs out of memory; [`ClientError`].
    pub fn heads(&self) -> Result<(Vec<Head>, Vec<Removed>), ClientError> {
        let Heads { heads, removed } = self.get("/v1/log/heads")?;
        let count = heads.iter().fold(0, |count: u64, head| count.saturating_add(head.index));
        if count > MOST_CLAIMED || removed.len() as u64 > count {
            return Err(self.lie("it claims more records than anybody has"));
        }
        Ok((heads, removed))
    }

    /// Appends a record. Sent twice, it is taken once.
    ///
    /// # Errors
    ///
    /// [`Refusal::Conflict`](crate::wire::Refusal::Conflict) with the head, when the record does not follow it;
    /// [`ClientError::Lie`] when the server confirms another record than was sent.
    pub fn append(&self, record: &Record) -> Result<Head, ClientError> {
        let head: Head = self.post("/v1/log", record)?;
        if head == record.head() { Ok(head) } else { Err(self.lie("it took another record than was sent")) }
    }

    /// Puts back the bytes of a record that was damaged or lost on the server.
    ///
    /// # Errors
    ///
    /// [`Refusal::Conflict`](crate::wire::Refusal::Conflict) when the server never took this record.
    pub fn mend_record(&self, record: &Record) -> Result<(), ClientError> {
        self.put("/v1/log/mend", record).map(|Empty {}| ())
    }

    /// The records after this one, in the order of series and index, as many as fit; and whether there are more. What is
    /// in them is not checked here, but that they are what was asked for.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when they are not in order; [`ClientError`].
    pub fn records(&self, after: Option<(SeriesId, u64)>, limit: u64) -> Result<(Vec<Record>, bool), ClientError> {
        let mut path = format!("/v1/log?limit={limit}");
        if let Some((series, index)) = after {
            path.push_str(&format!("&series={series}&index={index}"));
        }
        let Records { records, more } = self.get(&path)?;
        let mut last = after;
        for record in &records {
            let this = Some((record.series, record.index));
            if this <= last {
                return Err(self.lie("its records are not in order"));
            }
            last = this;
        }
        if more && records.is_empty() {
            return Err(self.lie("it promises records and gives none"));
        }
        Ok((records, more))
    }

    /// Removes the body of a record for good.
    ///
    /// # Errors
    ///
    /// [`Refusal::SignInAgain`](crate::wire::Refusal::SignInAgain); [`ClientError`].
    pub fn remove_body(&self, series: SeriesId, index: u64) -> Result<(), ClientError> {
        self.delete(&format!("/v1/log/{series}/{index}/body")).map(|Empty {}| ())
    }

    /// All small files.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn files(&self) -> Result<Vec<NamedFile>, ClientError> {
        self.get("/v1/files").map(|files: Files| files.files)
    }

    /// Puts a small file that is not there yet.
    ///
    /// # Errors
    ///
    /// [`Refusal::Conflict`](crate::wire::Refusal::Conflict) when another one is there.
    pub fn put_file(&self, file: FileId, bytes: Bytes) -> Result<(), ClientError> {
        self.put(&format!("/v1/files/{file}"), &File { bytes }).map(|Empty {}| ())
    }

    /// Puts good bytes in place of a small file.
    ///
    /// # Errors
    ///
    /// [`Refusal::SignInAgain`](crate::wire::Refusal::SignInAgain); [`ClientError`].
    pub fn mend_file(&self, file: FileId, bytes: Bytes) -> Result<(), ClientError> {
        self.put(&format!("/v1/files/{file}/mend"), &File { bytes }).map(|Empty {}| ())
    }

    /// Removes a small file.
    ///
    /// # Errors
    ///
    /// [`Refusal::SignInAgain`](crate::wire::Refusal::SignInAgain); [`ClientError`].
    pub fn remove_file(&self, file: FileId) -> Result<(), ClientError> {
        self.delete(&format!("/v1/files/{file}")).map(|Empty {}| ())
    }
}
