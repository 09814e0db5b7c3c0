//! Sessions in containers that run: ExecuteCommand.

use serde_json::{Value, json};

use crate::ecs::json::{invalid, required, short, text};
use crate::ecs::state::Ecs;
use crate::ecs::state::task::Task;
use crate::protocol::{ApiError, ApiResult};
use crate::ssm::session;

impl Ecs {
    pub(crate) fn execute_command(&mut self, input: &Value) -> ApiResult {
        let cluster = self.active_cluster(input)?;
        if input["interactive"] != true {
            return Err(invalid("Interactive is the only mode supported currently."));
        }
        let id = short(required(input, "task")?);
        let task = self.task(&cluster, id);
        let task = task.ok_or_else(|| invalid("The referenced task was not found."))?;
        if task.constant["enableExecuteCommand"] != true || !task.is_wanted() {
            return Err(invalid(
                "The execute command failed because execute command was not enabled when the task was run or the execute \
                 command agent isn\u{2019}t running. Wait and try again or run a new task with execute command enabled and \
                 try again.",
            ));
        }
        let container = container(task, text(input, "container"))?;
        let answer = task.answer();
        let arn = answer["containers"].as_array().into_iter().flatten().find(|it| it["name"] == container);
        let session = session(&format!("ecs-execute-command-{}", &task.id[..17]));
        Ok(json!({
            "clusterArn": task.cluster_arn,
            "taskArn": task.arn,
            "containerName": container,
            "containerArn": arn.map_or(Value::Null, |it| it["containerArn"].clone()),
            "interactive": true,
            "session": {
                "sessionId": session["SessionId"],
                "streamUrl": session["StreamUrl"],
                "tokenValue": session["TokenValue"],
            },
        }))
    }
}

/// The one that is named, or the only one.
fn container<'a>(task: &'a Task, name: Option<&str>) -> Result<&'a str, ApiError> {
    let mut names = task.containers.iter().map(|container| container.name.as_str());
    match name {
        Some(name) => names.find(|known| *known == name).ok_or_else(|| invalid("The container was not found.")),
        None if task.containers.len() > 1 => Err(invalid("A container has to be named, for the task has several.")),
        None => names.next().ok_or_else(|| invalid("The task has no container.")),
    }
}
