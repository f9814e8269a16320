//! How a command ends: an outcome, or a failure with its exit code and what to do next.

use std::fmt;

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer is no: `ready`, `fit`, `verify`.
    AnswerNo,
    Done,
    NothingFound,
    /// Done in part; the result was printed.
    Partly,
}

/// The kinds of failure. Each has the exit code of its own that scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Damaged,
    DoesNotFit,
    Failed,
    ForbiddenByPolicy,
    Interrupted,
    Locked,
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
}

impl Outcome {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
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
            Self::ForbiddenByPolicy => 20,
            Self::Interrupted => 130,
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, error: impl fmt::Display) -> Self {
        Self { kind, error: error.to_string(), hint: None }
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
