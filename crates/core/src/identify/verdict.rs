//! The seven verdicts: what each finding means for its owner, and which one is the one to keep.
//!
//! Input is every finding of one Windows, as plain facts; output is one [`Verdict`] for each, and the order in which
//! they are worth keeping. A verdict names its rule, and the rule its date and source: what Microsoft accepts changes.

use std::fmt;

use super::{Channel, Generic, LicenseType};
use crate::KeyForm;

/// What a finding means for its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VerdictKind {
    /// Retail and the person's own.
    KeepMovable,
    /// Bound to this PC's mainboard.
    KeepThisPc,
    /// A shared product key stands for a license that Microsoft keeps.
    NoKeyNeeded,
    /// A Windows 7 or 8 product key beside a newer Windows.
    OldVersionOnly,
    /// An organization activates this PC.
    Organization,
    /// Only the last five symbols, or none, are stored.
    PartialOnly,
    /// Sources disagree, or a check failed.
    Unsure,
}

/// A verdict with the rule it follows and what spoke for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which of the seven.
    pub kind: VerdictKind,
    /// The rule that decided.
    pub rule: &'static Rule,
    /// What was seen, as sentences without their end.
    pub why: Vec<String>,
}

/// A rule of judgement.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its stable name.
    pub id: &'static str,
    /// The day its facts were last looked at, or took effect.
    pub date: &'static str,
    /// What it rests on.
    pub source: &'static str,
    /// What it says.
    pub sentence: &'static str,
}

/// The sorts of places that hold product keys, in the order of their weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlaceKind {
    /// `CurrentVersion` of the Windows that runs there.
    Installed,
    /// The MSDM table.
    Firmware,
    /// `BackupProductKeyDefault`.
    BackupDefault,
    /// A list, a report or a Setup file that someone wrote.
    Typed,
    /// `Source OS`: a Windows that an upgrade replaced, or one in `Windows.old`.
    EarlierWindows,
    /// Internet Explorer's copy, made when Windows was installed.
    BrowserCopy,
    /// `DefaultProductKey`: what Setup used before anybody typed anything.
    SetupDefault,
    /// The SLIC table: it holds no product key and says what the PC was sold with.
    FirmwareMarker,
    /// Microsoft Office.
    Office,
    /// Microsoft SQL Server.
    SqlServer,
}

/// How much of a product key a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeldKind {
    /// Cleared by Windows.
    Blanked,
    /// All of it.
    Full(KeyForm),
    /// The last five symbols at most.
    Partial,
}

/// What the rules look at in one finding.
#[derive(Clone, Debug)]
pub struct Fact<'a> {
    /// The sort of place.
    pub place: PlaceKind,
    /// What it holds.
    pub held: HeldKind,
    /// The channel, where known.
    pub channel: Option<Channel>,
    /// How the license was sold, where the channel or the license digit says so.
    pub license: Option<LicenseType>,
    /// The shared product key it is, if it is one.
    pub generic: Option<&'a Generic>,
    /// Whether the product is a Windows before 10.
    pub old_windows: bool,
    /// Whether the Windows it is installed in is activated, where the license service was asked.
    pub licensed: Option<bool>,
    /// The first check that failed, in words.
    pub failed: Option<String>,
}

/// What the rules look at in the Windows around the findings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting {
    /// Whether it is Windows 10 or newer, or unknown.
    pub new_windows: bool,
}

/// Judges one finding.
#[must_use]
pub fn judge(fact: &Fact<'_>, setting: Setting) -> Verdict {
    let (kind, id) = decide(fact, setting);
    let mut why = Vec::new();
    if let Some(failed) = &fact.failed {
        why.push(failed.clone());
    }
    // The channel of a shared product key says nothing about the license that it stands for.
    match fact.channel {
        _ if id.starts_with("generic") => why.push("it is a published product key that many PCs share".to_owned()),
        Some(channel) => why.push(format!("channel {channel}: {}", channel.plain())),
        None => {}
    }
    if id == "firmware" && fact.old_windows && setting.new_windows {
        why.push("it is for a Windows before 10, and a new Windows 10 or 11 may refuse it".to_owned());
    }
    Verdict { kind, rule: rule(id), why }
}

