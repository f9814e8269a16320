//! Whether a product key fits the Windows that is installed.
//!
//! Input is the [`Product`] and what is installed; output is a [`Fit`]: an answer, and the rule behind it with its
//! date. Whether a product key is 32- or 64-bit does not matter and is written nowhere in it. For an exact answer on
//! one device its own `EditionMatrix.xml` decides; what no rule here covers is [`Answer::Unknown`], not a guess.
//!
//! Sources: named by each [`Rule`].

use super::{Edition, Generation, Product};

mod rules;

pub use rules::Rule;
use rules::{DOCUMENTED, HOMES, PATHS, SERVERS};

/// The Windows that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// `EditionID`.
    pub edition: Edition,
    /// `CurrentBuild`, such as 26100.
    pub build: u32,
}

/// Whether a product key fits, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The answer.
    pub answer: Answer,
    /// The rule that gave it.
    pub rule: &'static Rule,
}

/// What happens when the product key is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It is accepted and takes away features.
    DowngradesInPlace,
    /// Windows must be installed anew.
    NeedsCleanInstall,
    /// The server becomes this edition with `DISM /Online /Set-Edition`, which takes the product key.
    NeedsSetEdition,
    /// Setup must run over the installed Windows, with the product key (`setup.exe /pkey`).
    NeedsSetup,
    /// It is for a newer Windows.
    NewerVersionOnly,
    /// One of the two is an N edition: apps and settings would be lost.
    NOnlyWithN,
    /// It is refused: no way leads from the installed edition to its edition.
    NotThisEdition,
    /// It is for an older Windows.
    OldVersionOnly,
    /// It is for Office, or for a server and not a client, or the other way round.
    OtherProduct,
    /// It is for exactly this edition.
    Same,
    /// No rule covers it.
    Unknown,
    /// It upgrades certain editions, and this is none of them.
    UpgradeOnly,
    /// It is accepted and adds features.
    UpgradesInPlace,
}

impl Answer {
    /// Whether it is enough to enter the product key; `None` when no rule covers it.
    #[must_use]
    pub fn fits(self) -> Option<bool> {
        match self {
            Self::DowngradesInPlace | Self::Same | Self::UpgradesInPlace => Some(true),
            Self::Unknown => None,
            _ => Some(false),
        }
    }

    /// The word in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DowngradesInPlace => "downgrades-in-place",
            Self::NeedsCleanInstall => "needs-clean-install",
            Self::NeedsSetEdition => "needs-set-edition",
            Self::NeedsSetup => "needs-setup",
            Self::NewerVersionOnly => "newer-version-only",
            Self::NOnlyWithN => "n-only-with-n",
            Self::NotThisEdition => "not-this-edition",
            Self::OldVersionOnly => "old-version-only",
            Self::OtherProduct => "other-product",
            Self::Same => "same",
            Self::Unknown => "unknown",
            Self::UpgradeOnly => "upgrade-only",
            Self::UpgradesInPlace => "upgrades-in-place",
        }
    }
}

impl Installed {
    /// The generation.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation::of_build(self.build, self.edition.is_server())
    }
}

/// Says whether a product key for `product` fits `installed`.
#[must_use]
pub fn fit(product: &Product, installed: &Installed) -> Fit {
    if let Some(fit) = by_kind(product, installed).or_else(|| by_version(product, installed)) {
        return fit;
    }
    let Some(key) = &product.edition else {
        return Fit { answer: Answer::Unknown, rule: &rules::UNKNOWN };
    };
    let (from, to) = (&installed.edition, key);
    by_upgrade_mark(product, from)
        .or_else(|| (from == to).then_some(Fit { answer: Answer::Same, rule: &rules::SAME }))
        .or_else(|| by_path(from, to))
        .or_else(|| by_evaluation(from, to))
        .or_else(|| by_n(from, to))
        .or_else(|| by_long_term(from, to))
        .or_else(|| by_silence(from, to))
        .unwrap_or(Fit { answer: Answer::Unknown, rule: &rules::UNKNOWN })
}

