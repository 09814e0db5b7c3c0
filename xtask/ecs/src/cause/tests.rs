mod people;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rules::rules;
use super::*;
use crate::event::ContainerExit;

/// One line of `texts.tsv`.
struct Line<'a> {
    rule: &'a str,
    place: &'a str,
    blamed: &'a str,
    fix: &'a str,
    source: &'a str,
    text: String,
}

fn lines() -> Vec<Line<'static>> {
    let lines = include_str!("tests/texts.tsv").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let cells: Vec<_> = line.split('\t').collect();
            let [rule, place, blamed, fix, source, text] = cells[..] else { panic!("six cells in a line: {line}") };
            Line { rule, place, blamed, fix, source, text: text.replace("\\n", "\n").replace("\\t", "\t") }
        })
        .collect()
}

const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const PINNED: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sample/app@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";

/// A program of ours, a sidecar of somebody else's, and one from our own account that this tool does not pin.
fn document() -> Value {
    json!({ "containerDefinitions": [
        { "name": "log-router", "image": format!("{HOST}/mirror/fluent-bit:3.1"), "essential": false },
        { "name": "xray", "image": "docker.io/amazon/aws-xray-daemon:3.x", "essential": false },
        { "name": "web", "image": PINNED, "portMappings": [{ "containerPort": 8080 }],
          "healthCheck": { "command": ["CMD", "/app", "--health"] } },
    ] })
}

fn pinned() -> Vec<Pinned> {
    let (container, image) = ("web".to_owned(), "app".to_owned());
    vec![Pinned { container, image, platform: "linux/amd64".to_owned(), reference: PINNED.to_owned() }]
}

fn exit(container: &str, exit_code: Option<i32>, reason: &str) -> ContainerExit {
    ContainerExit { container: container.to_owned(), exit_code, reason: reason.to_owned() }
}

/// What is made of a text where it stands.
fn blamed_at(place: &str, text: &str) -> Blamed {
    let (document, pinned) = (document(), pinned());
    if place == "event" {
        return explain_event(text, Some(&document), &pinned).expect("the event says why tasks do not come");
    }
    let reason = |name| if place == name { text } else { "" };
    let containers = ["log-router", "xray", "web"].map(|name| exit(name, None, reason(name)));
    let task = if place == "task" { text } else { "Task failed to start" };
    let case = Case {
        stop_code: "TaskFailedToStart",
        reason: task,
        containers: &containers,
        document: Some(&document),
        pinned: &pinned,
    };
    blame(&case)
}

#[test]
fn each_text_has_its_cause_its_container_and_its_fix() {
    let mut wrong = Vec::new();
    let lines = lines();
    assert!(lines.len() >= 150, "{} texts", lines.len());
    for Line { rule, place, blamed, fix, text, source } in &lines {
        assert!(!source.is_empty(), "{text}");
        let found = blamed_at(place, text);
        let container = found.container.as_deref().unwrap_or("-");
        if found.finding.name != *rule || container != *blamed || !found.finding.fix.contains(fix) {
            let Finding { name, sentence, fix: found_fix, .. } = &found.finding;
            wrong.push(format!(
                "{text}\n  want {rule}, {blamed}, {fix}\n  have {name}, {container}: {sentence}\n  {found_fix}"
            ));
        }
        assert!(!found.finding.sentence.contains(['\n', '{']), "{}", found.finding.sentence);
        assert!(!found.finding.fix.contains(['\n', '{']), "{}", found.finding.fix);
    }
    assert!(wrong.is_empty(), "{} of {}\n\n{}", wrong.len(), lines.len(), wrong.join("\n\n"));
}

