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
    /// What else the answer says, such as S3's `Region`.
    pub members: Vec<(&'static str, String)>,
    /// What its head says.
    pub headers: Vec<(&'static str, String)>,
}

impl ApiError {
    /// The usual kind: the request is at fault, status 400.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::with(400, code, message)
    }

    /// One with another status.
    pub fn with(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), members: Vec::new(), headers: Vec::new() }
    }

    /// The same, and this in its body.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The same, and this in its head.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
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
