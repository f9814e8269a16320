//! `keystow restore` on the Windows that runs.

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use keystow_core::ProductKey;
use keystow_core::activation::offline::{ConfirmationId, InstallationId};
use keystow_core::activation::{self, Class};
use keystow_core::device::Likeness;
use keystow_core::identify::LicenseStatus;
use keystow_core::identify::transfer::{Asked, Stated, Step};
use keystow_os::desktop;
use keystow_os::licensing::{LicensedProduct, LicensingError};
use keystow_os::rights::{self, Rights};
use keystow_vault::{Opened, Vault};
use serde_json::{Value, json};

use super::args::{Method, Restore};
use super::failure::{Failure, FailureKind, Outcome};
use super::out::{Out, Tone};
use super::{fit as cli_fit, list, phrase, restore, words};
use crate::app::App;
use crate::app::install::{self, Noted, Plan, Undone};
use crate::app::items::{Items, Named};
use crate::app::running::{ACTIVATION_PAGE, Running, running};

/// As long as it takes to paste, and no longer.
const LENT: Duration = Duration::from_secs(45);
/// Windows 10 began with this build.
const FIRST_WITH_SETTINGS: u32 = 10_240;

/// Everything that one run works with.
struct Run<'a> {
    args: &'a Restore,
    app: &'a App,
    method: Method,
    limit: Duration,
    running: Running,
}

pub(super) fn run(args: &Restore, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let method = args.install.method.unwrap_or(Method::Service);
    let rights_needed =
        method != Method::Settings && !app.dry_run && rights::of_this_process() != Rights::Administrator;
    if rights_needed && args.install.elevate {
        return elevated(app, out);
    }
    let running = running().map_err(|why| {
        let hint = "keystow restore ITEM --setup FOLDER, for the files that Setup reads";
        Failure::new(FailureKind::Failed, why).hint(hint)
    })?;
    let limit = Duration::from_secs(args.install.timeout);
    let run = Run { args, app, method, limit, running };
    if args.install.undo {
        return run.undo(rights_needed, out);
    }
    run.give_back(rights_needed, out)
}

