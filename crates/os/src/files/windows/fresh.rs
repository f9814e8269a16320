//! Reading past the memory of the system, so that what comes is what the medium holds.
//!
//! Source: Microsoft, "File Buffering" (FILE_FLAG_NO_BUFFERING): offsets, lengths and the memory itself are multiples
//! of the sector.

use std::fs::File;
use std::io::{self, Read};

/// A multiple of every sector: they have 512 to 4096 bytes, and on some drives in use 64 KiB at most.
const BLOCK: usize = 64 * 1024;

/// A file that is read in whole blocks.
pub(crate) struct Blocks {
    file: File,
    block: Box<Block>,
    /// What of the block is not given yet.
    ready: std::ops::Range<usize>,
    is_last: bool,
}

#[repr(C, align(4096))]
struct Block([u8; BLOCK]);

impl Blocks {
    pub(super) fn new(file: File) -> Self {
        Self { file, block: Box::new(Block([0; BLOCK])), ready: 0..0, is_last: false }
    }
}

impl Read for Blocks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ready.is_empty() && !self.is_last {
            let read = self.file.read(&mut self.block.0)?;
            // After a block that is not full, the place in the file is no multiple of a sector any more.
            self.is_last = read < BLOCK;
            self.ready = 0..read;
        }
        let given = self.block.0.get(self.ready.clone()).unwrap_or_default().read(buf)?;
        self.ready.start += given;
        Ok(given)
    }
}
