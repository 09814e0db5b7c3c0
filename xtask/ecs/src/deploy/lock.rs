//! Locks on services: tags of the services themselves, which every machine sees that may describe them.
//!
//! Each who locks has a tag of its own, so that no one's takes the place of another's. Whoever locks writes first and looks
//! then: of two at once, at least the one that looked last sees the other, and whoever sees another gives way.

mod keep;

use std::time::Duration;

pub(super) use keep::Locks;
pub(crate) use keep::{live, write};

use crate::aws::ecs::Service;
use crate::config::Config;
use crate::event::{Lock, LockKind};
use crate::failure::{Ending, Failure};
use crate::gather::Gather;
use crate::time;

/// What the key of every lock's tag begins with.
const KEY: &str = "xtask:lock:";
/// The longest key and the longest value of a tag. Source: Amazon ECS API Reference, Tag.
const LONGEST: (usize, usize) = (128, 256);

/// Who locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    who: String,
    /// Another one for each run, but for the attempts of one run in CI: the later takes over from the earlier.
    run: String,
}

impl Holder {
    /// `run` is a run's own number in CI.
    pub(crate) fn new(who: &str, run: Option<String>) -> Self {
        let letter = |c: char| if c.is_alphanumeric() || "_.=+-@".contains(c) { c } else { '-' };
        let who: String = if who.is_empty() { "somebody" } else { who }.chars().take(60).map(letter).collect();
        let run = run.unwrap_or_else(|| format!("{:x}-{:x}", time::now(), std::process::id()));
        Self { who, run: run.chars().take(40).map(letter).collect() }
    }

    /// A lock from now on.
    pub(crate) fn lock(&self, kind: LockKind, reason: &str, lasts: Duration) -> Lock {
        let now = time::now();
        let (since, until) = (time::timestamp(now), time::timestamp(now.saturating_add(lasts.as_secs())));
        Lock { kind, by: self.who.clone(), reason: readable(reason), since, until }
    }

    /// A person has one lock by hand, and each run one of its own.
    pub(crate) fn key(&self, kind: LockKind) -> String {
        match kind {
            LockKind::Hand => format!("{KEY}{}", self.who),
            LockKind::Deploy | LockKind::Failed => format!("{KEY}{}:{}", self.who, self.run),
        }
        .chars()
        .take(LONGEST.0)
        .collect()
    }

    /// Whether a lock is this one's own.
    fn has(&self, kept: &Kept) -> bool {
        [LockKind::Hand, LockKind::Deploy].iter().any(|kind| self.key(*kind) == kept.key)
    }
}

/// A lock, and the tag that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub key: String,
    pub lock: Lock,
}

/// The locks on a service whose tags are known, those that have ended, too.
pub(crate) fn locks(service: &Service) -> Vec<Kept> {
    let tags = service.tags.iter().filter(|(key, _)| key.starts_with(KEY.trim_end_matches(':')));
    tags.map(|(key, value)| Kept { key: key.clone(), lock: read(value) }).gather()
}

impl Kept {
    pub(crate) fn has_ended(&self, now: u64) -> bool {
        !self.lock.until.is_empty() && self.lock.until < time::timestamp(now)
    }
}

/// What is to be kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A deploy gives way to every lock of others.
    Forward,
    /// A rollback is there for what a deploy does, under way or failed, and gives way to those by hand alone.
    Back,
}

/// The locks that somebody gives way to.
pub(crate) fn in_the_way(service: &Service, holder: &Holder, way: Way) -> Vec<Kept> {
    let counts = |kept: &Kept| {
        let meant = way == Way::Forward || kept.lock.kind == LockKind::Hand;
        meant && !holder.has(kept) && !kept.has_ended(time::now())
    };
    locks(service).into_iter().filter(counts).gather()
}

/// Why a service that somebody else has locked is left alone; `None` where nobody has.
pub(crate) fn refusal(config: &Config, service: &str, locks: &[Kept]) -> Option<Failure> {
    let sentences: Vec<String> = locks.iter().map(|kept| kept.lock.sentence()).gather();
    let unlock = config.command(&format!("unlock {service}"));
    let sentences = (!sentences.is_empty()).then(|| sentences.join("; "))?;
    let failure = Failure::new(Ending::Superseded, format_args!("service {service} is {sentences}; nothing was done"));
    Some(failure.help(format!("wait until that is over; where nobody needs it any more: `{unlock}`")))
}

/// The value of the tag: `deploy since 2026-11-27T12:00:00Z until 2026-11-27T13:00:00Z by alice: reason`.
pub(crate) fn written(lock: &Lock) -> String {
    let Lock { kind, by, reason, since, until } = lock;
    let text = format!("{} since {since} until {until} by {by}", kind.word());
    let text = if reason.is_empty() { text } else { format!("{text}: {reason}") };
    shortened(&text, LONGEST.1)
}