#[test]
fn names_digests_accounts_and_regions_change_no_cause() {
    for Line { rule, place, text, .. } in lines() {
        for (from, to) in [
            ("123456789012", "540342942912"),
            ("sample/app", "platform/no-such-host-403-denied-toomanyrequests"),
            ("mirror/fluent-bit", "not-found/i/o-timeout"),
            ("4f53cda18c2b", "401403404429"),
            ("eu-west-1", "ap-northeast-3"),
            ("prod/db", "access-denied/secret-efs-log"),
            ("service app", "service access-denied-timeout"),
        ] {
            let text = text.replace(from, to);
            // The document stays as it is, so an image that is renamed is no longer ours.
            let found = blamed_at(place, &text).finding.name;
            let moved =
                matches!(from, "123456789012" | "sample/app" | "4f53cda18c2b" | "eu-west-1" | "mirror/fluent-bit");
            let same_kind = found == rule || moved && WHOSE.contains(&rule) && WHOSE.contains(&found);
            assert!(same_kind, "{rule} became {found}: {text}");
        }
    }
}

/// Rows that differ in whose image it is.
const WHOSE: [&str; 5] =
    ["pull-ours-gone", "pull-not-found", "pull-forbidden", "pull-private-or-missing", "pull-login-refused"];

#[test]
fn every_row_is_reached_by_a_text_and_says_everything() {
    let texts: Vec<Line<'_>> = lines();
    let mut names = BTreeSet::new();
    for rule in rules() {
        let Rule { name, sentence, fix, source, decisive, .. } = rule;
        assert!(names.insert(name), "{name} is there twice");
        assert!(texts.iter().any(|line| line.rule == *name), "no text reaches {name}");
        let (Decisive::Yes(why) | Decisive::No(why)) = decisive;
        assert!(![sentence, fix, source, why].iter().any(|text| text.is_empty()), "{name}");
        assert!(!sentence.ends_with('.') && !fix.ends_with('.'), "{name}");
    }
}

#[test]
fn a_text_that_no_row_knows_is_quoted_whole_and_said_to_be_unknown() {
    let text = "CannotPullContainerError: the frobnicator said: no, and\nagain no.";
    let found = blamed_at("web", text).finding.sentence;
    assert!(found.contains("a reason that this tool does not know"), "{found}");
    assert!(found.ends_with("ECS says: CannotPullContainerError: the frobnicator said: no, and again no."), "{found}");
}

#[test]
fn digits_and_names_of_ours_decide_nothing() {
    let digest = "sha256:4010429f3ecbe5ed12ab4d8e11ba873c2f11161202b945c0354bb5f9a3ecbe50";
    for (account, repository, ends, says) in [
        ("540312345678", "sample/app", "i/o timeout", "no way to the registry"),
        ("123456789012", "sample/app", "i/o timeout", "no way to the registry"),
        ("123456789012", "access-denied-page", "i/o timeout", "no way to the registry"),
        ("123456789012", "platform/shop", "toomanyrequests", "limits the rate of pulls"),
        ("123456789012", "platform/shop", "no space left on device", "no space left on the disk"),
        ("123456789012", "platform/shop", "unexpected EOF", "could not be pulled"),
        ("123456789012", "sample/app", "403 Forbidden", "may not pull"),
        ("123456789012", "sample/app", "no such host", "no way to the registry"),
        ("123456789012", "sample/app", "net/http: TLS handshake timeout", "no way to the registry"),
        (
            "123456789012",
            "sample/app",
            "image Manifest does not contain descriptor matching platform 'linux/amd64'",
            "is built for another platform",
        ),
    ] {
        let reference = format!("{account}.dkr.ecr.eu-west-1.amazonaws.com/{repository}@{digest}");
        let text = format!(
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {reference}: {ends}"
        );
        let document = json!({ "containerDefinitions": [{ "name": "web", "image": reference }] });
        let (container, image) = ("web".to_owned(), "app".to_owned());
        let pinned = [Pinned { container, image, platform: "linux/amd64".to_owned(), reference }];
        let case = Case {
            stop_code: "TaskFailedToStart",
            reason: &text,
            containers: &[exit("web", None, "")],
            document: Some(&document),
            pinned: &pinned,
        };
        let found = blame(&case).finding.sentence;
        assert!(found.contains(says), "{text}\n{found}");
    }
}
