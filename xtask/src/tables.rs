//! Makes the product tables of `keystow_core::identify`, and the answers of `keystow_core::activation`, from the fact
//! sheets beside the repository.
//!
//! Input is `../shared/tables/{pkeyconfig_table,pkeyconfig_observed,default_key_tuples,editions,sl_errors}.csv`; output
//! is the Rust text under `crates/core/src/identify/tables/` and `crates/core/src/activation/answers.rs`. Rows are plain numbers in parallel arrays, so that they sit
//! in read-only data and cost nothing at start-up; text stands once, in side tables. No product key enters, not even
//! the masked ones of group 999999, whose rows name no edition.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

mod activation;
mod names;
mod sheets;

use names::{KINDS, edition_name, generic_name, observed_edition, observed_name};
use sheets::{Row, sheet};

/// The channels in the order of `keystow_core::identify::Channel::ALL`; a test there compares.
const CHANNELS: [&str; 11] = [
    "OEM:COA",
    "OEM:DM",
    "OEM:NONSLP",
    "OEM:SLP",
    "PGS:TB",
    "Retail",
    "Retail:TB:Eval",
    "VT:IA",
    "Volume:CSVLK",
    "Volume:GVLK",
    "Volume:MAK",
];
/// "Not known" in an 8-bit column.
const NONE: u8 = u8::MAX;

/// Writes the tables, or with `check` only compares them with what is there.
///
/// # Errors
///
/// A sentence naming the file: a sheet that is missing or does not have the expected shape, a table that cannot be
/// written, or with `check` a table that differs.
pub(crate) fn run(root: &Path, check: bool) -> Result<(), String> {
    let (sheets, target) = (root.join("../shared/tables"), root.join("crates/core/src"));
    let mut tables: Vec<(String, String)> = vec![("activation/answers.rs".to_owned(), activation::table(&sheets)?)];
    for (name, text) in Sheets::read(&sheets)?.tables()? {
        tables.push((format!("identify/tables/{name}"), text));
    }
    for (name, text) in tables {
        let path = target.join(name);
        let text = rustfmt(&text, root).map_err(|error| format!("rustfmt: {error}"))?;
        if !check {
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        } else if fs::read_to_string(&path).ok() != Some(text) {
            return Err(format!("{} is not what `cargo xtask tables` makes", path.display()));
        }
    }
    Ok(())
}

/// The four sheets, and what is counted over all of them.
struct Sheets {
    ranges: Vec<Row>,
    observed: Vec<Row>,
    generic: Vec<Row>,
    /// EditionID to SKU number, 0 when there is none.
    editions: BTreeMap<String, u32>,
}

/// One `ActConfigId` with what its ranges have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Config {
    activation_id: u128,
    editions: Vec<String>,
    channel: u8,
    /// The description up to the edition, such as `Win 10 RTM`.
    release: String,
    locked: u8,
}

/// Serials of one group with the same product and EULA.
struct Span {
    start: u32,
    end: u32,
    config: usize,
    eula: String,
}

impl Sheets {
    fn read(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| sheet(&folder.join(name));
        let mut ranges = read("pkeyconfig_table.csv")?;
        ranges.retain(|row| !row.text("edition_id").starts_with("special-key"));
        ranges.sort_by_key(|row| (row.number("group_id"), row.number("range_start")));
        let mut generic = read("default_key_tuples.csv")?;
        generic.sort_by_key(|row| (row.number("group_id"), row.number("serial")));
        let mut editions = BTreeMap::new();
        for row in read("editions.csv")? {
            // One cell holds two names and a remark; the first word is the EditionID.
            let id = row.text("edition_id").split([' ', ',']).next().unwrap_or_default().to_owned();
            editions.insert(id, row.number("sku_number"));
        }
        for id in ranges.iter().flat_map(|row| row.text("edition_id").split(';')).chain(names::MORE_EDITIONS) {
            editions.entry(id.to_owned()).or_insert(0);
        }
        Ok(Self { ranges, observed: read("pkeyconfig_observed.csv")?, generic, editions })
    }

