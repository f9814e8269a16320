//! `keystow account`

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use keystow_account::client::{Address, Client};
use keystow_account::keys::{self, AccountKey, Newcomer, RecoveryCode};
use keystow_account::wire::{Device, Method, Name, Refusal};
use keystow_os::files;
use keystow_os::process::ask_secret;
use keystow_vault::{Opened, Phrase, Vault};
use serde_json::json;
use zeroize::Zeroizing;

use super::args::account::{AccountArgs, AccountCommand, Where};
use super::failure::{Failure, FailureKind, Outcome};
use super::out::{Out, Tone};
use super::{belongs, phrase};
use crate::app::App;
use crate::app::account::{Account, Joined};
use crate::app::error::{Error, at};
use crate::app::places::is_account;
use crate::app::vaults::first_line;

/// How long a new device waits to be let in, and how often it asks.
const WAIT: Duration = Duration::from_secs(15 * 60);
const ASK_EVERY: Duration = Duration::from_secs(2);

/// One run: what every command of the account needs.
struct Run<'a> {
    password_file: Option<&'a Path>,
    app: &'a App,
}

pub(super) fn run(args: &AccountArgs, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let run = Run { password_file: app.account_password_file.as_deref(), app };
    if app.dry_run {
        out.line("Dry run: the server is not asked.")?;
        return Ok(Outcome::Done);
    }
    match &args.command {
        AccountCommand::Create(at) => run.create(at, out),
        AccountCommand::Login { at, by_device: false } => run.login(at, out),
        AccountCommand::Login { at, by_device: true } => run.login_by_device(at, out),
        AccountCommand::Logout => run.logout(out),
        AccountCommand::Status => run.status(out),
        AccountCommand::Devices => run.devices(out),
        AccountCommand::Rename { device, name } => run.rename(device, name, out),
        AccountCommand::Approve { code } => run.approve(code.as_deref(), out),
        AccountCommand::Revoke { device } => run.revoke(device, out),
        AccountCommand::Recovery { new_code: true, .. } => run.new_code(out),
        AccountCommand::Recovery { at, code_file, new_password_file, .. } => {
            run.recover(at, code_file.as_deref(), new_password_file.as_deref(), out)
        }
        AccountCommand::Password { new_password_file } => run.change_password(new_password_file.as_deref(), out),
        AccountCommand::Delete { keep } => run.delete(*keep, out),
    }
}

