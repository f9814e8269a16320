//! Which family of releases a product key was made for, as far as that decides where it works.
//!
//! Windows 10 and 11 share product keys and groups, so they are one generation.
//!
//! Source: the beginnings of `ProductDescription` in pkeyconfig files, and Microsoft's build numbers.

/// A family of releases that takes the same product keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Generation {
    /// Any Office.
    Office,
    /// Any Windows Server.
    Server,
    /// Windows 7 and older.
    Windows7,
    /// Windows 8 and 8.1.
    Windows8,
    /// Windows 10 and 11.
    Windows10,
}

/// How descriptions begin, the release in plain words (empty when none is named), and its generation. `2021` was the
/// working name of Server 2022, and LTSC 2024 is a Windows 11.
const RELEASES: &[(&str, &str, Generation)] = &[
    ("Office", "", Generation::Office),
    ("Win 10", "Windows 10/11", Generation::Windows10),
    ("Win 11", "Windows 11", Generation::Windows10),
    ("Win 2024", "Windows 11", Generation::Windows10),
    ("Win 7", "Windows 7", Generation::Windows7),
    ("Win 8", "Windows 8", Generation::Windows8),
    ("Win 8.1", "Windows 8.1", Generation::Windows8),
    ("Win Next", "", Generation::Windows10),
    ("Win11", "Windows 11", Generation::Windows10),
    ("WinServer Next", "", Generation::Server),
    ("Windows 10", "Windows 10/11", Generation::Windows10),
    ("Windows 11", "Windows 11", Generation::Windows10),
    ("Windows 7", "Windows 7", Generation::Windows7),
    ("Windows 8", "Windows 8", Generation::Windows8),
    ("Windows 8.1", "Windows 8.1", Generation::Windows8),
    ("Windows Server 12 R2", "Windows Server 2012 R2", Generation::Server),
    ("Windows Server 2019", "Windows Server 2019", Generation::Server),
    ("Windows Server 2021", "Windows Server 2022", Generation::Server),
    ("Windows Server 2025", "Windows Server 2025", Generation::Server),
    ("Windows Server Next", "", Generation::Server),
];

impl Generation {
    /// The word in the machine interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Office => "office",
            Self::Server => "server",
            Self::Windows7 => "windows-7",
            Self::Windows8 => "windows-8",
            Self::Windows10 => "windows-10",
        }
    }

    /// The generation of an installed Windows, by its build number (`CurrentBuild`).
    #[must_use]
    pub fn of_build(build: u32, server: bool) -> Self {
        match build {
            _ if server => Self::Server,
            0..9000 => Self::Windows7,
            9000..10_000 => Self::Windows8,
            _ => Self::Windows10,
        }
    }

    /// The generation that a product name or title says, such as `Windows 8.1 Pro` or `Word 2019`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name.strip_prefix("Windows") {
            None => (!name.is_empty()).then_some(Self::Office),
            Some(rest) if rest.starts_with(" Server") => Some(Self::Server),
            Some(_) => release_of(name).map(|release| release.generation),
        }
    }
}

/// A release as descriptions name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReleaseName {
    /// Plain words, empty when the description names none.
    pub(super) name: &'static str,
    pub(super) generation: Generation,
}

/// The release with which a product description begins.
pub(super) fn release_of(description: &str) -> Option<ReleaseName> {
    let begins = |prefix: &str| {
        description.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '/', ',']))
    };
    let row = RELEASES.iter().find(|(prefix, _, _)| begins(prefix));
    row.map(|(_, name, generation)| ReleaseName { name, generation: *generation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_is_found_by_how_descriptions_begin() {
        assert!(RELEASES.is_sorted_by_key(|(prefix, _, _)| prefix));
        for (prefix, name, generation) in RELEASES {
            let found = release_of(&format!("{prefix} RTM Professional Retail"));
            assert_eq!(found, Some(ReleaseName { name, generation: *generation }), "{prefix}");
        }
        assert_eq!(release_of("Win 8x RTM"), None);
        assert_eq!(release_of("special"), None);
    }

    #[test]
    fn names_say_their_generation() {
        assert_eq!(Generation::of_name("Windows 8.1 Pro"), Some(Generation::Windows8));
        assert_eq!(Generation::of_name("Windows 10/11 Pro"), Some(Generation::Windows10));
        assert_eq!(Generation::of_name("Windows Server, version 1709 Standard"), Some(Generation::Server));
        assert_eq!(Generation::of_name("Word 2019"), Some(Generation::Office));
        assert_eq!(Generation::of_name("Windows Team"), None);
        assert_eq!(Generation::of_name(""), None);
    }

    #[test]
    fn builds_say_their_generation() {
        let expected = [
            (7601, "windows-7"),
            (9200, "windows-8"),
            (9600, "windows-8"),
            (10240, "windows-10"),
            (26100, "windows-10"),
        ];
        for (build, word) in expected {
            assert_eq!(Generation::of_build(build, false).as_str(), word, "{build}");
        }
        assert_eq!(Generation::of_build(26100, true), Generation::Server);
    }
}