    fn tables(&self) -> Result<Vec<(&'static str, String)>, String> {
        let (observed_2005, observed): (Vec<_>, Vec<_>) = self.observed.iter().partition(|row| is_2005(row));
        let groups: BTreeSet<u32> = self.ranges.iter().map(group).chain(self.generic.iter().map(group)).collect();
        let groups: Vec<u32> = groups
            .into_iter()
            .chain(observed.iter().map(|row| group(row)))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let configs = self.configs()?;
        let spans = self.spans(&configs);
        let observed = self.merge(&observed)?;
        let observed_2005 = self.merge(&observed_2005)?;
        let mut names: BTreeSet<String> = observed.iter().chain(&observed_2005).map(|row| row.name.clone()).collect();
        names.extend(self.generic.iter().map(|row| generic_name(row.text("product"))));
        let names: Vec<String> = names.into_iter().collect();
        Ok(vec![
            ("configs.rs", self.config_table(&configs)),
            ("editions.rs", self.edition_table()?),
            ("groups.rs", self.group_table(&groups, &spans, &observed)),
            ("observed.rs", observed_table(&observed, &observed_2005, &names)),
            ("ranges.rs", self.range_table()?),
            ("shared.rs", self.generic_table(&names)?),
            ("spans.rs", span_table(&spans)),
        ])
    }

    fn configs(&self) -> Result<Vec<Config>, String> {
        let configs: BTreeSet<Config> = self.ranges.iter().map(config).collect::<Result<_, _>>()?;
        if configs.len() >= usize::from(NONE) {
            return Err(format!("{} configurations do not fit 8 bits", configs.len()));
        }
        Ok(configs.into_iter().collect())
    }

    fn spans(&self, configs: &[Config]) -> Vec<(u32, Span)> {
        let mut spans: Vec<(u32, Span)> = Vec::new();
        for row in &self.ranges {
            let config = configs.iter().position(|known| Ok(known) == config(row).as_ref()).unwrap_or_default();
            let (start, end) = (row.number("range_start"), row.number("range_end"));
            let eula = row.text("eula_type").to_owned();
            match spans.last_mut() {
                Some((group_id, last))
                    if *group_id == group(row)
                        && last.config == config
                        && last.eula == eula
                        && last.end + 1 == start =>
                {
                    last.end = end;
                }
                _ => spans.push((group(row), Span { start, end, config, eula })),
            }
        }
        spans
    }

    /// Several examples of one group say only what they agree on.
    fn merge(&self, rows: &[&Row]) -> Result<Vec<Observed>, String> {
        let mut merged: Vec<Observed> = Vec::new();
        for row in rows {
            let channel = row.text("channel").split(" (").next().unwrap_or_default();
            let channel = CHANNELS.iter().position(|known| *known == channel).map_or(NONE, |at| at as u8);
            let name = observed_name(group(row), row.text("product_or_edition"));
            let edition = match observed_edition(row.text("product_or_edition")) {
                Some(id) => self.edition(&id)?,
                None => NONE,
            };
            match merged.last_mut() {
                Some(last) if last.group == group(row) => {
                    last.channel = if last.channel == channel { channel } else { NONE };
                    last.edition = if last.edition == edition { edition } else { NONE };
                }
                _ => merged.push(Observed { group: group(row), channel, edition, name }),
            }
        }
        merged.sort_by_key(|row| row.group);
        if merged.len() >= usize::from(NONE) || !merged.is_sorted_by(|row, next| row.group < next.group) {
            return Err("pkeyconfig_observed.csv: too many groups, or one group in two places".to_owned());
        }
        Ok(merged)
    }

    fn edition(&self, id: &str) -> Result<u8, String> {
        let at = self.editions.keys().position(|known| known == id);
        at.and_then(|at| u8::try_from(at).ok()).filter(|at| *at != NONE).ok_or(format!("no edition {id:?}"))
    }

