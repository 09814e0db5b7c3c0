//! What the code says that a container ended with.

use super::rule::Decisive;

/// A sentence about a container's end and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub sentence: String,
    pub fix: &'static str,
}

/// Codes, what they say after "container X ", and the way out. A shell, and the runtime, add 128 to a signal's number.
/// Source: POSIX, Shell Command Language, 2.8.2; signal(7); Rust, `std::rt`; runc and docker run, exit status.
const CODES: [(i32, &str, &str); 22] = [
    (
        0,
        "ended by itself with 0, but a service's container has to keep running",
        "let its command stay in the foreground, or run it as a task of its own and not as a service",
    ),
    (1, "exited with 1: it gave up; its log says why", ""),
    (
        2,
        "exited with 2: it was called in a way that it does not understand, as a rule; its log says why",
        "check `command` and `entryPoint`",
    ),
    (64, "exited with 64: it was called in a way that it does not understand", "check `command` and `entryPoint`"),
    (78, "exited with 78: it does not take its configuration", "check `environment` and `secrets`"),
    (101, "exited with 101: a Rust program panicked", "its log has the message; RUST_BACKTRACE=1 adds the way there"),
    (125, "exited with 125: the container runtime itself failed", ""),
    (126, "exited with 126: its command may not be executed", "check its file mode and `user`"),
    (
        127,
        "exited with 127: its command was not found in the image",
        "correct `command` and `entryPoint`, or put the program or the shared libraries that it needs into the image",
    ),
    (129, "exited with 129: its terminal was closed (SIGHUP)", ""),
    (130, "exited with 130: it was interrupted (SIGINT)", ""),
    (131, "exited with 131: it was asked to quit (SIGQUIT)", ""),
    (
        132,
        "exited with 132: it ran an instruction that the CPU does not have (SIGILL)",
        "build it for a CPU that every host has: no `target-cpu=native`",
    ),
    (134, "exited with 134: it aborted (SIGABRT)", "its log has the assertion or the allocation that failed"),
    (
        135,
        "exited with 135: it touched memory that is not there (SIGBUS)",
        "a file that it mapped may have shrunk, or /dev/shm be full (`linuxParameters.sharedMemorySize`)",
    ),
    (136, "exited with 136: an arithmetic error (SIGFPE)", ""),
    (
        137,
        "exited with 137: it was killed (SIGKILL), out of memory or too slow to stop",
        "raise `memory`, or let it end within `stopTimeout` after SIGTERM",
    ),
    (139, "exited with 139: it crashed with a segmentation fault (SIGSEGV)", ""),
    (141, "exited with 141: it wrote to a pipe that nobody reads (SIGPIPE)", ""),
    (143, "exited with 143: it was asked to stop (SIGTERM)", "see in the service's events who stopped the task"),
    (
        159,
        "exited with 159: it made a system call that is not allowed (SIGSYS)",
        "see what the seccomp profile of the host forbids",
    ),
    (255, "exited with 255: it could not be started, was lost by its host, or gave up with -1; its log says which", ""),
];

/// What a code means. `mismatch` is the platform of the container's image where the task definition asks for another.
pub(super) fn meaning(container: &str, code: i32, mismatch: Option<(&str, &str)>) -> Meaning {
    // What cannot be executed ends like this: the runtime says 1 or 255, a shell 126.
    if let (Some((image, task)), 1 | 126 | 255) = (mismatch, code) {
        return Meaning {
            sentence: format!(
                "container {container} exited with {code}: its image is built for {image}, and the task definition asks \
                 for {task}, which cannot run it (exec format error)"
            ),
            fix: "build the image for the task's platform (`platforms`), or set `runtimePlatform.cpuArchitecture` to the \
                  image's",
        };
    }
    let known = CODES.iter().find(|(known, ..)| *known == code);
    let signal = (129..=192).contains(&code).then(|| format!("exited with {code}: signal {} ended it", code - 128));
    let (what, fix) = match known {
        Some((_, what, fix)) => ((*what).to_owned(), *fix),
        None => (signal.unwrap_or_else(|| format!("exits with {code}; its log says why")), ""),
    };
    Meaning { sentence: format!("container {container} {what}"), fix }
}

/// Ended because it was told to: SIGTERM, or SIGKILL after it. Says nothing of who is at fault where another ended first.
pub(super) fn was_told(code: i32) -> bool {
    matches!(code, 137 | 143)
}

/// Ended with a code that says a failure of its own.
pub(crate) fn ended_by_itself(code: i32) -> bool {
    code != 0 && !was_told(code)
}

/// Whether the next task must end with this code, too. `mismatch`: its image is of another platform.
pub(super) fn decisive(code: i32, mismatch: bool) -> Decisive {
    match code {
        1 | 126 | 255 if mismatch => Decisive::Yes("the same image has the same architecture"),
        126 | 127 => Decisive::Yes("the same image has the same files"),
        _ => Decisive::No("a first start may wait for another service; exits are weighed by their number"),
    }
}

#[cfg(test)]
mod tests {
    use super::meaning;

    #[test]
    fn each_code_has_its_sentence() {
        for (code, says) in [
            (0, "has to keep running"),
            (1, "its log says why"),
            (3, "exits with 3; its log says why"),
            (101, "a Rust program panicked"),
            (126, "may not be executed"),
            (127, "was not found in the image"),
            (132, "an instruction that the CPU does not have"),
            (134, "aborted"),
            (137, "out of memory or too slow to stop"),
            (139, "segmentation fault"),
            (143, "was asked to stop"),
            (150, "signal 22"),
            (255, "could not be started"),
            (-1, "exits with -1"),
        ] {
            let found = meaning("app", code, None).sentence;
            assert!(found.starts_with("container app ") && found.contains(says), "{code}: {found}");
        }
    }

    #[test]
    fn another_architecture_explains_only_what_a_program_that_cannot_run_ends_with() {
        let with = |code| meaning("app", code, Some(("linux/amd64", "ARM64"))).sentence;
        for code in [1, 126, 255] {
            assert!(
                with(code).contains("built for linux/amd64, and the task definition asks for ARM64"),
                "{}",
                with(code)
            );
        }
        for code in [0, 101, 137, 143] {
            assert!(!with(code).contains("ARM64"), "{}", with(code));
        }
    }
}
