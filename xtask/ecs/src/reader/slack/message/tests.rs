use std::sync::LazyLock;

use super::*;
use crate::event::Event;
use crate::failure::{Ending, Failure};
use crate::reader::record::samples::{self, Random};

pub(crate) fn origin() -> Origin {
    Origin {
        who: "alice".to_owned(),
        repository: "sample/app".to_owned(),
        commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        commit_url: "https://github.com/sample/app/commit/0123456789abcdef0123456789abcdef01234567".to_owned(),
        run_url: "https://github.com/sample/app/actions/runs/42/attempts/1".to_owned(),
    }
}

/// Every kind of message, also with more in it than a message can hold, and with what breaks escapers.
pub(crate) static ALL: LazyLock<Vec<Message>> = LazyLock::new(|| {
    let config = SlackConfig { mention_on_failure: Some("U0123ABC".to_owned()), ..SlackConfig::default() };
    let runs = [
        samples::released(),
        samples::already_released(),
        samples::left(),
        samples::refused(3),
        samples::refused(2000),
        samples::deployed(),
        samples::deploy_with_nothing_to_do(),
        samples::rolled_back(),
        vec![samples::started("release"), samples::failed("release", Ending::Usage, "no metadata table")],
    ];
    let mut random = Random(17);
    let wild = (0..40).map(|_| wild(&mut random));
    let records = runs.iter().map(|events| samples::record(events)).chain(wild);
    let mut messages = Vec::new();
    for record in records {
        messages.push(end(&record, &origin(), &config));
        messages.push(end(&record, &Origin::default(), &SlackConfig::default()));
        messages.push(under_way(&record, &origin()));
        messages.extend(details(&record));
    }
    messages
});

fn wild(random: &mut Random) -> Record {
    let mut events = samples::rolled_back();
    events.extend(samples::refused(random.below(300)));
    for event in &mut events {
        match event {
            Event::ImageScanned { image, findings, .. } => {
                *image = random.text(300);
                for finding in findings {
                    finding.package = random.text(400);
                }
            }
            Event::ServicePlanned { cluster, .. } => *cluster = random.text(200),
            Event::ServiceMessage { message, .. } => *message = random.text(4000),
            Event::CommandFinished { failure: Some(failure), .. } => {
                *failure = Failure::new(failure.ending, random.text(5000)).help(random.text(4000));
            }
            _ => {}
        }
    }
    samples::record(&events)
}

fn text_of<'a>(blocks: impl IntoIterator<Item = &'a Value, IntoIter: DoubleEndedIterator>) -> String {
    let mut all = String::new();
    let mut open: Vec<&Value> = blocks.into_iter().rev().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => {
                all.push_str(text);
                all.push('\n');
            }
            Value::Array(values) => open.extend(values.iter().rev()),
            Value::Object(members) => {
                open.extend(members.iter().filter(|(key, _)| *key != "type").map(|(_, value)| value));
            }
            _ => {}
        }
    }
    all
}

/// Characters of all its blocks.
fn characters(message: &Message) -> usize {
    let of = |block: &Value| {
        let fields = block["fields"].as_array().into_iter().chain(block["elements"].as_array()).flatten();
        let texts = fields.map(|field| &field["text"]).chain([&block["text"]["text"]]);
        texts.filter_map(Value::as_str).map(units).sum::<usize>()
    };
    message.blocks.iter().map(of).sum()
}

#[test]
fn every_message_is_within_the_limits_of_block_kit() {
    let mut longest = 0;
    for message in ALL.iter() {
        assert!((1..=BLOCKS).contains(&message.blocks.len()), "{} blocks", message.blocks.len());
        assert!((1..=TEXT).contains(&units(&message.text)), "{:?}", message.text);
        for block in &message.blocks {
            let text = block["text"]["text"].as_str().unwrap_or("x");
            let limit = if block["type"] == "header" { HEADER } else { SECTION };
            assert!((1..=limit).contains(&units(text)), "{block}");
            for field in block["fields"].as_array().into_iter().flatten() {
                assert!((1..=FIELD).contains(&units(field["text"].as_str().expect("a text"))), "{field}");
            }
            assert!(block["fields"].as_array().is_none_or(|fields| fields.len() <= 10));
        }
        longest = longest.max(characters(message));
    }
    let limits = CHARACTERS - SECTION..=CHARACTERS;
    assert!(limits.contains(&longest), "one of them was longer than a message can be: {longest}");
}

