//! Whether a license that was kept belongs on the PC here, and what to do with it.
//!
//! Input is what is known of the license and of the two PCs; output is a [`Decision`]: a step, and the rule behind it
//! with its date. It is guidance: the terms of the person's own license decide, and Microsoft alone knows whether it
//! accepts a product key. Nothing here installs anything.
//!
//! Sources: named by each rule.

use super::fit::{Answer, Rule};
use super::{Channel, Edition, LicenseType};
use crate::device::Likeness;

mod rules;

use rules::ROWS;

/// What is known of a license and of the PC here.
#[derive(Clone, Debug)]
pub struct Question {
    /// The channel of the product key, where known.
    pub channel: Option<Channel>,
    /// How the license was sold, where the channel or the license digit says so; the channel goes first.
    pub license: Option<LicenseType>,
    /// Whether the whole product key is kept.
    pub has_key: bool,
    /// Whether the product key is shared, and so stands for a digital license.
    pub generic: bool,
    /// What happens when the product key is entered in the Windows here.
    pub fit: Answer,
    /// The edition that the product key is for.
    pub edition: Option<Edition>,
    /// Whether the PC here is the one on which the license was kept.
    pub likeness: Likeness,
    /// What the person states of themselves.
    pub stated: Option<Stated>,
    /// Whether the person asks for this license by name, and did not only sign in or ask what fits.
    pub requested: bool,
}

/// What a person states about the PC here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stated {
    /// Its mainboard was defective and was replaced by the same or an equivalent model.
    RepairWithSameModel,
    /// It is the PC with which the license came.
    SamePc,
}

/// What to do with the license.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Show what is kept and the way through the Microsoft account: there is no product key to enter.
    Account,
    /// Enter the product key.
    Apply,
    /// Enter the product key when the person answers this with yes.
    Ask(Asked),
    /// Do nothing: Windows finds the product key in the firmware by itself.
    LeaveToSetup,
    /// Leave it to the organization that owns the license.
    Organization,
    /// Do not enter the product key here.
    Refuse,
}

/// What a person is asked before a product key is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asked {
    /// Whether it may change the edition of the Windows here.
    ChangeEdition,
    /// Whether it shall be entered although Windows finds it by itself.
    EnterAnyway,
    /// Whether no other PC uses the license now.
    OnlyPc,
    /// Whether the PC here is the one with which the license came.
    OwnPc,
    /// Whether the mainboard was defective and was replaced by the same or an equivalent model.
    SameModel,
    /// Whether it was bought by itself and not with a PC.
    SoldByItself,
    /// Whether it shall be tried although no rule says that it fits.
    TryUnsureFit,
}

/// What to do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The step.
    pub step: Step,
    /// The rule that decided.
    pub rule: &'static Rule,
    /// Whether what the person states already answers what [`Step::Ask`] asks, with yes.
    pub answered: bool,
    /// The edition that the product key is for, when it does not fit the one here.
    pub needs: Option<Edition>,
}

/// Where a license belongs, as far as this decision goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// With one PC, whose firmware holds the product key.
    Firmware,
    /// With one PC.
    Oem,
    /// With whoever bought it.
    Retail,
    /// Nobody can tell.
    Unsure,
}

impl Step {
    /// The word in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Apply => "apply",
            Self::Ask(_) => "ask",
            Self::LeaveToSetup => "leave-to-setup",
            Self::Organization => "organization",
            Self::Refuse => "refuse",
        }
    }
}

/// The stable name, the question, plain words.
const QUESTIONS: [(&str, Asked, &str); 7] = [
    (
        "change-edition",
        Asked::ChangeEdition,
        "This product key changes the edition of the Windows on this PC, and there may be no way back. Enter it?",
    ),
    (
        "enter-anyway",
        Asked::EnterAnyway,
        "Windows finds this product key in the firmware and uses it by itself. Enter it all the same?",
    ),
    ("only-pc", Asked::OnlyPc, "The license may be in use on one PC at a time. Is this the only PC that uses it now?"),
    ("own-pc", Asked::OwnPc, "Is this the PC it came with?"),
    (
        "same-model",
        Asked::SameModel,
        "Was this PC's mainboard defective, and was it replaced by the same or an equivalent model?",
    ),
    ("sold-by-itself", Asked::SoldByItself, "Was this license bought by itself, and not with a PC?"),
    (
        "try-unsure-fit",
        Asked::TryUnsureFit,
        "No rule says whether this product key fits the Windows on this PC. Windows refuses one that does not. Try it?",
    ),
];

impl Asked {
    /// Every question, in the order of their names.
    pub const ALL: [Self; 7] = [
        Self::ChangeEdition,
        Self::EnterAnyway,
        Self::OnlyPc,
        Self::OwnPc,
        Self::SameModel,
        Self::SoldByItself,
        Self::TryUnsureFit,
    ];

