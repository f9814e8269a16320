//! The rules of [`fit`](super::fit()) as tables: what is documented, where, and as of which day.

use super::Answer;

/// A rule about which product key fits where.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The stable name.
    pub id: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// The day of the source, as year-month-day.
    pub date: &'static str,
}

const EDITIONS_PAGE: &str = "Microsoft, \"Windows edition upgrade\"";
const PATHS_PAGE: &str = "Microsoft, \"Windows upgrade paths\"";
const SERVER_PAGE: &str = "Microsoft, \"Upgrade and conversion options for Windows Server\"";
const PKEYCONFIG: &str = "the pkeyconfig file of Windows 11 24H2";
/// The day the two client pages give themselves.
const PAGE_DATE: &str = "2023-10-02";
/// The day the server page gives itself.
const SERVER_PAGE_DATE: &str = "2025-08-18";
/// The day on which Windows 11 24H2 was released.
const FILE_DATE: &str = "2024-10-01";

pub(super) static DOWNGRADE: Rule = Rule {
    id: "fit-downgrade",
    says: "Enterprise and Education go back to Pro, Pro for Workstations and Pro Education, and to nothing else.",
    source: EDITIONS_PAGE,
    date: PAGE_DATE,
};
pub(super) static EVALUATION: Rule = Rule {
    id: "fit-evaluation",
    says: "An evaluation client is never converted; install the full edition anew.",
    source: PATHS_PAGE,
    date: PAGE_DATE,
};
pub(super) static FROM_LONG_TERM: Rule = Rule {
    id: "fit-from-ltsc",
    says: "LTSC becomes a general edition through setup.exe /pkey with the new product key.",
    source: PATHS_PAGE,
    date: PAGE_DATE,
};
pub(super) static KIND: Rule = Rule {
    id: "fit-kind",
    says: "Product keys of Office, of Windows clients and of Windows servers do not replace each other.",
    source: PKEYCONFIG,
    date: FILE_DATE,
};
pub(super) static N: Rule = Rule {
    id: "fit-n",
    says: "N editions go with N editions only; otherwise apps and settings are removed.",
    source: PATHS_PAGE,
    date: PAGE_DATE,
};
pub(super) static NOTHING_TO_HOME: Rule = Rule {
    id: "fit-nothing-to-home",
    says: "No edition becomes a Home edition by a product key, not even another Home edition.",
    source: EDITIONS_PAGE,
    date: PAGE_DATE,
};
pub(super) static NO_PATH: Rule = Rule {
    id: "fit-no-path",
    says: "This way is not among the documented ones.",
    source: EDITIONS_PAGE,
    date: PAGE_DATE,
};
pub(super) static OLD_VERSION: Rule = Rule {
    id: "fit-old-version",
    says: "Product keys of Windows 7, 8 and 8.1 no longer activate a new Windows 10 or 11.",
    source: "Microsoft's notice to PC makers, as reported by the press",
    date: "2023-09-20",
};
pub(super) static SAME: Rule = Rule {
    id: "fit-same",
    says: "A product key is accepted by its own edition; 32 or 64 bit does not matter.",
    source: EDITIONS_PAGE,
    date: PAGE_DATE,
};
pub(super) static SERVER_RELEASE: Rule = Rule {
    id: "fit-server-release",
    says: "Every Windows Server release has product keys of its own.",
    source: PKEYCONFIG,
    date: FILE_DATE,
};
pub(super) static SERVER_EDITION: Rule = Rule {
    id: "fit-server-edition",
    says: "A server changes to the editions that DISM /Online /Get-TargetEditions lists, never from Datacenter to Standard.",
    source: SERVER_PAGE,
    date: SERVER_PAGE_DATE,
};
pub(super) static TO_LONG_TERM: Rule = Rule {
    id: "fit-to-ltsc",
    says: "A general edition does not become LTSC; install LTSC anew.",
    source: PATHS_PAGE,
    date: PAGE_DATE,
};
pub(super) static UNKNOWN: Rule = Rule {
    id: "fit-unknown",
    says: "No rule covers this; ask the device itself: DISM /Online /Get-TargetEditions.",
    source: "docs/formats.md",
    date: FILE_DATE,
};
pub(super) static UPGRADE: Rule = Rule {
    id: "fit-upgrade",
    says: "Entering the product key upgrades the edition in place.",
    source: EDITIONS_PAGE,
    date: PAGE_DATE,
};
pub(super) static UPGRADE_MARK: Rule = Rule {
    id: "fit-upgrade-only",
    says: "The product key itself lists the editions from which it upgrades.",
    source: PKEYCONFIG,
    date: FILE_DATE,
};
pub(super) static VERSION: Rule = Rule {
    id: "fit-version",
    says: "Every generation of Windows has product keys of its own; 10 and 11 share theirs.",
    source: PKEYCONFIG,
    date: FILE_DATE,
};

