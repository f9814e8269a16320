//! The shipped tables: which product a group and a serial, or a part number, belong to.
//!
//! A lookup is one load for the group and a look at one to four spans; nothing is allocated, and the tables lie in
//! read-only data. The rows themselves are generated: see `xtask/src/tables.rs`.
//!
//! Sources: the pkeyconfig file of the Windows 11 24H2 generation; published shared product keys; examples for older
//! groups (`docs/formats.md`).

#![expect(
    clippy::indexing_slicing,
    reason = "generated tables; every index in them points into its table, which a test checks"
)]

mod configs;
mod editions;
mod groups;
mod observed;
mod ranges;
mod shared;
mod spans;

use std::ops::Range as Rows;

use configs::{CONFIG_ADD_ON, CONFIG_CHANNEL, CONFIG_EDITION, CONFIG_ID, CONFIG_LOCKED, CONFIG_RELEASE, RELEASES};
use editions::EDITIONS;
use groups::{GENERIC_FIRST, GROUP_ID, OBSERVED_AT, RANGE_FIRST, SPAN_FIRST};
use observed::{NAMES, OBSERVED_2005, OBSERVED_CHANNEL, OBSERVED_EDITION, OBSERVED_NAME};
use ranges::{PART_ORDER, RANGE_END, RANGE_PART, RANGE_START, WAVES};
use shared::{GENERIC_KIND, GENERIC_NAME, GENERIC_SERIAL};
use spans::{EULAS, SPAN_CONFIG, SPAN_END, SPAN_EULA, SPAN_START};

use super::product::name_of;
use super::{ActivationId, Basis, Channel, Edition, Eula, Generation, PartNumber, Product};
use crate::KeyForm;

/// Groups below this are found with one load. It covers all but the three that are numbered far apart.
const NEAR: usize = 5120;
/// Marks a group that is in no table.
const NO_GROUP: u16 = u16::MAX;
/// The place of every near group in the tables.
static NEAR_AT: [u16; NEAR] = near();

/// The low bits of a packed part number: the number itself.
const PART_MASK: u32 = 0xFF_FFFF;
/// Packed numbers from here on are `res-v` and four digits.
const PART_RESERVED: u32 = 10_000_000;
/// The placeholder `X99-99999`, which names no product.
const PART_PLACEHOLDER: u32 = 9_999_999;

/// A serial that lies in a span of the shipped table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    span: u16,
    at: u16,
    serial: u32,
}

/// A shared product key: published, or a default of Setup; nobody's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generic {
    row: u16,
    at: u16,
}

/// Why a product key is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GenericKind {
    /// Published for virtual machines on a Hyper-V host (AVMA).
    Avma,
    /// Written out in the pkeyconfig file itself.
    Embedded,
    /// Default of an evaluation.
    Evaluation,
    /// Published for clients of an activation server (KMS, GVLK).
    KmsClient,
    /// Default that PC makers preinstall.
    OemDefault,
    /// Default of Setup, also left behind by a digital license.
    Setup,
}

/// A group that is known by example only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    edition: u8,
    channel: u8,
    name: u16,
}

/// The span of a group and serial of the 2009 form; `None` when the shipped table does not hold it.
#[inline]
#[must_use]
pub fn find(group: u32, serial: u32) -> Option<Found> {
    find_at(group_at(group)?, serial)
}

/// The shared product key with this group and serial, of the 2009 form.
#[inline]
#[must_use]
pub fn generic(group: u32, serial: u32) -> Option<Generic> {
    generic_at(group_at(group)?, serial)
}

/// What examples say about a group that the table does not hold. The two forms number their groups apart.
#[inline]
#[must_use]
pub fn observed(form: KeyForm, group: u32) -> Option<Observed> {
    match form {
        KeyForm::Pkey2009 => observed_at(group_at(group)?),
        KeyForm::Pkey2005 => {
            let row = OBSERVED_2005.iter().find(|(known, ..)| *known == group);
            row.map(|(_, edition, channel, name)| Observed { edition: *edition, channel: *channel, name: *name })
        }
    }
}

