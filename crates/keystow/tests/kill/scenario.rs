//! The commands that write, each with the home it starts from and what must be listed before and after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use keystow_core::ProductKey;
use keystow_vault::{About, Change, Folder, Item, Opened, Phrase, Place, Vault};

use crate::home::{Home, said, vault_in};
use crate::strace::{self, Site};

const LAPTOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/old-laptop");
/// The last groups of what lies on that laptop; one Office has none.
const ON_LAPTOP: [&str; 5] = ["8HVX7", "FC2HD", "XM76F", "8R6BM", "-"];
/// Published product keys: Windows Server 2022 Standard and Datacenter, KMS clients.
const TYPED: [&str; 2] = ["VDYBN-27WPP-V4HQT-9VMD4-VMK7H", "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"];
const NEW_WORDS: &str = "unzip abdomen zoom abacus yo-yo t-shirt";
const KILLED: i32 = 9;

/// Opened vaults, by the text of the phrase file and the sealed identities.
type Seen = BTreeMap<(String, BTreeSet<Vec<u8>>), Opened>;

static FORKS: AtomicUsize = AtomicUsize::new(0);

/// A command, where it starts from, and what must hold.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    base: Home,
    args: Vec<&'static str>,
    /// How the phrase may be given after an interruption; the last is the one that works in the end.
    opens: Vec<Vec<&'static str>>,
    before: BTreeSet<String>,
    after: BTreeSet<String>,
    /// Whether each copy by itself is whole before the command runs again.
    whole: bool,
    /// What was opened already: each opening costs a fifth of a second.
    opened: Mutex<Seen>,
}

/// The commands whose writes differ; `add`, `import` and `forget` append a record as a later backup does.
pub(crate) fn all() -> Vec<Scenario> {
    let backed_up = Home::new("backed-up");
    backed_up.write("new.txt", TYPED[0]);
    fs::create_dir(backed_up.path("stick")).unwrap();
    backed_up.must(&["backup", LAPTOP], "the first backup");
    let from = |name, args: &[&'static str], after: &[&str]| Scenario {
        name,
        base: backed_up.fork(name),
        args: args.to_vec(),
        opens: vec![vec![]],
        before: set(&ON_LAPTOP),
        after: set(after),
        whole: true,
        opened: Mutex::default(),
    };
    let more = |last: &'static str| [&ON_LAPTOP[..], &[last]].concat();
    vec![
        first_backup(),
        from("later-backup", &["backup", LAPTOP, "new.txt"], &more("VMK7H")),
        from("rekey", &["vault", "rekey"], &ON_LAPTOP),
        from("place-add", &["vault", "place", "add", "stick"], &ON_LAPTOP),
        damaged(from("repair", &["verify", "--repair"], &ON_LAPTOP)),
        prune(),
    ]
}

impl Scenario {
    /// All calls of an undisturbed run that write.
    pub(crate) fn sites(&self) -> Vec<Site> {
        let home = self.fork();
        let (sites, output) = strace::sites(&home, &self.with_phrase(0));
        assert!(output.status.success(), "{}: {}", self.name, said(&output));
        self.is_done(&home, self.name);
        home.must(&[&["verify", "--open"], self.opens.last().unwrap().as_slice()].concat(), self.name);
        sites
    }

    /// Interrupts the command at one call, by a kill or an error, and looks at what is there and how it goes on.
    pub(crate) fn survives(&self, site: &Site, errno: Option<&str>) {
        let at = format!("{}: {} {}({}", self.name, errno.unwrap_or("kill"), site.call, site.line);
        let home = self.fork();
        let output = match errno {
            None => strace::kill(&home, site, &self.with_phrase(0)),
            Some(errno) => strace::fail(&home, site, errno, &self.with_phrase(0)),
        };
        match errno {
            None => assert_eq!(output.status.signal(), Some(KILLED), "{at}: {}", said(&output)),
            Some(_) => self.tells(&home, &output, &at),
        }
        let with = self.is_safe(&home, &at);
        if errno.is_none() && !self.copies(&home).is_empty() {
            let listed = home.list(&self.opens[with]).unwrap_or_else(|said| panic!("{at}: {said}"));
            assert!(listed == self.before || listed == self.after, "{at}: {listed:?} is neither before nor after");
        }
        home.must(&self.with_phrase(with), &format!("{at}, again"));
        self.is_done(&home, &at);
    }

    /// The program says what failed. It ends with 0 only where it made good itself what failed at first.
    fn tells(&self, home: &Home, output: &Output, at: &str) {
        if output.status.success() {
            return self.is_done(home, at);
        }
        let text = said(output);
        let told = ["error:", "problem:", "NOT WRITTEN: ", "NOT PROVEN: "].iter().any(|word| text.contains(word));
        assert!(told, "{at}: {text}");
    }

    /// What was acknowledged before opens, whatever happened since, and every copy has it. Gives how the phrase was
    /// given.
    fn is_safe(&self, home: &Home, at: &str) -> usize {
        let copies = self.copies(home);
        assert!(self.before.is_empty() || copies.len() > 1, "{at}: {copies:?} are left");
        let mut last = 0;
        for copy in copies.iter().filter(|_| self.whole) {
            let found = (0..self.opens.len()).find_map(|with| Some((with, self.items_of(home, copy, with)?)));
            let (with, there) = found.unwrap_or_else(|| panic!("{at}: no phrase opens {}", copy.display()));
            assert!(there == self.before || there == self.after, "{at}: {}: {there:?}", copy.display());
            last = with;
        }
        last
    }

