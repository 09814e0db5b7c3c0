use serde_json::{Value, json};

use super::*;
use crate::net::loopback::{Answer, Request, Server};
use crate::reader::record::samples;

const TOKEN: &str = "xoxb-not-a-real-token";

fn slack(variables: &[(&str, &str)], config: SlackConfig) -> Slack {
    let env = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let mut slack = Slack::from_environment(&env, config, Path::new("/")).expect("Slack is configured");
    // Longer than a busy machine needs for an answer, so that none is given up.
    slack.patience =
        Patience { interim: Duration::from_secs(20), last: Duration::from_secs(20), cadence: Duration::ZERO };
    slack
}

/// For a Slack that does not answer: who waits for it in vain does not wait long.
fn in_a_hurry(mut slack: Slack) -> Slack {
    slack.patience.interim = Duration::from_millis(200);
    slack.patience.last = Duration::from_millis(700);
    slack
}

fn webhook(server: &Server) -> Slack {
    slack(&[("SLACK_WEBHOOK_URL", &server.url("/services/T0/B0/hunter2"))], SlackConfig::default())
}

fn bot(server: &Server, config: SlackConfig) -> Slack {
    let url = server.url("/api");
    slack(&[("SLACK_BOT_TOKEN", TOKEN), ("SLACK_CHANNEL", "C1"), ("SLACK_API_URL", &url)], config)
}

/// Reads all; the error of the one that failed.
fn read(slack: &mut Slack, events: &[Event]) -> Option<String> {
    events.iter().find_map(|event| slack.read(event).err()).map(|error| format!("{error:#}"))
}

fn taken(ts: &str) -> Answer {
    Answer::ok(json!({ "ok": true, "channel": "C123", "ts": ts }).to_string())
}

fn payload(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON was sent")
}

#[test]
fn a_webhook_gets_one_message_at_the_end() {
    let server = Server::start(vec![Answer::ok("ok")]);
    assert_eq!(read(&mut webhook(&server), &samples::released()), None);
    let request = server.requests.recv().expect("a message");
    assert_eq!(request.line, "POST /services/T0/B0/hunter2 HTTP/1.1");
    assert_eq!(payload(&request)["text"], "✅ Released: app 1.4.0");
    assert!(server.requests.recv().is_err(), "there was a second message");
}

#[test]
fn a_bot_posts_once_edits_that_message_and_tells_the_rest_in_its_thread() {
    let server = Server::start((0..8).map(|_| taken("1.1")).collect());
    assert_eq!(read(&mut bot(&server, SlackConfig::default()), &samples::deployed()), None);
    let requests: Vec<Request> = server.requests.iter().collect();
    let methods: Vec<&str> = requests.iter().map(|request| request.line.split(' ').nth(1).expect("a path")).collect();
    assert_eq!(methods[0], "/api/chat.postMessage");
    assert_eq!(methods[1..7], ["/api/chat.update"; 6]);
    assert_eq!(methods[7], "/api/chat.postMessage");
    assert_eq!(requests[0].header("authorization"), Some("Bearer xoxb-not-a-real-token"));
    assert_eq!(payload(&requests[0])["channel"], "C1");
    let last = payload(&requests[6]);
    assert_eq!((&last["channel"], &last["ts"]), (&json!("C123"), &json!("1.1")));
    assert_eq!(last["text"], "✅ Deployed: app on sample");
    assert_eq!(payload(&requests[7])["thread_ts"], "1.1");
}

#[test]
fn nothing_to_do_is_told_unless_the_configuration_says_quiet() {
    let quiet = SlackConfig { quiet_when_nothing_to_do: true, ..SlackConfig::default() };
    for events in [samples::already_released(), samples::deploy_with_nothing_to_do()] {
        let server = Server::start(Vec::new());
        assert_eq!(read(&mut bot(&server, quiet.clone()), &events), None);
        let server = Server::start(vec![Answer::ok("ok")]);
        assert_eq!(read(&mut webhook(&server), &events), None);
        let text = payload(&server.requests.recv().expect("a message"))["text"].clone();
        assert!(text.as_str().expect("a text").starts_with("✅ Nothing to do"), "{text}");
    }
    let server = Server::start((0..4).map(|_| taken("1.1")).collect());
    assert_eq!(read(&mut bot(&server, quiet), &samples::refused(1)), None);
    assert_eq!(server.requests.iter().count(), 4, "a refusal is told from the plan on");
}

#[test]
fn retry_after_is_honoured_and_an_outage_of_slack_is_waited_out() {
    let limited = Answer::status(429, "retry-after: 1\r\n");
    let server = Server::start(vec![limited, Answer::status(503, ""), Answer::ok("ok")]);
    let mut slack = webhook(&server);
    slack.patience = PATIENCE;
    let before = Instant::now();
    assert_eq!(read(&mut slack, &samples::released()), None);
    assert!(before.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.requests.iter().count(), 3);
}

