//! The inventory: one line for each finding on each machine, and filters over them.

use std::collections::HashMap;
use std::thread;

use jiff::Timestamp;
use keystow_account::client::{Known, KnownMachine};
use keystow_account::id::SeriesId;
use keystow_core::ProductKey;
use keystow_find::hide_controls;

use super::report::{Found, Report};

const DAY: i64 = 24 * 3600;

/// A machine and its last report.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) series: SeriesId,
    /// What it calls itself; its series before it reported.
    pub(crate) name: String,
    pub(crate) reports: u64,
    pub(crate) report: Option<Report>,
}

/// One line of the inventory.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) machine: usize,
    /// Which finding of the report; none where there is none.
    pub(crate) finding: Option<usize>,
    /// How many machines hold this very product key.
    pub(crate) copies: usize,
}

/// All machines and their lines.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) machines: Vec<Machine>,
    pub(crate) lines: Vec<Line>,
}

/// What lines are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Channel(String),
    Edition(String),
    /// The product key is nobody's own: a published one, as Windows with a digital license has.
    Generic,
    Name(String),
    /// Nobody confirmed that the license is linked to a Microsoft account.
    NotLinked,
    /// One retail product key on several machines.
    SameKey,
    /// The last report is older than this many days.
    Stale(i64),
    Verdict(String),
}

impl Filter {
    /// The names, for people.
    pub(crate) const ALL: &str =
        "generic, not-linked, same-key, channel=NAME, edition=NAME, verdict=NAME, name=TEXT, stale>DAYS";

    /// Reads what was typed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let (found, value) = text.split_once(['=', '>'])?;
            (found.trim().eq_ignore_ascii_case(name) && !value.trim().is_empty()).then(|| value.trim().to_owned())
        };
        match text.trim().to_ascii_lowercase().as_str() {
            "generic" => return Some(Self::Generic),
            "not-linked" => return Some(Self::NotLinked),
            "same-key" => return Some(Self::SameKey),
            _ => {}
        }
        if let Some(days) = value("stale") {
            return days.parse().ok().filter(|days| *days >= 0).map(Self::Stale);
        }
        let named = value("channel").map(Self::Channel).or_else(|| value("edition").map(Self::Edition));
        named.or_else(|| value("verdict").map(Self::Verdict)).or_else(|| value("name").map(Self::Name))
    }

    fn takes(&self, machine: &Machine, line: &Line, now: Timestamp) -> bool {
        let found = line.finding.and_then(|at| machine.report.as_ref()?.findings.get(at));
        let is = |value: Option<&String>, wanted: &str| value.is_some_and(|value| value.eq_ignore_ascii_case(wanted));
        match self {
            Self::Channel(name) => found.is_some_and(|found| is(found.channel.as_ref(), name)),
            Self::Edition(name) => {
                let runs =
                    machine.report.as_ref().and_then(Report::running).and_then(|windows| windows.edition.as_ref());
                found.is_some_and(|found| is(found.edition.as_ref(), name)) || is(runs, name)
            }
            Self::Generic => found.is_some_and(|found| found.generic),
            Self::Name(text) => machine.name.to_lowercase().contains(&text.to_lowercase()),
            Self::NotLinked => machine.report.as_ref().is_some_and(|report| report.linked.is_none()),
            Self::SameKey => {
                let retail = |found: &Found| found.license.as_deref() == Some("retail") && !found.generic;
                line.copies > 1 && found.is_some_and(retail)
            }
            Self::Stale(days) => {
                let seen = machine.report.as_ref().map(|report| report.time.as_second());
                seen.is_none_or(|seen| now.as_second() - seen > days * DAY)
            }
            Self::Verdict(name) => found.is_some_and(|found| found.verdict.eq_ignore_ascii_case(name)),
        }
    }
}

impl Inventory {
    /// Reads every last report.
    pub(crate) fn of(known: &Known) -> Self {
        Self::made_of(read(known))
    }

    fn made_of(mut machines: Vec<Machine>) -> Self {
        machines.sort_by(|one, other| one.name.cmp(&other.name).then(one.series.cmp(&other.series)));
        let copies = copies(&machines);
        let mut lines = Vec::with_capacity(machines.len());
        for (at, machine) in machines.iter().enumerate() {
            let before = lines.len();
            let findings = machine.report.iter().flat_map(|report| report.findings.iter().enumerate());
            for (finding, found) in findings {
                let copies = found.product_key.as_ref().and_then(|key| copies.get(&mark(key))).copied();
                lines.push(Line { machine: at, finding: Some(finding), copies: copies.unwrap_or(1) });
            }
            if lines.len() == before {
                lines.push(Line { machine: at, finding: None, copies: 0 });
            }
        }
        drop(copies);
        Self { machines, lines }
    }

    /// Keeps the lines that every filter takes.
    pub(crate) fn filter(&mut self, filters: &[Filter], now: Timestamp) {
        let machines = &self.machines;
        self.lines.retain(|line| {
            machines
                .get(line.machine)
                .is_some_and(|machine| filters.iter().all(|filter| filter.takes(machine, line, now)))
        });
    }

    /// The machine and the finding of a line.
    pub(crate) fn parts(&self, line: &Line) -> Option<(&Machine, Option<&Found>)> {
        let machine = self.machines.get(line.machine)?;
        Some((machine, line.finding.and_then(|at| machine.report.as_ref()?.findings.get(at))))
    }

    /// What a machine is called, where it is known.
    pub(crate) fn name(&self, series: SeriesId) -> Option<&str> {
        self.machines.iter().find(|machine| machine.series == series).map(|machine| machine.name.as_str())
    }
}