    fn edition_table(&self) -> Result<String, String> {
        let mut text = header("Every EditionID that is known by name. SKU number 0 means unknown.");
        let _ = writeln!(
            text,
            "\n/// EditionID, SKU number, plain words; in the order of the EditionIDs.\npub(in crate::identify) static EDITIONS: [(&str, u16, &str); {}] = [",
            self.editions.len()
        );
        for (id, sku) in &self.editions {
            let name = edition_name(id).ok_or(format!("names.rs has no words for {id:?}"))?;
            let _ = writeln!(text, "({id:?}, {sku}, {name:?}),");
        }
        Ok(text + "];\n")
    }

    fn config_table(&self, configs: &[Config]) -> String {
        let releases: Vec<String> =
            configs.iter().map(|c| c.release.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        let edition =
            |config: &Config, at: usize| config.editions.get(at).map_or(NONE, |id| self.edition(id).unwrap_or(NONE));
        let release = |config: &Config| releases.iter().position(|known| *known == config.release).unwrap_or_default();
        let mut text =
            header("The configurations (`ActConfigId`) of the pkeyconfig file of the Windows 11 24H2 generation.");
        array(
            &mut text,
            "The activation IDs.",
            "CONFIG_ID",
            "u128",
            configs.iter().map(|c| format!("0x{:032x}", c.activation_id)),
        );
        array(&mut text, "Index into `EDITIONS`.", "CONFIG_EDITION", "u8", configs.iter().map(|c| edition(c, 0)));
        array(
            &mut text,
            "A second edition that comes with it; 255 for none.",
            "CONFIG_ADD_ON",
            "u8",
            configs.iter().map(|c| edition(c, 1)),
        );
        array(&mut text, "Index into `Channel::ALL`.", "CONFIG_CHANNEL", "u8", configs.iter().map(|c| c.channel));
        array(&mut text, "Index into `RELEASES`.", "CONFIG_RELEASE", "u8", configs.iter().map(release));
        array(
            &mut text,
            "1 when the language is locked to Chinese (`MUI locked to zh-CN`).",
            "CONFIG_LOCKED",
            "u8",
            configs.iter().map(|c| c.locked),
        );
        array(
            &mut text,
            "How the descriptions begin.",
            "RELEASES",
            "&str",
            releases.iter().map(|release| format!("{release:?}")),
        );
        text
    }

    fn group_table(&self, groups: &[u32], spans: &[(u32, Span)], observed: &[Observed]) -> String {
        // Where the rows of each group begin in a table sorted by group; one more at the end.
        let firsts = |of: Vec<u32>| -> Vec<usize> {
            groups.iter().map(|id| of.partition_point(|other| other < id)).chain([of.len()]).collect()
        };
        let mut text =
            header("Every group of the 2009 form that is known, and where its rows begin in the other tables.");
        array(&mut text, "The group IDs, ascending.", "GROUP_ID", "u32", groups);
        array(
            &mut text,
            "First row in `spans`.",
            "SPAN_FIRST",
            "u16",
            firsts(spans.iter().map(|(id, _)| *id).collect()),
        );
        array(
            &mut text,
            "First row in `ranges`.",
            "RANGE_FIRST",
            "u16",
            firsts(self.ranges.iter().map(group).collect()),
        );
        array(
            &mut text,
            "First row in `shared`.",
            "GENERIC_FIRST",
            "u16",
            firsts(self.generic.iter().map(group).collect()),
        );
        let row = |id: &u32| observed.iter().position(|row| row.group == *id).map_or(NONE, |at| at as u8);
        array(&mut text, "Row in `observed`; 255 for none.", "OBSERVED_AT", "u8", groups.iter().map(row));
        text
    }

    fn range_table(&self) -> Result<String, String> {
        let waves: BTreeSet<&str> = self.ranges.iter().map(|row| split_part(row.text("part_number")).0).collect();
        let waves: Vec<&str> = waves.into_iter().collect();
        let parts: Vec<u32> =
            self.ranges.iter().map(|row| pack_part(row.text("part_number"), &waves)).collect::<Result<_, _>>()?;
        let mut order: Vec<(u32, usize)> = parts.iter().map(|part| part & 0xFF_FFFF).zip(0..).collect();
        order.sort_unstable();
        let mut text = header("The serial ranges as Microsoft lists them, each with its part number.");
        array(
            &mut text,
            "First serial, ascending inside a group.",
            "RANGE_START",
            "u32",
            self.ranges.iter().map(|row| row.number("range_start")),
        );
        array(
            &mut text,
            "Last serial, inclusive.",
            "RANGE_END",
            "u32",
            self.ranges.iter().map(|row| row.number("range_end")),
        );
        array(
            &mut text,
            "Part number: 24 bits number, 4 bits wave, 1 bit `:Virtual`; see `PartNumber`.",
            "RANGE_PART",
            "u32",
            &parts,
        );
        array(
            &mut text,
            "The ranges in the order of their part numbers.",
            "PART_ORDER",
            "u16",
            order.iter().map(|(_, at)| at),
        );
        array(
            &mut text,
            "The release waves in front of part numbers.",
            "WAVES",
            "&str",
            waves.iter().map(|wave| format!("{wave:?}")),
        );
        Ok(text)
    }

    fn generic_table(&self, names: &[String]) -> Result<String, String> {
        let kind = |row: &Row| {
            let word = row.text("kind").split(' ').next().unwrap_or_default();
            KINDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind).ok_or(format!("no kind {word:?}"))
        };
        let name = |row: &Row| names.binary_search(&generic_name(row.text("product"))).unwrap_or_default();
        let kinds: Vec<u8> = self.generic.iter().map(kind).collect::<Result<_, _>>()?;
        let mut text = header("Serials of shared product keys: published ones and Setup's defaults, nobody's own.");
        array(
            &mut text,
            "The serials, ascending inside a group.",
            "GENERIC_SERIAL",
            "u32",
            self.generic.iter().map(|row| row.number("serial")),
        );
        array(&mut text, "Index into `GenericKind::ALL`.", "GENERIC_KIND", "u8", kinds);
        array(&mut text, "Index into `NAMES`.", "GENERIC_NAME", "u16", self.generic.iter().map(name));
        Ok(text)
    }
}

