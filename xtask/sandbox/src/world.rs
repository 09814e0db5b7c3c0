//! Everything that the sandbox knows, behind one lock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clock::{Instant, Timeline};
use crate::ecr::{Ecr, Wanted};
use crate::ecs::{self, Caller, Ecs, Images};
use crate::fault::{Faults, Struck};
use crate::home::Home;
use crate::limits::Limits;
use crate::policy::{Need, Policy};
use crate::protocol::ApiResult;
use crate::sts::Sts;

mod earnest;
mod effects;
mod past;
mod stores;

pub(crate) use earnest::Stored;
use past::Past;
use stores::Stores;

/// How long a registry token lasts. Source: Amazon ECR User Guide, private registry authentication.
const TOKEN_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// How often a world whose time passes by itself is brought to the present while nobody asks.
const BEAT: Duration = Duration::from_millis(20);

/// Has the world go on while nobody asks, so that whoever asks next does not wait for all that has happened meanwhile.
pub(crate) async fn go_on(world: Arc<World>) {
    loop {
        tokio::time::sleep(BEAT).await;
        world.lock().settle();
    }
}

/// One call that came over the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `ecs:UpdateService`, `registry:PUT blob`.
    pub operation: String,
    /// The request's members; of the registry `repositoryName`, `reference` and, for an upload, `bytes`.
    pub input: Value,
    /// The HTTP status that was answered; 0 where the connection was cut instead.
    pub status: u16,
    /// The access key that signed it; empty for one that is not signed, such as the registry's.
    pub by: String,
    /// When it was answered, in real time since the sandbox was started.
    pub at: Duration,
}

/// When of a call a listener is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It was asked for, and has had no effect yet.
    Before,
    /// It had its effect, and has not been answered yet.
    After,
}

type Hear = dyn Fn(&str, Moment) + Send + Sync;

/// Who is told of each call, by its name.
pub(crate) struct Listener(pub Box<Hear>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

/// The state, and the folder that goes with it.
#[derive(Debug)]
pub(crate) struct World {
    state: Mutex<State>,
    pub listener: OnceLock<Listener>,
    started: std::time::Instant,
    _folder: TempDir,
}

/// What changes.
#[derive(Debug)]
pub(crate) struct State {
    pub timeline: Timeline,
    /// Where calls go that say nothing else.
    pub home: Home,
    /// `HOST:PORT` of everything.
    pub host: String,
    folder: PathBuf,
    registries: BTreeMap<Home, Ecr>,
    services: BTreeMap<Home, Ecs>,
    pub sts: Sts,
    stores: Stores,
    pub faults: Faults,
    past: Past,
    pub limits: Limits,
    /// What everybody who calls may do; everything where there is none.
    pub policy: Option<Policy>,
    pub calls: Vec<Call>,
    tokens: HashMap<String, Token>,
    /// Images of other registries that are gone.
    pub lost: HashSet<String>,
    /// Whether containers of own images run in earnest.
    pub earnest: bool,
    /// By repository: a further path of its images' program, in containers that do.
    pub links: BTreeMap<String, String>,
    /// The word that opens every registry for reading: for whoever runs containers in earnest.
    guest: Option<String>,
    /// Whether a pull through an index ends at a platform's digest.
    pub platforms: bool,
}

/// What a registry token opens.
#[derive(Debug)]
struct Token {
    home: Home,
    /// In real time.
    expires: Instant,
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
        Self {
            state: Mutex::new(state),
            listener: OnceLock::new(),
            started: std::time::Instant::now(),
            _folder: folder,
        }
    }

    /// A simulation that panicked in one call still answers the next.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call and how it was answered; status 0: not at all.
    pub fn log(&self, operation: &str, input: Value, status: u16) {
        self.log_by("", operation, input, status);
    }

    /// As [`World::log`], of a call that this key signed.
    pub fn log_by(&self, key: &str, operation: &str, input: Value, status: u16) {
        self.tell(operation, Moment::After);
        let (operation, by, at) = (operation.to_owned(), key.to_owned(), self.started.elapsed());
        self.lock().calls.push(Call { operation, input, status, by, at });
    }

    /// Counts a call; whether ECS's limits let it pass.
    pub fn allows(&self, call: &str) -> bool {
        self.lock().limits.allow(call, std::time::Instant::now())
    }

    /// Counts a call, and says what befalls it.
    pub fn strike(&self, call: &str) -> Struck {
        self.tell(call, Moment::Before);
        self.lock().faults.strike(call)
    }

    fn tell(&self, call: &str, moment: Moment) {
        if let Some(Listener(listener)) = self.listener.get() {
            listener(call, moment);
        }
    }
}

