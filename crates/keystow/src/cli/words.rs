//! Words and objects that several commands show: findings, problems, items.

use std::path::PathBuf;

use keystow_core::ProductKey;
use keystow_core::identify::verdict::{PlaceKind, VerdictKind};
use keystow_find::{Activation, Finding, Held, Origin, Problem, ProblemKind, Scan, Source};
use keystow_os::rights;
use serde_json::{Value, json};

use super::failure::{Failure, FailureKind, Outcome};
use super::out::{Out, Tone};

/// The sources that the arguments name; without one, this PC.
pub(super) fn sources(paths: &[PathBuf]) -> Vec<Source> {
    if paths.is_empty() { vec![Source::ThisPc] } else { paths.iter().cloned().map(Source::Path).collect() }
}

/// What sort of place it is, in words.
pub(super) fn place(kind: PlaceKind) -> &'static str {
    match kind {
        PlaceKind::BackupDefault => "Backup of Setup's key",
        PlaceKind::BrowserCopy => "Internet Explorer",
        PlaceKind::EarlierWindows => "Earlier Windows",
        PlaceKind::Firmware => "Firmware (MSDM)",
        PlaceKind::FirmwareMarker => "Firmware (SLIC)",
        PlaceKind::Installed => "Windows (registry)",
        PlaceKind::Office => "Office",
        PlaceKind::SetupDefault => "Setup's default",
        PlaceKind::SqlServer => "SQL Server",
        PlaceKind::Typed => "Text",
    }
}

/// The product key of a finding as people see it: masked, unless they asked.
pub(super) fn shown_key(held: &Held, out: &Out) -> String {
    match held {
        Held::Full(key) => key_text(key, out),
        Held::Partial(partial) => partial.masked(out.mask),
        Held::Blanked => "cleared by Windows".to_owned(),
        Held::Nothing => "no product key stored".to_owned(),
    }
}

pub(super) fn key_text(key: &ProductKey, out: &Out) -> String {
    if out.reveal { key.reveal().as_str().to_owned() } else { key.partial().masked(out.mask) }
}

/// What a product is called: its name, its edition where the name does not say it, its channel.
pub(super) fn product_name(finding: &Finding) -> String {
    let product = &finding.product;
    match product.channel {
        Some(channel) => format!("{} ({channel})", product.name),
        None => product.name.clone(),
    }
}

