//! A person's home folder, and what the program says in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The product keys of `testdata/old-laptop`, all published.
pub(crate) const OLD_LAPTOP_KEYS: [&str; 4] = [
    "YTMG3-N6DKC-DKB77-7M9GH-8HVX7",
    "37GNV-YCQVD-38XP9-T848R-FC2HD",
    "RHPQ2-RMFJH-74XYM-BH4JX-XM76F",
    "V7QKV-4XVVR-XYV4D-F7DFM-8R6BM",
];
/// Windows 10 and 11 Pro, the published KMS client product key.
pub(crate) const PRO_KEY: &str = "W269N-WFGWX-YVC9B-4J6C9-T83GX";

/// A home folder that nobody else uses.
pub(crate) struct Home {
    pub(crate) dir: PathBuf,
}

/// What a run said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program itself.
pub(crate) const KEYSTOW: &str = env!("CARGO_BIN_EXE_keystow");

impl Home {
    /// An empty home folder. The name tells it from those of other tests.
    pub(crate) fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("it").join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self { dir }
    }

    /// A home folder in which the old laptop is backed up already.
    pub(crate) fn backed_up(name: &str) -> Self {
        let home = Self::new(name);
        home.run(&["backup", &old_laptop()]).ended(0);
        home
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(KEYSTOW);
        command.args(args).current_dir(&self.dir).env_clear().env("HOME", &self.dir).env("LANG", "C.UTF-8");
        command.env("RUST_BACKTRACE", "1").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        Said::of(&mut self.command(args))
    }

    /// Runs with this text as standard input.
    pub(crate) fn typed(&self, args: &[&str], input: &str) -> Said {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A run that refuses its arguments does not read what is typed.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Said::from(child.wait_with_output().unwrap())
    }

    pub(crate) fn data(&self, below: &str) -> PathBuf {
        self.dir.join(".local/share/keystow").join(below)
    }

    /// Writes a file into the home folder and gives its path.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        text(&path)
    }

    /// Makes a folder in the home folder and gives its path.
    pub(crate) fn folder(&self, name: &str) -> String {
        let path = self.dir.join(name);
        fs::create_dir_all(&path).unwrap();
        text(&path)
    }

    /// Every file of the home folder with its bytes, but the lock, which stays when a run ends.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files_in(&self.dir)
    }

    /// Runs, and proves that nothing in the home folder changed.
    pub(crate) fn changes_nothing(&self, args: &[&str]) -> Said {
        let before = self.files();
        let said = self.run(args);
        assert_same(&before, &self.files(), args);
        said
    }

    /// Replaces what differs from run to run.
    pub(crate) fn redact(&self, said: &str) -> String {
        said.replace(&old_laptop(), "OLD-LAPTOP").replace(&text(&self.dir), "HOME")
    }
}

impl Said {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// Proves the exit code, and that nothing panicked.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked") && !self.err.contains("RUST_BACKTRACE"), "{}", self.err);
        self
    }

    /// Proves the exit code of a failure, its words and that it says what to do next.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, words: &str) -> Self {
        let said = self.ended(code);
        assert!(said.err.contains(words), "{words:?} is not in:\n{}", said.err);
        assert!(said.err.contains("try: "), "no next step:\n{}", said.err);
        assert!(said.err.contains(&format!("(exit {code})")), "{}", said.err);
        said
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(
            self.out.contains(words) || self.err.contains(words),
            "{words:?} is not in:\n{}\n{}",
            self.out,
            self.err
        );
        self
    }

    /// The one JSON object on standard output, all ASCII.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert!(self.out.is_ascii(), "{}", self.out);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.out, self.err))
    }
}

impl From<std::process::Output> for Said {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }
}

/// The disk that the tests back up.
pub(crate) fn old_laptop() -> String {
    text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/old-laptop").canonicalize().unwrap())
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Every file below a folder with its bytes; folders have none.
pub(crate) fn files_in(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_in(&path));
        } else if !path.ends_with("keystow/lock") {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[track_caller]
pub(crate) fn assert_same(before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>, what: &[&str]) {
    let new: Vec<_> = after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)).map(|(p, _)| p).collect();
    let gone: Vec<_> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    assert!(new.is_empty() && gone.is_empty(), "{what:?} changed {new:?} and removed {gone:?}");
}

/// The mode bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
