//! One look at one or more sources: gathers, merges what is the same, judges, and orders what is worth keeping.

use std::collections::HashMap;

use keystow_core::ProductKey;
use keystow_core::identify::verdict::{self, Fact, HeldKind, PlaceKind, Setting};
use keystow_core::identify::{Knowledge, LicenseType};
use keystow_core::product_id::{Check, CheckName, Outcome};

use crate::finding::{Evidence, Finding, FindingId, Found, Held, Installation, Origin, Problem, hide_controls};
use crate::source::Source;

/// Windows 10 began with this build; what is below has product keys of its own.
const FIRST_NEW_BUILD: u32 = 10_240;

/// What one look gave.
#[derive(Debug, Default)]
pub struct Scan {
    /// What was found, each with its verdict.
    pub findings: Vec<Finding>,
    /// The Windows that were met.
    pub installations: Vec<Installation>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What is worth keeping, best first for each PC.
    pub keep: Vec<FindingId>,
}

/// Collects while the sources are read.
#[derive(Default)]
pub(crate) struct Gathering {
    pub(crate) knowledge: Knowledge,
    found: Vec<(usize, Found)>,
    installations: Vec<Installation>,
    problems: Vec<Problem>,
    /// One group for each PC: its findings are judged together.
    group: usize,
    /// Which hives the group has so far. A second one of the same kind is of another PC.
    hives: Vec<&'static str>,
}

/// Looks in all sources. A folder is one PC; single files that follow each other are of one PC, as long as they do not
/// bring the same hive twice. What cannot be read becomes a problem.
#[must_use]
pub fn scan(sources: &[Source]) -> Scan {
    let mut gathering = Gathering::default();
    for source in sources {
        source.look(&mut gathering);
    }
    gathering.judge()
}

impl Gathering {
    pub(crate) fn add(&mut self, mut found: Found) {
        // The names of nodes come from the disk, like everything else.
        let Origin { source, path, value } = &mut found.origin;
        for text in [source, path, value] {
            *text = hide_controls(text);
        }
        self.found.push((self.group, found));
    }

