//! A person's home folder with Keystow's data in it, and what must be true of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use keystow_vault::{Folder, Opened, Place, Vault, VaultError};
use serde_json::Value;

/// Where temporary files of interrupted writes are recognized by.
const TEMPORARY: &str = ".keystow-tmp-";
const DATA: &str = ".local/share/keystow";

/// A home folder, removed with the value.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new(name: &str) -> Self {
        let home = Self(std::env::temp_dir().join(format!("keystow-kill-{}-{name}", std::process::id())));
        let _ = fs::remove_dir_all(&home.0);
        fs::create_dir_all(&home.0).unwrap();
        home
    }

    /// The same home at another path.
    pub(crate) fn fork(&self, name: &str) -> Self {
        let home = Self::new(name);
        copy(&self.0, &home.0);
        let list = home.data().join("places.json");
        if let Ok(text) = fs::read_to_string(&list) {
            let moved = text.replace(self.0.to_str().unwrap(), home.0.to_str().unwrap());
            fs::write(&list, moved).unwrap();
        }
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join(DATA)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The program, or another that starts it, run in this home.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", &self.0).env_remove("XDG_DATA_HOME").env_remove("LOCALAPPDATA").current_dir(&self.0);
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_keystow")).args(args).arg("--no-input").output().unwrap()
    }

    /// Runs the program and expects it to end well.
    pub(crate) fn must(&self, args: &[&str], at: &str) -> Output {
        let output = self.run(args);
        assert!(output.status.success(), "{at}: {args:?}: {}", said(&output));
        output
    }

    /// The places in the list.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let Ok(text) = fs::read(self.data().join("places.json")) else { return Vec::new() };
        let list: Value = serde_json::from_slice(&text).unwrap();
        list["places"].as_array().unwrap().iter().map(|place| PathBuf::from(place.as_str().unwrap())).collect()
    }

    /// The last groups of what the program lists; retired ones end with a star.
    pub(crate) fn list(&self, phrase: &[&str]) -> Result<BTreeSet<String>, String> {
        let output = self.run(&[&["list", "--json", "--retired"], phrase].concat());
        let list: Value = serde_json::from_slice(&output.stdout).map_err(|_| said(&output))?;
        // A vault that is empty so far is no failure.
        let opened = matches!(output.status.code(), Some(0 | 4));
        let items = list["items"].as_array().filter(|_| opened).ok_or_else(|| said(&output))?;
        Ok(items.iter().map(name).collect())
    }

    /// What one copy alone gives back to who has opened the vault.
    pub(crate) fn items_of(place: &Path, opened: &Opened) -> BTreeSet<String> {
        let vault = vault_in(&[place.to_owned()]).unwrap();
        let listing = vault.items(opened, None);
        assert!(listing.unread.is_empty(), "{}: {:?}", place.display(), listing.unread);
        let star = |retired| if retired { "*" } else { "" };
        let items = listing.items.iter();
        items
            .map(|stored| {
                let partial = stored.item.about.partial_key.clone().unwrap_or_else(|| "-".to_owned());
                format!("{partial}{}", star(stored.retired.is_some()))
            })
            .collect()
    }

    /// Temporary files below the home, wherever they lie.
    pub(crate) fn temporary(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.0, &mut found);
        found
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn vault_in(places: &[PathBuf]) -> Result<Vault, VaultError> {
    Vault::open(places.iter().map(|place| Box::new(Folder::new(place)) as Box<dyn Place>).collect(), None)
}

pub(crate) fn said(output: &Output) -> String {
    format!(
        "exit {:?}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn name(item: &Value) -> String {
    let partial = item["partial_key"].as_str().unwrap_or("-");
    format!("{partial}{}", if item["retired"].is_null() { "" } else { "*" })
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), found);
        } else if entry.file_name().to_str().unwrap().starts_with(TEMPORARY) {
            found.push(entry.path());
        }
    }
}