    /// The word in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The question in plain words; yes means that the product key may be entered.
    #[must_use]
    pub fn words(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (&'static str, Self, &'static str) {
        QUESTIONS.iter().find(|row| row.1 == self).unwrap_or(&QUESTIONS[3])
    }
}

impl Decision {
    /// The rule in plain words, and the edition to install where one is needed.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.needs {
            Some(edition) => format!("{} It is for {}.", self.rule.says, edition.name()),
            None => self.rule.says.to_owned(),
        }
    }
}

/// Says what to do with a license on the PC here.
#[must_use]
pub fn decide(question: &Question) -> Decision {
    let kind = Kind::of(question);
    let (step, rule) = by_sort(question).unwrap_or_else(|| by_pc(kind, question));
    // What may not be entered here at all needs no look at the edition.
    let unfit = if may_enter(step) { by_fit(question.fit) } else { None };
    let needs = question.edition.clone().filter(|_| unfit.is_some());
    let (step, rule) = unfit.map_or_else(|| with_care(step, rule, question.fit), |rule| (Step::Refuse, rule));
    Decision { step, rule, answered: is_answered(step, question), needs }
}

impl Kind {
    fn of(question: &Question) -> Self {
        match (question.channel, question.license) {
            (Some(Channel::OemDm), _) => Self::Firmware,
            (Some(channel), _) if channel.is_oem() => Self::Oem,
            (Some(Channel::Retail), _) | (None, Some(LicenseType::Retail)) => Self::Retail,
            (None, Some(LicenseType::Oem)) => Self::Oem,
            _ => Self::Unsure,
        }
    }
}

/// Licenses for which it does not matter on which PC they are.
fn by_sort(question: &Question) -> Option<(Step, &'static Rule)> {
    match question.channel {
        Some(Channel::RetailEval) => Some((Step::Refuse, &rules::EVALUATION)),
        Some(Channel::PayAsYouGo | Channel::VirtualMachine) => Some((Step::Organization, &rules::ORGANIZATION)),
        Some(channel) if channel.is_volume() => Some((Step::Organization, &rules::ORGANIZATION)),
        None if question.license == Some(LicenseType::Volume) => Some((Step::Organization, &rules::ORGANIZATION)),
        _ if question.generic => Some((Step::Account, &rules::DIGITAL)),
        _ if !question.has_key => Some((Step::Account, &rules::NO_PRODUCT_KEY)),
        _ => None,
    }
}

fn by_pc(kind: Kind, question: &Question) -> (Step, &'static Rule) {
    let row = ROWS.iter().find(|(row_kind, likeness, _, _)| (*row_kind, *likeness) == (kind, question.likeness));
    let (step, rule) = row.map_or((Step::Refuse, &rules::OEM_BOUND), |(_, _, step, rule)| (*step, *rule));
    let oem = matches!(kind, Kind::Firmware | Kind::Oem);
    let repair = question.likeness == Likeness::Repaired && question.stated == Some(Stated::RepairWithSameModel);
    match step {
        Step::Refuse if oem && repair => (Step::Ask(Asked::SameModel), &rules::OEM_REPAIR),
        Step::LeaveToSetup if question.requested => (Step::Ask(Asked::EnterAnyway), rule),
        _ => (step, rule),
    }
}

fn may_enter(step: Step) -> bool {
    matches!(step, Step::Apply | Step::Ask(_) | Step::LeaveToSetup)
}

/// The rule that speaks against the product key here, whoever may use it.
fn by_fit(fit: Answer) -> Option<&'static Rule> {
    match fit {
        Answer::DowngradesInPlace | Answer::Same | Answer::Unknown | Answer::UpgradesInPlace => None,
        Answer::NewerVersionOnly | Answer::OldVersionOnly => Some(&rules::OTHER_VERSION),
        Answer::NeedsSetEdition | Answer::NeedsSetup => Some(&rules::THROUGH_SETUP),
        Answer::OtherProduct => Some(&rules::OTHER_PRODUCT),
        Answer::NOnlyWithN | Answer::NeedsCleanInstall | Answer::NotThisEdition | Answer::UpgradeOnly => {
            Some(&rules::OTHER_EDITION)
        }
    }
}

/// Nothing changes an edition, or tries what no rule covers, without a question.
fn with_care(step: Step, rule: &'static Rule, fit: Answer) -> (Step, &'static Rule) {
    match (step, fit) {
        (Step::Apply, Answer::Unknown) => (Step::Ask(Asked::TryUnsureFit), &rules::UNSURE_FIT),
        (Step::Apply, Answer::DowngradesInPlace | Answer::UpgradesInPlace) => {
            (Step::Ask(Asked::ChangeEdition), &rules::CHANGES_EDITION)
        }
        _ => (step, rule),
    }
}

fn is_answered(step: Step, question: &Question) -> bool {
    match step {
        Step::Ask(Asked::SameModel) => question.stated == Some(Stated::RepairWithSameModel),
        Step::Ask(Asked::OnlyPc | Asked::OwnPc) => question.stated.is_some() && question.likeness != Likeness::Other,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