#[test]
fn what_a_list_may_take_is_all_that_why_it_failed_leaves() {
    let of = |services: usize, failure: Option<Failure>| {
        let [start, one, ..] = &samples::deployed()[..] else { panic!("a deploy has a beginning") };
        let mut events = vec![start.clone()];
        for number in 0..services {
            let mut planned = one.clone();
            let Event::ServicePlanned { service, .. } = &mut planned else { panic!("{one:?}") };
            *service = format!("svc{number}");
            events.push(planned);
        }
        events.push(samples::finished("deploy", failure));
        end(&samples::record(&events), &origin(), &SlackConfig::default())
    };
    let all = text_of(&of(200, None).blocks);
    assert!(all.contains("*svc199*") && !all.contains("further lines"), "{all}");
    let reason = "it is as it is. ".repeat(200);
    let failed = of(200, Some(Failure::new(Ending::World, reason).help("cargo xtask status")));
    let text = text_of(&failed.blocks);
    for part in ["*svc0*", "*svc99*", "Exit code 1", "it is as it is", "*Next:* cargo xtask status"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // What was left out is the end of the list, and it is said how much that is.
    let more = of(2000, None);
    let shown = text_of(&more.blocks);
    let last = (0..2000).rev().find(|number| shown.contains(&format!("*svc{number}*"))).expect("some are shown");
    assert!((0..last).all(|number| shown.contains(&format!("*svc{number}*"))), "{shown}");
    assert!(shown.contains(&format!("{} further lines are in the log", 1999 - last)), "{shown}");
    assert!(characters(&more) > CHARACTERS * 3 / 4, "{}", characters(&more));
}

#[test]
fn many_short_sections_end_at_the_limit_of_blocks() {
    let [_, planned, _, _, started, ..] = &samples::deployed()[..] else { panic!("a deploy has a beginning") };
    let mut events = vec![samples::started("deploy")];
    for number in 0..60 {
        for event in [planned, started] {
            let mut event = event.clone();
            let (Event::ServicePlanned { service, .. } | Event::RolloutStarted { service, .. }) = &mut event else {
                panic!("{event:?}")
            };
            *service = format!("svc{number}");
            events.push(event);
        }
    }
    let message = details(&samples::record(&events)).expect("a rollout has details");
    assert_eq!(message.blocks.len(), BLOCKS);
    let text = text_of(&message.blocks);
    assert!(text.contains("*Rollout of svc48*") && !text.contains("*Rollout of svc49*"), "{text}");
    assert!(text.contains("22 further lines are in the log"), "{text}");
}

#[test]
fn a_long_line_takes_nothing_with_it_that_says_why_a_service_failed() {
    let mut events = samples::rolled_back();
    events.extend(samples::refused(5));
    for event in &mut events {
        match event {
            Event::ImageScanned { findings, .. } => findings.iter_mut().for_each(|it| it.package = "p".repeat(400)),
            Event::PostMortem { post_mortem, .. } => post_mortem.likely_cause = "it is as it is. ".repeat(200),
            Event::CommandFinished { failure: Some(failure), .. } => {
                *failure = Failure::new(failure.ending, "long ".repeat(1000)).help("longer ".repeat(1000));
            }
            _ => {}
        }
    }
    let text = text_of(&end(&samples::record(&events), &origin(), &SlackConfig::default()).blocks);
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    let parts = ["*Next:* longer", "*Fix* (app)", "*Serving now* (app): app:6", "*Next* (app)", "*Findings in app:*"];
    assert!(parts.map(place).is_sorted(), "{text}");
    assert!(!text.contains("*Likely cause*") && text.contains("further lines are in the log"), "{text}");
}

#[test]
fn nobody_is_mentioned_but_whom_the_configuration_names() {
    let mut mentioned = 0;
    for message in ALL.iter() {
        // A header is plain text: Slack shows a mention in it as it is written.
        let text = text_of(message.blocks.iter().filter(|block| block["type"] != "header"));
        for (at, _) in text.match_indices('<') {
            let rest = &text[at..];
            let mention = rest.starts_with("<@U0123ABC>");
            assert!(mention || rest.starts_with("<https://"), "{}", rest.chars().take(40).collect::<String>());
            mentioned += usize::from(mention);
        }
    }
    assert!(mentioned > 0);
    assert_eq!(mention("S0AB"), "<!subteam^S0AB> ");
    assert_eq!(mention("here"), "<!here> ");
    assert_eq!(mention("U1> <!channel"), "");
}

#[test]
fn an_image_that_another_run_is_to_tag_is_ready_and_not_unfinished() {
    let record = samples::record(&samples::left());
    let message = end(&record, &origin(), &SlackConfig::default());
    assert_eq!(message.text, "✅ Ready, under no tag: app 1.4.0");
    assert!(text_of(&message.blocks).contains("*app* `1.4.0`: left"), "{:?}", message.blocks);
    let [events @ .., _] = &samples::left()[..] else { unreachable!("there are events") };
    let text = text_of(&under_way(&samples::record(events), &origin()).blocks);
    assert!(text.contains("*app* `1.4.0`: left"), "{text}");
}

#[test]
fn a_release_says_who_what_which_commit_where_and_how_long() {
    let message = end(&samples::record(&samples::released()), &origin(), &SlackConfig::default());
    assert_eq!(message.text, "✅ Released: app 1.4.0");
    let text = text_of(&message.blocks);
    for part in [
        "*By*\nalice",
        "/commit/0123456789abcdef0123456789abcdef01234567|0123456789ab>",
        "*Took*\n12.5 s",
        "/actions/runs/42/attempts/1|log>",
        "*app* `1.4.0`: released, 46.0 MiB",
        samples::digest().as_str(),
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn a_field_has_a_link_whole_or_not_at_all() {
    let url = |length: usize| format!("https://ci/{}", "r".repeat(length - "https://ci/".len()));
    let of = |length: usize| {
        let origin = Origin { commit_url: url(length), run_url: url(length), ..origin() };
        text_of(&end(&samples::record(&samples::released()), &origin, &SlackConfig::default()).blocks)
    };
    let whole = of(ADDRESS);
    for part in [format!("*Commit*\n<{}|0123456789ab>\n", url(ADDRESS)), format!("*Run*\n<{}|log>\n", url(ADDRESS))] {
        assert!(whole.contains(&part), "{part}: {whole}");
    }
    let longer = of(ADDRESS + 200);
    assert!(longer.contains("*Commit*\n0123456789ab\n"), "{longer}");
    assert!(!["*Run*", "https://ci", "…"].iter().any(|part| longer.contains(part)), "{longer}");
}

#[test]
fn a_refusal_names_findings_and_the_person_to_tell() {
    let config = SlackConfig { mention_on_failure: Some("U0123ABC".to_owned()), ..SlackConfig::default() };
    let record = samples::record(&samples::refused(8));
    let message = end(&record, &origin(), &config);
    assert_eq!(message.text, "❌ Refused by the scan: app 1.4.0");
    let text = text_of(&message.blocks);
    assert!(text.contains("<@U0123ABC> Exit code 3"), "{text}");
    assert!(text.contains("*Findings in app:* 3 CRITICAL, 5 HIGH"), "{text}");
    assert!(text.contains("• HIGH libdemo1 1.0-1 → no fix yet, <https://nvd"), "{text}");
    assert!(text.contains("… and 3 more"), "{text}");
    assert!(text.contains("\n*Next:* cargo xtask release\n"), "{text}");
    assert_eq!(text.matches("cargo xtask release").count(), 1, "what helps stands apart: {text}");
    let details = text_of(&details(&record).expect("findings have details").blocks);
    assert!(details.contains("libdemo7"), "{details}");
}

#[test]
fn a_rollback_says_why_and_what_serves() {
    let record = samples::record(&samples::rolled_back());
    let message = end(&record, &origin(), &SlackConfig::default());
    assert_eq!(message.text, "❌ Rolled back: app on sample");
    let text = text_of(&message.blocks);
    assert!(text.contains("*Likely cause* (app): the container app exits with 1 at its start"), "{text}");
    assert!(text.contains("*Serving now* (app): app:6"), "{text}");
    let details = text_of(&details(&record).expect("a rollout has details").blocks);
    assert!(details.contains("• 3 × EssentialContainerExited: Essential container in task exited app exited with 1"));
    assert!(details.contains("`0:03` IN_PROGRESS, 0 of 2 running, 2 pending, 1 failed"), "{details}");
}

#[test]
fn what_is_cut_is_not_cut_inside_an_escape_or_a_link() {
    assert_eq!(fit("ab&amp;cd", 5), "ab…");
    assert_eq!(fit("ab <https://x|y> cd", 10), "ab …");
    assert_eq!(fit("abc", 3), "abc");
    assert_eq!(fit("✅✅😀😀", 4), "✅✅…");
}

/// Slack's own schema, from PyPI's slack_sdk.
#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn slack_sdk_finds_no_fault_in_any_message() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    const SCRIPT: &str = "
import json, sys
from slack_sdk.models.blocks import Block
messages = [json.loads(line) for line in sys.stdin]
for message in messages:
    blocks = Block.parse_all(message['blocks'])
    assert len(blocks) == len(message['blocks']) <= 50
    for given, block in zip(message['blocks'], blocks):
        block.validate_json()
        assert block.to_dict()['type'] == given['type'], given
        for key in given:
            assert key in block.to_dict(), (key, given)
print(len(messages))
";
    let python = std::env::var("XTASK_TEST_PYTHON").expect("XTASK_TEST_PYTHON names a Python that finds slack_sdk");
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let messages = &*ALL;
    for message in messages {
        writeln!(stdin, "{}", message.payload()).expect("python reads");
    }
    drop(stdin);
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "slack_sdk found a fault");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), messages.len().to_string());
}
