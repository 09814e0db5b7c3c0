//! The native builder: base, assets and binary, as an OCI layout.
