//! `keystow verify`

use keystow_vault::{Finding, Remedy, Report};
use serde_json::{Value, json};

use super::args::Verify;
use super::failure::{Failure, Outcome};
use super::out::{Out, Tone};
use super::phrase;
use crate::app::App;
use crate::app::account::ACCOUNT;
use crate::app::verify::{is_harmless, name, remedy, words};

pub(super) fn run(args: &Verify, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let mut vault = app.open_vault()?;
    let wanted = args.open || app.passphrase_file.is_some();
    let opened = if wanted { Some(phrase::open(&vault, app, out)?) } else { None };
    let (mut mended, mut failed) = (Vec::new(), Vec::new());
    let report = if args.repair && !app.dry_run {
        let _lock = app.begin()?;
        let repaired = app.repair(&mut vault, opened.as_ref())?;
        (mended, failed) = (repaired.mended, repaired.failed.iter().map(ToString::to_string).collect());
        repaired.after
    } else {
        vault.verify(app.device().as_ref(), opened.as_ref())
    };
    out.object(&object(&report, &mended, &failed))?;
    for finding in &mended {
        let text = out.tone(Tone::Good, "mended ");
        out.line(format_args!("{text} {} {}: {}", finding.place, finding.file, words(&finding.what)))?;
    }
    for failure in &failed {
        out.warn(format!("problem: {failure}"));
    }
    show(&report, opened.is_some(), out)?;
    let good = report.findings.iter().all(|finding| is_harmless(&finding.what));
    Ok(if good && failed.is_empty() { Outcome::Done } else { Outcome::AnswerNo })
}

fn show(report: &Report, opened: bool, out: &mut Out) -> Result<(), Failure> {
    for finding in &report.findings {
        let tone = if is_harmless(&finding.what) { Tone::Warn } else { Tone::Bad };
        let text = out.tone(tone, &format!("{:<11}", name(&finding.what)));
        out.line(format_args!("{text} {} {}: {}", finding.place, finding.file, words(&finding.what)))?;
        out.line(format_args!("            try: {}", next(finding)))?;
    }
    for place in &report.places {
        let bad = report.findings.iter().any(|f| f.place == place.place && !is_harmless(&f.what));
        let mark = if bad { out.tone(Tone::Bad, "NOT GOOD") } else { out.tone(Tone::Good, "good") };
        let opened = if opened { format!(", {} opened", place.opened) } else { String::new() };
        out.line(format_args!("{mark}  {}  {} records{opened}", place.place, place.headers))?;
    }
    if !opened {
        out.note("Hashes, signatures and order were checked. `keystow verify --open` opens every record too.");
    }
    Ok(())
}

/// What to do about a finding; a server is reached in another way than a stick.
fn next(finding: &Finding) -> &'static str {
    match finding.remedy {
        Remedy::Reach if finding.place == ACCOUNT => {
            "keystow account status says what is in the way, then: keystow verify"
        }
        other => remedy(other),
    }
}

fn object(report: &Report, mended: &[Finding], failed: &[String]) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "place": finding.place,
            "file": finding.file,
            "what": name(&finding.what),
            "harmless": is_harmless(&finding.what),
            "says": words(&finding.what),
            "next": next(finding),
        })
    };
    let places = report.places.iter().map(
        |place| json!({"place": place.place, "records": place.headers, "bodies": place.bodies, "opened": place.opened}),
    );
    json!({
        "schema": "keystow.verify/1",
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "mended": mended.iter().map(finding).collect::<Vec<_>>(),
        "failed": failed,
        "places": places.collect::<Vec<_>>(),
    })
}
