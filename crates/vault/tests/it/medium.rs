//! A place in memory that can be looked into, damaged, and killed after a number of writes; and what tests share.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use keystow_core::ProductKey;
use keystow_vault::{About, Change, Evidence, Item, Opened, Origin, Phrase, Place, Vault};

pub(crate) const WORDS: &str = "abacus zoom yo-yo t-shirt abdomen unzip";
pub(crate) const OTHER_WORDS: &str = "unzip abdomen zoom abacus yo-yo t-shirt";
/// Published product keys.
pub(crate) const KEYS: [&str; 5] = [
    "W269N-WFGWX-YVC9B-4J6C9-T83GX",
    "VK7JG-NPHTM-C97JM-9MPGT-3V66T",
    "NPPR9-FWDCX-D2C8J-H872K-2YT43",
    "XQNVK-8JYDB-WJ9W3-YJ8YR-WFG99",
    "FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4",
];

/// A place in memory. Clones are the same place.
#[derive(Clone)]
pub(crate) struct Medium {
    name: String,
    pub(crate) files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// How many more writes succeed before everything fails. Shared with other places where a whole run is killed.
    budget: Arc<AtomicI64>,
}

impl Medium {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), files: Arc::default(), budget: Arc::new(AtomicI64::new(i64::MAX)) }
    }

    /// The same bytes in a place of the same name, dying after `budget` writes together with its siblings.
    pub(crate) fn dying(&self, budget: &Arc<AtomicI64>) -> Self {
        Self { name: self.name.clone(), files: self.files.clone(), budget: budget.clone() }
    }

    /// Independent bytes, equal for now.
    pub(crate) fn fork(&self) -> Self {
        let files = Arc::new(Mutex::new(self.files.lock().unwrap().clone()));
        Self { files, ..Self::new(&self.name) }
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.files.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn get(&self, file: &str) -> Vec<u8> {
        self.files.lock().unwrap()[file].clone()
    }

    pub(crate) fn set(&self, file: &str, bytes: &[u8]) {
        self.files.lock().unwrap().insert(file.to_owned(), bytes.to_vec());
    }

    pub(crate) fn take(&self, file: &str) -> Vec<u8> {
        self.files.lock().unwrap().remove(file).unwrap()
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        *self.files.lock().unwrap() == *other.files.lock().unwrap()
    }

    fn alive(&self) -> io::Result<()> {
        if self.budget.load(Ordering::SeqCst) > 0 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn spend(&self) -> io::Result<()> {
        if self.budget.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

impl Place for Medium {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.alive()?;
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let files = self.files.lock().unwrap();
        let inside = files.keys().filter_map(|path| path.strip_prefix(&prefix));
        let mut names: Vec<String> = inside
            .map(|rest| rest.split_once('/').map_or_else(|| rest.to_owned(), |(dir, _)| format!("{dir}/")))
            .collect();
        names.dedup();
        Ok(names)
    }

    fn read(&self, file: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.alive()?;
        let bytes = self.files.lock().unwrap().get(file).cloned().ok_or(io::ErrorKind::NotFound)?;
        if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    fn write_new(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.spend()?;
        let mut files = self.files.lock().unwrap();
        if files.contains_key(file) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        files.insert(file.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn mend(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.spend()?;
        self.set(file, bytes);
        Ok(())
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.spend()?;
        self.files.lock().unwrap().remove(file).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sweep(&self, dir: &str) -> io::Result<()> {
        self.alive()?;
        let prefix = if dir.is_empty() { ".keystow-tmp-".to_owned() } else { format!("{dir}/.keystow-tmp-") };
        self.files.lock().unwrap().retain(|path, _| !path.starts_with(&prefix));
        Ok(())
    }
}

/// A fresh local directory, removed with the value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("keystow-vault-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Copies one directory of it over another.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        let _ = std::fs::remove_dir_all(self.join(to));
        std::fs::create_dir_all(self.join(to)).unwrap();
        for entry in std::fs::read_dir(self.join(from)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), self.join(to).join(entry.file_name())).unwrap();
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
}

pub(crate) fn phrase() -> Phrase {
    Phrase::parse_words(WORDS).unwrap()
}

pub(crate) fn item(n: usize) -> Item {
    let key = ProductKey::parse(KEYS[n]).unwrap();
    let evidence = Evidence {
        path: "Microsoft\\Windows NT\\CurrentVersion".to_owned(),
        value: "DigitalProductId".to_owned(),
        kind: "REG_BINARY".to_owned(),
        data: key.pack().repeat(10),
    };
    let origin = Origin {
        source: "this PC".to_owned(),
        path: evidence.path.clone(),
        value: Some("DigitalProductId".to_owned()),
    };
    let about = About { product: format!("Product {n}"), origin, found: Some(at(0)), ..About::default() };
    Item { product_key: Some(key), about, evidence: vec![evidence] }
}

pub(crate) fn put(numbers: &[usize]) -> Vec<Change> {
    numbers.iter().map(|n| Change::Put(item(*n))).collect()
}

pub(crate) fn boxed(media: &[Medium]) -> Vec<Box<dyn Place>> {
    media.iter().map(|medium| Box::new(medium.clone()) as Box<dyn Place>).collect()
}

/// A vault in these places with the state of this device in `state`.
pub(crate) fn create(media: &[Medium], state: &Path) -> Vault {
    let (vault, failed) = Vault::create(boxed(media), state, &phrase(), at(0)).unwrap();
    assert!(failed.is_empty(), "{failed:?}");
    vault
}

pub(crate) fn open(media: &[Medium]) -> Vault {
    Vault::open(boxed(media), None).unwrap()
}

/// Appends to the places as a run of its own.
pub(crate) fn backup(media: &[Medium], state: &Path, numbers: &[usize], day: i64) {
    let mut vault = open(media);
    let receipt = vault.writer(state).unwrap().append(put(numbers), at(day)).unwrap();
    assert!(receipt.places.iter().all(|place| place.result.is_ok()), "{receipt:?}");
}

/// The last groups of the product keys that a vault gives back, sorted; retired ones end with a star.
pub(crate) fn keys_in(vault: &Vault, opened: &Opened) -> Vec<String> {
    let listing = vault.items(opened, None);
    assert!(listing.unread.is_empty(), "{:?}", listing.unread);
    let mut keys: Vec<String> = listing
        .items
        .iter()
        .map(|stored| {
            format!(
                "{}{}",
                stored.item.product_key.as_ref().unwrap().partial(),
                if stored.retired.is_some() { "*" } else { "" }
            )
        })
        .collect();
    keys.sort();
    keys
}

pub(crate) fn partials(numbers: &[usize]) -> Vec<String> {
    let mut keys: Vec<String> = numbers.iter().map(|n| KEYS[*n][24..].to_owned()).collect();
    keys.sort();
    keys
}
