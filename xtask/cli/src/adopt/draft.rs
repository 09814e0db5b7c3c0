//! A task definition for what no task definition was before: Kamal's and Compose's services.

use serde_json::{Map, Value, json};

use super::adopted::{ACCOUNT, Adopted, REGION};

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
    /// CPU units and MiB.
    pub size: Option<(u32, u32)>,
}

/// Of one container, on Fargate with the smallest size that holds it, a log group `/ecs/NAME`, and AWS's usual execution role.
pub fn document(container: &Container) -> String {
    let Container { name, repository, .. } = container;
    let (cpu, memory) = container.size.map_or((256, 512), fitting);
    let mut of = Map::new();
    of.insert("name".into(), json!(name));
    of.insert("image".into(), json!(format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{repository}")));
    of.insert("essential".into(), json!(true));
    let pairs = |pairs: &[(String, String)]| -> Vec<Value> {
        pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    };
    let secrets = |names: &[String]| -> Vec<Value> {
        let from = |name: &String| format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{}/{name}", container.name);
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
        "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/ecsTaskExecutionRole"),
        "containerDefinitions": [of],
    });
    format!("{document:#}\n")
}

/// Fargate's sizes that hold a container's. Source: the Amazon ECS Developer Guide, "Task CPU and memory".
fn fitting((cpu, memory): (u32, u32)) -> (u32, u32) {
    const SIZES: [(u32, u32, u32, u32); 7] = [
        (256, 512, 2048, 512),
        (512, 1024, 4096, 1024),
        (1024, 2048, 8192, 1024),
        (2048, 4096, 16384, 1024),
        (4096, 8192, 30720, 1024),
        (8192, 16384, 61440, 4096),
        (16384, 32768, 122_880, 8192),
    ];
    let size = SIZES.iter().find(|(size, _, most, _)| *size >= cpu && *most >= memory);
    let (cpu, least, most, step) = *size.unwrap_or(&SIZES[6]);
    // A quarter of a CPU has 512, 1024 or 2048 MiB.
    let memory = if cpu == 256 { memory.max(1).next_power_of_two() } else { memory.div_ceil(step) * step };
    (cpu, memory.clamp(least, most))
}

/// What has to be looked at in each such document.
pub fn todo(file: &str, container: &Container, adopted: &mut Adopted) {
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

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn a_container_gets_the_smallest_size_of_fargate_that_holds_it() {
        for (wanted, size) in [
            ((0, 0), (256, 512)),
            ((128, 600), (256, 1024)),
            ((256, 3000), (512, 3072)),
            ((512, 512), (512, 1024)),
            ((1500, 5000), (2048, 5120)),
            ((8192, 17_000), (8192, 20_480)),
            ((99_999, 1), (16384, 32768)),
        ] {
            assert_eq!(fitting(wanted), size, "{wanted:?}");
        }
    }
}
