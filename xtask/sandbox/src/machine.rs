//! Runs the containers of tasks in earnest: the only room that starts programs.
//!
//! A thread asks the simulation what is to be started and stopped, and every container has threads that tell it what
//! becomes of it. With docker, where an engine answers; else the image's own files in namespaces of their own, which takes
//! util-linux and a kernel that lets this user have them.

mod container;
mod docker;
mod health;
mod image;
mod namespace;
mod program;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::ecs::earnest::{Launch, News, Order};
use crate::home::Home;
use crate::world::World;
use docker::Docker;
use namespace::Namespaces;
use program::Program;

/// Between two looks at what is to be done.
const LOOK: Duration = Duration::from_millis(20);

/// What containers run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    Docker,
    Namespaces,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Docker => "docker",
            Self::Namespaces => "namespaces of their own: without the network, a memory limit and /proc",
        })
    }
}

impl Engine {
    /// What there is on this machine; the error says why nothing is.
    pub fn find() -> Result<Self, String> {
        if Docker::answers() {
            return Ok(Self::Docker);
        }
        Namespaces::are_allowed().map(|()| Self::Namespaces)
    }
}

/// How a container becomes a program of this machine.
trait Runs: Send + Sync {
    /// The program that is the container, to its end.
    fn main(&self, container: &Container) -> Result<Command, String>;
    /// One that runs beside it: its health command.
    fn beside(&self, container: &Container, words: &[String]) -> Result<Command, String>;
    /// Sends SIGTERM, or SIGKILL.
    fn signal(&self, container: &Container, program: &Program, kill: bool);
    /// Nothing of the task is needed any more.
    fn forget(&self, task: &str);
}

/// A container that is to run.
struct Container {
    launch: Launch,
    /// Its image's own settings: `Env`, `Entrypoint`, `Cmd`, `User`, `WorkingDir`.
    settings: serde_json::Value,
    environment: Vec<(String, String)>,
    /// What the sandbox's registry opens to.
    token: String,
}

/// The threads at work; dropping it ends every program.
#[derive(Debug)]
pub(crate) struct Machine {
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Floor {
    world: Arc<World>,
    home: Home,
    runs: Box<dyn Runs>,
    images: image::Images,
    /// How many times as fast as the real one the clock runs.
    speed: u32,
    stops: Arc<AtomicBool>,
    /// By task: whether it is to stop, and its containers' threads.
    tasks: Mutex<BTreeMap<String, Arc<AtomicBool>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// How each container stands, for those that depend on it.
    stands: Mutex<BTreeMap<(String, String), container::Stand>>,
}

impl Machine {
    pub(crate) fn start(world: Arc<World>, home: Home, engine: &Engine, folder: PathBuf, speed: u32) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let runs: Box<dyn Runs> = match engine {
            Engine::Docker => Box::new(Docker::new(&folder)),
            Engine::Namespaces => Box::new(Namespaces::new(&folder)),
        };
        let images = image::Images::new(folder);
        let floor = Arc::new(Floor {
            world,
            home,
            runs,
            images,
            speed,
            stops: Arc::clone(&stops),
            tasks: Mutex::default(),
            threads: Mutex::default(),
            stands: Mutex::default(),
        });
        let thread = std::thread::Builder::new().name("machine".to_owned()).spawn(move || floor.work());
        Self { stops, thread: thread.ok() }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Floor {
    fn work(self: Arc<Self>) {
        while !self.stops.load(Ordering::SeqCst) {
            let orders = {
                let mut state = self.world.lock();
                state.settle();
                std::mem::take(&mut state.ecs_of(&self.home).orders)
            };
            for order in orders {
                self.take(order);
            }
            std::thread::sleep(LOOK);
        }
        let threads = std::mem::take(&mut *locked(&self.threads));
        threads.into_iter().for_each(|thread| drop(thread.join()));
        for task in locked(&self.tasks).keys() {
            self.runs.forget(task);
        }
    }

    fn take(self: &Arc<Self>, order: Order) {
        match order {
            Order::Stop { task } => {
                if let Some(stops) = locked(&self.tasks).get(&task) {
                    stops.store(true, Ordering::SeqCst);
                }
            }
            Order::Start(launch) => {
                let stops = Arc::clone(locked(&self.tasks).entry(launch.task.clone()).or_default());
                let floor = Arc::clone(self);
                let of = format!("{} {}", launch.task, launch.name);
                let thread =
                    std::thread::Builder::new().name(of).spawn(move || container::run(&floor, *launch, &stops));
                locked(&self.threads).extend(thread.ok());
            }
        }
    }

    /// Whether this task's containers are to stop, or all of them are.
    fn is_over(&self, task: &AtomicBool) -> bool {
        task.load(Ordering::SeqCst) || self.stops.load(Ordering::SeqCst)
    }

    fn tell(&self, launch: &Launch, news: News) {
        let mut state = self.world.lock();
        let now = state.settle();
        state.ecs_of(&self.home).learn(&launch.task, &launch.name, news, now);
        state.settle();
    }

    /// So long in real time, of so many seconds that a document says.
    fn scaled(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds) / self.speed.max(1)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
