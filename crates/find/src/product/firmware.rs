//! Firmware tables: MSDM holds a product key, SLIC tells what the PC was sold with.

use keystow_core::acpi::{Msdm, MsdmContent, Slic, SoldWith, TableHeader};
use keystow_core::identify::{Basis, Product};
use keystow_core::product_id::{Check, CheckName};

use super::typed;
use crate::finding::{Evidence, Found, Held, Origin, PlaceKind, Problem, ProblemKind};
use crate::scan::Gathering;

/// `REG_BINARY`, which evidence of a table is kept as.
const BINARY: u32 = 3;

/// Whether bytes begin like a table that this module reads, whole or not.
pub(crate) fn is_table(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MSDM") || bytes.starts_with(b"SLIC")
}

/// Reads one table. Tables of other kinds say nothing and are passed over.
pub(crate) fn read(source: &str, bytes: &[u8], gathering: &mut Gathering) {
    match bytes.first_chunk() {
        Some(b"MSDM") => msdm(source, bytes, gathering),
        Some(b"SLIC") => slic(source, bytes, gathering),
        _ => {}
    }
}

fn msdm(source: &str, bytes: &[u8], gathering: &mut Gathering) {
    let origin = origin(source, "MSDM");
    let table = match Msdm::parse(bytes) {
        Ok(table) => table,
        Err(error) => return gathering.problem(Problem::new(ProblemKind::Damaged, origin.to_string(), error)),
    };
    let MsdmContent::ProductKey(key) = &table.content else {
        let message = "the table is there and holds no product key: the maker never filled it in";
        return gathering.problem(Problem::new(ProblemKind::Empty, origin.to_string(), message));
    };
    let mut found = typed::found(PlaceKind::Firmware, origin, Held::Full(key.clone()), None, gathering);
    found.checks.push(checksum(&table.header));
    found.evidence.push(evidence("MSDM", bytes));
    gathering.add(found);
}

fn slic(source: &str, bytes: &[u8], gathering: &mut Gathering) {
    let origin = origin(source, "SLIC");
    let table = match Slic::parse(bytes) {
        Ok(table) => table,
        Err(error) => return gathering.problem(Problem::new(ProblemKind::Damaged, origin.to_string(), error)),
    };
    let Some(marker) = table.marker().filter(|_| table.is_intact()) else {
        let message = "the table is there and was never filled in: it says nothing about a license";
        return gathering.problem(Problem::new(ProblemKind::Empty, origin.to_string(), message));
    };
    let sold_with = match marker.slic_version.sold_with() {
        Some(SoldWith::WindowsVista) => "Sold with Windows Vista",
        Some(SoldWith::Windows7) => "Sold with Windows 7",
        _ => "Sold with a Windows",
    };
    let mut product = Product::unknown(Basis::Description);
    product.name = format!("{sold_with} by {}", marker.oem_id.trim());
    let (checks, evidence) = (vec![checksum(&table.header)], vec![evidence("SLIC", bytes)]);
    let found = Found::new(PlaceKind::FirmwareMarker, origin, Held::Nothing, product);
    gathering.add(Found { checks, evidence, old_windows: true, ..found });
}

fn origin(source: &str, table: &str) -> Origin {
    Origin { source: source.to_owned(), path: table.to_owned(), value: String::new() }
}

fn checksum(header: &TableHeader) -> Check {
    Check::new(CheckName::TableChecksum, header.checksum_ok)
}

fn evidence(table: &str, bytes: &[u8]) -> Evidence {
    Evidence { path: table.to_owned(), value: String::new(), kind: BINARY, data: bytes.to_vec() }
}
