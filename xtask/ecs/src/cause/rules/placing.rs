//! A task got no capacity, no address or no role, or was taken its place.

use super::PLACE;
use crate::cause::rule::Sign::{Clause, Denied, Named};
use crate::cause::rule::{Decisive, Fault, Rule, Stage};

const EVENTS: &str = "Amazon ECS Developer Guide, Service event messages";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "spot",
        signs: &[
            Clause("Your Spot Task was interrupted"),
            Clause("Spot Task was interrupted"),
            Named("SpotInterruptionError"),
            Clause("SpotInterruption"),
            Clause("TerminationNotice"),
        ],
        fault: Fault::Aws,
        sentence: "AWS took the capacity back, for it was Spot's; the image is not at fault",
        fix: "nothing is to be done: ECS starts another task; keep a base of `FARGATE` or on-demand capacity in the \
              capacity provider strategy",
        source: "Amazon ECS Developer Guide, SpotInterruption errors",
        decisive: Decisive::No("capacity comes back"),
        ..PLACE
    },
    Rule {
        name: "host-gone",
        signs: &[
            Clause("Host EC2 (instance … terminated"),
            Clause("Host EC2 (instance …) terminated"),
            Clause("Host EC2 (instance …) stopped"),
            Clause("Host EC2 (instance … stopped"),
            Clause("ECS is performing maintenance on the underlying infrastructure hosting the task"),
            Clause("InfrastructureHealth"),
            Clause("Task stopped due to …"),
        ],
        fault: Fault::Aws,
        sentence: "AWS took the capacity back: the machine under the task ended; the image is not at fault",
        fix: "nothing is to be done: ECS starts the task on another one",
        source: "Amazon ECS Developer Guide, Stopped tasks error messages; Fargate task retirement",
        decisive: Decisive::No("another machine takes the task"),
        ..PLACE
    },
    Rule {
        name: "role-not-assumed",
        signs: &[
            Clause("ECS was unable to assume the role …"),
            Clause("ECS was unable to assume the role … that was provided for this task"),
            Clause(
                "(service …) failed to launch a task with (error ECS was unable to assume the role … that was provided for this task",
            ),
            Clause(
                "service … failed to launch a task with (error ECS was unable to assume the role … that was provided for this task",
            ),
            Clause("(service …) failed to launch a task with (error ECS was unable to assume the role …"),
        ],
        fault: Fault::Permission,
        sentence: "ECS may not assume the task's role {role-arn}",
        fix: "check that the role exists and that its trust policy lets ecs-tasks.amazonaws.com assume it",
        source: EVENTS,
        decisive: Decisive::No("a new role takes some seconds to be known everywhere"),
        ..PLACE
    },
    Rule {
        name: "service-role",
        signs: &[
            Clause("Unable to assume the service linked role"),
            Clause("(service …) failed to … (error Unable to assume the service linked role"),
            Clause("Please verify that the ECS service linked role exists"),
            Clause("ECS was unable to assume the configured ECS Infrastructure Role …"),
            Clause("ECS was unable to assume the configured ECS Infrastructure Role"),
        ],
        fault: Fault::Permission,
        sentence: "ECS may not assume a role of its own that it needs for the service",
        fix: "create the service-linked role (`aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com`); \
              for EBS volumes, let ecs.amazonaws.com assume the infrastructure role",
        source: "Amazon ECS Developer Guide, Using service-linked roles; Troubleshooting Amazon EBS volume attachments",
        decisive: Decisive::No("a new role takes some seconds to be known everywhere"),
        ..PLACE
    },
    Rule {
        name: "ebs",
        signs: &[
            Clause("ECS timed out while configuring the EBS volume attachments to your Task"),
            Clause("ECS timed-out while configuring the EBS Volume attachments to your Task"),
            Clause("ECS failed to attach EBS volume …"),
        ],
        fault: Fault::Aws,
        sentence: "an EBS volume of the task was not attached in time",
        fix: "nothing is to be done: ECS tries again; if it stays, check the volume's snapshot, its key and the account's \
              quota of volumes",
        source: "Amazon ECS Developer Guide, Troubleshooting Amazon EBS volume attachments",
        decisive: Decisive::No("another task gets another volume"),
        ..PLACE
    },
    Rule {
        name: "no-addresses",
        signs: &[
            Named("InsufficientFreeAddressesInSubnet"),
            Clause("InsufficientFreeAddressesInSubnet"),
            Clause(
                "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet …",
            ),
            Clause("The specified subnet does not have enough free addresses to satisfy the request"),
        ],
        fault: Fault::Network,
        sentence: "the subnet has no free address for the task",
        fix: "give the service larger or further subnets",
        source: "Amazon ECS Developer Guide, TaskFailedToStart errors",
        decisive: Decisive::No("an address may become free"),
        ..PLACE
    },
    Rule {
        name: "interface-denied",
        doing: &["Unexpected EC2 error while attempting to …"],
        signs: &[
            Denied,
            Clause("TagPolicyViolation"),
            Clause("AuthFailure"),
            Clause("UnauthorizedOperation"),
            Clause("InvalidSubnetID"),
            Clause("InvalidGroup.NotFound"),
        ],
        fault: Fault::Permission,
        sentence: "ECS may not make the task's network interface: {said}",
        fix: "check the organisation's tag and service control policies for ec2:CreateNetworkInterface, and that the \
              service's subnets and security groups exist",
        source: "public reports of `Unexpected EC2 error while attempting to tag the network interface`",
        decisive: Decisive::No("a policy may be lifted while the rollout goes on"),
        ..PLACE
    },
    Rule {
        name: "interface-late",
        signs: &[
            Clause("Timeout waiting for network interface provisioning to complete"),
            Clause("Network interface provision complete error timeout wait for network interface provision"),
            Clause("Timeout waiting for EphemeralStorage provisioning to complete"),
            Clause("Task provisioning failed"),
            Clause("Unexpected EC2 error while attempting to …"),
            Clause("Rate limit exceeded while preparing network interface to be attached to instance"),
            Clause("Unable to attach network interface to unused device index"),
            Named("InternalError"),
        ],
        fault: Fault::Aws,
        sentence: "the task's network interface did not come in time; the image is not at fault",
        fix: "nothing is to be done: ECS tries again; if it stays, check the subnet's free addresses and the account's \
              network interfaces",
        source: "Amazon ECS Developer Guide, TaskFailedToStart errors",
        decisive: Decisive::No("another task gets another interface"),
        ..PLACE
    },
    Rule {
        name: "fargate-capacity",
        at: &[Stage::Placing, Stage::Initialising],
        signs: &[
            Clause("Capacity is unavailable at this time"),
            Clause("Unable to launch instance(s) for capacity provider …"),
            Clause("Unable to fulfill capacity due to your request configuration"),
            Named("UnfulfillableCapacity"),
            Clause("UnfulfillableCapacity"),
            Clause("Internal error"),
        ],
        fault: Fault::Aws,
        sentence: "AWS has no capacity for the task now",
        fix: "wait, or let the service use more availability zones; \"Internal error\" can also mean a zone that Fargate does \
              not serve",
        source: EVENTS,
        decisive: Decisive::No("capacity comes back"),
        ..PLACE
    },
    Rule {
        name: "quota",
        signs: &[
            Clause("You've reached the limit on the number of tasks you can run concurrently"),
            Clause("You’ve reached the limit on the number of tasks you can run concurrently"),
            Clause("You’ve reached the limit on the number of vCPUs you can run concurrently"),
            Clause("You've reached the limit on the number of vCPUs you can run concurrently"),
            Clause("The requested CPU configuration is above your limit"),
            Clause("The requested MEMORY configuration is above your limit"),
            Clause("Limit exceeded while …"),
        ],
        fault: Fault::Aws,
        sentence: "the account's quota for tasks is used up",
        fix: "stop what is not needed, or ask for more in Service Quotas (Fargate vCPU)",
        source: EVENTS,
        decisive: Decisive::No("other tasks end"),
        ..PLACE
    },
    Rule {
        name: "throttled",
        signs: &[
            Clause("(service …) operations are being throttled"),
            Clause("(service …) operations are being throttled on …"),
            Clause("service … operations are being throttled"),
            Clause("Rate exceeded"),
            Clause("Rate limit exceeded …"),
            Named("ThrottlingException"),
        ],
        fault: Fault::Aws,
        sentence: "AWS throttles what ECS does for this service",
        fix: "wait: ECS tries again; if it stays, ask for a higher rate or deploy fewer services at once",
        source: EVENTS,
        decisive: Decisive::No("throttling passes"),
        ..PLACE
    },
    Rule {
        name: "no-room-to-roll",
        signs: &[
            Clause(
                "(service …) was unable to stop or start tasks during a deployment because of the service deployment configuration",
            ),
            Clause(
                "service … was unable to stop or start tasks during a deployment because of the service deployment configuration",
            ),
            Clause("Update the minimumHealthyPercent or maximumPercent value and try again"),
        ],
        fault: Fault::Definition,
        sentence: "`minimumHealthyPercent` and `maximumPercent` leave no room to start a new task or stop an old one",
        fix: "raise `maximumPercent` (200 is ECS's default), or lower `minimumHealthyPercent`",
        source: EVENTS,
        decisive: Decisive::Yes("the same percentages leave no room again"),
        ..PLACE
    },
    Rule {
        name: "protected",
        signs: &[Clause("The number of protected tasks are more than the desired count of tasks")],
        fault: Fault::Definition,
        sentence: "tasks that are protected from scaling in keep the rollout from ending",
        fix: "wait for the protection to end, or lift it: `aws ecs update-task-protection`",
        source: EVENTS,
        decisive: Decisive::No("protection ends"),
        ..PLACE
    },
    Rule {
        name: "agent-gone",
        signs: &[Clause("AGENT"), Clause("… encountered error …")],
        fault: Fault::Host,
        sentence: "the ECS agent of the instance does not answer",
        fix: "restart the agent there (`systemctl restart ecs`), or replace the instance",
        source: EVENTS,
        decisive: Decisive::No("another instance may have an agent that answers"),
        ..PLACE
    },
    Rule {
        name: "no-instance",
        signs: &[
            Clause("(service …) was unable to place a task because no container instance met all of its requirements"),
            Clause("service … was unable to place a task because no container instance met all of its requirements"),
            Clause("(service …) was unable to place a task because no container instance met all requirements"),
            Clause("No Container Instances were found in your cluster"),
            Clause("No Container Instances were found in your capacity provider"),
            Clause("RESOURCE:CPU"),
            Clause("RESOURCE:MEMORY"),
            Clause("RESOURCE:PORTS"),
            Clause("RESOURCE:ENI"),
            Clause("RESOURCE:GPU"),
            Clause("RESOURCE:…"),
            Clause("ATTRIBUTE"),
            Clause("EMPTY CAPACITY PROVIDER"),
            Clause("NO ACTIVE INSTANCES"),
        ],
        fault: Fault::Host,
        sentence: "no instance of the cluster has room for the task: {said}",
        fix: "add instances (or let the capacity provider), or ask for less CPU, memory and fixed host ports",
        source: EVENTS,
        decisive: Decisive::No("an instance may get room"),
        ..PLACE
    },
    Rule {
        name: "dependency",
        signs: &[
            Named("TaskDependencyError"),
            Clause("dependency graph"),
            Clause("Task dependencies cannot be resolved"),
        ],
        fault: Fault::Program,
        sentence: "a container on which another depends did not get there: {said}",
        fix: "look at that container's log, and at `dependsOn`: SUCCESS wants exit code 0, HEALTHY a health check that passes",
        source: "amazon-ecs-agent, agent/engine/dependencygraph/graph.go",
        decisive: Decisive::No("what it waits for may come"),
        ..PLACE
    },
    Rule {
        name: "not-compatible",
        signs: &[
            Clause("The selected task definition is not compatible with the selected compute strategy"),
            Clause("Fargate requires task definition to have execution role ARN to support …"),
        ],
        fault: Fault::Definition,
        sentence: "the task definition does not fit the service: {said}",
        fix: "correct `requiresCompatibilities`, `networkMode` and `executionRoleArn`, or the service's launch type",
        source: "Amazon ECS Developer Guide, TaskFailedToStart errors",
        decisive: Decisive::Yes("a document does not change by itself"),
        ..PLACE
    },
    Rule {
        name: "stopped-by-somebody",
        signs: &[
            Clause("Task stopped by user"),
            Clause("User initiated"),
            Clause("Stopped by user"),
            Clause("Task stopped by …"),
        ],
        fault: Fault::Unknown,
        sentence: "somebody stopped the tasks by hand",
        fix: "ask who called ecs:StopTask (AWS CloudTrail says)",
        source: "Amazon ECS API Reference, StopTask",
        decisive: Decisive::No("the next task may be left alone"),
        ..PLACE
    },
    Rule {
        name: "cannot-start-tasks",
        signs: &[
            Clause("(service …) is unable to consistently start tasks successfully"),
            Clause("service … is unable to consistently start tasks successfully"),
        ],
        fault: Fault::Unknown,
        sentence: "ECS could not start tasks of this service several times in a row, and starts them more slowly now",
        fix: "look at the stopped tasks: their reasons say why",
        source: EVENTS,
        decisive: Decisive::No("the reason is in the stopped tasks"),
        ..PLACE
    },
];