/// The positions of what is worth keeping, best first: the first is *the one to keep*. Shared product keys, remains
/// and doubtful findings are not among them.
#[must_use]
pub fn keep(judged: &[(PlaceKind, VerdictKind)]) -> Vec<usize> {
    let mut keep: Vec<usize> =
        (0..judged.len()).filter(|i| judged.get(*i).is_some_and(|(place, kind)| is_kept(*place, *kind))).collect();
    keep.sort_by_key(|i| judged.get(*i).map(|(place, _)| *place));
    keep
}

fn is_kept(place: PlaceKind, kind: VerdictKind) -> bool {
    let own = matches!(kind, VerdictKind::KeepMovable | VerdictKind::KeepThisPc | VerdictKind::OldVersionOnly);
    own && !matches!(place, PlaceKind::FirmwareMarker | PlaceKind::SetupDefault)
}

fn decide(fact: &Fact<'_>, setting: Setting) -> (VerdictKind, &'static str) {
    use VerdictKind as V;
    match (fact.held, fact.place) {
        (_, PlaceKind::Typed) if fact.failed.is_some() => return (V::Unsure, "mistyped"),
        _ if fact.failed.is_some() => return (V::Unsure, "check-failed"),
        (_, PlaceKind::FirmwareMarker) => return (V::KeepThisPc, "slic-marker"),
        (HeldKind::Partial, _) => return (V::PartialOnly, "last-five"),
        (HeldKind::Blanked, _) => return (V::PartialOnly, "blanked"),
        (_, PlaceKind::Firmware) => return (V::KeepThisPc, "firmware"),
        (_, PlaceKind::SetupDefault) => return (V::NoKeyNeeded, "setup-default"),
        _ => {}
    }
    match (fact.channel, fact.license) {
        (Some(Channel::RetailEval), _) => (V::NoKeyNeeded, "evaluation"),
        (Some(Channel::PayAsYouGo | Channel::VirtualMachine), _) | (_, Some(LicenseType::Volume)) => {
            (V::Organization, "volume")
        }
        _ if fact.generic.is_some() && fact.licensed == Some(false) => (V::Unsure, "generic-unlicensed"),
        _ if fact.generic.is_some() => (V::NoKeyNeeded, "generic"),
        _ if fact.old_windows && setting.new_windows => (V::OldVersionOnly, "old-windows"),
        (Some(Channel::OemSlp), _) => (V::KeepThisPc, "factory-slp"),
        (_, Some(LicenseType::Retail)) => (V::KeepMovable, "retail"),
        (_, Some(LicenseType::Oem)) => (V::KeepThisPc, "oem"),
        _ if fact.held == HeldKind::Full(KeyForm::Pkey2005) => (V::Unsure, "hidden-channel"),
        _ => (V::Unsure, "unknown-group"),
    }
}

fn rule(id: &str) -> &'static Rule {
    let found = RULES.binary_search_by_key(&id, |rule| rule.id).ok().and_then(|i| RULES.get(i));
    found.unwrap_or(&UNKNOWN)
}

/// All rules, for the documentation, sorted by name.
#[must_use]
pub fn rules() -> &'static [Rule] {
    RULES
}

const UNKNOWN: Rule = Rule { id: "none", date: "2026-11-24", source: "", sentence: "No rule answers." };

