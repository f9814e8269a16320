//! `keystow explain`

use keystow_core::identify::verdict::VerdictKind;
use keystow_core::product_id::{Check, Outcome};
use keystow_find::{Finding, Scan};

use super::args::Sources;
use super::failure::{self, Failure};
use super::out::{Out, Tone};
use super::words;

pub(super) fn run(args: &Sources, out: &mut Out) -> Result<failure::Outcome, Failure> {
    let scan = keystow_find::scan(&words::sources(&args.sources));
    if out.json {
        out.object(&words::scan_object(&scan, out))?;
        return words::outcome(&scan);
    }
    conclusion(&scan, out)?;
    for finding in &scan.findings {
        explain(finding, out)?;
    }
    words::show_problems(&scan, out);
    words::outcome(&scan)
}

fn conclusion(scan: &Scan, out: &mut Out) -> std::io::Result<()> {
    let first = scan.keep.first().and_then(|id| scan.findings.iter().find(|finding| finding.id == *id));
    let text = match first {
        Some(finding) => format!("The one to keep is {}: {}", finding.id, words::product_name(finding)),
        None if scan.findings.is_empty() => "There is no product key here.".to_owned(),
        None => "There is no product key here that is worth keeping by itself.".to_owned(),
    };
    let text = out.tone(Tone::Strong, &text);
    out.line(text)
}

fn explain(finding: &Finding, out: &mut Out) -> std::io::Result<()> {
    let verdict = &finding.verdict;
    let key = words::shown_key(&finding.held, out);
    out.line(format_args!("\n{}  {key}  {}", finding.id, words::product_name(finding)))?;
    // Why a finding is unsure differs from rule to rule; one sentence for all would mislead.
    if verdict.kind != VerdictKind::Unsure {
        out.line(format_args!("    {}", verdict.kind.sentence()))?;
    }
    out.line(format_args!("    verdict   {} by rule {} of {}", verdict.kind, verdict.rule.id, verdict.rule.date))?;
    out.line(format_args!("    rule      {}", verdict.rule.sentence))?;
    out.line(format_args!("    source    {}", verdict.rule.source))?;
    out.line(format_args!("    found in  {}", finding.origin))?;
    for also in &finding.also {
        out.line(format_args!("    also in   {also}"))?;
    }
    out.line(format_args!("    known by  {}", finding.product.basis.as_str()))?;
    for why in &verdict.why {
        out.line(format_args!("    because   {why}"))?;
    }
    let (passed, others): (Vec<&Check>, Vec<&Check>) =
        finding.checks.iter().partition(|check| check.outcome == Outcome::Passed);
    if !passed.is_empty() {
        out.line(format_args!("    checks    {} passed", passed.len()))?;
    }
    for check in others {
        out.line(format_args!("    check     {}: {}", check.name.as_str(), check.outcome.as_str()))?;
    }
    if let Some(written) = finding.written {
        out.line(format_args!("    written   {}", written.strftime("%Y-%m-%d")))?;
    }
    Ok(())
}
