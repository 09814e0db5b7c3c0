//! What the task definition says of its containers, as far as blame goes by it.

use serde_json::Value;

use crate::gather::Gather;
use crate::text::of_json as text;

/// One of `containerDefinitions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    pub name: String,
    pub image: String,
    /// ECS's default is true.
    pub essential: bool,
    pub has_health_check: bool,
    pub has_ports: bool,
    /// The containers that it waits for, and the conditions: `START`, `COMPLETE`, `SUCCESS`, `HEALTHY`.
    pub waits_for: Vec<(String, String)>,
    pub log: Option<Log>,
}

/// Where a container writes its log, if that is CloudWatch.
/// Source: Amazon ECS Developer Guide, Send Amazon ECS logs to CloudWatch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    pub group: String,
    /// The log's own region; empty where it is the service's.
    pub region: String,
    /// A stream is called `PREFIX/CONTAINER/TASK`; empty where streams have names of the runtime's.
    pub prefix: String,
}

pub(crate) fn declared(document: &Value) -> Vec<Declared> {
    document["containerDefinitions"].as_array().into_iter().flatten().map(container).gather()
}

/// The CPU architecture that the document asks for, as images name it: `amd64` or `arm64`.
pub(super) fn architecture(document: &Value) -> Option<&'static str> {
    match document["runtimePlatform"]["cpuArchitecture"].as_str()? {
        "X86_64" => Some("amd64"),
        "ARM64" => Some("arm64"),
        _ => None,
    }
}

fn container(definition: &Value) -> Declared {
    let filled = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
    let waits = definition["dependsOn"].as_array().into_iter().flatten();
    let options = &definition["logConfiguration"]["options"];
    let log =
        (definition["logConfiguration"]["logDriver"] == "awslogs" && options["awslogs-group"].is_string()).then(|| {
            Log {
                group: text(&options["awslogs-group"]),
                region: text(&options["awslogs-region"]),
                prefix: text(&options["awslogs-stream-prefix"]),
            }
        });
    Declared {
        name: text(&definition["name"]),
        image: text(&definition["image"]),
        essential: definition["essential"] != Value::Bool(false),
        has_health_check: definition["healthCheck"].is_object(),
        has_ports: filled(&definition["portMappings"]),
        waits_for: waits.map(|one| (text(&one["containerName"]), text(&one["condition"]))).gather(),
        log,
    }
}
