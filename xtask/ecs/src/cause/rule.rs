//! What a row of the table says, and when it fits.

use super::Message;

/// One cause: where its text stands, how it is recognised, who is at fault, what to say and what to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Its own name, for tests and for whoever extends the table.
    pub name: &'static str,
    /// What ECS was doing when the text was said.
    pub at: &'static [Stage],
    /// A step of the chain, any one of these; none where the signs are enough.
    pub doing: &'static [&'static str],
    /// What the chain ended with, any one of these; none where the step is enough.
    pub signs: &'static [Sign],
    /// Whose image the text is about, any one of these; none where that does not matter.
    pub whose: &'static [Whose],
    pub fault: Fault,
    /// A fragment; `{container}`, `{image}`, … are filled in.
    pub sentence: &'static str,
    /// What to do, filled in as the sentence is.
    pub fix: &'static str,
    pub look: Look,
    /// Where the texts come from.
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the table, and for its test"))]
    pub source: &'static str,
    pub decisive: Decisive,
}

/// What ECS was doing, by the name of the error that leads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Capacity, addresses, roles: nothing of the task is there yet.
    Placing,
    /// Secrets, the registry's token, volumes, the log's destination.
    Initialising,
    Pulling,
    Creating,
    Starting,
    /// A container runs or has run.
    Running,
}

/// Whose image a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// One that this tool pinned.
    Ours,
    /// Another one in a private registry of Amazon ECR.
    Ecr,
    /// One of another registry.
    Foreign,
}

/// Something that is recognised in a text; never a part of a clause, and never in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// A whole clause; `…` stands for names, numbers and quotations.
    Clause(&'static str),
    /// What the chain ends with, as a whole.
    Last(&'static str),
    /// The status of an HTTP answer.
    Status(u16),
    /// The name of an error, wherever in the chain.
    Named(&'static str),
    /// AWS's sentence about a right that is missing.
    Denied,
    /// That sentence, about this action.
    DeniedAction(&'static str),
    /// A digest that was resolved is in no manifest: containerd asks for it as a blob only after a 404, and there ECR
    /// answers 403.
    NoManifest,
}

/// Who is at fault, as far as the ways out differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The image: not there, of another platform, without what it has to have.
    Image,
    /// The program in the container.
    Program,
    /// The task definition, or what it names: a secret, a log group, a volume.
    Definition,
    /// A right that a role does not have.
    Permission,
    /// Routes, endpoints, names, security groups.
    Network,
    /// A registry that limits its rate.
    Registry,
    /// The machine that the task is to run on: disk, ports, devices, capacity.
    Host,
    /// AWS's own doing.
    Aws,
    Unknown,
}

/// Where to look next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The log of the container.
    Log,
    /// The image has to be released again.
    Release,
    /// The stopped tasks.
    Tasks,
    /// The service's events.
    Service,
}

/// Whether the next task of the same revision must fail, too, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decisive {
    Yes(&'static str),
    No(&'static str),
}

impl Rule {
    /// `whose` is the image's that the text is about, where that is known.
    pub(super) fn fits(&self, stage: Stage, message: &Message, whose: Option<Whose>) -> bool {
        self.at.contains(&stage)
            && (self.whose.is_empty() || whose.is_some_and(|whose| self.whose.contains(&whose)))
            && (self.doing.is_empty() || self.doing.iter().any(|pattern| message.says(pattern)))
            && (self.signs.is_empty() || self.signs.iter().any(|sign| sign.is_in(message)))
    }
}

impl Sign {
    pub(super) fn is_in(self, message: &Message) -> bool {
        match self {
            Self::Clause(pattern) => message.says(pattern),
            Self::Last(pattern) => message.ends(pattern),
            Self::Status(status) => message.status == Some(status),
            Self::Named(name) => message.names(name),
            Self::Denied => message.denial.is_some(),
            Self::DeniedAction(action) => message.denial.as_ref().is_some_and(|denial| denial.action == action),
            Self::NoManifest => {
                let resolves = ["failed to resolve ref …", "failed to resolve reference …"];
                let blob = |word: &str| word.starts_with("https://") && word.contains("/blobs/sha256:");
                message.status == Some(403)
                    && resolves.iter().any(|step| message.says(step))
                    && message.words().any(blob)
            }
        }
    }
}

/// The names of errors that lead a text, and what ECS was doing then.
/// Source: Amazon ECS Developer Guide, Amazon ECS stopped tasks error messages; amazon-ecs-agent,
/// agent/dockerclient/dockerapi/errors.go, agent/engine/errors.go, ecs-agent/api/errors/errors.go.
const STAGES: [(&str, Stage); 22] = [
    ("CannotPullContainerError", Stage::Pulling),
    ("CannotPullECRContainerError", Stage::Pulling),
    ("CannotPullContainerAuthError", Stage::Pulling),
    ("CannotPullImageManifestError", Stage::Pulling),
    ("CannotCreateContainerError", Stage::Creating),
    ("HostConfigError", Stage::Creating),
    ("DockerClientConfigError", Stage::Creating),
    ("CannotStartContainerError", Stage::Starting),
    ("ContainerNetworkingError", Stage::Starting),
    ("DockerStateError", Stage::Starting),
    ("ResourceInitializationError", Stage::Initialising),
    ("CannotCreateVolumeError", Stage::Initialising),
    ("CannotInspectVolumeError", Stage::Initialising),
    ("InvalidVolumeError", Stage::Initialising),
    ("OutOfMemoryError", Stage::Running),
    ("ContainerRuntimeError", Stage::Running),
    ("ContainerRuntimeTimeoutError", Stage::Running),
    ("CannotInspectContainerError", Stage::Running),
    ("CannotStopContainerError", Stage::Running),
    ("DockerTimeoutError", Stage::Running),
    ("InternalError", Stage::Placing),
    ("SpotInterruptionError", Stage::Placing),
];

/// What ECS was doing when it said this: by the outermost error that tells. A text without any is about the task.
pub(super) fn stage(message: &Message) -> Stage {
    let of = |name: &str| STAGES.iter().find(|(known, _)| *known == name).map(|(_, stage)| *stage);
    message.leading().find_map(of).unwrap_or(Stage::Placing)
}
