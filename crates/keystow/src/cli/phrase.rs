//! Asking for the recovery phrase, and handing over a new one.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use keystow_os::process::ask_secret;
use keystow_vault::{Opened, Phrase, UnlockError, Vault};

use super::failure::{Failure, FailureKind};
use super::out::{Out, Tone};
use crate::app::App;
use crate::app::error::Error;

/// How often a mistyped phrase may be typed again.
const TRIES: usize = 3;
/// Which two of the six words are asked back.
const ASKED_BACK: [usize; 2] = [2, 5];

/// A new recovery phrase, and where it was left when nobody was there to write it down.
pub(super) struct New {
    pub(super) phrase: Phrase,
    pub(super) left: Option<PathBuf>,
}

/// Opens the vault with the phrase from a file or the terminal.
pub(super) fn open(vault: &Vault, app: &App, out: &mut Out) -> Result<Opened, Failure> {
    if let (Some(file), None, Some(_)) = (&app.account_password_file, &app.passphrase_file, app.account()?) {
        let password = Phrase::typed(&crate::app::vaults::first_line(file)?);
        match unlock(vault, &password, app) {
            // The account does not open this vault, or not yet.
            Err(Error::Unlock(UnlockError::NoIdentity)) => {}
            result => return Ok(result?),
        }
    }
    let phrases = app.phrases_from_file()?;
    let mut tried = phrases.iter().map(|phrase| unlock(vault, phrase, app));
    if let Some(first) = tried.next() {
        return Ok(tried.fold(first, Result::or)?);
    }
    if !app.may_ask {
        let failure = Failure::from(Error::NoPhrase);
        return Err(failure);
    }
    out.flush()?;
    let question = match app.account()? {
        Some(_) => "Recovery phrase, or password of the account: ",
        None => "Recovery phrase: ",
    };
    for left in (0..TRIES).rev() {
        let typed = ask_secret(question)?;
        match unlock(vault, &Phrase::typed(&typed), app) {
            Err(Error::Unlock(UnlockError::WrongPhrase { .. })) if left > 0 => {
                out.warn("That does not open the vault. Once more:")
            }
            result => return Ok(result?),
        }
    }
    Err(Error::NoPhrase.into())
}

/// Opens the vault with a phrase; what opens nothing and is no six words may be the password of the account.
fn unlock(vault: &Vault, phrase: &Phrase, app: &App) -> Result<Opened, Error> {
    let wrong = match vault.unlock(phrase) {
        Err(wrong @ (UnlockError::WrongPhrase { .. } | UnlockError::NoIdentity)) => wrong,
        result => return Ok(result?),
    };
    if app.account()?.is_none() || Phrase::parse_words(phrase.reveal()).is_ok() {
        return Err(wrong.into());
    }
    match app.unlock_with_password(vault, phrase.reveal()) {
        Err(error) if super::account::is_wrong_secret(&error) => Err(wrong.into()),
        result => result,
    }
}

/// Makes the phrase of a new vault: the person's own from a file, or six words, which are shown once and asked back,
/// or left in a file where nobody can be asked. A file that is there already is used, never replaced: an interrupted
/// run left it, or it still opens something.
pub(super) fn make(file: Option<&Path>, app: &App, out: &mut Out) -> Result<New, Failure> {
    if file.is_some() || app.may_ask {
        return choose(file, out);
    }
    let phrase = match app.left_phrases()?.into_iter().next() {
        Some(left) => left,
        None => Phrase::generate().map_err(Error::from)?,
    };
    let left = app.leave_phrases(&[&phrase])?;
    Ok(New { phrase, left: Some(left) })
}

/// Makes the phrase that follows another one. Where nobody can be asked, both stand in the file until the change is
/// done, so that whichever opens the vault is there; an interrupted change is carried on with the same new one.
pub(super) fn make_next(file: Option<&Path>, app: &App, out: &mut Out) -> Result<New, Failure> {
    if file.is_some() || app.may_ask {
        return choose(file, out);
    }
    let mut phrases = app.left_phrases()?;
    if phrases.len() < 2 {
        phrases.insert(0, Phrase::generate().map_err(Error::from)?);
    }
    let left = app.leave_phrases(&phrases.iter().collect::<Vec<_>>())?;
    Ok(New { phrase: phrases.swap_remove(0), left: Some(left) })
}

fn choose(file: Option<&Path>, out: &mut Out) -> Result<New, Failure> {
    if let Some(file) = file {
        let typed = crate::app::vaults::first_line(file)?;
        let phrase = Phrase::parse_words(&typed).or_else(|_| Phrase::own(&typed)).map_err(Error::from)?;
        return Ok(New { phrase, left: None });
    }
    let phrase = Phrase::generate().map_err(Error::from)?;
    show(&phrase, out)?;
    ask_back(&phrase, out)?;
    Ok(New { phrase, left: None })
}

fn show(phrase: &Phrase, out: &mut Out) -> Result<(), Failure> {
    out.line("\nYour recovery phrase. Write these six words on paper, in order. They are shown once, and without")?;
    out.line("them nobody can open your backup, we included.\n")?;
    for (at, word) in phrase.reveal().split(' ').enumerate() {
        let word = out.tone(Tone::Strong, word);
        out.line(format_args!("    {}  {word}", at + 1))?;
    }
    out.line("")?;
    out.flush()?;
    Ok(())
}

fn ask_back(phrase: &Phrase, out: &mut Out) -> Result<(), Failure> {
    for number in ASKED_BACK {
        out.flush()?;
        let word = phrase.reveal().split(' ').nth(number - 1).unwrap_or_default();
        let mut right = false;
        for _ in 0..TRIES {
            right = ask_secret(&format!("Word {number}: "))?.trim().eq_ignore_ascii_case(word);
            if right {
                break;
            }
            out.warn("That is another word. Look at your paper.");
        }
        if !right {
            let failure =
                Failure::new(FailureKind::WrongPhrase, "the words were not written down, so nothing was made");
            return Err(failure.hint("the same command again"));
        }
    }
    Ok(())
}

/// Asks a question that is answered with yes or no. Where nobody can be asked, the answer is `without`.
pub(super) fn confirm(question: &str, without: bool, app: &App, out: &mut Out) -> Result<bool, Failure> {
    if !app.may_ask {
        return Ok(without);
    }
    out.flush()?;
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y") || answer.trim().eq_ignore_ascii_case("yes"))
}

/// Asks where the second copy is to lie; nothing means beside the first.
pub(super) fn ask_place(app: &App, out: &mut Out) -> Result<Option<PathBuf>, Failure> {
    if !app.may_ask {
        return Ok(None);
    }
    out.flush()?;
    let mut stderr = io::stderr().lock();
    writeln!(
        stderr,
        "\nOne copy goes into your own folder. Where should the second one go? Best is a USB stick or another disk."
    )?;
    write!(stderr, "Folder (Enter: beside the first): ")?;
    stderr.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(Some(PathBuf::from(line.trim())).filter(|place| !place.as_os_str().is_empty()))
}
