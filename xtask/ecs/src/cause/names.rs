//! What in a text is a name or a number of this one case, and so says nothing of the cause.

use crate::gather::Gather;

/// Words that look like names, and that the texts are made of.
const WORDS: [&str; 3] = ["i/o", "I/O", "Client.Timeout"];

/// The clause with every name, number and quotation replaced by `…`; several in a row are one.
pub(super) fn plain(clause: &str) -> String {
    let mut out = String::new();
    for word in unquoted(clause).split_whitespace() {
        let shown = if is_name(bare(word)) { "…" } else { word };
        if shown == "…" && out.ends_with('…') {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(shown);
    }
    out
}

/// The word without the brackets, quotes and stops around it.
pub(super) fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| {
        matches!(c, '(' | ')' | '[' | ']' | '<' | '>' | '"' | '\'' | '‘' | '’' | '`' | ',' | ';')
    })
    .trim_end_matches(['.', ':'])
}

/// The clause with each quotation replaced by `…`. An apostrophe begins none, and neither does a quote without an end.
fn unquoted(clause: &str) -> String {
    let mut out = String::new();
    let mut rest = clause;
    while let Some((at, open)) = rest.char_indices().find(|(_, c)| matches!(c, '"' | '\'' | '‘' | '`')) {
        let close = if open == '‘' { '’' } else { open };
        let (before, quoted) = (&rest[..at], &rest[at + open.len_utf8()..]);
        let inside_a_word = open != '"' && before.ends_with(char::is_alphanumeric);
        out.push_str(before);
        if let Some(end) = quoted.find(close).filter(|_| !inside_a_word) {
            out.push('…');
            rest = &quoted[end + close.len_utf8()..];
        } else {
            out.push(open);
            rest = quoted;
        }
    }
    out + rest
}

fn is_name(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if WORDS.contains(&word) {
        return false;
    }
    let path = word.contains('/');
    let dotted = word.trim_matches('.').contains('.');
    word == "…" || path || dotted || word.contains(['@', '=', '#']) || word.starts_with("sha256:")
        || word.starts_with("arn:") || digits(word) || is_id(word) || is_region(word)
        // `web:1.4.0` and `10.0.1.7:443` hold a dot; `web:latest` and `registry:5000` are left.
        || word.split_once(':').is_some_and(|(name, tag)| !name.is_empty() && !tag.is_empty() && !is_action(word) && !is_shout(word))
}

/// `RESOURCE:MEMORY`: one of ECS's own words.
fn is_shout(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b':')
}

/// `ecr:BatchGetImage`: what was not allowed is no name.
fn is_action(word: &str) -> bool {
    let (service, action) = word.split_once(':').unwrap_or_default();
    service.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit())
        && action.starts_with(|c: char| c.is_ascii_uppercase())
        && action.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `eu-west-1`, `us-gov-east-1`.
fn is_region(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').gather();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    parts.len() >= 3
        && parts[0].len() == 2
        && parts[..parts.len() - 1].iter().all(letters)
        && parts[parts.len() - 1].parse::<u8>().is_ok()
}

/// A task, a request, an instance, an interface, a file system, …: hexadecimal digits, perhaps after a short name.
fn is_id(word: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let uuid = word.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && word.split('-').all(hex);
    let long =
        |text: &str, least: usize| text.len() >= least && hex(text) && text.bytes().any(|byte| byte.is_ascii_digit());
    let prefixed = word.split_once('-').is_some_and(|(kind, id)| kind.len() <= 6 && long(id, 8));
    uuid || long(word, 12) || prefixed
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_and_numbers_are_taken_out_and_the_words_stay() {
        for (clause, kept) in [
            (
                "failed to resolve ref 540312345678.dkr.ecr.eu-west-1.amazonaws.com/access-denied-page@sha256:401",
                "failed to resolve ref …",
            ),
            ("dial tcp 10.1.2.3:443", "dial tcp …"),
            ("i/o timeout", "i/o timeout"),
            ("pull image manifest has been retried 5 time(s)", "pull image manifest has been retried … time(s)"),
            (
                "image Manifest does not contain descriptor matching platform 'linux/amd64'",
                "image Manifest does not contain descriptor matching platform …",
            ),
            (
                "The task can't retrieve the secret with ARN 'arn:aws:x' from AWS",
                "The task can't retrieve the secret with ARN … from AWS",
            ),
            ("exec \"node index.js: not found\"", "exec …"),
            ("executable file not found in $PATH", "executable file not found in $PATH"),
            ("a quote that \"never ends", "a quote that \"never ends"),
            ("Host EC2 (instance i-0abc1234def567890) terminated", "Host EC2 (instance … terminated"),
            ("lookup registry.example on 10.0.0.2:53", "lookup … on …"),
            ("no policy allows the ecr:BatchGetImage action", "no policy allows the ecr:BatchGetImage action"),
            ("in eu-west-1 or us-gov-east-1", "in … or …"),
            ("port is already allocated", "port is already allocated"),
            ("manifest for web:latest not found", "manifest for … not found"),
        ] {
            assert_eq!(plain(clause), kept);
        }
    }
}
