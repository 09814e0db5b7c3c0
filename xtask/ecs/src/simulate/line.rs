//! What a process says to AWS, how AWS sees it, and what comes between the two.

use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, Response};
use serde_json::{Value, json};
use xtask_sandbox::{Sandbox, operation_of};

use super::stage::{CLUSTER, OTHER};
use super::truth::{Running, serving};
use super::world::Happening;
use crate::aws::Answers;
use crate::interrupt::Interrupt;

/// The process that was killed does nothing any more.
pub(super) struct Killed;

/// What comes between a process and one of its calls.
#[derive(Clone, Debug)]
pub(super) struct Hurt {
    /// Such as `ecs:UpdateService`.
    pub call: String,
    /// Which of them, counted from 1; 0 for each.
    pub nth: u32,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    KilledBefore,
    KilledAfter,
    /// Half of the answer arrives.
    Half,
    /// Something that is no AWS answers, with 200.
    Foreign,
}

pub(super) struct Line {
    sandbox: Arc<Sandbox>,
    killed: AtomicBool,
    /// What the only service of a world ran at each look at it.
    seen: Mutex<Vec<Running>>,
    only: Option<String>,
    hurt: Option<Hurt>,
    met: AtomicU32,
}

impl Line {
    pub(super) fn new(sandbox: &Arc<Sandbox>, names: &[String], hurt: Option<Hurt>) -> Self {
        let only = if let [one] = names { Some(one.clone()) } else { None };
        let (killed, seen, met) = (AtomicBool::new(false), Mutex::default(), AtomicU32::new(0));
        Self { sandbox: Arc::clone(sandbox), killed, seen, only, hurt, met }
    }

    /// Nothing of the process reaches anybody any more.
    pub(super) fn cut(&self) {
        self.killed.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    pub(super) fn seen(&self) -> Vec<Running> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Answers for Line {
    fn answer(&self, request: Request<Bytes>) -> (Duration, Option<Response<Bytes>>) {
        if self.is_cut() {
            panic_any(Killed);
        }
        let operation = operation_of(&request);
        if let (Some(name), "ecs:DescribeServices") = (&self.only, operation.as_str()) {
            let now = serving(&self.sandbox, name);
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        }
        let hurt = self.hurt.as_ref().filter(|hurt| hurt.call == operation);
        let how = hurt.filter(|hurt| hurt.nth == 0 || self.met.fetch_add(1, Ordering::SeqCst) + 1 == hurt.nth);
        let how = how.map(|hurt| hurt.how);
        if how == Some(How::KilledBefore) {
            self.kill();
        }
        let (takes, answer) = self.sandbox.exchange(request);
        match how {
            Some(How::KilledAfter) => self.kill(),
            Some(How::Half) => (takes, answer.map(|answer| answer.map(|body| body.slice(..body.len() / 2)))),
            Some(How::Foreign) => {
                (takes, Some(Response::new(Bytes::from_static(b"<html><body>Log in to the network</body></html>"))))
            }
            _ => (takes, answer),
        }
    }
}

impl Line {
    fn kill(&self) -> ! {
        self.cut();
        panic_any(Killed)
    }

    pub(super) fn happen(&self, what: &Happening, interrupt: &Interrupt, names: &[String]) {
        let sandbox = &self.sandbox;
        // What cannot be done any more is not done.
        let ask = |operation: &str, input: Value| sandbox.ecs(operation, input).unwrap_or_default();
        let update = |service: &str, members: Value| {
            let mut input = json!({ "cluster": CLUSTER, "service": service });
            for (name, value) in members.as_object().into_iter().flatten() {
                input[name] = value.clone();
            }
            ask("UpdateService", input);
        };
        let rollout = |service: usize| {
            let found = ask("DescribeServices", json!({ "cluster": CLUSTER, "services": [names[service]] }));
            let arn = found["services"][0]["currentServiceDeployment"].clone();
            let described = ask("DescribeServiceDeployments", json!({ "serviceDeploymentArns": [arn] }));
            described["serviceDeployments"][0].clone()
        };
        let definition = |service: &str| {
            let found = ask("DescribeServices", json!({ "cluster": CLUSTER, "services": [service] }));
            let arn = found["services"][0]["taskDefinition"].clone();
            ask("DescribeTaskDefinition", json!({ "taskDefinition": arn }))["taskDefinition"].clone()
        };
        match what {
            Happening::Interrupt => interrupt.set(),
            Happening::Kill => self.cut(),
            Happening::Deploys { service, own: false } => {
                update(&names[*service], json!({ "forceNewDeployment": true }));
            }
            Happening::Deploys { service, own: true } => {
                let found = definition(&names[*service]);
                let members = ["family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn"];
                let mut input = json!({ "containerDefinitions": found["containerDefinitions"] });
                for member in members {
                    if !found[member].is_null() {
                        input[member] = found[member].clone();
                    }
                }
                input["containerDefinitions"][0]["environment"] = json!([{ "name": "WHO", "value": "somebody else" }]);
                let registered = ask("RegisterTaskDefinition", input);
                update(
                    &names[*service],
                    json!({ "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"], "forceNewDeployment": true }),
                );
            }
            Happening::Scales { service, to } => update(&names[*service], json!({ "desiredCount": to })),
            Happening::Deletes { tag } => {
                let input = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": tag }] });
                drop(sandbox.ecr("BatchDeleteImage", input));
            }
            Happening::Stops { service, back } => {
                let stop = if *back { "ROLLBACK" } else { "ABORT" };
                let arn = rollout(*service)["serviceDeploymentArn"].clone();
                ask("StopServiceDeployment", json!({ "serviceDeploymentArn": arn, "stopType": stop }));
            }
            Happening::Answers { service, go_on } => {
                let found = rollout(*service);
                let action = if *go_on { "CONTINUE" } else { "ROLLBACK" };
                for hook in found["lifecycleHookDetails"].as_array().into_iter().flatten() {
                    let input = json!({ "serviceDeploymentArn": found["serviceDeploymentArn"], "hookId": hook["hookId"],
                        "action": action });
                    ask("ContinueServiceDeployment", input);
                }
            }
            Happening::Deregisters { service } => {
                let arn = definition(&names[*service])["taskDefinitionArn"].clone();
                ask("DeregisterTaskDefinition", json!({ "taskDefinition": arn }));
            }
            Happening::Elsewhere => update(OTHER, json!({ "forceNewDeployment": true })),
        }
    }
}
