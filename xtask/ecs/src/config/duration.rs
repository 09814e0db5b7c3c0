//! Durations as people write them: `15m`, `90s`, `1h30m`.

use std::time::Duration;

/// Units from the longest to the shortest, in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Whole numbers with units `h`, `m`, `s`, `ms`, each unit once and the longest first. Zero is refused: nothing that
/// this tool waits for can be waited for that short. Errors are the rule.
pub(crate) fn parse(text: &str) -> Result<Duration, &'static str> {
    const RULE: &str = "a duration is whole numbers with a unit each, such as \"15m\", \"90s\" or \"1h30m\"";
    let mut rest = text;
    let mut milliseconds = 0_u64;
    let mut shortest_so_far = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().map_err(|_| RULE)?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let unit = UNITS.iter().position(|(unit, _)| *unit == &rest[..letters]).ok_or(RULE)?;
        if unit < shortest_so_far {
            return Err(RULE);
        }
        shortest_so_far = unit + 1;
        rest = &rest[letters..];
        milliseconds = number.checked_mul(UNITS[unit].1).and_then(|more| milliseconds.checked_add(more)).ok_or(RULE)?;
    }
    match milliseconds {
        _ if text.is_empty() => Err(RULE),
        0 => Err("a duration is longer than zero"),
        milliseconds => Ok(Duration::from_millis(milliseconds)),
    }
}

/// The way back: `1h30m`.
pub(super) fn format(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let part = |(unit, milliseconds)| {
        let number = rest / milliseconds;
        rest %= milliseconds;
        if number == 0 { String::new() } else { std::format!("{number}{unit}") }
    };
    UNITS.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back_as_they_were_written() {
        for (text, milliseconds) in
            [("15m", 900_000), ("90s", 90_000), ("1h30m", 5_400_000), ("200ms", 200), ("1h2m3s4ms", 3_723_004)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(format(Duration::from_secs(5_400)), "1h30m");
        assert_eq!(format(Duration::from_millis(1_200)), "1s200ms");
    }

    #[test]
    fn other_spellings_of_durations_are_refused() {
        for text in [
            "",
            "15",
            "m",
            "15 m",
            "1.5h",
            "-5s",
            "30m1h",
            "1m1m",
            "5d",
            "０s",
            "99999999999999999999s",
            "99999999999999999h",
            "0s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
