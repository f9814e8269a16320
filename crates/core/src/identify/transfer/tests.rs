//! Tests of the transfer rules: every row, and what no answer may ever do.

use proptest::prelude::*;

use super::*;

const LIKENESSES: [Likeness; 4] = [Likeness::Other, Likeness::Repaired, Likeness::Same, Likeness::Unknown];
const FITS: [Answer; 13] = [
    Answer::DowngradesInPlace,
    Answer::NOnlyWithN,
    Answer::NeedsCleanInstall,
    Answer::NeedsSetEdition,
    Answer::NeedsSetup,
    Answer::NewerVersionOnly,
    Answer::NotThisEdition,
    Answer::OldVersionOnly,
    Answer::OtherProduct,
    Answer::Same,
    Answer::Unknown,
    Answer::UpgradeOnly,
    Answer::UpgradesInPlace,
];

fn question(channel: Channel, likeness: Likeness) -> Question {
    Question {
        channel: Some(channel),
        license: None,
        has_key: true,
        generic: false,
        fit: Answer::Same,
        edition: Edition::parse("Professional"),
        likeness,
        stated: None,
        requested: false,
    }
}

fn steps(channel: Channel) -> [Step; 4] {
    LIKENESSES.map(|likeness| decide(&question(channel, likeness)).step)
}

#[test]
fn every_row_of_the_table_decides() {
    assert!(ROWS.is_sorted_by_key(|(kind, likeness, _, _)| (kind, likeness)));
    let (retail, oem) = (Step::Ask(Asked::OnlyPc), [Step::Refuse, Step::Refuse, Step::Apply, Step::Ask(Asked::OwnPc)]);
    assert_eq!(steps(Channel::Retail), [retail, retail, Step::Apply, retail]);
    for channel in [Channel::OemCoa, Channel::OemNonslp, Channel::OemSlp] {
        assert_eq!(steps(channel), oem, "{channel}");
    }
    let firmware = [Step::Refuse, Step::Refuse, Step::LeaveToSetup, Step::Ask(Asked::OwnPc)];
    assert_eq!(steps(Channel::OemDm), firmware);
    for channel in [Channel::VolumeMak, Channel::VolumeGvlk, Channel::VolumeCsvlk, Channel::VirtualMachine] {
        assert_eq!(steps(channel), [Step::Organization; 4], "{channel}");
    }
    assert_eq!(steps(Channel::RetailEval), [Step::Refuse; 4]);
    let unsure = Question { channel: None, ..question(Channel::Retail, Likeness::Other) };
    assert_eq!(decide(&unsure).step, Step::Ask(Asked::SoldByItself));
    assert_eq!(decide(&Question { license: Some(LicenseType::Oem), ..unsure.clone() }).step, Step::Refuse);
    assert_eq!(decide(&Question { license: Some(LicenseType::Volume), ..unsure }).step, Step::Organization);
}

#[test]
fn every_rule_has_a_name_of_its_own_and_says_something() {
    let mut rules: Vec<&Rule> = ROWS.iter().map(|(_, _, _, rule)| *rule).collect();
    rules.extend(FITS.iter().filter_map(|fit| by_fit(*fit)));
    rules.sort_by_key(|rule| rule.id);
    for pair in rules.windows(2) {
        assert!(pair[0].id != pair[1].id || std::ptr::eq(pair[0], pair[1]), "{}", pair[0].id);
    }
    for rule in rules {
        assert!(
            rule.id.starts_with("transfer-") && rule.says.ends_with('.') && !rule.says.contains("  "),
            "{}",
            rule.id
        );
    }
}

#[test]
fn every_question_has_its_own_row() {
    for (asked, row) in Asked::ALL.into_iter().zip(QUESTIONS) {
        assert_eq!((asked, asked.as_str(), asked.words()), (row.1, row.0, row.2));
        assert!(asked.words().ends_with('?'));
    }
}

#[test]
fn a_digital_license_goes_through_the_account_and_a_client_of_kms_does_not() {
    for likeness in LIKENESSES {
        let generic = Question { generic: true, ..question(Channel::Retail, likeness) };
        assert_eq!((decide(&generic).step, decide(&generic).rule.id), (Step::Account, "transfer-digital"));
        let partial = Question { has_key: false, ..question(Channel::OemCoa, likeness) };
        assert_eq!((decide(&partial).step, decide(&partial).rule.id), (Step::Account, "transfer-no-product-key"));
        let client = Question { generic: true, ..question(Channel::VolumeGvlk, likeness) };
        assert_eq!(decide(&client).step, Step::Organization);
    }
}

#[test]
fn a_product_key_that_does_not_fit_is_refused_and_its_edition_named() {
    let home = Question {
        fit: Answer::NotThisEdition,
        edition: Edition::parse("Core"),
        ..question(Channel::Retail, Likeness::Same)
    };
    let decision = decide(&home);
    assert_eq!((decision.step, decision.needs.as_ref().map(Edition::id)), (Step::Refuse, Some("Core")));
    assert_eq!(
        decision.sentence(),
        "The product key does not fit the edition on this PC. Install the edition it is for, then restore it. It is for \
         Windows Home."
    );
    for fit in FITS {
        let step = decide(&Question { fit, ..home.clone() }).step;
        assert_eq!(step == Step::Refuse, fit.fits() == Some(false), "{fit:?}");
    }
}

