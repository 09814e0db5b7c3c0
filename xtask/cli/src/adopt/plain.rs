//! Values that look like secrets and stand where everybody reads them. None is ever shown.

use serde_json::Value;

/// A value that a lookup took the place of.
#[derive(Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Such as `environment.DB_PASSWORD of container api`.
    pub path: String,
    /// The variable that the lookup reads.
    pub variable: String,
}

/// Puts lookups of the environment in the place of what looks like a secret: in containers' variables, commands, labels and
/// options of logs.
pub fn hide(document: &mut Value) -> Vec<Hidden> {
    let mut hidden = Vec::new();
    for container in document["containerDefinitions"].as_array_mut().into_iter().flatten() {
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        let mut hide = |member: &str, key: &str, value: &mut Value, named: bool| {
            let text = value.as_str().unwrap_or_default();
            if text.is_empty() || text.starts_with("arn:") || !((named && is_secret_name(key)) || is_secret(text)) {
                return;
            }
            let variable = variable(&if named && member == "environment" {
                key.to_owned()
            } else {
                format!("{name}_{member}_{key}")
            });
            *value = Value::from(format!("${{env:{variable}}}"));
            hidden.push(Hidden { path: format!("{member}.{key} of container {name}"), variable });
        };
        for pair in container["environment"].as_array_mut().into_iter().flatten() {
            let key = pair["name"].as_str().unwrap_or_default().to_owned();
            hide("environment", &key, &mut pair["value"], true);
        }
        for member in ["command", "entryPoint"] {
            let words = container.get_mut(member).and_then(Value::as_array_mut);
            for (at, word) in words.into_iter().flatten().enumerate() {
                hide(member, &at.to_string(), word, false);
            }
        }
        for (member, path) in [
            ("dockerLabels", "/dockerLabels"),
            ("options", "/logConfiguration/options"),
            ("options", "/firelensConfiguration/options"),
        ] {
            let options = container.pointer_mut(path).and_then(Value::as_object_mut);
            for (key, value) in options.into_iter().flatten() {
                hide(member, key, value, true);
            }
        }
    }
    hidden
}

fn variable(text: &str) -> String {
    text.chars().map(|it| if it.is_ascii_alphanumeric() { it.to_ascii_uppercase() } else { '_' }).collect()
}

/// By its words: `DB_PASSWORD`, `apiKey`, `splunk-token`; what only says where or which one a secret is, is none.
fn is_secret_name(name: &str) -> bool {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        if !letter.is_ascii_alphanumeric() || (letter.is_ascii_uppercase() && before.is_ascii_lowercase()) {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric() {
            words.last_mut().expect("there is one").push(letter.to_ascii_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let last = words.last().map_or("", String::as_str);
    if [
        "id", "arn", "name", "url", "uri", "file", "path", "ttl", "expiry", "length", "size", "enabled", "count",
        "header",
    ]
    .contains(&last)
    {
        return false;
    }
    let is_key = matches!(last, "key" | "apikey")
        && has(&["api", "apikey", "private", "access", "encryption", "signing", "secret", "license"]);
    is_key
        || has(&["password", "passwd", "passphrase", "secret", "secrets", "token", "credential", "credentials"])
        || last == "pass"
}

/// By what it is: keys of known forms, and addresses with a password in them.
fn is_secret(value: &str) -> bool {
    let known = [
        "-----BEGIN ",
        "ghp_",
        "github_pat_",
        "gho_",
        "ghs_",
        "glpat-",
        "xoxb-",
        "xoxp-",
        "sk_live_",
        "sk-ant-",
        "AKIA",
        "ASIA",
    ];
    let has_key = known.iter().any(|start| value.contains(start));
    let has_password = value.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, it)| !it.is_empty()))
    });
    let flag = value.strip_prefix("--").and_then(|flag| flag.split_once('='));
    has_key || has_password || flag.is_some_and(|(name, given)| !given.is_empty() && is_secret_name(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_names_about_them() {
        for name in ["DB_PASSWORD", "password", "apiKey", "STRIPE_API_KEY", "splunk-token", "JWT_SECRET", "SMTP_PASS"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "PORT",
            "SECRET_ARN",
            "TOKEN_TTL",
            "AWS_ACCESS_KEY_ID",
            "KEYSPACE",
            "PUBLIC_KEY",
            "TOKENIZER",
            "PASSWORD_FILE",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn what_looks_like_a_secret_becomes_a_lookup_wherever_a_container_has_it() {
        let mut document = json!({ "containerDefinitions": [{
            "name": "api",
            "environment": [
                { "name": "DB_PASSWORD", "value": "hunter2" }, { "name": "PORT", "value": "80" },
                { "name": "DATABASE_URL", "value": "postgres://app:hunter2@db/app" },
                { "name": "API_TOKEN", "value": "" },
                { "name": "SITE", "value": "https://example.org/a:b@c" } ],
            "command": ["serve", "--admin-password=hunter2", "--level=info"],
            "logConfiguration": { "logDriver": "splunk", "options": { "splunk-token": "hunter2", "splunk-url": "https://x" } },
        }] });
        let hidden = hide(&mut document);
        assert!(!document.to_string().contains("hunter2"), "{document:#}");
        let variables: Vec<&str> = hidden.iter().map(|one| one.variable.as_str()).collect();
        assert_eq!(variables, ["DB_PASSWORD", "DATABASE_URL", "API_COMMAND_1", "API_OPTIONS_SPLUNK_TOKEN"]);
        assert_eq!(hidden[0].path, "environment.DB_PASSWORD of container api");
        assert_eq!(document["containerDefinitions"][0]["command"][1], "${env:API_COMMAND_1}");
    }
}