/// The editions about which the two pages speak. What they do not list among these is not possible.
pub(super) const DOCUMENTED: [&str; 6] =
    ["Core", "Education", "Enterprise", "Professional", "ProfessionalEducation", "ProfessionalWorkstation"];
/// The Home editions.
pub(super) const HOMES: [&str; 3] = ["Core", "CoreCountrySpecific", "CoreSingleLanguage"];

/// From, to, what happens, why. Sorted; N editions go the same ways. That Home Single Language and Home China become
/// Pro stands in the upgrade marks of Pro product keys.
pub(super) static PATHS: &[(&str, &str, Answer, &Rule)] = &[
    ("Core", "Education", Answer::UpgradesInPlace, &UPGRADE),
    ("Core", "Professional", Answer::UpgradesInPlace, &UPGRADE),
    ("Core", "ProfessionalEducation", Answer::UpgradesInPlace, &UPGRADE),
    ("Core", "ProfessionalWorkstation", Answer::UpgradesInPlace, &UPGRADE),
    ("CoreCountrySpecific", "Professional", Answer::UpgradesInPlace, &UPGRADE_MARK),
    ("CoreSingleLanguage", "Professional", Answer::UpgradesInPlace, &UPGRADE_MARK),
    ("Education", "Professional", Answer::DowngradesInPlace, &DOWNGRADE),
    ("Education", "ProfessionalEducation", Answer::DowngradesInPlace, &DOWNGRADE),
    ("Education", "ProfessionalWorkstation", Answer::DowngradesInPlace, &DOWNGRADE),
    ("Enterprise", "Education", Answer::UpgradesInPlace, &UPGRADE),
    ("Enterprise", "Professional", Answer::DowngradesInPlace, &DOWNGRADE),
    ("Enterprise", "ProfessionalEducation", Answer::DowngradesInPlace, &DOWNGRADE),
    ("Enterprise", "ProfessionalWorkstation", Answer::DowngradesInPlace, &DOWNGRADE),
    ("Professional", "Education", Answer::UpgradesInPlace, &UPGRADE),
    ("Professional", "Enterprise", Answer::UpgradesInPlace, &UPGRADE),
    ("Professional", "ProfessionalEducation", Answer::UpgradesInPlace, &UPGRADE),
    ("Professional", "ProfessionalWorkstation", Answer::UpgradesInPlace, &UPGRADE),
    ("ProfessionalEducation", "Education", Answer::UpgradesInPlace, &UPGRADE),
    ("ProfessionalWorkstation", "Education", Answer::UpgradesInPlace, &UPGRADE),
    ("ProfessionalWorkstation", "Enterprise", Answer::UpgradesInPlace, &UPGRADE),
    ("ProfessionalWorkstation", "ProfessionalEducation", Answer::UpgradesInPlace, &UPGRADE),
    ("ServerDatacenter", "ServerStandard", Answer::NotThisEdition, &SERVER_EDITION),
    ("ServerDatacenterEval", "ServerDatacenter", Answer::NeedsSetEdition, &SERVER_EDITION),
    ("ServerDatacenterEval", "ServerStandard", Answer::NotThisEdition, &SERVER_EDITION),
    ("ServerStandard", "ServerDatacenter", Answer::NeedsSetEdition, &SERVER_EDITION),
    ("ServerStandardEval", "ServerDatacenter", Answer::NeedsSetEdition, &SERVER_EDITION),
    ("ServerStandardEval", "ServerStandard", Answer::NeedsSetEdition, &SERVER_EDITION),
    ("ServerStandardEvalCor", "ServerDatacenterCor", Answer::NeedsSetEdition, &SERVER_EDITION),
    ("ServerStandardEvalCor", "ServerStandardCor", Answer::NotThisEdition, &SERVER_EDITION),
];

/// How server products begin, and the build of that release; the longer of two names that begin alike comes last.
pub(super) const SERVERS: [(&str, u32); 6] = [
    ("Windows Server 2012", 9200),
    ("Windows Server 2012 R2", 9600),
    ("Windows Server 2016", 14_393),
    ("Windows Server 2019", 17_763),
    ("Windows Server 2022", 20_348),
    ("Windows Server 2025", 26_100),
];
