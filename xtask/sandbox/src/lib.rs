//! A stand-in for Amazon ECR and ECS on loopback, and for what is asked beside them: APIs and a registry behind one port,
//! for several accounts and regions, rollouts that are simulated, faults that are injected.
//!
//! The AWS CLI, `docker pull` and `docker push`, skopeo and crane work against it as they are. Where it differs from AWS:
//! a signature is checked only for the keys that it hands out; a layer is sent from here and not from S3, and never
//! expires; a manifest is answered in the media type in which it was put; nothing is encrypted, replicated or scanned.
//!
//! ```
//! use serde_json::json;
//! use xtask_sandbox::{Options, Sandbox};
//!
//! let sandbox = Sandbox::start(Options::default())?;
//! sandbox.ecr("CreateRepository", json!({"repositoryName": "sample/app"}))?;
//! for (name, value) in sandbox.environment() {
//!     assert!(!name.is_empty() && !value.is_empty()); // what points the AWS CLI, an SDK or docker at it
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

mod autoscaling;
pub mod clock;
mod cloudformation;
mod ecr;
pub mod ecs;
mod elasticloadbalancing;
mod events;
pub mod fault;
mod furnish;
mod home;
mod http;
mod iam;
mod kms;
mod lambda;
mod limits;
mod logs;
mod machine;
mod model;
mod policy;
pub mod protocol;
mod registry;
mod s3;
mod scheduler;
mod secretsmanager;
mod seed;
mod server;
mod site;
mod ssm;
mod sts;
mod tables;
mod world;

pub use clock::{Clock, Instant};
pub use fault::{Effect, FAULTS, Fault, Which, fault_named};
use home::Home;
use limits::Limits;
pub use machine::Runner;
pub use protocol::{ApiError, ApiResult};
pub use server::ACCESS_KEY;
pub use site::Site;
pub use sts::Account;
pub use world::{Call, Moment};

use clock::Timeline;
use machine::Machine;
use server::SECRET_KEY;
use sts::Sts;
use world::{State, World};

/// How a sandbox is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Twelve digits.
    pub account: String,
    pub region: String,
    /// Further ones, told apart by their access keys; any other key is the first one's.
    pub accounts: Vec<Account>,
    pub clock: Clock,
    pub faults: Vec<Fault>,
    /// Whether more calls than ECS's documented limits allow are throttled; false by default.
    pub limited: bool,
    /// How long the session of a role lasts, whatever is asked for.
    pub sessions_last: Option<Duration>,
    /// What runs containers of images of the sandbox's own registry in earnest; they are simulated by default.
    pub run: Option<Runner>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            account: "123456789012".to_owned(),
            region: "ap-northeast-1".to_owned(),
            accounts: Vec::new(),
            clock: Clock::Real,
            faults: Vec::new(),
            limited: false,
            sessions_last: None,
            run: None,
        }
    }
}

