//! Every call to AWS, declared once: the IAM action that it needs, on what, and which commands make it.
//!
//! Errors name the action from here, and docs/REFERENCE.md lists them. Source of what an action can be granted on: the
//! Service Authorization Reference, "Actions, resources, and condition keys" for Amazon ECR and Amazon ECS.

mod kinds;

pub(crate) use kinds::{By, On};

/// One action.
#[derive(Debug)]
pub(crate) struct Call {
    /// `SERVICE:Operation`, as policies write it.
    pub action: &'static str,
    pub on: On,
    pub by: &'static [By],
    /// When, where it is not always.
    #[cfg_attr(not(test), expect(dead_code, reason = "the reference reads it"))]
    pub when: &'static str,
}

use By::{
    Attached, Check, Continue, Deploy, DeployPlan, Exec, Forward, History, Lock, Logs, PromoteFrom, PromoteTo, Release,
    ReleasePlan, Rescan, Rollback, Run, Sbom, Scale, Status, Unlock, Verify,
};

const CAPACITY: &str =
    "of a service on EC2, or on capacity providers other than Fargate's, which does without where it is denied";
const CREATED_ON_PUSH: &str = "where a repository is missing; `iam` prints it with `--create-on-push`";
const DAEMONS: &str = "of a service that is `daemon`";
const POST_MORTEM: &str = "for a post-mortem, which does without where it is denied";

pub(crate) const EVERYONE: &[By] = &[
    ReleasePlan,
    Release,
    PromoteFrom,
    PromoteTo,
    DeployPlan,
    Deploy,
    Continue,
    Rollback,
    History,
    Run,
    Status,
    Logs,
    Lock,
    Unlock,
    Exec,
    Forward,
    Verify,
    Scale,
    Check,
    Rescan,
    Sbom,
    Attached,
];

const fn call(action: &'static str, on: On, by: &'static [By]) -> Call {
    Call { action, on, by, when: "" }
}

pub(crate) const GET_CALLER_IDENTITY: Call = Call {
    when: "where environments are declared; AWS allows it to everyone",
    ..call("sts:GetCallerIdentity", On::Nothing, EVERYONE)
};
pub(crate) const BATCH_GET_IMAGE: Call = call(
    "ecr:BatchGetImage",
    On::Repositories,
    &[
        ReleasePlan,
        Release,
        PromoteFrom,
        PromoteTo,
        DeployPlan,
        Deploy,
        Continue,
        History,
        Run,
        Status,
        Verify,
        Rescan,
        Sbom,
        Attached,
    ],
);
/// Whoever may make the call before may make this one; its name is for errors.
pub(crate) const LIST_IMAGE_REFERRERS: Call = Call {
    when: "of `release` with `--assemble`, of `release` and `rescan` with `evidence-key`, of `deploy` with `deploy.gate`, of `history` with provenance among the evidence; there is no action of this name, and AWS asks for ecr:BatchGetImage",
    ..call("ecr:ListImageReferrers", On::Nothing, &[Release, DeployPlan, Deploy, History, Rescan, Sbom, Attached])
};
pub(crate) const DESCRIBE_REPOSITORY_CREATION_TEMPLATES: Call = Call {
    when: CREATED_ON_PUSH,
    ..call("ecr:DescribeRepositoryCreationTemplates", On::Anything, &[ReleasePlan, Release, PromoteTo, Verify])
};
pub(crate) const DESCRIBE_IMAGE_SIGNING_STATUS: Call = Call {
    when: "of `deploy` with `deploy.signed`; of `evidence`, which does without where it is denied",
    ..call("ecr:DescribeImageSigningStatus", On::Repositories, &[DeployPlan, Deploy, Attached])
};
pub(crate) const GET_PUBLIC_KEY: Call = Call {
    when: "with `evidence-key`; of `deploy` with `deploy.gate` besides, where `public-key` is no file; of `verify` and `evidence`, which do without where it is denied",
    ..call("kms:GetPublicKey", On::Key, &[ReleasePlan, Release, DeployPlan, Deploy, Verify, Rescan, Attached])
};
pub(crate) const SIGN: Call = Call { when: "with `evidence-key`", ..call("kms:Sign", On::Key, &[Release, Rescan]) };
pub(crate) const DESCRIBE_IMAGES: Call = Call {
    when: "to tell which version runs",
    ..call("ecr:DescribeImages", On::Repositories, &[DeployPlan, Deploy, Rollback, History, Run, Status, Verify])
};
pub(crate) const GET_AUTHORIZATION_TOKEN: Call =
    call("ecr:GetAuthorizationToken", On::Anything, &[Release, PromoteFrom, PromoteTo, Rescan, Sbom]);
