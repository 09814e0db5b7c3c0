//! How this program is called where it is spoken of: by an alias of the workspace's, or by its own name.

use std::sync::OnceLock;

/// What an alias of the usual name makes of it.
pub(crate) const USUAL: &str = "cargo xtask";

static CALLED: OnceLock<String> = OnceLock::new();

/// From now on, and once.
pub(crate) fn call(name: &str) {
    drop(CALLED.set(name.to_owned()));
}

/// What people type in front of a command.
pub(crate) fn program() -> &'static str {
    CALLED.get().map_or(USUAL, String::as_str)
}

/// A text of this tool's own, in which the usual name stands.
pub(crate) fn as_called(text: &str) -> String {
    renamed(text, program())
}

fn renamed(text: &str, name: &str) -> String {
    let mut parts = text.split(USUAL);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `cargo xtask-ecs` is another name.
        out.push_str(if part.starts_with('-') { USUAL } else { name });
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_in_for_the_usual_one_and_for_no_longer_one() {
        assert_eq!(
            renamed("`cargo xtask deploy`, `cargo xtask`, `cargo xtask-ecs init`", "cargo ship"),
            "`cargo ship deploy`, `cargo ship`, `cargo xtask-ecs init`"
        );
        assert_eq!(program(), USUAL);
    }
}
