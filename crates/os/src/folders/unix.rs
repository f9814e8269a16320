//! XDG Base Directory Specification: `XDG_DATA_HOME`, else `.local/share` in the home folder. Relative paths do not
//! count.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

pub(super) fn data() -> Option<PathBuf> {
    chosen(|name| env::var_os(name))
}

fn chosen(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("keystow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_from(variables: &[(&str, &str)]) -> Option<PathBuf> {
        chosen(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_xdg_folder_comes_before_the_home_folder_and_relative_ones_do_not_count() {
        let home = ("HOME", "/home/a");
        assert_eq!(chosen_from(&[home, ("XDG_DATA_HOME", "/data")]), Some("/data/keystow".into()));
        assert_eq!(chosen_from(&[home, ("XDG_DATA_HOME", "data")]), Some("/home/a/.local/share/keystow".into()));
        assert_eq!(chosen_from(&[home, ("LOCALAPPDATA", "/mnt/c")]), Some("/home/a/.local/share/keystow".into()));
        assert_eq!(chosen_from(&[("HOME", "")]), None);
    }
}
