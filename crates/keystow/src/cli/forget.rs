//! `keystow forget`

use keystow_vault::Change;

use super::args::Forget;
use super::failure::{Failure, Outcome};
use super::out::Out;
use super::vault::report;
use super::{list, phrase};
use crate::app::App;
use crate::app::items::{Items, Named};

pub(super) fn run(args: &Forget, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let vault = app.open_vault()?;
    let opened = phrase::open(&vault, app, out)?;
    let items = Items::read(&vault, &opened, app.device().as_ref());
    let chosen: Vec<&Named> = args.items.iter().map(|name| items.pick(name)).collect::<Result<_, _>>()?;
    for named in &chosen {
        let key = list::key(named, out);
        out.line(format_args!("{}  {key}  {}", named.name, named.stored.item.about.product))?;
    }
    if app.dry_run || !phrase::confirm("Forget these?", true, app, out)? {
        out.line("Nothing was forgotten.")?;
        return Ok(Outcome::Done);
    }
    let retire = chosen.iter().map(|named| Change::Retire(named.stored.id.clone())).collect();
    let _lock = app.begin()?;
    let done = app.change(vault, retire, Some(&opened))?;
    out.line(
        "Forgotten. They stay for 90 days; `keystow list --retired` shows them, and backing up brings them back.",
    )?;
    report(&done, out)
}
