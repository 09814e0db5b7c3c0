//! Who waits in real time, place by place. In a simulation time is turned by hand, and what a command does there must not depend
//! on how busy the machine is: all else waits by `time` and `Interrupt::wait`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::platforms::files;

/// Files, and what they wait for.
const PLACES: &[(&str, &str)] = &[
    ("aws/transport.rs", "an answer over a network, which no simulation has"),
    ("event/stream.rs", "readers, which change no outcome"),
    ("interrupt.rs", "the wait of everybody else, where no clock is turned"),
    ("process.rs", "other programs"),
    ("reader/github.rs", "how long a command took, for who reads"),
    ("reader/github/hostile.rs", "how long a page of a test takes"),
    ("reader/slack.rs", "Slack, which changes no outcome"),
    ("reader/slack/api.rs", "Slack's answers"),
    ("rehearse.rs", "how long a rehearsal took, for who reads"),
    ("simulate.rs", "how long worlds took, for who reads"),
    ("sources/fetch.rs", "an answer over a network"),
    ("time.rs", "the clock itself"),
    ("time/turned.rs", "whether others have begun to wait"),
    ("tools/download.rs", "a download"),
];

/// The same of the sandbox.
const OF_THE_SANDBOX: &[(&str, &str)] = &[
    ("clock.rs", "a clock that is the real one, or as many times as fast"),
    ("lib.rs", "when limits begin to count, where they are asked for"),
    ("machine.rs", "containers that run in earnest"),
    ("machine/container.rs", "containers that run in earnest"),
    ("machine/docker.rs", "docker"),
    ("machine/docker/leftovers.rs", "docker"),
    ("machine/namespace.rs", "programs"),
    ("machine/probes.rs", "checks of containers that run in earnest"),
    ("machine/program.rs", "programs"),
    ("registry.rs", "a stall that is asked for over a network"),
    ("server.rs", "connections"),
    ("server/api.rs", "a stall that is asked for over a network"),
    ("world.rs", "limits, and a clock that passes by itself"),
];

#[test]
fn each_place_that_waits_in_real_time_is_named_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (source, places) in [("src", PLACES), ("../sandbox/src", OF_THE_SANDBOX)] {
        let named: BTreeSet<String> = places.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(waiting(&root.join(source)), named, "{source}");
    }
}

fn waiting(source: &Path) -> BTreeSet<String> {
    let waits = ["Instant::now()", "tokio::time::", "recv_timeout(", "wait_timeout", "thread::sleep(", "park_timeout("];
    let waits = |file: &&std::path::PathBuf| {
        let text = fs::read_to_string(file).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        waits.iter().any(|wait| code.contains(wait))
    };
    let name = |file: &std::path::PathBuf| file.strip_prefix(source).expect("it is below").display().to_string();
    files(source).iter().filter(waits).map(name).collect()
}
