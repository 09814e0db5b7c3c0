//! A stand-in for Amazon ECR and ECS on loopback: the JSON APIs of both and a registry behind one port, rollouts that
//! are simulated, faults that are injected.
//!
//! The AWS CLI, `docker pull` and `docker push`, skopeo and crane work against it as they are. Where it differs from AWS:
//! a signature is checked only for the key that it hands out; a layer is sent from here and not from S3, and never
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

use serde_json::Value;
use tokio::sync::oneshot;

pub mod clock;
mod ecr;
pub mod ecs;
pub mod fault;
mod furnish;
mod http;
mod model;
pub mod protocol;
mod registry;
mod server;
mod world;

pub use clock::{Clock, Instant};
pub use fault::{Effect, FAULTS, Fault, Which, fault_named};
pub use protocol::{ApiError, ApiResult};
pub use server::ACCESS_KEY;
pub use world::Call;

use clock::Timeline;
use ecr::Ecr;
use ecs::Caller;
use server::SECRET_KEY;
use world::{State, World};

/// How a sandbox is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Twelve digits.
    pub account: String,
    pub region: String,
    pub clock: Clock,
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            account: "123456789012".to_owned(),
            region: "ap-northeast-1".to_owned(),
            clock: Clock::Real,
            faults: Vec::new(),
        }
    }
}

/// A running sandbox. Dropping it stops the server and deletes what was uploaded.
pub struct Sandbox {
    world: Arc<World>,
    address: SocketAddr,
    region: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
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
        let folder = tempfile::Builder::new().prefix("xtask-sandbox-").tempdir()?;
        let ecr = Ecr::new(&options.account, &options.region, address.to_string(), folder.path().to_owned());
        let mut state = State::new(Timeline::start(options.clock), ecr);
        options.faults.into_iter().for_each(|fault| state.faults.inject(fault));
        let world = Arc::new(World::new(state, folder));

        // A layer is written by the thread that reads it: more threads than uploads at a time keep the rest answering.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(8).enable_io().enable_time().build()?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&world);
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::spawn(server::serve(listener, served));
                // An error means that the sender is gone, which is the same.
                drop(stopped.await);
            });
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        Ok(Self { world, address, region: options.region, stop: Some(stop), thread: Some(thread) })
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
            ("AWS_REGION", self.region.clone()),
            // The AWS CLI, version 1, reads no other.
            ("AWS_DEFAULT_REGION", self.region.clone()),
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

    /// Every call over the network so far, in the order in which they were answered.
    pub fn calls(&self) -> Vec<Call> {
        self.world.lock().calls.clone()
    }

    /// An ECR operation without the network: no fault befalls it, and it is not among [`Sandbox::calls`].
    pub fn ecr(&self, operation: &str, input: Value) -> ApiResult {
        self.world.lock().ecr(operation, input)
    }

    /// An ECS operation without the network, as [`Sandbox::ecr`]; it does not move a clock that moves per look.
    pub fn ecs(&self, operation: &str, input: Value) -> ApiResult {
        let mut state = self.world.lock();
        let caller = Caller { arn: format!("arn:aws:iam::{}:root", state.ecr.account) };
        state.ecs(operation, input, &caller)
    }
}

/// What an answer of `ecr` or `ecs` has that AWS's own model of it has not, in words; None where it fits. Tests of what
/// answers in AWS's place can hold it against this.
pub fn oddity(service: &str, operation: &str, answer: &Value) -> Option<String> {
    let of = if service == "ecr" { ecr::member::oddity } else { ecs::oddity };
    of(operation, answer.clone())
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed already.
            drop(thread.join());
        }
    }
}
