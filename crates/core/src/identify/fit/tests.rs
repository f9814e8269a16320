//! Tests of the fit rules: every row of every table, and what lies between them.

use super::*;
use crate::identify::{Basis, Channel, Eula};

const WINDOWS_7: u32 = 7601;
const WINDOWS_8: u32 = 9600;
const WINDOWS_11: u32 = 26_100;

fn product(edition: &str, name: &str, generation: Generation) -> Product {
    let described = Product::described(Basis::ShippedTable, edition, Some(Channel::Retail), "");
    Product { name: name.to_owned(), generation: Some(generation), ..described }
}

fn installed(edition: &str, build: u32) -> Installed {
    Installed { edition: Edition::parse(edition).unwrap(), build }
}

/// A product key of 2024 on a Windows of 2024.
fn answer(from: &str, to: &str) -> (Answer, &'static str) {
    let server = Edition::parse(to).unwrap().is_server();
    let generation = if server { Generation::Server } else { Generation::Windows10 };
    let fit = fit(&product(to, "", generation), &installed(from, WINDOWS_11));
    (fit.answer, fit.rule.id)
}

#[test]
fn every_path_is_found_for_plain_and_n_editions() {
    assert!(PATHS.is_sorted_by_key(|(from, to, _, _)| (from, to)));
    for (from, to, expected, rule) in PATHS {
        assert_eq!(answer(from, to), (*expected, rule.id), "{from} to {to}");
        let (from, to) = (format!("{from}N"), format!("{to}N"));
        if [&from, &to].into_iter().all(|id| Edition::parse(id).unwrap().is_known()) {
            assert_eq!(answer(&from, &to), (*expected, rule.id), "{from} to {to}");
        }
    }
}

#[test]
fn every_edition_takes_its_own_product_key() {
    for id in ["Core", "ProfessionalN", "CoreSingleLanguage", "EnterpriseS", "EnterpriseEval", "ServerRdsh", "Moon"] {
        assert_eq!(answer(id, id), (Answer::Same, "fit-same"), "{id}");
    }
}

#[test]
fn a_home_key_never_fits_pro_and_a_pro_key_upgrades_home() {
    assert_eq!(answer("Professional", "Core"), (Answer::NotThisEdition, "fit-nothing-to-home"));
    assert_eq!(answer("Core", "Professional"), (Answer::UpgradesInPlace, "fit-upgrade"));
}

#[test]
fn nothing_becomes_home() {
    for home in HOMES {
        for from in DOCUMENTED.iter().chain(&HOMES).filter(|from| **from != home) {
            assert_eq!(answer(from, home), (Answer::NotThisEdition, "fit-nothing-to-home"), "{from} to {home}");
        }
    }
}

#[test]
fn every_way_between_documented_editions_is_decided_but_one() {
    for from in DOCUMENTED {
        for to in DOCUMENTED {
            let unknown = (from, to) == ("Education", "Enterprise");
            assert_eq!(answer(from, to).0 == Answer::Unknown, unknown, "{from} to {to}");
        }
    }
    assert_eq!(answer("Core", "Enterprise"), (Answer::NotThisEdition, "fit-no-path"));
    assert_eq!(answer("ProfessionalWorkstation", "Professional"), (Answer::NotThisEdition, "fit-no-path"));
}

#[test]
fn what_no_rule_covers_is_unknown() {
    for (from, to) in [("CoreSingleLanguage", "Enterprise"), ("Professional", "Moon"), ("Moon", "Professional")] {
        assert_eq!(answer(from, to), (Answer::Unknown, "fit-unknown"), "{from} to {to}");
        assert_eq!(answer(from, to).0.fits(), None);
    }
    let nothing = Product::unknown(Basis::Example);
    let fit = fit(&nothing, &installed("Core", WINDOWS_11));
    assert_eq!((fit.answer, fit.rule.id), (Answer::Unknown, "fit-unknown"));
}

#[test]
fn n_editions_go_with_n_editions_only() {
    for (from, to) in [("Professional", "ProfessionalN"), ("CoreN", "Professional"), ("EnterpriseN", "Core")] {
        assert_eq!(answer(from, to), (Answer::NOnlyWithN, "fit-n"), "{from} to {to}");
    }
}

#[test]
fn long_term_editions_are_left_by_setup_and_entered_by_a_clean_install() {
    for (from, to) in
        [("EnterpriseS", "Enterprise"), ("IoTEnterpriseS", "Professional"), ("EnterpriseSN", "EnterpriseN")]
    {
        assert_eq!(answer(from, to), (Answer::NeedsSetup, "fit-from-ltsc"), "{from} to {to}");
        assert_eq!(answer(to, from), (Answer::NeedsCleanInstall, "fit-to-ltsc"), "{to} to {from}");
    }
}

