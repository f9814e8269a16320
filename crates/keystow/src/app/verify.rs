//! What a verification found, in words.

use keystow_vault::{Remedy, What};

/// Whether nothing is lost or open by it: a repair tidies it up.
pub(crate) fn is_harmless(what: &What) -> bool {
    matches!(what, What::LeftOver | What::NotYetHere | What::Unexpected | What::PrunedStillThere)
}

/// The stable name.
pub(crate) fn name(what: &What) -> &'static str {
    match what {
        What::Altered => "altered",
        What::Cut => "cut",
        What::Foreign(_) => "foreign",
        What::Forked => "forked",
        What::LeftOver => "left-over",
        What::Missing => "missing",
        What::NotThere => "not-there",
        What::NotYetHere => "not-yet-here",
        What::OldIdentity => "old-identity",
        What::PrunedStillThere => "pruned-still-there",
        What::RolledBack { .. } => "rolled-back",
        What::Swapped => "swapped",
        What::Unexpected => "unexpected",
        What::UnfinishedRekey => "unfinished-rekey",
        What::Unopenable => "unopenable",
        What::Unreadable(_) => "unreadable",
        What::Unsigned => "unsigned",
        _ => "other",
    }
}

/// What is wrong, as words after the place and file.
pub(crate) fn words(what: &What) -> String {
    match what {
        What::Altered => "its bytes are not those that were written".to_owned(),
        What::Cut => "it ends too early".to_owned(),
        What::Foreign(Some(vault)) => format!("it belongs to another vault, {vault}"),
        What::Foreign(None) => "it belongs to another vault".to_owned(),
        What::Forked => "one device has two histories; a copy of its state was used elsewhere".to_owned(),
        What::LeftOver => "an interrupted run left it".to_owned(),
        What::Missing => "it is missing".to_owned(),
        What::NotThere => "there is no vault in this place".to_owned(),
        What::NotYetHere => "another device wrote it, and the next backup brings it here".to_owned(),
        What::OldIdentity => "the old recovery phrase still opens it".to_owned(),
        What::PrunedStillThere => "it holds items that were removed for good".to_owned(),
        What::RolledBack { seen, found } => {
            format!("it ends at record {found}, but this PC has seen record {seen}: an older copy was put back")
        }
        What::Swapped => "it is a file of this vault at the wrong place".to_owned(),
        What::Unexpected => "no vault has a file of this name".to_owned(),
        What::UnfinishedRekey => "a change of the phrase was interrupted; both phrases open the vault".to_owned(),
        What::Unopenable => "it is as it was written, yet does not open".to_owned(),
        What::Unreadable(kind) => format!("it cannot be read ({kind})"),
        What::Unsigned => "its signature is not by the one who must have signed it".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What to do about it: the command, or what to bring.
pub(crate) fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::BackUpAgain => "keystow backup",
        Remedy::Copy | Remedy::Remove => "keystow verify --repair",
        Remedy::Look => "look at it yourself; Keystow leaves it alone",
        Remedy::Reach => "plug the place in or mount it, then: keystow verify",
        Remedy::Rekey => "keystow vault rekey",
        _ => "no reachable copy is good: bring a place that has a good one, then: keystow verify --repair",
    }
}