#[test]
fn a_retry_after_beyond_the_deadline_is_not_waited_for() {
    let server = Server::start(vec![Answer::status(429, "retry-after: 30\r\n")]);
    let before = Instant::now();
    let error = read(&mut webhook(&server), &samples::released()).expect("it was not sent");
    assert_eq!(error, "Slack answered 429 and asked for 30 s of patience");
    assert!(before.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_slack_that_is_silent_costs_one_interim_wait_and_the_last_one() {
    assert!(PATIENCE.interim + PATIENCE.last < Duration::from_secs(10));
    let server = Server::start(vec![Answer::Silent, Answer::Silent, Answer::Silent]);
    let mut slack = in_a_hurry(bot(&server, SlackConfig::default()));
    let before = Instant::now();
    let error = read(&mut slack, &samples::released()).expect("it was not sent");
    assert_eq!(error, "Slack did not answer in time");
    assert!(before.elapsed() < Duration::from_millis(1800), "{:?}", before.elapsed());
}

#[test]
fn no_error_holds_the_webhook_or_the_token() {
    let closed = || Server::start(Vec::new());
    let refused = read(&mut in_a_hurry(webhook(&closed())), &samples::already_released()).expect("nobody listens");
    let server = Server::start(vec![Answer::Full(404, String::new(), b"no_service hunter2".to_vec())]);
    let gone = read(&mut webhook(&server), &samples::already_released()).expect("there is no such hook");
    assert!(gone.contains("404"), "{gone}");
    let mut dead = in_a_hurry(bot(&closed(), SlackConfig::default()));
    let dead = read(&mut dead, &samples::already_released()).expect("nobody listens");
    let answer = json!({ "ok": false, "error": "channel_not_found" }).to_string();
    let server = Server::start(vec![Answer::ok(answer.clone()), Answer::ok(answer)]);
    let wrong = read(&mut bot(&server, SlackConfig::default()), &samples::already_released()).expect("no channel");
    assert!(wrong.contains("channel_not_found; SLACK_CHANNEL takes the channel's id"), "{wrong}");
    for error in [refused, gone, dead, wrong] {
        assert!(!error.contains("/services/") && !error.contains(TOKEN), "{error}");
    }
}

#[test]
fn a_message_that_cannot_be_edited_any_more_is_posted_anew() {
    let no = json!({ "ok": false, "error": "message_not_found" }).to_string();
    let server = Server::start(vec![taken("1.1"), Answer::ok(no.clone()), Answer::ok(no), taken("2.2")]);
    assert_eq!(read(&mut bot(&server, SlackConfig::default()), &samples::already_released()), None);
    let last = server.requests.iter().last().expect("requests came");
    assert_eq!(last.line, "POST /api/chat.postMessage HTTP/1.1");
    assert_eq!(payload(&last)["text"], "✅ Nothing to do: app 1.4.0");
}

#[test]
fn half_a_setting_is_told_at_the_start_and_none_is_no_reader() {
    let start = [samples::started("release")];
    let error = read(&mut slack(&[("SLACK_BOT_TOKEN", TOKEN)], SlackConfig::default()), &start);
    assert!(error.expect("no channel").contains("SLACK_CHANNEL is not"));
    let plain = [("SLACK_WEBHOOK_URL", "http://hooks.example.com/services/hunter2")];
    let error = read(&mut slack(&plain, SlackConfig::default()), &start).expect("it is not encrypted");
    assert_eq!(error, "SLACK_WEBHOOK_URL must begin with https://");
    for trigger in ["https://hooks.slack.com/triggers/T1/2/hunter2", "https://hooks.slack.com/workflows/T1/hunter2"] {
        let error = read(&mut slack(&[("SLACK_WEBHOOK_URL", trigger)], SlackConfig::default()), &start);
        let error = error.expect("it takes no message");
        assert!(
            error.starts_with("SLACK_WEBHOOK_URL starts a workflow of Slack") && !error.contains("hunter2"),
            "{error}"
        );
    }
    assert!(Slack::from_environment(&|_| None, SlackConfig::default(), Path::new("/")).is_none());
}

#[test]
fn a_dead_slack_is_one_warning_on_the_terminal() {
    let server = Server::start(Vec::new());
    let (heard, warnings) = std::sync::mpsc::channel();
    let stream = crate::event::Stream::start(vec![Box::new(Heard(heard)), Box::new(in_a_hurry(webhook(&server)))]);
    let events = stream.events();
    for event in samples::released() {
        events.emit(event);
    }
    drop(events);
    stream.finish();
    let warnings: Vec<String> = warnings.iter().filter(|warning| warning.contains("slack")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("the slack reader stopped: Slack cannot be reached"), "{warnings:?}");
}

/// Stands where the terminal stands.
struct Heard(std::sync::mpsc::Sender<String>);

impl Reader for Heard {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn read(&mut self, event: &Event) -> anyhow::Result<()> {
        if let Event::Warning { message, .. } = event {
            self.0.send(message.clone())?;
        }
        Ok(())
    }
}