/// A group that is known by example only.
struct Observed {
    group: u32,
    channel: u8,
    edition: u8,
    name: String,
}

/// Whether an example is of the 2005 form, whose groups are numbered apart.
fn is_2005(row: &Row) -> bool {
    ["PKEY2005", "Windows 7"].iter().any(|mark| row.text("basis").contains(mark))
}

fn group(row: &Row) -> u32 {
    row.number("group_id")
}

fn config(row: &Row) -> Result<Config, String> {
    let (id, description) = (row.text("act_config_id"), row.text("product_description"));
    let activation_id =
        u128::from_str_radix(&id.replace('-', ""), 16).map_err(|_| format!("{id:?} is no activation ID"))?;
    let channel = CHANNELS.iter().position(|known| *known == row.text("key_type"));
    let channel = channel.ok_or(format!("no channel {:?}", row.text("key_type")))? as u8;
    // The description is release, edition, channel; one of them says `CPC` for its edition.
    let edition = row.text("edition_id").replace("WNC", "CPC");
    let release = description.split(&format!(" {edition}")).next().unwrap_or_default();
    let release = if release.starts_with("special-key") { "" } else { release }.to_owned();
    let editions = row.text("edition_id").split(';').map(str::to_owned).collect();
    Ok(Config { activation_id, editions, channel, release, locked: u8::from(description.contains("locked to zh-CN")) })
}

/// Splits `[TH]X19-98841:Virtual` into wave, number and whether it is virtual.
fn split_part(text: &str) -> (&str, &str, bool) {
    let (wave, rest) = text.strip_prefix('[').and_then(|text| text.split_once(']')).unwrap_or(("", text));
    let number = rest.strip_suffix(":Virtual");
    (wave, number.unwrap_or(rest), number.is_some())
}

