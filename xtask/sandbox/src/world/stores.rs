//! What a call is answered by, and what lookups read.

use std::collections::BTreeMap;

use serde_json::Value;

use super::State;
use crate::autoscaling::Scaling;
use crate::clock::Instant;
use crate::cloudformation::{Output, Stacks};
use crate::ecs::{Caller, Line};
use crate::elasticloadbalancing::{Balancing, Checks};
use crate::events::Rules;
use crate::home::Home;
use crate::iam::{Iam, Role};
use crate::kms::{self, Kms, Wish};
use crate::lambda::Functions;
use crate::logs::Logs;
use crate::protocol::ApiResult;
use crate::s3::{Object, S3};
use crate::scheduler::Scheduler;
use crate::secretsmanager::Secrets;
use crate::ssm::Ssm;
use crate::sts::Principal;

/// What is kept for those who only look it up.
#[derive(Debug, Default)]
pub(crate) struct Stores {
    places: BTreeMap<Home, Place>,
    /// By account.
    iam: BTreeMap<String, Iam>,
    s3: S3,
}

/// Of one account in one region.
#[derive(Debug, Default)]
struct Place {
    ssm: Ssm,
    stacks: Stacks,
    secrets: Secrets,
    logs: Logs,
    scaling: Scaling,
    balancing: Balancing,
    scheduler: Scheduler,
    functions: Functions,
    rules: Rules,
    kms: Kms,
}

impl Stores {
    /// Brings what an account's containers wrote to where they said.
    pub fn keep(&mut self, home: &Home, lines: &mut Vec<Line>) {
        for Line { sink, at, message } in lines.drain(..) {
            let place = self.places.entry(Home::new(home.account.as_str(), sink.region)).or_default();
            place.logs.write(&sink.group, &sink.stream, at, message);
        }
    }
}

impl State {
    /// One call of any API; `caller` is None where it is not signed.
    pub fn call(&mut self, home: &Home, call: (&str, &str), input: Value, caller: Option<&Principal>) -> ApiResult {
        let (service, operation) = call;
        let arn = caller.map(|caller| caller.arn.clone()).unwrap_or_default();
        let now = self.timeline.now();
        match service {
            "ecr" => self.ecr(home, operation, input),
            "sts" => self.sts.call(operation, input, caller, self.timeline.wall()),
            "ssm" => self.place(home).ssm.call(home, operation, input, now),
            "cloudformation" => self.place(home).stacks.call(operation, input),
            "secretsmanager" => self.place(home).secrets.call(home, operation, input),
            "application-autoscaling" => self.place(home).scaling.call(home, operation, input, now),
            "scheduler" => self.place(home).scheduler.call(home, operation, input, now),
            "lambda" => self.place(home).functions.call(home, operation, input),
            "kms" => {
                let asked = kms::asked(home, &input);
                self.place(&asked.home).kms.call(&asked, &home.account, operation, input)
            }
            "events" => self.place(home).rules.call(home, operation, input),
            "logs" => {
                self.settle();
                self.place(home).logs.call(home, operation, input, now)
            }
            "elasticloadbalancing" => {
                self.open(home);
                let now = self.settle();
                let place = self.stores.places.entry(home.clone()).or_default();
                place.balancing.call(&self.services[home], home, (operation, input), now)
            }
            "iam" => self.iam(home).call(&home.account, operation, input),
            "s3" => self.stores.s3.call(home, &arn, operation, &input),
            _ => self.ecs(home, operation, input, &Caller { arn }),
        }
    }

    fn place(&mut self, home: &Home) -> &mut Place {
        self.stores.places.entry(home.clone()).or_default()
    }

    fn iam(&mut self, home: &Home) -> &mut Iam {
        self.stores.iam.entry(home.account.clone()).or_default()
    }

    pub fn put_role(&mut self, home: &Home, name: &str, role: Role) {
        self.iam(home).put(name, role);
    }

    pub fn put_stack(&mut self, home: &Home, name: &str, outputs: Vec<Output>) {
        let now = self.timeline.now();
        self.place(home).stacks.put(home, name, outputs, now);
    }

    pub fn put_secret(&mut self, home: &Home, name: &str, value: &str) {
        let now = self.timeline.now();
        self.place(home).secrets.put(name, value, now);
    }

    pub fn put_key(&mut self, home: &Home, name: &str, wish: Wish) -> Result<(), String> {
        self.place(home).kms.put(name, wish)
    }

    pub fn put_target_group(&mut self, home: &Home, name: &str, checks: Checks) {
        self.place(home).balancing.put(name, checks);
    }

    pub fn put_function(&mut self, home: &Home, name: &str, state: &str) {
        self.place(home).functions.put(name, state);
    }

    pub fn put_object(&mut self, home: &Home, bucket: &str, key: &str, bytes: &[u8]) {
        let object = Object { bytes: bytes.to_vec(), at: self.timeline.now() };
        self.stores.s3.put(home, bucket, key, object);
    }

    /// Lines a millisecond apart, of which the last is written now.
    pub fn write_logs(&mut self, home: &Home, group: &str, stream: &str, text: &str) {
        let now = self.settle();
        let count = text.lines().count() as u64;
        for (line, before) in text.lines().zip((0..count).rev()) {
            let at = Instant(now.0.saturating_sub(before));
            self.place(home).logs.write(group, stream, at, line.to_owned());
        }
    }

    pub fn write_log(&mut self, home: &Home, group: &str, stream: &str, line: &str) {
        let now = self.settle();
        self.place(home).logs.write(group, stream, now, line.to_owned());
    }
}
