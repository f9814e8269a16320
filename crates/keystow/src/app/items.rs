//! Items: made from findings and typed product keys, listed, and named by people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keystow_core::ProductKey;
use keystow_core::identify::{self, Identified};
use keystow_find::{Finding, Scan, THIS_PC};
use keystow_vault::{About, Device, Evidence, Item, Listing, Opened, Origin, StoredItem, Unread, Vault, WindowsFacts};

use super::error::{Error, Result};
use super::fit::UNKNOWN;
use super::running::this_device;

/// From this length on, the beginning of an id is enough.
const SHORTEST_ID: usize = 4;

/// The items of a vault, with the names that people use.
pub(crate) struct Items {
    pub(crate) items: Vec<Named>,
    pub(crate) unread: Vec<Unread>,
    /// How many records this PC has seen that no copy has now.
    pub(crate) gone: u64,
}

/// An item and its name: `k1` is the product key that was put first, `o1` the first Office.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) stored: StoredItem,
}

impl Items {
    /// Reads all items, in the order in which they were first put; those of one backup by their names in its scan, so
    /// that after the first backup `k2` is still `k2`.
    pub(crate) fn read(vault: &Vault, opened: &Opened, device: Option<&Device>) -> Self {
        let Listing { mut items, unread, .. } = vault.items(opened, device);
        let gone = device.map_or(0, |device| vault.gone(device));
        items.sort_by_cached_key(|stored| (stored.first, finding(stored), stored.id.clone()));
        let mut counts = BTreeMap::new();
        let named = |stored: StoredItem| {
            let (letter, _) = finding(&stored);
            let count = counts.entry(letter).or_insert(0);
            *count += 1;
            Named { name: format!("{letter}{count}"), stored }
        };
        Self { items: items.into_iter().map(named).collect(), unread, gone }
    }

