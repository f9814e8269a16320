//! The rules of [`decide`](super::decide()) as tables: which license goes with which PC, who says so, and as of which day.

use super::{Asked, Kind, Step};
use crate::device::Likeness;
use crate::identify::fit::Rule;

const OEM_FAQ: &str = "Microsoft, OEM licensing FAQ, as quoted in Microsoft Q&A 4024845";
const RETAIL_TERMS: &str = "Microsoft, software license terms of Windows, retail";
const OURS: &str = "our own judgement";
/// The day on which these facts were last looked at.
const LOOKED_AT: &str = "2026-11-24";

pub(super) static CHANGES_EDITION: Rule = Rule {
    id: "transfer-changes-edition",
    says: "The product key fits and changes the edition of the Windows on this PC.",
    source: OURS,
    date: LOOKED_AT,
};
pub(super) static DIGITAL: Rule = Rule {
    id: "transfer-digital",
    says: "This product key is the same on many PCs; the license is kept at Microsoft, for the hardware and the \
           Microsoft account. Sign in with that account on this PC and open the activation settings.",
    source: "Microsoft, \"Activate Windows\" and \"Reactivating Windows after a hardware change\"",
    date: LOOKED_AT,
};
pub(super) static EVALUATION: Rule = Rule {
    id: "transfer-evaluation",
    says: "This is an evaluation, which ends by itself; there is nothing to restore.",
    source: "channel names of pkeyconfig",
    date: LOOKED_AT,
};
pub(super) static FIRMWARE: Rule = Rule {
    id: "transfer-firmware",
    says: "The firmware of this PC holds this product key. Windows Setup finds it by itself; nothing has to be entered.",
    source: OEM_FAQ,
    date: LOOKED_AT,
};
pub(super) static NO_PRODUCT_KEY: Rule = Rule {
    id: "transfer-no-product-key",
    says: "No whole product key is kept for this license, so none can be entered. The Microsoft account to which it is \
           linked, the sticker or the receipt can bring it back.",
    source: OURS,
    date: LOOKED_AT,
};
pub(super) static OEM_BOUND: Rule = Rule {
    id: "transfer-oem-bound",
    says: "This license came with a PC and belongs to that PC alone. It does not move to another one.",
    source: OEM_FAQ,
    date: LOOKED_AT,
};
pub(super) static OEM_NEW_BOARD: Rule = Rule {
    id: "transfer-oem-new-board",
    says: "This license came with a PC whose mainboard was another one. With a new mainboard it counts as a new PC, \
           unless a defective one was replaced by the same or an equivalent model.",
    source: OEM_FAQ,
    date: LOOKED_AT,
};
pub(super) static OEM_NEW_FIRMWARE: Rule = Rule {
    id: "transfer-oem-new-firmware",
    says: "This product key was in the firmware of another mainboard. The maker who replaces a defective one puts a new \
           product key in; ask the maker of the PC for it.",
    source: OEM_FAQ,
    date: LOOKED_AT,
};
pub(super) static OEM_OWN_PC: Rule = Rule {
    id: "transfer-oem-own-pc",
    says: "This license came with this PC and stays with it.",
    source: OEM_FAQ,
    date: LOOKED_AT,
};
pub(super) static OEM_REPAIR: Rule = Rule {
    id: "transfer-oem-repair",
    says: "A license that came with a PC stays with it when a defective mainboard is replaced by the same or an \
           equivalent model. Activation may have to be done by telephone.",
    source: OEM_FAQ,
    date: LOOKED_AT,
};
pub(super) static ORGANIZATION: Rule = Rule {
    id: "transfer-organization",
    says: "This license belongs to an organization, whose administrator decides on which PCs it is used.",
    source: "Microsoft, product terms of volume licenses",
    date: LOOKED_AT,
};
pub(super) static OTHER_EDITION: Rule = Rule {
    id: "transfer-other-edition",
    says: "The product key does not fit the edition on this PC. Install the edition it is for, then restore it.",
    source: "the rules of `fit`",
    date: LOOKED_AT,
};
pub(super) static OTHER_PRODUCT: Rule = Rule {
    id: "transfer-other-product",
    says: "The product key is not for a Windows like the one on this PC.",
    source: "the rules of `fit`",
    date: LOOKED_AT,
};
pub(super) static OTHER_VERSION: Rule = Rule {
    id: "transfer-other-version",
    says: "The product key is for another version of Windows than the one on this PC.",
    source: "the rules of `fit`",
    date: LOOKED_AT,
};
pub(super) static RETAIL_MOVES: Rule = Rule {
    id: "transfer-retail-moves",
    says: "A license that was bought by itself may move to another PC, and is in use on one at a time.",
    source: RETAIL_TERMS,
    date: LOOKED_AT,
};
pub(super) static RETAIL_NEW_BOARD: Rule = Rule {
    id: "transfer-retail-new-board",
    says: "A license that was bought by itself may be used on after the mainboard was replaced.",
    source: RETAIL_TERMS,
    date: LOOKED_AT,
};
pub(super) static RETAIL_SAME_PC: Rule = Rule {
    id: "transfer-retail-same-pc",
    says: "This license was in use on this PC and may be entered again.",
    source: RETAIL_TERMS,
    date: LOOKED_AT,
};
pub(super) static THROUGH_SETUP: Rule = Rule {
    id: "transfer-through-setup",
    says: "It is not enough to enter this product key here; `keystow fit` names the way through Setup or DISM.",
    source: "the rules of `fit`",
    date: LOOKED_AT,
};
pub(super) static UNSURE: Rule = Rule {
    id: "transfer-unsure",
    says: "Nothing tells whether this license was bought by itself or with a PC, and only the first kind may move.",
    source: OURS,
    date: LOOKED_AT,
};
pub(super) static UNSURE_FIT: Rule = Rule {
    id: "transfer-unsure-fit",
    says: "No rule says whether the product key fits the Windows on this PC. Windows refuses one that does not.",
    source: OURS,
    date: LOOKED_AT,
};
pub(super) static UNSURE_SAME_PC: Rule = Rule {
    id: "transfer-unsure-same-pc",
    says: "This license was in use on this PC, and whichever kind it is, it may be entered here again.",
    source: OURS,
    date: LOOKED_AT,
};

