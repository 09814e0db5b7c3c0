//! Runs the containers of tasks in earnest: the only room that starts programs.
//!
//! A thread asks the simulation what is to be started and stopped, and every container has one that tells it what becomes of
//! it: the image's own files in namespaces of their own, which takes util-linux, iproute2 and a kernel that lets this user
//! have them.

mod container;
mod image;
mod namespace;
mod probes;
mod program;
mod usage;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::ecs::earnest::{Launch, News, Order};
use crate::home::Home;
use crate::world::World;
use namespace::Network;

/// Between two looks at what is to be done.
const LOOK: Duration = Duration::from_millis(20);

/// Whether containers can run here; the error says what this machine lacks.
pub(crate) fn can_run() -> Result<(), String> {
    namespace::are_allowed()
}

/// A container that is to run.
struct Container {
    launch: Launch,
    /// Its image's own settings: `Env`, `Entrypoint`, `Cmd`, `User`, `WorkingDir`.
    settings: serde_json::Value,
    environment: Vec<(String, String)>,
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
    /// Where images are unpacked and containers have their files.
    folder: PathBuf,
    images: image::Images,
    /// How many times as fast as the real one the clock runs.
    speed: u32,
    stops: Arc<AtomicBool>,
}

/// What the containers of a task share.
#[derive(Default)]
struct Task {
    /// Whether they are to stop.
    stops: AtomicBool,
    /// Made for the first of them; what is left of them ends with it.
    network: Mutex<Option<Network>>,
    /// How each stands, for those that depend on it.
    stands: Mutex<BTreeMap<String, container::Stand>>,
}

impl Task {
    fn network(&self) -> Result<u32, String> {
        let mut network = locked(&self.network);
        if let Some(network) = &*network {
            return Ok(network.pid);
        }
        let made = Network::make().map_err(|why| format!("the task's network was not made: {why}"))?;
        Ok(network.insert(made).pid)
    }
}

impl Machine {
    pub(crate) fn start(world: Arc<World>, home: Home, folder: PathBuf, speed: u32) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let images = image::Images::new(folder.clone());
        let floor = Arc::new(Floor { world, home, folder, images, speed, stops: Arc::clone(&stops) });
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
        let mut tasks: BTreeMap<String, (Arc<Task>, Vec<JoinHandle<()>>)> = BTreeMap::new();
        while !self.ends() {
            let orders = {
                let mut state = self.world.lock();
                state.settle();
                std::mem::take(&mut state.ecs_of(&self.home).orders)
            };
            for order in orders {
                match order {
                    Order::Stop { task } => {
                        if let Some((task, _)) = tasks.get(&task) {
                            task.stops.store(true, Ordering::SeqCst);
                        }
                    }
                    Order::Start(launch) => {
                        let (task, threads) = tasks.entry(launch.task.clone()).or_default();
                        threads.extend(self.start(*launch, Arc::clone(task)));
                    }
                }
            }
            tasks.retain(|_, (_, threads)| threads.iter().any(|thread| !thread.is_finished()));
            std::thread::sleep(LOOK);
        }
        let threads = tasks.into_values().flat_map(|(_, threads)| threads);
        threads.for_each(|thread| drop(thread.join()));
    }

    fn start(self: &Arc<Self>, launch: Launch, task: Arc<Task>) -> Option<JoinHandle<()>> {
        let floor = Arc::clone(self);
        let of = format!("container {}", launch.name);
        std::thread::Builder::new().name(of).spawn(move || container::run(&floor, &launch, &task)).ok()
    }

    fn ends(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }

    /// Whether this task's containers are to stop, or all of them are.
    fn is_over(&self, task: &AtomicBool) -> bool {
        task.load(Ordering::SeqCst) || self.ends()
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