const RULES: &[Rule] = &[
    Rule {
        id: "blanked",
        date: "2026-11-24",
        source: "Microsoft, slmgr.vbs options (/cpky); two blanked values",
        sentence: "Windows cleared this product key, as it does with volume product keys. No program can read it.",
    },
    Rule {
        id: "check-failed",
        date: "2026-11-24",
        source: "the checks stored beside the value",
        sentence: "A check of the stored value fails, or two places disagree. Do not wipe yet.",
    },
    Rule {
        id: "evaluation",
        date: "2026-11-24",
        source: "channel names of pkeyconfig",
        sentence: "This is an evaluation. It ends by itself and there is nothing to keep.",
    },
    Rule {
        id: "factory-slp",
        date: "2026-11-24",
        source: "channel names of pkeyconfig; SLIC tables of 185 PCs",
        sentence: "The PC maker put the same product key on many PCs. It works only with this mainboard; the one on \
                   the sticker is the person's own.",
    },
    Rule {
        id: "firmware",
        date: "2026-11-24",
        source: "273 real MSDM tables; Microsoft OEM FAQ",
        sentence: "The product key in the firmware belongs to this mainboard and cannot move. Setup finds it by itself.",
    },
    Rule {
        id: "generic",
        date: "2026-11-24",
        source: "published product keys",
        sentence: "The same product key is on millions of PCs. The license is kept at Microsoft for this mainboard.",
    },
    Rule {
        id: "generic-unlicensed",
        date: "2026-11-24",
        source: "published product keys; the license service of this Windows",
        sentence: "The same product key is on millions of PCs, and this Windows is not activated: no license of its own \
                   shows. Activate it, or find the license elsewhere, before you wipe.",
    },
    Rule {
        id: "hidden-channel",
        date: "2026-11-24",
        source: "the 2005 form shows no group",
        sentence: "A product key of this age shows neither edition nor channel; only letters and length can be checked.",
    },
    Rule {
        id: "last-five",
        date: "2026-11-24",
        source: "Office 2013 and later store no product key",
        sentence: "The PC keeps the last five characters at most. No program can read the rest; keep the account or receipt.",
    },
    Rule {
        id: "mistyped",
        date: "2026-11-24",
        source: "the checksum inside the product key; 226 published and 269 firmware product keys",
        sentence: "This product key was typed wrong somewhere: its checksum fails. Compare it with where it came from.",
    },
    Rule {
        id: "oem",
        date: "2026-11-24",
        source: "Microsoft OEM FAQ, learn.microsoft.com/answers 4024845",
        sentence: "A PC maker's product key belongs to the first PC; a new mainboard counts as a new PC.",
    },
    Rule {
        id: "old-windows",
        date: "2023-09-20",
        source: "Microsoft notice of 20 September 2023, as the press reported it",
        sentence: "A Windows 7 or 8 product key activates its own Windows only; it no longer activates a new 10 or 11.",
    },
    Rule {
        id: "retail",
        date: "2026-11-24",
        source: "channel names of pkeyconfig; Microsoft license terms",
        sentence: "Bought separately: it may move to another PC, one PC at a time.",
    },
    Rule {
        id: "setup-default",
        date: "2026-11-24",
        source: "DefaultProductKey in three real registries",
        sentence: "Setup used this product key before anybody typed one. It is nobody's own.",
    },
    Rule {
        id: "slic-marker",
        date: "2026-11-24",
        source: "SLIC tables of 185 PCs",
        sentence: "The firmware says that this PC was sold with Windows Vista, 7 or Server. It holds no product key.",
    },
    Rule {
        id: "unknown-group",
        date: "2026-11-24",
        source: "pkeyconfig of Windows 11 24H2",
        sentence: "The group of this product key is in no table here, so its edition and channel are not known.",
    },
    Rule {
        id: "volume",
        date: "2026-11-24",
        source: "channel names of pkeyconfig",
        sentence: "An organization's agreement activates this PC; ask its administrator.",
    },
];

