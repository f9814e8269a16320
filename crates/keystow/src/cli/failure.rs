//! How a command ends: an outcome, or a failure with its exit code and what to do next.

use std::fmt;

use keystow_account::client::ClientError;
use keystow_account::wire::Refusal;
use keystow_os::files::{self, Why};
use keystow_vault::{DeviceError, UnlockError, VaultError, WriteError};

use crate::app::error::Error;
use crate::app::fleet::FleetError;

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer is no: `ready`, `fit`, `verify`.
    AnswerNo,
    Done,
    /// Another run of the program did it, as administrator, and ended with this exit code.
    Elsewhere(u8),
    NothingFound,
    /// Done in part; the result was printed.
    Partly,
}

/// The kinds of failure. Each has the exit code of its own that scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    ActivationRefused,
    Damaged,
    DoesNotFit,
    Failed,
    ForbiddenByPolicy,
    Interrupted,
    Locked,
    NetworkNeeded,
    NotFound,
    OtherMainboard,
    RightsNeeded,
    SourceLocked,
    Usage,
    WrongPhrase,
}

/// Why a command stopped: the words, and the next step.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) error: String,
    pub(crate) hint: Option<String>,
    /// What the license service of Windows answered.
    pub(crate) hresult: Option<u32>,
}

impl Outcome {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Elsewhere(code) => code,
            Self::Partly => 3,
            Self::NothingFound => 4,
            Self::AnswerNo => 5,
        }
    }
}

impl FailureKind {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 10,
            Self::Locked => 11,
            Self::WrongPhrase => 12,
            Self::Damaged => 13,
            Self::RightsNeeded => 14,
            Self::SourceLocked => 15,
            Self::DoesNotFit => 16,
            Self::OtherMainboard => 17,
            Self::ActivationRefused => 18,
            Self::NetworkNeeded => 19,
            Self::ForbiddenByPolicy => 20,
            Self::Interrupted => 130,
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, error: impl fmt::Display) -> Self {
        Self { kind, error: error.to_string(), hint: None, hresult: None }
    }

    pub(crate) fn usage(error: impl fmt::Display) -> Self {
        Self::new(FailureKind::Usage, error)
    }

    /// Says what to do next.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        let kind = match error.kind() {
            E::Interrupted => FailureKind::Interrupted,
            E::NotFound => FailureKind::NotFound,
            E::PermissionDenied => FailureKind::RightsNeeded,
            _ => FailureKind::Failed,
        };
        Self::new(kind, error)
    }
}

