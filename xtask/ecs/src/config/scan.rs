//! `[workspace.metadata.xtask.scan]`.

use toml::de::DeValue;

use super::keys::{Keys, derived, optional, or, required};
use super::model::{AcceptedSystem, Evidence, Ignore, Scan, Severity};
use super::table::Table;
use super::value::Value;
use crate::gather::Gather;

pub(super) const SCAN: Keys = Keys {
    table: "scan",
    note: "",
    list: &[
        or(
            "severity",
            "an array of `UNKNOWN`, `LOW`, `MEDIUM`, `HIGH`, `CRITICAL`",
            "[\"HIGH\", \"CRITICAL\"]",
            "the findings that refuse an image",
        ),
        or("ignore-unfixed", "true or false", "true", "whether a finding without a fixed version is passed over"),
        or("ignore", "an array of tables", "[]", "findings that are accepted until a day"),
        or(
            "accept-systems",
            "an array of tables",
            "[]",
            "releases of operating systems that trivy does not know, whose packages it can then match with nothing",
        ),
        or("timeout", "a duration", "\"10m\"", "how long one scan may take"),
        derived(
            "at-once",
            "a number",
            "as many as there are cores, and GiB of free memory; 4 at most",
            "how many scans go on at once",
        ),
        or("args", "an array", "[]", "further arguments for trivy: only where its database is and how to get it"),
        optional("trivy", "a table", "the trivy to fetch where PATH has none of that version"),
    ],
};

pub(super) const IGNORE: Keys = Keys {
    table: "scan.ignore[]",
    note: "",
    list: &[
        required("id", "`CVE-…`", "the finding"),
        required("reason", "text", "why it can wait"),
        required("until", "`\"2027-01-31\"`", "the last day that it does, UTC; then it counts again"),
    ],
};

pub(super) const ACCEPTED_SYSTEM: Keys = Keys {
    table: "scan.accept-systems[]",
    note: "",
    list: &[
        required("system", "`\"debian 99\"`", "family and release, as trivy has them"),
        required("reason", "text", "why it is good enough"),
    ],
};

pub(super) fn read(table: &mut Table<'_>) -> Scan {
    let scan = match table.take("scan") {
        Some(value) => value.table(&[&SCAN]),
        None => Some(table.empty("scan", &[&SCAN])),
    };
    let default = Scan::default();
    let Some(mut table) = scan else { return default };
    let scan = Scan {
        severity: table.or("severity", severities, default.severity),
        ignore_unfixed: table.or("ignore-unfixed", Value::boolean, default.ignore_unfixed),
        ignore: table.or("ignore", ignores, default.ignore),
        accept_systems: table.or("accept-systems", |value| value.list(accepted_system), default.accept_systems),
        timeout: table.or("timeout", Value::duration, default.timeout),
        at_once: table.optional("at-once", at_once),
        args: table.or("args", |value| value.list(argument), default.args),
        trivy: table.optional("trivy", super::trivy::read),
    };
    table.finish();
    scan
}

/// Arguments of trivy that say where its database is and how to get it, or how much it says on the way.
const ARGUMENTS: [&str; 20] = [
    "--cache-backend",
    "--cache-dir",
    "--cache-ttl",
    "--cacert",
    "--db-repository",
    "--debug",
    "--detection-priority",
    "--insecure",
    "--java-db-repository",
    "--no-progress",
    "--offline-scan",
    "--parallel",
    "--quiet",
    "--redis-ca",
    "--redis-cert",
    "--redis-key",
    "--redis-tls",
    "--server",
    "--skip-db-update",
    "--skip-java-db-update",
];

/// One that could hide a finding is refused: the gate would pass by accident, with no reason and no day.
fn argument(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let name = text.split('=').next().unwrap_or_default();
    if name.starts_with('-') && !ARGUMENTS.contains(&name) {
        let hint = "taken are those that say where the database is, such as `--cache-dir` and `--skip-db-update`; what \
                    refuses is set by `severity` and `ignore-unfixed`, and a finding that can wait stands in `ignore`";
        value.error(format!("`{}` is not an argument that the scan gate takes", name.escape_debug()), hint);
        return None;
    }
    Some(text.to_owned())
}

