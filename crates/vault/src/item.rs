//! One thing kept: a product key or what is known of it, with what it is good for and where it was found.
//!
//! What may be shown is in [`About`], which can be written anywhere. What may not, the product key and the evidence
//! that contains it, stands beside it and is written into sealed bodies only.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use keystow_core::ProductKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::id::ItemId;

/// One thing kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// The product key, when all of it is known.
    pub product_key: Option<ProductKey>,
    /// What may be shown.
    pub about: About,
    /// The stored values as they were read. They contain the product key.
    pub evidence: Vec<Evidence>,
}

/// What may be shown of an item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// The last five symbols.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_key: Option<String>,
    /// The name of the product, such as "Windows 11 Pro".
    pub product: String,
    /// The edition, as `EditionID` spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The channel, as `slmgr` spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The verdict, as the machine interface spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The rule that gave the verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The date of that rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_date: Option<String>,
    /// Whether the product key is a published one.
    pub generic: bool,
    /// The Windows it was found in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<WindowsFacts>,
    /// Where exactly it was found.
    pub origin: Origin,
    /// What is known of the device: `id` names it where there is one name, other names are free.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub device: BTreeMap<String, String>,
    /// The name it had in the scan that found it, such as `k2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// When it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Timestamp>,
    /// What the person wrote about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The person's own words to sort by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Members that a newer version wrote; they are kept as they are.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// The Windows an item was found in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowsFacts {
    /// `ProductName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_name: Option<String>,
    /// `EditionID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The build number, with the revision where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
}

/// Where exactly a finding was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The source that was looked at.
    pub source: String,
    /// The path inside the source.
    pub path: String,
    /// The name of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A stored value as it was read.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Evidence {
    /// The path it was read from.
    pub path: String,
    /// The name of the value.
    pub value: String,
    /// Its type, such as `REG_BINARY` or `MSDM`.
    pub kind: String,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// The key of the vault's keyed hashes. It lies in the sealed identity and in the state of each device.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct TagKey(pub(crate) [u8; 32]);

impl Item {
    /// The item's name in a vault: the same product key gives the same name whenever and wherever it is found.
    pub(crate) fn id(&self, key: &TagKey) -> ItemId {
        ItemId::of(&key.hash(&[b"item", self.identity().as_bytes()]))
    }

    /// A keyed hash of all that matters about the item, so that finding it again unchanged can be noticed without
    /// opening the vault. The time of finding and the name in that scan do
    /// not matter.
    pub(crate) fn look(&self, key: &TagKey) -> [u8; 32] {
        let timeless = About { finding: None, found: None, ..self.about.clone() };
        let about = serde_json::to_vec(&timeless).unwrap_or_default();
        let text = self.product_key.as_ref().map(ProductKey::reveal);
        let mut parts = vec![b"look".as_slice(), text.as_ref().map_or("", |text| text.as_str()).as_bytes(), &about];
        for evidence in &self.evidence {
            parts.extend([
                evidence.path.as_bytes(),
                evidence.value.as_bytes(),
                evidence.kind.as_bytes(),
                &evidence.data,
            ]);
        }
        key.hash(&parts)
    }

    /// What makes two findings the same item: the product key; else product and partial key; else, for a license
    /// without a product key, edition and device.
    fn identity(&self) -> Zeroizing<String> {
        let about = &self.about;
        Zeroizing::new(match (&self.product_key, &about.partial_key) {
            (Some(key), _) => format!("key:{}", key.reveal().as_str()),
            (None, Some(partial)) => format!("partial:{}:{partial}", about.product),
            (None, None) => {
                let device = about.device.get("id").cloned().unwrap_or_else(|| format!("{:?}", about.device));
                format!("digital:{}:{device}", about.edition.as_deref().unwrap_or(&about.product))
            }
        })
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Evidence({} {}, {} bytes)", self.path, self.value, self.data.len())
    }
}

impl TagKey {
    /// HMAC-SHA256 over the parts, each with its length in front (8 bytes, little-endian), so that no two lists of
    /// parts look alike.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC itself fills a short key up with zeros to the block size of its hash.
        let mut block = Zeroizing::new([0; 64]);
        if let Some(start) = block.first_chunk_mut() {
            *start = self.0;
        }
        let mut mac = Hmac::<Sha256>::new(&(*block).into());
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
