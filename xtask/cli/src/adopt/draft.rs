//! A task definition for what no task definition was before: Kamal's and Compose's services.

use serde_json::{Map, Value, json};
use xtask_ecs::deploy::fargate_size;

use super::adopted::{ACCOUNT, Adopted, DOMAIN, PARTITION, REGION};
use super::built::inline;

/// One container, as far as the other tool says.
#[derive(Default)]
pub struct Container {
    pub name: String,
    pub repository: String,
    /// Literals and lookups.
    pub environment: Vec<(String, String)>,
    /// Names of variables whose values are secret.
    pub secrets: Vec<String>,
    pub ports: Vec<u16>,
    pub command: Vec<String>,
    pub entrypoint: Vec<String>,
    pub user: Option<String>,
    pub health: Option<Value>,
    /// CPU units and MiB; 0 where it does not say.
    pub size: (u64, u64),
}

/// The table `services.NAME` of a container that runs an image, with these lines at its end, and the document that it names.
pub fn service(file: &str, container: &Container, image: &str, more: &[String], adopted: &mut Adopted) {
    let name = &container.name;
    let path = format!("ecs/{name}.json");
    let mut lines = vec![format!("task-definition = \"{path}\"")];
    lines.extend(inline("containers", &[(name.clone(), image.to_owned())]));
    lines.extend_from_slice(more);
    adopted.table(format!("services.{name}"), &lines);
    adopted.documents.push((path, document(container)));
    todo(file, container, adopted);
}

/// Of one container, on Fargate with the smallest size that holds it, a log group `/ecs/NAME`, and AWS's usual execution role.
fn document(container: &Container) -> String {
    let Container { name, repository, .. } = container;
    let (cpu, memory) = fargate_size(container.size.0, container.size.1);
    let mut of = Map::new();
    of.insert("name".into(), json!(name));
    of.insert("image".into(), json!(format!("{ACCOUNT}.dkr.ecr.{REGION}.{DOMAIN}/{repository}")));
    of.insert("essential".into(), json!(true));
    let pairs = |pairs: &[(String, String)]| -> Vec<Value> {
        pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    };
    let secrets = |names: &[String]| -> Vec<Value> {
        let from =
            |name: &String| format!("arn:{PARTITION}:ssm:{REGION}:{ACCOUNT}:parameter/{}/{name}", container.name);
        names.iter().map(|name| json!({ "name": name, "valueFrom": from(name) })).collect()
    };
    let ports: Vec<Value> = container.ports.iter().map(|port| json!({ "containerPort": port })).collect();
    for (member, value) in [
        ("entryPoint", json!(container.entrypoint)),
        ("command", json!(container.command)),
        ("portMappings", json!(ports)),
        ("environment", json!(pairs(&container.environment))),
        ("secrets", json!(secrets(&container.secrets))),
    ] {
        if value.as_array().is_some_and(|items| !items.is_empty()) {
            of.insert(member.into(), value);
        }
    }
    of.extend(container.user.iter().map(|user| ("user".to_owned(), json!(user))));
    of.extend(container.health.iter().map(|health| ("healthCheck".to_owned(), health.clone())));
    let options =
        json!({ "awslogs-group": format!("/ecs/{name}"), "awslogs-region": REGION, "awslogs-stream-prefix": "ecs" });
    of.insert("logConfiguration".into(), json!({ "logDriver": "awslogs", "options": options }));
    let document = json!({
        "family": name,
        "cpu": cpu.to_string(),
        "memory": memory.to_string(),
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "executionRoleArn": format!("arn:{PARTITION}:iam::{ACCOUNT}:role/ecsTaskExecutionRole"),
        "containerDefinitions": [of],
    });
    format!("{document:#}\n")
}

/// What has to be looked at in each such document.
fn todo(file: &str, container: &Container, adopted: &mut Adopted) {
    let name = &container.name;
    adopted.todo.push(format!(
        "ecs/{name}.json: {file} says no execution role, log group and size that ECS needs: ecsTaskExecutionRole, /ecs/{name} and what is written there are \
         assumed; `cargo xtask verify` looks at each"
    ));
    if !container.secrets.is_empty() {
        adopted.todo.push(format!(
            "ecs/{name}.json: the secrets {} are to be parameters of Systems Manager below /{name}/",
            container.secrets.join(", ")
        ));
    }
}
