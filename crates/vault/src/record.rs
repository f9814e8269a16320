//! The body of a record: versioned JSON that holds a list of entries. One backup is one record, wholly there or not
//! at all.
//!
//! A body repeats whose record it is and which, so that a body moved elsewhere is refused when it is opened. Entries
//! and members that a newer version wrote are kept, not understood.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::id::{DeviceId, ItemId, RecordId, VaultId};
use crate::item::{About, Evidence, Item};
use crate::meta::FORMAT;

/// Something that happened and is worth remembering: a copy verified, an account linked, a product key installed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// What happened, as the machine interface spells it.
    pub kind: String,
    /// The item it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// What else there is to say. No secrets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// Where an entry stands in the one order that all copies agree on: by time, then device, then index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// When it was written, by the clock of its device.
    pub time: Timestamp,
    /// By which device.
    pub device: DeviceId,
    /// In which of its records.
    pub index: u64,
}

/// One entry of a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Event(Event),
    Put(ItemId, Item),
    Retire(ItemId),
    Revise(ItemId, Item),
    /// Written by a newer version.
    Unknown(BTreeMap<String, Value>),
}

/// An entry with its place in the order. An entry that was put again by a prune keeps the stamp it had.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: Stamp,
    pub(crate) act: Act,
}

/// Why the text of a body is refused.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RecordError {
    #[error("format {found} is newer than this program, which reads up to {FORMAT}")]
    Format { found: u32 },
    #[error("not the text of a record: {0}")]
    Json(String),
    #[error("the body belongs to {found} but lies at {needed}")]
    Moved { needed: String, found: String },
}

#[derive(Serialize, Deserialize)]
struct BodyText {
    format: u32,
    vault: VaultId,
    device: DeviceId,
    index: u64,
    entries: Vec<EntryText>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct EntryText {
    #[serde(skip_serializing_if = "Option::is_none")]
    put: Option<ItemText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revise: Option<ItemText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retire: Option<ItemId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
    /// Only when it is not the stamp of the record itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Stamp>,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

/// An item as it is written into sealed text, and nowhere else.
#[derive(Serialize, Deserialize)]
pub(crate) struct ItemText {
    id: ItemId,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "key_text")]
    product_key: Option<keystow_core::ProductKey>,
    about: About,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<EvidenceText>,
}

#[derive(Serialize, Deserialize)]
struct EvidenceText {
    path: String,
    value: String,
    kind: String,
    #[serde(with = "data_text")]
    data: Zeroizing<Vec<u8>>,
}

/// The text of a body, ready to be sealed.
pub(crate) fn write(vault: &VaultId, own: &Stamp, entries: &[Entry]) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let entries = entries.iter().map(|entry| entry_text(entry, own)).collect();
    let body = BodyText { format: FORMAT, vault: vault.clone(), device: own.device.clone(), index: own.index, entries };
    secret_json(&body)
}

/// Reads the text of the body of record `id` of `vault`, written at `time`.
pub(crate) fn read(text: &[u8], vault: &VaultId, id: &RecordId, time: Timestamp) -> Result<Vec<Entry>, RecordError> {
    let body: BodyText = serde_json::from_slice(text).map_err(|error| RecordError::Json(plainly(&error)))?;
    if body.format > FORMAT {
        return Err(RecordError::Format { found: body.format });
    }
    if (&body.vault, &body.device, body.index) != (vault, &id.device, id.index) {
        let name =
            |vault: &VaultId, device: &DeviceId, index| format!("record {index} of device {device} of vault {vault}");
        return Err(RecordError::Moved {
            needed: name(vault, &id.device, id.index),
            found: name(&body.vault, &body.device, body.index),
        });
    }
    let own = Stamp { time, device: id.device.clone(), index: id.index };
    Ok(body.entries.into_iter().map(|text| entry(text, &own)).collect())
}

/// JSON with secrets in it: the buffer is cleared, and large enough in almost every case never to move.
pub(crate) fn secret_json<T: Serialize>(value: &T) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(64 * 1024));
    serde_json::to_writer(&mut *text, value)?;
    Ok(text)
}

impl ItemText {
    pub(crate) fn new(id: &ItemId, item: &Item) -> Self {
        let evidence = item.evidence.iter().map(|evidence| EvidenceText {
            path: evidence.path.clone(),
            value: evidence.value.clone(),
            kind: evidence.kind.clone(),
            data: Zeroizing::new(evidence.data.clone()),
        });
        Self {
            id: id.clone(),
            product_key: item.product_key.clone(),
            about: item.about.clone(),
            evidence: evidence.collect(),
        }
    }

    pub(crate) fn into_item(self) -> (ItemId, Item) {
        let evidence = self.evidence.into_iter().map(|mut text| Evidence {
            path: std::mem::take(&mut text.path),
            value: std::mem::take(&mut text.value),
            kind: std::mem::take(&mut text.kind),
            data: std::mem::take(&mut text.data),
        });
        (self.id, Item { product_key: self.product_key, about: self.about, evidence: evidence.collect() })
    }
}

fn entry_text(entry: &Entry, own: &Stamp) -> EntryText {
    let mut text = EntryText { at: (entry.at != *own).then(|| entry.at.clone()), ..EntryText::default() };
    match &entry.act {
        Act::Event(event) => text.event = Some(event.clone()),
        Act::Put(id, item) => text.put = Some(ItemText::new(id, item)),
        Act::Retire(id) => text.retire = Some(id.clone()),
        Act::Revise(id, item) => text.revise = Some(ItemText::new(id, item)),
        Act::Unknown(more) => text.more = more.clone(),
    }
    text
}

