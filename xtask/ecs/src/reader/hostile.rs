//! For [`crate::hostile`]: what others wrote, in whatever a reader shows, changes nothing around it.

use super::github;
use super::record::samples;
use super::slack;
use super::terminal;
use crate::text::acts;

/// The text stands in every member of every event that somebody else has a hand in.
pub(crate) fn shown(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for events in samples::filled(&text) {
        let log = terminal::hostile::shown(&events);
        assert!(!log.contains(acts), "the terminal gets {log:?}");
        github::hostile::shown(&log, &events);
        slack::hostile::shown(&events);
    }
}
