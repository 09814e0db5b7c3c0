//! An OCI image layout directory: read, verified, written.
