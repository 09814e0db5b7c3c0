//! Which of this process's variables cargo may see, and what cargo starts.
//!
//! Build scripts and procedural macros are other people's programs. Credentials go to cargo where something that it asks
//! for packages or compiles with wants them, and not further: packages are fetched first, and built without.

use super::configuration::{Configuration, words};
use crate::gather::Gather;

/// Variables that `cargo run --package xtask` sets for xtask and that would make this build another one, those
/// that say where and for what to build, and what belongs to this tool alone.
const HIDDEN: &[&str] = &[
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_MAKEFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_TMPDIR",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "OUT_DIR",
    "ACTIONS_ID_TOKEN_",
    "SLACK_",
    "XTASK_",
];

/// What credential providers of AWS's package registry and shared compiler caches read.
const CREDENTIALS: &[&str] = &["AWS_", "ACTIONS_RUNTIME_TOKEN"];

/// Providers that are part of cargo, and read nothing of the kind.
/// Source: The Cargo Book, "Registry Authentication".
const BUILT_IN: &[&str] = &["cargo:token", "cargo:wincred", "cargo:macos-keychain", "cargo:libsecret"];

/// The variables of a wrapper around the compiler. Source: The Cargo Book, "Environment Variables".
const WRAPPERS: &[&str] =
    &["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER"];

/// Who wants credentials in one build.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Access {
    /// A program that gets tokens for a registry of packages.
    provider: bool,
    /// A program around the compiler, such as a shared cache.
    wrapper: bool,
    /// Variables that hold a token for a registry of packages.
    tokens: Vec<String>,
    /// Credentials of this process that are set.
    set: Vec<String>,
}

impl Access {
    pub(super) fn of(configuration: &Configuration) -> Self {
        let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
        let set = set.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::read(configuration, &set.gather::<Vec<_>>())
    }

    fn read(configuration: &Configuration, variables: &[(String, String)]) -> Self {
        let foreign = |value: &str| value.split_whitespace().next().is_some_and(|first| !BUILT_IN.contains(&first));
        let of_registry = |name: &str, end: &str| {
            name.ends_with(end) && (name.starts_with("CARGO_REGISTRIES_") || name.starts_with("CARGO_REGISTRY_"))
        };
        let configured = ["registry.credential-provider", "registry.global-credential-providers"]
            .into_iter()
            .flat_map(|key| configuration.values(key))
            .chain(configuration.children("registries").filter_map(|registry| registry.get("credential-provider")));
        // A list may name several programs, or one with its arguments.
        let mut configured = configured.flat_map(words);
        let provider = configured.any(|word| foreign(&word) && !word.starts_with('-'))
            || variables.iter().any(|(name, value)| {
                foreign(value)
                    && (of_registry(name, "_CREDENTIAL_PROVIDER")
                        || name == "CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS")
            });
        let wrapper = variables.iter().any(|(name, _)| WRAPPERS.contains(&name.as_str()))
            || ["build.rustc-wrapper", "build.rustc-workspace-wrapper"].into_iter().any(|key| {
                configuration.values(key).any(|value| value.as_str().is_some_and(|value| !value.is_empty()))
            });
        let named = |fits: &dyn Fn(&str) -> bool| {
            variables.iter().map(|(name, _)| name.clone()).filter(|name| fits(name)).gather::<Vec<_>>()
        };
        let tokens = named(&|name| of_registry(name, "_TOKEN"));
        let set = named(&|name| CREDENTIALS.iter().any(|prefix| name.starts_with(prefix)));
        Self { provider, wrapper, tokens, set }
    }

    /// Hidden from a cargo that reads manifests and fetches packages: it runs nothing of theirs.
    pub(super) fn hidden_in_asking(&self) -> Vec<String> {
        hidden(self.provider || self.wrapper, &[])
    }

    /// Hidden from a cargo that compiles.
    pub(super) fn hidden_in_building(&self) -> Vec<String> {
        hidden(self.wrapper, if self.fetches_first() { &self.tokens } else { &[] })
    }

    /// Whether packages are fetched before the build, which then has no way to their registry.
    pub(super) fn fetches_first(&self) -> bool {
        self.provider || !self.tokens.is_empty()
    }

