//! `pkeyconfig*.xrm-ms`: Microsoft's own list of groups, serial ranges and what they are for.
//!
//! Input is one whole file; output is a [`PkeyConfig`] that answers for its groups. The file is XML that carries a
//! second XML document as base64 in `infoBin` named `pkeyConfigData`. Signatures are not verified: a file that lies
//! can only name a product wrongly. A few product keys stand written out in such files, in the place of the edition;
//! they are left out here.
//!
//! Sources: unpublished; agrees with the file of the Windows 11 24H2 generation; names as in IonBazan/pidgenx.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use thiserror::Error;

use super::{ActivationId, Basis, Channel, Eula, PartNumber, Product};
use crate::{KeyForm, ProductKey};

/// Elements stand this deep inside each other at most; real files need 8.
const DEPTH_LIMIT: usize = 64;
/// The elements whose text is kept.
const LEAVES: [&str; 13] = [
    "ActConfigId",
    "AlgorithmId",
    "EditionId",
    "End",
    "EulaType",
    "GroupId",
    "IsValid",
    "PartNumber",
    "ProductDescription",
    "ProductKeyType",
    "RefActConfigId",
    "RefGroupId",
    "Start",
];

/// One pkeyconfig file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PkeyConfig {
    configs: Vec<Config>,
    /// Sorted by form, group and start.
    ranges: Vec<SerialRange>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Config {
    id: ActivationId,
    group: u32,
    editions: String,
    description: String,
    channel: Option<Channel>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SerialRange {
    form: KeyForm,
    group: u32,
    start: u32,
    /// Inclusive.
    end: u32,
    config: usize,
    part_number: String,
    eula: String,
}

/// Which of the two XML documents an error is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The file itself.
    Outer,
    /// The document inside `pkeyConfigData`.
    Inner,
}

/// Why bytes are not a pkeyconfig file. Offsets count the bytes of the document as UTF-8, a byte order mark left out.
#[non_exhaustive]
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PkeyConfigError {
    #[error("the data is not base64 at character {offset}, white space left out")]
    Base64 { offset: usize },
    #[error("{layer} ends at byte {offset} inside {depth} open elements")]
    Cut { layer: Layer, offset: u64, depth: usize },
    #[error("{layer} is nested deeper than {DEPTH_LIMIT} elements at byte {offset}")]
    Depth { layer: Layer, offset: u64 },
    #[error("{layer} refers at byte {offset} to an entity that XML does not define")]
    Entity { layer: Layer, offset: u64 },
    #[error("the record that ends at byte {offset} of the inner document needs a valid {field}")]
    Field { offset: u64, field: &'static str },
    #[error("the file has no infoBin named pkeyConfigData")]
    NoData,
    #[error("{layer} is neither UTF-8 nor UTF-16 at byte {offset}")]
    Text { layer: Layer, offset: usize },
    #[error("{layer} is not XML at byte {offset}: {source}")]
    Xml { layer: Layer, offset: u64, source: quick_xml::Error },
}

impl PkeyConfig {
    /// Reads one file: UTF-8 with or without byte order mark, or UTF-16.
    ///
    /// # Errors
    ///
    /// [`PkeyConfigError`], which names the place. Ranges that Microsoft marked invalid, and ranges of products that
    /// the file does not list, are left out without an error.
    pub fn parse(file: &[u8]) -> Result<Self, PkeyConfigError> {
        Self::parse_inner(&outer(&text_of(file, Layer::Outer)?)?)
    }

    /// Reads the inner document alone, in any of the same encodings.
    ///
    /// # Errors
    ///
    /// [`PkeyConfigError`], as for [`parse`](Self::parse).
    pub fn parse_inner(document: &[u8]) -> Result<Self, PkeyConfigError> {
        let mut builder = Builder::default();
        walk(&text_of(document, Layer::Inner)?, Layer::Inner, |step, offset| builder.step(step, offset))?;
        Ok(builder.finish())
    }

    /// The product in whose range the serial lies.
    #[must_use]
    pub fn find(&self, form: KeyForm, group: u32, serial: u32) -> Option<Product> {
        let wanted = (form, group, serial);
        let after = self.ranges.partition_point(|range| (range.form, range.group, range.start) <= wanted);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        let holds = range.form == form && range.group == group && serial <= range.end;
        holds.then(|| self.product(range, Basis::PkeyconfigFile)).flatten()
    }

    /// The product of a part number, when all its ranges agree on one.
    #[must_use]
    pub fn by_part_number(&self, part: &PartNumber) -> Option<Product> {
        let number = |range: &&SerialRange| {
            PartNumber::parse(&range.part_number).is_some_and(|known| known.number() == part.number())
        };
        let mut ranges = self.ranges.iter().filter(number);
        let first = ranges.next()?;
        let kind =
            |range: &SerialRange| self.configs.get(range.config).map(|config| (&config.editions, config.channel));
        ranges.all(|range| kind(range) == kind(first)).then(|| self.product(first, Basis::PartNumber)).flatten()
    }

    /// The product with this activation ID.
    #[must_use]
    pub fn by_activation_id(&self, id: ActivationId) -> Option<Product> {
        self.configs.iter().find(|config| config.id == id).map(|config| config.product(Basis::Stored))
    }

    /// The number of serial ranges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is no range at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    fn product(&self, range: &SerialRange, basis: Basis) -> Option<Product> {
        let config = self.configs.get(range.config)?;
        let (part_number, eula) = (PartNumber::parse(&range.part_number), Eula::parse(&range.eula));
        Some(Product { part_number, eula, ..config.product(basis) })
    }
}

