//! The grammar: `${source:name}`, `${fact}`, and `$${` for a `${` that stands for itself.
//!
//! Much else begins with `${`: what a shell, a log driver, CloudFormation or GitHub reads. What cannot be meant for this
//! tool is left as it is: a name without a colon that is no fact (`${HOME}`), a name in other letters than a source has
//! (`${AWS::Region}`, `${PATH:-/bin}`), a shell's own signs after the colon (`${name:-x}`, `${name:?why}`), `${{ … }}`.

use super::{FACTS, Flaw, Lookup, Part, SECRET, Template};
use crate::text::nearest;

const LITERAL: &str = "write `$${` where `${` is meant as it stands";

/// Takes a text apart; `None` where it has neither a lookup nor a `$${`.
pub(crate) fn parse(text: &str) -> Result<Option<Template>, Flaw> {
    let mut parts = Vec::new();
    let (mut literal, mut at, mut is_plain) = (String::new(), 0, true);
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        literal.push_str(&text[at..start]);
        if text[..start].ends_with('$') && found > 0 {
            literal.push('{');
            (at, is_plain) = (start + 2, false);
            continue;
        }
        let Some((lookup, end)) = lookup(text, start)? else {
            literal.push_str("${");
            at = start + 2;
            continue;
        };
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(Part::Lookup { at: start..end, lookup });
        (at, is_plain) = (end, false);
    }
    if is_plain {
        return Ok(None);
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() || parts.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(Some(Template { parts }))
}

/// The lookup that begins at this `${`, and where it ends; `None` where the `${` is somebody else's.
fn lookup(text: &str, start: usize) -> Result<Option<(Lookup, usize)>, Flaw> {
    let inside = start + 2;
    let rest = &text[inside..];
    let is_of_source = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let source = &rest[..rest.find(|c| !is_of_source(c)).unwrap_or(rest.len())];
    let after = &rest[source.len()..];
    if source.is_empty() {
        return Ok(None);
    }
    if after.starts_with('}') && FACTS.contains(&source) {
        let lookup = Lookup { source: source.to_owned(), name: String::new() };
        return Ok(Some((lookup, inside + source.len() + 1)));
    }
    let Some(name) = after.strip_prefix(':').filter(|name| !name.starts_with(['-', '=', '+', '?', ':'])) else {
        return Ok(None);
    };
    let begins = inside + source.len() + 1;
    let length = length(name).map_err(|problem| match problem {
        Problem::Open => Flaw {
            at: start..text.len(),
            message: format!("the lookup `{}` has no end", &text[start..]),
            help: format!("close it with `}}`, or {LITERAL}"),
        },
        Problem::Nested(inner) => Flaw {
            at: begins + inner..begins + inner + 2,
            message: "a lookup stands inside of another".to_owned(),
            help: format!("lookups do not nest; {LITERAL}"),
        },
    })?;
    let end = begins + length + 1;
    if name[..length].trim().is_empty() {
        let message = format!("the lookup `{}` names nothing", &text[start..end]);
        return Err(Flaw { at: start..end, message, help: format!("say what is looked up, or {LITERAL}") });
    }
    Ok(Some((Lookup { source: source.to_owned(), name: name[..length].to_owned() }, end)))
}

enum Problem {
    Open,
    Nested(usize),
}

/// How long the name of a lookup is, up to the brace that closes it. In an index, `["a}b"]`, quotes keep a brace.
fn length(text: &str) -> Result<usize, Problem> {
    let (mut is_quoted, mut before) = (false, ' ');
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if is_quoted => drop(letters.next()),
            '"' if is_quoted || before == '[' => is_quoted = !is_quoted,
            '}' if !is_quoted => return Ok(at),
            '$' if !is_quoted && text[at + 1..].starts_with('{') => return Err(Problem::Nested(at)),
            _ => {}
        }
        before = letter;
    }
    Err(Problem::Open)
}

/// What is wrong with a lookup of a source that is not among the known, and what to do.
pub(crate) fn unknown_source(lookup: &Lookup, known: &[&str]) -> (String, String) {
    let message = format!("{lookup}: there is no source `{}`", lookup.source);
    if ["secret", "secrets", "secretsmanager", "sm"].contains(&lookup.source.as_str()) {
        return (message, SECRET.to_owned());
    }
    let near = nearest(&lookup.source, known.iter().copied())
        .map_or_else(|| format!("the sources are `{}`", known.join("`, `")), |near| format!("did you mean `{near}`?"));
    (message, format!("{near}\n{LITERAL}"))
}
