//! A step of a job, and what is known of it before it runs.

use serde_json::Value;

use super::jobs::Known;

/// A step, and the variables that it sees.
pub struct Step<'a> {
    pub path: String,
    pub of: &'a Value,
    pub known: Known,
    /// Where its commands run, from the root.
    pub folder: String,
}

/// What a text is once what is known is put in; whatever is known at run time alone is a NUL.
pub fn filled(known: &Known, text: &str) -> String {
    let variable = |name: &str| known.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (value, behind) = if let Some((inside, behind)) = rest.strip_prefix("{{").and_then(|it| it.split_once("}}"))
        {
            (expression(inside, &variable), behind)
        } else if let Some((inside, behind)) = rest.strip_prefix('{').and_then(|it| it.split_once('}')) {
            (variable(inside), behind)
        } else {
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
            (variable(name), behind)
        };
        out.push_str(value.unwrap_or("\0"));
        rest = behind;
    }
    out + rest
}

/// A name, or the first of several that there is: `inputs.stage || 'staging'`.
fn expression<'a>(inside: &'a str, variable: &dyn Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    let is_name = |text: &str| text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-.".contains(&it));
    let mut found = None;
    for part in inside.split("||").map(str::trim) {
        let literal = part.strip_prefix('\'').and_then(|it| it.strip_suffix('\'')).filter(|it| !it.contains('\''));
        let name = part.strip_prefix("env.").or(part.strip_prefix("github.event.")).unwrap_or(part);
        let is_plain =
            is_name(part) && (part != name || ["matrix.", "inputs.", "github."].iter().any(|it| part.starts_with(it)));
        // Of what a run alone knows, nobody can say whether the next one counts.
        if literal.is_none() && !is_name(part) {
            return None;
        }
        let value = literal.or_else(|| variable(name).filter(|_| is_plain)).filter(|value| !value.is_empty());
        found = found.or(value);
    }
    found
}

impl Step<'_> {
    pub fn filled(&self, text: &str) -> String {
        filled(&self.known, text)
    }

    /// A script, filled with its own variables, too: `IMAGE=$REGISTRY/api` on a line of its own.
    pub fn of_script(&self, script: &str) -> String {
        let mut known = self.known.clone();
        for line in script.lines() {
            let Some((name, value)) = line.trim().trim_start_matches("export ").split_once('=') else { continue };
            let is_name = !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
            if is_name && !value.contains("$(") {
                let value = filled(&known, value.trim_matches(['"', '\'']));
                known.push((name.to_owned(), value));
            }
        }
        filled(&known, script)
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

    use super::super::jobs::environment;
    use super::*;

    #[test]
    fn literal_variables_are_put_in_and_the_others_are_told_apart() {
        let of = json!({ "with": { "image": "${{ steps.login.outputs.registry }}/${{ env.REPOSITORY }}:${{ github.sha }}" } });
        let env = json!({ "REPOSITORY": "shop/api", "SHA": "${{ github.sha }}", "PORT": 80 });
        let step =
            Step { path: String::new(), of: &of, known: environment(Known::new(), &[&env]), folder: String::new() };
        assert_eq!(step.with("image"), "\0/shop/api:\0");
        assert_eq!(step.filled("$ECR_REGISTRY/${REPOSITORY}:$SHA on $PORT."), "\0/shop/api:\0 on 80.");
        let script =
            "IMAGE=\"${{ steps.login.outputs.registry }}/$REPOSITORY:${GITHUB_SHA::7}\"\ndocker push \"$IMAGE\"\n";
        assert_eq!(step.of_script(script).lines().last(), Some("docker push \"\0/shop/api:\0\""));
        assert_eq!(step.literal("image"), None);
        assert_eq!(step.literal("absent"), None);
    }

    #[test]
    fn an_expression_is_the_first_that_is_known_where_that_can_be_told() {
        let known: Known = [("STAGE", "live"), ("inputs.size", "2"), ("matrix.a.b", "c"), ("EMPTY", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        for (text, value) in [
            ("${{ env.STAGE }}-${{ matrix.a.b }}", "live-c"),
            ("${{ github.event.inputs.size || '1' }}", "2"),
            ("${{ github.event.inputs.other || '1' }}", "1"),
            ("${{ env.EMPTY || env.STAGE }}", "live"),
            ("${{ inputs.size == '2' && 'x' || 'y' }}", "\0"),
            ("${{ secrets.STAGE }}${{ STAGE }}${{ github.sha }}", "\0\0\0"),
        ] {
            assert_eq!(filled(&known, text), value, "{text}");
        }
    }
}