    /// The command came to its end: every copy is proven, has what it should have, and nothing is left over.
    fn is_done(&self, home: &Home, at: &str) {
        let (with, places) = (self.opens.len() - 1, home.places());
        assert!(places.len() > 1, "{at}: {places:?}");
        for place in &places {
            assert_eq!(self.items_of(home, place, with).as_ref(), Some(&self.after), "{at}: {}", place.display());
            let sealed = |name: &String| name.starts_with("identity");
            let names = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            assert_eq!(names.filter(sealed).count(), 1, "{at}: {} opens with one phrase", place.display());
        }
        self.with_opened(home, &places[0], with, |opened| {
            let report = vault_in(&places).unwrap().verify(None, Some(opened));
            assert!(report.is_good(), "{at}: {:?}", report.findings);
        });
        assert_eq!(home.temporary(), Vec::<PathBuf>::new(), "{at}: left over");
    }

    /// The places that hold a copy.
    fn copies(&self, home: &Home) -> Vec<PathBuf> {
        home.places().into_iter().filter(|place| place.join("vault.json").is_file() || !self.whole).collect()
    }

    /// What one copy alone gives back; `None` when the phrase does not open it.
    fn items_of(&self, home: &Home, place: &Path, with: usize) -> Option<BTreeSet<String>> {
        self.with_opened(home, place, with, |opened| Home::items_of(place, opened))
    }

    /// Opens one copy. This is slow on purpose, so a sealed identity that was opened once is not opened again.
    fn with_opened<T>(&self, home: &Home, place: &Path, with: usize, use_it: impl Fn(&Opened) -> T) -> Option<T> {
        let left = || home.data().join("RECOVERY-PHRASE.txt");
        let text = fs::read_to_string(self.opens[with].last().map_or_else(left, |file| home.path(file))).unwrap();
        let names = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
        let sealed = names.filter(|path| path.extension().is_some_and(|end| end == "age"));
        let known = (text, sealed.map(|path| fs::read(path).unwrap()).collect());
        if let Some(opened) = self.opened.lock().unwrap().get(&known) {
            return Some(use_it(opened));
        }
        let vault = vault_in(&[place.to_owned()]).unwrap();
        let opened = known.0.lines().find_map(|line| vault.unlock(&Phrase::typed(line)).ok())?;
        let result = use_it(&opened);
        self.opened.lock().unwrap().insert(known, opened);
        Some(result)
    }

    fn with_phrase(&self, with: usize) -> Vec<&'static str> {
        [&self.args[..], &self.opens[with]].concat()
    }

    fn fork(&self) -> Home {
        self.base.fork(&format!("{}-{}", self.name, FORKS.fetch_add(1, Ordering::Relaxed)))
    }
}

fn first_backup() -> Scenario {
    Scenario {
        name: "first-backup",
        base: Home::new("nothing"),
        args: vec!["backup", LAPTOP],
        opens: vec![vec![]],
        before: BTreeSet::new(),
        after: set(&ON_LAPTOP),
        whole: true,
        opened: Mutex::default(),
    }
}

/// Damages each kind of file, so that each has a good one in the other copy.
fn damaged(scenario: Scenario) -> Scenario {
    let [first, second] = [0, 1].map(|at| scenario.base.places()[at].clone());
    let log = second.join("log");
    let log = fs::read_dir(log).unwrap().next().unwrap().unwrap().path();
    let cards = fs::read_dir(first.join("devices")).unwrap();
    for card in cards {
        fs::write(card.unwrap().path(), "{}").unwrap();
    }
    fs::write(first.join(".keystow-tmp-1-1"), "cut").unwrap();
    fs::write(second.join("vault.json"), "rot").unwrap();
    fs::remove_file(second.join("identity.age")).unwrap();
    fs::remove_file(log.join("1.json")).unwrap();
    let body = fs::read(log.join("1.age")).unwrap();
    fs::write(log.join("1.age"), body.split_at(body.len() / 2).0).unwrap();
    Scenario { whole: false, ..scenario }
}

/// A vault of long ago: two product keys were put at once, and one of them was retired more than 90 days ago.
fn prune() -> Scenario {
    let base = Home::new("long-ago");
    let ago = |days: i64| Timestamp::now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap();
    let places = [base.data().join("vault"), base.data().join("vault-second-copy")];
    let boxed = places.iter().map(|place| Box::new(Folder::new(place)) as Box<dyn Place>).collect();
    let phrase = Phrase::parse_words(NEW_WORDS).unwrap();
    let state = base.data().join("device");
    let (mut vault, failed) = Vault::create(boxed, &state, &phrase, ago(200)).unwrap();
    assert!(failed.is_empty());
    let mut writer = vault.writer(&state).unwrap();
    let put = TYPED.iter().map(|text| Change::Put(item(text)));
    let items = writer.append(put.collect(), ago(199)).unwrap().items;
    writer.append(vec![Change::Retire(items[0].clone())], ago(100)).unwrap();
    fs::write(base.data().join("RECOVERY-PHRASE.txt"), NEW_WORDS).unwrap();
    fs::write(base.data().join("places.json"), serde_json::json!({"places": places}).to_string()).unwrap();
    Scenario {
        name: "prune",
        base,
        args: vec!["vault", "prune"],
        opens: vec![vec![]],
        before: set(&["VMK7H*", "6VM33"]),
        after: set(&["6VM33"]),
        whole: true,
        opened: Mutex::default(),
    }
}

fn item(text: &str) -> Item {
    let key = ProductKey::parse(text).unwrap();
    let about = About { partial_key: Some(key.partial().to_string()), ..About::default() };
    Item { product_key: Some(key), about, evidence: Vec::new() }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
