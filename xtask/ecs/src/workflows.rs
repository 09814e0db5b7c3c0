//! The GitHub workflows, rendered from the configuration.
