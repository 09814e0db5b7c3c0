//! The least that commands need to be allowed, for exactly one configuration: from the table of calls (`aws/calls.rs`) and
//! the facts that say what each of them is about.

mod facts;
mod terraform;
mod trust;

use serde_json::{Value, json};

use crate::aws::calls::{By, CALLS, Call, IMPLIED, On};
use crate::gather::Gather;

pub(crate) use facts::{Facts, Habit};
pub(crate) use terraform::terraform;
pub(crate) use trust::trust;

/// What assumes a task's roles.
const TASKS: &str = "ecs-tasks.amazonaws.com";

/// A policy that allows, and denies nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub statements: Vec<Statement>,
}

/// Actions that are allowed on the same things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Letters and digits alone. Source: IAM User Guide, "IAM JSON policy elements: Sid".
    pub sid: String,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    pub condition: Option<Condition>,
}

/// An operator, a key, and the values of which one has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub operator: &'static str,
    pub key: &'static str,
    pub values: Vec<String>,
}

/// What these commands need.
pub(crate) fn policy(facts: &Facts, commands: &[By]) -> Policy {
    let mut statements: Vec<Statement> = Vec::new();
    for call in CALLS.iter().copied().chain(IMPLIED) {
        let mut resources = Vec::new();
        for by in commands.iter().filter(|by| call.by.contains(by)) {
            resources.extend(resources_of(call, *by, facts));
        }
        resources.sort();
        resources.dedup();
        if resources.is_empty() {
            continue;
        }
        let (action, condition) = (call.action.to_owned(), condition(call, facts));
        let same = |it: &&mut Statement| it.resources == resources && it.condition == condition;
        if let Some(statement) = statements.iter_mut().find(same) {
            statement.actions.push(action);
        } else {
            let sid = sid(call.on, statements.len());
            statements.push(Statement { sid, actions: vec![action], resources, condition });
        }
    }
    for statement in &mut statements {
        statement.actions.sort();
    }
    Policy { statements }
}

fn sid(on: On, number: usize) -> String {
    let what = if on == On::Anything { "Account".to_owned() } else { format!("{on:?}") };
    format!("Xtask{number}{what}")
}

/// What a command needs an action on; nothing where this configuration never leads to the call.
fn resources_of(call: &Call, by: By, facts: &Facts) -> Vec<String> {
    let deploys = by == By::Deploy;
    let leads_there = match call.action {
        "ecs:RunTask" | "ecs:StopTask" => !deploys || facts.has(Habit::RunsTasks),
        "ecs:ContinueServiceDeployment" => !deploys || facts.has(Habit::DecidesAtPauses),
        "ecs:StopServiceDeployment" => !deploys || facts.has(Habit::StopsRollouts),
        "application-autoscaling:DescribeScalableTargets" => by == By::Scale || facts.has(Habit::Counts),
        "ecs:UpdateExpressGatewayService" | "ecs:DescribeExpressGatewayService" => facts.has(Habit::Expresses),
        "ecr:CreateRepository" | "ecr:DescribeRepositoryCreationTemplates" => facts.has(Habit::HasPushesCreate),
        "ecr:DescribeImageSigningStatus" => by == By::Attached || facts.has(Habit::WantsSignatures),
        "kms:GetPublicKey" => !matches!(by, By::Deploy | By::DeployPlan) || facts.has(Habit::AsksForTheKey),
        "ecs:DescribeCapacityProviders" | "ecs:ListContainerInstances" | "ecs:DescribeContainerInstances" => {
            facts.has(Habit::RunsOnInstances)
        }
        "ecs:CreateService" | "ecs:CreateDaemon" => facts.has(Habit::Creates),
        "ecs:UntagResource" => by == By::Unlock || facts.has(Habit::Locks),
        _ => true,
    };
    if leads_there { facts.resources(call, by) } else { Vec::new() }
}

fn condition(call: &Call, facts: &Facts) -> Option<Condition> {
    match call.action {
        "iam:PassRole" => {
            let to = match call.on {
                On::ScheduleRoles => "scheduler.amazonaws.com",
                On::RuleRoles => "events.amazonaws.com",
                _ => TASKS,
            };
            Some(equals("iam:PassedToService", to))
        }
        "kms:GetPublicKey" | "kms:Sign" => match &facts.alias {
            // Source: AWS KMS Developer Guide, "AWS KMS condition keys".
            Some(alias) => Some(equals("kms:RequestAlias", alias)),
            None => (call.action == "kms:Sign").then(|| equals("kms:MessageType", "DIGEST")),
        },
        "ecs:ListTasks" => Some(Condition { operator: "ArnEquals", key: "ecs:cluster", values: facts.cluster_arns() }),
        _ => None,
    }
}

fn equals(key: &'static str, value: &str) -> Condition {
    Condition { operator: "StringEquals", key, values: vec![value.to_owned()] }
}

impl Policy {
    /// As IAM takes it.
    pub(crate) fn document(&self) -> Value {
        let statement = |it: &Statement| {
            let mut statement =
                json!({ "Sid": it.sid, "Effect": "Allow", "Action": it.actions, "Resource": it.resources });
            if let Some(Condition { operator, key, values }) = &it.condition {
                statement["Condition"] = json!({ *operator: { *key: values } });
            }
            statement
        };
        json!({ "Version": "2012-10-17", "Statement": self.statements.iter().map(statement).gather::<Vec<_>>() })
    }
}