impl VerdictKind {
    /// All seven, sorted by name.
    pub const ALL: [Self; 7] = [
        Self::KeepMovable,
        Self::KeepThisPc,
        Self::NoKeyNeeded,
        Self::OldVersionOnly,
        Self::Organization,
        Self::PartialOnly,
        Self::Unsure,
    ];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeepMovable => "keep-movable",
            Self::KeepThisPc => "keep-this-pc",
            Self::NoKeyNeeded => "no-key-needed",
            Self::OldVersionOnly => "old-version-only",
            Self::Organization => "organization",
            Self::PartialOnly => "partial-only",
            Self::Unsure => "unsure",
        }
    }

    /// The verdict of a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What it means, in the words people read.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::KeepMovable => "This key is your license. You may use it on one PC at a time.",
            Self::KeepThisPc => {
                "This key belongs to this PC's mainboard. It cannot move. Windows finds it by itself when you reinstall."
            }
            Self::NoKeyNeeded => {
                "The key on this PC is the same on millions of PCs. Your license is stored at Microsoft for this \
                 mainboard. Link it to your account."
            }
            Self::OldVersionOnly => "Valid for Windows 7/8. Since 2023 it no longer activates a new 10/11.",
            Self::Organization => "Your organization activates this PC.",
            Self::PartialOnly => {
                "Windows keeps only the last five characters. No program can read the rest. Keep the account or the \
                 receipt."
            }
            Self::Unsure => "Two places disagree. Do not wipe yet.",
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Setting = Setting { new_windows: true };

    fn fact(place: PlaceKind, channel: Option<Channel>) -> Fact<'static> {
        let held = HeldKind::Full(KeyForm::Pkey2009);
        let license = channel.map(|channel| if channel.is_oem() { LicenseType::Oem } else { LicenseType::Retail });
        Fact { place, held, channel, license, generic: None, old_windows: false, licensed: None, failed: None }
    }

    #[test]
    fn the_rules_are_sorted_and_every_decision_names_one() {
        assert!(RULES.is_sorted_by_key(|rule| rule.id));
        for channel in [None, Some(Channel::Retail), Some(Channel::OemDm), Some(Channel::OemSlp)] {
            for place in [PlaceKind::Installed, PlaceKind::Firmware, PlaceKind::SetupDefault] {
                for held in [HeldKind::Blanked, HeldKind::Partial, HeldKind::Full(KeyForm::Pkey2005)] {
                    for failed in [None, Some("the CRC is wrong".to_owned())] {
                        let fact = Fact { held, failed, ..fact(place, channel) };
                        assert_ne!(judge(&fact, NEW).rule.id, "none", "{fact:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn retail_moves_and_oem_does_not() {
        assert_eq!(judge(&fact(PlaceKind::Installed, Some(Channel::Retail)), NEW).kind, VerdictKind::KeepMovable);
        for channel in [Channel::OemDm, Channel::OemCoa, Channel::OemNonslp, Channel::OemSlp] {
            assert_eq!(
                judge(&fact(PlaceKind::Installed, Some(channel)), NEW).kind,
                VerdictKind::KeepThisPc,
                "{channel}"
            );
        }
    }

    #[test]
    fn a_failed_check_outweighs_everything() {
        let fact = Fact { failed: Some("the CRC is wrong".into()), ..fact(PlaceKind::Firmware, Some(Channel::OemDm)) };
        assert_eq!(judge(&fact, NEW).kind, VerdictKind::Unsure);
    }

    #[test]
    fn an_old_key_is_good_for_its_own_windows_only() {
        let old = Fact { old_windows: true, ..fact(PlaceKind::EarlierWindows, Some(Channel::Retail)) };
        assert_eq!(judge(&old, NEW).kind, VerdictKind::OldVersionOnly);
        assert_eq!(judge(&old, Setting { new_windows: false }).kind, VerdictKind::KeepMovable);
    }

    #[test]
    fn the_installed_key_comes_before_the_firmware_and_shared_ones_are_left_out() {
        use PlaceKind as P;
        use VerdictKind as V;
        let judged = [
            (P::EarlierWindows, V::OldVersionOnly),
            (P::Firmware, V::KeepThisPc),
            (P::Installed, V::KeepMovable),
            (P::SetupDefault, V::NoKeyNeeded),
            (P::BrowserCopy, V::KeepMovable),
            (P::Office, V::PartialOnly),
        ];
        assert_eq!(keep(&judged), [2, 1, 0, 4]);
    }

    #[test]
    fn names_come_back() {
        for kind in VerdictKind::ALL {
            assert_eq!(VerdictKind::parse(kind.as_str()), Some(kind));
        }
    }
}
