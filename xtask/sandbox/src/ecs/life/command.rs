//! How a container's command ends, where its words say so: a task that is run once is over when its program is.

use serde_json::Value;

use crate::ecs::json::{list, text, texts};
use crate::ecs::state::task::Ending;
use crate::ecs::timing;

/// What becomes of a container by its own command, or the one that overrides it: `exit 3`, `true`, `false`, `sleep 5`,
/// by itself or as the last of a shell's line, such as `sh -c "sleep 5 && exit 3"`. Any other command runs on, as a
/// service's does.
pub(crate) fn ending(container: &Value, overrides: &Value) -> Option<Ending> {
    let command = overriding(container, overrides).unwrap_or_else(|| texts(container, "command"));
    let words = [texts(container, "entryPoint"), command].concat();
    let line = match words.as_slice() {
        [shell, flag, line, ..] if is_shell(shell) && flag.starts_with('-') && flag.ends_with('c') => {
            (*line).to_owned()
        }
        words => words.join(" "),
    };
    let (mut code, mut millis) = (None, timing::COMMAND);
    for statement in line.split("&&").flat_map(|part| part.split(';')) {
        code = match statement.split_whitespace().collect::<Vec<_>>()[..] {
            ["exit", code] => code.parse::<u8>().ok(),
            ["exit" | "true"] => Some(0),
            ["false"] => Some(1),
            ["sleep", seconds] => {
                millis += seconds.parse::<u64>().ok()? * 1000;
                Some(0)
            }
            _ => None,
        };
    }
    Some(Ending { code: i32::from(code?), after: millis })
}

/// The command that takes the place of a container's own.
pub(crate) fn overriding<'a>(container: &Value, overrides: &'a Value) -> Option<Vec<&'a str>> {
    let own = |it: &&Value| text(it, "name") == text(container, "name");
    let overridden = list(overrides, "containerOverrides").iter().find(own).map(|it| texts(it, "command"));
    overridden.filter(|words| !words.is_empty())
}

fn is_shell(word: &str) -> bool {
    matches!(word.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn end(container: &Value, overrides: &Value) -> Option<(i32, u64)> {
        let mut container = container.clone();
        container["name"] = json!("app");
        ending(&container, overrides).map(|ending| (ending.code, ending.after))
    }

    #[test]
    fn the_words_of_a_command_say_how_it_ends() {
        for (command, expected) in [
            (json!(["exit", "3"]), Some((3, 2000))),
            (json!(["exit 3"]), Some((3, 2000))),
            (json!(["sh", "-c", "exit 3"]), Some((3, 2000))),
            (json!(["/bin/bash", "-ec", "migrate --all; sleep 5 && exit 1"]), Some((1, 7000))),
            (json!(["true"]), Some((0, 2000))),
            (json!(["false"]), Some((1, 2000))),
            (json!(["sleep", "10"]), Some((0, 12_000))),
            (json!(["sh", "-c", "exit 1; serve"]), None),
            (json!(["serve", "exit"]), None),
            (json!(["exit", "300"]), None),
            (json!([]), None),
        ] {
            assert_eq!(end(&json!({ "command": command }), &Value::Null), expected, "{command}");
        }
        assert_eq!(end(&json!({ "entryPoint": ["sh", "-c"], "command": ["exit 4"] }), &Value::Null), Some((4, 2000)));
    }

    #[test]
    fn an_override_takes_the_commands_place() {
        let container = json!({ "command": ["exit", "1"] });
        let of = |name: &str, command: Value| json!({ "containerOverrides": [{ "name": name, "command": command }] });
        assert_eq!(end(&container, &of("app", json!(["exit", "2"]))), Some((2, 2000)));
        assert_eq!(end(&container, &of("app", json!(["serve"]))), None);
        assert_eq!(end(&container, &of("app", json!([]))), Some((1, 2000)));
        assert_eq!(end(&container, &of("other", json!(["exit", "2"]))), Some((1, 2000)));
    }
}