    pub(crate) fn problem(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Adds an installation and gives its position.
    pub(crate) fn installation(&mut self, installation: Installation) -> usize {
        self.installations.push(installation);
        self.installations.len() - 1
    }

    /// How many installations were met so far.
    pub(crate) fn installations(&self) -> usize {
        self.installations.len()
    }

    /// The installation that was added last.
    pub(crate) fn last_installation(&self) -> Option<usize> {
        self.installations.len().checked_sub(1)
    }

    pub(crate) fn installation_at(&self, at: usize) -> Option<&Installation> {
        self.installations.get(at)
    }

    /// An installation, to add what is known of it elsewhere.
    pub(crate) fn installation_mut(&mut self, at: usize) -> Option<&mut Installation> {
        self.installations.get_mut(at)
    }

    /// What was found so far on this PC.
    pub(crate) fn found_mut(&mut self) -> impl Iterator<Item = &mut Found> {
        let group = self.group;
        self.found.iter_mut().filter(move |(of, _)| *of == group).map(|(_, found)| found)
    }

    /// Notes that an organization's subscription raises the edition of an installation.
    pub(crate) fn subscribe(&mut self, at: usize) {
        if let Some(installation) = self.installations.get_mut(at) {
            installation.subscription = true;
        }
    }

    /// A new source: what is read from here on belongs to one PC.
    pub(crate) fn begin(&mut self) {
        self.group += 1;
        self.hives.clear();
    }

    /// A hive of a single file comes next.
    pub(crate) fn begin_hive(&mut self, hive: &'static str) {
        if self.hives.contains(&hive) {
            self.begin();
        }
        self.hives.push(hive);
    }

    /// How much was gathered so far; tells whether a source gave anything at all.
    pub(crate) fn counted(&self) -> usize {
        self.found.len() + self.installations.len() + self.problems.len()
    }

    fn judge(self) -> Scan {
        let Self { mut found, installations, problems, .. } = self;
        found.sort_by_key(|(group, found)| (*group, found.place));
        let mut scan = Scan { installations, problems, ..Scan::default() };
        let mut names = Names::default();
        for group in found.chunk_by(|(a, _), (b, _)| a == b) {
            let merged = merge(group.iter().map(|(_, found)| found.clone()));
            let setting = setting(&merged, &scan.installations);
            let first = scan.findings.len();
            for (found, also) in merged {
                let verdict = verdict::judge(&fact(&found, &scan.installations), setting);
                scan.findings.push(Finding { id: names.next(found.place), found, also, verdict });
            }
            let judged: Vec<_> = scan.findings.iter().skip(first).map(|f| (f.place, f.verdict.kind)).collect();
            let keep = verdict::keep(&judged);
            scan.keep
                .extend(keep.iter().filter_map(|at| scan.findings.get(first + at)).map(|finding| finding.id.clone()));
        }
        scan
    }
}

/// Joins findings of the same product key; the first place wins and the others become `also`.
fn merge(group: impl Iterator<Item = Found>) -> Vec<(Found, Vec<Origin>)> {
    let mut merged: Vec<(Found, Vec<Origin>)> = Vec::new();
    let mut places: HashMap<ProductKey, usize> = HashMap::new();
    for found in group {
        let known = found.held.full().map(|key| *places.entry(key.clone()).or_insert(merged.len()));
        match known.and_then(|at| merged.get_mut(at)) {
            Some((first, also)) => {
                also.push(found.origin);
                first.evidence.extend(found.evidence);
                if first.product.edition.is_none() && first.product.channel.is_none() {
                    first.product = found.product;
                }
            }
            None => merged.push((found, Vec::new())),
        }
    }
    merged
}

fn fact<'f>(found: &'f Found, installations: &[Installation]) -> Fact<'f> {
    let held = match &found.held {
        Held::Blanked => HeldKind::Blanked,
        Held::Full(key) => HeldKind::Full(key.form()),
        Held::Nothing | Held::Partial(_) => HeldKind::Partial,
    };
    // A subscription is the organization's, whatever shared product key it stands on.
    let windows =
        found.installation.and_then(|at| installations.get(at)).filter(|_| found.place == PlaceKind::Installed);
    let subscribed = found.generic.is_some() && windows.is_some_and(|windows| windows.subscription);
    Fact {
        place: found.place,
        held,
        channel: found.product.channel,
        license: if subscribed { Some(LicenseType::Volume) } else { found.product.license_type() },
        generic: found.generic.as_ref(),
        old_windows: found.old_windows,
        licensed: windows.and_then(|windows| Some(windows.activation.as_ref()?.status.is_licensed())),
        failed: found.checks.iter().find(|check| counts(check, &found.held)).map(failure),
    }
}

/// Windows clears a product key without making the hashes anew, so they say nothing about a blanked value.
fn counts(check: &Check, held: &Held) -> bool {
    let stale = *held == Held::Blanked && matches!(check.name, CheckName::KeyHash | CheckName::WholeHash);
    check.outcome == Outcome::Failed && !stale
}

fn failure(check: &Check) -> String {
    if check.name == CheckName::LicenseService {
        return "the license service of this Windows names another product key".to_owned();
    }
    format!("the check {} of the stored value fails", check.name.as_str())
}

/// A PC whose own Windows is old keeps its old product key; where the Windows is unknown, a new one is assumed.
fn setting(merged: &[(Found, Vec<Origin>)], installations: &[Installation]) -> Setting {
    let mut current = merged.iter().filter_map(|(found, _)| installations.get(found.installation?));
    let current = current.find(|installation| installation.replaced.is_none());
    Setting { new_windows: current.and_then(|windows| windows.build).is_none_or(is_new_build) }
}

/// Whether a build is of Windows 10 or newer.
pub(crate) fn is_new_build(build: u32) -> bool {
    build >= FIRST_NEW_BUILD
}

/// Numbers the findings: `k` for Windows, `o` for Office, `s` for SQL Server.
#[derive(Default)]
struct Names([usize; 3]);

impl Names {
    fn next(&mut self, place: PlaceKind) -> FindingId {
        let [windows, office, sql_server] = &mut self.0;
        let (letter, count) = match place {
            PlaceKind::Office => ('o', office),
            PlaceKind::SqlServer => ('s', sql_server),
            _ => ('k', windows),
        };
        *count += 1;
        FindingId(format!("{letter}{count}"))
    }
}

/// What a value looked like, kept as evidence.
pub(crate) fn evidence(path: &str, value: &crate::registry::RawValue) -> Evidence {
    Evidence { path: path.to_owned(), value: value.name.clone(), kind: value.kind, data: value.data.clone() }
}
