//! Whether it is safe to wipe a PC: everything worth keeping is in the vault, in two places, and each copy is good.

use keystow_find::{Finding, PlaceKind, ProblemKind, Scan};
use keystow_vault::Vault;

use super::App;
use super::error::Result;
use super::items;
use super::verify::{is_harmless, words};

/// One thing that must hold.
pub(crate) struct Condition {
    pub(crate) holds: bool,
    pub(crate) says: String,
    /// What to do when it does not hold.
    pub(crate) next: &'static str,
}

impl App {
    /// Looks at every condition. Without a vault, that is the first that does not hold.
    pub(crate) fn ready(&self, scan: &Scan) -> Result<Vec<Condition>> {
        let mut conditions = vec![read_whole(scan), agreed(scan)];
        if self.needs_vault()? {
            conditions.push(Condition {
                holds: false,
                says: "there is no vault yet".to_owned(),
                next: "keystow backup",
            });
            return Ok(conditions);
        }
        let mut vault = self.open_vault()?;
        conditions.extend(self.kept(scan, &mut vault)?);
        conditions.extend(self.copies(&vault)?);
        Ok(conditions)
    }

    /// What to think of before the mainboard is replaced: a license that Microsoft keeps for it goes with it, unless it
    /// is linked to an account.
    pub(crate) fn reminder(&self, scan: &Scan) -> Option<String> {
        let digital =
            |finding: &&Finding| finding.verdict.rule.id == "generic" && finding.place == PlaceKind::Installed;
        scan.findings.iter().find(digital)?;
        Some(match self.linked() {
            Some(when) => format!(
                "The license is linked to your Microsoft account, as you saw on {}. After a new mainboard, sign in and \
                 choose \"I changed hardware on this device recently\" in Settings, Activation, Troubleshoot.",
                when.strftime("%Y-%m-%d")
            ),
            None => "The license is kept at Microsoft for this mainboard. Before the mainboard is replaced, link it to your \
                     Microsoft account: keystow link"
                .to_owned(),
        })
    }

    fn kept(&self, scan: &Scan, vault: &mut Vault) -> Result<Vec<Condition>> {
        let writer = vault.writer(&self.paths.state())?;
        let (now, device) = (self.now(), items::device_of(scan));
        let wanted =
            scan.findings.iter().filter(|finding| scan.keep.contains(&finding.id) || finding.generic.is_none());
        let kept = |finding: &Finding| {
            let holds = writer.knows(&items::of_finding(finding, scan, &device, now));
            let product = &finding.product.name;
            let says = if holds { "is in the vault" } else { "is not in the vault" };
            Condition { holds, says: format!("{} ({product}) {says}", finding.id), next: "keystow backup" }
        };
        Ok(wanted.map(kept).collect())
    }

    fn copies(&self, vault: &Vault) -> Result<Vec<Condition>> {
        let report = vault.verify(self.device().as_ref(), None);
        let bad = report.findings.iter().filter(|finding| !is_harmless(&finding.what));
        let mut conditions: Vec<Condition> = bad
            .map(|finding| Condition {
                holds: false,
                says: format!("{} {}: {}", finding.place, finding.file, words(&finding.what)),
                next: super::verify::remedy(finding.remedy),
            })
            .collect();
        if conditions.is_empty() {
            let count = report.places.len();
            conditions.push(Condition {
                holds: true,
                says: format!("{count} copies were read back and match"),
                next: "",
            });
        }
        let places = self.places()?;
        let apart = self.independent(&places) > 1;
        conditions.push(Condition {
            holds: apart,
            says: if apart {
                "the copies lie on different volumes".to_owned()
            } else {
                "all copies lie on one volume: what happens to it happens to all of them".to_owned()
            },
            next: "keystow vault place add FOLDER-ON-ANOTHER-DISK",
        });
        Ok(conditions)
    }
}

fn read_whole(scan: &Scan) -> Condition {
    let unread = scan.problems.iter().filter(|problem| problem.kind != ProblemKind::Empty).count();
    let says = match unread {
        0 => "every place could be read".to_owned(),
        count => format!("{count} places could not be read wholly"),
    };
    Condition { holds: unread == 0, says, next: "keystow scan, and mend what it names" }
}

fn agreed(scan: &Scan) -> Condition {
    use keystow_core::identify::verdict::VerdictKind;
    let unsure: Vec<String> = scan
        .findings
        .iter()
        .filter(|finding| finding.verdict.kind == VerdictKind::Unsure)
        .map(|finding| finding.id.to_string())
        .collect();
    let says = match unsure.len() {
        0 => "no places disagree".to_owned(),
        _ => format!("{} cannot be judged", unsure.join(", ")),
    };
    Condition { holds: unsure.is_empty(), says, next: "keystow explain" }
}
