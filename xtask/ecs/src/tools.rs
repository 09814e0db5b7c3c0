//! A pinned trivy, fetched by hash.
