//! A container that is run once to its end, such as a migration.

use std::collections::BTreeMap;
use std::time::Duration;

use super::TaskDefinitionSource;

/// An entry under `tasks`.
#[derive(Clone, Debug)]
pub struct Task {
    /// The key under `tasks`.
    pub name: String,
    /// A name or an ARN.
    pub cluster: String,
    /// The service, a key of `services`, whose network and capacity it takes, and whose task definition unless it has its own.
    pub service: Option<String>,
    /// Its own task definition, and which of its containers run which images.
    pub own: Option<OwnDefinition>,
    /// The container that is watched: its exit code decides, and what is overridden is overridden there.
    pub container: String,
    /// In the place of the container's own command; what the command line adds comes after it.
    pub command: Vec<String>,
    /// Variables of that container, beside those of its task definition.
    pub env: BTreeMap<String, String>,
    /// Tasks at once; 1 by default.
    pub count: u32,
    /// 15 minutes by default.
    pub timeout: Duration,
    /// In the place of the service's.
    pub network: Option<Network>,
    /// Not run again where ECS remembers that it went well for this digest; false by default.
    pub once_per_digest: bool,
    /// What becomes of it at Ctrl-C, and when its time is over; it is left alone by default.
    pub on_interrupt: Abandoned,
}

/// The task definition of a task that runs another one than a service's.
#[derive(Clone, Debug)]
pub struct OwnDefinition {
    /// What is registered and run.
    pub source: TaskDefinitionSource,
    /// Container name → image name (a key of `images`).
    pub containers: BTreeMap<String, String>,
}

/// Where a task's network interface is; only with the network mode `awsvpc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Subnet ids.
    pub subnets: Vec<String>,
    /// Security group ids; none is the VPC's own.
    pub security_groups: Vec<String>,
    /// Whether it has a public address; false by default.
    pub assign_public_ip: bool,
}

/// What becomes of a task at Ctrl-C, and when its time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Abandoned {
    /// It goes on; the message has its ARN.
    #[default]
    Leave,
    /// ECS is told to stop it.
    Stop,
}
