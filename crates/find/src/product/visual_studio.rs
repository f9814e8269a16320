//! Visual Studio: its product key is sealed by Windows for the user who typed it (DPAPI), so on a disk it can only be
//! said to be there.

use super::At;
use crate::finding::{Problem, ProblemKind};
use crate::registry::{RegistryError, View};
use crate::scan::Gathering;

const LICENSES: &str = r"Classes\Licenses";
/// More than all programs together that keep licenses there.
const MOST_LICENSES: usize = 256;
/// The releases by the first eight digits of their GUIDs, sorted.
const RELEASES: &[(&str, &str)] = &[
    ("1299B4B9", "Visual Studio 2022"),
    ("41717607", "Visual Studio 2019"),
    ("4D8CFBCB", "Visual Studio 2015"),
    ("5C505A59", "Visual Studio 2017"),
    ("77550D6B", "Visual Studio 2012"),
    ("97372B8F", "Visual Studio 2026"),
    ("E79B3F9C", "Visual Studio 2013"),
];

pub(super) fn find(view: &dyn View, at: At<'_>, gathering: &mut Gathering) -> Result<(), RegistryError> {
    for guid in view.children(LICENSES)?.into_iter().take(MOST_LICENSES) {
        let Some(start) = guid.trim_start_matches('{').get(..8).map(str::to_ascii_uppercase) else { continue };
        let Ok(row) = RELEASES.binary_search_by_key(&start.as_str(), |(start, _)| start) else { continue };
        let path = format!("{LICENSES}\\{guid}");
        let sealed = view.children(&path)?.into_iter().any(|mpc| holds_data(view, &format!("{path}\\{mpc}")));
        if let Some((_, name)) = RELEASES.get(row).filter(|_| sealed) {
            let message = format!(
                "the product key of {name} is here, sealed for the Windows user who typed it; \
                 only that user, signed in on that PC, can read it"
            );
            gathering.problem(Problem::new(
                ProblemKind::Locked,
                format!("{}: {}\\{path}", at.source, at.hive),
                message,
            ));
        }
    }
    Ok(())
}

fn holds_data(view: &dyn View, path: &str) -> bool {
    let value = view.values(path, &[""]).ok().flatten();
    value.is_some_and(|values| values.iter().any(|value| !value.data.is_empty()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_releases_are_sorted() {
        assert!(super::RELEASES.is_sorted());
    }
}