#[test]
fn an_oem_license_on_another_pc_is_refused_for_that_and_not_for_its_edition() {
    let decision = decide(&Question { fit: Answer::NotThisEdition, ..question(Channel::OemCoa, Likeness::Other) });
    assert_eq!((decision.step, decision.rule.id, decision.needs), (Step::Refuse, "transfer-oem-bound", None));
}

#[test]
fn a_change_of_edition_and_an_unsure_fit_are_asked_for() {
    let with = |fit| decide(&Question { fit, ..question(Channel::Retail, Likeness::Same) }).step;
    assert_eq!(with(Answer::UpgradesInPlace), Step::Ask(Asked::ChangeEdition));
    assert_eq!(with(Answer::DowngradesInPlace), Step::Ask(Asked::ChangeEdition));
    assert_eq!(with(Answer::Unknown), Step::Ask(Asked::TryUnsureFit));
}

#[test]
fn a_firmware_product_key_is_entered_on_request_only() {
    let asked = Question { requested: true, ..question(Channel::OemDm, Likeness::Same) };
    let decision = decide(&asked);
    assert_eq!((decision.step, decision.rule.id), (Step::Ask(Asked::EnterAnyway), "transfer-firmware"));
}

#[test]
fn a_stated_repair_turns_the_refusal_of_an_oem_license_into_a_question_that_it_answers() {
    let stated = Some(Stated::RepairWithSameModel);
    for channel in Channel::ALL.into_iter().filter(|channel| channel.is_oem()) {
        let repaired = decide(&Question { stated, ..question(channel, Likeness::Repaired) });
        assert_eq!((repaired.step, repaired.answered), (Step::Ask(Asked::SameModel), true), "{channel}");
        assert_eq!(repaired.rule.id, "transfer-oem-repair");
        let other = decide(&Question { stated, ..question(channel, Likeness::Other) });
        assert_eq!((other.step, other.answered), (Step::Refuse, false), "{channel}");
        let same_pc = Question { stated: Some(Stated::SamePc), ..question(channel, Likeness::Repaired) };
        assert_eq!(decide(&same_pc).step, Step::Refuse, "{channel}");
    }
}

#[test]
fn what_the_person_states_answers_only_what_is_asked() {
    let unknown = Question { stated: Some(Stated::SamePc), ..question(Channel::OemCoa, Likeness::Unknown) };
    let decision = decide(&unknown);
    assert_eq!((decision.step, decision.answered), (Step::Ask(Asked::OwnPc), true));
    assert!(!decide(&Question { stated: None, ..unknown.clone() }).answered);
    let moved = Question { stated: Some(Stated::SamePc), ..question(Channel::Retail, Likeness::Other) };
    assert!(!decide(&moved).answered, "the hardware says otherwise");
}

fn any_question() -> impl Strategy<Value = Question> {
    let license = [None, Some(LicenseType::Oem), Some(LicenseType::Retail), Some(LicenseType::Volume)];
    let stated = [None, Some(Stated::RepairWithSameModel), Some(Stated::SamePc)];
    (
        prop::option::of(prop::sample::select(&Channel::ALL[..])),
        prop::sample::select(license.to_vec()),
        prop::sample::select(&FITS[..]),
        prop::sample::select(&LIKENESSES[..]),
        prop::sample::select(stated.to_vec()),
        any::<[bool; 3]>(),
    )
        .prop_map(|(channel, license, fit, likeness, stated, [has_key, generic, requested])| Question {
            channel,
            license,
            has_key,
            generic,
            fit,
            edition: None,
            likeness,
            stated,
            requested,
        })
}

proptest! {
    #[test]
    fn an_oem_license_is_never_entered_on_other_hardware(question in any_question()) {
        let sold_with_pc = question.channel.map_or(question.license == Some(LicenseType::Oem), Channel::is_oem);
        let other = matches!(question.likeness, Likeness::Other | Likeness::Repaired);
        let step = decide(&question).step;
        if sold_with_pc && other {
            prop_assert!(step != Step::Apply && step != Step::LeaveToSetup);
            prop_assert!(!matches!(step, Step::Ask(_)) || question.likeness == Likeness::Repaired);
        }
    }

    #[test]
    fn nothing_is_entered_by_itself_unless_it_is_the_same_pc(question in any_question()) {
        prop_assert!(decide(&question).step != Step::Apply || question.likeness == Likeness::Same);
    }

    #[test]
    fn what_does_not_fit_or_is_not_there_is_never_entered(question in any_question()) {
        if question.fit.fits() == Some(false) || !question.has_key || question.generic {
            prop_assert!(!may_enter(decide(&question).step));
        }
    }
}