impl Config {
    fn product(&self, basis: Basis) -> Product {
        let product = Product::described(basis, &self.editions, self.channel, &self.description);
        Product { activation_id: Some(self.id), ..product }
    }
}

/// Collects the records of the inner document.
#[derive(Default)]
struct Builder {
    text: String,
    fields: BTreeMap<&'static str, String>,
    configs: Vec<Config>,
    by_id: BTreeMap<ActivationId, usize>,
    /// Ranges with the activation ID they refer to; group and form come from elsewhere in the file.
    ranges: Vec<(ActivationId, SerialRange)>,
    older: BTreeMap<u32, KeyForm>,
}

impl Builder {
    fn step(&mut self, step: Step<'_>, offset: u64) -> Result<(), PkeyConfigError> {
        match step {
            Step::Start { name, .. } => {
                self.text.clear();
                if matches!(name, "Configuration" | "KeyRange" | "PublicKey") {
                    self.fields.clear();
                }
            }
            Step::Text(text) => self.text.push_str(text),
            Step::End("Configuration") => self.configuration(offset)?,
            Step::End("KeyRange") => self.key_range(offset)?,
            Step::End("PublicKey") => self.public_key(offset)?,
            Step::End(name) => {
                if let Some(leaf) = LEAVES.iter().find(|leaf| **leaf == name) {
                    self.fields.insert(leaf, self.text.trim().to_owned());
                }
            }
        }
        Ok(())
    }

    fn configuration(&mut self, offset: u64) -> Result<(), PkeyConfigError> {
        let id = self.id("ActConfigId", offset)?;
        let config = Config {
            id,
            group: self.number("RefGroupId", offset)?,
            editions: without_keys(self.field("EditionId")),
            description: without_keys(self.field("ProductDescription")),
            channel: Channel::parse(self.field("ProductKeyType")),
        };
        self.by_id.entry(id).or_insert(self.configs.len());
        self.configs.push(config);
        Ok(())
    }

    fn key_range(&mut self, offset: u64) -> Result<(), PkeyConfigError> {
        let id = self.id("RefActConfigId", offset)?;
        let range = SerialRange {
            form: KeyForm::Pkey2009,
            group: 0,
            start: self.number("Start", offset)?,
            end: self.number("End", offset)?,
            config: 0,
            part_number: self.field("PartNumber").to_owned(),
            eula: self.field("EulaType").to_owned(),
        };
        if !self.field("IsValid").eq_ignore_ascii_case("false") {
            self.ranges.push((id, range));
        }
        Ok(())
    }

    fn public_key(&mut self, offset: u64) -> Result<(), PkeyConfigError> {
        if self.field("AlgorithmId").ends_with("/2005") {
            let group = self.number("GroupId", offset)?;
            self.older.insert(group, KeyForm::Pkey2005);
        }
        Ok(())
    }