    /// The credentials that are set here and that no part of a build gets.
    pub(super) fn withheld(&self) -> &[String] {
        if self.provider || self.wrapper { &[] } else { &self.set }
    }
}

fn hidden(shows_credentials: bool, tokens: &[String]) -> Vec<String> {
    let credentials = if shows_credentials { &[] } else { CREDENTIALS };
    HIDDEN.iter().chain(credentials).map(|name| (*name).to_owned()).chain(tokens.iter().cloned()).gather()
}

#[cfg(test)]
mod tests {
    use super::super::configuration::configuration;
    use super::*;

    fn access(file: &str, variables: &[(&str, &str)]) -> Access {
        let keys = [("AWS_ACCESS_KEY_ID", "id"), ("ACTIONS_RUNTIME_TOKEN", "t"), ("HOME", "/root")];
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Access::read(&configuration(&[file]), &variables.iter().chain(&keys).map(owned).collect::<Vec<_>>())
    }

    fn sees_credentials(hidden: &[String]) -> bool {
        !hidden.iter().any(|prefix| prefix == "AWS_" || prefix == "ACTIONS_RUNTIME_TOKEN")
    }

    #[test]
    fn credentials_reach_nobody_where_nobody_wants_them() {
        for (file, variables) in [
            ("", &[][..]),
            ("[registry]\nglobal-credential-providers = [\"cargo:token\", \"cargo:libsecret\"]", &[]),
            ("[registries.acme]\nindex = \"sparse+https://x/\"\ncredential-provider = \"cargo:token\"", &[]),
            ("[build]\nrustc-wrapper = \"\"", &[("RUSTC_WRAPPER_X", "sccache")]),
        ] {
            let access = access(file, variables);
            assert!(!sees_credentials(&access.hidden_in_asking()), "{file}");
            assert!(!sees_credentials(&access.hidden_in_building()), "{file}");
            assert!(!access.fetches_first(), "{file}");
            assert_eq!(access.withheld(), ["AWS_ACCESS_KEY_ID", "ACTIONS_RUNTIME_TOKEN"]);
        }
    }

    #[test]
    fn a_credential_provider_has_them_while_packages_are_fetched_and_the_build_has_not() {
        for (file, variables) in [
            (
                "[registries.acme]\ncredential-provider = [\"cargo:token-from-stdout\", \"aws\", \"codeartifact\"]",
                &[][..],
            ),
            ("[registry]\nglobal-credential-providers = [\"cargo:token\", \"cargo-credential-acme\"]", &[]),
            ("", &[("CARGO_REGISTRIES_ACME_CREDENTIAL_PROVIDER", "cargo-credential-acme")]),
            ("", &[("CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS", "cargo-credential-acme")]),
        ] {
            let access = access(file, variables);
            assert!(sees_credentials(&access.hidden_in_asking()), "{file}");
            assert!(!sees_credentials(&access.hidden_in_building()), "{file}");
            assert!(access.fetches_first() && access.withheld().is_empty(), "{file}");
        }
    }

    #[test]
    fn a_token_of_a_registry_is_for_fetching_alone() {
        let access = access("", &[("CARGO_REGISTRIES_ACME_TOKEN", "t"), ("CARGO_REGISTRIES_ACME_INDEX", "i")]);
        let token = "CARGO_REGISTRIES_ACME_TOKEN".to_owned();
        assert!(access.fetches_first());
        assert!(!access.hidden_in_asking().contains(&token));
        assert!(access.hidden_in_building().contains(&token));
        assert!(!access.hidden_in_building().iter().any(|hidden| "CARGO_REGISTRIES_ACME_INDEX".starts_with(hidden)));
    }

    #[test]
    fn a_wrapper_of_the_compiler_has_them_throughout() {
        for (file, variables) in [
            ("[build]\nrustc-wrapper = \"sccache\"", &[][..]),
            ("", &[("RUSTC_WRAPPER", "sccache")]),
            ("", &[("CARGO_BUILD_RUSTC_WRAPPER", "sccache")]),
        ] {
            let access = access(file, variables);
            assert!(sees_credentials(&access.hidden_in_asking()) && sees_credentials(&access.hidden_in_building()));
            assert!(access.hidden_in_building().contains(&"SLACK_".to_owned()), "these are never cargo's");
        }
    }
}
