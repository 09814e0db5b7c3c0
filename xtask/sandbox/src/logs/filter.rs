//! Many streams at once, and only the lines that match: FilterLogEvents.

use serde_json::{Value, json};

use super::{Event, Logs, MOST, invalid, missing, page, time};
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

impl Logs {
    pub(super) fn filter_log_events(&self, input: &Value, now: Instant) -> ApiResult {
        let (_, group) = self.group(input)?;
        let names: Option<Vec<&str>> =
            input["logStreamNames"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
        let prefix = input["logStreamNamePrefix"].as_str();
        if names.is_some() && prefix.is_some() {
            return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive"));
        }
        if names.iter().flatten().any(|name| !group.streams.contains_key(*name)) {
            return Err(missing("stream"));
        }
        let pattern = Pattern::read(input["filterPattern"].as_str().unwrap_or_default())?;
        let (from, to) = (time(input, "startTime"), time(input, "endTime"));
        let forward = input["startFromHead"] != false;
        let (start, skip) = match input["nextToken"].as_str() {
            None => (None, 0),
            Some(token) => read_on(token).ok_or_else(|| invalid("The specified nextToken is invalid."))?,
        };
        let (first, last) = if forward { (start.max(from), to) } else { (from, start.or(to)) };
        // No page holds more of one stream.
        let most = if forward { skip + MOST } else { usize::MAX };
        let chosen = group.streams.iter().filter(|(name, _)| {
            names.as_ref().is_none_or(|names| names.contains(&name.as_str()))
                && name.starts_with(prefix.unwrap_or_default())
        });
        let mut events: Vec<(&String, usize, &Event)> = chosen
            .flat_map(|(name, stream)| {
                let events = stream.visible(now);
                let begin = first.map_or(0, |first| events.partition_point(|event| event.at < first));
                let matching = events.iter().enumerate().skip(begin).map(move |(place, event)| (name, place, event));
                matching.filter(|(_, _, event)| pattern.matches(&event.message)).take(most)
            })
            .filter(|(_, _, event)| last.is_none_or(|last| event.at <= last))
            .collect();
        events.sort_by_key(|(_, _, event)| event.at);
        if !forward {
            events.reverse();
        }
        let rest = events.get(skip..).unwrap_or_default();
        let size = page(rest.iter().map(|(_, _, event)| *event), input);
        let found = rest[..size].iter().map(|(name, place, event)| {
            let mut described = event.describe();
            described["logStreamName"] = json!(name);
            described["eventId"] = json!(event_id(name, *place, event));
            described
        });
        let mut answer = json!({"events": found.collect::<Vec<_>>(), "searchedLogStreams": []});
        if let Some((_, _, next)) = rest.get(size) {
            let same = events[..skip + size].iter().filter(|(_, _, event)| event.at == next.at).count();
            answer["nextToken"] = json!(format!("{}/{same}", next.at.0));
        }
        Ok(answer)
    }
}

/// From which time on, and how many events of that time were read.
fn read_on(token: &str) -> Option<(Option<Instant>, usize)> {
    let (at, same) = token.split_once('/')?;
    Some((Some(Instant(at.parse().ok()?)), same.parse().ok()?))
}

/// 56 digits that no other event has.
fn event_id(stream: &str, place: usize, event: &Event) -> String {
    let hash = stream.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    format!("{:016}{hash:020}{place:020}", event.at.0)
}

/// Words that a line must hold.
/// Source: CloudWatch Logs User Guide, "Filter pattern syntax", matching terms in unstructured log events.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    fn read(text: &str) -> Result<Self, ApiError> {
        let mut pattern = Self::default();
        let mut rest = text.trim();
        let expression = rest.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
        if let Some(literal) = expression.filter(|it| !it.is_empty() && it.chars().all(stands_for_itself)) {
            pattern.all.push(literal.to_owned());
            return Ok(pattern);
        }
        if rest.starts_with(['{', '[', '%']) {
            return Err(invalid(
                "the sandbox knows patterns of terms and plain text between % alone: no JSON, no columns, no operators of \
                 regular expressions",
            ));
        }
        while !rest.is_empty() {
            let (list, word) = match rest.as_bytes()[0] {
                b'?' => (&mut pattern.any, &rest[1..]),
                b'-' => (&mut pattern.none, &rest[1..]),
                _ => (&mut pattern.all, rest),
            };
            let (term, left) = match word.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or_else(|| invalid("Invalid filter pattern"))?,
                None => word.split_once(char::is_whitespace).unwrap_or((word, "")),
            };
            list.push(term.to_owned());
            rest = left.trim_start();
        }
        Ok(pattern)
    }

    fn matches(&self, line: &str) -> bool {
        let has = |term: &String| line.contains(term.as_str());
        self.all.iter().all(has) && (self.any.is_empty() || self.any.iter().any(has)) && !self.none.iter().any(has)
    }
}

/// In a regular expression of CloudWatch's.
fn stands_for_itself(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, ':' | '_' | '#' | '=' | '@' | '/' | ';' | ',' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_says_what_a_line_must_hold() {
        let line = "ERROR 503 from the database: out of memory";
        for (text, expected) in [
            ("", true),
            ("ERROR", true),
            ("error", false),
            ("ERROR 503", true),
            ("ERROR 504", false),
            ("\"out of memory\"", true),
            ("\"memory out\"", false),
            ("?504 ?503", true),
            ("?504 ?505", false),
            ("ERROR -database", false),
            ("ERROR -\"the cache\"", true),
            ("%ROR%", true),
            ("%ror%", false),
        ] {
            assert_eq!(Pattern::read(text).expect("a pattern").matches(line), expected, "{text}");
        }
        for text in ["{ $.level = 1 }", "%x.*y%", "%%", "\"open"] {
            assert_eq!(Pattern::read(text).map_err(|error| error.code), Err("InvalidParameterException"));
        }
    }
}
