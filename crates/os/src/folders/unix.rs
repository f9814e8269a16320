//! XDG Base Directory Specification: `XDG_DATA_HOME`, else `.local/share` in the home folder. Relative paths do not
//! count.

use std::env;
use std::path::PathBuf;

pub(super) fn data() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("keystow"))
}
