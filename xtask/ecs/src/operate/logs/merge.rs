//! Several logs as one, in the order of time, page by page, and each line once.

use std::collections::VecDeque;

use crate::aws::logs::{LogEvent, Page, Search};
use crate::failure::Result;
use crate::sorted::SortedSet;

/// How long before the newest line of a log others may still turn up: agents send in batches, and CloudWatch files them
/// a moment later. So much is read again at every look, and what was shown is known by its id.
const LATE: u64 = 15_000;

/// A line as it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub service: &'a str,
    pub container: &'a str,
    /// The task's id.
    pub task: &'a str,
    /// In milliseconds since 1970.
    pub at: u64,
    pub message: &'a str,
}

/// Who has the pages; `None` where the reader does not want to wait any longer.
pub(super) trait Pages {
    fn page(&mut self, search: &Search, token: Option<&str>) -> Result<Option<Page>>;
}

/// What one container of one service writes, in all of its tasks.
pub(super) struct Source {
    service: String,
    container: String,
    search: Search,
    /// Read and not shown.
    events: VecDeque<LogEvent>,
    next: Next,
    newest: u64,
    /// What was shown of the time that is read again.
    shown: SortedSet<(u64, String)>,
}

enum Next {
    Page(Option<String>),
    Nothing,
}

impl Source {
    pub(super) fn new(service: &str, container: String, search: Search) -> Self {
        let (events, next, shown) = (VecDeque::new(), Next::Nothing, SortedSet::new());
        Self { service: service.to_owned(), container, search, events, next, newest: 0, shown }
    }

    /// Reads until there is an event or no more of them; false where the reader does not want to wait.
    fn fill(&mut self, pages: &mut dyn Pages) -> Result<bool> {
        while self.events.is_empty() {
            let Next::Page(token) = &self.next else { return Ok(true) };
            let Some((events, next)) = pages.page(&self.search, token.as_deref())? else { return Ok(false) };
            self.next = next.map_or(Next::Nothing, |token| Next::Page(Some(token)));
            let shown = &self.shown;
            self.events.extend(events.into_iter().filter(|event| !shown.contains(&(event.at, event.id.clone()))));
        }
        Ok(true)
    }

    fn take(&mut self) -> Option<LogEvent> {
        let event = self.events.pop_front()?;
        self.newest = self.newest.max(event.at);
        Some(event)
    }

    /// Remembers what was shown, for a page that holds it again.
    fn remember(&mut self, event: &LogEvent) {
        self.shown.insert((event.at, event.id.clone()));
        // Not at every event, for all that is kept is moved then.
        if self.shown.first().is_some_and(|(at, _)| *at < self.late().saturating_sub(LATE)) {
            self.forget();
        }
    }

    /// Forgets what no page will hold again.
    fn forget(&mut self) {
        if self.shown.first().is_some_and(|(at, _)| *at < self.late()) {
            self.shown = self.shown.split_off(&(self.late(), String::new()));
        }
    }

    /// From when on it is read again.
    fn late(&self) -> u64 {
        self.newest.saturating_sub(LATE)
    }
}

pub(super) struct Merge {
    sources: Vec<Source>,
    grep: Option<String>,
    /// Whether there is more than one round, so that something may be read again.
    follows: bool,
}

impl Merge {
    pub(super) fn new(sources: Vec<Source>, grep: Option<String>, follows: bool) -> Self {
        Self { sources, grep, follows }
    }

    /// All that is there by now and was not shown. False where nobody looks or waits any more.
    pub(super) fn round(&mut self, pages: &mut dyn Pages, show: &mut dyn FnMut(&Line<'_>) -> bool) -> Result<bool> {
        for source in &mut self.sources {
            source.search.from = source.search.from.max(source.late());
            source.next = Next::Page(None);
        }
        loop {
            for source in &mut self.sources {
                if !source.fill(pages)? {
                    return Ok(false);
                }
            }
            let oldest = self.sources.iter_mut().filter(|source| !source.events.is_empty());
            let oldest = oldest.min_by_key(|source| source.events.front().map(|event| event.at));
            let Some(source) = oldest else {
                self.sources.iter_mut().for_each(Source::forget);
                return Ok(true);
            };
            let Some(event) = source.take() else { return Ok(true) };
            if self.follows {
                source.remember(&event);
            }
            if self.grep.as_ref().is_some_and(|text| !event.message.contains(text.as_str())) {
                continue;
            }
            let task = event.stream.rsplit('/').next().unwrap_or_default();
            let Source { service, container, .. } = source;
            if !show(&Line { service, container, task, at: event.at, message: &event.message }) {
                return Ok(false);
            }
        }
    }
}

#[cfg(test)]
mod tests;
