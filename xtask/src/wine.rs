//! The cache for tests of the Windows build: a Wine new enough for it, in a root of its own, and a made prefix.
//!
//! Debian 12's Wine lacks `bcryptprimitives.dll`, which every program of Rust 1.95 imports, so the root is a Debian 13.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use keystow_rig::wine;

use crate::run::{Done, has, is_root, run_with};

/// The Debian release with Wine 10.
const SUITE: &str = "trixie";
/// What someone reads who cannot build the root.
const NEEDS_ROOT: &str = "the Windows tests run under Wine in a root of its own: building it needs root (or sudo), \
    debootstrap and Linux on x86_64";

/// Builds what the cache lacks; done in a moment when it lacks nothing.
pub(crate) fn build() -> Done {
    let shown = |error: std::io::Error| format!("{}: {error}", wine::cache().display());
    fs::create_dir_all(wine::cache()).map_err(shown)?;
    // Two builders at once would delete each other's half; the lock ends with this process.
    let lock = File::create(wine::cache().join("lock")).map_err(shown)?;
    lock.lock().map_err(shown)?;
    folder(&wine::root(), debootstrap)?;
    mount_points()?;
    folder(&wine::template(), wineboot)
}

/// Makes the folders of the root that [`wine::command`] mounts others on, so that it need not be root itself.
fn mount_points() -> Done {
    let inside = |folder: &Path| wine::root().join(folder.strip_prefix("/").unwrap_or(folder));
    let project = wine::project().to_path_buf();
    let missing: Vec<_> = wine::mounts().iter().chain([&project]).map(|folder| inside(folder)).collect();
    let missing: Vec<_> = missing.into_iter().filter(|folder| !folder.is_dir()).collect();
    if missing.is_empty() { Ok(()) } else { run_with(as_root("mkdir")?.arg("-p").args(missing)) }
}

fn folder(folder: &Path, make: fn(&Path) -> Done) -> Done {
    if wine::is_complete(folder) {
        return Ok(());
    }
    if folder.exists() {
        run_with(as_root("rm")?.args(["-r", "-f", "--one-file-system"]).arg(folder))?;
    }
    make(folder)?;
    let stamp = folder.join(wine::STAMP);
    run_with(as_root("touch")?.arg(stamp))
}

fn debootstrap(root: &Path) -> Done {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) || !has_debootstrap() {
        return Err(NEEDS_ROOT.into());
    }
    run_with(as_root("debootstrap")?.args(["--variant=minbase", "--include=wine64,wine", SUITE]).arg(root))
}

/// Its folder is in nobody's PATH but root's.
fn has_debootstrap() -> bool {
    has("debootstrap") || Path::new("/usr/sbin/debootstrap").is_file()
}

fn wineboot(prefix: &Path) -> Done {
    fs::create_dir_all(prefix).map_err(|error| format!("{}: {error}", prefix.display()))?;
    let wine = |program| wine::command(prefix, program, &[]).map_err(|error| error.to_string());
    run_with(wine("wineboot")?.arg("-i"))?;
    // The registry is on the disk only when the server has ended.
    run_with(wine("wineserver")?.arg("-k"))?;
    run_with(wine("wineserver")?.arg("-w"))
}

fn as_root(program: &str) -> Result<Command, String> {
    if is_root() {
        return Ok(Command::new(program));
    }
    let may = Command::new("sudo").args(["-n", "true"]).status().is_ok_and(|status| status.success());
    let mut command = Command::new("sudo");
    command.arg(program);
    if may { Ok(command) } else { Err(NEEDS_ROOT.into()) }
}
