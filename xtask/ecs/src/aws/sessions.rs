//! Sessions in a container that runs, which the Session Manager plugin then speaks.
//! Source: Amazon ECS API Reference, version 2014-11-13, ExecuteCommand; AWS Systems Manager API Reference, version 2014-11-06,
//! StartSession; Session Manager's documents AWS-StartPortForwardingSession and …ToRemoteHost.

use serde_json::{Value, json};

use super::signed::{Api, ECS, Signed};
use super::{AwsError, SdkConfig, calls};
use crate::text::short;

const SSM: Api = Api { id: "SSM", target: "AmazonSSM" };

/// A session that was started, and what the plugin asks for.
#[derive(Debug)]
pub(crate) struct Session {
    /// With the token that lets whoever has it in: never an argument.
    pub started: Value,
    /// What it was started with, in the words of StartSession.
    pub request: Value,
    pub region: String,
}

/// Where a container runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub cluster: &'a str,
    /// The task's id.
    pub task: &'a str,
    pub container: &'a str,
    pub runtime_id: &'a str,
}

impl Place<'_> {
    fn target(&self) -> String {
        ["ecs", &[short(self.cluster), self.task, self.runtime_id].join("_")].join(":")
    }
}

/// Starts a command in a container.
pub(crate) fn execute(sdk: &SdkConfig, at: Place<'_>, command: &str) -> Result<Session, AwsError> {
    let signed = Signed::new(sdk);
    let subject = format!("task {} in cluster {}", at.task, at.cluster);
    let input = json!({ "cluster": at.cluster, "task": at.task, "container": at.container, "command": command,
        "interactive": true });
    let answer = signed.json(&ECS, &calls::EXECUTE_COMMAND, &subject, &input)?;
    let of = |member: &str| answer["session"][member].clone();
    let started = json!({ "SessionId": of("sessionId"), "StreamUrl": of("streamUrl"), "TokenValue": of("tokenValue") });
    Ok(Session { started, request: json!({ "Target": at.target() }), region: signed.region().to_owned() })
}

/// Brings a port of a container, or of a host that it reaches, to this machine.
pub(crate) fn forward(
    sdk: &SdkConfig,
    at: Place<'_>,
    local: u16,
    (host, port): (Option<&str>, u16),
) -> Result<Session, AwsError> {
    let signed = Signed::new(sdk);
    let mut parameters = json!({ "portNumber": [port.to_string()], "localPortNumber": [local.to_string()] });
    let mut document = "AWS-StartPortForwardingSession";
    if let Some(host) = host {
        document = "AWS-StartPortForwardingSessionToRemoteHost";
        parameters["host"] = json!([host]);
    }
    let request = json!({ "Target": at.target(), "DocumentName": document, "Parameters": parameters });
    let subject = format!("task {} in cluster {}", at.task, at.cluster);
    let started = signed.json(&SSM, &calls::START_SESSION, &subject, &request)?;
    Ok(Session { started, request, region: signed.region().to_owned() })
}
