//! Who links a program for another machine than this one.

use super::configuration::Configuration;
use crate::failure::{Failure, Result};

/// What cargo is to link with for this target: `None` where it, or the user, knows that already. `variable` answers for
/// environment variables, `is_here` for programs.
///
/// The compiler's own choice is this machine's `cc`, which links for this machine.
pub(super) fn of(
    target: &str,
    host: &str,
    configuration: &Configuration,
    variable: &dyn Fn(&str) -> Option<String>,
    is_here: &dyn Fn(&str) -> bool,
) -> Result<Option<String>> {
    let machine = |triple: &str| triple.split('-').next().unwrap_or_default().to_owned();
    let flags = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"].into_iter().filter_map(variable);
    let named = variable(&setting(target)).is_some_and(|linker| !linker.is_empty())
        || flags.into_iter().any(|flags| flags.contains("linker="))
        // One for `cfg(…)` may be this target's, too.
        || configuration.children("target").any(|table| table.get("linker").is_some());
    if named || machine(target) == machine(host) {
        return Ok(None);
    }
    let machine = machine(target);
    let glibc = format!("{machine}-linux-gnu-gcc");
    // For musl the compiler brings its own start files and C library: what links for glibc links these, too.
    let musl = target.ends_with("-musl").then(|| format!("{machine}-linux-musl-gcc"));
    if let Some(linker) = musl.into_iter().chain([glibc.clone()]).find(|linker| is_here(linker)) {
        return Ok(Some(linker));
    }
    Err(Failure::usage(format_args!("nothing here links programs for `{target}`"))
        .help(format!("install {glibc} (Debian and Ubuntu: the package gcc-{}-linux-gnu)", machine.replace('_', "-")))
        .help(format!(
            "or name another linker in {}, or as `linker` under [target.{target}] in .cargo/config.toml",
            setting(target)
        )))
}

/// The variable in which cargo takes a target's linker. Source: The Cargo Book, configuration, `target.<triple>.linker`.
pub(super) fn setting(target: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::super::configuration::configuration;
    use super::*;

    #[test]
    fn a_program_for_another_machine_is_linked_by_what_is_here_for_it() {
        let (gnu, musl) = ("aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl");
        let with = |target: &str, here: &[&str], variables: &[&str], file: &str| {
            let set = |name: &str| {
                variables.iter().find_map(|it| it.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
            };
            of(target, "x86_64-unknown-linux-gnu", &configuration(&[file]), &set, &|name| here.contains(&name))
        };
        let found = |target: &str, here: &[&str]| with(target, here, &[], "").expect("there is one");
        let both = ["aarch64-linux-gnu-gcc", "aarch64-linux-musl-gcc"];
        assert_eq!(found("x86_64-unknown-linux-musl", &[]), None);
        assert_eq!(found(gnu, &both).as_deref(), Some(both[0]));
        assert_eq!(found(musl, &both).as_deref(), Some(both[1]));
        assert_eq!(found(musl, &both[..1]).as_deref(), Some(both[0]));
        let none = with(gnu, &both[1..], &[], "").expect_err("glibc is not linked by musl's").to_string();
        assert!(none.contains("nothing here links programs for `aarch64-unknown-linux-gnu`"), "{none}");
        assert!(
            none.contains("gcc-aarch64-linux-gnu") && none.contains("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER")
        );
        for (variables, file) in [
            (&["CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=x"][..], ""),
            (&["RUSTFLAGS=-Clinker=x"], ""),
            (&[], "[target.aarch64-unknown-linux-gnu]\nlinker = \"x\""),
        ] {
            assert_eq!(with(gnu, &[], variables, file).expect("the user has named one"), None, "{variables:?} {file}");
        }
    }
}
