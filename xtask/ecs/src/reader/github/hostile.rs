//! For [`crate::hostile`]: the log that the runner reads, and the page of a run.

use std::time::Instant;

use super::command::runner;
use super::{Commands, defuse, output, summary};
use crate::event::Event;
use crate::reader::record::samples;
use crate::text::acts;

/// The page.
pub(crate) fn shown(printed: &str, events: &[Event]) -> String {
    let safe = defuse(printed);
    assert_eq!(runner::commands(&safe), [""; 0], "{safe:?}");
    let mut commands = Commands::default();
    for event in events {
        let own = commands.before(event) + &commands.after(event);
        for name in runner::commands(&own) {
            assert!(["group", "endgroup", "warning", "error"].contains(&name.as_str()), "{own:?}");
        }
    }
    let record = samples::record(events);
    let outputs = output::outputs(&record);
    assert!(outputs.iter().all(|(name, _)| !name.contains(['\n', '\r', '<', '='])), "{outputs:?}");
    let began = Instant::now();
    let text = summary::summary(&record, summary::LIMIT);
    page(&text);
    assert!(text.len() <= summary::LIMIT && !text.contains(acts), "{text:?}");
    assert!(began.elapsed().as_secs() < 5, "a page takes {:?}", began.elapsed());
    text
}

/// Each row has as many cells as its table, no heading is another's, and nobody is called.
fn page(text: &str) {
    let mut columns = None;
    let (mut fenced, mut raw) = (false, false);
    for line in text.lines() {
        raw |= line.starts_with("<pre>");
        if raw {
            assert!(!line.trim_start_matches("<pre>").trim_end_matches("</pre>").contains('<'), "{line:?}");
            raw = !line.ends_with("</pre>");
            continue;
        }
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let cells = line.starts_with('|').then(|| line.matches('|').count());
        if let (Some(columns), Some(cells)) = (columns, cells) {
            assert_eq!(cells, columns, "{line:?}");
        }
        columns = cells;
    }
    assert!(!fenced && !raw, "a picture does not end: {text}");
    assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
}
