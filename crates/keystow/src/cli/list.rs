//! `keystow list`

use serde_json::{Value, json};

use super::args::List;
use super::failure::{Failure, Outcome};
use super::out::{Out, Tone};
use super::{phrase, words};
use crate::app::App;
use crate::app::fit;
use crate::app::items::{Items, Named};

pub(super) fn run(args: &List, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let target = args.fits.as_deref().map(super::fit::target).transpose()?;
    let items = read(app, out)?;
    let fits = |named: &&Named| {
        target.as_ref().is_none_or(|target| {
            let product = fit::product_of_item(&named.stored.item);
            fit::check(&product, target).answer.fits() == Some(true)
        })
    };
    let shown: Vec<&Named> =
        items.items.iter().filter(|named| args.retired || named.stored.retired.is_none()).filter(fits).collect();
    let objects: Vec<Value> = shown.iter().map(|named| object(named, out)).collect();
    out.object(&json!({"schema": "keystow.list/1", "items": objects}))?;
    for named in &shown {
        line(named, out)?;
    }
    if shown.is_empty() {
        out.line("There is no such item in the vault.")?;
    }
    unread(&items, out);
    Ok(match (shown.is_empty(), items.unread.is_empty() && items.gone == 0) {
        (_, false) => Outcome::Partly,
        (true, true) => Outcome::NothingFound,
        (false, true) => Outcome::Done,
    })
}

/// Opens the vault and reads its items.
pub(super) fn read(app: &App, out: &mut Out) -> Result<Items, Failure> {
    let vault = app.open_vault()?;
    let opened = phrase::open(&vault, app, out)?;
    Ok(Items::read(&vault, &opened, app.device().as_ref()))
}

/// Says what is missing from the list.
pub(super) fn unread(items: &Items, out: &mut Out) {
    if items.gone > 0 {
        let count = items.gone;
        out.warn(format!(
            "problem: {count} records that this PC has seen are in no copy now: an older copy was put back"
        ));
        out.note("  try: keystow verify");
    }
    for unread in &items.unread {
        out.warn(format!(
            "problem: record {}: {}\n  try: keystow verify --repair",
            unread.record.header_file(),
            unread.why
        ));
    }
}

/// The product key of an item, masked unless the person asked.
pub(super) fn key(named: &Named, out: &Out) -> String {
    let item = &named.stored.item;
    match (&item.product_key, item.about.partial_key.as_deref().and_then(keystow_core::PartialKey::parse)) {
        (Some(key), _) => words::key_text(key, out),
        (None, Some(partial)) => partial.masked(out.mask),
        (None, None) => "no product key stored".to_owned(),
    }
}

fn line(named: &Named, out: &mut Out) -> std::io::Result<()> {
    let about = &named.stored.item.about;
    let key = key(named, out);
    let channel = about.channel.as_ref().map(|channel| format!(" ({channel})")).unwrap_or_default();
    let retired =
        named.stored.retired.map(|time| format!(", retired {}", time.strftime("%Y-%m-%d"))).unwrap_or_default();
    let verdict = about.verdict.as_deref().unwrap_or("typed");
    let note = if about.note.is_empty() { String::new() } else { format!("  {}", about.note) };
    let verdict = out.tone(Tone::Faint, &format!("{verdict}{retired}"));
    out.line(format_args!("{:<4} {key:<29}  {}{channel}  {verdict}{note}", named.name, about.product))
}

/// The machine interface of one item.
pub(super) fn object(named: &Named, out: &Out) -> Value {
    let item = &named.stored.item;
    let mut object = serde_json::to_value(&item.about).unwrap_or_default();
    if let Value::Object(members) = &mut object {
        let shown = item.product_key.as_ref().map(|key| match out.reveal {
            true => key.reveal().as_str().to_owned(),
            false => key.partial().masked('*'),
        });
        members.insert("id".to_owned(), json!(named.stored.id.as_str()));
        members.insert("name".to_owned(), json!(named.name));
        members.insert("product_key".to_owned(), json!(shown));
        members.insert("retired".to_owned(), json!(named.stored.retired.map(|time| time.to_string())));
        members.insert("revisions".to_owned(), json!(named.stored.revisions));
    }
    object
}