impl Run<'_> {
    fn give_back(&self, rights_needed: bool, out: &mut Out) -> Result<Outcome, Failure> {
        let vault = self.app.open_vault()?;
        let opened = phrase::open(&vault, self.app, out)?;
        let items = Items::read(&vault, &opened, self.app.device().as_ref());
        let named = items.pick(self.args.item.as_deref().unwrap_or_default())?;
        let key = restore::whole(named)?;
        let given = self.args.install.confirmation_id.as_deref().map(confirmation).transpose()?;
        let stated = match (self.args.install.repaired, self.args.install.same_pc) {
            (true, _) => Some(Stated::RepairWithSameModel),
            (_, true) => Some(Stated::SamePc),
            _ => None,
        };
        let plan = Plan::new(&named.stored.item, &self.running, stated);
        self.show(named, &plan, out);
        self.refuse(named, &plan)?;
        if self.app.dry_run {
            return self.steps(named, &plan, out);
        }
        if rights_needed {
            return Err(rights_failure());
        }
        self.ask(named, &plan, out)?;
        match self.method {
            Method::Offline | Method::Service => {
                let installed = self.install(named, key, &plan, &items, &vault, out)?;
                let product = match installed {
                    Installed::Now(product) => product,
                    Installed::AfterRestart(hresult) => return restart(named, &plan, hresult, out),
                };
                match self.method {
                    Method::Offline => self.offline(named, &product, &plan, given, vault, out),
                    _ => self.online(named, &product, &plan, vault, out),
                }
            }
            Method::Settings => self.settings(named, key, out),
        }
    }

    /// Says what was compared and how it came out.
    fn show(&self, named: &Named, plan: &Plan, out: &mut Out) {
        let target = &self.running.target.name;
        let state = self.running.activation.as_ref().map_or("activation unknown", |now| now.status.plain());
        out.note(format!("This PC:  {target}, {state}"));
        out.note(format!("Item:     {} {}  {}", named.name, list::key(named, out), plan.product.name));
        out.note(format!("Fits:     {} ({})", cli_fit::answer(&plan.fit), plan.fit.rule.says));
        out.note(format!("Device:   {}", plan.comparison.sentence()));
        if !matches!(plan.decision.step, Step::Account | Step::Refuse) {
            out.note(format!("So:       {}", plan.decision.sentence()));
        }
    }

    fn refuse(&self, named: &Named, plan: &Plan) -> Result<(), Failure> {
        let target = &self.running.target.name;
        if plan.fit.answer.fits() == Some(false) {
            let error = format!("{} ({}) does not fit {target}: {}", named.name, plan.product.name, plan.fit.rule.says);
            return Err(Failure::new(FailureKind::DoesNotFit, error).hint("keystow list --fits live"));
        }
        let says = plan.decision.sentence();
        match plan.decision.step {
            Step::Refuse => {
                let error = format!("{} came with another PC: {says}", named.name);
                let hint = match plan.comparison.likeness {
                    Likeness::Repaired => {
                        "--repaired, if the mainboard was replaced in a repair by one of the same model"
                    }
                    _ => "the product key of this PC's own firmware, or a license that may move",
                };
                Err(Failure::new(FailureKind::OtherMainboard, error).hint(hint))
            }
            Step::Account => {
                let error = format!("{} is no product key of your own: {says}", named.name);
                Err(Failure::new(FailureKind::ForbiddenByPolicy, error).hint("keystow link"))
            }
            _ => Ok(()),
        }
    }

    /// What would be done, one step a line.
    fn steps(&self, named: &Named, plan: &Plan, out: &mut Out) -> Result<Outcome, Failure> {
        let mut steps = Vec::new();
        if plan.changes_edition() {
            steps.push(format!("ask: {} becomes {}", self.running.target.name, plan.product.name));
        }
        if let (Step::Ask(asked), false) = (plan.decision.step, plan.decision.answered) {
            steps.push(format!("ask: {}", asked.words()));
        }
        steps.push(format!("ask: give {} to this PC", named.name));
        match self.method {
            Method::Settings => {
                steps.push("lend the product key to the clipboard for 45 seconds".to_owned());
                steps.push(format!("open {ACTIVATION_PAGE}"));
            }
            Method::Offline | Method::Service => {
                steps.push("note, sealed, which product key is there now (for --undo)".to_owned());
                steps.push("InstallProductKey, RefreshLicenseStatus".to_owned());
                steps.push(match self.method {
                    Method::Offline => "OfflineInstallationId, DepositOfflineConfirmationId".to_owned(),
                    _ => "Activate".to_owned(),
                });
            }
        }
        out.object(&json!({
            "schema": "keystow.install/1", "dry_run": true, "item": list::object(named, out),
            "plan": plan_object(plan), "steps": steps,
        }))?;
        out.line("Dry run, nothing was changed. It would:")?;
        for (at, step) in steps.iter().enumerate() {
            out.line(format_args!("  {}. {step}", at + 1))?;
        }
        Ok(Outcome::Done)
    }

    /// Asks what only the person can answer.
    fn ask(&self, named: &Named, plan: &Plan, out: &mut Out) -> Result<(), Failure> {
        let stated = &self.args.install;
        if plan.changes_edition() {
            let question = format!("{} becomes {}. Change the edition?", self.running.target.name, plan.product.name);
            self.agree(&question, stated.upgrade, "--upgrade", out)?;
        }
        match plan.decision.step {
            Step::Ask(Asked::ChangeEdition) => {}
            Step::Ask(_) if plan.decision.answered => {}
            Step::Ask(asked) => {
                let flag = match asked {
                    Asked::OwnPc => "--same-pc",
                    Asked::SameModel => "--repaired",
                    _ => "--yes",
                };
                self.agree(asked.words(), flag == "--yes" && stated.yes, flag, out)?;
            }
            Step::Organization => {
                let question = format!("{} Does yours allow it on this PC?", plan.decision.sentence());
                self.agree(&question, stated.yes, "--yes", out)?;
            }
            _ => {}
        }
        let question = format!("Give {} to this PC now?", named.name);
        self.agree(&question, stated.yes, "--yes", out)
    }

    fn agree(&self, question: &str, agreed: bool, flag: &str, out: &mut Out) -> Result<(), Failure> {
        if agreed {
            return Ok(());
        }
        if !self.app.may_ask {
            let failure = Failure::usage(format!("this must be agreed to: {question}"));
            return Err(failure.hint(format!("the same command with {flag}")));
        }
        match phrase::confirm(question, false, self.app, out)? {
            true => Ok(()),
            false => Err(Failure::new(FailureKind::Interrupted, "not agreed to; nothing was changed")),
        }
    }

    fn online(
        &self,
        named: &Named,
        product: &LicensedProduct,
        plan: &Plan,
        vault: Vault,
        out: &mut Out,
    ) -> Result<Outcome, Failure> {
        match install::activate(product, self.limit) {
            Ok(now) => self.done(named, plan, &now, vault, out),
            Err(LicensingError::Refused { hresult, .. }) if activation::class(hresult) == Class::Restart => {
                restart(named, plan, hresult, out)
            }
            Err(error) => {
                let failure = failure(&error);
                let stays = "the product key stays installed, and keystow restore --undo takes it back";
                Err(Failure { error: format!("{}; {stays}", failure.error), ..failure })
            }
        }
    }

    /// Installs the product key, after what is there now was noted.
    fn install(
        &self,
        named: &Named,
        key: &ProductKey,
        plan: &Plan,
        items: &Items,
        vault: &Vault,
        out: &mut Out,
    ) -> Result<Installed, Failure> {
        if self.app.remember(&self.running, named, items, vault)? == Noted::Unreadable {
            out.warn("The product key that is there now cannot be read; --undo could only take the new one away.");
        }
        match install::install(key, self.limit) {
            Ok(product) => {
                out.note(format!("Installed: …-{} is the product key of {}.", product.partial_key, product.name));
                Ok(Installed::Now(product))
            }
            Err(LicensingError::Refused { hresult, .. }) if activation::class(hresult) == Class::Restart => {
                Ok(Installed::AfterRestart(hresult))
            }
            Err(LicensingError::Refused { call, hresult })
                if activation::class(hresult) == Class::Edition && plan.changes_edition() =>
            {
                let failure = failure(&LicensingError::Refused { call, hresult });
                let name = &named.name;
                Err(failure.hint(format!("keystow restore {name} --method settings: Settings changes editions")))
            }
            Err(error) => Err(failure(&error)),
        }
    }

    fn offline(
        &self,
        named: &Named,
        product: &LicensedProduct,
        plan: &Plan,
        given: Option<ConfirmationId>,
        vault: Vault,
        out: &mut Out,
    ) -> Result<Outcome, Failure> {
        let installation = install::installation_id(product).map_err(|error| failure(&error))?;
        let kept = self.app.kept_confirmation(&named.stored.item, &installation);
        if let (None, Some(kept)) = (&given, &kept) {
            match install::confirm(product, &installation, kept, self.limit) {
                Ok(now) => return self.done(named, plan, &now, vault, out),
                Err(error) => out.warn(format!("The confirmation ID that was kept is refused: {error}")),
            }
        }
        let confirmation = match given {
            Some(confirmation) => confirmation,
            None => {
                show_installation(&installation, out)?;
                match self.ask_confirmation(out)? {
                    Some(confirmation) => confirmation,
                    None => return waiting(named, &installation, out),
                }
            }
        };
        let now =
            install::confirm(product, &installation, &confirmation, self.limit).map_err(|error| failure(&error))?;
        if self.args.install.save_cid && status_of(&now).is_licensed() {
            // Windows has it already, so a vault that cannot be written is no failure any more.
            match self.app.keep_confirmation(named, &installation, &confirmation) {
                Ok(()) => out.note("The confirmation ID is kept with the item."),
                Err(error) => out.warn(format!("problem: the confirmation ID is not kept with the item: {error}")),
            }
        }
        self.done(named, plan, &now, vault, out)
    }

    fn ask_confirmation(&self, out: &mut Out) -> Result<Option<ConfirmationId>, Failure> {
        if !self.app.may_ask {
            return Ok(None);
        }
        loop {
            out.flush()?;
            let mut stderr = io::stderr().lock();
            write!(stderr, "Confirmation ID (48 digits; Enter to do it later): ")?;
            stderr.flush()?;
            let mut line = String::new();
            if io::stdin().lock().read_line(&mut line)? == 0 || line.trim().is_empty() {
                return Ok(None);
            }
            match ConfirmationId::parse(&line) {
                Ok(confirmation) => return Ok(Some(confirmation)),
                Err(error) => out.warn(error),
            }
        }
    }

    /// Lends the product key to the clipboard and opens the page that takes it.
    fn settings(&self, named: &Named, key: &ProductKey, out: &mut Out) -> Result<Outcome, Failure> {
        let has_page = self.running.target.installed.build >= FIRST_WITH_SETTINGS;
        let way = if has_page { "Change product key" } else { "Control Panel, System, Change product key" };
        out.note(format!(
            "Choose \"{way}\" and paste with Ctrl+V. The product key leaves the clipboard after 45 seconds."
        ));
        out.flush()?;
        let (mut opened, terminal) = (!has_page, io::stderr().is_terminal() && !out.json);
        let lent = desktop::lend_secret(key.reveal().as_str(), LENT, &mut |left| {
            if !opened {
                opened = true;
                // Without the page, the words above still lead there.
                let _ = desktop::open(ACTIVATION_PAGE);
            }
            if terminal {
                let _ = write!(io::stderr(), "\r{left:2} s ");
            }
            true
        });
        lent.map_err(|error| {
            Failure::from(error).hint(format!("keystow restore {} --reveal, and type it", named.name))
        })?;
        out.note("\nThe clipboard is empty again.");
        out.object(&json!({"schema": "keystow.install/1", "item": named.name, "method": "settings"}))?;
        out.line(format_args!(
            "{} was lent to the clipboard. `keystow scan` says whether Windows took it.",
            named.name
        ))?;
        Ok(Outcome::Done)
    }

    fn done(
        &self,
        named: &Named,
        plan: &Plan,
        now: &LicensedProduct,
        vault: Vault,
        out: &mut Out,
    ) -> Result<Outcome, Failure> {
        let status = status_of(now);
        out.object(&json!({
            "schema": "keystow.install/1", "item": list::object(named, out), "plan": plan_object(plan),
            "installed": true, "activated": status.is_licensed(), "status": status.as_str(),
            "reason": words::hresult(now.reason), "restart": false,
        }))?;
        let text = format!("{} is installed, and this Windows is {status}.", named.name);
        let tone = if status.is_licensed() { Tone::Good } else { Tone::Warn };
        let text = out.tone(tone, &text);
        out.line(text)?;
        if let Err(error) = self.app.note_installed(named, status.as_str(), vault) {
            out.warn(format!("problem: the vault does not say that it was installed: {error}"));
        }
        if status.is_licensed() {
            return Ok(Outcome::Done);
        }
        let (says, next) = words_of(now.reason);
        out.warn(format!("{says} ({})", words::hresult(now.reason)));
        out.note(format!("Next:  {next}"));
        Ok(Outcome::Partly)
    }

    fn undo(&self, rights_needed: bool, out: &mut Out) -> Result<Outcome, Failure> {
        if self.app.dry_run {
            out.line("Dry run: what was there before the last product key that Keystow installed would be put back.")?;
            return Ok(Outcome::Done);
        }
        if rights_needed {
            return Err(rights_failure());
        }
        let vault = self.app.open_vault()?;
        let opened: Opened = phrase::open(&vault, self.app, out)?;
        self.agree("Put back what was there before?", self.args.install.yes, "--yes", out)?;
        let Undone { back, activated } =
            self.app.undo(&opened, &self.running, self.limit)?.map_err(|error| failure(&error))?;
        out.object(&json!({
            "schema": "keystow.undo/1",
            "back": back.map(|partial| partial.to_string()),
            "activated": activated.as_ref().map(Result::is_ok),
        }))?;
        match back {
            Some(partial) => out.line(format_args!("Back to {}.", partial.masked(out.mask)))?,
            None => out.line("The product key was taken away; none that could be read was there before.")?,
        }
        match activated {
            Some(Err(error)) => Err(failure(&error)),
            _ => Ok(Outcome::Done),
        }
    }
}

