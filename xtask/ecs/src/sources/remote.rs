//! The sources that are far away, each in a thread of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fetch;
use crate::aws::ssm::{Kept, Parameter};
use crate::aws::{AwsError, Kind, SdkConfig, cloudformation, ssm};
use crate::beside::{self, both};
use crate::config::{Answers, Config, State};
use crate::failure::{Failure, Result};
use crate::gather::Gather as _;
use crate::lookup::{Lookup, SECRET, tfstate};
use crate::sorted::{SortedMap, SortedSet};
use crate::text::nearest;

pub(super) struct Wanted<'a> {
    pub ssm: Vec<&'a Lookup>,
    pub cfn: Vec<&'a Lookup>,
    pub tfstate: Vec<&'a Lookup>,
}

impl Wanted<'_> {
    pub(super) fn needs_aws(&self, config: &Config) -> bool {
        let in_s3 = matches!(config.lookups.tfstate, Some(State::Object { .. })) && !self.tfstate.is_empty();
        in_s3 || !self.ssm.is_empty() || !self.cfn.is_empty()
    }

    /// `sdk` is there where [`Self::needs_aws`].
    pub(super) fn ask(&self, config: &Config, sdk: Option<&SdkConfig>) -> Answers {
        let stacks = || self.stacks(sdk);
        let state = || (!self.tfstate.is_empty()).then(|| state(config, sdk));
        let parameters = || sdk.map(|sdk| parameters(config, sdk, &self.ssm)).unwrap_or_default();
        let (stacks, (state, parameters)) = both(stacks, || both(state, parameters));
        let outputs = self.cfn.iter().map(|lookup| ((*lookup).clone(), output_of(&stacks, lookup)));
        let found = self.tfstate.iter().map(|lookup| ((*lookup).clone(), found(state.as_ref(), lookup)));
        parameters.into_iter().chain(outputs).chain(found).gather()
    }

    /// What each stack that is named puts out.
    fn stacks(&self, sdk: Option<&SdkConfig>) -> Stacks<'_> {
        let Some(sdk) = sdk else { return Stacks::default() };
        let names: SortedSet<&str> = self.cfn.iter().filter_map(|lookup| Some(output(lookup).ok()?.0)).gather();
        let names: Vec<&str> = names.into_iter().gather();
        let asked = names.iter().map(|stack| move || cloudformation::outputs(sdk, stack)).gather();
        names.iter().copied().zip(beside::all(asked)).gather()
    }
}

fn parameters(config: &Config, sdk: &SdkConfig, wanted: &[&Lookup]) -> Answers {
    // Systems Manager would hand it on to Secrets Manager.
    let (secrets, wanted): (Vec<&Lookup>, Vec<&Lookup>) =
        wanted.iter().partition(|lookup| lookup.name.starts_with("/aws/reference/secretsmanager/"));
    let names: Vec<&str> = wanted.iter().map(|lookup| lookup.name.as_str()).gather();
    let one = |lookup: &Lookup| ssm::parameters(sdk, &[&lookup.name]).map_err(Failure::from);
    let found = match ssm::parameters(sdk, &names) {
        Ok(found) => Some(found),
        // One name that is refused has all of its call refused.
        Err(AwsError { kind: Kind::Answered | Kind::Denied, .. }) if names.len() > 1 => None,
        Err(error) => {
            return wanted.into_iter().map(|lookup| (lookup.clone(), Err(error.clone().into()))).gather();
        }
    };
    let answer = |lookup: &Lookup| match &found {
        Some(found) => parameter(config, lookup, found),
        None => parameter(config, lookup, &one(lookup)?),
    };
    let refused =
        secrets.into_iter().map(|lookup| (lookup.clone(), Err(secret(lookup, "a secret of Secrets Manager"))));
    refused.chain(wanted.into_iter().map(|lookup| (lookup.clone(), answer(lookup)))).gather()
}

fn parameter(config: &Config, lookup: &Lookup, found: &SortedMap<String, Parameter>) -> Result<Value> {
    match found.get(&lookup.name) {
        Some(Parameter { value: Kept::Text(text), .. }) => Ok(Value::from(text.as_str())),
        Some(Parameter { value: Kept::List(items), .. }) => Ok(Value::from(items.as_slice())),
        Some(Parameter { value: Kept::Secret, arn }) => {
            Err(secret(lookup, "a SecureString").help(format!("its `valueFrom` is \"{arn}\"")))
        }
        None => {
            let Config { account, region, .. } = config;
            Err(Failure::usage(format_args!("{lookup}: there is no such parameter in {region} of {account}")))
        }
    }
}

fn secret(lookup: &Lookup, what: &str) -> Failure {
    Failure::usage(format_args!("{lookup} is {what}")).help(SECRET)
}

type Stacks<'a> = SortedMap<&'a str, Result<Option<BTreeMap<String, String>>, AwsError>>;

/// `STACK.Output`
fn output(lookup: &Lookup) -> Result<(&str, &str)> {
    lookup.name.rsplit_once('.').ok_or_else(|| {
        Failure::usage(format_args!("{lookup} names no output of a stack")).help("write `${cfn:STACK.Output}`")
    })
}

fn output_of(stacks: &Stacks<'_>, lookup: &Lookup) -> Result<Value> {
    let (stack, output) = output(lookup)?;
    let outputs = match stacks.get(stack) {
        Some(Ok(Some(outputs))) => outputs,
        Some(Err(error)) => return Err(error.clone().into()),
        _ => return Err(Failure::usage(format_args!("{lookup}: there is no stack `{stack}`"))),
    };
    outputs.get(output).map(|value| Value::from(value.as_str())).ok_or_else(|| {
        let near = nearest(output, outputs.keys().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        Failure::usage(format_args!("{lookup}: the stack `{stack}` has no output `{output}`")).help(near)
    })
}

fn state(config: &Config, sdk: Option<&SdkConfig>) -> Result<tfstate::State> {
    let (name, bytes) = match &config.lookups.tfstate {
        None => {
            return Err(Failure::usage("where the Terraform state is, is not configured")
                .help("write `lookups = { tfstate = \"terraform.tfstate\" }`, or an address that begins with s3:// or https://"));
        }
        Some(State::File(file)) => {
            let name = file.strip_prefix(&config.root).unwrap_or(file).display().to_string();
            let bytes = std::fs::read(file)
                .map_err(|error| Failure::usage(format_args!("could not read the Terraform state {name}: {error}")))?;
            (name, bytes)
        }
        Some(State::Object { bucket, key }) => {
            let name = format!("s3://{bucket}/{key}");
            let sdk = sdk.ok_or_else(|| Failure::world("there is no session"))?;
            (name, crate::aws::s3::object(sdk, bucket, key)?)
        }
        Some(State::Address(address)) => (address.clone(), fetch::get(address)?),
    };
    tfstate::read(&bytes).map_err(|tfstate::Missing { message, help }| {
        Failure::usage(format_args!("the Terraform state {name} cannot be read: {message}")).help(help)
    })
}

fn found(state: Option<&Result<tfstate::State>>, lookup: &Lookup) -> Result<Value> {
    let state = match state {
        Some(Ok(state)) => state,
        Some(Err(failure)) => return Err(failure.clone()),
        None => return Err(Failure::usage(format_args!("{lookup} was not asked for"))),
    };
    state.find(&lookup.name).map_err(|tfstate::Missing { message, help }| Failure::usage(message).help(help))
}
