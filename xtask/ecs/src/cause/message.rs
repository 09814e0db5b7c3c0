//! A text that an agent, a runtime or a service printed, taken apart.
//!
//! These texts are chains: each layer puts what it was doing before the error that it got, with a colon between them.
//! `CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref HOST/REPO:TAG:
//! failed to do request: Head "https://…": dial tcp 10.0.1.7:443: i/o timeout`. So a text is a list of clauses, and a
//! pattern is matched against one whole clause. Names and numbers are taken out of a clause first: a repository that
//! is called `access-denied`, or an account number that holds 403, says nothing of the cause.

use super::denial::Denial;
use super::names::{bare, plain};
use super::pattern::matches;
use crate::gather::Gather;

/// What may stand before the error's own name: the words of a service event, or of a task that has no more to say.
const WRAPPERS: [&str; 4] = [
    "(service …) was unable to place a task",
    "service … was unable to place a task",
    "Reason",
    "Task failed to start",
];

/// So many bytes are taken apart: ECS says no more than one or two thousand, and a registry may answer with a mebibyte, over
/// which every rule would sit for minutes.
const LONGEST: usize = 8 * 1024;

/// A text, taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// As it was said.
    pub text: String,
    clauses: Vec<Clause>,
    /// The names of errors that lead the text, outermost first: `CannotStartContainerError`, …
    leading: Vec<String>,
    /// The status of the HTTP answer that it tells of.
    pub status: Option<u16>,
    /// AWS's sentence about a right that is missing.
    pub denial: Option<Denial>,
}

/// One link of the chain.
#[derive(Clone, Debug)]
struct Clause {
    said: String,
    /// Without names and numbers, each of which is `…`.
    plain: String,
}

impl Message {
    pub(crate) fn parse(text: &str) -> Self {
        let flat = flat(&text[..text.floor_char_boundary(LONGEST)]);
        let said = clauses(&flat);
        let (status, denial) = (status(&said), Denial::parse(&said));
        let clauses: Vec<Clause> =
            said.into_iter().map(|said| Clause { plain: plain(said), said: said.to_owned() }).gather();
        let leading =
            clauses.iter().skip_while(|clause| wraps(&clause.plain)).map_while(|clause| error_name(&clause.said));
        Self { text: text.trim().to_owned(), leading: leading.map(str::to_owned).gather(), status, denial, clauses }
    }

    /// Whether one of the clauses is this, as a whole.
    pub(crate) fn says(&self, pattern: &str) -> bool {
        self.clauses.iter().any(|clause| matches(pattern, &clause.plain))
    }

    /// Whether this is the name of one of its errors, wherever in the chain.
    pub(crate) fn names(&self, error: &str) -> bool {
        self.clauses.iter().any(|clause| error_name(&clause.said) == Some(error))
    }

    /// The names of errors that lead the text, outermost first.
    pub(crate) fn leading(&self) -> impl Iterator<Item = &str> {
        self.leading.iter().map(String::as_str)
    }

    /// The words of all clauses as they were said, with what only encloses them taken off.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.clauses.iter().flat_map(|clause| clause.said.split_whitespace()).map(bare)
    }

    /// The clause that follows one, as it was said.
    pub(crate) fn after(&self, pattern: &str) -> Option<&str> {
        let at = self.clauses.iter().position(|clause| matches(pattern, &clause.plain))?;
        self.clauses.get(at + 1).map(|clause| clause.said.as_str())
    }

    /// What the chain ended with, as it was said. Runtimes put a lone `unknown` behind it, and advice behind that.
    pub(crate) fn last(&self) -> &str {
        self.chain().last().map(|clause| clause.said.as_str()).unwrap_or_default()
    }

    /// Whether what the chain ended with is this.
    pub(crate) fn ends(&self, pattern: &str) -> bool {
        self.chain().last().is_some_and(|clause| matches(pattern, &clause.plain))
    }

    fn chain(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter().take_while(|clause| clause.said != "unknown")
    }

    /// Whether it says nothing but that something failed.
    pub(crate) fn says_nothing(&self) -> bool {
        self.clauses.iter().all(|clause| wraps(&clause.plain))
    }
}

fn wraps(plain: &str) -> bool {
    WRAPPERS.iter().any(|wrapper| matches(wrapper, plain))
}

/// One line, with the quotes of older runtimes, which quote the error inside (`caused "exec: \"/app\": …"`), undone.
fn flat(text: &str) -> String {
    let text = text.replace('\\', "").replace("caused \"", "caused: ");
    text.replace("\ncaused by: ", ": ").replace(" caused by: ", ": ").replace(['\r', '\n', '\t'], ": ")
}

/// The links of the chain: what stands between colons, commas, semicolons and full stops that are no part of a name or
/// of a quotation.
fn clauses(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut quoted_to) = (0, 0);
    for (at, letter) in text.char_indices() {
        if at < quoted_to {
            continue;
        }
        let rest = &text[at + letter.len_utf8()..];
        let ends = match letter {
            // A quote without an end is that of a text which was cut off, or of an older runtime.
            '"' => {
                quoted_to = rest.find('"').map_or(0, |end| at + 1 + end + 1);
                false
            }
            ':' | ',' | ';' => rest.is_empty() || rest.starts_with(char::is_whitespace),
            '.' => rest.starts_with(' ') && rest.trim_start().starts_with(|c: char| c.is_uppercase() || c == '"'),
            _ => false,
        };
        if ends {
            found.push(&text[start..at]);
            start = at + letter.len_utf8();
        }
    }
    found.push(&text[start..]);
    found.into_iter().map(trimmed).filter(|clause| !clause.is_empty()).gather()
}

