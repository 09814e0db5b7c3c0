//! One stream, page by page, in both directions: GetLogEvents.

use serde_json::{Value, json};

use super::{Event, Logs, invalid, missing, page, time};
use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

/// Where a reader stands: between two events, on its way to the newer or to the older ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Forward(usize),
    Backward(usize),
}

impl Token {
    fn read(text: &str) -> Result<Self, ApiError> {
        let digits = text.get(2..).and_then(|rest| rest.strip_suffix("/s"));
        let place = digits.and_then(|digits| digits.parse().ok());
        match (text.get(..2), place) {
            (Some("f/"), Some(place)) => Ok(Self::Forward(place)),
            (Some("b/"), Some(place)) => Ok(Self::Backward(place)),
            _ => Err(invalid("The specified nextToken is invalid.")),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Forward(place) => format!("f/{place:056}/s"),
            Self::Backward(place) => format!("b/{place:056}/s"),
        }
    }
}

impl Logs {
    /// A reader who is at the end is given the token that it came with.
    pub(super) fn get_log_events(&self, input: &Value, now: Instant) -> ApiResult {
        let (_, group) = self.group(input)?;
        let name = input["logStreamName"].as_str().unwrap_or_default();
        let events = group.streams.get(name).ok_or_else(|| missing("stream"))?.visible(now);
        let from = time(input, "startTime").map_or(0, |start| place(events, start));
        let to = time(input, "endTime").map_or(events.len(), |end| place(events, end)).max(from);
        let token = match input["nextToken"].as_str() {
            Some(token) => Token::read(token)?,
            None if input["startFromHead"] == true => Token::Forward(from),
            None => Token::Backward(to),
        };
        let (first, last) = match token {
            Token::Forward(place) => {
                let first = place.clamp(from, to);
                (first, first + page(events[first..to].iter(), input))
            }
            Token::Backward(place) => {
                let last = place.clamp(from, to);
                (last - page(events[from..last].iter().rev(), input), last)
            }
        };
        Ok(json!({
            "events": events[first..last].iter().map(Event::describe).collect::<Vec<_>>(),
            "nextForwardToken": Token::Forward(last).text(),
            "nextBackwardToken": Token::Backward(first).text(),
        }))
    }
}

/// How many events are older than this.
fn place(events: &[Event], moment: Instant) -> usize {
    events.partition_point(|event| event.at < moment)
}
