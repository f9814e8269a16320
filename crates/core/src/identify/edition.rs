//! Editions: what `EditionID` says, with SKU number and plain words.
//!
//! Sources: the generated table of editions; `PRODUCT_*` numbers of `winnt.h`.

use std::fmt;

use super::tables;

/// An edition (`EditionID`, such as `Professional`). One that is not known keeps its text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edition(Repr);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Repr {
    /// A row of the table.
    Known(u8),
    Other(Box<str>),
}

impl Edition {
    /// Reads an `EditionID`, whose case does not matter; `None` for empty text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        Some(Self(tables::edition(text).map_or_else(|| Repr::Other(text.into()), Repr::Known)))
    }

    /// A row of the table of editions; `None` past its end, where the tables say "unknown".
    pub(super) fn from_row(row: u8) -> Option<Self> {
        tables::edition_row(row).map(|_| Self(Repr::Known(row)))
    }

    /// The edition with this SKU number (`OperatingSystemSKU`, `GetProductInfo`).
    #[must_use]
    pub fn from_sku(sku: u16) -> Option<Self> {
        tables::edition_of_sku(sku).map(|row| Self(Repr::Known(row)))
    }

    /// The `EditionID`.
    #[must_use]
    pub fn id(&self) -> &str {
        match &self.0 {
            Repr::Known(row) => tables::edition_row(*row).map_or("", |(id, _, _)| id),
            Repr::Other(text) => text,
        }
    }

    /// The SKU number, where it is known.
    #[must_use]
    pub fn sku(&self) -> Option<u16> {
        self.row().map(|(_, sku, _)| *sku).filter(|sku| *sku != 0)
    }

    /// Plain words, such as `Windows Pro`; the `EditionID` itself where there are none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.row().map_or_else(|| self.id(), |(_, _, name)| name)
    }

    /// Whether it is known by name.
    #[must_use]
    pub fn is_known(&self) -> bool {
        matches!(self.0, Repr::Known(_))
    }

    /// Whether it is a server or an add-on of one. `ServerRdsh`, despite its name, is a client for many people at once.
    #[must_use]
    pub fn is_server(&self) -> bool {
        let id = self.id();
        id.starts_with("Server") && id != "ServerRdsh" || id.starts_with("AzureStackHCI")
    }

    /// Whether it is an evaluation edition, such as `EnterpriseEval` or `ServerStandardEvalCor`.
    #[must_use]
    pub fn is_evaluation(&self) -> bool {
        self.id().ends_with("Eval") || self.id().ends_with("EvalCor")
    }

    /// Whether it is a long-term servicing edition (LTSB, LTSC).
    #[must_use]
    pub fn is_long_term(&self) -> bool {
        ["EnterpriseS", "IoTEnterpriseS"]
            .iter()
            .any(|id| self.id().strip_prefix(id).is_some_and(|rest| ["", "Eval", "K", "N", "NEval"].contains(&rest)))
    }

    /// The edition of which this is the N variant (sold in Europe without media player).
    #[must_use]
    pub fn without_n(&self) -> Option<Self> {
        let base = Self::parse(self.id().strip_suffix('N')?)?;
        base.is_known().then_some(base)
    }

    fn row(&self) -> Option<&'static (&'static str, u16, &'static str)> {
        match self.0 {
            Repr::Known(row) => tables::edition_row(row),
            Repr::Other(_) => None,
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl fmt::Debug for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edition({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_core_and_has_sku_101() {
        let home = Edition::parse("Core").unwrap();
        assert_eq!((home.id(), home.name(), home.sku()), ("Core", "Windows Home", Some(101)));
        assert_eq!(Edition::from_sku(101), Some(home.clone()));
        assert_eq!(Edition::parse(" core "), Some(home));
    }

    #[test]
    fn an_unknown_edition_keeps_its_text() {
        let edition = Edition::parse("ProfessionalMoon").unwrap();
        assert_eq!((edition.id(), edition.name(), edition.sku()), ("ProfessionalMoon", "ProfessionalMoon", None));
        assert!(!edition.is_known());
        assert_eq!(Edition::parse("  "), None);
        assert_eq!(Edition::from_sku(0), None);
    }

    #[test]
    fn every_edition_is_found_by_its_id_and_the_table_is_sorted() {
        let ids: Vec<&str> = (0..u8::MAX).map_while(tables::edition_row).map(|(id, _, _)| *id).collect();
        assert!(ids.len() > 80 && ids.is_sorted());
        for id in ids {
            assert_eq!(Edition::parse(id).unwrap().id(), id);
            assert_eq!(Edition::parse(&id.to_ascii_lowercase()).unwrap().id(), id);
        }
    }

    #[test]
    fn n_variants_lead_back_and_nothing_else_does() {
        let base = |id: &str| Edition::parse(id).unwrap().without_n().map(|edition| edition.id().to_owned());
        assert_eq!(base("ProfessionalWorkstationN").as_deref(), Some("ProfessionalWorkstation"));
        assert_eq!(base("EnterpriseSN").as_deref(), Some("EnterpriseS"));
        assert_eq!(base("Professional"), None);
        assert_eq!(base("MoonN"), None);
    }

    #[test]
    fn long_term_editions_are_told_from_enterprise() {
        let long_term = |id: &str| Edition::parse(id).unwrap().is_long_term();
        for id in
            ["EnterpriseS", "EnterpriseSN", "EnterpriseSEval", "EnterpriseSNEval", "IoTEnterpriseS", "IoTEnterpriseSK"]
        {
            assert!(long_term(id), "{id}");
        }
        for id in ["Enterprise", "EnterpriseN", "EnterpriseEval", "IoTEnterprise", "IoTEnterpriseK"] {
            assert!(!long_term(id), "{id}");
        }
    }
}