impl Run<'_> {
    fn create(&self, at: &Where, out: &mut Out) -> Result<Outcome, Failure> {
        if let Some(account) = self.app.account()? {
            let error = format!("this PC is signed in already, as {}", account.name.as_str());
            let next = match account.unproven_code {
                true => "keystow account recovery --new-code: the recovery code was not confirmed when it was made",
                false => "keystow account logout",
            };
            return Err(Failure::new(FailureKind::Failed, error).hint(next));
        }
        let (address, name) = self.place(at, "create")?;
        let _lock = self.app.begin()?;
        let password = self.new_password(self.password_file, out)?;
        let made = self.app.create_account(&address, &name, &password);
        let (account, key, code) = made.map_err(|error| match error {
            Error::Account(error) if error.refusal() == Some(Refusal::Conflict) => {
                let error = format!("the name {} is taken at {}", name.as_str(), address.url);
                Failure::new(FailureKind::Failed, error).hint("another name; or, if it is yours: keystow account login")
            }
            error => error.into(),
        })?;
        let left = self.hand_over(&code, out)?;
        self.app.save_account(&Account { unproven_code: false, ..account.clone() })?;
        out.object(&json!({
            "schema": "keystow.account/1", "account": account.session.account, "recovery_code_file": left,
        }))?;
        out.line(out.tone(Tone::Strong, "\nThe account is made, and its recovery code was tried: it opens it."))?;
        self.join(&account, &key, out)
    }

    fn login(&self, at: &Where, out: &mut Out) -> Result<Outcome, Failure> {
        let (address, name) = self.place(at, "login")?;
        let _lock = self.app.begin()?;
        let password = self.password(&format!("Password of {}: ", name.as_str()), out)?;
        let (account, key) = self.app.sign_in(&address, &name, Method::Password, &password)?;
        self.greet(&account, out)?;
        self.join(&account, &key, out)
    }

    /// A new device shows a code; a device that is signed in is told it.
    fn login_by_device(&self, at: &Where, out: &mut Out) -> Result<Outcome, Failure> {
        let (address, name) = self.place(at, "login")?;
        let _lock = self.app.begin()?;
        let mut client = Client::new(&address).map_err(Error::from)?;
        let newcomer = Newcomer::new().map_err(|error| Failure::new(FailureKind::Failed, error))?;
        let asked = client.ask_to_be_let_in(&name, &newcomer).map_err(Error::from)?;
        let code = keys::code(&asked.account, &newcomer.public());
        out.line(format_args!(
            "On a device that is signed in:  keystow account approve\nIt asks for this code:          {}",
            out.tone(Tone::Strong, &code)
        ))?;
        out.flush()?;
        let begun = Instant::now();
        let sign_in = loop {
            match client.let_in(&asked, &newcomer).map_err(Error::from)? {
                Some(sign_in) => break sign_in,
                None if begun.elapsed() > WAIT => {
                    let error = "nobody let this device in within a quarter of an hour";
                    return Err(Failure::new(FailureKind::Failed, error).hint("the same command again"));
                }
                None => thread::sleep(ASK_EVERY),
            }
        };
        let (account, key) = self.app.take_sign_in(&client, &address, &name, sign_in)?;
        self.greet(&account, out)?;
        self.join(&account, &key, out)
    }

    fn greet(&self, account: &Account, out: &mut Out) -> Result<(), Failure> {
        out.line(format_args!("Signed in as {} at {}.", account.name.as_str(), account.address.url))?;
        let status = account.client().and_then(|client| client.status()).map_err(Error::from)?;
        if let Some(time) = status.delete_after {
            out.warn(format!("This account will be deleted on {}.  try: keystow account delete --keep", date(time)));
        }
        Ok(())
    }

    /// Joins the account with the vault, and says what that means here.
    fn join(&self, account: &Account, key: &AccountKey, out: &mut Out) -> Result<Outcome, Failure> {
        let app = self.app;
        let (joined, vault) = app
            .join_account(account, key, |vault: &Vault| -> Result<Opened, Failure> { phrase::open(vault, app, out) })?;
        match joined {
            Joined::Neither => {
                out.note("\nNext:  keystow backup --to account      find what is here, and keep it in two places");
            }
            Joined::Here => out.line("The vault of this PC lies in the account now.")?,
            Joined::There => {
                out.line("The vault of the account opens here.")?;
                if let Some((vault, opened)) = vault {
                    return belongs::show(app, &vault, &opened, out);
                }
            }
            Joined::Different => {
                out.warn("This PC keeps a vault of its own, and the account another one. Nothing was mixed.");
                out.note("  try: keystow list --vault account      what is in the account");
            }
        }
        Ok(Outcome::Done)
    }

    fn logout(&self, out: &mut Out) -> Result<Outcome, Failure> {
        if self.app.sign_out()? {
            out.line("This PC is signed out. Its own copies stay.")?;
            return Ok(Outcome::Done);
        }
        out.line("This PC has forgotten the account.")?;
        out.warn("The server could not be told; sign this PC out from another one: keystow account revoke");
        Ok(Outcome::Partly)
    }

    fn status(&self, out: &mut Out) -> Result<Outcome, Failure> {
        let account = self.app.signed_in()?;
        let status = account.client().and_then(|client| client.status()).map_err(Error::from)?;
        out.object(&json!({
            "schema": "keystow.account-status/1",
            "name": account.name.as_str(), "server": account.address.url, "created": rfc(status.created),
            "records": status.records, "bytes": status.bytes, "devices": status.devices,
            "delete_after": status.delete_after.map(rfc),
        }))?;
        out.line(format_args!(
            "Account  {} at {}, since {}",
            account.name.as_str(),
            account.address.url,
            date(status.created)
        ))?;
        let kib = status.bytes.div_ceil(1024);
        out.line(format_args!("Keeps    {} records, {kib} KiB, sealed", status.records))?;
        out.line(format_args!("Devices  {} signed in", status.devices))?;
        if account.unproven_code {
            out.warn(
                "Nobody confirmed that the recovery code was written down.  try: keystow account recovery --new-code",
            );
        }
        if let Some(time) = status.delete_after {
            out.warn(format!("It will be deleted on {}.  try: keystow account delete --keep", date(time)));
        }
        Ok(Outcome::Done)
    }

    fn devices(&self, out: &mut Out) -> Result<Outcome, Failure> {
        let account = self.app.signed_in()?;
        let devices = account.client().and_then(|client| client.devices()).map_err(Error::from)?;
        let label = |device: &Device| device.label.as_ref().and_then(|label| account.label(label));
        let objects = devices.iter().map(|device| {
            json!({
                "name": short(device), "id": device.id, "label": label(device), "signed_in": rfc(device.created),
                "seen": rfc(device.seen), "this": device.this,
            })
        });
        out.object(
            &json!({"schema": "keystow.account-devices/1", "devices": objects.collect::<Vec<serde_json::Value>>()}),
        )?;
        for device in &devices {
            let this = if device.this { "  (this PC)" } else { "" };
            let label = label(device).unwrap_or_else(|| "without a name".to_owned());
            out.line(format_args!(
                "{}  {label:<24} since {}, last seen {}{this}",
                short(device),
                date(device.created),
                date(device.seen)
            ))?;
        }
        Ok(Outcome::Done)
    }

    fn rename(&self, device: &str, name: &str, out: &mut Out) -> Result<Outcome, Failure> {
        let account = self.app.signed_in()?;
        let client = account.client().map_err(Error::from)?;
        let device = pick(&client, device)?;
        self.app.name_device(&client, &account, device.id, name)?;
        out.line(format_args!("It is called {name} now."))?;
        Ok(Outcome::Done)
    }

    fn revoke(&self, device: &str, out: &mut Out) -> Result<Outcome, Failure> {
        let account = self.app.signed_in()?;
        let client = account.client().map_err(Error::from)?;
        let device = pick(&client, device)?;
        if device.this {
            return Err(Failure::usage("that is this PC").hint("keystow account logout"));
        }
        self.freshly(out, |account, _| account.client()?.revoke(device.id))?;
        out.line("It is signed out, and can fetch nothing more. What it fetched before, it may still have.")?;
        Ok(Outcome::Done)
    }

    fn approve(&self, code: Option<&str>, out: &mut Out) -> Result<Outcome, Failure> {
        let account = self.app.signed_in()?;
        let requests = account.client().and_then(|client| client.requests()).map_err(Error::from)?;
        if requests.is_empty() {
            out.line("No device waits. On the new one:  keystow account login NAME --server … --by-device")?;
            return Ok(Outcome::NothingFound);
        }
        out.flush()?;
        let typed = match code {
            Some(code) => Zeroizing::new(code.to_owned()),
            None if self.app.may_ask => ask_secret("The code that the new device shows: ")?,
            None => return Err(Failure::usage("no code was given").hint("keystow account approve CODE")),
        };
        let shown = |request: &&keystow_account::wire::Request| keys::code(&account.session.account, &request.public);
        let Some(request) = requests.iter().find(|request| keys::same_code(&shown(request), &typed)) else {
            let error = "no device that waits shows this code: somebody else may be asking, or it was mistyped";
            return Err(Failure::new(FailureKind::WrongPhrase, error).hint("compare the code on both screens"));
        };
        self.freshly(out, |account, key| {
            let client = account.client()?;
            let keybox = key.seal_to(&account.session.account, &request.public);
            client.approve(request.approval, keybox.map_err(|_| client.foreign_key())?)
        })?;
        out.line("The new device is let in.")?;
        Ok(Outcome::Done)
    }

    fn recover(
        &self,
        at: &Where,
        code: Option<&Path>,
        new_password: Option<&Path>,
        out: &mut Out,
    ) -> Result<Outcome, Failure> {
        let (address, name) = self.place(at, "login")?;
        let _lock = self.app.begin()?;
        out.flush()?;
        let typed = match code {
            Some(file) => first_line(file)?,
            None if self.app.may_ask => ask_secret("Recovery code: ")?,
            None => return Err(Failure::usage("no recovery code was given").hint("--code-file FILE")),
        };
        let wrong = || {
            let error = "this is no recovery code: it has eight groups of four, and one character is wrong";
            Failure::new(FailureKind::WrongPhrase, error).hint("look at your paper once more")
        };
        let code = RecoveryCode::parse(&typed).ok_or_else(wrong)?;
        let (account, key) = self.app.sign_in(&address, &name, Method::Recovery, code.reveal())?;
        let password = self.new_password(new_password, out)?;
        account.client().and_then(|client| client.change(Method::Password, &password, &key)).map_err(Error::from)?;
        out.line("The new password counts now. All other devices are signed out; the recovery code stays good.")?;
        self.join(&account, &key, out)
    }

    fn new_code(&self, out: &mut Out) -> Result<Outcome, Failure> {
        let code = RecoveryCode::generate().map_err(|error| Failure::new(FailureKind::Failed, error))?;
        let left = self.hand_over(&code, out)?;
        let (account, key) = self.freshly(out, |account, key| {
            account.client()?.change(Method::Recovery, code.reveal(), key)?;
            // It counts once it was tried.
            let mut client = Client::new(&account.address)?;
            client.sign_in(&account.name, Method::Recovery, code.reveal())?;
            client.sign_out()
        })?;
        self.app.save_account(&Account { unproven_code: false, ..account })?;
        drop(key);
        out.object(&json!({"schema": "keystow.account-recovery/1", "recovery_code_file": left}))?;
        out.line("The new recovery code counts, and was tried. The old one opens nothing any more.")?;
        Ok(Outcome::Done)
    }

    fn change_password(&self, new_password: Option<&Path>, out: &mut Out) -> Result<Outcome, Failure> {
        self.app.signed_in()?;
        let (account, key) = self.freshly(out, |_, _| Ok(()))?;
        let password = self.new_password(new_password, out)?;
        account.client().and_then(|client| client.change(Method::Password, &password, &key)).map_err(Error::from)?;
        out.line("The new password counts now. All other devices are signed out.")?;
        Ok(Outcome::Done)
    }

    fn delete(&self, keep: bool, out: &mut Out) -> Result<Outcome, Failure> {
        let account = self.app.signed_in()?;
        if keep {
            account.client().and_then(|client| client.keep_account()).map_err(Error::from)?;
            out.line("The account stays.")?;
            return Ok(Outcome::Done);
        }
        let mut after = 0;
        self.freshly(out, |account, _| {
            after = account.client()?.delete_account()?;
            Ok(())
        })?;
        out.line(format_args!("The account and all that lies in it will be deleted on {}.", date(after)))?;
        out.note("Until then:  keystow account delete --keep");
        out.note("The copies in your other places stay.");
        Ok(Outcome::Done)
    }

    /// Signs in once more: a stolen device alone must not be able to do what follows.
    fn freshly(
        &self,
        out: &mut Out,
        what: impl FnOnce(&Account, &AccountKey) -> Result<(), keystow_account::client::ClientError>,
    ) -> Result<(Account, AccountKey), Failure> {
        let Account { address, name, .. } = self.app.signed_in()?;
        let password = self.password(&format!("Password of {}: ", name.as_str()), out)?;
        let (account, key) = self.app.sign_in(&address, &name, Method::Password, &password)?;
        what(&account, &key).map_err(Error::from)?;
        Ok((account, key))
    }

    /// Which server and account: as given, or as this PC remembers.
    fn place(&self, at: &Where, command: &str) -> Result<(Address, Name), Failure> {
        let known = self.app.account()?;
        let missing = |what: &str| {
            let hint = format!("keystow account {command} NAME --server ADDRESS");
            Failure::usage(format!("no {what} was given")).hint(hint)
        };
        let address = match (&at.server, &known) {
            (Some(url), _) => Address { url: url.clone(), pin: at.pin.clone() },
            (None, Some(known)) => known.address.clone(),
            (None, None) => return Err(missing("server")),
        };
        // What is no address is said before a secret is asked for.
        address.check().map_err(Error::from)?;
        let name = match (&at.name, known) {
            (Some(name), _) => Name::parse(name).ok_or_else(|| Failure::usage("this is no name of an account"))?,
            (None, Some(known)) => known.name,
            (None, None) => return Err(missing("name")),
        };
        Ok((address, name))
    }

    fn password(&self, prompt: &str, out: &mut Out) -> Result<Zeroizing<String>, Failure> {
        let typed = match self.password_file {
            Some(file) => first_line(file)?,
            None if self.app.may_ask => {
                out.flush()?;
                ask_secret(prompt)?
            }
            None => {
                let failure = Failure::new(FailureKind::WrongPhrase, "no password was given");
                return Err(failure.hint("--password-file FILE, or a terminal to ask on"));
            }
        };
        Ok(Zeroizing::new(Phrase::typed(&typed).reveal().to_owned()))
    }

    fn new_password(&self, file: Option<&Path>, out: &mut Out) -> Result<Zeroizing<String>, Failure> {
        if file.is_some() || !self.app.may_ask {
            return Run { password_file: file, ..*self }.password("", out);
        }
        out.note(
            "Choose a password of at least 12 characters; four unrelated words are good. It never leaves this PC.",
        );
        let password = self.password("New password: ", out)?;
        if self.password("Once more:    ", out)? != password {
            return Err(
                Failure::new(FailureKind::WrongPhrase, "the two are not the same").hint("the same command again")
            );
        }
        Ok(password)
    }

    /// Shows a new recovery code once and asks for it, or leaves it in a file where nobody is there to write it down.
    fn hand_over(&self, code: &RecoveryCode, out: &mut Out) -> Result<Option<PathBuf>, Failure> {
        if !self.app.may_ask {
            let path = self.app.paths.recovery_code();
            let text = Zeroizing::new(format!("{}\n", code.reveal()));
            files::replace(&path, text.as_bytes()).map_err(at(&path))?;
            out.warn(format!("The recovery code is in {}. Write it on paper, then delete the file.", path.display()));
            return Ok(Some(path));
        }
        out.line("\nYour recovery code. Write it on paper: it opens the account when the password is lost, and is shown once.\n")?;
        out.line(format_args!("    {}\n", out.tone(Tone::Strong, code.reveal())))?;
        out.flush()?;
        for _ in 0..3 {
            let typed = ask_secret("Type it, to see that it is written down right: ")?;
            if RecoveryCode::parse(&typed).is_some_and(|typed| typed.reveal() == code.reveal()) {
                return Ok(None);
            }
            out.warn("That is something else. Look at your paper.");
        }
        let failure = Failure::new(FailureKind::WrongPhrase, "the recovery code was not written down");
        Err(failure.hint("keystow account login, then: keystow account recovery --new-code"))
    }
}

