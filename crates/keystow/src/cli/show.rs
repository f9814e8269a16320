//! `keystow show`

use serde_json::{Value, json};

use super::args::Show;
use super::failure::{Failure, Outcome};
use super::list;
use super::out::{Out, Tone};
use crate::app::App;

pub(super) fn run(args: &Show, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let items = list::read(app, out)?;
    list::unread(&items, out);
    let named = items.pick(&args.item)?;
    let item = &named.stored.item;
    let mut object = list::object(named, out);
    if let Value::Object(members) = &mut object {
        let evidence = item.evidence.iter().map(|evidence| {
            json!({"path": evidence.path, "value": evidence.value, "kind": evidence.kind, "bytes": evidence.data.len()})
        });
        members.insert("schema".to_owned(), json!("keystow.item/1"));
        members.insert("evidence".to_owned(), evidence.collect());
    }
    out.object(&object)?;
    let about = &item.about;
    let title = out.tone(Tone::Strong, &format!("{}  {}", named.name, about.product));
    out.line(title)?;
    let key = list::key(named, out);
    out.line(format_args!("    product key  {key}"))?;
    let rows =
        [("edition", &about.edition), ("channel", &about.channel), ("verdict", &about.verdict), ("rule", &about.rule)];
    for (label, value) in rows.iter().filter_map(|(label, value)| Some((label, value.as_ref()?))) {
        out.line(format_args!("    {label:<12} {value}"))?;
    }
    if let Some(name) = about.windows.as_ref().and_then(|windows| windows.product_name.as_ref()) {
        out.line(format_args!("    found in     {name}"))?;
    }
    out.line(format_args!("    origin       {}: {}", about.origin.source, about.origin.path))?;
    out.line(format_args!("    kept since   {}", named.stored.first.strftime("%Y-%m-%d %H:%M UTC")))?;
    for evidence in &item.evidence {
        out.line(format_args!(
            "    evidence     {}, {} bytes",
            if evidence.value.is_empty() {
                evidence.path.clone()
            } else {
                format!("{}\\{}", evidence.path, evidence.value)
            },
            evidence.data.len()
        ))?;
    }
    if !about.note.is_empty() {
        out.line(format_args!("    note         {}", about.note))?;
    }
    out.line(format_args!("    id           {}", named.stored.id.as_str()))?;
    if !out.reveal && item.product_key.is_some() {
        out.note(format!("\nNext:  keystow show {} --reveal     the whole product key", named.name));
    }
    Ok(Outcome::Done)
}
