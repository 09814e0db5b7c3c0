//! Why something failed, recognised by the structure of what was said of it.
//!
//! A [`Message`] is a text taken apart: the names of errors that lead it, its clauses without names and numbers, the
//! status of an HTTP answer, AWS's sentence about a missing right. The table of [`rules`](rules::rules) is looked
//! through from the top, and the first row that fits wins. [`blame`] says which container and which image the text is
//! about. A text that no row knows is quoted whole and said to be unknown.

mod answer;
mod blame;
mod denial;
mod document;
mod exit;
mod message;
mod names;
mod pattern;
mod reference;
mod rule;
mod rules;

pub(crate) use answer::{Kind, answered};
pub(crate) use blame::{Blamed, Case, Pinned, blame, explain_event};
pub(crate) use document::{Log, declared};
pub(crate) use exit::ended_by_itself;
pub(crate) use message::Message;
pub(crate) use rule::{Decisive, Fault, Look};

use rule::{Rule, Stage, Whose, stage};
use rules::rules;

/// Whether one of the lines that a tool printed has one of these clauses, whole.
pub(crate) fn printed(lines: &[String], clauses: &[&str]) -> bool {
    let says = |line: &String| {
        let message = Message::parse(line);
        clauses.iter().any(|clause| message.says(clause))
    };
    lines.iter().any(says)
}

/// A cause, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The row's name; `unknown` where no row fits, `exit` where the exit code is all there is.
    pub name: &'static str,
    pub fault: Fault,
    /// A fragment without a line break.
    pub sentence: String,
    /// What to do; may be empty.
    pub fix: String,
    pub look: Look,
    pub decisive: Decisive,
}

/// What a text is about, as far as it is known; fills the holes of a row's sentences.
#[derive(Clone, Debug, Default)]
struct Subject {
    container: Option<String>,
    /// The reference of its image.
    image: Option<String>,
    whose: Option<Whose>,
}

/// The first row that fits, in words about this subject.
fn explain(message: &Message, subject: &Subject) -> Finding {
    let stage = stage(message);
    let Some(rule) = rules().find(|rule| rule.fits(stage, message, subject.whose)) else {
        return unknown(message, stage, subject);
    };
    let Rule { name, fault, sentence, fix, look, decisive, .. } = *rule;
    let said = |template| filled(template, |hole| subject.word(hole, message));
    Finding { name, fault, sentence: said(sentence), fix: said(fix), look, decisive }
}

/// The text as it is, and that nobody knows it.
fn unknown(message: &Message, stage: Stage, subject: &Subject) -> Finding {
    let what = match stage {
        Stage::Pulling => "{image} could not be pulled",
        Stage::Creating => "{container} could not be created",
        Stage::Starting => "{container} could not be started",
        Stage::Initialising => "something that the task needs before its start could not be set up",
        Stage::Running => "{container} was ended",
        Stage::Placing => "the task was stopped",
    };
    let what = filled(what, |hole| subject.word(hole, message));
    let text = message.text.replace(['\r', '\n'], " ");
    let sentence = match text.as_str() {
        "" => format!("{what}, and ECS gives no reason"),
        text => format!("{what} for a reason that this tool does not know; ECS says: {text}"),
    };
    Finding {
        name: "unknown",
        fault: Fault::Unknown,
        sentence,
        fix: String::new(),
        look: Look::Tasks,
        decisive: Decisive::No("what it is about is not known"),
    }
}

impl Subject {
    /// What stands in a hole of a sentence.
    fn word(&self, hole: &str, message: &Message) -> String {
        match hole {
            "container" => self.container.as_ref().map_or("a container".to_owned(), |name| format!("container {name}")),
            "image" => match (&self.image, &self.container) {
                (Some(image), Some(container)) => format!("image {image} of container {container}"),
                (Some(image), None) => format!("image {image}"),
                (None, Some(container)) => format!("the image of container {container}"),
                (None, None) => "an image".to_owned(),
            },
            "registry" => {
                self.image.as_ref().map_or("its registry".to_owned(), |image| reference::host(image).to_owned())
            }
            "role" => role(message),
            "role-arn" => message.words().find(|word| word.contains(":role/")).unwrap_or_default().to_owned(),
            "secret" => secret(message),
            "allow" => message.denial.as_ref().map_or_else(
                || "give it the right that the message names".to_owned(),
                |denial| denial.fix(&role(message), "the resource"),
            ),
            "said" => message.last().to_owned(),
            other => format!("{{{other}}}"),
        }
    }
}

/// Who was refused, by the role's own name where the text has it.
fn role(message: &Message) -> String {
    let named = message.denial.as_ref().and_then(|denial| {
        let (_, name) = denial.who.split_once(":assumed-role/")?;
        name.split('/').next().filter(|name| !name.is_empty())
    });
    named.map_or("the task's execution role".to_owned(), |name| format!("role {name}"))
}

/// The secret or parameter that a text is about.
fn secret(message: &Message) -> String {
    let of_arn = |word: &str| {
        let (_, rest) = word.split_once("arn:")?;
        let name = rest.split_once(":secret:").or_else(|| rest.split_once(":parameter"))?.1;
        Some(name.to_owned())
    };
    let listed = || ["invalid ssm parameters", "invalid parameters"].iter().find_map(|step| message.after(step));
    message
        .words()
        .find_map(of_arn)
        .or_else(|| listed().map(str::to_owned))
        .map_or("the secret".to_owned(), |name| format!("secret {}", names::bare(&name)))
}

/// The template with each `{hole}` filled.
fn filled(template: &str, word: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, hole, after)) =
        rest.split_once('{').and_then(|(before, rest)| rest.split_once('}').map(|(hole, after)| (before, hole, after)))
    {
        out.push_str(before);
        out.push_str(&word(hole));
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests;
