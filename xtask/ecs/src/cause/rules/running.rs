//! A container ran, and was ended or lost.

use super::RUN;
use crate::cause::rule::Sign::{Clause, Named};
use crate::cause::rule::{Decisive, Fault, Look, Rule, Sign};

/// A load balancer found the tasks unhealthy.
pub(crate) const LOAD_BALANCER: &[Sign] = &[
    Clause("Task failed ELB health checks in …"),
    Clause("Task failed ELB health checks"),
    Clause("(service …) … is unhealthy in …"),
    Clause("service … is unhealthy in …"),
];

/// A container found itself unhealthy.
pub(crate) const CONTAINER_HEALTH: &[Sign] = &[
    Clause("Task failed container health checks"),
    Clause("(service …) … failed container health checks"),
    Clause("(task …) failed container health checks"),
];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "out-of-memory",
        signs: &[Named("OutOfMemoryError"), Clause("Container killed due to memory usage")],
        fault: Fault::Program,
        sentence: "{container} used more memory than its limit and was killed",
        fix: "raise `memory`, or find what uses it",
        source: "amazon-ecs-agent, agent/dockerclient/dockerapi/errors.go; Amazon ECS Developer Guide, OutOfMemoryError",
        decisive: Decisive::No("the memory that a program needs differs from start to start"),
        ..RUN
    },
    Rule {
        name: "runtime-timeout",
        signs: &[
            Named("ContainerRuntimeTimeoutError"),
            Named("DockerTimeoutError"),
            Clause("Could not transition to running"),
            Clause("Could not transition to created"),
            Clause("Could not transition to stopped"),
        ],
        fault: Fault::Host,
        sentence: "the container runtime did not answer in time about {container}; the image is not at fault",
        fix: "nothing is to be done: ECS tries again; on EC2 look at the load and the disk of that instance",
        look: Look::Tasks,
        source: "amazon-ecs-agent, agent/dockerclient/dockerapi/errors.go",
        decisive: Decisive::No("another instance may answer"),
        ..RUN
    },
    Rule {
        name: "runtime-lost",
        signs: &[
            Named("CannotInspectContainerError"),
            Named("CannotStopContainerError"),
            Named("ContainerRuntimeError"),
            Named("ContainerVanishedError"),
            Named("TaskStateError"),
            Clause("No container matching saved ID found"),
        ],
        fault: Fault::Host,
        sentence: "the container runtime lost {container}; the image is not at fault",
        fix: "nothing is to be done: ECS tries again; on EC2 look at the agent's log of that instance",
        look: Look::Tasks,
        source: "Amazon ECS Developer Guide, ContainerRuntimeError and CannotInspectContainerError; amazon-ecs-agent, \
                 agent/engine/errors.go",
        decisive: Decisive::No("another instance may do better"),
        ..RUN
    },
    Rule {
        name: "load-balancer-health",
        signs: LOAD_BALANCER,
        fault: Fault::Program,
        sentence: "the tasks ran, but the load balancer's health check failed",
        fix: "check its path and port, what the program answers there, the security group, and whether \
              `healthCheckGracePeriodSeconds` is long enough for the start",
        source: "Amazon ECS Developer Guide, Service event messages",
        decisive: Decisive::No("a program may only be slow to start"),
        ..RUN
    },
    Rule {
        name: "container-health",
        signs: CONTAINER_HEALTH,
        fault: Fault::Program,
        sentence: "the tasks ran, but {container}'s own health check failed",
        fix: "check that its command is in the image (an image without a shell has no `CMD-SHELL`), and passes within \
              `startPeriod`",
        source: "Amazon ECS Developer Guide, Determine Amazon ECS task health using container health checks",
        decisive: Decisive::No("a program may only be slow to start"),
        ..RUN
    },
];
