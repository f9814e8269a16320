//! One run of a program: its arguments, its input, and what it printed.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Prefix;
use crate::wine;

/// How long a program may take: a hundred times what the slowest one does.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a program that ended has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed, line ends as Linux writes them.
    pub stdout: String,
    /// What it complained about, line ends as Linux writes them.
    pub stderr: String,
}

impl Ran {
    /// The JSON it printed.
    ///
    /// # Errors
    ///
    /// When it printed something else; the error quotes what it complained about.
    pub fn json(&self) -> io::Result<Value> {
        serde_json::from_str(&self.stdout).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{error}; exit {:?}: {}", self.code, self.stderr))
        })
    }
}

/// A program about to run in a [`Prefix`].
#[derive(Debug)]
pub struct Run<'a> {
    prefix: &'a Prefix,
    program: PathBuf,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    input: Option<Vec<u8>>,
    patience: Duration,
    terminal: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(prefix: &'a Prefix, program: PathBuf) -> Self {
        let variables = prefix.standin_variables();
        Self { prefix, program, args: Vec::new(), variables, input: None, patience: PATIENCE, terminal: false }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives it input; without, its input is empty.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// How long it may take, instead of a minute.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs it on a terminal of its own: Windows then has a console, whose screen goes to standard output with the
    /// terminal's escape sequences. Input is typed.
    #[must_use]
    pub fn on_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`] when it takes too long; it is ended then, and so is everything else in the prefix.
    pub fn run(self) -> io::Result<Ran> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Files, not pipes: whatever of Wine outlives the program would hold a pipe open.
        let file = |name| self.prefix.folder().join(format!("run-{number}-{name}"));
        let mut command = wine::command(self.prefix.folder(), &self.program, &self.prefix.drives())?;
        command.args(&self.args).envs(self.variables.iter().map(|(name, value)| (name, value)));
        if self.terminal {
            command = on_terminal(&command);
        }
        command.stdin(match &self.input {
            Some(bytes) => {
                std::fs::write(file("stdin"), bytes)?;
                Stdio::from(std::fs::File::open(file("stdin"))?)
            }
            None => Stdio::null(),
        });
        command.stdout(std::fs::File::create(file("stdout"))?).stderr(std::fs::File::create(file("stderr"))?);
        let code = self.wait(command.current_dir(self.prefix.folder()).spawn()?)?;
        let text = |name| std::fs::read(file(name)).map(|bytes| String::from_utf8_lossy(&bytes).replace("\r\n", "\n"));
        Ok(Ran { code, stdout: text("stdout")?, stderr: text("stderr")? })
    }

    fn wait(&self, mut child: Child) -> io::Result<Option<i32>> {
        let start = Instant::now();
        while start.elapsed() < self.patience {
            if let Some(status) = child.try_wait()? {
                return Ok(status.code());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.prefix.kill()?;
        child.wait()?;
        let words = format!("{} {}", self.program.display(), self.args.join(" "));
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("{words} took longer than {:?}", self.patience)))
    }
}

/// The same command below `script`, which makes a terminal.
fn on_terminal(command: &Command) -> Command {
    let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-f", "-c", &words.join(" "), "/dev/null"]).env_clear().env("TERM", "xterm");
    script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script
}