/// The range that a part number names, with or without wave and suffix; its first serial stands for all.
#[must_use]
pub fn by_part_number(part: &PartNumber) -> Option<Found> {
    let packed = pack_part(part.number())?;
    let number = |row: u16| RANGE_PART[usize::from(row)] & PART_MASK;
    let row = *PART_ORDER.get(PART_ORDER.partition_point(|row| number(*row) < packed))?;
    let at = RANGE_FIRST.partition_point(|first| *first <= row).checked_sub(1)?;
    (number(row) == packed).then(|| find_at(at, RANGE_START[usize::from(row)])).flatten()
}

/// A product as its activation ID alone names it.
#[must_use]
pub fn by_activation_id(id: ActivationId) -> Option<Product> {
    let config = CONFIG_ID.iter().position(|known| ActivationId::from_raw(*known) == id)?;
    Some(product_of(config, Basis::Stored))
}

/// All three answers to one group and serial: what a fast identification needs.
#[inline]
pub(super) fn look_up(group: u32, serial: u32) -> (Option<Found>, Option<Generic>, Option<Observed>) {
    match group_at(group) {
        Some(at) => (find_at(at, serial), generic_at(at, serial), observed_at(at)),
        None => (None, None, None),
    }
}

/// A row of the table of editions: `EditionID`, SKU number (0 for unknown), plain words.
pub(super) fn edition_row(row: u8) -> Option<&'static (&'static str, u16, &'static str)> {
    EDITIONS.get(usize::from(row))
}

/// The row of an `EditionID`, whose case does not matter.
pub(super) fn edition(id: &str) -> Option<u8> {
    let exact = EDITIONS.binary_search_by_key(&id, |(known, _, _)| known).ok();
    let row = exact.or_else(|| EDITIONS.iter().position(|(known, _, _)| known.eq_ignore_ascii_case(id)));
    row.and_then(|row| u8::try_from(row).ok())
}

/// The row of a SKU number.
pub(super) fn edition_of_sku(sku: u16) -> Option<u8> {
    let row = EDITIONS.iter().position(|(_, known, _)| *known == sku && sku != 0);
    row.and_then(|row| u8::try_from(row).ok())
}

impl Found {
    /// The edition.
    #[must_use]
    pub fn edition(self) -> Option<Edition> {
        Edition::from_row(CONFIG_EDITION[self.config()])
    }

    /// The channel.
    #[inline]
    #[must_use]
    pub fn channel(self) -> Channel {
        Channel::ALL[usize::from(CONFIG_CHANNEL[self.config()])]
    }

    /// The EULA type.
    #[must_use]
    pub fn eula(self) -> &'static str {
        EULAS[usize::from(SPAN_EULA[usize::from(self.span)])]
    }

    /// The activation ID.
    #[must_use]
    pub fn activation_id(self) -> ActivationId {
        ActivationId::from_raw(CONFIG_ID[self.config()])
    }

    /// The part number of the range in which the serial lies.
    #[must_use]
    pub fn part_number(self) -> Option<PartNumber> {
        let row = rows(&RANGE_FIRST, usize::from(self.at))
            .find(|row| (RANGE_START[*row]..=RANGE_END[*row]).contains(&self.serial))?;
        PartNumber::parse(&part_text(RANGE_PART[row]))
    }

    /// Everything the table says; `basis` tells how it was found.
    #[must_use]
    pub fn product(self, basis: Basis) -> Product {
        Product { part_number: self.part_number(), eula: Eula::parse(self.eula()), ..product_of(self.config(), basis) }
    }

    /// The number of its configuration in the table: serials with the same number are for the same product.
    #[inline]
    #[must_use]
    pub fn config(self) -> usize {
        usize::from(SPAN_CONFIG[usize::from(self.span)])
    }
}

impl Generic {
    /// Why it is shared.
    #[inline]
    #[must_use]
    pub fn kind(self) -> GenericKind {
        GenericKind::ALL[usize::from(GENERIC_KIND[usize::from(self.row)])]
    }

