//! `keystow export`

use std::io::Write as _;

use keystow_vault::Item;
use zeroize::Zeroizing;

use super::args::{Export, Format};
use super::failure::{Failure, Outcome};
use super::list;
use super::out::{Out, ascii};
use crate::app::App;
use crate::app::export::{csv, full_key, json, txt};
use crate::app::items::Named;

pub(super) fn run(args: &Export, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let to_program = out.json && args.output.is_none();
    let form = if to_program { Format::Json } else { args.format };
    let items = list::read(app, out)?;
    list::unread(&items, out);
    let chosen: Vec<&Named> = if args.items.is_empty() {
        items.items.iter().filter(|named| named.stored.retired.is_none()).collect()
    } else {
        args.items.iter().map(|name| items.pick(name)).collect::<Result<_, _>>()?
    };
    if chosen.is_empty() {
        out.note("There is nothing to export.");
        return Ok(Outcome::NothingFound);
    }
    let Some(path) = &args.output else {
        let reveal = out.reveal;
        let text = format(&chosen, form, |item| if reveal { full_key(item) } else { masked(item) })?;
        out.raw().write_all(text.as_bytes())?;
        return Ok(Outcome::Done);
    };
    if app.dry_run {
        out.line(format_args!("Dry run: {} items would go into {}.", chosen.len(), path.display()))?;
        return Ok(Outcome::Done);
    }
    let text = format(&chosen, form, full_key)?;
    app.write_plain(path, text.as_bytes(), args.anyway)?;
    out.line(format_args!("{} items are in {}.", chosen.len(), path.display()))?;
    out.warn("This file shows product keys to everyone who gets it. Delete it when you are done with it.");
    Ok(Outcome::Done)
}

/// The items in one of the plain formats.
pub(super) fn format(
    items: &[&Named],
    format: Format,
    shown: impl Fn(&Item) -> Zeroizing<String>,
) -> Result<Zeroizing<String>, Failure> {
    Ok(match format {
        Format::Csv => csv(items, shown),
        Format::Json => {
            let text =
                Zeroizing::new(serde_json::to_string_pretty(&json(items, shown)).map_err(std::io::Error::other)?);
            Zeroizing::new(format!("{}\n", ascii(&text)))
        }
        Format::Txt => txt(items, shown),
    })
}

fn masked(item: &Item) -> Zeroizing<String> {
    let partial = item.product_key.as_ref().map(|key| key.partial().masked('*'));
    Zeroizing::new(partial.unwrap_or_else(|| full_key(item).to_string()))
}