/// Without the space, the full stop and the lone quote around it; the three dots of a text that was cut off stay.
fn trimmed(clause: &str) -> &str {
    let clause = clause.trim();
    // Older runtimes close the quotation of a whole chain behind its last link.
    let clause = if clause.matches('"').count() == 1 { clause.trim_end_matches('"') } else { clause };
    match clause.strip_suffix('.') {
        Some(rest) if !rest.ends_with('.') => rest.trim_end(),
        _ => clause,
    }
}

/// `CannotPullContainerError`, `api error AccessDeniedException`: a name as programs give it.
fn error_name(clause: &str) -> Option<&str> {
    let name = clause.strip_prefix("api error ").unwrap_or(clause);
    let fits = (name.ends_with("Error") || name.ends_with("Exception"))
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    fits.then_some(name)
}

/// The status of an HTTP answer: `… request to https://…: 403 Forbidden`, `StatusCode: 400`, `status code: 400`,
/// `error parsing HTTP 403 response body`.
fn status(clauses: &[&str]) -> Option<u16> {
    let of = |(at, clause): (usize, &&str)| {
        let (word, rest) = clause.split_once(' ').unwrap_or((clause, ""));
        let before = at.checked_sub(1).map_or("", |before| clauses[before]);
        let labelled = ["StatusCode", "status code"].iter().any(|label| before.ends_with(label));
        let code = |word: &str| word.parse::<u16>().ok().filter(|code| (400..600).contains(code));
        let named = || clause.split_whitespace().skip_while(|word| *word != "HTTP").nth(1).and_then(code);
        code(word).filter(|_| labelled || rest.starts_with(|c: char| c.is_ascii_uppercase())).or_else(named)
    };
    clauses.iter().enumerate().filter_map(of).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        clauses(&flat(text)).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_text_is_the_chain_of_what_was_being_done_and_what_came_of_it() {
        assert_eq!(
            said(
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref \
                 docker.io/library/nginx:latest: failed to do request: Head \"https://registry-1.docker.io/v2/\": dial \
                 tcp 52.72.252.48:443: i/o timeout"
            ),
            [
                "CannotPullContainerError",
                "pull image manifest has been retried 5 time(s)",
                "failed to resolve ref docker.io/library/nginx:latest",
                "failed to do request",
                "Head \"https://registry-1.docker.io/v2/\"",
                "dial tcp 52.72.252.48:443",
                "i/o timeout",
            ]
        );
        assert_eq!(
            said(
                "Check your task network configuration. RequestError: send request failed\ncaused by: Post \"https://x/\": EOF."
            ),
            [
                "Check your task network configuration",
                "RequestError",
                "send request failed",
                "Post \"https://x/\"",
                "EOF"
            ]
        );
    }

    #[test]
    fn what_is_quoted_is_one_word_and_what_an_older_runtime_quotes_is_read() {
        assert_eq!(
            said("exec: \"node index.js: not found, at all\": executable file not found in $PATH"),
            ["exec", "\"node index.js: not found, at all\"", "executable file not found in $PATH"]
        );
        let old = Message::parse(
            r#"CannotStartContainerError: container_linux.go:348: starting container process caused "exec: \"/app\": stat /app: no such file or directory": unknown"#,
        );
        assert!(old.says("exec") && old.says("stat …"));
        assert!(old.says("no such file or directory"));
    }

    #[test]
    fn the_names_that_lead_are_told_from_those_further_down() {
        let leading = |text: &str| Message::parse(text).leading().map(str::to_owned).collect::<Vec<_>>();
        let start =
            "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task";
        assert_eq!(leading(start), ["CannotStartContainerError", "ResourceInitializationError"]);
        let event = "(service app) was unable to place a task. Reason: CannotPullContainerError: context canceled.";
        assert_eq!(leading(event), ["CannotPullContainerError"]);
        let denied = Message::parse("unable to retrieve secret from asm: api error AccessDeniedException: no");
        assert_eq!(denied.leading().count(), 0);
        assert!(denied.names("AccessDeniedException"));
    }

    #[test]
    fn advice_behind_a_chain_is_not_what_it_ended_with() {
        let text = "error mounting \"/a\" to rootfs: not a directory: unknown: Are you trying to mount a directory onto a file?";
        assert_eq!(Message::parse(text).last(), "not a directory");
        assert_eq!(Message::parse("exec: not found").last(), "not found");
    }

    #[test]
    fn a_status_is_one_only_where_a_status_stands() {
        for (text, status) in [
            ("unexpected status from HEAD request to https://r.example/v2/a/manifests/1: 403 Forbidden", Some(403)),
            ("unexpected status code [manifests latest]: 401 Unauthorized", Some(401)),
            (
                "failed open: unexpected status code https://r.example/x: 429 Too Many Requests - Server message: no",
                Some(429),
            ),
            ("https response error StatusCode: 400, RequestID: 403", Some(400)),
            ("The specified log group does not exist. status code: 400, request id: 404", Some(400)),
            ("error parsing HTTP 403 response body: unexpected end of JSON input", Some(403)),
            ("received unexpected HTTP status: 503 Service Unavailable", Some(503)),
            ("failed to resolve ref 540312345678.dkr.ecr.eu-west-1.amazonaws.com/a: 404 of them", None),
            ("retried 403 times: port 500", None),
        ] {
            assert_eq!(Message::parse(text).status, status, "{text}");
        }
    }
}