/// What else stands there was written by other means, and is meant: a lock by hand without an end.
fn read(value: &str) -> Lock {
    let ours = || {
        let (kind, rest) = value.split_once(" since ")?;
        let kind = [LockKind::Hand, LockKind::Deploy, LockKind::Failed].into_iter().find(|it| it.word() == kind)?;
        let (since, rest) = rest.split_once(" until ")?;
        let (until, rest) = rest.split_once(" by ")?;
        let is_time = |text: &str| text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
        let (by, reason) = rest.split_once(": ").unwrap_or((rest, ""));
        let [by, reason, since, until] = [by, reason, since, until].map(str::to_owned);
        (is_time(&since) && is_time(&until)).then_some(Lock { kind, by, reason, since, until })
    };
    ours().unwrap_or_else(|| Lock {
        kind: LockKind::Hand,
        by: "somebody".to_owned(),
        reason: value.to_owned(),
        since: String::new(),
        until: String::new(),
    })
}

/// A text of what a tag takes: letters, digits, spaces and `_.:/=+-@`. Anything else is a `-`.
/// Source: Amazon ECS Developer Guide, "Resource tagging", "Tag restrictions".
pub(crate) fn readable(text: &str) -> String {
    let letter = |c: char| match c {
        _ if c.is_alphanumeric() || "_.:/=+-@".contains(c) => c,
        _ if c.is_whitespace() => ' ',
        _ => '-',
    };
    text.trim().chars().map(letter).collect()
}

fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(tags: &[(&str, &str)]) -> Service {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Service { tags, ..Service::default() }
    }

    #[test]
    fn a_lock_is_read_as_it_was_written_and_fits_into_a_tag() {
        let holder = Holder::new("dependabot[bot]", Some("1234".to_owned()));
        for (kind, reason) in
            [(LockKind::Hand, "the database is moved"), (LockKind::Deploy, ""), (LockKind::Failed, "a: b")]
        {
            let lock = holder.lock(kind, reason, Duration::from_secs(3600));
            assert_eq!(read(&written(&lock)), lock);
        }
        let long = holder.lock(LockKind::Hand, &"warum nicht? (über Nacht)\n".repeat(40), Duration::from_secs(60));
        let text = written(&long);
        assert!(text.chars().count() == 256 && text.ends_with("..."), "{text}");
        assert!(text.contains(": warum nicht- -über Nacht- warum"), "{text}");
        assert!(text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c)), "{text}");
        assert_eq!(holder.key(LockKind::Hand), "xtask:lock:dependabot-bot-");
        assert_eq!(holder.key(LockKind::Deploy), "xtask:lock:dependabot-bot-:1234");
    }

    #[test]
    fn what_others_lock_is_in_the_way_and_what_is_ones_own_or_over_is_not() {
        let (alice, bob) = (Holder::new("alice", Some("1".to_owned())), Holder::new("bob", Some("2".to_owned())));
        let hour = Duration::from_secs(3600);
        let tag = |kind| (alice.key(kind), written(&alice.lock(kind, "", hour)));
        for kind in [LockKind::Hand, LockKind::Deploy, LockKind::Failed] {
            let (key, value) = tag(kind);
            let service = service(&[(&key, &value), ("team", "checkout")]);
            assert_eq!(in_the_way(&service, &bob, Way::Forward).len(), 1, "{value}");
            assert_eq!(in_the_way(&service, &alice, Way::Forward), [], "{value}");
            assert_eq!(in_the_way(&service, &bob, Way::Back).len(), usize::from(kind == LockKind::Hand), "{value}");
        }
        // Another run of the same person is another deploy.
        let (key, value) = tag(LockKind::Deploy);
        assert_eq!(in_the_way(&service(&[(&key, &value)]), &Holder::new("alice", None), Way::Forward).len(), 1);
        let over = "hand since 2020-01-01T00:00:00Z until 2020-01-01T01:00:00Z by alice";
        assert_eq!(in_the_way(&service(&[("xtask:lock:alice", over)]), &bob, Way::Forward), []);
    }

    #[test]
    fn what_was_written_by_other_means_is_a_lock_without_an_end() {
        for value in ["freeze", "", "hand since tomorrow until never by me", "deploy since é until é by é"] {
            let service = service(&[("xtask:lock", value)]);
            let found = in_the_way(&service, &Holder::new("bob", None), Way::Back);
            assert_eq!((found.len(), found[0].lock.reason.as_str(), found[0].lock.until.as_str()), (1, value, ""));
        }
    }
}
