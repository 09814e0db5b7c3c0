//! Whether a digest may be tagged or deployed, by the verdicts on it that were written down.

use super::Record;
use crate::config::Scan;
use crate::digest::Digest;
use crate::gather::Gather;
use crate::text::some;
use crate::time::days_between;

/// What a verdict is held against.
pub(crate) struct Policy<'a> {
    pub scan: &'a Scan,
    /// How many days old it may be.
    pub days: u32,
    /// `YYYY-MM-DD`.
    pub today: &'a str,
}

/// The verdict that lets this digest pass: of those that speak of it one of the newest, if no other of the newest refuses. The
/// error is why there is none, as the end of a sentence about the image.
pub(crate) fn stands<'a>(records: &'a [Record], digest: &Digest, policy: &Policy<'_>) -> Result<&'a Record, String> {
    let of_it: Vec<&Record> = records.iter().filter(|record| record.digest == *digest).gather();
    let age = |record: &Record| (record.day.clone(), record.database.clone());
    let newest = of_it.iter().map(|record| age(record)).max();
    // Looked at twice with one database, by two policies perhaps.
    let newest: Vec<&Record> = of_it.into_iter().filter(|record| Some(age(record)) == newest).gather();
    let Some(last) = newest.last() else { return Err("has no verdict attached".to_owned()) };
    if let Some(refused) = newest.iter().find(|record| !record.passed) {
        return Err(objection(refused, policy).unwrap_or_default());
    }
    let passes = newest.iter().find(|record| objection(record, policy).is_none());
    passes.copied().ok_or_else(|| objection(last, policy).unwrap_or_default())
}