    /// The item that a person means: by name, by id or its beginning, or by the last five characters.
    pub(crate) fn pick(&self, wanted: &str) -> Result<&Named> {
        let lower = wanted.to_ascii_lowercase();
        let by_name = self.items.iter().find(|item| item.name == lower);
        if let Some(item) = by_name {
            return Ok(item);
        }
        let matches = |item: &&Named| {
            let id = item.stored.id.as_str();
            let partial = item.stored.item.about.partial_key.as_deref();
            lower.len() >= SHORTEST_ID && id.starts_with(&lower)
                || partial.is_some_and(|p| p.eq_ignore_ascii_case(wanted))
        };
        let found: Vec<&Named> = self.items.iter().filter(matches).collect();
        match found.as_slice() {
            [] if ProductKey::parse(wanted).is_ok() => Err(Error::KeyAsName),
            [] => Err(Error::NoItem { name: wanted.to_owned() }),
            [item] => Ok(item),
            several => Err(Error::Several {
                name: wanted.to_owned(),
                count: several.len(),
                which: several.iter().map(|item| item.name.as_str()).collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

/// The letter and number of an item in the scan that found it; what was typed is `k`.
fn finding(stored: &StoredItem) -> (char, u32) {
    let name = stored.item.about.finding.as_deref().unwrap_or_default();
    let letter = name.chars().next().filter(char::is_ascii_lowercase).unwrap_or('k');
    (letter, name.get(1..).and_then(|number| number.parse().ok()).unwrap_or(u32::MAX))
}

/// What tells this PC from others, where a scan looked at this PC itself; of a disk nobody knows what PC it was in.
pub(crate) fn device_of(scan: &Scan) -> BTreeMap<String, String> {
    match scan.findings.iter().any(is_of_this_pc) {
        true => this_device().0.to_map(),
        false => BTreeMap::new(),
    }
}

fn is_of_this_pc(finding: &Finding) -> bool {
    finding.origin.source == THIS_PC
}

/// The item that a finding becomes. `device` tells this PC from others.
pub(crate) fn of_finding(finding: &Finding, scan: &Scan, device: &BTreeMap<String, String>, now: Timestamp) -> Item {
    let windows = finding.installation.and_then(|at| scan.installations.get(at));
    let origin = &finding.origin;
    // A license without a product key is told apart by the PC it is on.
    let mut marks = if is_of_this_pc(finding) { device.clone() } else { BTreeMap::new() };
    let pc = windows.and_then(|windows| windows.product_id.clone()).unwrap_or_else(|| origin.source.clone());
    marks.insert("id".to_owned(), pc);
    let about = About {
        partial_key: finding.held.partial().map(|partial| partial.to_string()),
        product: finding.product.name.clone(),
        edition: finding.product.edition.as_ref().map(|edition| edition.id().to_owned()),
        channel: finding.product.channel.map(|channel| channel.as_str().to_owned()),
        verdict: Some(finding.verdict.kind.as_str().to_owned()),
        rule: Some(finding.verdict.rule.id.to_owned()),
        rule_date: Some(finding.verdict.rule.date.to_owned()),
        generic: finding.generic.is_some(),
        windows: windows.map(|windows| WindowsFacts {
            product_name: Some(windows.name.clone()),
            edition: windows.edition.as_ref().map(|edition| edition.id().to_owned()),
            build: windows.build.map(|build| build.to_string()),
        }),
        origin: Origin {
            source: origin.source.clone(),
            path: origin.path.clone(),
            value: Some(origin.value.clone()).filter(|value| !value.is_empty()),
        },
        device: marks,
        finding: Some(finding.id.to_string()),
        found: Some(now),
        ..About::default()
    };
    let evidence = finding.evidence.iter().map(|evidence| Evidence {
        path: evidence.path.clone(),
        value: evidence.value.clone(),
        kind: kind_name(evidence.kind),
        data: evidence.data.clone(),
    });
    Item { product_key: finding.held.full().cloned(), about, evidence: evidence.collect() }
}

/// The item that a typed product key becomes.
pub(crate) fn of_typed(key: ProductKey, product: Option<String>, note: String, now: Timestamp) -> Item {
    let identified = identify::identify(&key);
    let known = identified.product();
    let about = About {
        partial_key: Some(key.partial().to_string()),
        product: product.or_else(|| Some(known.as_ref()?.name.clone())).unwrap_or_else(|| UNKNOWN.to_owned()),
        edition: known.as_ref().and_then(|product| Some(product.edition.as_ref()?.id().to_owned())),
        channel: known.as_ref().and_then(|product| Some(product.channel?.as_str().to_owned())),
        generic: identified.generic.is_some(),
        verdict: Some(verdict_of(&identified, known.as_ref()).to_owned()),
        origin: Origin { source: "typed".to_owned(), ..Origin::default() },
        found: Some(now),
        note,
        ..About::default()
    };
    Item { product_key: Some(key), about, evidence: Vec::new() }
}

fn verdict_of(identified: &Identified, product: Option<&identify::Product>) -> &'static str {
    use identify::verdict::{Fact, HeldKind, PlaceKind, Setting, judge};
    let fact = Fact {
        place: PlaceKind::Typed,
        held: HeldKind::Full(identified.form),
        channel: product.and_then(|product| product.channel),
        license: product.and_then(identify::Product::license_type),
        generic: identified.generic.as_ref(),
        old_windows: product.is_some_and(identify::Product::is_old_windows),
        licensed: None,
        failed: (identified.checksum_ok == Some(false)).then(|| "the checksum is wrong".to_owned()),
    };
    judge(&fact, Setting { new_windows: true }).kind.as_str()
}

fn kind_name(kind: u32) -> String {
    match kind {
        1 => "REG_SZ".to_owned(),
        2 => "REG_EXPAND_SZ".to_owned(),
        3 => "REG_BINARY".to_owned(),
        4 => "REG_DWORD".to_owned(),
        7 => "REG_MULTI_SZ".to_owned(),
        other => format!("REG_{other}"),
    }
}
