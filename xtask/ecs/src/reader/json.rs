//! `--log json`: one JSON document a line on stderr, for machines.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::event::{Event, Reader};

/// The version of the lines' fields; it changes when one is renamed, removed or means something else.
pub(crate) const VERSION: u32 = 1;

/// Writes `{"version":1,"time":SECONDS,"event":…}` for every event; `time` is seconds since the Unix epoch.
pub(crate) struct JsonLines<W> {
    out: W,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    time: f64,
    #[serde(flatten)]
    event: &'a Event,
}

impl<W: Write + Send> JsonLines<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write + Send> Reader for JsonLines<W> {
    fn name(&self) -> &'static str {
        "json"
    }

    fn read(&mut self, event: &Event) -> anyhow::Result<()> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        let mut line = serde_json::to_vec(&Line { version: VERSION, time, event })?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, Place};

    #[test]
    fn an_event_is_one_line_with_its_version_and_name() {
        let mut out = Vec::new();
        JsonLines::new(&mut out)
            .read(&Event::BuildOutput { image: "app".to_owned(), line: "two\nlines".to_owned() })
            .expect("a Vec takes everything");
        let text = String::from_utf8(out).expect("JSON is UTF-8");
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
        assert_eq!((&value["version"], &value["event"]), (&1.into(), &"build-output".into()));
    }

    #[test]
    fn the_end_says_what_happened_and_what_would_help_apart_and_has_the_parts() {
        let end = |failure| {
            let mut out = Vec::new();
            let finished = Event::CommandFinished { command: "release".to_owned(), failure, seconds: 1.0 };
            JsonLines::new(&mut out).read(&finished).expect("a Vec takes everything");
            serde_json::from_slice::<serde_json::Value>(&out).expect("is JSON")
        };
        let well = end(None);
        assert_eq!((&well["exit-code"], &well["error"], &well["hint"]), (&0.into(), &"".into(), &"".into()));
        let docker = Failure::world("docker does not answer").said(["no socket"]).help("start it");
        let failed = end(Some(docker.clone()));
        assert_eq!(failed["exit-code"], 1);
        assert_eq!(failed["error"], "docker does not answer\n  | no socket");
        assert_eq!((&failed["hint"], &failed["said"]), (&"start it".into(), &serde_json::json!(["no socket"])));

        let place = Place { file: "Cargo.toml".to_owned(), line: 3, column: 1 };
        let typo = Failure::at(place, "unknown key `tga`").help("did you mean `tag`?");
        let several = end(Some(Failure::together(vec![docker, typo])));
        assert_eq!(several["exit-code"], 2);
        assert_eq!(
            several["error"],
            "2 problems, and nothing was done:\n- Cargo.toml:3:1: unknown key `tga`\n- docker does not answer\n    | no socket"
        );
        assert_eq!(several["hint"], "did you mean `tag`?\nstart it");
        assert_eq!(several["faults"][0]["place"], serde_json::json!({ "file": "Cargo.toml", "line": 3, "column": 1 }));
    }
}
