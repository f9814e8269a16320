//! Why a request was not done, as the client is told it. What the log says may be more, and never is a secret.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::id::RandomError;
use crate::store::StoreError;
use crate::wire::{Head, Refusal, Refused};

/// A refusal on its way to the client.
#[derive(Debug)]
pub(crate) struct Failure {
    refusal: Refusal,
    head: Option<Head>,
    /// After how many seconds it may be tried again.
    retry_after: Option<u64>,
}

pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    /// The record does not follow this head.
    pub(crate) fn behind(head: Option<Head>) -> Self {
        Self { refusal: Refusal::Conflict, head, retry_after: None }
    }

    pub(crate) fn too_many(seconds: u64) -> Self {
        Self { refusal: Refusal::TooMany, head: None, retry_after: Some(seconds.max(1)) }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, head: None, retry_after: None }
    }
}

impl From<RandomError> for Failure {
    fn from(error: RandomError) -> Self {
        tracing::error!(%error, "no random bytes");
        Refusal::Internal.into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::DiskFull => {
                tracing::warn!(%error, "database");
                Self { refusal: Refusal::Unavailable, head: None, retry_after: Some(2) }
            }
            error => {
                tracing::error!(%error, "database");
                Refusal::Internal.into()
            }
        }
    }
}

impl Refusal {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::WrongCredentials | Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::SignInAgain | Self::NotAllowed | Self::Closed => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let refused = Refused { error: self.refusal, head: self.head };
        let mut response = (self.refusal.status(), Json(refused)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