/// A product key that was installed, or will be once Windows restarted.
enum Installed {
    AfterRestart(u32),
    Now(LicensedProduct),
}

fn status_of(product: &LicensedProduct) -> LicenseStatus {
    LicenseStatus::from_raw(product.status).unwrap_or(LicenseStatus::Unlicensed)
}

/// It is done, and takes effect after a restart.
fn restart(named: &Named, plan: &Plan, hresult: u32, out: &mut Out) -> Result<Outcome, Failure> {
    let (says, next) = words_of(hresult);
    out.object(&json!({
        "schema": "keystow.install/1", "item": list::object(named, out), "plan": plan_object(plan),
        "installed": true, "activated": false, "restart": true, "hresult": words::hresult(hresult),
    }))?;
    out.line(format_args!("{} is installed. {says}", named.name))?;
    out.note(format!("Next:  {next}"));
    Ok(Outcome::Partly)
}

/// Refuses to hand an item to the Windows that runs in another way, when it belongs to another PC.
pub(super) fn refuse_other_pc(named: &Named, args: &Restore, running: &Running) -> Result<(), Failure> {
    let stated = args.install.repaired.then_some(Stated::RepairWithSameModel);
    let plan = Plan::new(&named.stored.item, running, stated);
    if plan.fit.answer.fits() == Some(false) || plan.decision.step != Step::Refuse {
        return Ok(());
    }
    let error = format!("{} came with another PC: {}", named.name, plan.decision.sentence());
    Err(Failure::new(FailureKind::OtherMainboard, error).hint("a license that may move"))
}

