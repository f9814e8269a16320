//! `keystow scan`

use keystow_find::{Activation, Finding, Scan};

use super::args::Sources;
use super::failure::{Failure, Outcome};
use super::out::Out;
use super::words;

pub(super) fn run(args: &Sources, out: &mut Out) -> Result<Outcome, Failure> {
    let scan = keystow_find::scan(&words::sources(&args.sources));
    if out.json {
        out.object(&words::scan_object(&scan, out))?;
        return words::outcome(&scan);
    }
    show(&scan, out)?;
    if scan.findings.is_empty() {
        out.line("No product key was found.")?;
    }
    words::show_problems(&scan, out);
    if !scan.findings.is_empty() {
        let sources: String = args.sources.iter().map(|source| format!(" {}", source.display())).collect();
        let first = scan.keep.first().map(|id| format!("     why {id}")).unwrap_or_default();
        out.note(format!("\nNext:  keystow explain{sources}{first}\n       keystow backup{sources}     save it now"));
    }
    words::outcome(&scan)
}

/// How the license of a running Windows stands, in words.
pub(super) fn activation(activation: &Activation) -> String {
    let days = activation.grace_minutes.div_ceil(24 * 60);
    match days {
        0 => format!(", {}", activation.status),
        1 => format!(", {}, 1 day left", activation.status),
        days => format!(", {}, {days} days left", activation.status),
    }
}

/// The findings, what is worth keeping first.
pub(super) fn show(scan: &Scan, out: &mut Out) -> std::io::Result<()> {
    for windows in &scan.installations {
        let replaced = windows.replaced.as_ref().map(|when| format!(", replaced {when}")).unwrap_or_default();
        let build = windows.build.map(|build| format!(", build {build}")).unwrap_or_default();
        let activation = windows.activation.as_ref().map(activation).unwrap_or_default();
        out.line(format_args!("{}{build}{replaced}{activation}", windows.name))?;
    }
    if !scan.installations.is_empty() && !scan.findings.is_empty() {
        out.line("")?;
    }
    let kept = |finding: &&Finding| scan.keep.contains(&finding.id);
    let first = scan.keep.iter().filter_map(|id| scan.findings.iter().find(|finding| finding.id == *id));
    for finding in first.chain(scan.findings.iter().filter(|finding| !kept(finding))) {
        let word = words::keep_or_note(kept(&finding), finding.verdict.kind, out);
        let key = words::shown_key(&finding.held, out);
        let place = words::place(finding.place);
        out.line(format_args!("{word}  {:<3} {key:<29}  {}", finding.id, words::product_name(finding)))?;
        out.line(format_args!("          {place}: {}", finding.verdict.rule.sentence))?;
    }
    Ok(())
}
