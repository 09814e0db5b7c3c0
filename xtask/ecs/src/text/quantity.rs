//! Sizes and durations, for people.

/// `512 B`, `24.1 MiB`: the units of 1024 that builders count in; a tenth that is not full is left out.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut whole = bytes;
    let mut unit = 0;
    while whole >= 1024 * 1024 && unit < UNITS.len() - 1 {
        whole /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", whole / 1024, whole % 1024 * 10 / 1024, UNITS[unit])
}

/// `4.2 s`, `3 min 20 s`, `1 h 2 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    match whole {
        0..60 => format!("{:.1} s", seconds.max(0.0)),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_read_well() {
        assert_eq!(size(512), "512 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(24 * 1024 * 1024 + 200 * 1024), "24.1 MiB");
        assert_eq!(size(5000 << 40), "5000.0 TiB");
        assert_eq!(duration(4.24), "4.2 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(3720.0), "1 h 2 min");
        assert_eq!(duration(f64::NAN), "0.0 s");
    }
}
