use std::collections::BTreeMap;

use super::*;
use crate::failure::Failure;

/// Logs by what their streams begin with, in pages of two; each page is asked for this often before it is there.
#[derive(Default)]
struct Fake {
    logs: BTreeMap<String, Vec<LogEvent>>,
    asked: usize,
    /// Gives up at this page.
    gives_up_at: Option<usize>,
}

impl Fake {
    fn write(&mut self, prefix: &str, at: u64, message: &str) {
        let log = self.logs.entry(prefix.to_owned()).or_default();
        let (id, stream) = (format!("{prefix}{}", log.len()), format!("{prefix}task{}", at % 2));
        log.push(LogEvent { id, at, stream, message: message.to_owned() });
        log.sort_by_key(|event| event.at);
    }
}

impl Pages for Fake {
    fn page(&mut self, search: &Search, token: Option<&str>) -> Result<Option<Page>> {
        self.asked += 1;
        if self.gives_up_at == Some(self.asked) {
            return Ok(None);
        }
        let events = self.logs.get(&search.prefix).cloned().unwrap_or_default();
        let events: Vec<LogEvent> = events.into_iter().filter(|event| event.at >= search.from).collect();
        let start: usize = token.map_or(0, |token| token.parse().expect("a place"));
        let page: Vec<LogEvent> = events.iter().skip(start).take(2).cloned().collect();
        // A page with nothing on it, although more follows, comes first, as the reference allows.
        if token.is_none() && !events.is_empty() {
            return Ok(Some((Vec::new(), Some("0".to_owned()))));
        }
        Ok(Some((page, (start + 2 < events.len()).then(|| (start + 2).to_string()))))
    }
}

fn source(container: &str) -> Source {
    let search = Search { prefix: format!("ecs/{container}/"), ..Search::default() };
    Source::new("app", container.to_owned(), search)
}

/// What one look shows.
fn look(merge: &mut Merge, fake: &mut Fake) -> Vec<String> {
    let mut seen = Vec::new();
    let more = merge.round(fake, &mut |line| {
        seen.push(format!("{} {} {} {}", line.at, line.container, line.task, line.message));
        true
    });
    assert!(more.expect("nothing fails"));
    seen
}

#[test]
fn logs_of_several_containers_and_tasks_are_one_in_the_order_of_time() {
    let mut fake = Fake::default();
    for at in [1, 4, 5, 8, 9] {
        fake.write("ecs/app/", at, "hello");
    }
    for at in [2, 3, 7] {
        fake.write("ecs/proxy/", at, "passed");
    }
    let mut merge = Merge::new(vec![source("app"), source("proxy")], None, true);
    let seen = look(&mut merge, &mut fake);
    let times: Vec<u64> =
        seen.iter().map(|line| line.split(' ').next().expect("a time").parse().expect("a number")).collect();
    assert_eq!(times, [1, 2, 3, 4, 5, 7, 8, 9], "{seen:?}");
    assert_eq!((&*seen[0], &*seen[1]), ("1 app task1 hello", "2 proxy task0 passed"));
}

#[test]
fn what_is_filed_late_is_shown_and_nothing_comes_twice() {
    let mut fake = Fake::default();
    let mut merge = Merge::new(vec![source("app")], None, true);
    assert!(look(&mut merge, &mut fake).is_empty());
    for at in [100_000, 100_001, 110_000] {
        fake.write("ecs/app/", at, "first");
    }
    assert_eq!(look(&mut merge, &mut fake).len(), 3);
    assert!(look(&mut merge, &mut fake).is_empty(), "nothing is new");
    fake.write("ecs/app/", 105_000, "late");
    fake.write("ecs/app/", 110_000, "at the same moment");
    let seen = look(&mut merge, &mut fake);
    assert_eq!(seen, ["105000 app task0 late", "110000 app task0 at the same moment"]);
    assert!(look(&mut merge, &mut fake).is_empty());
    assert_eq!(merge.sources[0].search.from, 95_000, "what is long read is not read again");
}

#[test]
fn what_was_shown_is_remembered_no_longer_than_it_can_come_again() {
    let mut fake = Fake::default();
    let mut merge = Merge::new(vec![source("app")], None, true);
    for second in 0..1000 {
        fake.write("ecs/app/", second * 1000, "tick");
    }
    assert_eq!(look(&mut merge, &mut fake).len(), 1000);
    assert_eq!(merge.sources[0].shown.len(), 16);
}

#[test]
fn only_lines_that_hold_the_text_are_shown_and_the_others_are_not_read_again() {
    let mut fake = Fake::default();
    fake.write("ecs/app/", 1, "GET /health");
    fake.write("ecs/app/", 2, "out of memory");
    let mut merge = Merge::new(vec![source("app")], Some("of mem".to_owned()), true);
    assert_eq!(look(&mut merge, &mut fake), ["2 app task0 out of memory"]);
    assert!(look(&mut merge, &mut fake).is_empty());
}

#[test]
fn whoever_stops_reading_or_waiting_ends_it() {
    let mut fake = Fake::default();
    for at in 0..9 {
        fake.write("ecs/app/", at, "hello");
    }
    let mut merge = Merge::new(vec![source("app")], None, true);
    let mut shown = 0;
    let more: std::result::Result<bool, Failure> = merge.round(&mut fake, &mut |_| {
        shown += 1;
        shown < 4
    });
    assert_eq!((more.expect("nothing fails"), shown), (false, 4));
    let mut fake = Fake { gives_up_at: Some(2), ..fake };
    fake.asked = 0;
    assert!(!Merge::new(vec![source("app")], None, true).round(&mut fake, &mut |_| true).expect("nothing fails"));
}