/// Which license, which PC, what to do, why. Sorted and complete.
pub(super) static ROWS: [(Kind, Likeness, Step, &Rule); 16] = [
    (Kind::Firmware, Likeness::Other, Step::Refuse, &OEM_BOUND),
    (Kind::Firmware, Likeness::Repaired, Step::Refuse, &OEM_NEW_FIRMWARE),
    (Kind::Firmware, Likeness::Same, Step::LeaveToSetup, &FIRMWARE),
    (Kind::Firmware, Likeness::Unknown, Step::Ask(Asked::OwnPc), &OEM_BOUND),
    (Kind::Oem, Likeness::Other, Step::Refuse, &OEM_BOUND),
    (Kind::Oem, Likeness::Repaired, Step::Refuse, &OEM_NEW_BOARD),
    (Kind::Oem, Likeness::Same, Step::Apply, &OEM_OWN_PC),
    (Kind::Oem, Likeness::Unknown, Step::Ask(Asked::OwnPc), &OEM_BOUND),
    (Kind::Retail, Likeness::Other, Step::Ask(Asked::OnlyPc), &RETAIL_MOVES),
    (Kind::Retail, Likeness::Repaired, Step::Ask(Asked::OnlyPc), &RETAIL_NEW_BOARD),
    (Kind::Retail, Likeness::Same, Step::Apply, &RETAIL_SAME_PC),
    (Kind::Retail, Likeness::Unknown, Step::Ask(Asked::OnlyPc), &RETAIL_MOVES),
    (Kind::Unsure, Likeness::Other, Step::Ask(Asked::SoldByItself), &UNSURE),
    (Kind::Unsure, Likeness::Repaired, Step::Ask(Asked::SoldByItself), &UNSURE),
    (Kind::Unsure, Likeness::Same, Step::Apply, &UNSURE_SAME_PC),
    (Kind::Unsure, Likeness::Unknown, Step::Ask(Asked::OwnPc), &UNSURE),
];
