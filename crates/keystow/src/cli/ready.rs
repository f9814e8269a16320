//! `keystow ready`

use std::fmt::Write as _;

use serde_json::json;

use super::args::Ready;
use super::failure::{Failure, Outcome};
use super::out::{Out, Tone};
use super::words;
use crate::app::App;
use crate::app::ready::Condition;

pub(super) fn run(args: &Ready, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let scan = keystow_find::scan(&words::sources(&args.sources));
    if scan.findings.is_empty() {
        words::show_problems(&scan, out);
        out.line("No product key was found, so nothing would be lost that Keystow knows of.")?;
        return words::outcome(&scan);
    }
    let conditions = app.ready(&scan)?;
    let safe = conditions.iter().all(|condition| condition.holds);
    let rows: Vec<_> = conditions
        .iter()
        .map(|condition| json!({"holds": condition.holds, "says": condition.says, "next": condition.next}))
        .collect();
    let reminder = app.reminder(&scan);
    out.object(&json!({"schema": "keystow.ready/1", "safe": safe, "conditions": rows, "reminder": reminder}))?;
    for condition in &conditions {
        let mark = if condition.holds { out.tone(Tone::Good, "yes") } else { out.tone(Tone::Bad, "NO ") };
        out.line(format_args!("{mark}  {}", condition.says))?;
        if !condition.holds {
            out.note(format!("     try: {}", condition.next));
        }
    }
    let answer = if safe { "It is safe to wipe this PC." } else { "Do not wipe this PC yet." };
    let answer = out.tone(Tone::Strong, answer);
    out.line(format_args!("\n{answer}"))?;
    if let Some(reminder) = reminder {
        out.note(format!("\n{reminder}"));
    }
    if let Some(path) = args.certificate.as_ref().filter(|_| safe && !app.dry_run) {
        app.write_plain(path, certificate(&conditions, app).as_bytes(), true)?;
        out.line(format_args!("The certificate is in {}.", path.display()))?;
    }
    Ok(if safe { Outcome::Done } else { Outcome::AnswerNo })
}

/// What was checked and when, without a product key.
fn certificate(conditions: &[Condition], app: &App) -> String {
    let mut text = format!("Keystow {}: ready to wipe\n{}\n\n", env!("CARGO_PKG_VERSION"), app.now());
    for condition in conditions {
        let _ = writeln!(text, "- {}", condition.says);
    }
    text
}