/// Words the next step for each way in which something was not done.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use FailureKind as K;
        let text = error.to_string();
        let (kind, hint) = match &error {
            Error::Device(error) | Error::Vault(VaultError::Device(error)) => of_device(error),
            Error::Write(WriteError::Device(error)) => of_device(error),
            Error::File { source, .. } => of_io(source),
            Error::Account(_)
            | Error::DeviceName { .. }
            | Error::Fleet(_)
            | Error::IdentityMissing
            | Error::NotSignedIn
            | Error::VaultElsewhere
            | Error::VaultInAccount
            | Error::WeakPassword { .. } => of_signing_in(&error),
            Error::Aside(_) => (K::Damaged, "keystow restore, with the item that was there before"),
            Error::NoWayBack { .. } => {
                (K::DoesNotFit, "install that edition anew: keystow restore ITEM --setup FOLDER")
            }
            Error::NothingToUndo => (K::NotFound, "keystow restore ITEM"),
            Error::NoItem { .. } => (K::NotFound, "keystow list"),
            Error::NoPhrase => (K::WrongPhrase, "--passphrase-file FILE, or a terminal to ask on"),
            Error::NoVault => (K::NotFound, "keystow backup, or keystow list --vault FOLDER for a copy elsewhere"),
            Error::OpenPlace { .. } => (K::ForbiddenByPolicy, "a folder on this PC's own disk, or --anyway"),
            Error::OtherVault { .. } => (K::Damaged, "another folder; or keystow list --vault FOLDER, to look into it"),
            Error::Phrase(_) | Error::PhraseFile { .. } => (K::Usage, "six words, or four unrelated words of your own"),
            Error::Place(error) | Error::Write(WriteError::Place(error)) => of_io(&error.source),
            Error::PlaceMissing { .. } => (K::NotFound, "plug it in or mount it, or check the spelling"),
            Error::Places { .. } => (
                K::Damaged,
                "move that file away, then for each place but your own folders: keystow vault place add FOLDER",
            ),
            Error::Several { .. } => (K::Usage, "one of these names"),
            Error::VaultThere { .. } => (K::Failed, "keystow vault init THAT-FOLDER takes it over; then back up"),
            Error::Unlock(UnlockError::WrongPhrase { .. }) => {
                (K::WrongPhrase, "the six words, in order, from your sheet")
            }
            Error::Unlock(_) => (K::Damaged, "keystow verify --repair, or --vault with another copy"),
            Error::Vault(VaultError::Exists { .. }) | Error::VaultExists { .. } => {
                (K::Failed, "keystow vault place list")
            }
            Error::Vault(VaultError::Foreign { .. }) => (K::Damaged, "keystow list --vault FOLDER, to look into it"),
            Error::Vault(VaultError::NotThere { .. }) => (K::NotFound, "keystow vault place list, or --vault FOLDER"),
            Error::Vault(VaultError::Manifest { .. }) => (
                K::Damaged,
                "--vault with another copy; or open it with age, as its README.txt says; or a newer Keystow",
            ),
            Error::Vault(VaultError::Place(error)) => of_io(&error.source),
            Error::Write(WriteError::NoPlace(errors)) => {
                errors.first().map_or((K::Failed, ""), |error| of_io(&error.source))
            }
            Error::Write(WriteError::Clock { .. }) => (K::Failed, "set this PC's clock"),
            Error::Write(WriteError::Unreadable { .. }) => (K::Damaged, "keystow verify --repair"),
            _ => (K::Failed, ""),
        };
        let failure = Self::new(kind, text);
        if hint.is_empty() { failure } else { failure.hint(hint) }
    }
}

/// What helps where a server has less of an organization than before.
pub(super) const SET_BACK: &str =
    "ask who runs the server whether it was restored from an older copy; if it was: keystow fleet audit --accept";

/// What has to do with the account of this PC.
fn of_signing_in(error: &Error) -> (FailureKind, &'static str) {
    use FailureKind as K;
    match error {
        Error::Account(error) => of_account(error),
        Error::Fleet(error) => of_fleet(error),
        Error::NotSignedIn => (K::NotFound, "keystow account login NAME --server ADDRESS, or keystow account create"),
        Error::DeviceName { .. } => (K::Usage, "keystow account rename DEVICE NAME"),
        Error::IdentityMissing => (
            K::Damaged,
            "on a PC that still has the vault: keystow account login, then keystow verify --repair; or use a copy in another place",
        ),
        Error::VaultInAccount => (K::Failed, "keystow account login brings it to this PC; then the same command again"),
        Error::VaultElsewhere => {
            (K::NotFound, "keystow account login, if another PC has put one into the account; else keystow backup")
        }
        Error::WeakPassword { .. } => (K::Usage, "four unrelated words are good"),
        _ => (K::Failed, ""),
    }
}

