//! Members, invitations, and the audit log.

use std::collections::BTreeMap;
use std::path::Path;

use keystow_account::client::Client;
use keystow_account::id::{AccountId, SeriesId};
use keystow_account::organization::{Enrollment, Invitation};
use keystow_account::wire::organization::{Action, Entry, Member, Role};
use keystow_os::process::ask_secret;
use serde_json::json;

use super::{DAY, Run, date, refused, role, sign_in_again, time, write_secret};
use crate::app::account::Account;
use crate::app::error::Error;
use crate::app::fleet::inventory::Inventory;
use crate::app::fleet::{Fleet, FleetError};
use crate::app::vaults::first_line;
use crate::cli::args::fleet::RoleArg;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::out::Out;

impl Run<'_> {
    pub(super) fn init(&self, name: &str, out: &mut Out) -> Result<Outcome, Failure> {
        let name = name.trim();
        if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
            return Err(
                Failure::usage("an organization needs a name of 1 to 200 bytes").hint("keystow fleet init NAME")
            );
        }
        if self.only_said(&format!("{name} would be made"), out)? {
            return Ok(Outcome::Done);
        }
        let (account, key) = sign_in_again(self.app, out)?;
        let client = account.client().map_err(Error::from)?;
        let made = client.create_organization(&key, name, account.name.as_str()).map_err(Error::from)?;
        out.object(&json!({"schema": "keystow.fleet/1", "name": name, "id": made.0}))?;
        out.line(format_args!("{name} is there, and you own it."))?;
        out.note("A second owner is wise: whoever alone holds the keys can lose them.");
        out.note("\nNext:  keystow fleet invite --role owner --name NAME     a line to hand over");
        out.note("       keystow fleet enroll --out token.txt             a token for the machines");
        Ok(Outcome::Done)
    }

    pub(super) fn invite(
        &self,
        to_be: RoleArg,
        name: &str,
        days: u64,
        file: Option<&Path>,
        out: &mut Out,
    ) -> Result<Outcome, Failure> {
        if self.only_said(&format!("{name} would be invited"), out)? {
            return Ok(Outcome::Done);
        }
        let Fleet { client, account, id, membership, .. } = self.fleet(out)?;
        let made = client.invite(&account.address, id, &membership, role(to_be), name, days * DAY).map_err(refused)?;
        match file {
            Some(file) => {
                write_secret(file, &made.reveal())?;
                out.line(format_args!("The line for {name} is in {}.", file.display()))?;
            }
            None => out.text(&format!("{}\n", made.reveal().as_str()))?,
        }
        out.note(format!("Hand it to {name} by a way that you trust; it is good once, for {days} days."));
        out.note("There:  keystow fleet join");
        Ok(Outcome::Done)
    }

    pub(super) fn join(&self, from: Option<&Path>, out: &mut Out) -> Result<Outcome, Failure> {
        let line = match from {
            Some(file) => first_line(file)?,
            None if self.app.may_ask => {
                out.flush()?;
                ask_secret("The line that you were given: ")?
            }
            None => return Err(Failure::usage("no line was given").hint("--from FILE, or a terminal to ask on")),
        };
        let invitation = Invitation::parse(&line).ok_or(Error::Fleet(FleetError::NoInvitation))?;
        let Account { address, .. } = self.app.signed_in()?;
        if address.url.trim_end_matches('/') != invitation.address.url.trim_end_matches('/') {
            let (needed, found) = (invitation.address.url, address.url);
            return Err(Error::from(FleetError::OtherServer { needed, found }).into());
        }
        if self.only_said("you would join", out)? {
            return Ok(Outcome::Done);
        }
        let (account, key) = sign_in_again(self.app, out)?;
        let client = account.client().map_err(Error::from)?;
        let (role, membership) = client.join(&key, &invitation).map_err(refused)?;
        out.object(&json!({"schema": "keystow.fleet/1", "name": membership.name, "role": role}))?;
        out.line(format_args!("You are {} of {} now.", article(role), membership.name))?;
        let next = if role.reads() { "keystow fleet inventory" } else { "keystow fleet enroll --out token.txt" };
        out.note(format!("\nNext:  {next}"));
        Ok(Outcome::Done)
    }

    pub(super) fn members(&self, out: &mut Out) -> Result<Outcome, Failure> {
        let fleet = self.fleet(out)?;
        let members = members(&fleet)?;
        let objects = members.iter().map(|(member, name)| {
            json!({"name": name, "role": member.role, "id": member.member, "since": time(member.since).to_string()})
        });
        out.object(&json!({
            "schema": "keystow.fleet-members/1", "organization": fleet.membership.name, "role": fleet.role,
            "members": objects.collect::<Vec<_>>(),
        }))?;
        for (member, name) in &members {
            let you = if member.member == fleet.account.session.account { "  (you)" } else { "" };
            out.line(format_args!("{name:<28} {:<10} since {}{you}", member.role.as_str(), date(member.since)))?;
        }
        Ok(Outcome::Done)
    }

    pub(super) fn remove_member(&self, name: &str, out: &mut Out) -> Result<Outcome, Failure> {
        if self.only_said(&format!("{name} would be removed"), out)? {
            return Ok(Outcome::Done);
        }
        let fleet = self.fleet(out)?;
        let (member, name) = pick(members(&fleet)?, name)?;
        fleet.client.remove_member(fleet.id, member.member).map_err(refused)?;
        out.line(format_args!("{name} is no member any more, and gets nothing more from the server."))?;
        if member.role.reads() {
            out.note("What was read before is known to that person: product keys that matter should be replaced.");
        }
        Ok(Outcome::Done)
    }

    pub(super) fn set_role(&self, change: &str, out: &mut Out) -> Result<Outcome, Failure> {
        let parsed = change.rsplit_once('=').and_then(|(name, wanted)| {
            Some((name.trim(), Role::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(wanted.trim()))?))
        });
        let wrong = || Failure::usage("a change of role is NAME=ROLE").hint("--role anna=auditor, collector or owner");
        let (name, role) = parsed.ok_or_else(wrong)?;
        if self.only_said(&format!("{name} would become {}", article(role)), out)? {
            return Ok(Outcome::Done);
        }
        let fleet = self.fleet(out)?;
        let (member, name) = pick(members(&fleet)?, name)?;
        fleet.client.set_role(fleet.id, member.member, role).map_err(refused)?;
        out.line(format_args!("{name} is {} now.", article(role)))?;
        Ok(Outcome::Done)
    }

    pub(super) fn enroll(&self, file: &Path, days: u64, uses: Option<u64>, out: &mut Out) -> Result<Outcome, Failure> {
        if self.only_said(&format!("a token would go into {}", file.display()), out)? {
            return Ok(Outcome::Done);
        }
        if file.exists() {
            let error = format!("{} is there already", file.display());
            return Err(Failure::new(crate::cli::failure::FailureKind::Failed, error)
                .hint("another name; Keystow replaces no file"));
        }
        let Fleet { client, account, id, membership, .. } = self.fleet(out)?;
        let key = membership.held.enroll_key();
        let token = client.make_token(&account.address, id, &key, days * DAY, uses).map_err(refused)?;
        keep_token(&client, id, &token, file)?;
        out.object(
            &json!({"schema": "keystow.fleet-token/1", "id": token.invite, "file": file.display().to_string()}),
        )?;
        out.line(format_args!("The token is in {}. It is good for {days} days.", file.display()))?;
        out.note("Who has it can enroll machines, and read nothing. On each machine:");
        out.note("       keystow agent enroll --token-file FILE");
        out.note("       keystow agent run                       from a schedule");
        Ok(Outcome::Done)
    }

    pub(super) fn revoke_token(&self, wanted: &str, out: &mut Out) -> Result<Outcome, Failure> {
        if self.only_said("the token would be withdrawn", out)? {
            return Ok(Outcome::Done);
        }
        let fleet = self.fleet(out)?;
        let tokens = fleet.client.invites(fleet.id).map_err(refused)?;
        let mut count = 0;
        for token in tokens.iter().filter(|token| token.role.is_none()) {
            let named = wanted.len() >= 4 && token.invite.to_string().starts_with(wanted);
            if named || wanted == "all" {
                fleet.client.revoke_token(fleet.id, token.invite).map_err(refused)?;
                count += 1;
            }
        }
        match count {
            0 => out.line("No such token is there.")?,
            _ => out.line(format_args!("{count} tokens enroll nobody any more. Machines that enrolled stay."))?,
        }
        Ok(if count == 0 { Outcome::NothingFound } else { Outcome::Done })
    }

    pub(super) fn audit(&self, out: &mut Out) -> Result<Outcome, Failure> {
        let fleet = self.fleet(out)?;
        let mut known = self.app.known(&fleet)?;
        // What was seen before must still be there; then all of it is read.
        let looked = self.app.look(&fleet, &mut known)?;
        let entries = fleet.client.audit(fleet.id, None).map_err(Error::from)?;
        let same = known
            .audit
            .is_none_or(|head| entries.iter().any(|entry| entry.index == head.index && entry.hash == head.hash));
        if !same {
            let lie = fleet.client.other_audit();
            return Err(Error::from(lie).into());
        }
        let inventory = Inventory::of(&known);
        let names = Names::new(&fleet, &inventory, &entries)?;
        let objects = entries.iter().map(|entry| {
            json!({
                "number": entry.index, "time": time(entry.time).to_string(), "action": entry.action,
                "actor": names.actor(entry), "subject": names.subject(entry),
            })
        });
        out.object(&json!({"schema": "keystow.fleet-audit/1", "entries": objects.collect::<Vec<_>>()}))?;
        for entry in &entries {
            let at = time(entry.time).strftime("%Y-%m-%d %H:%M");
            out.line(format_args!("{at}  {} {}", names.actor(entry), says(entry, &names)))?;
        }
        out.note(format!("\n{} rows; the chain is whole, and holds what this PC saw before.", entries.len()));
        Ok(super::say_faults(&looked.faults, &inventory, out))
    }
}