/// Office, clients and servers do not take each other's product keys.
fn by_kind(product: &Product, installed: &Installed) -> Option<Fit> {
    let server = match &product.edition {
        Some(edition) => edition.is_server(),
        None => product.generation? == Generation::Server,
    };
    let other = product.generation == Some(Generation::Office) || server != installed.edition.is_server();
    other.then_some(Fit { answer: Answer::OtherProduct, rule: &rules::KIND })
}

/// Every generation has product keys of its own, and every server release too.
fn by_version(product: &Product, installed: &Installed) -> Option<Fit> {
    let (generation, here) = (product.generation?, installed.generation());
    let (order, rule) = if here == Generation::Server {
        let build =
            |name: &str| SERVERS.iter().rev().find(|(known, _)| name.starts_with(known)).map(|(_, build)| *build);
        let known = SERVERS.iter().any(|(_, build)| *build == installed.build);
        (build(&product.name).filter(|_| known)?.cmp(&installed.build), &rules::SERVER_RELEASE)
    } else {
        let rule = if here == Generation::Windows10 { &rules::OLD_VERSION } else { &rules::VERSION };
        (generation.cmp(&here), rule)
    };
    match order {
        std::cmp::Ordering::Less => Some(Fit { answer: Answer::OldVersionOnly, rule }),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Fit { answer: Answer::NewerVersionOnly, rule }),
    }
}

/// An upgrade-only product key says itself from which editions it upgrades.
fn by_upgrade_mark(product: &Product, from: &Edition) -> Option<Fit> {
    let listed = from.sku().is_some_and(|sku| product.upgrades_from().contains(&sku));
    let answer = if listed { Answer::UpgradesInPlace } else { Answer::UpgradeOnly };
    product.is_upgrade_only().then_some(Fit { answer, rule: &rules::UPGRADE_MARK })
}

/// Evaluation servers go only the listed ways; evaluation clients go none.
fn by_evaluation(from: &Edition, to: &Edition) -> Option<Fit> {
    let client = !from.is_server() && (from.is_evaluation() || to.is_evaluation());
    client.then_some(Fit { answer: Answer::NeedsCleanInstall, rule: &rules::EVALUATION })
}

fn by_n(from: &Edition, to: &Edition) -> Option<Fit> {
    let clients = !from.is_server() && from.is_known() && to.is_known();
    let differ = from.without_n().is_some() != to.without_n().is_some();
    (clients && differ).then_some(Fit { answer: Answer::NOnlyWithN, rule: &rules::N })
}

fn by_long_term(from: &Edition, to: &Edition) -> Option<Fit> {
    match (from.is_long_term(), to.is_long_term()) {
        (true, false) if to.is_known() => Some(Fit { answer: Answer::NeedsSetup, rule: &rules::FROM_LONG_TERM }),
        (false, true) if from.is_known() => Some(Fit { answer: Answer::NeedsCleanInstall, rule: &rules::TO_LONG_TERM }),
        _ => None,
    }
}

/// The documented ways; N editions go the same ways among themselves.
fn by_path(from: &Edition, to: &Edition) -> Option<Fit> {
    let (from, to) = match (from.without_n(), to.without_n()) {
        (Some(from), Some(to)) => (from, to),
        (None, None) => (from.clone(), to.clone()),
        _ => return None,
    };
    let row = PATHS.binary_search_by_key(&(from.id(), to.id()), |(from, to, _, _)| (from, to)).ok()?;
    PATHS.get(row).map(|(_, _, answer, rule)| Fit { answer: *answer, rule })
}

/// What the documents do not list among the editions they speak of is not possible. About Education to Enterprise
/// they disagree.
fn by_silence(from: &Edition, to: &Edition) -> Option<Fit> {
    let (from, to) = (from.without_n().unwrap_or(from.clone()), to.without_n().unwrap_or(to.clone()));
    let (from, to) = (from.id(), to.id());
    let no = |rule| Some(Fit { answer: Answer::NotThisEdition, rule });
    if HOMES.contains(&to) && (DOCUMENTED.contains(&from) || HOMES.contains(&from)) {
        return no(&rules::NOTHING_TO_HOME);
    }
    let spoken_of = DOCUMENTED.contains(&from) && DOCUMENTED.contains(&to) && (from, to) != ("Education", "Enterprise");
    if spoken_of { no(&rules::NO_PATH) } else { None }
}

#[cfg(test)]
mod tests;
