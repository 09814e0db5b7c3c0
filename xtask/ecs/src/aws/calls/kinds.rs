//! What calls are granted on, and which commands make them.

/// What a policy grants an action on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// The action knows no resources.
    Anything,
    /// Everything of the clusters.
    Clusters,
    Repositories,
    Services,
    /// The services, and their rollouts.
    Rollouts,
    /// The services, and their revisions.
    Revisions,
    TaskDefinitions,
    Daemons,
    /// The daemons, and their deployments.
    DaemonRollouts,
    /// The daemons, and their revisions.
    DaemonRevisions,
    DaemonTaskDefinitions,
    Tasks,
    /// The clusters and their instances.
    Instances,
    /// The clusters and their tasks.
    Shells,
    /// The tasks and the document that forwards.
    Forwarding,
    /// Schedules of EventBridge Scheduler, and rules of EventBridge.
    Schedules,
    Rules,
    /// The roles that start tasks by the clock.
    ScheduleRoles,
    RuleRoles,
    /// What a lock or a document tags.
    Tagged,
    /// The services that locks are on.
    Locked,
    Targets,
    LogStreams,
    LogGroups,
    Secrets,
    /// The key that signs evidence.
    Key,
    /// What a rollout's hooks call.
    Functions,
    /// The roles of the tasks, and of the hooks.
    Roles,
    /// The execution roles, and whoever asks.
    Simulated,
    Parameters,
    Stacks,
    /// Terraform's state.
    State,
    /// The role that is assumed.
    Role,
    /// AWS allows it to everyone.
    Nothing,
}

impl On {
    /// As the reference says it.
    #[cfg(test)]
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Anything | Self::Nothing => "`*`",
            Self::Clusters => "`*`, of the clusters",
            Self::Repositories => "the repositories",
            Self::Services | Self::Locked => "the services",
            Self::Rollouts => "the services and their deployments",
            Self::Revisions => "the services and their revisions",
            Self::TaskDefinitions => "the task definitions",
            Self::Daemons => "the daemons",
            Self::DaemonRollouts => "the daemons and their deployments",
            Self::DaemonRevisions => "the daemons and their revisions",
            Self::DaemonTaskDefinitions => "the daemon task definitions",
            Self::Tasks => "the tasks",
            Self::Instances => "the clusters and their instances",
            Self::Shells => "the clusters and their tasks",
            Self::Forwarding => "the tasks and the document that forwards",
            Self::Schedules => "the schedules",
            Self::Rules => "the rules",
            Self::ScheduleRoles => "the schedules' roles",
            Self::RuleRoles => "the roles of the rules' targets",
            Self::Tagged => "the services, the task definitions and the tasks",
            Self::Targets => "the scalable targets",
            Self::LogStreams => "the log groups' streams",
            Self::LogGroups => "the log groups",
            Self::Secrets => "the secrets",
            Self::Key => "the key of `evidence-key`",
            Self::Functions => "the functions",
            Self::Roles => "the task role and the execution role",
            Self::Simulated => "the execution role and this identity",
            Self::Parameters => "the parameters",
            Self::Stacks => "the stacks",
            Self::State => "the state",
            Self::Role => "the role",
        }
    }
}

/// A command, as far as what it may do differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    ReleasePlan,
    Release,
    /// A promotion, of the environment that it copies from.
    PromoteFrom,
    /// And of the one that it copies to.
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
    /// A comparison of a role with the policy that is needed.
    Check,
    Rescan,
    Sbom,
    Attached,
}

impl By {
    /// The command as it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReleasePlan => "release --plan",
            Self::Release => "release",
            Self::PromoteFrom => "promote --from",
            Self::PromoteTo => "promote --to",
            Self::DeployPlan => "deploy --plan",
            Self::Deploy => "deploy",
            Self::Continue => "continue",
            Self::Rollback => "rollback",
            Self::History => "history",
            Self::Run => "run",
            Self::Status => "status",
            Self::Logs => "logs",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Exec => "exec",
            Self::Forward => "forward",
            Self::Verify => "verify",
            Self::Scale => "scale",
            Self::Check => "iam --check",
            Self::Rescan => "rescan",
            Self::Sbom => "sbom",
            Self::Attached => "evidence",
        }
    }
}
