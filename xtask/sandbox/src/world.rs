//! Everything that the sandbox knows, behind one lock.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clock::{Instant, Timeline};
use crate::ecr::Ecr;
use crate::ecs::{self, Caller, Ecs, Images};
use crate::fault::{Faults, Struck};
use crate::protocol::{ApiError, ApiResult};

mod effects;

/// How long a registry token lasts. Source: Amazon ECR User Guide, private registry authentication.
const TOKEN_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// One call that came over the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `ecs:UpdateService`, `registry:PUT blob`.
    pub operation: String,
    /// The request's members; of the registry `repositoryName`, `reference` and, for an upload, `bytes`.
    pub input: Value,
    /// The HTTP status that was answered; 0 where the connection was cut instead.
    pub status: u16,
}

/// The state, and the folder that goes with it.
#[derive(Debug)]
pub(crate) struct World {
    state: Mutex<State>,
    _folder: TempDir,
}

/// What changes.
#[derive(Debug)]
pub(crate) struct State {
    pub timeline: Timeline,
    pub ecr: Ecr,
    pub ecs: Ecs,
    pub faults: Faults,
    pub calls: Vec<Call>,
    /// Registry tokens and when each expires, in real time.
    tokens: HashMap<String, Instant>,
    /// Images of other registries that are gone.
    pub lost: HashSet<String>,
    /// Whether a pull through an index ends at a platform's digest.
    pub platforms: bool,
}

/// What a registry token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenState {
    Valid,
    Expired,
    Unknown,
}

impl World {
    pub fn new(state: State, folder: TempDir) -> Self {
        Self { state: Mutex::new(state), _folder: folder }
    }

    /// A simulation that panicked in one call still answers the next.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call and how it was answered; status 0: not at all.
    pub fn log(&self, operation: &str, input: Value, status: u16) {
        self.lock().calls.push(Call { operation: operation.to_owned(), input, status });
    }

    /// Counts a call, and says what befalls it.
    pub fn strike(&self, call: &str) -> Struck {
        self.lock().faults.strike(call)
    }
}

impl State {
    pub fn new(timeline: Timeline, ecr: Ecr) -> Self {
        let ecs = Ecs::new(&ecr.account, &ecr.region);
        Self {
            timeline,
            ecr,
            ecs,
            faults: Faults::default(),
            calls: Vec::new(),
            tokens: HashMap::new(),
            lost: HashSet::new(),
            platforms: false,
        }
    }

    /// Lets the rollouts reach the present.
    pub fn settle(&mut self) -> Instant {
        let now = self.timeline.now();
        self.ecs.advance(now, &Pull { ecr: &self.ecr, lost: &self.lost, platforms: self.platforms, now });
        now
    }

    /// One call of the ECS API.
    pub fn ecs(&mut self, operation: &str, input: Value, caller: &Caller) -> ApiResult {
        let now = self.settle();
        let pull = Pull { ecr: &self.ecr, lost: &self.lost, platforms: self.platforms, now };
        let answer = self.ecs.call(ecs::Call { operation, input, caller, now }, &pull);
        self.settle();
        answer
    }

    /// One call of the ECR API.
    pub fn ecr(&mut self, operation: &str, input: Value) -> ApiResult {
        let now = self.settle();
        let answer = self.ecr.call(operation, input, now)?;
        if operation == "GetAuthorizationToken" { Ok(self.authorize()) } else { Ok(answer) }
    }

    /// A call to another region, in which this account has nothing.
    pub fn elsewhere(&self, region: &str, service: &str, operation: &str, input: Value) -> ApiResult {
        if operation.starts_with("Create") || operation == "RegisterTaskDefinition" {
            let message =
                format!("the sandbox simulates region {} alone, and nothing can be made in {region}", self.ecr.region);
            return Err(ApiError::new("AccessDeniedException", message));
        }
        let (account, now) = (&self.ecr.account, self.timeline.now());
        if service == "ecr" {
            return Ecr::new(account, region, self.ecr.host.clone(), PathBuf::new()).call(operation, input, now);
        }
        let nobody = Caller { arn: String::new() };
        let pull = Pull { ecr: &self.ecr, lost: &self.lost, platforms: self.platforms, now };
        Ecs::new(account, region).call(ecs::Call { operation, input, caller: &nobody, now }, &pull)
    }

    fn authorize(&mut self) -> Value {
        let token = STANDARD.encode(crate::ecr::random_id());
        let expires = Instant(self.timeline.wall().0 + TOKEN_LIFE.as_secs() * 1000);
        let datum = json!({
            "authorizationToken": STANDARD.encode(format!("AWS:{token}")),
            "expiresAt": expires.seconds(),
            "proxyEndpoint": format!("http://{}", self.ecr.host),
        });
        self.tokens.insert(token, expires);
        json!({"authorizationData": [datum]})
    }

    pub fn token_state(&self, token: &str) -> TokenState {
        match self.tokens.get(token) {
            None => TokenState::Unknown,
            Some(expires) if *expires <= self.timeline.wall() => TokenState::Expired,
            Some(_) => TokenState::Valid,
        }
    }

    /// Every token handed out so far is worth nothing any more.
    pub fn expire_tokens(&mut self) {
        self.tokens.values_mut().for_each(|expires| *expires = Instant(0));
    }
}

/// What a pull finds.
#[derive(Debug)]
struct Pull<'a> {
    ecr: &'a Ecr,
    lost: &'a HashSet<String>,
    platforms: bool,
    now: Instant,
}

impl Images for Pull<'_> {
    fn resolve(&self, image: &str) -> Result<Option<String>, String> {
        let failed = |why: &str| {
            format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {why}"
            )
        };
        let not_found = || failed(&format!("{image}: not found"));
        let Some((name, wanted)) = self.ecr.own(image) else {
            return if self.lost.contains(image) { Err(not_found()) } else { Ok(None) };
        };
        let repository =
            self.ecr.repository(name).map_err(|error| failed(&format!("name unknown: {}", error.message)))?;
        let digest = repository.resolve(wanted).filter(|digest| repository.is_pullable(digest, self.now));
        let digest = digest.ok_or_else(not_found)?;
        let child = repository.images[digest].read.children.first().filter(|_| self.platforms);
        Ok(Some(child.map_or(digest, String::as_str).to_owned()))
    }
}