pub(crate) const BATCH_CHECK_LAYER_AVAILABILITY: Call =
    call("ecr:BatchCheckLayerAvailability", On::Repositories, &[Release, PromoteTo, Rescan]);
pub(crate) const PUT_IMAGE: Call = call("ecr:PutImage", On::Repositories, &[Release, PromoteTo, Rescan]);
pub(crate) const DESCRIBE_SERVICES: Call = call(
    "ecs:DescribeServices",
    On::Services,
    &[DeployPlan, Deploy, Continue, Rollback, Run, Status, Logs, Lock, Unlock, Exec, Forward, Verify, Scale],
);
#[cfg(any(test, feature = "rehearse"))]
pub(crate) const LIST_CLUSTERS: Call = call("ecs:ListClusters", On::Anything, &[]);
#[cfg(any(test, feature = "rehearse"))]
pub(crate) const LIST_SERVICES: Call = call("ecs:ListServices", On::Anything, &[]);
pub(crate) const DESCRIBE_TASK_DEFINITION: Call = call(
    "ecs:DescribeTaskDefinition",
    On::Anything,
    &[DeployPlan, Deploy, Rollback, History, Run, Status, Logs, Verify],
);
pub(crate) const REGISTER_TASK_DEFINITION: Call =
    call("ecs:RegisterTaskDefinition", On::TaskDefinitions, &[Deploy, Run]);
pub(crate) const UPDATE_SERVICE: Call = call("ecs:UpdateService", On::Services, &[Deploy, Rollback, Scale]);
pub(crate) const UPDATE_EXPRESS_GATEWAY_SERVICE: Call = Call {
    when: "of a service that is `express`",
    ..call("ecs:UpdateExpressGatewayService", On::Services, &[Deploy, Rollback])
};
pub(crate) const DESCRIBE_EXPRESS_GATEWAY_SERVICE: Call = Call {
    when: "of a service that is `express`, to tell where it is reached, which does without where it is denied",
    ..call("ecs:DescribeExpressGatewayService", On::Services, &[Deploy, Rollback])
};
pub(crate) const DESCRIBE_DAEMON: Call = Call {
    when: DAEMONS,
    ..call("ecs:DescribeDaemon", On::Daemons, &[DeployPlan, Deploy, Rollback, Status, Logs, Exec, Forward, Verify])
};
pub(crate) const DESCRIBE_DAEMON_DEPLOYMENTS: Call = Call {
    when: DAEMONS,
    ..call(
        "ecs:DescribeDaemonDeployments",
        On::DaemonRollouts,
        &[DeployPlan, Deploy, Rollback, Status, Logs, Exec, Forward, Verify],
    )
};
pub(crate) const DESCRIBE_DAEMON_REVISIONS: Call = Call {
    when: DAEMONS,
    ..call(
        "ecs:DescribeDaemonRevisions",
        On::DaemonRevisions,
        &[DeployPlan, Deploy, Rollback, History, Status, Logs, Exec, Forward, Verify],
    )
};
pub(crate) const LIST_DAEMON_DEPLOYMENTS: Call =
    Call { when: DAEMONS, ..call("ecs:ListDaemonDeployments", On::Daemons, &[Deploy, Rollback, History]) };
pub(crate) const DESCRIBE_DAEMON_TASK_DEFINITION: Call = Call {
    when: DAEMONS,
    ..call(
        "ecs:DescribeDaemonTaskDefinition",
        On::DaemonTaskDefinitions,
        &[DeployPlan, Deploy, Rollback, History, Logs, Verify],
    )
};
pub(crate) const REGISTER_DAEMON_TASK_DEFINITION: Call =
    Call { when: DAEMONS, ..call("ecs:RegisterDaemonTaskDefinition", On::DaemonTaskDefinitions, &[Deploy]) };
pub(crate) const UPDATE_DAEMON: Call =
    Call { when: DAEMONS, ..call("ecs:UpdateDaemon", On::Daemons, &[Deploy, Rollback]) };
pub(crate) const CREATE_DAEMON: Call =
    Call { when: "of a service that is `daemon`, with `--create`", ..call("ecs:CreateDaemon", On::Daemons, &[Deploy]) };
