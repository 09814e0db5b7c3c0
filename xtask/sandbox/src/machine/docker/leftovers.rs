//! Nothing is left in an engine: containers, volumes and images of a sandbox bear its word, and a program that outlives it
//! removes them, however it ends. What no such program came to, the next sandbox of this machine removes.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{Engine, LABEL};
use crate::machine::program::finish;

/// What the word of a sandbox begins with; this machine's name, its process and chance follow.
const WORD: &str = "xtask-run";
/// Letters of chance at its end.
const CHANCE: usize = 8;

/// `sweep WORD`: again where something failed, for an engine may be removing something for somebody else meanwhile. An image may have further names that are somebody else's: none is removed by its id.
const SWEEP: &str = r#"trap '' HUP INT TERM
names() {
  ids=$(docker images --quiet --no-trunc) || return 1
  [ -z "$ids" ] || docker image inspect --format "$NAMES" $ids
}
sweep() {
  for pause in 0 0 1 1 2 2; do
    left=
    containers=$(docker ps --all --quiet --filter "label=xtask-sandbox=$1") || left=1
    [ -z "$containers" ] || docker rm --force --volumes $containers || left=1
    volumes=$(docker volume ls --quiet --filter "label=xtask-sandbox=$1") || left=1
    [ -z "$volumes" ] || docker volume rm --force $volumes || left=1
    images=$(names) || left=1
    # What has a tag is gone with that.
    images=$(echo "$images" | grep -F "/$1/" | grep -v /hold@ | sort -u)
    [ -z "$images" ] || docker rmi $images || left=1
    [ -n "$left" ] || return 0
    sleep $pause
  done
}
"#;

/// Every name of an image: `docker images` shows one of those by digest.
const NAMES: &str = "{{range .RepoTags}}{{println .}}{{end}}{{range .RepoDigests}}{{println .}}{{end}}";

/// Until its stdin ends. What was on its way while the sandbox was killed may come a little later.
const WATCH: &str = "read ended; sweep \"$1\"; [ \"$ended\" = ended ] || { sleep 2; sweep \"$1\"; }";

/// A word that no other sandbox has.
pub(super) fn word(machine: &str) -> String {
    let chance = &crate::ecr::random_id()[..CHANCE];
    format!("{WORD}-{machine}-{}-{chance}", std::process::id())
}

/// This machine's name, as far as an image's name can hold it.
pub(super) fn machine() -> String {
    let mut uname = std::process::Command::new("uname");
    uname.arg("-n");
    let said = finish(uname, Duration::from_secs(5)).map(|(_, lines)| lines.concat()).unwrap_or_default();
    let name: String = said.chars().filter(char::is_ascii_alphanumeric).collect();
    if name.is_empty() { "here".to_owned() } else { name.to_lowercase() }
}

/// Removes what sandboxes of this machine left that are gone.
pub(super) fn sweep(engine: &Engine, machine: &str) -> Result<(), String> {
    let label = format!("{{{{.Label \"{LABEL}\"}}}}");
    let filter = format!("label={LABEL}");
    let mut found = engine.run(["ps", "--all", "--filter", &filter, "--format", &label])?;
    found.extend(engine.run(["volume", "ls", "--filter", &filter, "--format", &label])?);
    let ids = engine.run(["images", "--quiet", "--no-trunc"])?;
    if !ids.is_empty() {
        let inspect = ["image", "inspect", "--format", NAMES].into_iter();
        found.extend(engine.run(inspect.chain(ids.iter().map(String::as_str)))?);
    }
    let gone = gone(found.iter().flat_map(|name| name.split('/')), machine, &lives);
    if gone.is_empty() {
        return Ok(());
    }
    let mut sh = engine.program("sh");
    sh.env("NAMES", NAMES).args(["-c", &[SWEEP, "for word; do sweep \"$word\"; done"].concat(), "sweep"]).args(gone);
    finish(sh, super::ANSWER).map(drop).map_err(|error| error.to_string())
}

/// Of these the words of sandboxes of this machine whose process is no more.
fn gone<'a>(found: impl Iterator<Item = &'a str>, machine: &str, lives: &dyn Fn(&str) -> bool) -> BTreeSet<&'a str> {
    let process = |word: &&'a str| {
        let (pid, chance) =
            word.strip_prefix(WORD)?.strip_prefix('-')?.strip_prefix(machine)?.strip_prefix('-')?.split_once('-')?;
        // Anybody may label an image: only what a sandbox would make of its word is one.
        let made_here = chance.len() == CHANCE && chance.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (made_here && pid.parse::<u32>().is_ok() && !lives(pid)).then_some(())
    };
    found.filter(|word| process(word).is_some()).collect()
}

fn lives(pid: &str) -> bool {
    let mut sh = std::process::Command::new("sh");
    sh.args(["-c", "[ -d /proc/$1 ] || ps -p $1", "lives", pid])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    sh.status().is_ok_and(|status| status.success())
}

/// Removes everything of one sandbox when this is dropped, or when this process is killed.
pub(super) struct Sweeper(Child);

impl Sweeper {
    pub fn start(engine: &Engine, word: &str) -> std::io::Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let mut sh = engine.program("sh");
        sh.env("NAMES", NAMES).args(["-c", &[SWEEP, WATCH].concat(), "sweep", word]).process_group(0);
        sh.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(Self)
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.0.stdin.take() {
            drop(stdin.write_all(b"ended\n"));
        }
        // It outlives this where the engine does not answer.
        let began = Instant::now();
        while self.0.try_wait().is_ok_and(|ended| ended.is_none()) && began.elapsed() < super::ANSWER {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_process_of_this_very_machine_left_is_swept() {
        let found = [
            "xtask-run-laptop-11-0a1b2c3d",
            "xtask-run-laptop-12-0a1b2c3d",
            "xtask-run-other-11-0a1b2c3d",
            "app",
            "xtask-run-laptop-x-0a1b2c3d",
            "xtask-run-laptop-11-.*.*.*.*",
            "xtask-run-laptop-11-0a1b2c3d more",
            "xtask-run-laptop-11-",
            "",
        ];
        let gone = gone(found.into_iter(), "laptop", &|pid| pid == "12");
        assert_eq!(gone.into_iter().collect::<Vec<_>>(), ["xtask-run-laptop-11-0a1b2c3d"]);
    }
}