/// A running sandbox. Dropping it stops the server and deletes what was uploaded.
pub struct Sandbox {
    world: Arc<World>,
    address: SocketAddr,
    home: Home,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    machine: Option<Machine>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts a server of its own, with or without a runtime around. Fails where the address is not loopback
    /// (`InvalidInput`) or taken, and where there is no room for a temporary folder.
    pub fn start(options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            let message = format!("the sandbox serves loopback only, and {} is not", options.listen);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listener = TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let passes = matches!(options.clock, Clock::Real | Clock::Scaled(_));
        let mut sandbox = Self::made(options, address)?;

        // A layer is written by the thread that reads it: more threads than uploads at a time keep the rest answering. Where time
        // is turned by hand nobody is in a hurry.
        let workers = if passes { 8 } else { 2 };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_io().enable_time().build()?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&sandbox.world);
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                if passes {
                    tokio::spawn(world::go_on(Arc::clone(&served)));
                }
                tokio::spawn(server::serve(listener, served));
                // An error means that the sender is gone, which is the same.
                drop(stopped.await);
            });
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        (sandbox.stop, sandbox.thread) = (Some(stop), Some(thread));
        Ok(sandbox)
    }

    /// One that nobody can reach: its APIs are asked by [`Sandbox::exchange`] alone. The address is only a name.
    pub fn unserved(options: Options) -> io::Result<Self> {
        let address = options.listen;
        Self::made(options, address)
    }

    /// Has the program of this repository's images at a further path, in containers that run in earnest: for an image that is
    /// built another way than what it stands for.
    pub fn link(&self, repository: &str, path: &str) {
        self.world.lock().links.insert(repository.to_owned(), path.to_owned());
    }

    fn made(options: Options, address: SocketAddr) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("xtask-sandbox-").tempdir()?;
        let home = Home::new(options.account, options.region);
        let (run, clock) = (options.run, options.clock);
        let sts = Sts::new(&home.account, options.accounts, options.sessions_last);
        let timeline = Timeline::start(options.clock);
        let mut state = State::new(timeline, &home, address.to_string(), folder.path().to_owned(), sts);
        options.faults.into_iter().for_each(|fault| state.faults.inject(fault));
        if options.limited {
            state.limits = Limits::of_ecs(std::time::Instant::now());
        }
        if run.is_some() {
            state.in_earnest();
        }
        let scratch = folder.path().join("machine");
        let world = Arc::new(World::new(state, folder));
        let speed = if let Clock::Scaled(speed) = clock { speed } else { 1 };
        let machine =
            run.map(|runner| Machine::start(runner, (Arc::clone(&world), home.clone()), scratch, speed)).transpose()?;
        Ok(Self { world, address, home, stop: None, thread: None, machine })
    }

    /// One exchange with an API, without the network: how long its answer takes, and what it is; None where the
    /// connection was cut. The registry is not asked this way.
    pub fn exchange(&self, request: hyper::Request<Bytes>) -> (Duration, Option<hyper::Response<Bytes>>) {
        server::exchange(&self.world, request)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `127.0.0.1:PORT`, the first part of an image's name here.
    pub fn registry(&self) -> String {
        self.address.to_string()
    }

    /// The variables that point the AWS CLI, an SDK and this project's commands here.
    pub fn environment(&self) -> Vec<(String, String)> {
        let registry = self.registry();
        [
            ("AWS_ENDPOINT_URL", format!("http://{registry}")),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", self.home.region.clone()),
            // The AWS CLI, version 1, reads no other.
            ("AWS_DEFAULT_REGION", self.home.region.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("XTASK_REGISTRY", registry),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Turns the clock, whichever it is, and lets happen what is due by then.
    pub fn advance(&self, by: Duration) {
        let mut state = self.world.lock();
        state.timeline.skip(by);
        state.settle();
    }

    /// Simulated time.
    pub fn now(&self) -> Instant {
        self.world.lock().timeline.now()
    }

    /// One more fault, from now on.
    pub fn inject(&self, fault: Fault) {
        self.world.lock().faults.inject(fault);
    }

    /// Whether any of the faults has befallen a call.
    pub fn befell(&self) -> bool {
        self.world.lock().faults.befell()
    }

    /// Has somebody told of each call from now on, while whoever made it waits for the answer: a test can kill it then.
    /// The first listener stays.
    pub fn listen(&self, listener: impl Fn(&str, Moment) + Send + Sync + 'static) {
        drop(self.world.listener.set(world::Listener(Box::new(listener))));
    }

    /// From now on the tasks of what is registered later behave like this, in the first account and region.
    pub fn behave_newer(&self, tasks: ecs::Tasks) {
        self.world.lock().ecs_of(&self.home).behave_newer(tasks);
    }

    /// From now on this befalls every service deployment that begins there, and nothing else.
    pub fn troubles(&self, troubles: Vec<ecs::Trouble>) {
        self.world.lock().ecs_of(&self.home).troubles = troubles;
    }

    /// Nothing that was injected befalls a call any more, and nothing that was said a rollout.
    pub fn calm(&self) {
        let mut state = self.world.lock();
        state.faults = fault::Faults::default();
        state.ecs_of(&self.home).troubles.clear();
    }

    /// From now on everybody may do what this policy of IAM's allows, and nothing else.
    ///
    /// The error says what of it is not understood here.
    pub fn restrict(&self, policy: &Value) -> Result<(), String> {
        self.world.lock().policy = Some(policy::Policy::read(policy)?);
        Ok(())
    }

    /// Which statements of that policy have decided so far: without one of them something would have been denied.
    pub fn decided(&self) -> Vec<usize> {
        self.world.lock().policy.as_ref().map(policy::Policy::decided).unwrap_or_default()
    }

    /// Every call over the network so far, in the order in which they were answered.
    pub fn calls(&self) -> Vec<Call> {
        self.world.lock().calls.clone()
    }

    /// What a service runs now: how many tasks of which revision, `app:3`. DescribeServices says so, too, and ninety things more.
    pub fn running(&self, cluster: &str, service: &str) -> Vec<(String, u64)> {
        let mut state = self.world.lock();
        state.settle();
        state.ecs_of(&self.home).running(cluster, service)
    }

    /// How many calls there were so far.
    pub fn count(&self) -> usize {
        self.world.lock().calls.len()
    }

    /// An account in a region, for what is asked without the network.
    pub fn site(&self, account: &str, region: &str) -> Site<'_> {
        Site::new(self, Home::new(account, region))
    }

    /// An ECR operation without the network: no fault befalls it, and it is not among [`Sandbox::calls`].
    pub fn ecr(&self, operation: &str, input: Value) -> ApiResult {
        Site::new(self, self.home.clone()).ecr(operation, input)
    }

    /// An ECS operation without the network, as [`Sandbox::ecr`]; it does not move a clock that moves per look.
    pub fn ecs(&self, operation: &str, input: Value) -> ApiResult {
        Site::new(self, self.home.clone()).ecs(operation, input)
    }

    /// As [`Site::furnish`], in the account and the region that the sandbox was started with.
    pub fn furnish(&self, repositories: &[&str], services: &[(&str, &str, Value)]) -> ApiResult {
        Site::new(self, self.home.clone()).furnish(repositories, services)
    }
}

/// The call that a request makes, as [`Call::operation`] has it.
pub fn operation_of(request: &hyper::Request<Bytes>) -> String {
    server::operation_of(request)
}

/// What an answer of a service, such as `ecs`, has that AWS's own model of it has not, in words; None where it fits.
/// Tests of what answers in AWS's place can hold it against this.
pub fn oddity(service: &str, operation: &str, answer: &Value) -> Option<String> {
    let answer = answer.clone();
    match service {
        "ecr" => ecr::member::oddity(operation, answer),
        "ecs" => ecs::oddity(operation, answer),
        "sts" => sts::TABLES.oddity(operation, answer),
        "ssm" => ssm::TABLES.oddity(operation, answer),
        "logs" => logs::TABLES.oddity(operation, answer),
        "elasticloadbalancing" => elasticloadbalancing::TABLES.oddity(operation, answer),
        "cloudformation" => cloudformation::TABLES.oddity(operation, answer),
        "iam" => iam::TABLES.oddity(operation, answer),
        "application-autoscaling" => autoscaling::TABLES.oddity(operation, answer),
        "secretsmanager" => secretsmanager::TABLES.oddity(operation, answer),
        "kms" => kms::TABLES.oddity(operation, answer),
        "scheduler" => scheduler::TABLES.oddity(operation, answer),
        "lambda" => lambda::TABLES.oddity(operation, answer),
        "events" => events::TABLES.oddity(operation, answer),
        other => Some(format!("nothing is known of {other}")),
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.machine.take());
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed already.
            drop(thread.join());
        }
    }
}