/// `X19-98841` is 1998841; `res-v4301` is 10004301.
fn pack_part(text: &str, waves: &[&str]) -> Result<u32, String> {
    let (wave, number, virtual_machine) = split_part(text);
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let shape: String = number.chars().filter(|c| !c.is_ascii_digit()).collect();
    let number = match (shape.as_str(), digits.len(), digits.parse::<u32>()) {
        ("X-", 7, Ok(digits)) => digits,
        ("res-v", 4, Ok(digits)) => 10_000_000 + digits,
        _ => return Err(format!("{text:?} is no part number of a known shape")),
    };
    let wave = waves.iter().position(|known| *known == wave).filter(|at| *at < 16).ok_or("more than 16 waves")? as u32;
    Ok(number | wave << 24 | u32::from(virtual_machine) << 28)
}

fn span_table(spans: &[(u32, Span)]) -> String {
    let eulas: BTreeSet<&str> = spans.iter().map(|(_, span)| span.eula.as_str()).collect();
    let eulas: Vec<&str> = eulas.into_iter().collect();
    let eula = |span: &Span| eulas.iter().position(|known| *known == span.eula).unwrap_or_default();
    let mut text = header("Adjoining ranges with the same product and EULA, joined: what a lookup needs.");
    array(
        &mut text,
        "First serial, ascending inside a group.",
        "SPAN_START",
        "u32",
        spans.iter().map(|(_, span)| span.start),
    );
    array(&mut text, "Last serial, inclusive.", "SPAN_END", "u32", spans.iter().map(|(_, span)| span.end));
    array(&mut text, "Row in `configs`.", "SPAN_CONFIG", "u8", spans.iter().map(|(_, span)| span.config));
    array(&mut text, "Index into `EULAS`.", "SPAN_EULA", "u8", spans.iter().map(|(_, span)| eula(span)));
    array(&mut text, "The EULA types.", "EULAS", "&str", eulas.iter().map(|eula| format!("{eula:?}")));
    text
}

fn observed_table(rows: &[Observed], rows_2005: &[Observed], names: &[String]) -> String {
    let name = |row: &Observed| names.binary_search(&row.name).unwrap_or_default();
    let mut text = header("Groups outside the pkeyconfig file, known by example only: hints, not proofs.");
    array(
        &mut text,
        "Index into `EDITIONS`; 255 for unknown.",
        "OBSERVED_EDITION",
        "u8",
        rows.iter().map(|row| row.edition),
    );
    array(
        &mut text,
        "Index into `Channel::ALL`; 255 for unknown.",
        "OBSERVED_CHANNEL",
        "u8",
        rows.iter().map(|row| row.channel),
    );
    array(&mut text, "Index into `NAMES`.", "OBSERVED_NAME", "u16", rows.iter().map(name));
    let tuple = |row: &Observed| format!("({}, {}, {}, {})", row.group, row.edition, row.channel, name(row));
    array(
        &mut text,
        "Groups of the 2005 form, which are numbered apart: group, edition, channel, name.",
        "OBSERVED_2005",
        "(u32, u8, u8, u16)",
        rows_2005.iter().map(tuple),
    );
    array(
        &mut text,
        "The names of products known by example and of shared product keys.",
        "NAMES",
        "&str",
        names.iter().map(|name| format!("{name:?}")),
    );
    text
}

fn header(what: &str) -> String {
    format!("//! {what}\n//!\n//! Made by `cargo xtask tables`; edit the maker, not this file.\n")
}

fn array<T: Display>(text: &mut String, says: &str, name: &str, kind: &str, items: impl IntoIterator<Item = T>) {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let list = items.join(", ");
    let _ =
        write!(text, "\n/// {says}\npub(in crate::identify) static {name}: [{kind}; {}] = [{list}];\n", items.len());
}

fn rustfmt(text: &str, root: &Path) -> io::Result<String> {
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2024", "--config-path"]).arg(root).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    // rustfmt reads everything before it writes, so nothing waits for the other side.
    input.write_all(text.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(io::Error::other("it does not understand the tables"));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}
