//! The comparison of two hardware identities.

use super::{Component, DeviceIdentity};

/// Whether two identities are those of one PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Likeness {
    /// Another PC: every anchor that can be compared differs, and neither disk nor network adapter agrees.
    Other,
    /// Every anchor that can be compared differs, but a disk or a network adapter agrees: another mainboard in the same
    /// PC, or a part of the old PC in another one.
    Repaired,
    /// The same PC: an anchor agrees, at least one more component does, and together they hold half of the weight that
    /// can be compared.
    Same,
    /// Too little can be compared, or it contradicts itself.
    Unknown,
}

/// What two identities have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The outcome.
    pub likeness: Likeness,
    /// The components that share a mark.
    pub agree: Vec<Component>,
    /// The components that both know and that share no mark.
    pub differ: Vec<Component>,
}

impl Likeness {
    /// The word in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Repaired => "repaired",
            Self::Same => "same",
            Self::Unknown => "unknown",
        }
    }
}

impl Comparison {
    /// The outcome and what it rests on, as a sentence without its end.
    #[must_use]
    pub fn sentence(&self) -> String {
        let agree = clause(&self.agree, "agrees", "agree");
        let differ = clause(&self.differ, "differs", "differ");
        let anchors: Vec<Component> = self.differ.iter().copied().filter(|component| component.is_anchor()).collect();
        match self.likeness {
            Likeness::Other => format!("another PC: {differ}"),
            Likeness::Repaired => {
                format!(
                    "another mainboard, perhaps in the same PC: {agree}, but {}",
                    clause(&anchors, "differs", "differ")
                )
            }
            Likeness::Same => format!("the same PC: {agree}"),
            Likeness::Unknown => match (self.agree.is_empty(), self.differ.is_empty()) {
                (true, true) => "nothing tells whether it is the same PC".to_owned(),
                (false, true) => format!("too little tells whether it is the same PC: only {agree}"),
                (true, false) => format!("too little tells whether it is the same PC: {differ}"),
                (false, false) => format!("not clear whether it is the same PC: {agree}, but {differ}"),
            },
        }
    }
}

/// Compares the PC on which something was kept with the PC here. Which is which does not matter. A component that one of
/// them does not know counts neither for nor against.
#[must_use]
pub fn compare(kept: &DeviceIdentity, here: &DeviceIdentity) -> Comparison {
    let both =
        |component: &Component| kept.marks(*component).next().is_some() && here.marks(*component).next().is_some();
    let share = |component: &Component| kept.marks(*component).any(|mark| here.marks(*component).any(|m| m == mark));
    let (agree, differ): (Vec<_>, Vec<_>) = Component::ALL.into_iter().filter(both).partition(share);
    Comparison { likeness: likeness(&agree, &differ), agree, differ }
}

fn likeness(agree: &[Component], differ: &[Component]) -> Likeness {
    let weight = |components: &[Component]| components.iter().map(|component| component.weight()).sum::<u32>();
    let has_anchor = |components: &[Component]| components.iter().any(|component| component.is_anchor());
    let part_moved = [Component::DiskSerial, Component::MacAddress].iter().any(|part| agree.contains(part));
    match (has_anchor(agree), has_anchor(differ)) {
        (true, _) if agree.len() >= 2 && weight(agree) >= weight(differ) => Likeness::Same,
        (false, true) if part_moved => Likeness::Repaired,
        (false, true) => Likeness::Other,
        _ => Likeness::Unknown,
    }
}