fn severities(value: &Value<'_>) -> Option<Vec<Severity>> {
    let words = [Severity::Unknown, Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        .map(|severity| (severity.as_str(), severity));
    let severities = value.list(|item| item.one_of(&words))?;
    if severities.is_empty() {
        value.error("`severity` is empty: no finding would refuse an image", "name at least one, such as \"CRITICAL\"");
        return None;
    }
    Some(severities)
}

/// What is attached to a released image, each once.
pub(super) fn evidence(value: &Value<'_>) -> Option<Vec<Evidence>> {
    let kinds = [Evidence::Verdict, Evidence::Sbom, Evidence::Provenance].map(|kind| (kind.name(), kind));
    let chosen = value.list(|item| item.one_of(&kinds))?;
    Some(kinds.into_iter().map(|(_, kind)| kind).filter(|kind| chosen.contains(kind)).gather())
}

/// `{ system = "debian 99", reason = "…" }`
fn accepted_system(value: &Value<'_>) -> Option<AcceptedSystem> {
    let mut table = value.table(&[&ACCEPTED_SYSTEM])?;
    let system = table.need("system", "which one: add `system = \"debian 99\"`", Value::string);
    let reason = table.need("reason", "say why it is good enough: `reason = \"…\"`", Value::string);
    table.finish();
    Some(AcceptedSystem { system: system?, reason: reason? })
}

fn at_once(value: &Value<'_>) -> Option<u32> {
    let count = value.count()?;
    if count == 0 {
        value.error("`at-once` is 0: nothing would ever be scanned", "1 scans one image after the other");
        return None;
    }
    Some(count)
}

/// Each finding once.
fn ignores(value: &Value<'_>) -> Option<Vec<Ignore>> {
    let ignores = value.list(ignore)?;
    let twice =
        ignores.iter().enumerate().find(|(index, one)| ignores[..*index].iter().any(|other| other.id == one.id));
    if let Some((_, Ignore { id, .. })) = twice {
        value.error(format!("`ignore` has {id} twice"), "keep the one that holds");
        return None;
    }
    Some(ignores)
}

/// Ids are compared as they are written. Sources: CVE record format; GitHub's and RustSec's advisory databases.
fn is_id(text: &str) -> Result<String, &'static str> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').gather();
    let known = match parts.as_slice() {
        [kind, rest @ ..] if kind.eq_ignore_ascii_case("CVE") => match rest {
            [year, number] if *kind == "CVE" && digits(year) && digits(number) => Ok(()),
            _ => Err("a CVE is written CVE-2026-1234"),
        },
        [kind, rest @ ..] if kind.eq_ignore_ascii_case("RUSTSEC") => match rest {
            [year, number] if *kind == "RUSTSEC" && digits(year) && digits(number) => Ok(()),
            _ => Err("RustSec's ids are written RUSTSEC-2026-0001"),
        },
        [kind, rest @ ..] if kind.eq_ignore_ascii_case("GHSA") => {
            let four =
                |part: &&str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let fits = *kind == "GHSA" && rest.len() == 3 && rest.iter().all(four);
            if fits {
                Ok(())
            } else {
                Err("GitHub's ids are written GHSA-abcd-efgh-2345, the last parts in small letters")
            }
        }
        _ => Ok(()),
    };
    known?;
    let blank = text.is_empty() || text.contains(char::is_whitespace);
    if blank { Err("an id has no blanks") } else { Ok(text.to_owned()) }
}

/// `{ id = "CVE-2026-1234", reason = "…", until = "2027-01-31" }`
fn ignore(value: &Value<'_>) -> Option<Ignore> {
    let mut table = value.table(&[&IGNORE])?;
    let id = table.need("id", "which finding: add `id = \"CVE-…\"`", |value| value.check(is_id));
    let reason = table.need("reason", "say why the finding can wait: `reason = \"…\"`", Value::string);
    let until = table.need("until", "say until when it can wait: `until = \"2027-01-31\"`", date);
    table.finish();
    Some(Ignore { id: id?, reason: reason?, until: until? })
}

/// A day that exists, `YYYY-MM-DD`, as a string or as TOML's own date.
fn date(value: &Value<'_>) -> Option<String> {
    const RULE: &str = "a day is written \"2027-01-31\"";
    match value.get() {
        DeValue::Datetime(date) if date.time.is_none() => Some(date.to_string()),
        DeValue::String(_) => value.check(|text| if is_day(text) { Ok(text.to_owned()) } else { Err(RULE) }),
        _ => value.wrong_type("a day", RULE),
    }
}

fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').gather();
    let [year, month, day] = parts.as_slice() else { return false };
    let shape = [year.len(), month.len(), day.len()] == [4, 2, 2];
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let (Some(year), Some(month), Some(day)) = (number(year), number(month), number(day)) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    shape && (1..=days).contains(&day)
}