fn plan_object(plan: &Plan) -> Value {
    json!({
        "product": plan.product.name,
        "fit": plan.fit.answer.as_str(),
        "fit_rule": plan.fit.rule.id,
        "device": plan.comparison.likeness.as_str(),
        "device_why": plan.comparison.sentence(),
        "step": plan.decision.step.as_str(),
        "rule": plan.decision.rule.id,
        "rule_date": plan.decision.rule.date,
    })
}

/// What an answer of the license service means, and the next step.
fn words_of(hresult: u32) -> (&'static str, &'static str) {
    match activation::explain(hresult) {
        Some(answer) => (answer.says, answer.next),
        None if hresult == 0 => (
            "Windows gives no reason",
            "restart Windows and look with keystow scan; then keystow restore ITEM --method settings",
        ),
        None => (activation::general(hresult), activation::class(hresult).next()),
    }
}

/// Words what the license service or Microsoft's server answered, with the next step.
fn failure(error: &LicensingError) -> Failure {
    use FailureKind as K;
    match error {
        LicensingError::Refused { call, hresult } => {
            let (says, next) = words_of(*hresult);
            let kind = match activation::class(*hresult) {
                Class::Network => K::NetworkNeeded,
                Class::Rights => K::RightsNeeded,
                _ => K::ActivationRefused,
            };
            let text = format!("{call}: {says} ({})", words::hresult(*hresult));
            Failure { hresult: Some(*hresult), ..Failure::new(kind, text).hint(next) }
        }
        LicensingError::TimedOut { .. } => {
            Failure::new(K::Failed, format!("{error}; whether it is still at work is not known"))
                .hint("restart Windows, look with `keystow scan`, then the same command again")
        }
        _ => Failure::new(K::Failed, error).hint("keystow restore ITEM --method settings"),
    }
}

