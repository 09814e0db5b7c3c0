//! What there is, by name: for whoever named something that is not there.

use serde_json::{Value, json};

use super::{Ecs, short};
use crate::aws::calls::Call;
use crate::aws::signed::{ECS, Signed};
use crate::aws::{AwsError, calls};
use crate::net;

impl Ecs {
    /// The names of the clusters.
    pub(crate) fn cluster_names(&self) -> Result<Vec<String>, AwsError> {
        self.names(&calls::LIST_CLUSTERS, "clusters", json!({}))
    }

    /// The names of a cluster's services.
    pub(crate) fn service_names(&self, cluster: &str) -> Result<Vec<String>, AwsError> {
        self.names(&calls::LIST_SERVICES, cluster, json!({ "cluster": cluster, "maxResults": 100 }))
    }

    /// The last part of each ARN, of all pages.
    fn names(&self, call: &'static Call, subject: &str, mut input: Value) -> Result<Vec<String>, AwsError> {
        let mut names = Vec::new();
        loop {
            net::wait(self.pace.turn(call.action));
            let answer = Signed::new(&self.sdk).json(&ECS, call, subject, &input)?;
            let lists = answer.as_object().into_iter().flatten().filter_map(|(_, list)| list.as_array());
            names.extend(lists.flatten().filter_map(Value::as_str).map(|arn| short(arn).to_owned()));
            match answer["nextToken"].as_str().filter(|token| !token.is_empty()) {
                Some(token) => input["nextToken"] = json!(token),
                None => return Ok(names),
            }
        }
    }
}
