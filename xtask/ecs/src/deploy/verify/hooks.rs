//! Hooks of a rollout that shifts traffic: the functions that ECS calls, and the roles that it calls them with.
//! Source: ECS Developer Guide, "Lifecycle hooks for Amazon ECS service deployments".

use serde_json::Value;

use super::Look;
use crate::aws::ecs::{Service as Live, ServiceDocument, Strategy};
use crate::aws::{iam, lambda};
use crate::text::{of_json as text, taken};

/// What assumes a hook's role.
const ECS: &str = "ecs.amazonaws.com";
const INVOKE: &str = "lambda:InvokeFunction";

/// One hook that calls a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    /// The ARN of the function.
    pub function: String,
    /// The ARN of the role.
    pub role: String,
}

/// The hooks of a deployment configuration that call functions, each once; a pause calls none.
pub(crate) fn hooks(configuration: &Value) -> Vec<Hook> {
    let mut found = Vec::new();
    for hook in configuration["lifecycleHooks"].as_array().into_iter().flatten() {
        let hook = Hook { function: text(&hook["hookTargetArn"]), role: text(&hook["roleArn"]) };
        if !hook.function.is_empty() && !found.contains(&hook) {
            found.push(hook);
        }
    }
    found
}

impl Look<'_> {
    /// Those that are written, or else those that the service has.
    pub(super) fn hooks(&mut self, written: Option<&ServiceDocument>, live: Option<&Live>) {
        let written = written.map(|document| document.value()["deploymentConfiguration"].clone());
        let written = written.filter(|configuration| configuration["lifecycleHooks"].is_array());
        let configuration = match (written, live) {
            (Some(written), _) => written,
            (None, Some(live)) if matches!(live.settings.strategy, Strategy::Shifting { .. }) => {
                match self.described() {
                    Ok(mut described) => taken(&mut described, "deploymentConfiguration"),
                    Err(error) => return self.found.not_told("hook", &error),
                }
            }
            _ => return,
        };
        for hook in hooks(&configuration) {
            self.function(&hook.function);
            self.role_of_hook(&hook);
        }
    }

    fn function(&mut self, arn: &str) {
        match lambda::state(self.around.session.sdk(), arn) {
            // One that was idle for long is `Inactive` until it is called.
            Ok(Some(state)) if ["", "Active", "Inactive"].contains(&state.as_str()) => {
                self.found.ok("hook", format!("{arn} exists"));
            }
            Ok(Some(state)) => {
                let text = format!("{arn} is {state}, so a rollout that calls it fails");
                self.found.problem("hook", text, "`aws lambda get-function` says why");
            }
            Ok(None) => {
                self.found.problem("hook", format!("there is no function {arn}"), "create it, or correct the ARN");
            }
            Err(error) => self.found.not_told("hook", &error),
        }
    }

    fn role_of_hook(&mut self, Hook { function, role }: &Hook) {
        let sdk = self.around.session.sdk();
        if !self.may_be_assumed("hook", role, (ECS, "ECS"), "") {
            return;
        }
        match iam::denied(sdk, role, INVOKE, &[function], None) {
            Ok(refused) if refused.is_empty() => {
                self.found.ok("hook", format!("{role} exists, ECS may assume it, and it may call the function"));
            }
            Ok(_) => {
                let text = format!("{role} may not `{INVOKE}` on {function}");
                self.found.problem("hook", text, "allow it in the role's policy");
            }
            Err(error) => self.found.not_told("hook", &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_function_is_looked_at_once_and_a_pause_is_none() {
        let hook = json!({ "hookTargetArn": "arn:f", "roleArn": "arn:r", "lifecycleStages": ["POST_SCALE_UP"] });
        let configuration = json!({ "lifecycleHooks": [hook, { "targetType": "PAUSE" }, hook] });
        assert_eq!(hooks(&configuration), [Hook { function: "arn:f".into(), role: "arn:r".into() }]);
        assert_eq!(hooks(&Value::Null), []);
    }
}