/// Reads the reports on all processors.
fn read(known: &Known) -> Vec<Machine> {
    let all: Vec<_> = known.machines.iter().collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let size = all.len().div_ceil(threads).max(1);
    let read = |chunk: &[(&SeriesId, &KnownMachine)]| chunk.iter().map(|(s, m)| machine(**s, m)).collect::<Vec<_>>();
    thread::scope(|scope| {
        let running: Vec<_> = all.chunks(size).map(|chunk| (chunk, scope.spawn(|| read(chunk)))).collect();
        running.into_iter().flat_map(|(chunk, thread)| thread.join().unwrap_or_else(|_| read(chunk))).collect()
    })
}

fn machine(series: SeriesId, known: &KnownMachine) -> Machine {
    let report = known.report.as_ref().and_then(|text| Report::parse(text));
    let name = report.as_ref().map(|report| plain(&report.name)).filter(|name| !name.is_empty());
    let reports = known.last.map_or(0, |last| last.index);
    Machine { series, name: name.unwrap_or_else(|| series.to_string()), reports, report }
}

/// A name without what would steer a terminal.
fn plain(name: &str) -> String {
    hide_controls(name).chars().filter(|c| *c != char::REPLACEMENT_CHARACTER).take(64).collect()
}

type Mark = [u8; 16];

fn mark(key: &ProductKey) -> Mark {
    key.pack()
}

/// How many machines hold each product key.
fn copies(machines: &[Machine]) -> HashMap<Mark, usize> {
    let mut copies = HashMap::new();
    for machine in machines {
        let findings = machine.report.iter().flat_map(|report| &report.findings);
        let mut marks: Vec<_> = findings.filter_map(|found| found.product_key.as_ref()).map(mark).collect();
        marks.sort_unstable();
        marks.dedup();
        for mark in marks {
            *copies.entry(mark).or_insert(0) += 1;
        }
    }
    copies
}

#[cfg(test)]
mod tests {
    use super::super::report::FORMAT;
    use super::*;

    #[test]
    fn filters_read_as_they_are_documented_and_nothing_else() {
        for (text, filter) in [
            ("generic", Filter::Generic),
            ("Not-Linked", Filter::NotLinked),
            ("same-key", Filter::SameKey),
            ("channel=OEM:DM", Filter::Channel("OEM:DM".to_owned())),
            ("edition = Professional", Filter::Edition("Professional".to_owned())),
            ("stale>30", Filter::Stale(30)),
        ] {
            assert_eq!(Filter::parse(text), Some(filter), "{text}");
        }
        for text in ["", "stale>", "stale>x", "stale>-1", "color=green", "channel="] {
            assert_eq!(Filter::parse(text), None, "{text}");
        }
    }

    fn found(key: Option<&str>, license: &str, generic: bool) -> Found {
        Found {
            product_key: key.map(|key| ProductKey::parse(key).unwrap()),
            license: Some(license.to_owned()),
            channel: Some("Retail".to_owned()),
            edition: Some("Professional".to_owned()),
            verdict: "keep-movable".to_owned(),
            generic,
            keep: !generic,
            installed: true,
            ..Found::default()
        }
    }

    fn machine(name: &str, days_ago: i64, findings: Vec<Found>) -> Machine {
        let time = Timestamp::from_second(NOW - days_ago * DAY).unwrap();
        let report = Report { format: FORMAT, time, findings, ..Report::default() };
        Machine { series: SeriesId::new([0; 16]), name: name.to_owned(), reports: 1, report: Some(report) }
    }

    const NOW: i64 = 1_790_000_000;

    #[test]
    fn each_filter_takes_what_it_says_and_several_take_what_all_say() {
        let (own, shared) = ("W269N-WFGWX-YVC9B-4J6C9-T83GX", "VK7JG-NPHTM-C97JM-9MPGT-3V66T");
        let machines = vec![
            machine("A", 0, vec![found(Some(own), "retail", false)]),
            machine("B", 40, vec![found(Some(own), "retail", false)]),
            machine("C", 0, vec![found(Some(shared), "retail", true)]),
            machine("D", 0, vec![found(Some(shared), "retail", true)]),
            Machine { series: SeriesId::new([1; 16]), name: "E".to_owned(), reports: 0, report: None },
        ];
        let names = |filters: &[&str]| {
            let filters: Vec<_> = filters.iter().map(|text| Filter::parse(text).unwrap()).collect();
            let mut inventory = Inventory::made_of(machines_again(&machines));
            inventory.filter(&filters, Timestamp::from_second(NOW).unwrap());
            inventory.lines.iter().map(|line| inventory.machines[line.machine].name.clone()).collect::<String>()
        };
        assert_eq!(names(&[]), "ABCDE");
        assert_eq!(names(&["same-key"]), "AB", "a published product key on many machines is no wonder");
        assert_eq!(names(&["generic"]), "CD");
        assert_eq!(names(&["stale>30"]), "BE");
        assert_eq!(names(&["same-key", "stale>30"]), "B");
        assert_eq!(names(&["edition=professional", "name=c"]), "C");
        assert_eq!(names(&["channel=OEM:DM"]), "");
        assert_eq!(names(&["not-linked"]), "ABCD");
    }

    fn machines_again(machines: &[Machine]) -> Vec<Machine> {
        let again = |machine: &Machine| Machine {
            series: machine.series,
            name: machine.name.clone(),
            reports: machine.reports,
            report: machine
                .report
                .as_ref()
                .map(|r| Report::parse(std::str::from_utf8(&r.to_json().unwrap()).unwrap()).unwrap()),
        };
        machines.iter().map(again).collect()
    }
}