fn objection(record: &Record, policy: &Policy<'_>) -> Option<String> {
    let Policy { scan, days, today } = policy;
    let Record { day, .. } = record;
    if !record.passed {
        return Some(format!("was refused on {day} for {}", some(&record.findings)));
    }
    match days_between(day, today) {
        None => return Some(format!("has a verdict of no day that there is: {day}")),
        Some(age) if age > i64::from(*days) => {
            return Some(format!("was scanned {age} days ago, on {day}, and a verdict counts for {days}"));
        }
        // A clock may be a little behind another one's, and no more.
        Some(age) if age < -1 => return Some(format!("has a verdict of {day}, which is still to come")),
        Some(_) => {}
    }
    let looks = |severity: &str| record.severity.iter().any(|looked| looked == severity);
    if let Some(severity) = scan.severity.iter().find(|severity| !looks(severity.as_str())) {
        return Some(format!("was scanned on {day} by a policy that lets {} pass", severity.as_str()));
    }
    if record.ignore_unfixed && !scan.ignore_unfixed {
        return Some(format!("was scanned on {day} by a policy that lets findings without a fix pass"));
    }
    let system = &record.unknown_system;
    if !system.is_empty() && !scan.accept_systems.iter().any(|accepted| accepted.system == *system) {
        return Some(format!("is of {system}, which the scanner does not know and `accept-systems` has no more"));
    }
    record.accepted.iter().find_map(|(id, _)| match scan.ignore.iter().find(|ignore| ignore.id == *id) {
        None => Some(format!("passed on {day} because {id} was accepted, and it is no more")),
        // Both are YYYY-MM-DD, which sorts as text.
        Some(ignore) if ignore.until.as_str() < *today => {
            Some(format!("passed because {id} was accepted until {}", ignore.until))
        }
        Some(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AcceptedSystem, Ignore, Severity};

    fn record(day: &str, passed: bool) -> Record {
        Record {
            digest: Digest::of(b"image"),
            passed,
            day: day.to_owned(),
            scanner: "trivy 0.76.0".to_owned(),
            database: format!("{day}T06:00:00Z"),
            severity: vec!["CRITICAL".to_owned(), "HIGH".to_owned()],
            ignore_unfixed: true,
            accepted: Vec::new(),
            unknown_system: String::new(),
            findings: if passed { Vec::new() } else { vec!["CVE-2026-1".to_owned()] },
        }
    }

    fn why(records: &[Record], scan: &Scan) -> Option<String> {
        let policy = Policy { scan, days: 30, today: "2026-11-27" };
        stands(records, &Digest::of(b"image"), &policy).err()
    }

    #[test]
    fn the_newest_verdict_decides_and_of_one_day_the_one_that_refuses() {
        let scan = Scan::default();
        let (old, new) = (record("2026-11-20", true), record("2026-11-26", false));
        assert_eq!(why(std::slice::from_ref(&old), &scan), None);
        let refused = Some("was refused on 2026-11-26 for CVE-2026-1".to_owned());
        assert_eq!(why(&[old.clone(), new.clone()], &scan), refused);
        assert_eq!(why(&[new.clone(), record("2026-11-26", true)], &scan), refused);
        assert_eq!(why(&[new, record("2026-11-27", true)], &scan), None);
        assert_eq!(why(&[], &scan).as_deref(), Some("has no verdict attached"));
        let weak = Record { severity: vec!["CRITICAL".to_owned()], ..old.clone() };
        assert_eq!(
            why(&[old.clone(), weak.clone()], &scan),
            None,
            "a weaker look takes nothing away from a strict one"
        );
        assert!(why(&[weak], &scan).is_some());
        let other = Record { digest: Digest::of(b"other"), ..old };
        assert_eq!(why(&[other], &scan).as_deref(), Some("has no verdict attached"));
    }

    #[test]
    fn a_verdict_that_is_too_old_or_of_a_weaker_policy_lets_nothing_pass() {
        let scan = Scan::default();
        let says = |record: Record, scan: &Scan, part: &str| {
            let why = why(std::slice::from_ref(&record), scan).unwrap_or_default();
            assert!(why.contains(part), "{why:?} does not say {part:?}");
        };
        says(record("2026-10-27", true), &scan, "31 days ago");
        assert_eq!(why(&[record("2026-10-28", true)], &scan), None, "30 days are not too old");
        says(record("2026-12-24", true), &scan, "still to come");
        says(record("yesterday", true), &scan, "no day");
        let stricter = Scan { severity: vec![Severity::Medium, Severity::High], ..Scan::default() };
        says(record("2026-11-27", true), &stricter, "lets MEDIUM pass");
        let unfixed = Scan { ignore_unfixed: false, ..Scan::default() };
        says(record("2026-11-27", true), &unfixed, "without a fix");

        let accepted =
            Record { accepted: vec![("CVE-2026-9".into(), "2027-01-01".into())], ..record("2026-11-27", true) };
        says(accepted.clone(), &scan, "it is no more");
        let until = |day: &str| Scan {
            ignore: vec![Ignore { id: "CVE-2026-9".into(), reason: "r".into(), until: day.into() }],
            ..Scan::default()
        };
        says(accepted.clone(), &until("2026-11-26"), "until 2026-11-26");
        assert_eq!(why(&[accepted], &until("2026-11-27")), None);

        let unknown = Record { unknown_system: "debian 99".into(), ..record("2026-11-27", true) };
        says(unknown.clone(), &scan, "debian 99");
        let system = AcceptedSystem { system: "debian 99".into(), reason: "r".into() };
        assert_eq!(why(&[unknown], &Scan { accept_systems: vec![system], ..Scan::default() }), None);
    }

    #[test]
    fn a_record_is_read_back_from_its_statement_and_what_is_none_is_not_read() {
        let accepted = vec![("CVE-2026-9".to_owned(), "2027-01-01".to_owned())];
        let record = Record { accepted, unknown_system: "debian 99".into(), ..record("2026-11-27", false) };
        let statement = record.statement();
        assert_eq!(Record::read(&statement), Some(record.clone()));
        assert_eq!(statement, record.statement());
        let text = String::from_utf8(statement).expect("text");
        for (from, to) in [("\"refused\"", "\"maybe\""), ("verdict:v1", "verdict:v2"), ("sha256\":\"", "sha512\":\"")] {
            assert_eq!(Record::read(text.replace(from, to).as_bytes()), None, "{to}");
        }
    }
}
