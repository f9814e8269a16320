//! What people and programs read: words first, data on standard output, messages on standard error.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use serde_json::Value;

use super::failure::{Failure, Outcome};

/// The output of one command, and how it was asked for.
pub(crate) struct Out {
    stdout: BufWriter<StdoutLock<'static>>,
    pub(crate) json: bool,
    pub(crate) reveal: bool,
    quiet: bool,
    color: bool,
    /// What was said to people so far, for programs when no object follows.
    said: Vec<String>,
    /// Whether programs have their answer.
    answered: bool,
    /// What hides a symbol; `*` where the terminal has no bullet.
    pub(crate) mask: char,
}

/// How the person asked for the output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    pub(crate) json: bool,
    pub(crate) plain: bool,
    pub(crate) quiet: bool,
    pub(crate) reveal: bool,
}

/// A meaning that gets a color where there are colors.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    Bad,
    Faint,
    Good,
    Strong,
    Warn,
}

impl Out {
    pub(crate) fn new(style: Style) -> Self {
        let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
        let utf8 =
            utf8.is_none_or(|value| value.to_string_lossy().to_ascii_lowercase().replace('-', "").contains("utf8"));
        let dumb = std::env::var_os("TERM").is_some_and(|kind| kind == "dumb");
        let terminal = io::stdout().is_terminal() && !dumb && keystow_os::process::console_has_colors();
        let color =
            terminal && !style.plain && !style.json && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self {
            stdout: BufWriter::new(io::stdout().lock()),
            json: style.json,
            reveal: style.reveal,
            quiet: style.quiet,
            color,
            said: Vec::new(),
            answered: false,
            mask: if utf8 && keystow_os::process::readers_know_utf8() && !style.plain { '•' } else { '*' },
        }
    }

    /// One line of the result, for people. A program gets it when the command has no object of its own.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        if !self.json {
            return writeln!(self.stdout, "{text}");
        }
        if !self.answered {
            self.said.push(text.to_string());
        }
        Ok(())
    }

    /// The result, for programs. Nothing when a person asked.
    pub(crate) fn object(&mut self, value: &Value) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        self.answered = true;
        let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
        writeln!(self.stdout, "{}", ascii(&text))
    }

    /// Bytes as they are, for results that have a format of their own.
    pub(crate) fn raw(&mut self) -> &mut impl Write {
        self.answered = true;
        &mut self.stdout
    }

    /// A result that is one text, such as a script. Programs that ask for JSON get it as a string.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.object(&serde_json::json!({"schema": "keystow.text/1", "text": text}))?;
        if self.json { Ok(()) } else { self.stdout.write_all(text.as_bytes()) }
    }

    /// Shows what was said so far, before a question is asked.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }

    /// A message beside the result: progress, warnings, the next step.
    pub(crate) fn note(&mut self, text: impl Display) {
        if !self.quiet && !self.json {
            let _ = self.stdout.flush();
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// A message that is said even when asked to be quiet.
    pub(crate) fn warn(&mut self, text: impl Display) {
        let _ = self.stdout.flush();
        let _ = writeln!(io::stderr(), "{}", self.tone(Tone::Warn, &text.to_string()));
    }

    pub(crate) fn tone(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.color => return text.to_owned(),
            Tone::Bad => 31,
            Tone::Faint => 2,
            Tone::Good => 32,
            Tone::Strong => 1,
            Tone::Warn => 33,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Says how the command ended and gives its exit code.
    pub(crate) fn end(mut self, ended: Result<Outcome, Failure>) -> u8 {
        let code = match &ended {
            Ok(outcome) => {
                self.say(outcome.exit_code());
                outcome.exit_code()
            }
            Err(failure) => {
                self.failure(failure);
                failure.kind.exit_code()
            }
        };
        // A reader that went away, as in `keystow list | head`, has what it wanted.
        match self.stdout.flush() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let _ = writeln!(io::stderr(), "error: standard output: {error} (exit 1)");
                1
            }
            _ => code,
        }
    }

    /// Gives programs the words that people got, when there was no object.
    fn say(&mut self, code: u8) {
        if !self.answered {
            let says = std::mem::take(&mut self.said);
            let _ = self.object(&serde_json::json!({"schema": "keystow.outcome/1", "exit": code, "says": says}));
        }
    }

    fn failure(&mut self, failure: &Failure) {
        let code = failure.kind.exit_code();
        let object = serde_json::json!({
            "schema": "keystow.failure/1", "exit": code, "error": failure.error, "hint": failure.hint,
            "hresult": failure.hresult.map(super::words::hresult),
        });
        // One object a command: a scan that found nothing has given its problems already.
        if !self.answered {
            let _ = self.object(&object);
        }
        let _ = self.stdout.flush();
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{} {} (exit {code})", self.tone(Tone::Bad, "error:"), failure.error);
        if let Some(hint) = &failure.hint {
            let _ = writeln!(stderr, "  try: {hint}");
        }
    }
}

/// JSON in ASCII, so that PowerShell 5.1 reads it whatever its code page is.
pub(crate) fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_ascii_and_says_the_same() {
        let escaped = ascii(r#"{"place":"Läufwerk 💾"}"#);
        assert!(escaped.is_ascii());
        let value: Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(value["place"], "Läufwerk 💾");
    }
}
