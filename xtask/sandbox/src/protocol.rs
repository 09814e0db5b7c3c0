//! What the JSON APIs answer with.

use serde_json::Value;

/// An answer that AWS spells as an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status; nearly always 400.
    pub status: u16,
    /// The exception's name, such as `ClusterNotFoundException`.
    pub code: &'static str,
    /// The sentence a person reads.
    pub message: String,
}

impl ApiError {
    /// The usual kind: the request is at fault, status 400.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

/// What one API call answers: the output's members, or an exception.
pub type ApiResult = Result<Value, ApiError>;