fn of_fleet(error: &FleetError) -> (FailureKind, &'static str) {
    use FailureKind as K;
    match error {
        FleetError::Enrolled { .. } => (K::Failed, "keystow agent run; or keystow agent enroll --again"),
        FleetError::NoEnrollment => (K::Usage, "the file that `keystow fleet enroll --out FILE` wrote"),
        FleetError::NoInvitation => (K::Usage, "the whole line that `keystow fleet invite` printed"),
        FleetError::NoMachine { .. } => (K::NotFound, "keystow fleet machines"),
        FleetError::NoMember { .. } => (K::NotFound, "keystow fleet members"),
        FleetError::NoOrganization { .. } => (K::NotFound, "keystow fleet init NAME, or keystow fleet join"),
        FleetError::NotAReader { .. } => (K::ForbiddenByPolicy, "an owner can invite you as an auditor"),
        FleetError::NotEnrolled => (K::NotFound, "keystow agent enroll --token-file FILE"),
        FleetError::OtherMachine => (K::OtherMainboard, "keystow agent enroll --again --token-file FILE"),
        FleetError::OtherServer { .. } => (K::Usage, "keystow account create, or login, at that server"),
        FleetError::Several { .. } => (K::Usage, "keystow fleet --organization NAME …"),
    }
}

/// What a server refused, or why it is not believed.
fn of_account(error: &ClientError) -> (FailureKind, &'static str) {
    use FailureKind as K;
    match error {
        ClientError::Address(_) => (K::Usage, "https://, the server's name, and its port"),
        ClientError::Certificate { .. } => {
            (K::ForbiddenByPolicy, "compare it with the pin that the server printed at its start, then: --pin PIN")
        }
        ClientError::Pin { .. } => (
            K::ForbiddenByPolicy,
            "somebody may stand between, or the server has a new certificate: ask who runs it for the pin",
        ),
        error if error.is_set_back() => (K::Damaged, SET_BACK),
        ClientError::Lie { .. } => (K::Damaged, "keystow verify --repair; if it goes on, do not use this server"),
        ClientError::Stretch(_) => (K::ForbiddenByPolicy, "do not use this server: it wants to guess the password"),
        ClientError::Unreachable { .. } => (K::NetworkNeeded, "check the address, the network, and that it runs"),
        _ => match error.refusal() {
            Some(Refusal::WrongCredentials) => (K::WrongPhrase, "keystow account recovery, with the recovery code"),
            Some(Refusal::NotSignedIn | Refusal::SignInAgain) => (K::WrongPhrase, "keystow account login"),
            Some(Refusal::NotAllowed | Refusal::Closed) => (K::ForbiddenByPolicy, "ask who runs the server"),
            Some(Refusal::Conflict) => (K::Failed, "keystow account login, if it is yours; else another name"),
            Some(Refusal::TooMany) => (K::Locked, "wait a minute"),
            Some(Refusal::Unavailable) => (K::NetworkNeeded, "later again"),
            _ => (K::Failed, ""),
        },
    }
}

fn of_device(error: &DeviceError) -> (FailureKind, &'static str) {
    use FailureKind as K;
    match error {
        DeviceError::Locked => (K::Locked, "wait for the other run to end, then the same command again"),
        DeviceError::NotEnrolled { .. } => (K::NotFound, "keystow vault init FOLDER-WITH-A-COPY"),
        DeviceError::Damaged { .. } => {
            (K::Damaged, "move that folder away, then: keystow vault init FOLDER-WITH-A-COPY")
        }
        DeviceError::Io { source, .. } => of_io(source),
        DeviceError::Exists { .. } => (K::Failed, "keystow vault place list"),
        _ => (K::Failed, ""),
    }
}

/// What the system said, sorted by what a person can do about it.
fn of_io(error: &std::io::Error) -> (FailureKind, &'static str) {
    use FailureKind as K;
    match files::why(error) {
        Why::Exists => (K::Failed, "another name; Keystow replaces no file"),
        Why::Full => (K::Failed, "make room there, or name another place; nothing was lost"),
        Why::NotThere => (K::NotFound, "check the spelling, or mount the disk first"),
        Why::NotAllowed => (K::RightsNeeded, "a folder that is yours, or more rights"),
        Why::ReadOnly => (K::Failed, "the place is read-only: unlock the stick, or mount it writable"),
        Why::Vanished => (K::NotFound, "plug the place in again; nothing was lost"),
        _ => (K::Failed, ""),
    }
}