/// Writes the token down; where that fails, it is withdrawn, since nobody could use it.
fn keep_token(client: &Client, id: AccountId, token: &Enrollment, file: &Path) -> Result<(), Failure> {
    write_secret(file, &token.reveal()).inspect_err(|_| {
        let _ = client.revoke_token(id, token.invite);
    })
}

fn members(fleet: &Fleet) -> Result<Vec<(Member, String)>, Failure> {
    fleet.client.members(fleet.id, &fleet.membership.held.enroll_key()).map_err(refused)
}

/// The member that a person means: by name, or by the beginning of the id.
fn pick(members: Vec<(Member, String)>, wanted: &str) -> Result<(Member, String), Failure> {
    let named = |(member, name): &(Member, String)| {
        name.eq_ignore_ascii_case(wanted) || (wanted.len() >= 4 && member.member.to_string().starts_with(wanted))
    };
    let missing = || Error::from(FleetError::NoMember { name: wanted.to_owned() }).into();
    members.into_iter().find(named).ok_or_else(missing)
}

/// The names of whom and what the audit log names: also of those that are gone.
struct Names(BTreeMap<[u8; 16], String>);

impl Names {
    fn new(fleet: &Fleet, inventory: &Inventory, entries: &[Entry]) -> Result<Self, Failure> {
        let key = fleet.membership.held.enroll_key();
        let mut all = BTreeMap::new();
        for entry in entries {
            let Some(name) = entry.name(&key) else { continue };
            let id = if whose(entry.action) { &entry.actor.0 } else { &entry.subject.0 };
            all.extend(id.first_chunk::<16>().map(|id| (*id, name)));
        }
        all.extend(inventory.machines.iter().map(|machine| (*machine.series.as_bytes(), machine.name.clone())));
        all.extend(members(fleet)?.into_iter().map(|(member, name)| (*member.member.as_bytes(), name)));
        Ok(Self(all))
    }