impl State {
    pub fn new(timeline: Timeline, home: &Home, host: String, folder: PathBuf, sts: Sts) -> Self {
        let mut state = Self {
            timeline,
            home: home.clone(),
            host,
            folder,
            registries: BTreeMap::new(),
            services: BTreeMap::new(),
            sts,
            stores: Stores::default(),
            faults: Faults::default(),
            past: Past::default(),
            limits: Limits::default(),
            policy: None,
            calls: Vec::new(),
            tokens: HashMap::new(),
            lost: HashSet::new(),
            platforms: false,
            earnest: false,
            links: BTreeMap::new(),
            guest: None,
        };
        state.open(home);
        state
    }

    /// Makes an account's region where nobody was before.
    fn open(&mut self, home: &Home) {
        if self.registries.contains_key(home) {
            return;
        }
        let Home { account, region } = home;
        // Layers lie under their digest, whoever's they are.
        let ecr = Ecr::new(account, region, self.host.clone(), self.folder.clone());
        self.registries.insert(home.clone(), ecr);
        let mut ecs = Ecs::new(account, region);
        ecs.earnest = self.earnest;
        self.services.insert(home.clone(), ecs);
    }

    /// What a push needs beside its own right, where it makes the repository.
    /// Source: Amazon ECR User Guide, "Pull through cache", of the pull that makes one.
    pub fn create_on_push(&mut self, home: &Home, action: &str, name: &str) -> Option<Need> {
        let pushes = ["ecr:InitiateLayerUpload", "ecr:PutImage"].contains(&action);
        (pushes && self.ecr_of(home).made_by_push(name).is_some()).then(|| Need {
            action: "ecr:CreateRepository".to_owned(),
            resource: format!("arn:aws:ecr:{}:{}:repository/{name}", home.region, home.account),
            context: None,
        })
    }

    pub fn ecr_of(&mut self, home: &Home) -> &mut Ecr {
        self.open(home);
        self.registries.get_mut(home).expect("it was just opened")
    }

    pub fn ecs_of(&mut self, home: &Home) -> &mut Ecs {
        self.open(home);
        self.services.get_mut(home).expect("it was just opened")
    }

    /// Lets the rollouts reach the present.
    pub fn settle(&mut self) -> Instant {
        let now = self.timeline.now();
        let (registries, lost, platforms, earnest) = (&self.registries, &self.lost, self.platforms, self.earnest);
        for (home, ecs) in &mut self.services {
            ecs.advance(now, &Pull { home, registries, lost, platforms, earnest, now });
            self.stores.keep(home, &mut ecs.written);
        }
        now
    }

    /// One call of the ECS API.
    pub fn ecs(&mut self, home: &Home, operation: &str, input: Value, caller: &Caller) -> ApiResult {
        self.open(home);
        let now = self.settle();
        let (registries, lost, platforms, earnest) = (&self.registries, &self.lost, self.platforms, self.earnest);
        let ecs = self.services.get_mut(home).expect("it was just opened");
        let writes = self.faults.look_back() && !ecs::looks(operation);
        if writes {
            self.past.begin(home, now, ecs);
        }
        let pull = Pull { home, registries, lost, platforms, earnest, now };
        let answer = ecs.call(ecs::Call { operation, input, caller, now }, &pull);
        self.settle();
        if writes {
            self.past.keep(home, now, &self.services[home]);
        }
        answer
    }

