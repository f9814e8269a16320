//! Where copies lie. A place holds files under slash-separated relative names, and nothing more is asked of it: no
//! conditional writes, no order, no clock.

mod folder;

use std::io;

pub use folder::Folder;

/// A place that holds one copy of a vault.
///
/// Names are relative and slash-separated, such as `log/abc/1.json`; they never contain `..`. Implementations may
/// fail at any call; they must not show a half-written file under its name.
pub trait Place: Send + Sync {
    /// What people call the place: its path or address.
    fn name(&self) -> String;

    /// The names directly inside a directory (`""` is the top), directories with a slash at the end. A directory
    /// that is not there is empty.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Reads a whole file from the medium, not from memory where that can be told apart.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`]; [`io::ErrorKind::FileTooLarge`] when it has more than `limit` bytes; what the
    /// medium says otherwise.
    fn read_fresh(&self, file: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.read(file, limit)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// As [`read_fresh`](Self::read_fresh).
    fn read(&self, file: &str, limit: u64) -> io::Result<Vec<u8>>;

    /// Writes a new file durably, with the directories it needs.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] when the name is taken; what the medium says otherwise.
    fn write_new(&self, file: &str, bytes: &[u8]) -> io::Result<()>;

    /// Puts good bytes in place of a damaged file, durably: a reader sees the old bytes or the new ones.
    ///
    /// # Errors
    ///
    /// What the medium says; the damaged file is then untouched.
    fn mend(&self, file: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes a file, durably.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn remove(&self, file: &str) -> io::Result<()>;

    /// Removes what interrupted writes left in a directory. Called under the lock of the vault only.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn sweep(&self, dir: &str) -> io::Result<()>;
}
