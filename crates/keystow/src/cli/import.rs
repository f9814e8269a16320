//! `keystow import`

use super::args::Import;
use super::failure::{Failure, FailureKind, Outcome};
use super::out::Out;
use super::vault::report;
use crate::app::App;

pub(super) fn run(args: &Import, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let mut items = Vec::new();
    let mut broken = false;
    for path in &args.files {
        let imported = app.import(path)?;
        out.note(format!("{}: {} product keys", path.display(), imported.items.len()));
        for problem in &imported.problems {
            out.warn(format!("problem: {}: {problem}", path.display()));
        }
        broken |= !imported.problems.is_empty();
        items.extend(imported.items);
    }
    if items.is_empty() {
        if broken {
            let failure = Failure::new(FailureKind::Damaged, "no product key there was typed correctly");
            return Err(failure.hint("compare them with where they came from"));
        }
        out.line("No product key is in these files.")?;
        return Ok(Outcome::NothingFound);
    }
    if app.dry_run {
        out.line(format_args!("Dry run: {} product keys would go into the vault.", items.len()))?;
        return Ok(Outcome::Done);
    }
    let count = items.len();
    let _lock = app.begin()?;
    let done = app.put(items, app.open_vault()?)?;
    out.line(if done.news {
        format!("Imported {count} product keys.")
    } else {
        "They are all in the vault already.".to_owned()
    })?;
    let outcome = report(&done, out)?;
    Ok(if broken { Outcome::Partly } else { outcome })
}
