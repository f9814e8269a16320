use std::fs;
use std::path::PathBuf;

use super::*;

/// A fresh directory that is removed with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("keystow-os-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Wine stands in for Windows, but knows neither inherited access lists nor renames over open files.
#[cfg(windows)]
fn is_wine() -> bool {
    windows_registry::CURRENT_USER.open(r"Software\Wine").is_ok()
}

#[cfg(not(windows))]
fn is_wine() -> bool {
    false
}

#[test]
fn a_new_file_never_replaces_one() {
    let dir = Scratch::new("new");
    let path = dir.0.join("a");
    write_new(&path, b"first").unwrap();
    assert_eq!(why(&write_new(&path, b"second").unwrap_err()), Why::Exists);
    assert_eq!(read(&path, 100).unwrap(), b"first");
    replace(&path, b"third").unwrap();
    assert_eq!(read_fresh(&path, 100).unwrap(), b"third");
    assert_eq!(names(&dir.0), ["a"], "no temporary file stays, not even after the refusal");
}

#[test]
#[cfg(target_os = "linux")]
fn only_the_owner_can_read_what_was_written() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Scratch::new("mode");
    let inner = dir.0.join("b/c");
    create_dir(&inner).unwrap();
    write_new(&inner.join("a"), b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&inner), mode(&dir.0.join("b")), mode(&inner.join("a"))), (0o700, 0o700, 0o600));
    assert_eq!(facts(&inner).unwrap().others_can_read, Some(false));
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(facts(&inner).unwrap().others_can_read, Some(true));
    assert!(facts(&inner).unwrap().free.unwrap() > 0);
}

#[test]
#[cfg(windows)]
fn only_the_owner_can_read_what_was_written() {
    let dir = Scratch::new("list");
    let inner = dir.0.join("b/c");
    create_dir(&inner).unwrap();
    write_new(&inner.join("a"), b"x").unwrap();
    for path in [inner.join("a"), inner.clone(), dir.0.join("b")] {
        assert_eq!(facts(&path).unwrap().others_can_read, Some(false), "{}", path.display());
    }
    let theirs = dir.0.join("theirs");
    let sibling = dir.0.join("sibling");
    fs::write(&theirs, b"x").unwrap();
    fs::write(&sibling, b"x").unwrap();
    // In Wine nothing is inherited and icacls does nothing; there the system folder stands for what is everybody's.
    let open = if is_wine() { r"C:\windows".into() } else { theirs };
    if !is_wine() {
        let given = std::process::Command::new("icacls").arg(&open).args(["/grant", "*S-1-1-0:R"]).output().unwrap();
        assert!(given.status.success());
        assert_eq!(facts(&sibling).unwrap().others_can_read, Some(false), "made inside, it inherits");
    }
    assert_eq!(facts(&open).unwrap().others_can_read, Some(true), "{}", open.display());
    assert!(facts(&inner).unwrap().free.unwrap() > 0);
}

#[test]
#[cfg(windows)]
fn a_path_longer_than_260_characters_is_written_and_read() {
    let dir = Scratch::new("long");
    let deep = (0..6).fold(dir.0.clone(), |path, _| path.join("a".repeat(60)));
    create_dir(&deep).unwrap();
    write_new(&deep.join("file"), b"x").unwrap();
    assert_eq!(read(&deep.join("file"), 10).unwrap(), b"x");
    remove(&deep.join("file")).unwrap();
}

#[test]
#[cfg(windows)]
fn the_device_that_swallows_everything_is_no_file() {
    for path in ["NUL", r"\\.\NUL"] {
        assert_eq!(Readable::open(Path::new(path)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{path}");
    }
}

#[test]
fn who_reads_the_old_file_keeps_it_while_it_is_replaced() {
    let dir = Scratch::new("readers");
    let path = dir.0.join("a");
    write_new(&path, b"old").unwrap();
    let reader = Readable::open(&path).unwrap();
    let replaced = replace(&path, b"new");
    let mut buf = [0; 3];
    reader.read_at(0, &mut buf).unwrap();
    assert_eq!(&buf, b"old");
    assert_eq!(names(&dir.0), ["a"]);
    assert!(replaced.is_ok() || is_wine(), "{replaced:?}");
    assert_eq!(read(&path, 3).unwrap(), if replaced.is_ok() { b"new" } else { b"old" });
}

#[test]
fn a_file_of_any_length_is_read_fresh() {
    let dir = Scratch::new("fresh");
    let path = dir.0.join("a");
    for len in [0, 1, 4095, 4096, 65_535, 65_536, 65_537, 200_000] {
        let bytes: Vec<u8> = (0..len).map(|at: u32| (at % 251) as u8).collect();
        replace(&path, &bytes).unwrap();
        assert!(read_fresh(&path, u64::from(len)).unwrap() == bytes, "{len} bytes");
    }
    assert_eq!(read_fresh(&path, 199_999).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(why(&read_fresh(&dir.0.join("b"), 1).unwrap_err()), Why::NotThere);
}

#[test]
fn left_over_temporary_files_are_swept_and_nothing_else() {
    let dir = Scratch::new("sweep");
    fs::write(dir.0.join(format!("{TEMPORARY}1-2")), b"cut").unwrap();
    fs::write(dir.0.join("mine.txt"), b"keep").unwrap();
    assert_eq!(sweep(&dir.0).unwrap(), 1);
    assert_eq!(names(&dir.0), ["mine.txt"]);
}

#[test]
fn a_lock_is_held_once_and_ends_with_its_value() {
    let dir = Scratch::new("lock");
    let path = dir.0.join("lock");
    let held = Lock::try_acquire(&path).unwrap();
    assert!(held.is_some());
    assert!(Lock::try_acquire(&path).unwrap().is_none());
    drop(held);
    assert!(Lock::try_acquire(&path).unwrap().is_some());
}

#[test]
fn errors_tell_missing_from_full_of_names() {
    let dir = Scratch::new("why");
    assert_eq!(why(&write_new(&dir.0.join("no/such"), b"x").unwrap_err()), Why::NotThere);
    assert_eq!(why(&remove(&dir.0.join("nothing")).unwrap_err()), Why::NotThere);
    write_new(&dir.0.join("file"), b"x").unwrap();
    let error = create_dir(&dir.0.join("file")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    assert_eq!(read(&dir.0.join("file"), 0).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(why(&io::ErrorKind::StorageFull.into()), Why::Full);
}

#[test]
fn positioned_reads_are_exact() {
    let dir = Scratch::new("read");
    let path = dir.0.join("file");
    write_new(&path, b"0123456789").unwrap();
    let file = Readable::open(&path).unwrap();
    let mut buf = [0; 3];
    file.read_at(7, &mut buf).unwrap();
    assert_eq!((&buf, file.len()), (b"789", 10));
    assert_eq!(file.read_at(8, &mut buf).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(Readable::open(&dir.0).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