    /// The product it was published for, in plain words.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[usize::from(GENERIC_NAME[usize::from(self.row)])]
    }

    /// The group and the serial.
    #[must_use]
    pub fn group_and_serial(self) -> (u32, u32) {
        (GROUP_ID[usize::from(self.at)], GENERIC_SERIAL[usize::from(self.row)])
    }

    /// The product it is for: by the table, else by examples, else by its published name only.
    #[must_use]
    pub fn product(self) -> Product {
        let at = usize::from(self.at);
        if let Some(found) = find_at(at, self.group_and_serial().1) {
            return found.product(Basis::ShippedTable);
        }
        let unknown = Product::unknown(Basis::Example);
        let product = observed_at(at).map_or(unknown, Observed::product);
        Product {
            name: self.name().to_owned(),
            generation: Generation::of_name(self.name()).or(product.generation),
            ..product
        }
    }
}

impl GenericKind {
    /// Every kind, in the order that the generated tables count.
    pub const ALL: [Self; 6] =
        [Self::Avma, Self::Embedded, Self::Evaluation, Self::KmsClient, Self::OemDefault, Self::Setup];

    /// The word in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avma => "avma",
            Self::Embedded => "embedded",
            Self::Evaluation => "evaluation",
            Self::KmsClient => "kms-client",
            Self::OemDefault => "oem-default",
            Self::Setup => "setup",
        }
    }
}

impl Observed {
    /// The product of the example.
    #[must_use]
    pub fn product(self) -> Product {
        let name = NAMES[usize::from(self.name)];
        let unknown = Product::unknown(Basis::Example);
        Product {
            edition: Edition::from_row(self.edition),
            channel: Channel::ALL.get(usize::from(self.channel)).copied(),
            generation: Generation::of_name(name),
            name: if name.is_empty() { unknown.name } else { name.to_owned() },
            ..unknown
        }
    }
}

fn product_of(config: usize, basis: Basis) -> Product {
    let edition = Edition::from_row(CONFIG_EDITION[config]);
    let release = RELEASES[usize::from(CONFIG_RELEASE[config])];
    let channel = Channel::ALL[usize::from(CONFIG_CHANNEL[config])];
    let name = edition.as_ref().map(|edition| name_of(edition, release));
    let described = Product::described(basis, "", Some(channel), release);
    Product {
        name: name.unwrap_or_default(),
        edition,
        add_on: Edition::from_row(CONFIG_ADD_ON[config]),
        activation_id: Some(ActivationId::from_raw(CONFIG_ID[config])),
        locked_language: (CONFIG_LOCKED[config] == 1).then(|| "zh-CN".to_owned()),
        ..described
    }
}

/// The place of a group in the tables.
#[inline]
fn group_at(group: u32) -> Option<usize> {
    match NEAR_AT.get(group as usize) {
        Some(&NO_GROUP) => None,
        Some(at) => Some(usize::from(*at)),
        None => GROUP_ID.binary_search(&group).ok(),
    }
}

#[inline]
fn find_at(at: usize, serial: u32) -> Option<Found> {
    let span = rows(&SPAN_FIRST, at).find(|span| SPAN_START[*span] <= serial && serial <= SPAN_END[*span])?;
    Some(Found { span: span as u16, at: at as u16, serial })
}

#[inline]
fn generic_at(at: usize, serial: u32) -> Option<Generic> {
    let row = rows(&GENERIC_FIRST, at).find(|row| GENERIC_SERIAL[*row] == serial)?;
    Some(Generic { row: row as u16, at: at as u16 })
}

#[inline]
fn observed_at(at: usize) -> Option<Observed> {
    let row = usize::from(OBSERVED_AT[at]);
    let edition = *OBSERVED_EDITION.get(row)?;
    Some(Observed { edition, channel: OBSERVED_CHANNEL[row], name: OBSERVED_NAME[row] })
}

