//! A small cache of pages between a reader of structures and the medium that holds them.
//!
//! A reader of structures asks for many small pieces that lie close together. The cache turns them into one read
//! call for each page, whatever the medium: a file, a device, an image, a remote object.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;

use super::ReadAt;

/// The size of a page, in bytes.
const PAGE: u64 = 4096;
/// How many pages are kept: 1 MiB.
const KEPT: usize = 256;

/// Keeps the last 256 pages of 4096 bytes that were read from `R`. Not for use by several threads at once.
pub struct PageCache<R> {
    below: R,
    kept: RefCell<Kept>,
    reads: Cell<u64>,
}

/// The pages in a ring, and where each number stands in it.
#[derive(Default)]
struct Kept {
    ring: Vec<(u64, Vec<u8>)>,
    places: HashMap<u64, usize>,
    /// The place of the oldest page, once the ring is full.
    oldest: usize,
    /// The place that was asked for last: a reader asks for the same page many times over.
    last: usize,
}

impl<R: ReadAt> PageCache<R> {
    /// Puts an empty cache above `below`.
    pub fn new(below: R) -> Self {
        Self { below, kept: RefCell::default(), reads: Cell::new(0) }
    }

    /// How many pages were read from below. A page that was dropped and came back counts again, so this is the number
    /// of distinct pages as long as it is at most 256.
    pub fn pages_read(&self) -> u64 {
        self.reads.get()
    }

    /// Copies what lies at `start` of a page, reading the page if it is not at hand.
    fn copy(&self, number: u64, start: usize, part: &mut [u8]) -> io::Result<()> {
        let mut kept = self.kept.borrow_mut();
        if kept.find(number).is_none() {
            let page = self.load(number, kept.make_room())?;
            kept.put(number, page);
        }
        let page = kept.find(number).and_then(|page| page.get(start..start.checked_add(part.len())?));
        part.copy_from_slice(page.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// Reads one page into `room`; the last one may be short.
    fn load(&self, number: u64, mut room: Vec<u8>) -> io::Result<Vec<u8>> {
        let offset = number * PAGE;
        let len = self.below.len().saturating_sub(offset).min(PAGE);
        room.resize(len as usize, 0);
        self.reads.set(self.reads.get() + 1);
        self.below.read_at(offset, &mut room)?;
        Ok(room)
    }
}

impl<R: ReadAt> ReadAt for PageCache<R> {
    fn len(&self) -> u64 {
        self.below.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        if end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let start = (at % PAGE) as usize;
            let (part, after) = rest.split_at_mut(rest.len().min(PAGE as usize - start));
            self.copy(at / PAGE, start, part)?;
            at += part.len() as u64;
            rest = after;
        }
        Ok(())
    }
}

impl Kept {
    fn find(&mut self, number: u64) -> Option<&[u8]> {
        if self.ring.get(self.last).is_none_or(|(kept, _)| *kept != number) {
            self.last = *self.places.get(&number)?;
        }
        self.ring.get(self.last).map(|(_, page)| page.as_slice())
    }

    /// Memory for one more page: that of the oldest when all places are taken. The place stays empty until
    /// [`put`](Self::put), so that a page that cannot be read leaves none behind.
    fn make_room(&mut self) -> Vec<u8> {
        let full = self.ring.len() == KEPT;
        let Some((number, page)) = self.ring.get_mut(self.oldest).filter(|_| full) else { return Vec::new() };
        self.places.remove(&std::mem::replace(number, u64::MAX));
        std::mem::take(page)
    }

    fn put(&mut self, number: u64, page: Vec<u8>) {
        let place = if self.ring.len() < KEPT { self.ring.len() } else { self.oldest };
        if let Some(slot) = self.ring.get_mut(place) {
            *slot = (number, page);
            self.oldest = (place + 1) % KEPT;
        } else {
            self.ring.push((number, page));
        }
        self.places.insert(number, place);
        self.last = place;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Counts the read calls and fails on one page.
    struct Medium {
        bytes: Vec<u8>,
        calls: Cell<u64>,
        bad_page: Option<u64>,
    }

    impl Medium {
        fn new(len: usize) -> Self {
            Self { bytes: (0..len).map(|i| (i / 7) as u8).collect(), calls: Cell::new(0), bad_page: None }
        }
    }

    impl ReadAt for Medium {
        fn len(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
            self.calls.set(self.calls.get() + 1);
            if self.bad_page == Some(offset / PAGE) {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.bytes.read_at(offset, buf)
        }
    }

    #[test]
    fn a_page_is_read_once_and_by_one_call() {
        let cache = PageCache::new(Medium::new(20_000));
        for offset in (0..16_000).step_by(100) {
            let mut buf = [0; 40];
            cache.read_at(offset, &mut buf).unwrap();
            assert_eq!(buf[..], cache.below.bytes[offset as usize..][..40]);
        }
        assert_eq!((cache.pages_read(), cache.below.calls.get()), (4, 4));
    }

    #[test]
    fn memory_stays_at_256_pages() {
        let cache = PageCache::new(Medium::new(300 * PAGE as usize));
        let mut all = vec![0; 300 * PAGE as usize];
        cache.read_at(0, &mut all).unwrap();
        assert!(all == cache.below.bytes);
        assert_eq!(cache.kept.borrow().ring.len(), KEPT);
        assert_eq!(cache.pages_read(), 300);
        cache.read_at(0, &mut [0; 1]).unwrap();
        assert_eq!((cache.pages_read(), cache.kept.borrow().ring.len()), (301, KEPT));
    }

    #[test]
    fn a_bad_page_says_what_the_medium_says_and_the_others_still_read() {
        let mut medium = Medium::new(20_000);
        medium.bad_page = Some(1);
        let cache = PageCache::new(medium);
        let error = cache.read_at(4000, &mut [0; 200]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(cache.read_at(8192, &mut [0; 200]).is_ok());
    }

    proptest! {
        #[test]
        fn reads_are_what_the_medium_holds(len in 0_usize..10_000, offset in 0_u64..11_000, size in 0_usize..9000) {
            let medium = Medium::new(len);
            let (mut direct, mut cached) = (vec![0; size], vec![0; size]);
            let below = medium.bytes.read_at(offset, &mut direct).is_ok();
            let above = PageCache::new(medium).read_at(offset, &mut cached).is_ok();
            prop_assert_eq!(above, below);
            prop_assert!(!below || direct == cached);
        }
    }
}