pub(crate) const CREATE_SERVICE: Call =
    Call { when: "with `--create`", ..call("ecs:CreateService", On::Services, &[Deploy]) };
pub(crate) const LIST_SERVICE_DEPLOYMENTS: Call = Call {
    when: "of `deploy` only for what rollouts usually take, and where the service does not name its own",
    ..call("ecs:ListServiceDeployments", On::Services, &[Deploy, Continue, Rollback, History])
};
pub(crate) const DESCRIBE_SERVICE_DEPLOYMENTS: Call =
    call("ecs:DescribeServiceDeployments", On::Rollouts, &[Deploy, Continue, Rollback, Status]);
pub(crate) const CONTINUE_SERVICE_DEPLOYMENT: Call = Call {
    when: "of `deploy` only where checks are made at pauses",
    ..call("ecs:ContinueServiceDeployment", On::Rollouts, &[Deploy, Continue, Rollback])
};
pub(crate) const DESCRIBE_SERVICE_REVISIONS: Call =
    call("ecs:DescribeServiceRevisions", On::Revisions, &[Deploy, Continue, Rollback, History, Status]);
pub(crate) const DESCRIBE_CAPACITY_PROVIDERS: Call =
    Call { when: CAPACITY, ..call("ecs:DescribeCapacityProviders", On::Anything, &[DeployPlan, Deploy, Verify]) };
pub(crate) const LIST_CONTAINER_INSTANCES: Call =
    Call { when: CAPACITY, ..call("ecs:ListContainerInstances", On::Instances, &[DeployPlan, Deploy, Verify]) };
pub(crate) const DESCRIBE_CONTAINER_INSTANCES: Call =
    Call { when: CAPACITY, ..call("ecs:DescribeContainerInstances", On::Instances, &[DeployPlan, Deploy, Verify]) };
pub(crate) const LIST_TASKS: Call = call("ecs:ListTasks", On::Clusters, &[Deploy, Rollback, Run, Exec, Forward]);
pub(crate) const DESCRIBE_TASKS: Call = call("ecs:DescribeTasks", On::Tasks, &[Deploy, Rollback, Run, Exec, Forward]);
pub(crate) const RUN_TASK: Call = Call {
    when: "for `deploy`, where a service has tasks before or after it",
    ..call("ecs:RunTask", On::TaskDefinitions, &[Deploy, Run])
};
pub(crate) const STOP_TASK: Call = Call {
    when: "for a task whose watched container ended and others did not; with `tasks.NAME.on-interrupt = \"stop\"`, on Ctrl-C and when its time is over",
    ..call("ecs:StopTask", On::Tasks, &[Deploy, Run])
};
pub(crate) const EXECUTE_COMMAND: Call = call("ecs:ExecuteCommand", On::Shells, &[Exec]);
pub(crate) const START_SESSION: Call = call("ssm:StartSession", On::Forwarding, &[Forward]);
pub(crate) const STOP_SERVICE_DEPLOYMENT: Call = Call {
    when: "for a rollout that cannot succeed, unless `rollout.fail-fast = \"off\"`; with `rollout.on-interrupt = \"rollback\"`, on Ctrl-C",
    ..call("ecs:StopServiceDeployment", On::Rollouts, &[Deploy, Rollback])
};

pub(crate) const TAG_RESOURCE: Call = Call {
    when: "for a lock: of a deploy or a rollback where `lock` is written; and for a document that has tags",
    ..call("ecs:TagResource", On::Tagged, &[Deploy, Rollback, Run, Lock])
};
pub(crate) const UNTAG_RESOURCE: Call =
    Call { when: "for a lock, as above", ..call("ecs:UntagResource", On::Locked, &[Deploy, Rollback, Unlock]) };
pub(crate) const DESCRIBE_SCALABLE_TARGETS: Call = Call {
    when: "for `deploy`, where a number of tasks is written and another one is there; which does without where it is denied",
    ..call("application-autoscaling:DescribeScalableTargets", On::Anything, &[DeployPlan, Deploy, Scale])
};
pub(crate) const DESCRIBE_SCALING_POLICIES: Call = Call {
    when: "to tell what may undo it, which does without where it is denied",
    ..call("application-autoscaling:DescribeScalingPolicies", On::Anything, &[Scale])
};
pub(crate) const REGISTER_SCALABLE_TARGET: Call =
    Call { when: "for bounds", ..call("application-autoscaling:RegisterScalableTarget", On::Targets, &[Scale]) };
