//! What the sandbox knows to be true of one service.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use super::stage::CLUSTER;
use crate::text::{of_json as text, short};

#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    pub desired: u64,
    /// `app:3`
    pub revision: String,
    /// The newest first.
    pub rollouts: Vec<Rollout>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Rollout {
    /// Of its entry among the service's deployments.
    pub id: String,
    pub revision: String,
    pub status: String,
    /// Seconds since the Unix epoch.
    pub created: f64,
    pub finished: Option<f64>,
    pub digests: Vec<(String, String)>,
}

impl Rollout {
    pub(super) fn is_final(&self) -> bool {
        matches!(self.status.as_str(), "SUCCESSFUL" | "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED")
    }
}

impl Truth {
    pub(super) fn of(sandbox: &Sandbox, service: &str) -> Self {
        let ask = |operation: &str, input: Value| sandbox.ecs(operation, input).unwrap_or_default();
        let found = ask("DescribeServices", json!({ "cluster": CLUSTER, "services": [service] }));
        let found = &found["services"][0];
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let listed =
            ask("ListServiceDeployments", json!({ "cluster": CLUSTER, "service": service, "maxResults": 100 }));
        let arns: Vec<&Value> = listed["serviceDeployments"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| &it["serviceDeploymentArn"])
            .collect();
        let rollouts = arns.chunks(20).flat_map(|arns| {
            let described = ask("DescribeServiceDeployments", json!({ "serviceDeploymentArns": arns }));
            let described = described["serviceDeployments"].as_array().cloned().unwrap_or_default();
            described.into_iter().map(|it| rollout(sandbox, &it)).collect::<Vec<_>>()
        });
        Self {
            desired: number(&found["desiredCount"]),
            revision: short(&text(&found["taskDefinition"])).to_owned(),
            rollouts: rollouts.collect(),
        }
    }

    /// The rollout whose entry among the deployments has this id.
    pub(super) fn rollout(&self, id: &str) -> Option<&Rollout> {
        self.rollouts.iter().find(|rollout| rollout.id == id)
    }
}

/// What a service runs: `app:3` and 2, sorted.
pub(super) type Running = Vec<(String, u64)>;

/// What a service runs now.
pub(super) fn serving(sandbox: &Sandbox, service: &str) -> Running {
    let mut running = sandbox.running(CLUSTER, service);
    running.sort();
    running
}

fn rollout(sandbox: &Sandbox, it: &Value) -> Rollout {
    let target = &it["targetServiceRevision"]["arn"];
    let revisions =
        sandbox.ecs("DescribeServiceRevisions", json!({ "serviceRevisionArns": [target] })).unwrap_or_default();
    let revision = &revisions["serviceRevisions"][0];
    let images = revision["containerImages"].as_array().into_iter().flatten();
    let digests = images.filter_map(|it| Some((text(&it["containerName"]), it["imageDigest"].as_str()?.to_owned())));
    Rollout {
        id: format!("ecs-svc/{}", short(&text(target))),
        revision: short(&text(&revision["taskDefinition"])).to_owned(),
        status: text(&it["status"]),
        created: it["createdAt"].as_f64().unwrap_or_default(),
        finished: it["finishedAt"].as_f64(),
        digests: digests.collect(),
    }
}

/// `app:3 (2 tasks) serves now`, taken apart.
pub(super) fn claim(text: &str) -> Option<Running> {
    let end = text.find(" serves now").or_else(|| text.find(" serve now"))?;
    let begin = text[..end].rfind("; ").map_or(0, |at| at + 2);
    let parts = text[begin..end].split(" and ").map(|part| {
        let (revision, rest) = part.rsplit_once(" (")?;
        let revision = revision.rsplit(' ').next()?;
        Some((revision.to_owned(), rest.split(' ').next()?.parse().ok()?))
    });
    let mut claim = parts.collect::<Option<Running>>()?;
    claim.sort();
    Some(claim)
}