    fn finish(self) -> PkeyConfig {
        let (configs, by_id, older) = (self.configs, self.by_id, self.older);
        let placed = self.ranges.into_iter().filter_map(|(id, range)| {
            let config = *by_id.get(&id)?;
            let group = configs.get(config)?.group;
            let form = older.get(&group).copied().unwrap_or(KeyForm::Pkey2009);
            Some(SerialRange { form, group, config, ..range })
        });
        let mut ranges: Vec<_> = placed.collect();
        ranges.sort_by_key(|range| (range.form, range.group, range.start));
        PkeyConfig { configs, ranges }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn number(&self, field: &'static str, offset: u64) -> Result<u32, PkeyConfigError> {
        self.field(field).parse().map_err(|_| PkeyConfigError::Field { offset, field })
    }

    fn id(&self, field: &'static str, offset: u64) -> Result<ActivationId, PkeyConfigError> {
        ActivationId::parse(self.field(field)).ok_or(PkeyConfigError::Field { offset, field })
    }
}

/// What a document consists of, by local names; prefixes are ignored.
enum Step<'a> {
    Start { name: &'a str, attributes: &'a BytesStart<'a> },
    Text(&'a str),
    End(&'a str),
}

/// Visits a document from front to back, without recursion.
fn walk(
    text: &str,
    layer: Layer,
    mut visit: impl FnMut(Step<'_>, u64) -> Result<(), PkeyConfigError>,
) -> Result<(), PkeyConfigError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event();
        let offset = reader.buffer_position();
        match event.map_err(|source| PkeyConfigError::Xml { layer, offset: reader.error_position(), source })? {
            Event::Start(start) => {
                depth += 1;
                if depth > DEPTH_LIMIT {
                    return Err(PkeyConfigError::Depth { layer, offset });
                }
                visit(Step::Start { name: start.local_name().as_ref(), attributes: &start }, offset)?;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                visit(Step::End(end.local_name().as_ref()), offset)?;
            }
            Event::Text(text) => visit(Step::Text(&text.into_inner()), offset)?,
            Event::CData(text) => visit(Step::Text(&text.into_inner()), offset)?,
            Event::GeneralRef(entity) => {
                let symbol = resolve(&entity).ok_or(PkeyConfigError::Entity { layer, offset })?;
                visit(Step::Text(symbol.encode_utf8(&mut [0; 4])), offset)?;
            }
            Event::Eof if depth > 0 => return Err(PkeyConfigError::Cut { layer, offset, depth }),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The bytes inside `infoBin` named `pkeyConfigData`.
fn outer(text: &str) -> Result<Vec<u8>, PkeyConfigError> {
    let (mut inside, mut base64) = (false, None::<String>);
    walk(text, Layer::Outer, |step, _| {
        match step {
            Step::Start { name: "infoBin", attributes } => {
                // Looking for doubled attributes would cost the square of their number.
                let mut attributes = attributes.attributes();
                let name = attributes.with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == "name");
                inside = base64.is_none() && name.is_some_and(|name| name.value.as_ref() == "pkeyConfigData");
                if inside {
                    base64 = Some(String::new());
                }
            }
            Step::End("infoBin") => inside = false,
            Step::Text(text) if inside => base64.iter_mut().for_each(|base64| {
                base64.extend(text.chars().filter(|symbol| !symbol.is_ascii_whitespace()));
            }),
            _ => {}
        }
        Ok(())
    })?;
    let base64 = base64.ok_or(PkeyConfigError::NoData)?;
    BASE64.decode(base64.as_bytes()).map_err(|error| PkeyConfigError::Base64 { offset: error.position })
}

/// The character that a reference stands for: by number, or one of XML's own five.
fn resolve(entity: &BytesRef<'_>) -> Option<char> {
    match entity.resolve_char_ref() {
        Ok(None) => match entity.as_ref() {
            "amp" => Some('&'),
            "apos" => Some('\''),
            "gt" => Some('>'),
            "lt" => Some('<'),
            "quot" => Some('"'),
            _ => None,
        },
        Ok(symbol) => symbol,
        Err(_) => None,
    }
}

/// The bytes as text: UTF-16 by its byte order mark or by a zero beside the first character, else UTF-8.
fn text_of(bytes: &[u8], layer: Layer) -> Result<String, PkeyConfigError> {
    let (skip, unit): (usize, fn([u8; 2]) -> u16) = match bytes {
        [0xFF, 0xFE, ..] => (2, u16::from_le_bytes),
        [0xFE, 0xFF, ..] => (2, u16::from_be_bytes),
        [b'<', 0, ..] => (0, u16::from_le_bytes),
        [0, b'<', ..] => (0, u16::from_be_bytes),
        _ => {
            let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            let error = |error: std::str::Utf8Error| PkeyConfigError::Text { layer, offset: error.valid_up_to() };
            return std::str::from_utf8(text).map(str::to_owned).map_err(error);
        }
    };
    let (units, rest) = bytes.get(skip..).unwrap_or_default().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(PkeyConfigError::Text { layer, offset: bytes.len() - 1 });
    }
    let mut text = String::with_capacity(units.len());
    for symbol in char::decode_utf16(units.iter().map(|pair| unit(*pair))) {
        text.push(symbol.map_err(|_| PkeyConfigError::Text { layer, offset: text.len() })?);
    }
    Ok(text)
}

/// The text, or nothing where a product key stands in it.
fn without_keys(text: &str) -> String {
    let is_key = |word: &str| ProductKey::parse_bytes(word.as_bytes()).is_some();
    let keys = text.split([' ', ';', ',', '(', ')']).any(is_key);
    if keys { String::new() } else { text.to_owned() }
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Outer => "the file",
            Self::Inner => "the inner document",
        })
    }
}

#[cfg(test)]
mod tests;
