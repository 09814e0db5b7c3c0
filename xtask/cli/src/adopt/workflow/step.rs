//! A step of a job, and what is known of it before it runs.

use serde_json::Value;

/// A step, and the variables that it sees.
pub struct Step<'a> {
    pub path: String,
    pub of: &'a Value,
    pub known: Vec<(String, String)>,
}

impl Step<'_> {
    /// What a text is once literal variables are put in; whatever is known at run time alone is a NUL.
    pub fn filled(&self, text: &str) -> String {
        let variable = |name: &str| self.known.iter().rev().find(|(known, _)| known == name);
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let (name, behind) =
                if let Some((inside, behind)) = rest.strip_prefix("{{").and_then(|it| it.split_once("}}")) {
                    (inside.trim().strip_prefix("env.").unwrap_or_default(), behind)
                } else if let Some((inside, behind)) = rest.strip_prefix('{').and_then(|it| it.split_once('}')) {
                    (inside, behind)
                } else {
                    let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                    rest.split_at(end.unwrap_or(rest.len()))
                };
            match variable(name) {
                Some((_, value)) if value.contains("${{") => out.push('\0'),
                Some((_, value)) => out.push_str(value),
                None => out.push('\0'),
            }
            rest = behind;
        }
        out + rest
    }

    /// A script, filled with its own variables, too: `IMAGE=$REGISTRY/api` on a line of its own.
    pub fn of_script(&self, script: &str) -> String {
        let mut step = Self { path: String::new(), of: self.of, known: self.known.clone() };
        for line in script.lines() {
            let Some((name, value)) = line.trim().trim_start_matches("export ").split_once('=') else { continue };
            let is_name = !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
            if is_name && !value.contains("$(") {
                let value = step.filled(value.trim_matches(['"', '\'']));
                step.known.push((name.to_owned(), value));
            }
        }
        step.filled(script)
    }

    /// An input of its action, as [`Self::filled`]; empty where it is not there.
    pub fn with(&self, name: &str) -> String {
        match &self.of["with"][name] {
            Value::Null => String::new(),
            Value::String(text) => self.filled(text),
            other => other.to_string(),
        }
    }

    /// An input that is a literal.
    pub fn literal(&self, name: &str) -> Option<String> {
        Some(self.with(name)).filter(|value| !value.is_empty() && !value.contains('\0'))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adopt::yaml::pairs;

    #[test]
    fn literal_variables_are_put_in_and_the_others_are_told_apart() {
        let of = json!({ "with": { "image": "${{ steps.login.outputs.registry }}/${{ env.REPOSITORY }}:${{ github.sha }}" } });
        let env = json!({ "REPOSITORY": "shop/api", "SHA": "${{ github.sha }}", "PORT": 80 });
        let step = Step { path: String::new(), of: &of, known: pairs(&env) };
        assert_eq!(step.with("image"), "\0/shop/api:\0");
        assert_eq!(step.filled("$ECR_REGISTRY/${REPOSITORY}:$SHA on $PORT."), "\0/shop/api:\0 on 80.");
        let script =
            "IMAGE=\"${{ steps.login.outputs.registry }}/$REPOSITORY:${GITHUB_SHA::7}\"\ndocker push \"$IMAGE\"\n";
        assert_eq!(step.of_script(script).lines().last(), Some("docker push \"\0/shop/api:\0\""));
        assert_eq!(step.literal("image"), None);
        assert_eq!(step.literal("absent"), None);
    }
}