fn entry(text: EntryText, own: &Stamp) -> Entry {
    let act = match text {
        EntryText { put: Some(item), .. } => {
            let (id, item) = item.into_item();
            Act::Put(id, item)
        }
        EntryText { revise: Some(item), .. } => {
            let (id, item) = item.into_item();
            Act::Revise(id, item)
        }
        EntryText { retire: Some(id), .. } => Act::Retire(id),
        EntryText { event: Some(event), .. } => Act::Event(event),
        EntryText { more, .. } => Act::Unknown(more),
    };
    Entry { at: text.at.unwrap_or_else(|| own.clone()), act }
}

/// Where the text is wrong, without repeating what stands there: it may be a product key.
fn plainly(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a member is missing or of the wrong kind",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Io | serde_json::error::Category::Syntax => "a character is out of place",
    };
    format!("line {} column {}: {what}", error.line(), error.column())
}

/// A product key inside a sealed body, as its 29 characters.
mod key_text {
    use keystow_core::ProductKey;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(key: &Option<ProductKey>, to: S) -> Result<S::Ok, S::Error> {
        match key {
            Some(key) => to.serialize_str(key.reveal().as_str()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ProductKey>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)?.map(Zeroizing::new) else { return Ok(None) };
        ProductKey::parse(&text).map(Some).map_err(|_| de::Error::custom("not a product key"))
    }
}

/// Bytes inside a sealed body, as base64.
mod data_text {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(data: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(BASE64.encode(data)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<Vec<u8>>, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        BASE64.decode(text.as_bytes()).map(Zeroizing::new).map_err(|_| de::Error::custom("not base64"))
    }
}

#[cfg(test)]
mod tests {
    use keystow_core::ProductKey;

    use super::*;

    fn stamp(index: u64) -> Stamp {
        Stamp { time: Timestamp::from_second(1_700_000_000).unwrap(), device: DeviceId::of(b"device"), index }
    }

    fn entries() -> Vec<Entry> {
        let item = Item {
            product_key: ProductKey::parse("W269N-WFGWX-YVC9B-4J6C9-T83GX").ok(),
            about: About { product: "Windows 10 Pro".to_owned(), found: Some(stamp(1).time), ..About::default() },
            evidence: vec![Evidence {
                path: "Microsoft\\Windows NT\\CurrentVersion".to_owned(),
                value: "DigitalProductId".to_owned(),
                kind: "REG_BINARY".to_owned(),
                data: vec![0xA4, 0, 1],
            }],
        };
        let id = ItemId::of(&[1; 32]);
        let event = Event { kind: "verified".to_owned(), ..Event::default() };
        [Act::Put(id.clone(), item.clone()), Act::Revise(id.clone(), item), Act::Retire(id), Act::Event(event)]
            .map(|act| Entry { at: stamp(7), act })
            .to_vec()
    }

    #[test]
    fn every_kind_of_entry_survives_the_round_trip() {
        let vault = VaultId::of(b"vault");
        let id = RecordId { device: stamp(7).device, index: 7 };
        let mut entries = entries();
        entries[2].at = stamp(3);
        let text = write(&vault, &stamp(7), &entries).unwrap();
        assert_eq!(read(&text, &vault, &id, stamp(7).time).unwrap(), entries);
    }

    #[test]
    fn what_a_newer_version_wrote_is_kept() {
        let vault = VaultId::of(b"vault");
        let id = RecordId { device: stamp(7).device, index: 7 };
        let text = write(&vault, &stamp(7), &entries()).unwrap();
        let mut value: Value = serde_json::from_slice(&text).unwrap();
        value["entries"][0]["put"]["about"]["colour"] = "green".into();
        value["entries"][3] = serde_json::json!({ "share": { "with": "somebody" } });
        let read_back = read(value.to_string().as_bytes(), &vault, &id, stamp(7).time).unwrap();
        let again: Value = serde_json::from_slice(&write(&vault, &stamp(7), &read_back).unwrap()).unwrap();
        assert_eq!(again, value);
    }

    #[test]
    fn a_moved_body_and_a_newer_format_are_refused_with_words() {
        let vault = VaultId::of(b"vault");
        let text = write(&vault, &stamp(7), &entries()).unwrap();
        let other = RecordId { device: stamp(7).device, index: 8 };
        let error = read(&text, &vault, &other, stamp(7).time).unwrap_err();
        assert!(error.to_string().starts_with("the body belongs to record 7 of device"), "{error}");
        let newer = String::from_utf8(text.to_vec()).unwrap().replace("\"format\":1", "\"format\":2");
        assert!(matches!(read(newer.as_bytes(), &vault, &other, stamp(7).time), Err(RecordError::Format { found: 2 })));
    }

    #[test]
    fn an_error_never_repeats_what_it_could_not_read() {
        let vault = VaultId::of(b"vault");
        let id = RecordId { device: stamp(7).device, index: 7 };
        let text = String::from_utf8(write(&vault, &stamp(7), &entries()).unwrap().to_vec()).unwrap();
        let bad = text.replace("\"W269N-", "{\"W269N-").replace("T83GX\"", "T83GX\":1}");
        let error = read(bad.as_bytes(), &vault, &id, stamp(7).time).unwrap_err();
        assert!(!error.to_string().contains("W269N"), "{error}");
    }
}