pub(crate) const GET_LOG_EVENTS: Call = Call {
    when: "for a post-mortem and for what a task writes, which do without where it is denied",
    ..call("logs:GetLogEvents", On::LogStreams, &[Deploy, Run])
};
pub(crate) const FILTER_LOG_EVENTS: Call = call("logs:FilterLogEvents", On::LogGroups, &[Logs]);
pub(crate) const DESCRIBE_TARGET_GROUPS: Call =
    Call { when: POST_MORTEM, ..call("elasticloadbalancing:DescribeTargetGroups", On::Anything, &[Deploy, Verify]) };
pub(crate) const DESCRIBE_TARGET_HEALTH: Call =
    Call { when: POST_MORTEM, ..call("elasticloadbalancing:DescribeTargetHealth", On::Anything, &[Deploy]) };
pub(crate) const DESCRIBE_LOG_GROUPS: Call = call("logs:DescribeLogGroups", On::Anything, &[Verify]);
pub(crate) const DESCRIBE_SECRET: Call =
    Call { when: "where a task is given a secret", ..call("secretsmanager:DescribeSecret", On::Secrets, &[Verify]) };
pub(crate) const GET_ROLE: Call = call("iam:GetRole", On::Roles, &[Verify, Check]);
pub(crate) const SIMULATE_PRINCIPAL_POLICY: Call = call("iam:SimulatePrincipalPolicy", On::Simulated, &[Verify, Check]);
pub(crate) const GET_FUNCTION: Call = Call {
    when: "where a service definition has hooks that are Lambda functions",
    ..call("lambda:GetFunction", On::Functions, &[Verify])
};
pub(crate) const GET_LIFECYCLE_POLICY: Call = call("ecr:GetLifecyclePolicy", On::Repositories, &[Verify]);
pub(crate) const GET_PARAMETERS: Call =
    Call { when: "where `${ssm:…}` is looked up", ..call("ssm:GetParameters", On::Parameters, EVERYONE) };
pub(crate) const DESCRIBE_STACKS: Call =
    Call { when: "where `${cfn:…}` is looked up", ..call("cloudformation:DescribeStacks", On::Stacks, EVERYONE) };
pub(crate) const GET_OBJECT: Call =
    Call { when: "where `${tfstate:…}` is looked up in S3", ..call("s3:GetObject", On::State, EVERYONE) };

const SCHEDULED: &str = "where `schedules` are written";
const WITH_CREATE: &str = "where `schedules` are written, with `--create`";

pub(crate) const GET_SCHEDULE: Call =
    Call { when: SCHEDULED, ..call("scheduler:GetSchedule", On::Schedules, &[DeployPlan, Deploy, Rollback]) };
pub(crate) const UPDATE_SCHEDULE: Call =
    Call { when: SCHEDULED, ..call("scheduler:UpdateSchedule", On::Schedules, &[Deploy, Rollback]) };
pub(crate) const CREATE_SCHEDULE: Call =
    Call { when: WITH_CREATE, ..call("scheduler:CreateSchedule", On::Schedules, &[Deploy]) };
pub(crate) const DESCRIBE_RULE: Call =
    Call { when: SCHEDULED, ..call("events:DescribeRule", On::Rules, &[DeployPlan, Deploy, Rollback]) };
pub(crate) const LIST_TARGETS_BY_RULE: Call =
    Call { when: SCHEDULED, ..call("events:ListTargetsByRule", On::Rules, &[DeployPlan, Deploy, Rollback]) };
pub(crate) const PUT_TARGETS: Call =
    Call { when: SCHEDULED, ..call("events:PutTargets", On::Rules, &[Deploy, Rollback]) };
pub(crate) const PUT_RULE: Call = Call { when: WITH_CREATE, ..call("events:PutRule", On::Rules, &[Deploy]) };

