//! A person at a terminal: the phrase is shown once and asked back.

use std::process::Command;

use crate::home::{Home, KEYSTOW, Said, old_laptop};

/// Drives the program on a pseudo-terminal. `answer` says, as Python, what is typed for word `number` of `words`.
const DRIVER: &str = r#"
import os, pty, re, signal, sys, time
signal.alarm(60)
answer, args = sys.argv[1], sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(args[0], args)
seen, asked = b"", 0
while True:
    try:
        part = os.read(fd, 4096)
    except OSError:
        break
    if not part:
        break
    seen += part
    new = seen[asked:].decode("utf-8", "replace")
    if "Folder (Enter" in new:
        asked = len(seen)
        os.write(fd, b"\n")
    match = re.search(r"Word (\d): ", new)
    if match:
        asked = len(seen)
        number = int(match.group(1))
        words = re.findall(r"^ {4}\d  (?:\x1b\[1m)?([a-z-]+)", seen.decode("utf-8", "replace"), re.M)
        time.sleep(0.3)  # The prompt comes before the echo is off, which drops what was typed until then.
        os.write(fd, (eval(answer) + "\n").encode())
sys.stdout.write(seen.decode("utf-8", "replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

fn at_terminal(home: &Home, answer: &str) -> Option<Said> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: python3 is not installed, and it drives the terminal");
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-c", DRIVER, answer, KEYSTOW, "backup", &old_laptop()]);
    command.env("HOME", &home.dir).env_remove("XDG_DATA_HOME").env("LANG", "C.UTF-8").env("NO_COLOR", "1");
    Some(Said::of(&mut command))
}

#[test]
fn six_words_are_shown_once_and_two_of_them_are_asked_back() {
    let home = Home::new("terminal");
    let Some(said) = at_terminal(&home, "words[number - 1]") else { return };
    let said = said.ended(0);
    assert_eq!(said.out.matches("Word ").count(), 2, "{}", said.out);
    assert_eq!(said.out.matches("Write these six words on paper").count(), 1);
    assert!(said.out.contains("read back and opened"), "{}", said.out);
    assert!(!home.data("RECOVERY-PHRASE.txt").exists(), "what is on paper needs no file");
}

#[test]
fn a_wrong_word_is_refused_and_nothing_is_made() {
    let home = Home::new("terminal-wrong");
    let Some(said) = at_terminal(&home, "'wrong'") else { return };
    let said = said.ended(12);
    assert!(said.out.contains("nothing was made") && said.out.contains("try: "), "{}", said.out);
    assert!(home.files().is_empty(), "{:?}", home.files().keys());
}