    fn actor(&self, entry: &Entry) -> String {
        self.of(&entry.actor.0)
    }

    fn subject(&self, entry: &Entry) -> String {
        if entry.action == Action::Created { String::new() } else { self.of(&entry.subject.0) }
    }

    fn of(&self, bytes: &[u8]) -> String {
        let Some(id) = bytes.first_chunk::<16>() else { return String::new() };
        self.0.get(id).cloned().unwrap_or_else(|| SeriesId::new(*id).to_string())
    }
}

/// Whether the name that a row keeps is that of who did it, and not of whom or what it was done to.
fn whose(action: Action) -> bool {
    matches!(action, Action::Created | Action::Joined)
}

/// What an entry says, after the name of who did it.
fn says(entry: &Entry, names: &Names) -> String {
    let subject = names.subject(entry);
    match entry.action {
        Action::Created => "made the organization".to_owned(),
        Action::Invited => format!("invited {subject}"),
        Action::InviteRevoked => format!("withdrew the invitation of {subject}"),
        Action::Joined => "joined".to_owned(),
        Action::RoleChanged => {
            let role = entry.subject.0.get(16..).map(String::from_utf8_lossy).unwrap_or_default();
            format!("gave {subject} the role {role}")
        }
        Action::MemberRemoved => format!("removed the member {subject}"),
        Action::TokenMade => format!("made an enrollment token ({subject})"),
        Action::TokenRevoked => format!("withdrew an enrollment token ({subject})"),
        Action::MachineEnrolled => format!("enrolled with the token {subject}"),
        Action::MachineRemoved => format!("removed the machine {subject}"),
        Action::InventoryRead => "read reports".to_owned(),
    }
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Owner => "an owner",
        Role::Auditor => "an auditor",
        Role::Collector => "a collector",
    }
}
