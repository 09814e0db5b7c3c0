//! The templates of Go that ecspresso fills in, as lookups.
//! Source: ecspresso's README, "Template syntax", and its plugins.

/// A text with its templates turned into lookups, and those that are none.
#[derive(Debug, PartialEq, Eq)]
pub struct Converted {
    pub text: String,
    /// The line of each template that no lookup can say, and the template.
    pub left: Vec<(usize, String)>,
}

/// Turns `{{ must_env `NAME` }}` into `${env:NAME}` and so on. What stands outside of quotes in JSON is put into them: a
/// lookup that is the whole of a text takes the type that is wanted. Functions may have one of the prefixes, too.
pub fn convert(text: &str, prefixes: &[String]) -> Converted {
    let (mut out, mut left, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((inside, behind)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        let written = format!("{{{{{inside}}}}}");
        match lookup(inside, prefixes) {
            Some(lookup) if in_quotes(&out) => out.push_str(&lookup),
            Some(lookup) => out.push_str(&["\"", &lookup, "\""].concat()),
            None => {
                let line = text.len() - after.len();
                left.push((text[..line].matches('\n').count() + 1, written.clone()));
                out.push_str(&written);
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    Converted { text: out, left }
}

/// Whether what follows is inside a quoted text, of JSON or of YAML, that began on its line.
fn in_quotes(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().replace("\\\"", "");
    let mut open = None;
    for letter in line.chars().filter(|letter| ['"', '\''].contains(letter)) {
        match open {
            None => open = Some(letter),
            Some(quote) if quote == letter => open = None,
            Some(_) => {}
        }
    }
    open.is_some()
}

fn lookup(inside: &str, prefixes: &[String]) -> Option<String> {
    let inside = inside.trim().trim_start_matches('-').trim_end_matches('-').trim();
    let words = words(inside)?;
    let (name, arguments) = words.split_first()?;
    let bare = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix.as_str()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (bare.unwrap_or(name), &arguments[..]) {
        ("env", [name, default]) => Some(format!("${{env:{name}:-{default}}}")),
        ("env" | "must_env", [name]) => Some(format!("${{env:{name}}}")),
        ("tfstate", [address]) => Some(format!("${{tfstate:{address}}}")),
        ("tfstatef", [address, given @ ..]) => Some(format!("${{tfstate:{}}}", formatted(address, given)?)),
        ("ssm", [name]) => Some(format!("${{ssm:{name}}}")),
        ("cfn_output", [stack, output]) => Some(format!("${{cfn:{stack}.{output}}}")),
        _ => None,
    }
}

/// `a['%s']` with what it is given.
fn formatted(format: &str, given: &[&str]) -> Option<String> {
    let mut given = given.iter();
    let mut parts = format.split('%');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let rest = part.strip_prefix(['s', 'd', 'v'])?;
        out.push_str(given.next()?);
        out.push_str(rest);
    }
    given.next().is_none().then_some(out)
}

/// A function and its arguments, each of them a literal.
fn words(inside: &str) -> Option<Vec<String>> {
    let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let mut words = vec![name.to_owned()];
    loop {
        rest = rest.trim_start();
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        if digits > 0 {
            words.push(rest[..digits].to_owned());
            rest = &rest[digits..];
            continue;
        }
        let Some(quote) = ["`", "\\\"", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote)) else { break };
        let (word, behind) = rest[quote.len()..].split_once(quote)?;
        words.push(word.to_owned());
        rest = behind;
    }
    (rest.is_empty() && words.len() > 1).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_template_is_the_lookup_of_the_same_thing() {
        for (template, lookup) in [
            ("\"{{ must_env `TAG` }}\"", "\"${env:TAG}\""),
            ("\"a-{{ env `LEVEL` `info` }}-b\"", "\"a-${env:LEVEL:-info}-b\""),
            ("\"{{ env \\\"LEVEL\\\" \\\"\\\" }}\"", "\"${env:LEVEL:-}\""),
            ("\"{{ tfstate `aws_iam_role.task['app'].arn` }}\"", "\"${tfstate:aws_iam_role.task['app'].arn}\""),
            ("\"{{ app_tfstate `aws_vpc.main.id` }}\"", "\"${tfstate:aws_vpc.main.id}\""),
            ("\"{{ tfstatef `a.b['%s'].c[%d].id` `x` 1 }}\"", "\"${tfstate:a.b['x'].c[1].id}\""),
            ("\"{{ ssm `/app/port` }}\"", "\"${ssm:/app/port}\""),
            ("\"{{ cfn_output `network` `Subnet` }}\"", "\"${cfn:network.Subnet}\""),
            ("\"cpu\": {{ env `CPU` `256` }},", "\"cpu\": \"${env:CPU:-256}\","),
        ] {
            assert_eq!(
                convert(template, &["app_".to_owned()]),
                Converted { text: lookup.to_owned(), left: Vec::new() }
            );
        }
    }

    #[test]
    fn what_no_lookup_can_say_stays_and_is_told_with_its_line() {
        let text = "{\n{{ if eq (env `A` ``) `b` }}\n\"x\": \"{{ tfstatef `a[%d]` (must_env `N`) }}\"\n{{ end }}\n{{ ssm `/list` 1 }}{{ tfstatef `a[%d]` }}";
        let converted = convert(text, &[]);
        assert_eq!(converted.text, text);
        let lines: Vec<usize> = converted.left.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 5]);
    }
}