/// `the model agrees`, `the model and a disk's serial number agree`.
fn clause(components: &[Component], one: &str, many: &str) -> String {
    let words: Vec<&str> = components.iter().map(|component| component.words()).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => format!("{last} {one}"),
        Some((last, rest)) => format!("{} and {last} {many}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// For every component, in the order of `Component::ALL`: 0 for unknown, else which of the values it has.
    fn identity(values: [u8; 8]) -> DeviceIdentity {
        let mut identity = DeviceIdentity::default();
        for (component, value) in Component::ALL.into_iter().zip(values).filter(|(_, value)| *value != 0) {
            match component {
                Component::FirmwareKey => {
                    let key = ["FJ82H-XT6CR-J8D7P-XQJJ2-GPDD4", "MRPKT-YTG23-K7D7T-X2JMM-QY7MG"];
                    identity.note(component, key[usize::from(value - 1)]);
                }
                Component::SmbiosUuid => identity.note_uuid([value, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8]),
                Component::MacAddress => identity.note_mac([0x3C, 0x7C, 0x3F, 1, 2, value]),
                Component::TpmEndorsementKey => identity.note_endorsement_key(&[value, 9, 8]),
                _ => identity.note(component, &format!("KW-{value}77")),
            }
        }
        identity
    }

    fn of(kept: [u8; 8], here: [u8; 8]) -> Comparison {
        compare(&identity(kept), &identity(here))
    }

    // Board, disk, firmware product key, MAC, model, UUID, system serial number, TPM.
    const WHOLE: [u8; 8] = [1, 1, 1, 1, 1, 1, 1, 1];

    #[test]
    fn a_reinstalled_pc_is_the_same() {
        let comparison = of(WHOLE, WHOLE);
        assert_eq!((comparison.likeness, comparison.agree.len(), comparison.differ.len()), (Likeness::Same, 8, 0));
        // A new disk, a new network card and a cleared security chip.
        assert_eq!(of(WHOLE, [1, 2, 1, 2, 1, 1, 1, 2]).likeness, Likeness::Same);
    }

    #[test]
    fn a_new_mainboard_is_a_repair_while_a_disk_or_a_network_adapter_is_the_old_one() {
        assert_eq!(of(WHOLE, [2, 1, 2, 2, 1, 2, 1, 2]).likeness, Likeness::Repaired);
        assert_eq!(of(WHOLE, [2, 2, 2, 1, 1, 2, 1, 2]).likeness, Likeness::Repaired);
        assert_eq!(of(WHOLE, [2, 2, 2, 2, 1, 2, 1, 2]).likeness, Likeness::Other, "model and system serial alone");
        assert_eq!(of(WHOLE, [2; 8]).likeness, Likeness::Other);
    }

    #[test]
    fn one_component_or_less_than_half_of_the_weight_is_not_enough() {
        assert_eq!(of(WHOLE, [0, 0, 1, 0, 0, 0, 0, 0]).likeness, Likeness::Unknown, "one anchor alone");
        assert_eq!(of(WHOLE, [0, 1, 0, 1, 1, 0, 1, 0]).likeness, Likeness::Unknown, "no anchor");
        // Board serial number and model agree (4), UUID and network adapter differ (6).
        assert_eq!(of(WHOLE, [1, 0, 0, 2, 1, 2, 0, 0]).likeness, Likeness::Unknown);
        // The same, and the system's serial number: 6 of 12.
        assert_eq!(of(WHOLE, [1, 0, 0, 2, 1, 2, 1, 0]).likeness, Likeness::Same);
        assert_eq!(of(WHOLE, [0; 8]).likeness, Likeness::Unknown);
    }

    #[test]
    fn of_several_disks_one_that_is_left_agrees() {
        let (mut kept, mut here) = (DeviceIdentity::default(), DeviceIdentity::default());
        for (identity, disks) in [(&mut kept, ["S4EV-1", "S4EV-2"]), (&mut here, ["S4EV-2", "S4EV-3"])] {
            disks.iter().for_each(|disk| identity.note(Component::DiskSerial, disk));
        }
        assert_eq!(compare(&kept, &here).agree, [Component::DiskSerial]);
    }

    #[test]
    fn the_sentence_says_what_it_rests_on() {
        let sentence = |here| of(WHOLE, here).sentence();
        assert_eq!(
            sentence([1, 0, 1, 0, 0, 0, 0, 0]),
            "the same PC: the mainboard's serial number and the firmware product key agree"
        );
        assert_eq!(
            sentence([2, 1, 0, 0, 2, 2, 0, 0]),
            "another mainboard, perhaps in the same PC: a disk's serial number agrees, but the mainboard's serial number \
             and the firmware's UUID differ"
        );
        assert_eq!(
            sentence([2, 2, 0, 0, 0, 2, 0, 0]),
            "another PC: the mainboard's serial number, a disk's serial number and the firmware's UUID differ"
        );
        assert_eq!(sentence([0; 8]), "nothing tells whether it is the same PC");
        assert_eq!(
            sentence([0, 0, 0, 0, 1, 0, 0, 0]),
            "too little tells whether it is the same PC: only the model agrees"
        );
        assert_eq!(sentence([0, 0, 0, 0, 2, 0, 0, 0]), "too little tells whether it is the same PC: the model differs");
        assert_eq!(
            sentence([1, 0, 0, 0, 0, 2, 0, 0]),
            "not clear whether it is the same PC: the mainboard's serial number agrees, but the firmware's UUID differs"
        );
    }

    fn values(up_to: u8) -> impl Strategy<Value = [u8; 8]> {
        prop::array::uniform8(0..=up_to)
    }

    proptest! {
        #[test]
        fn it_does_not_matter_which_pc_is_named_first(kept in values(2), here in values(2)) {
            prop_assert_eq!(of(kept, here), of(here, kept));
        }

        #[test]
        fn what_one_side_does_not_know_never_makes_it_the_same_pc(kept in values(2), here in values(2)) {
            let known = |i: usize| kept[i] != 0 && here[i] != 0;
            let strip = |values: [u8; 8]| std::array::from_fn(|i| if known(i) { values[i] } else { 0 });
            prop_assert_eq!(of(kept, here), of(strip(kept), strip(here)));
        }

        #[test]
        fn forgetting_what_agrees_never_makes_it_the_same_pc(kept in values(2), here in values(2), lost in 0_usize..8) {
            let mut less = here;
            if kept[lost] == here[lost] {
                less[lost] = 0;
            }
            if of(kept, here).likeness != Likeness::Same {
                prop_assert_ne!(of(kept, less).likeness, Likeness::Same);
            }
        }

        #[test]
        fn another_mainboard_is_never_the_same_pc(kept in values(1), here in values(1)) {
            let swapped = std::array::from_fn(|i| here[i] + u8::from(here[i] != 0 && Component::ALL[i].is_anchor()));
            prop_assert_ne!(of(kept, swapped).likeness, Likeness::Same);
        }

        #[test]
        fn the_same_pc_has_an_anchor_half_of_the_weight_and_two_components(kept in values(2), here in values(2)) {
            let comparison = of(kept, here);
            let weight = |components: &[Component]| components.iter().map(|c| c.weight()).sum::<u32>();
            let (agree, differ) = (&comparison.agree, &comparison.differ);
            let same = agree.iter().any(|c| c.is_anchor()) && agree.len() >= 2 && 2 * weight(agree) >= weight(agree) + weight(differ);
            prop_assert_eq!(comparison.likeness == Likeness::Same, same);
        }
    }
}