/// What is called, through the SDK's clients or without (`signed.rs`).
pub(crate) const CALLS: &[&Call] = &[
    &GET_CALLER_IDENTITY,
    &CONTINUE_SERVICE_DEPLOYMENT,
    &GET_AUTHORIZATION_TOKEN,
    &BATCH_GET_IMAGE,
    &LIST_IMAGE_REFERRERS,
    &DESCRIBE_REPOSITORY_CREATION_TEMPLATES,
    &DESCRIBE_IMAGES,
    &DESCRIBE_IMAGE_SIGNING_STATUS,
    &GET_PUBLIC_KEY,
    &SIGN,
    &BATCH_CHECK_LAYER_AVAILABILITY,
    &PUT_IMAGE,
    &DESCRIBE_SERVICES,
    &DESCRIBE_TASK_DEFINITION,
    &REGISTER_TASK_DEFINITION,
    &UPDATE_SERVICE,
    &UPDATE_EXPRESS_GATEWAY_SERVICE,
    &DESCRIBE_EXPRESS_GATEWAY_SERVICE,
    &DESCRIBE_DAEMON,
    &DESCRIBE_DAEMON_DEPLOYMENTS,
    &DESCRIBE_DAEMON_REVISIONS,
    &LIST_DAEMON_DEPLOYMENTS,
    &DESCRIBE_DAEMON_TASK_DEFINITION,
    &REGISTER_DAEMON_TASK_DEFINITION,
    &UPDATE_DAEMON,
    &CREATE_DAEMON,
    &CREATE_SERVICE,
    &LIST_SERVICE_DEPLOYMENTS,
    &DESCRIBE_SERVICE_DEPLOYMENTS,
    &DESCRIBE_SERVICE_REVISIONS,
    &DESCRIBE_CAPACITY_PROVIDERS,
    &LIST_CONTAINER_INSTANCES,
    &DESCRIBE_CONTAINER_INSTANCES,
    &LIST_TASKS,
    &DESCRIBE_TASKS,
    &RUN_TASK,
    &STOP_TASK,
    &EXECUTE_COMMAND,
    &START_SESSION,
    &STOP_SERVICE_DEPLOYMENT,
    &TAG_RESOURCE,
    &UNTAG_RESOURCE,
    &DESCRIBE_SCALABLE_TARGETS,
    &DESCRIBE_SCALING_POLICIES,
    &REGISTER_SCALABLE_TARGET,
    &GET_LOG_EVENTS,
    &FILTER_LOG_EVENTS,
    &DESCRIBE_TARGET_GROUPS,
    &DESCRIBE_TARGET_HEALTH,
    &DESCRIBE_LOG_GROUPS,
    &DESCRIBE_SECRET,
    &GET_ROLE,
    &SIMULATE_PRINCIPAL_POLICY,
    &GET_FUNCTION,
    &GET_LIFECYCLE_POLICY,
    &GET_SCHEDULE,
    &UPDATE_SCHEDULE,
    &CREATE_SCHEDULE,
    &DESCRIBE_RULE,
    &LIST_TARGETS_BY_RULE,
    &PUT_TARGETS,
    &PUT_RULE,
    &GET_PARAMETERS,
    &DESCRIBE_STACKS,
    &GET_OBJECT,
];

/// What `cargo xtask-ecs init` asks for besides, of whoever sits there: no policy is printed for that.
#[cfg(test)]
pub(crate) const OF_INIT: &[&Call] = &[&LIST_CLUSTERS, &LIST_SERVICES];

/// What AWS asks for besides, of those who upload a blob to the registry, download one or make one of these calls.
pub(crate) const IMPLIED: &[Call] = &[
    Call { when: "where `role` is written", ..call("sts:AssumeRole", On::Role, EVERYONE) },
    Call {
        when: "of `release` for a base that is in ECR, and where the account mounts blobs",
        ..call("ecr:GetDownloadUrlForLayer", On::Repositories, &[Release, PromoteFrom, Rescan, Sbom])
    },
    call("ecr:InitiateLayerUpload", On::Repositories, &[Release, PromoteTo, Rescan]),
    call("ecr:UploadLayerPart", On::Repositories, &[Release, PromoteTo, Rescan]),
    call("ecr:CompleteLayerUpload", On::Repositories, &[Release, PromoteTo, Rescan]),
    Call { when: CREATED_ON_PUSH, ..call("ecr:CreateRepository", On::Repositories, &[Release, PromoteTo]) },
    call("iam:PassRole", On::Roles, &[Deploy, Run]),
    Call { when: SCHEDULED, ..call("iam:PassRole", On::ScheduleRoles, &[Deploy, Rollback]) },
    Call { when: SCHEDULED, ..call("iam:PassRole", On::RuleRoles, &[Deploy, Rollback]) },
];

#[cfg(test)]
mod tests;
