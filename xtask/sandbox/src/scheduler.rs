//! EventBridge Scheduler: schedules that somebody made, to be read and changed. It starts nothing by itself.
//! Source: Amazon EventBridge Scheduler API Reference, version 2021-06-30.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::home::Home;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("scheduler/members.txt"), include_str!("scheduler/answers.txt"));
    Tables::new(inputs, answers, |_| None, "ValidationException")
});

/// The schedules of one account in one region, by group and name.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    schedules: BTreeMap<[String; 2], Value>,
}

impl Scheduler {
    pub fn call(&mut self, home: &Home, operation: &str, input: Value, now: Instant) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        let key = ["GroupName", "Name"].map(|member| input[member].as_str().unwrap_or("default").to_owned());
        let arn = format!("arn:aws:scheduler:{}:{}:schedule/{}/{}", home.region, home.account, key[0], key[1]);
        match operation {
            "GetSchedule" => self.schedules.get(&key).cloned().ok_or_else(|| missing(&key[1])),
            "CreateSchedule" if self.schedules.contains_key(&key) => {
                Err(ApiError::with(409, "ConflictException", format!("Schedule {} already exists.", key[1])))
            }
            "UpdateSchedule" if !self.schedules.contains_key(&key) => Err(missing(&key[1])),
            "CreateSchedule" | "UpdateSchedule" => {
                check(input)?;
                // What an update leaves out is not kept.
                let made = self.schedules.get(&key).map_or(json!(now.seconds()), |old| old["CreationDate"].clone());
                let mut schedule = input.clone();
                for (member, value) in [
                    ("Arn", json!(arn)),
                    ("GroupName", json!(key[0])),
                    ("CreationDate", made),
                    ("LastModificationDate", json!(now.seconds())),
                ] {
                    schedule[member] = value;
                }
                for (member, default) in [("State", "ENABLED"), ("ScheduleExpressionTimezone", "UTC")] {
                    if schedule[member].is_null() {
                        schedule[member] = json!(default);
                    }
                }
                if let Some(members) = schedule.as_object_mut() {
                    members.shift_remove("ClientToken");
                }
                self.schedules.insert(key, schedule);
                Ok(json!({ "ScheduleArn": arn }))
            }
            "DeleteSchedule" => self.schedules.remove(&key).map(|_| json!({})).ok_or_else(|| missing(&key[1])),
            _ => Err(unknown(operation)),
        }
    }
}

fn check(input: &Value) -> Result<(), ApiError> {
    let expression = input["ScheduleExpression"].as_str().unwrap_or_default();
    let known = ["at(", "rate(", "cron("].iter().any(|kind| expression.starts_with(kind)) && expression.ends_with(')');
    if !known {
        return Err(ApiError::new("ValidationException", format!("Invalid Schedule Expression {expression}.")));
    }
    let target = &input["Target"];
    let to_ecs = target["Arn"].as_str().is_some_and(|arn| arn.contains(":ecs:") && arn.contains(":cluster/"));
    if to_ecs && target["EcsParameters"].is_null() {
        return Err(ApiError::new("ValidationException", "EcsParameters is required for an ECS target."));
    }
    Ok(())
}

fn missing(name: &str) -> ApiError {
    ApiError::with(404, "ResourceNotFoundException", format!("Schedule {name} does not exist."))
}