#[test]
fn an_evaluation_client_is_installed_anew() {
    for (from, to) in
        [("EnterpriseEval", "Enterprise"), ("Professional", "EnterpriseEval"), ("EnterpriseNEval", "Core")]
    {
        assert_eq!(answer(from, to), (Answer::NeedsCleanInstall, "fit-evaluation"), "{from} to {to}");
    }
}

#[test]
fn an_evaluation_server_goes_only_the_listed_ways() {
    for (from, to) in [("ServerDatacenterEvalCor", "ServerDatacenterCor"), ("ServerStandard", "ServerStandardEval")] {
        assert_eq!(answer(from, to), (Answer::Unknown, "fit-unknown"), "{from} to {to}");
    }
}

#[test]
fn servers_clients_and_office_do_not_mix() {
    let kind = |to: &str, generation, from: &str| {
        let fit = fit(&product(to, "", generation), &installed(from, WINDOWS_11));
        (fit.answer, fit.rule.id)
    };
    let other = (Answer::OtherProduct, "fit-kind");
    assert_eq!(kind("ServerStandard", Generation::Server, "Professional"), other);
    assert_eq!(kind("Professional", Generation::Windows10, "ServerStandard"), other);
    assert_eq!(kind("", Generation::Office, "Professional"), other);
    assert_eq!(kind("", Generation::Server, "Professional"), other);
    assert_eq!(kind("AzureStackHCIAddOn", Generation::Server, "Professional"), other);
}

#[test]
fn windows_7_and_8_keys_are_for_their_own_version_only() {
    for generation in [Generation::Windows7, Generation::Windows8] {
        for edition in ["Professional", ""] {
            let fit = fit(&product(edition, "", generation), &installed("Professional", WINDOWS_11));
            assert_eq!((fit.answer, fit.rule.id), (Answer::OldVersionOnly, "fit-old-version"));
            assert_eq!(fit.rule.date, "2023-09-20");
        }
    }
    let seven = product("Professional", "", Generation::Windows7);
    assert_eq!(fit(&seven, &installed("Professional", WINDOWS_8)).rule.id, "fit-version");
    assert_eq!(fit(&seven, &installed("Professional", WINDOWS_7)).answer, Answer::Same);
    let ten = product("Professional", "", Generation::Windows10);
    assert_eq!(fit(&ten, &installed("Professional", WINDOWS_7)).answer, Answer::NewerVersionOnly);
}

#[test]
fn every_server_release_has_keys_of_its_own() {
    for (at, (name, _)) in SERVERS.iter().enumerate() {
        let key = product("ServerStandard", &format!("{name} Standard"), Generation::Server);
        for (other, (_, build)) in SERVERS.iter().enumerate() {
            let expected = match at.cmp(&other) {
                std::cmp::Ordering::Less => Answer::OldVersionOnly,
                std::cmp::Ordering::Equal => Answer::Same,
                std::cmp::Ordering::Greater => Answer::NewerVersionOnly,
            };
            assert_eq!(fit(&key, &installed("ServerStandard", *build)).answer, expected, "{name} on {build}");
        }
    }
}

#[test]
fn an_upgrade_only_key_needs_one_of_its_editions() {
    let eula = Eula::parse("Retail:WAU:101;99;100;");
    let pro = Product { eula, ..product("Professional", "", Generation::Windows10) };
    let answer = |from: &str| fit(&pro, &installed(from, WINDOWS_11)).answer;
    for from in HOMES {
        assert_eq!(answer(from), Answer::UpgradesInPlace, "{from}");
    }
    assert_eq!(answer("Professional"), Answer::UpgradeOnly);
    assert_eq!(answer("Moon"), Answer::UpgradeOnly);
}

#[test]
fn only_entering_counts_as_fitting() {
    for (answer, fits) in [
        (Answer::DowngradesInPlace, Some(true)),
        (Answer::Same, Some(true)),
        (Answer::UpgradesInPlace, Some(true)),
        (Answer::NeedsSetup, Some(false)),
        (Answer::NOnlyWithN, Some(false)),
        (Answer::OldVersionOnly, Some(false)),
        (Answer::Unknown, None),
    ] {
        assert_eq!(answer.fits(), fits, "{}", answer.as_str());
    }
}
