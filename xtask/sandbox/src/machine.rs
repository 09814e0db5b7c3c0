//! Runs the containers of tasks in earnest: the only room that starts programs.
//!
//! A thread asks the simulation what is to be started and stopped, and every container has one that tells it what becomes of
//! it. There are two ways of running one: docker, where an engine answers, and namespaces, which take util-linux, iproute2
//! and a kernel that lets this user have them.

mod container;
mod docker;
mod image;
mod namespace;
mod probes;
mod program;
mod runner;
mod usage;
mod way;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::ecs::earnest::{Launch, News, Order};
use crate::home::Home;
use crate::world::World;
pub use runner::Runner;
use way::{Room, Way};

/// Between two looks at what is to be done.
const LOOK: Duration = Duration::from_millis(20);

/// A container that is to run.
struct Container {
    launch: Launch,
    image: image::Image,
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
    way: Box<dyn Way>,
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
    room: Mutex<Option<Arc<dyn Room>>>,
    /// How each stands, for those that depend on it.
    stands: Mutex<BTreeMap<String, container::Stand>>,
}

impl Task {
    fn room(&self, way: &dyn Way, name: &str) -> Result<Arc<dyn Room>, String> {
        let mut room = locked(&self.room);
        if let Some(room) = &*room {
            return Ok(Arc::clone(room));
        }
        let made = way.room(name).map_err(|why| format!("the task's network was not made: {why}"))?;
        Ok(Arc::clone(room.insert(made)))
    }
}

impl Machine {
    /// Images and what containers write are in this folder, where there is no engine that keeps them; the clock runs so many
    /// times as fast as the real one.
    pub(crate) fn start(
        runner: Runner,
        (world, home): (Arc<World>, Home),
        folder: PathBuf,
        speed: u32,
    ) -> io::Result<Self> {
        let stops = Arc::new(AtomicBool::new(false));
        let way = runner.way(&world, folder).map_err(io::Error::other)?;
        let floor = Arc::new(Floor { world, home, way, speed, stops: Arc::clone(&stops) });
        let thread = std::thread::Builder::new().name("machine".to_owned()).spawn(move || floor.work())?;
        Ok(Self { stops, thread: Some(thread) })
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