/// Before the account becomes a place of the vault: puts the vault's identity there, sealed under what the password alone
/// opens, so that a new PC can open what lies there.
pub(super) fn connect(places: &[PathBuf], app: &App, opened: &Opened, out: &mut Out) -> Result<(), Failure> {
    if !places.iter().any(|place| is_account(place)) {
        return Ok(());
    }
    let run = Run { password_file: app.account_password_file.as_deref(), app };
    run.freshly(out, |_, _| Ok(())).and_then(|(account, key)| Ok(app.put_identity(&account, &key, opened)?))
}

/// Signs in once more, for what the account's own key is needed for.
pub(super) fn sign_in_again(app: &App, out: &mut Out) -> Result<(Account, AccountKey), Failure> {
    Run { password_file: app.account_password_file.as_deref(), app }.freshly(out, |_, _| Ok(()))
}

/// What a device is called where it has to be told from others: it stays the same as long as the device is signed in.
fn short(device: &Device) -> String {
    keys::short_name(device.id.as_bytes())
}

/// The device that a person means.
fn pick(client: &Client, wanted: &str) -> Result<Device, Failure> {
    let devices = client.devices().map_err(Error::from)?;
    let is = |device: &&Device| short(device) == wanted.to_ascii_lowercase() || device.id.to_string() == wanted;
    devices.iter().find(is).cloned().ok_or_else(|| {
        Failure::new(FailureKind::NotFound, format!("no device is called {wanted}")).hint("keystow account devices")
    })
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn date(seconds: i64) -> String {
    time(seconds).strftime("%Y-%m-%d").to_string()
}

fn rfc(seconds: i64) -> String {
    time(seconds).to_string()
}

/// Whether the server refused because the secret is wrong.
pub(super) fn is_wrong_secret(error: &Error) -> bool {
    matches!(error, Error::Account(error) if error.refusal() == Some(Refusal::WrongCredentials))
}