    /// The same of a call that only looks, as things were so long ago.
    pub fn ecs_before(
        &mut self,
        home: &Home,
        (operation, input): (&str, Value),
        caller: &Caller,
        lag: Duration,
    ) -> ApiResult {
        let now = self.settle();
        let then = Instant(now.0.saturating_sub(u64::try_from(lag.as_millis()).unwrap_or_default()));
        let Some(mut ecs) = self.past.at(home, then) else { return self.ecs(home, operation, input, caller) };
        let pull = Pull {
            home,
            registries: &self.registries,
            lost: &self.lost,
            platforms: self.platforms,
            earnest: false,
            now: then,
        };
        ecs.advance(then, &pull);
        ecs.call(ecs::Call { operation, input, caller, now: then }, &pull)
    }

    /// One call of the ECR API.
    pub fn ecr(&mut self, home: &Home, operation: &str, input: Value) -> ApiResult {
        let now = self.settle();
        let answer = self.ecr_of(home).call(operation, input, now)?;
        if operation == "GetAuthorizationToken" { Ok(self.authorize(home)) } else { Ok(answer) }
    }

    fn authorize(&mut self, home: &Home) -> Value {
        let token = STANDARD.encode(crate::ecr::random_id());
        let expires = Instant(self.timeline.wall().0 + TOKEN_LIFE.as_secs() * 1000);
        let datum = json!({
            "authorizationToken": STANDARD.encode(format!("AWS:{token}")),
            "expiresAt": expires.seconds(),
            "proxyEndpoint": format!("http://{}", self.host),
        });
        self.tokens.insert(token, Token { home: home.clone(), expires });
        json!({"authorizationData": [datum]})
    }

    pub fn token_state(&self, token: &str) -> TokenState {
        match self.tokens.get(token) {
            None => TokenState::Unknown,
            Some(token) if token.expires <= self.timeline.wall() => TokenState::Expired,
            Some(_) => TokenState::Valid,
        }
    }

    /// Whose registry a token opens, or did before it expired.
    pub fn token_home(&self, token: &str) -> Option<&Home> {
        self.tokens.get(token).map(|token| &token.home)
    }

    /// Every token handed out so far is worth nothing any more.
    pub fn expire_tokens(&mut self) {
        self.tokens.values_mut().for_each(|token| token.expires = Instant(0));
    }
}

/// What a pull finds.
#[derive(Debug)]
struct Pull<'a> {
    /// Whose task pulls.
    home: &'a Home,
    registries: &'a BTreeMap<Home, Ecr>,
    lost: &'a HashSet<String>,
    platforms: bool,
    earnest: bool,
    now: Instant,
}

impl<'a> Pull<'a> {
    /// The registry that an image's name means, and what in it; the port is the task's own account's.
    fn find<'b>(&self, image: &'b str) -> Option<(&'a Ecr, &'b str, Wanted<'b>)> {
        let own = self.registries.get(self.home).into_iter();
        own.chain(self.registries.values()).find_map(|ecr| ecr.own(image).map(|(name, wanted)| (ecr, name, wanted)))
    }
}

impl Images for Pull<'_> {
    fn run_in_earnest(&self) -> bool {
        self.earnest
    }

    fn resolve(&self, image: &str) -> Result<Option<String>, String> {
        let failed = |why: &str| {
            format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {why}"
            )
        };
        let not_found = || failed(&format!("{image}: not found"));
        let Some((ecr, name, wanted)) = self.find(image) else {
            return if self.lost.contains(image) { Err(not_found()) } else { Ok(None) };
        };
        let repository = ecr.repository(name).map_err(|error| failed(&format!("name unknown: {}", error.message)))?;
        if ecr.account != self.home.account && !repository.is_shared() {
            let path = image.split_once('/').map_or("", |(_, path)| path).replacen([':', '@'], "/manifests/", 1);
            let host = format!("{}.dkr.ecr.{}.amazonaws.com", ecr.account, ecr.region);
            return Err(failed(&format!(
                "unexpected status from HEAD request to https://{host}/v2/{path}: 403 Forbidden"
            )));
        }
        let digest = repository.resolve(wanted).filter(|digest| repository.is_pullable(digest, self.now));
        let digest = digest.ok_or_else(not_found)?;
        let child = repository.images[digest].read.children.first().filter(|_| self.platforms);
        Ok(Some(child.map_or(digest, String::as_str).to_owned()))
    }
}