fn rights_failure() -> Failure {
    let error = "installing a product key needs administrator rights";
    Failure::new(FailureKind::RightsNeeded, error)
        .hint("the same command with --elevate; or keystow restore ITEM --method settings")
}

/// Starts this command once more as administrator. It speaks in this console; where the output goes elsewhere, only its
/// exit code comes back.
fn elevated(app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).filter(|argument| argument != "--elevate").collect();
    arguments.extend(["--console-of".into(), std::process::id().to_string().into()]);
    arguments.extend(["--data-folder".into(), PathBuf::from(app.paths.data()).into_os_string()]);
    out.note("Windows now asks whether Keystow may act as administrator.");
    out.flush()?;
    let code = rights::run_elevated(&arguments).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => {
            Failure::new(FailureKind::RightsNeeded, "administrator rights were refused; nothing was changed")
                .hint("keystow restore ITEM --method settings")
        }
        _ => Failure::from(error),
    })?;
    Ok(Outcome::Elsewhere(u8::try_from(code).unwrap_or(1)))
}

fn confirmation(text: &str) -> Result<ConfirmationId, Failure> {
    ConfirmationId::parse(text).map_err(Failure::usage)
}

fn show_installation(installation: &InstallationId, out: &mut Out) -> Result<(), Failure> {
    out.note("Call Microsoft (slui 4 shows the number for your country) or use its page on a phone, and give these:");
    out.line(format_args!("Installation ID:  {}", installation))?;
    Ok(())
}

/// The confirmation ID comes later; until then everything stays as it is.
fn waiting(named: &Named, installation: &InstallationId, out: &mut Out) -> Result<Outcome, Failure> {
    out.object(&json!({
        "schema": "keystow.install/1", "item": named.name, "installed": true, "activated": false,
        "installation_id": installation.text(), "groups": installation.groups().collect::<Vec<_>>(),
    }))?;
    out.note(format!("Then:  keystow restore {} --method offline --confirmation-id DIGITS", named.name));
    Ok(Outcome::Partly)
}
