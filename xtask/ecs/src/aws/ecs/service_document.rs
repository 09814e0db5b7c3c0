//! A service as a document: what CreateService takes, of which UpdateService takes a part.
//! Source: Amazon ECS API Reference, CreateService and UpdateService.

use aws_sdk_ecs::operation::create_daemon::CreateDaemonInput;
use aws_sdk_ecs::operation::create_service::CreateServiceInput;
use aws_smithy_schema::serde::ShapeDeserializer;
use serde_json::{Map, Value, json};

use super::members::oddities_of;
use super::{DeploymentSettings, Ecs, Flaw, Oddity, OddityKind, convert, subject};
use crate::aws::signed::{ECS, Signed};
use crate::aws::{AwsError, calls};
use crate::config::{DAEMON, Kind};
use crate::gather::Gather;
use crate::net;

/// What this tool says itself, from the configuration and from what it registers.
const OURS: [&str; 10] = [
    "cluster",
    "service",
    "serviceName",
    "taskDefinition",
    "clientToken",
    "forceNewDeployment",
    "clusterArn",
    "daemonName",
    "daemonArn",
    "daemonTaskDefinitionArn",
];

/// What a service is given when it is created, and keeps.
const FOR_GOOD: [&str; 5] = ["launchType", "schedulingStrategy", "deploymentController", "role", "tags"];

/// What is part of a revision, so that a change of it starts a rollout. Anything else counts for what starts later.
const ROLLS_OUT: [&str; 8] = [
    "capacityProviderStrategy",
    "loadBalancers",
    "networkConfiguration",
    "platformVersion",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// Members that a workspace has written of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ServiceDocument(Map<String, Value>);

impl ServiceDocument {
    /// What somebody wrote, with the members that the SDK does not know and ECS may; or everything that is wrong with it.
    pub(crate) fn written(value: Value, kind: Kind) -> Result<(Self, Vec<Oddity>), Vec<Flaw>> {
        let read = |reader: &mut dyn ShapeDeserializer| match kind {
            Kind::Daemon => drop(CreateDaemonInput::deserialize(reader)),
            Kind::Service | Kind::Express => drop(CreateServiceInput::deserialize(reader)),
        };
        let (odd, wrong): (Vec<_>, Vec<_>) =
            oddities_of(&value, read).into_iter().partition(|oddity| oddity.kind == OddityKind::Unknown);
        let Value::Object(members) = value else { return Err(vec![Flaw::NoObject]) };
        let ours = members.keys().filter(|name| OURS.contains(&name.as_str())).cloned().map(Flaw::Ours);
        let flaws: Vec<Flaw> = ours.chain(wrong.into_iter().map(Flaw::Odd)).gather();
        // `service` is UpdateService's, and unknown to CreateService.
        let odd = odd.into_iter().filter(|oddity| !OURS.contains(&oddity.path.as_str())).gather();
        if flaws.is_empty() { Ok((Self(members), odd)) } else { Err(flaws) }
    }

    pub(crate) fn desired_count(&self) -> Option<u32> {
        self.0.get("desiredCount")?.as_u64().and_then(|count| u32::try_from(count).ok())
    }

    /// The members that are compared with a service that exists: all but the number of its tasks.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().filter(|(name, _)| *name != "desiredCount")
    }

    pub(crate) fn value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// How a service that is created of it deploys, as the SDK reads it.
    pub(crate) fn settings(&self) -> DeploymentSettings {
        let mut settings = DeploymentSettings::default();
        oddities_of(&self.value(), |reader| {
            let input = CreateServiceInput::deserialize(reader);
            if let Some(written) = input.as_ref().ok().and_then(CreateServiceInput::deployment_configuration) {
                settings = convert::settings(written);
            }
        });
        settings
    }

    /// Where its tasks run, as members of RunTask.
    pub(crate) fn launch(&self) -> Map<String, Value> {
        let launch = ["networkConfiguration", "capacityProviderStrategy", "launchType", "platformVersion"];
        self.0.iter().filter(|(name, _)| launch.contains(&name.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

/// The same bytes for the same service are the same request: 64 hexadecimal digits, which a token may have.
pub(super) fn token(input: &Value) -> Value {
    json!(&crate::digest::Digest::of(input.to_string().as_bytes()).hex()[..36])
}

/// Whether a member is given to a service when that is created, and never changed.
pub(crate) fn is_for_good(member: &str) -> bool {
    FOR_GOOD.contains(&member)
}

/// Whether a change of this member starts a rollout.
pub(crate) fn rolls_out(member: &str) -> bool {
    ROLLS_OUT.contains(&member)
}

impl Ecs {
    /// A service as ECS has it, in ECS's own members; what its newest deployment alone tells is put beside the rest.
    pub(crate) fn described_service(&self, cluster: &str, service: &str) -> Result<Value, AwsError> {
        if service.starts_with(DAEMON) {
            return self.described_daemon(cluster, service);
        }
        let subject = subject(cluster, service);
        let input = json!({ "cluster": cluster, "services": [service], "include": ["TAGS"] });
        net::wait(self.pace.turn(calls::DESCRIBE_SERVICES.action));
        let mut answer = Signed::new(&self.sdk).json(&ECS, &calls::DESCRIBE_SERVICES, &subject, &input)?;
        let mut found = answer["services"].get_mut(0).map(Value::take).unwrap_or_default();
        let primary = found["deployments"].as_array().and_then(|all| all.iter().find(|one| one["status"] == "PRIMARY"));
        let primary = primary.cloned().unwrap_or_default();
        for name in ROLLS_OUT {
            if found[name].is_null() && !primary[name].is_null() {
                found[name] = primary[name].clone();
            }
        }
        Ok(found)
    }

    /// Creates a service. A second call of the same is answered with the first one's service.
    pub(crate) fn create_service(
        &self,
        (cluster, service): (&str, &str),
        document: &ServiceDocument,
        (revision, desired): (&str, Option<u32>),
    ) -> Result<(), AwsError> {
        let mut input = document.value();
        if let Some(daemon) = service.strip_prefix(DAEMON) {
            return self.create_daemon((cluster, daemon), input, revision);
        }
        input["cluster"] = json!(cluster);
        input["serviceName"] = json!(service);
        input["taskDefinition"] = json!(revision);
        if let Some(desired) = desired {
            input["desiredCount"] = json!(desired);
        }
        input["clientToken"] = token(&input);
        let subject = subject(cluster, service);
        net::wait(self.pace.turn(calls::CREATE_SERVICE.action));
        Signed::new(&self.sdk).json(&ECS, &calls::CREATE_SERVICE, &subject, &input).map(drop)
    }
}