/// The machine interface of a scan.
pub(super) fn scan_object(scan: &Scan, out: &Out) -> Value {
    json!({
        "schema": "keystow.scan/1",
        "findings": scan.findings.iter().map(|finding| finding_object(finding, scan, out)).collect::<Vec<_>>(),
        "problems": scan.problems.iter().map(problem_object).collect::<Vec<_>>(),
        "keep": scan.keep.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn finding_object(finding: &Finding, scan: &Scan, out: &Out) -> Value {
    let key = finding.held.full();
    let fields = key.and_then(ProductKey::fields);
    let product = &finding.product;
    let shown = match &finding.held {
        Held::Full(key) if out.reveal => Some(key.reveal().as_str().to_owned()),
        Held::Full(_) | Held::Partial(_) => finding.held.partial().map(|partial| partial.masked('*')),
        Held::Blanked | Held::Nothing => None,
    };
    let checks: Vec<_> = finding
        .checks
        .iter()
        .map(|check| json!({"check": check.name.as_str(), "outcome": check.outcome.as_str()}))
        .collect();
    json!({
        "id": finding.id.to_string(),
        "verdict": finding.verdict.kind.as_str(),
        "rule": finding.verdict.rule.id,
        "rule_date": finding.verdict.rule.date,
        "place": place(finding.place),
        "product": product.name,
        "product_key": shown,
        "partial_key": finding.held.partial().map(|partial| partial.to_string()),
        "form": key.map(|key| key.form().as_str()),
        "edition": product.edition.as_ref().map(|edition| edition.id().to_owned()),
        "channel": product.channel.map(|channel| channel.as_str()),
        "basis": product.basis.as_str(),
        "generic": finding.generic.is_some(),
        "group": fields.map(|fields| fields.group),
        "serial": fields.map(|fields| fields.serial),
        "product_id": finding.product_id,
        "activation_id": product.activation_id.map(|id| id.to_string()),
        "part_number": product.part_number.as_ref().map(|part| part.as_str().to_owned()),
        "written": finding.written.map(|time| time.to_string()),
        "checks": checks,
        "origin": origin_object(&finding.origin),
        "also": finding.also.iter().map(origin_object).collect::<Vec<_>>(),
        "windows": finding.installation.and_then(|at| scan.installations.get(at)).map(|windows| json!({
            "name": windows.name,
            "edition": windows.edition.as_ref().map(|edition| edition.id().to_owned()),
            "build": windows.build,
            "release": windows.release,
            "product_id": windows.product_id,
            "replaced": windows.replaced,
            "architecture": windows.architecture,
            "activation": windows.activation.as_ref().map(activation_object),
        })),
    })
}

/// How the license of a running Windows stands.
pub(super) fn activation_object(activation: &Activation) -> Value {
    json!({
        "status": activation.status.as_str(),
        "reason": hresult(activation.reason),
        "grace_minutes": activation.grace_minutes,
        "channel": activation.channel.map(|channel| channel.as_str()),
        "product": activation.product,
        "partial_key": activation.partial_key.map(|partial| partial.to_string()),
    })
}

/// An HRESULT as Windows' own messages spell it.
pub(super) fn hresult(code: u32) -> String {
    format!("0x{code:08X}")
}

fn origin_object(origin: &Origin) -> Value {
    json!({"source": origin.source, "path": origin.path, "value": origin.value})
}

fn problem_object(problem: &Problem) -> Value {
    json!({"kind": problem_name(problem.kind), "place": problem.place, "message": problem.message})
}

fn problem_name(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Damaged => "damaged",
        ProblemKind::Dirty => "dirty",
        ProblemKind::Empty => "empty",
        ProblemKind::Locked => "locked",
        ProblemKind::Missing => "missing",
        ProblemKind::Rights => "rights",
        ProblemKind::Service => "service",
        ProblemKind::WithoutWindows => "without-windows",
        _ => "unknown",
    }
}

/// Says what could not be read, and what to do about it; where that is all there is to say, [`outcome`] says the first.
pub(super) fn show_problems(scan: &Scan, out: &mut Out) {
    let said = outcome(scan).err().and_then(|_| first_problem(scan));
    for problem in scan.problems.iter().filter(|problem| Some(*problem) != said) {
        out.warn(format!("problem: {}: {}", problem.place, problem.message));
        if let Some(hint) = problem_hint(problem) {
            out.note(format!("  try: {hint}"));
        }
    }
}

fn problem_hint(problem: &Problem) -> Option<&'static str> {
    let place = problem.place.to_ascii_uppercase();
    Some(match problem.kind {
        ProblemKind::Damaged if !["SOFTWARE", "SYSTEM"].iter().any(|hive| place.contains(hive)) => {
            "compare it with where it came from, or take another copy of it"
        }
        ProblemKind::Damaged => {
            "another copy: System32\\config\\RegBack, a restore point, or an older backup of the disk"
        }
        ProblemKind::Dirty => "shut that Windows down properly once, or compare with its RegBack folder",
        ProblemKind::Missing => "check the spelling, or mount the disk first",
        ProblemKind::Rights => rights::advice(),
        ProblemKind::Locked => "unlock the drive in Explorer, or with manage-bde -unlock; then the same command",
        ProblemKind::Service => "start the service \"Software Protection\" (sppsvc), or restart Windows",
        ProblemKind::Unknown => "a Windows folder, SOFTWARE and SYSTEM hives, a .reg export, an MSDM table or a text",
        ProblemKind::WithoutWindows => "the folder that holds `Windows`, or its System32/config folder",
        _ => return None,
    })
}

/// How a look at sources ended: a place that could not be read leaves the rest printed.
pub(super) fn outcome(scan: &Scan) -> Result<Outcome, Failure> {
    match (scan.findings.is_empty(), first_problem(scan)) {
        (false, None) => Ok(Outcome::Done),
        (false, Some(_)) => Ok(Outcome::Partly),
        (true, None) => Ok(Outcome::NothingFound),
        (true, Some(first)) => match first.kind {
            ProblemKind::Damaged => Err(nothing(FailureKind::Damaged, first)),
            ProblemKind::Locked => Err(nothing(FailureKind::SourceLocked, first)),
            ProblemKind::Missing => Err(nothing(FailureKind::NotFound, first)),
            ProblemKind::Rights => Err(nothing(FailureKind::RightsNeeded, first)),
            _ => Ok(Outcome::NothingFound),
        },
    }
}

/// The first place that could not be read; one that was never filled in is no trouble.
fn first_problem(scan: &Scan) -> Option<&Problem> {
    scan.problems.iter().find(|problem| problem.kind != ProblemKind::Empty)
}

fn nothing(kind: FailureKind, first: &Problem) -> Failure {
    let failure = Failure::new(kind, format!("nothing was found: {}: {}", first.place, first.message));
    match problem_hint(first) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A verdict as one word in front of a line, in its color.
pub(super) fn keep_or_note(kept: bool, kind: VerdictKind, out: &Out) -> String {
    match (kept, kind) {
        (true, _) => out.tone(Tone::Good, "KEEP"),
        (false, VerdictKind::Unsure) => out.tone(Tone::Bad, "WAIT"),
        (false, _) => out.tone(Tone::Faint, "NOTE"),
    }
}
