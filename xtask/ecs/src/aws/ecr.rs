//! ECR's JSON API.
