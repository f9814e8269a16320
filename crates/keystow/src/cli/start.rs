//! What a double-click shows until there is a window: the three things to do, and a wait for a key.

use std::io::{self, BufRead, Write};
use std::process::{Command, ExitCode};

use keystow_os::process;

/// Whether the program was started without a word from a place that is no terminal, such as by a double-click.
pub(super) fn is_wanted() -> bool {
    std::env::args_os().len() <= 1 && process::owns_console()
}

/// Shows the page until the person leaves it. Each thing is a run of its own, so that nothing of one stays in memory
/// for the next.
pub(super) fn run() -> ExitCode {
    loop {
        let page = "\nKeystow finds, keeps and gives back the licenses of this PC.\n\n\
                    \x20 1   Look what is on this PC\n\
                    \x20 2   Back up: sealed copies, in several places\n\
                    \x20 3   Give a product key back to this PC\n\
                    \x20 Q   Leave\n\n\
                    Press 1, 2, 3 or Q: ";
        let mut stdout = io::stdout().lock();
        let _ = write!(stdout, "{page}").and_then(|()| stdout.flush());
        drop(stdout);
        let Some(pressed) = key() else { return ExitCode::SUCCESS };
        echo(pressed);
        match pressed.to_ascii_lowercase() {
            '1' => keystow(&["scan"]),
            '2' => keystow(&["backup"]),
            '3' => give_back(),
            'q' | '\x1b' | '\x03' => return ExitCode::SUCCESS,
            _ => {}
        }
    }
}

fn echo(pressed: char) {
    let shown = if pressed.is_control() { ' ' } else { pressed };
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{shown}\n");
}

/// A key of the console; where there is none to press keys on, the first character of a line.
fn key() -> Option<char> {
    process::wait_for_key().or_else(|| line()?.trim().chars().next())
}

/// A line of input; `None` at its end.
fn line() -> Option<String> {
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(1..) => Some(line),
        _ => None,
    }
}

fn give_back() {
    keystow(&["list"]);
    let mut stdout = io::stdout().lock();
    let _ = write!(stdout, "\nWhich one (such as k1; Enter for none)? ").and_then(|()| stdout.flush());
    drop(stdout);
    let item = line().unwrap_or_default();
    if !item.trim().is_empty() {
        keystow(&["restore", item.trim(), "--elevate"]);
    }
}

/// Runs this program with these words, in the same console.
fn keystow(words: &[&str]) {
    let ran = std::env::current_exe().and_then(|program| Command::new(program).args(words).status());
    if let Err(error) = ran {
        let _ = writeln!(io::stderr(), "error: {error}");
    }
}
