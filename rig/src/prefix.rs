//! One made Windows: registry, users and drives of its own, everything else linked to the template.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::copy::{copy, link, link_entries};
use crate::run::{Ran, Run};
use crate::wine;

/// The user that Wine makes for whoever runs it: inside its root that is always root.
const USER: &str = "root";

/// A made Windows with its own wineserver; both are gone when it is dropped.
#[derive(Debug)]
pub struct Prefix {
    folder: PathBuf,
    /// Folders that are drives, so that [`wine::command`] shows them to the program.
    drives: RefCell<Vec<PathBuf>>,
}

impl Prefix {
    /// Makes a Windows for the test `name`, in about 20 ms. Its first program starts 0.4 s later than others.
    ///
    /// # Errors
    ///
    /// When the cache holds no complete template, or the folder cannot be made.
    pub fn new(name: &str) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let template = wine::template();
        if !wine::is_complete(&template) {
            return Err(wine::incomplete(&template));
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("keystow-rig-{}-{number}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let prefix = Self { folder, drives: RefCell::default() };
        prefix.fill(&template)?;
        Ok(prefix)
    }

    /// The folder that holds the registry, `dosdevices` and `drive_c`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Drive C.
    #[must_use]
    pub fn drive_c(&self) -> PathBuf {
        self.folder.join("drive_c")
    }

    /// `C:\windows\system32`: a folder of links, so that a file in it can be replaced.
    #[must_use]
    pub fn system32(&self) -> PathBuf {
        self.drive_c().join("windows/system32")
    }

    /// The folder of the person who runs the programs.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.drive_c().join("users").join(USER)
    }

    /// `%LOCALAPPDATA%` of that person.
    #[must_use]
    pub fn local_app_data(&self) -> PathBuf {
        self.home().join("AppData/Local")
    }

    /// Gives Windows a drive: `letter` is lower case, `folder` a folder of this system.
    ///
    /// # Errors
    ///
    /// When the folder is not there.
    pub fn drive(&self, letter: char, folder: &Path) -> io::Result<()> {
        let folder = folder.canonicalize()?;
        link(&folder, &self.folder.join(format!("dosdevices/{letter}:")))?;
        self.drives.borrow_mut().push(folder);
        Ok(())
    }

    /// Writes the nodes and values of a `.reg` text to the registry, as regedit does.
    ///
    /// # Errors
    ///
    /// When Wine's `reg` refuses the text.
    pub fn import_reg(&self, text: &str) -> io::Result<()> {
        let file = self.folder.join("import.reg");
        // Wine takes a text without a byte order mark for one of the old code page.
        let units = std::iter::once('\u{feff}').chain(text.chars()).flat_map(|c| {
            let mut pair = [0; 2];
            c.encode_utf16(&mut pair).to_vec()
        });
        std::fs::write(&file, units.flat_map(u16::to_le_bytes).collect::<Vec<_>>())?;
        let path = format!("Z:{}", file.display());
        let ran = self.run("reg", &["import", &path])?;
        if ran.code == Some(0) { Ok(()) } else { Err(io::Error::other(format!("reg import: {ran:?}"))) }
    }

    /// Runs the `keystow.exe` of the development build to its end.
    ///
    /// # Errors
    ///
    /// When Wine does not start it, or it takes longer than a minute.
    pub fn keystow(&self, args: &[&str]) -> io::Result<Ran> {
        self.prepare_keystow(args).run()
    }

    /// The same, for what needs input, variables or patience of its own.
    #[must_use]
    pub fn prepare_keystow(&self, args: &[&str]) -> Run<'_> {
        self.prepare(wine::target().join("x86_64-pc-windows-gnu/debug/keystow.exe")).args(args)
    }

    /// Any program about to run: a path of this system or of Windows, or a name in Wine's own path.
    #[must_use]
    pub fn prepare(&self, program: impl Into<PathBuf>) -> Run<'_> {
        Run::new(self, program.into())
    }

    /// Runs a program, named as for [`Prefix::prepare`], to its end.
    ///
    /// # Errors
    ///
    /// As [`Prefix::keystow`].
    pub fn run(&self, program: impl Into<PathBuf>, args: &[&str]) -> io::Result<Ran> {
        self.prepare(program).args(args).run()
    }

    /// Ends all programs in this Windows; the registry is in its files afterwards.
    ///
    /// # Errors
    ///
    /// When the cache holds no Wine.
    pub fn stop(&self) -> io::Result<()> {
        // Without a server this fails, and there is nothing to wait for.
        if self.server("-k")? {
            self.server("-w")?;
        }
        Ok(())
    }

    fn server(&self, word: &str) -> io::Result<bool> {
        let mut server = wine::command(&self.folder, "wineserver", &[])?;
        Ok(server.arg(word).stderr(Stdio::null()).status()?.success())
    }

    /// Ends everything in this Windows at once. [`Prefix::stop`] takes half a second, to write a registry that nobody
    /// will read; and its server alone, killed, would leave the drivers behind.
    pub(crate) fn kill(&self) -> io::Result<()> {
        let variable = [b"WINEPREFIX=", self.folder.as_os_str().as_encoded_bytes()].concat();
        let is_ours = |environment: &[u8]| environment.split(|byte| *byte == 0).any(|pair| pair == variable);
        let mut kill = Command::new("kill");
        kill.arg("-KILL");
        for process in std::fs::read_dir("/proc")? {
            let process = process?;
            if std::fs::read(process.path().join("environ")).is_ok_and(|environment| is_ours(&environment)) {
                kill.arg(process.file_name());
            }
        }
        // A process may have ended by itself meanwhile, or none was there.
        kill.stderr(Stdio::null()).status().map(drop)
    }

    pub(crate) fn drives(&self) -> Vec<PathBuf> {
        self.drives.borrow().clone()
    }

    fn fill(&self, template: &Path) -> io::Result<()> {
        // Without the time stamp Wine would take the prefix for an old one and bring it up to date, in seconds.
        for name in ["system.reg", "user.reg", "userdef.reg", ".update-timestamp"] {
            std::fs::copy(template.join(name), self.folder.join(name))?;
        }
        let devices = self.folder.join("dosdevices");
        std::fs::create_dir_all(&devices)?;
        link(Path::new("../drive_c"), &devices.join("c:"))?;
        link(Path::new("/"), &devices.join("z:"))?;
        let (from, to) = (template.join("drive_c"), self.drive_c());
        for name in ["ProgramData", "users"] {
            copy(&from.join(name), &to.join(name))?;
        }
        for name in ["Program Files", "Program Files (x86)"] {
            link_entries(&from.join(name), &to.join(name), &[])?;
        }
        link_entries(&from.join("windows"), &to.join("windows"), &["system32", "temp"])?;
        std::fs::create_dir_all(to.join("windows/temp"))?;
        link_entries(&from.join("windows/system32"), &self.system32(), &[])
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // What stays behind lies among temporary files and does nothing; the test's own result says more.
        let _ = self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
