//! A container could not be created or started.

use super::START;
use crate::cause::rule::Sign::Clause;
use crate::cause::rule::{Decisive, Fault, Rule};

const RUNC: &str = "runc, libcontainer: standard_init_linux.go, rootfs_linux.go, init_linux.go";

/// The steps that look for the program and run it.
const EXEC: &[&str] = &["exec", "exec …", "starting container process caused", "stat …", "fork/exec …", "lstat …"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "start-wrong-architecture",
        signs: &[Clause("exec format error")],
        fault: Fault::Image,
        sentence: "the image of {container} is built for another CPU architecture than the task runs on",
        fix: "build it for the task's platform (`platforms`), or set `runtimePlatform.cpuArchitecture` in the task \
              definition to the image's",
        source: "Linux, ENOEXEC of execve(2); aws/aws-cdk and ECS users' reports of `exec format error`",
        decisive: Decisive::Yes("the same image has the same architecture"),
        ..START
    },
    Rule {
        name: "start-command-not-found",
        doing: EXEC,
        signs: &[
            Clause("executable file not found in $PATH"),
            Clause("executable file not found in %PATH%"),
            Clause("executable file not found in …"),
        ],
        fault: Fault::Image,
        sentence: "{container} could not be started: its command is not in the image",
        fix: "correct `command` and `entryPoint` (each word is an element of its own), or put the program into the image",
        source: "Go, os/exec/lp_unix.go, as runc passes it on; aws/amazon-ecs-cli#78",
        decisive: Decisive::Yes("the same image has the same files"),
        ..START
    },
    Rule {
        name: "start-working-directory",
        doing: &["chdir to cwd … set in … failed"],
        signs: &[],
        fault: Fault::Definition,
        sentence: "{container} could not be started: its working directory cannot be entered",
        fix: "correct `workingDirectory`, or who owns the folder in the image beside `user`",
        source: RUNC,
        decisive: Decisive::Yes("the same image has the same folders"),
        ..START
    },
    Rule {
        name: "start-host-path",
        signs: &[Clause("bind source path does not exist"), Clause("invalid mount config for type …")],
        fault: Fault::Host,
        sentence: "{container} could not be created: a host path that it mounts is not there",
        fix: "create the path on the instance, or correct `volumes[].host.sourcePath`",
        source: "moby, volume/mounts/validate.go; aws/amazon-ecs-agent#3526",
        decisive: Decisive::No("another instance may have the path"),
        ..START
    },
    Rule {
        name: "start-volume-ownership",
        doing: &["failed to copy file info for …", "failed to chown …", "chown …", "failed to chmod …"],
        signs: &[],
        fault: Fault::Definition,
        sentence: "{container} could not be created: the folder that its volume covers belongs to somebody whom the volume \
                   does not let own anything",
        fix: "let the image's folder belong to the access point's POSIX user, or take the POSIX user off the access point",
        source: "moby, volume copy-up; public reports of EFS access points on EC2",
        decisive: Decisive::Yes("the same volume has the same owner"),
        ..START
    },
    Rule {
        name: "start-mount",
        doing: &[
            "error mounting … to rootfs at …",
            "error mounting … to rootfs",
            "failed to mount …",
            "error while mounting volume …",
        ],
        signs: &[],
        fault: Fault::Definition,
        sentence: "{container} could not be started: a mount failed, {said}",
        fix: "check `mountPoints` and `volumes`: that the source is there, of the same kind as the target (file or folder), \
              and may be mounted",
        source: RUNC,
        decisive: Decisive::No("the source may be another instance's"),
        ..START
    },
    Rule {
        name: "start-device",
        doing: &[
            "error gathering device information while adding custom device …",
            "error running hook …",
            "running hook …",
            "nvidia-container-cli",
        ],
        signs: &[],
        fault: Fault::Host,
        sentence: "{container} could not be started: a device that it needs is not on the instance",
        fix: "place the task on instances that have the device (for GPUs the ECS GPU-optimised AMI), or correct \
              `linuxParameters.devices` and `resourceRequirements`",
        source: "Amazon ECS Developer Guide, task definitions for video transcoding; moby, daemon/oci_linux.go",
        decisive: Decisive::No("another instance may have the device"),
        ..START
    },
    Rule {
        name: "start-port-taken",
        signs: &[
            Clause("port is already allocated"),
            Clause("address already in use"),
            Clause("driver failed programming external connectivity on endpoint …"),
            Clause("failed to set up container networking"),
        ],
        fault: Fault::Host,
        sentence: "{container} could not be started: a host port that it asks for is taken on the instance",
        fix: "leave `hostPort` at 0, or use the network mode `awsvpc`, so that two tasks fit on one instance",
        source: "moby, libnetwork/portallocator; amazon-ecs-agent, agent/engine",
        decisive: Decisive::No("the task before it may let the port go"),
        ..START
    },
    Rule {
        name: "start-user",
        doing: &["unable to find user …", "unable to find group …"],
        signs: &[],
        fault: Fault::Definition,
        sentence: "{container} could not be started: its image does not know the user that it is to run as",
        fix: "correct `user`, or write it as a number (an image without /etc/passwd knows no names)",
        source: "moby/sys, user/user.go",
        decisive: Decisive::Yes("the same image knows the same users"),
        ..START
    },
    Rule {
        name: "start-sysctl",
        doing: &[
            "sysctl … not allowed in host network namespace",
            "sysctl … is not in a separate kernel namespace",
            "sysctl … is not allowed in the hosts ipc namespace",
        ],
        signs: &[],
        fault: Fault::Definition,
        sentence: "{container} could not be started: a kernel setting of `systemControls` cannot be made for it alone",
        fix: "take it out of `systemControls`, use the network mode `awsvpc` or `bridge` for settings below `net.`, or make it \
              on the instance itself",
        source: "runc, libcontainer/configs/validate/validator.go",
        decisive: Decisive::Yes("the same definition asks for the same setting"),
        ..START
    },
    Rule {
        name: "start-ulimits",
        doing: &[
            "error setting rlimits for ready process",
            "setting rlimits for ready process caused",
            "error setting rlimit type …",
        ],
        signs: &[],
        fault: Fault::Definition,
        sentence: "{container} could not be started: its `ulimits` are above what the instance allows",
        fix: "lower `ulimits`, or raise the limits of the docker daemon on the instance",
        source: "runc, libcontainer/process_linux.go and rlimit_linux.go",
        decisive: Decisive::No("another instance may allow more"),
        ..START
    },
    Rule {
        name: "start-capabilities",
        doing: &["unable to apply caps"],
        signs: &[],
        fault: Fault::Definition,
        sentence: "{container} could not be started: the instance does not give it its capabilities",
        fix: "take out of `linuxParameters.capabilities` what the instance does not give; Fargate adds SYS_PTRACE and no other",
        source: "runc, libcontainer/init_linux.go; Amazon ECS API Reference, KernelCapabilities",
        decisive: Decisive::No("another instance may give more"),
        ..START
    },
    Rule {
        name: "start-no-command",
        signs: &[Clause("No command specified"), Clause("no command specified"), Clause("args must not be empty")],
        fault: Fault::Image,
        sentence: "{container} could not be created: neither its image nor the task definition says what to run",
        fix: "set `command`, or ENTRYPOINT or CMD in the image",
        source: "moby, daemon/create.go; runc, libcontainer/specconv",
        decisive: Decisive::Yes("the same image says the same"),
        ..START
    },
    Rule {
        name: "start-memory-too-low",
        signs: &[
            Clause("container init was OOM-killed (memory limit too low?)"),
            Clause("Minimum memory limit allowed is 6MB"),
            Clause("Minimum memory limit can not be less than memory reservation limit"),
            Clause("failed to get container status"),
        ],
        fault: Fault::Definition,
        sentence: "{container} could not be started: its memory limit is too low to start anything in",
        fix: "raise `memory`",
        source: "runc, libcontainer/process_linux.go; moby, daemon/daemon_unix.go; Amazon ECS Developer Guide, \
                 CannotStartContainerError",
        decisive: Decisive::Yes("the same limit is as low again"),
        ..START
    },
    Rule {
        name: "start-disk-full",
        signs: &[Clause("no space left on device"), Clause("devmapper"), Clause("disk quota exceeded")],
        fault: Fault::Host,
        sentence: "{container} could not be created: there is no space left on the disk of the task or its instance",
        fix: "raise `ephemeralStorage` (Fargate) or the instance's disk, and let the agent clean up sooner \
              (`ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION`)",
        source: "Amazon ECS Developer Guide, CannotCreateContainerError: API error (500): devmapper",
        decisive: Decisive::No("another instance may have the space"),
        ..START
    },
    Rule {
        name: "start-command-missing",
        doing: EXEC,
        signs: &[Clause("no such file or directory")],
        fault: Fault::Image,
        sentence: "{container} could not be started: its command, or the interpreter or dynamic linker that the command \
                   names, is not in the image",
        fix: "check the path and the image's files; a script needs the shell of its first line, with Unix line ends, and a \
              program that is not static the linker and libraries it was built against",
        source: "Linux, ENOENT of execve(2); runc, tests/integration/run.bats; aws/amazon-ecs-agent#2954",
        decisive: Decisive::Yes("the same image has the same files"),
        ..START
    },
    Rule {
        name: "start-not-executable",
        doing: EXEC,
        signs: &[Clause("permission denied"), Clause("is a directory"), Clause("operation not permitted")],
        fault: Fault::Image,
        sentence: "{container}'s command may not be executed",
        fix: "check its file mode (`COPY --chmod=0755`) and `user`",
        source: "Linux, EACCES of execve(2)",
        decisive: Decisive::Yes("the same image has the same modes"),
        ..START
    },
    Rule {
        name: "start-name-taken",
        signs: &[Clause("Conflict"), Clause("The container name … is already in use by container …")],
        fault: Fault::Host,
        sentence: "{container} could not be created: the instance has a container of that name already",
        fix: "nothing is to be done: ECS tries again; if it stays, restart the ECS agent on that instance",
        source: "moby, daemon/names.go; amazon-ecs-agent, agent/engine/docker_task_engine.go",
        decisive: Decisive::No("the next task has another name"),
        ..START
    },
];
