//! A folder on a disk or a removable drive.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use keystow_os::files;

use super::Place;

/// A folder that holds a copy. The folder itself is made, owner-only, by the first write.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Names a folder; nothing is touched.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn at(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.path.clone() } else { self.path.join(name) }
    }
}

impl Place for Folder {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.at(dir)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let mut name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                name.push('/');
            }
            names.push(name);
        }
        Ok(names)
    }

    fn read(&self, file: &str, limit: u64) -> io::Result<Vec<u8>> {
        files::read(&self.at(file), limit)
    }

    fn read_fresh(&self, file: &str, limit: u64) -> io::Result<Vec<u8>> {
        files::read_fresh(&self.at(file), limit)
    }

    fn write_new(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.at(file);
        match files::write_new(&path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::create_dir(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
                files::write_new(&path, bytes)
            }
            done => done,
        }
    }

    fn mend(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.at(file);
        files::create_dir(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        files::replace(&path, bytes)
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        files::remove(&self.at(file))
    }

    fn sweep(&self, dir: &str) -> io::Result<()> {
        match files::sweep(&self.at(dir)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