/// The rows of a group in a table that is sorted by group.
#[inline]
fn rows(firsts: &[u16], at: usize) -> Rows<usize> {
    usize::from(firsts[at])..usize::from(firsts[at + 1])
}

const fn near() -> [u16; NEAR] {
    let mut near = [NO_GROUP; NEAR];
    let mut at = 0;
    while at < GROUP_ID.len() && (GROUP_ID[at] as usize) < NEAR {
        near[GROUP_ID[at] as usize] = at as u16;
        at += 1;
    }
    near
}

/// `X19-98841` is 1998841, `res-v4301` is 10004301; other shapes and the placeholder name nothing in the table.
fn pack_part(number: &str) -> Option<u32> {
    let digits = |text: &str, count: usize| {
        (text.len() == count && text.bytes().all(|digit| digit.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())
            .flatten()
    };
    let packed = match number.strip_prefix("res-v") {
        Some(rest) => PART_RESERVED + digits(rest, 4)?,
        None => {
            let (front, back) = number.strip_prefix('X')?.split_once('-')?;
            digits(front, 2)? * 100_000 + digits(back, 5)?
        }
    };
    (packed != PART_PLACEHOLDER).then_some(packed)
}

/// The text of a packed part number.
fn part_text(packed: u32) -> String {
    let (number, wave) = (packed & PART_MASK, WAVES[(packed >> 24 & 0xF) as usize]);
    let virtual_machine = if packed >> 28 & 1 == 1 { ":Virtual" } else { "" };
    match number.checked_sub(PART_RESERVED) {
        Some(reserved) => format!("[{wave}]res-v{reserved:04}{virtual_machine}"),
        None => format!("[{wave}]X{:02}-{:05}{virtual_machine}", number / 100_000, number % 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_points_into_its_table() {
        let groups = GROUP_ID.len();
        for (firsts, rows) in [
            (&SPAN_FIRST[..], SPAN_START.len()),
            (&RANGE_FIRST[..], RANGE_START.len()),
            (&GENERIC_FIRST[..], GENERIC_SERIAL.len()),
        ] {
            assert!(firsts.len() == groups + 1 && firsts.is_sorted());
            assert_eq!(usize::from(firsts[groups]), rows);
        }
        assert!(GROUP_ID.is_sorted() && OBSERVED_AT.len() == groups);
        assert!(OBSERVED_AT.iter().all(|row| *row == u8::MAX || usize::from(*row) < OBSERVED_NAME.len()));
        assert!(OBSERVED_NAME.iter().chain(&GENERIC_NAME).all(|name| usize::from(*name) < NAMES.len()));
        assert!(CONFIG_CHANNEL.iter().all(|channel| usize::from(*channel) < Channel::ALL.len()));
        assert!(GENERIC_KIND.iter().all(|kind| usize::from(*kind) < GenericKind::ALL.len()));
        assert!(CONFIG_RELEASE.iter().all(|release| usize::from(*release) < RELEASES.len()));
        assert!(SPAN_CONFIG.iter().all(|config| usize::from(*config) < CONFIG_ID.len()));
        assert!(SPAN_EULA.iter().all(|eula| usize::from(*eula) < EULAS.len()));
        assert!(RANGE_PART.iter().all(|part| ((part >> 24 & 0xF) as usize) < WAVES.len()));
        assert!(CONFIG_EDITION.iter().all(|edition| usize::from(*edition) < EDITIONS.len()));
    }

    #[test]
    fn the_published_pro_key_is_professional_retail() {
        let product = find(3308, 0).unwrap().product(Basis::ShippedTable);
        assert_eq!(product.edition, Edition::parse("Professional"));
        assert_eq!(product.channel, Some(Channel::Retail));
        assert_eq!(product.name, "Windows 10/11 Pro");
        assert_eq!(product.generation, Some(Generation::Windows10));
        assert_eq!(product.activation_id.unwrap().to_string(), "4de7cb65-cdf1-4de9-8ae8-e3cce27b9f2c");
        assert!(!product.is_upgrade_only());
        assert_eq!(generic(3308, 0).unwrap().kind(), GenericKind::Setup);
        assert_eq!(generic(3308, 1), None);
    }

    #[test]
    fn every_range_is_found_at_both_ends_and_by_its_part_number() {
        for (at, group) in GROUP_ID.into_iter().enumerate() {
            for row in rows(&RANGE_FIRST, at) {
                for serial in [RANGE_START[row], RANGE_END[row]] {
                    let found = find(group, serial).unwrap();
                    let part = found.part_number().unwrap();
                    assert_eq!(part.as_str(), part_text(RANGE_PART[row]));
                    let named = by_part_number(&part).map(|named| (named.edition(), named.channel()));
                    let placeholder = part.number() == "X99-99999";
                    assert_eq!(named, (!placeholder).then(|| (found.edition(), found.channel())), "{part}");
                }
            }
        }
    }

    #[test]
    fn a_group_or_serial_outside_the_table_is_not_guessed() {
        for (group, serial) in
            [(0, 0), (3308, (1 << 30) - 1), (5119, 0), (5120, 0), (0xF_FFFF, 0), (999_998, 2_000_066)]
        {
            assert_eq!(find(group, serial), None, "{group} {serial}");
        }
        assert!(find(100_054, 1_000_024).is_some() && find(999_999, 2_000_067).is_some());
    }

    #[test]
    fn groups_of_the_two_forms_are_kept_apart() {
        let ultimate = observed(KeyForm::Pkey2005, 170).unwrap().product();
        assert_eq!((ultimate.name.as_str(), ultimate.basis), ("Windows 7 Ultimate", Basis::Example));
        assert_eq!(observed(KeyForm::Pkey2009, 170), None);
        assert_eq!(observed(KeyForm::Pkey2005, 2615), None);
        let pro = observed(KeyForm::Pkey2009, 2615).unwrap().product();
        assert_eq!((pro.edition, pro.channel), (Edition::parse("Professional"), Some(Channel::VolumeGvlk)));
        assert_eq!(pro.generation, Some(Generation::Windows8));
    }

    #[test]
    fn a_group_with_several_products_says_only_what_they_share() {
        let seven = observed(KeyForm::Pkey2005, 172).unwrap().product();
        assert_eq!((seven.edition, seven.channel, seven.name.as_str()), (None, None, "Windows 7"));
    }

    #[test]
    fn shared_product_keys_of_older_windows_have_a_product_too() {
        let product = generic(1781, 14_000_000).unwrap().product();
        assert_eq!((product.name.as_str(), product.edition), ("Windows 8 Pro", Edition::parse("Professional")));
        assert_eq!(product.basis, Basis::Example);
    }

    #[test]
    fn part_numbers_of_other_shapes_name_nothing() {
        for text in ["X99-99999", "X15-39004", "C83-00001", "X1-1", "X19-9884", "res-v43019", "X19-988410", ""] {
            assert!(PartNumber::parse(text).and_then(|part| by_part_number(&part)).is_none(), "{text}");
        }
        let number = PartNumber::parse("X19-98841").unwrap();
        assert_eq!(by_part_number(&number).map(Found::channel), Some(Channel::Retail));
    }

    #[test]
    fn upgrade_only_ranges_name_the_skus_they_start_from() {
        let spans = (0..GROUP_ID.len()).flat_map(|at| rows(&SPAN_FIRST, at).map(move |span| (at, span)));
        let upgrades: Vec<_> = spans.filter(|(_, span)| EULAS[usize::from(SPAN_EULA[*span])].contains("WAU")).collect();
        assert!(!upgrades.is_empty());
        for (at, span) in upgrades {
            let product = find_at(at, SPAN_START[span]).unwrap().product(Basis::ShippedTable);
            let from = if GROUP_ID[at] == 3309 { vec![101, 99, 100] } else { vec![98] };
            assert_eq!(product.upgrades_from(), from);
        }
    }
}
