//! The inventory as text: for spreadsheets, programs, and browsers. Product keys show their last five symbols.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::inventory::{Inventory, Line};
use crate::app::export::push_cell;

const COLUMNS: [&str; 13] = [
    "name",
    "windows",
    "build",
    "status",
    "product",
    "edition",
    "channel",
    "verdict",
    "product_key",
    "generic",
    "linked",
    "copies",
    "last_report",
];

/// As CSV (RFC 4180), in UTF-8.
pub(crate) fn csv(inventory: &Inventory) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    for line in &inventory.lines {
        for (at, cell) in cells(inventory, line).iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            push_cell(&mut text, cell);
        }
        text.push_str("\r\n");
    }
    text
}

/// As one JSON object.
pub(crate) fn json(inventory: &Inventory, organization: &str) -> Value {
    let lines = inventory.lines.iter().filter_map(|line| {
        let (machine, found) = inventory.parts(line)?;
        let report = machine.report.as_ref();
        let windows = report.and_then(|report| report.running());
        Some(json!({
            "name": machine.name,
            "id": machine.series.to_string(),
            "reports": machine.reports,
            "last_report": report.map(|report| report.time.to_string()),
            "windows": windows.map(|windows| json!({
                "name": windows.name, "edition": windows.edition, "build": windows.build, "release": windows.release,
                "status": windows.status,
            })),
            "linked": report.and_then(|report| report.linked).map(|time| time.to_string()),
            "problems": report.map(|report| &report.problems),
            "finding": found.map(|found| json!({
                "product": found.product, "edition": found.edition, "channel": found.channel,
                "license": found.license, "verdict": found.verdict, "generic": found.generic,
                "partial_key": found.last_five().map(|partial| partial.to_string()),
                "whole": found.product_key.is_some(), "copies": line.copies, "installed": found.installed,
                "keep": found.keep,
            })),
        }))
    });
    json!({
        "schema": "keystow.fleet-inventory/1",
        "organization": organization,
        "machines": inventory.machines.len(),
        "lines": lines.collect::<Vec<_>>(),
    })
}

/// As one page that needs nothing from elsewhere.
pub(crate) fn html(inventory: &Inventory, organization: &str, now: Timestamp) -> String {
    let mut text = String::with_capacity(4096 + inventory.lines.len() * 300);
    text.push_str(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>",
    );
    escape(&mut text, organization);
    text.push_str(
        "</title>\n<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}\
         td,th{padding:.2em .8em;border-bottom:1px solid #ccc;text-align:left}</style>\n<h1>",
    );
    escape(&mut text, organization);
    let _ = write!(
        text,
        "</h1>\n<p>{} machines, {} lines, {}</p>\n<table>\n<tr>",
        inventory.machines.len(),
        inventory.lines.len(),
        now.strftime("%Y-%m-%d %H:%M UTC")
    );
    for column in COLUMNS {
        let _ = write!(text, "<th>{}</th>", column.replace('_', " "));
    }
    text.push_str("</tr>\n");
    for line in &inventory.lines {
        text.push_str("<tr>");
        for cell in cells(inventory, line) {
            text.push_str("<td>");
            escape(&mut text, &cell);
            text.push_str("</td>");
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</table>\n");
    text
}

/// The cells of a line, in the order of the columns.
fn cells(inventory: &Inventory, line: &Line) -> [String; 13] {
    let Some((machine, found)) = inventory.parts(line) else { return Default::default() };
    let report = machine.report.as_ref();
    let windows = report.and_then(|report| report.running());
    let or_empty = |text: Option<&String>| text.cloned().unwrap_or_default();
    let yes = |yes: bool| if yes { "yes" } else { "" }.to_owned();
    [
        machine.name.clone(),
        windows.map(|windows| windows.name.clone()).unwrap_or_default(),
        windows.and_then(|windows| windows.build).map(|build| build.to_string()).unwrap_or_default(),
        or_empty(windows.and_then(|windows| windows.status.as_ref())),
        found.map(|found| found.product.clone()).unwrap_or_default(),
        or_empty(found.and_then(|found| found.edition.as_ref())),
        or_empty(found.and_then(|found| found.channel.as_ref())),
        found.map(|found| found.verdict.clone()).unwrap_or_default(),
        found.and_then(|found| found.last_five()).map(|partial| partial.masked('*')).unwrap_or_default(),
        yes(found.is_some_and(|found| found.generic)),
        yes(report.is_some_and(|report| report.linked.is_some())),
        if line.copies == 0 { String::new() } else { line.copies.to_string() },
        report.map(|report| report.time.to_string()).unwrap_or_default(),
    ]
}

fn escape(text: &mut String, plain: &str) {
    for c in plain.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_browser_would_run_is_text() {
        let mut text = String::new();
        escape(&mut text, "<script>'\"&");
        assert_eq!(text, "&lt;script&gt;&#39;&quot;&amp;");
    }
}
