//! The real release and the real promotion, to registries that cut, repeat, reorder and lie: after each push a tag is absent,
//! or every byte behind it is right, and how the push ended says which.

mod http;
mod oracle;
mod stage;
mod wire;
mod world;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

pub(super) use world::World;

use self::stage::{Desk, Place, Stage};
use self::wire::Wire;
use self::world::{End, Fault, Image, Kind, Rival};
use crate::aws::Session;
use crate::config;
use crate::digest::Digest;
use crate::event::Events;
use crate::failure::{Ending, Failure, Result};
use crate::interrupt::Interrupt;
use crate::promote::{Promotions, Side};
use crate::rehearse::StandIn;
use crate::release::{Builders, Order, Releases, Share};
use crate::simulate::drive;
use crate::time::turned::Turned;

/// No push takes longer, whatever befalls it.
const LONGEST: Duration = Duration::from_secs(30 * 3600);

/// One machine that pushes, as often as it is asked to.
struct Machine {
    world: Arc<World>,
    /// Where it pushes to, and where a promotion takes it from.
    places: Vec<Place>,
    registry: String,
    desk: Arc<Desk>,
    other: bool,
}

/// How a push ended.
struct Pushed {
    /// The image at each place, and the digest that it is said to have.
    said: Vec<Digest>,
    result: Result<()>,
    events: Vec<String>,
}

impl Pushed {
    /// For who reads along.
    fn told(&self, who: &str) -> String {
        let end = self.result.as_ref().map_err(ToString::to_string);
        format!("{}\n{who}: {end:?}, {:?}", self.events.join("\n"), self.said)
    }
}

/// Says what is wrong with how the pushes of this world ended; nothing, if all is well.
pub(super) fn play(clock: &'static Turned, seed: u64, tell: &dyn Fn(&str)) -> Result<Vec<String>> {
    let world = Arc::new(World::of(seed));
    clock.begin(Duration::from_secs(1_790_000_000), seed);
    let stage = Stage::furnished(&world)?;
    let interrupt = Interrupt::default();
    let wire = |lot, ills: (&[Fault], _), interrupt: &Interrupt| {
        let wire = Wire::before(stage.sandbox.address(), (clock, lot), ills, interrupt);
        Ok::<_, Failure>(Arc::new(wire.map_err(anyhow::Error::new)?))
    };
    let others = wire(!seed, (&[], None), &Interrupt::default())?;
    let wire = wire(seed, (&world.faults, world.end), &interrupt)?;
    let desk = Desk::new(&stage.sandbox, &world.slips, &wire);
    let machine = Machine::new(&stage, &world, (&wire.address.to_string(), desk), false)?;
    let mut findings = Vec::new();

    let rival = world.rival.map(|rival| {
        let desk = Desk::new(&stage.sandbox, &[], &others);
        Machine::new(&stage, &world, (&others.address.to_string(), desk), rival == Rival::OtherBytes)
    });
    let rival = rival.transpose()?;
    let pushing = rival.as_ref().map(|rival| (rival, Interrupt::default()));
    let Some(ended) = together(clock, [(&machine, interrupt)].into_iter().chain(pushing).collect()) else {
        return Ok(vec!["a push never ends".to_owned()]);
    };
    // A process that is killed says nothing.
    let mut ended =
        ended.iter().zip([("the push", world.end), ("the other push", None)]).skip(usize::from(wire.is_cut()));
    ended.by_ref().for_each(|(pushed, (who, end))| {
        tell(&pushed.told(who));
        findings.extend(judge(&stage, &world, pushed, end).into_iter().map(|finding| format!("{who}: {finding}")));
    });
    findings.extend(broken(&stage, &world));

    // The registry comes to its senses.
    wire.calm();
    machine.desk.calm();
    let (there, calls) = (stored(&stage, &world), stage.sandbox.calls().len());
    let again = together(clock, vec![(&machine, Interrupt::default())]).and_then(|mut ended| ended.pop());
    let Some(again) = again else {
        return Ok(vec!["run again it never ends".to_owned()]);
    };
    tell(&again.told("run again"));
    findings.extend(judge(&stage, &world, &again, None).into_iter().map(|finding| format!("run again: {finding}")));
    let lost = world.rival == Some(Rival::OtherBytes);
    if let Some(failure) = again.result.as_ref().err().filter(|it| !(lost && it.ending == Ending::Conflict)) {
        findings.push(format!("run again it fails: {failure}"));
    }
    findings.extend(broken(&stage, &world));
    let untagged = world.images.iter().filter(|image| oracle::tagged(&stage, &world, image) == Ok(None));
    findings.extend(untagged.map(|image| format!("run again, and {} has no tag", image.name)));
    let sent = stage.sandbox.calls().split_off(calls).into_iter();
    let sent = sent.filter(|call| call.operation == "registry:PUT blob" && call.status == 201).map(|call| {
        let text = |name: &str| call.input[name].as_str().unwrap_or_default().to_owned();
        (text("repositoryName"), text("reference"))
    });
    findings
        .extend(sent.filter(|blob| there.contains(blob)).map(|blob| format!("run again it sent {} once more", blob.1)));
    Ok(findings)
}

/// What of a world's blobs is in its repositories.
fn stored(stage: &Stage, world: &World) -> BTreeSet<(String, String)> {
    let site = stage.target();
    let of = |image: &Image| {
        let repository = stage.repository(image);
        let bytes = image.platforms.iter().flat_map(|platform| stage::layers(image, platform, false));
        let digests = bytes.map(|bytes| Digest::of(&bytes).to_string());
        let there = digests.filter(|digest| site.layer(&repository, digest).is_some());
        there.map(|digest| (repository.clone(), digest)).collect::<Vec<_>>()
    };
    world.images.iter().flat_map(of).collect()
}

/// Tags with something behind them that is not right.
fn broken(stage: &Stage, world: &World) -> Vec<String> {
    world.images.iter().filter_map(|image| oracle::tagged(stage, world, image).err()).collect()
}

/// Whether a push ended as what it left says.
fn judge(stage: &Stage, world: &World, pushed: &Pushed, end: Option<(u32, End)>) -> Vec<String> {
    let mut findings = Vec::new();
    for (image, said) in world.images.iter().zip(&pushed.said) {
        let repository = stage.repository(image);
        match oracle::tagged(stage, world, image) {
            Ok(Some(digest)) if digest == said.as_str() => {}
            Ok(other) => findings.push(format!("{repository} is said to have {said}, and has {other:?}")),
            // Told of by whoever looks at all tags.
            Err(_) => continue,
        }
        if world.lists_lie() {
            continue;
        }
        match oracle::attached(&stage.target(), &repository, said.as_str()) {
            Err(wrong) => findings.push(wrong),
            Ok(attached) if world.kind == Kind::Release => {
                if attached.len() < 2 {
                    findings.push(format!("{repository}: {said} is tagged, and {} are attached", attached.len()));
                }
            }
            Ok(attached) => {
                let (source, from) = stage.source(image);
                let there = oracle::attached(&source, &from, said.as_str()).unwrap_or_default();
                if attached != there {
                    findings.push(format!("{repository}: {there:?} are attached in {from}, and here {attached:?}"));
                }
            }
        }
    }
    match &pushed.result {
        Ok(()) if pushed.said.len() < world.images.len() => {
            findings.push("it ended well, and not with each image".to_owned());
        }
        Err(failure) => {
            let may = match failure.ending {
                Ending::World => true,
                Ending::Conflict => world.rival == Some(Rival::OtherBytes),
                Ending::Interrupted => end.is_some(),
                _ => false,
            };
            if !may || failure.to_string().contains("panicked") {
                findings.push(format!("it ended with {}: {failure}", failure.exit_code()));
            }
        }
        Ok(()) => {}
    }
    findings
}

/// Runs them beside each other to their ends; None where one does not come to it. Time passes only when all have come to rest,
/// and then wakes one of those who wait: what happens next is up to the seed, and not to how busy the machine is.
fn together(clock: &'static Turned, machines: Vec<(&Machine, Interrupt)>) -> Option<Vec<Pushed>> {
    let threads: Vec<_> =
        machines.into_iter().map(|(machine, interrupt)| (machine.push(interrupt.clone()), interrupt)).collect();
    let over = || threads.iter().all(|(thread, _)| thread.is_finished());
    if drive::turn(clock, &over, Vec::new(), clock.passed() + LONGEST, &|_| {}).is_err() {
        for (_, interrupt) in &threads {
            interrupt.set();
        }
        clock.wake_all();
        return None;
    }
    let ended = threads.into_iter().map(|(thread, _)| {
        thread.join().unwrap_or_else(|_| Pushed {
            said: Vec::new(),
            result: Err(Failure::world("it panicked")),
            events: Vec::new(),
        })
    });
    Some(ended.collect())
}

impl Machine {
    fn new(stage: &Stage, world: &Arc<World>, (registry, desk): (&str, Arc<Desk>), other: bool) -> Result<Self> {
        let accounts: &[usize] = if world.kind == Kind::Promotion { &[1, 0] } else { &[0] };
        let places: Result<Vec<Place>> =
            accounts.iter().map(|account| stage.place(world, *account, registry)).collect();
        Ok(Self { world: Arc::clone(world), places: places?, registry: registry.to_owned(), desk, other })
    }

    fn push(&self, interrupt: Interrupt) -> std::thread::JoinHandle<Pushed> {
        let (world, exchange, other, registry) =
            (Arc::clone(&self.world), Arc::clone(&self.desk), self.other, self.registry.clone());
        let places: Vec<_> =
            self.places.iter().map(|place| (place.folder.path().to_owned(), place.endpoint.clone())).collect();
        std::thread::spawn(move || {
            let (events, heard) = Events::collect();
            let mut said = Vec::new();
            let push = || -> Result<()> {
                let mut sessions = Vec::new();
                for (folder, endpoint) in &places {
                    let variable = |name: &str| (name == "XTASK_REGISTRY").then(|| registry.clone());
                    let config = config::load(folder, &variable)?.config;
                    let session = Session::inside(&config, endpoint, Arc::<Desk>::clone(&exchange));
                    sessions.push((config, session));
                }
                if let [(to, to_session), (from, from_session)] = &sessions[..] {
                    let (from, to) = (Side::new(from, from_session), Side::new(to, to_session));
                    let promotions = Promotions { from, to, events: &events, interrupt: &interrupt };
                    let ended = promotions.run(&promotions.plan(&[])?);
                    said.extend(ended.done.into_iter().map(|one| one.digest));
                    return ended.result;
                }
                let (config, session) = &sessions[0];
                let build = move |order: &Order<'_>| stage::build(&world.images, order, other);
                let builders = Builders::from([("seeded".to_owned(), Box::new(build) as _)]);
                let releases = Releases {
                    config,
                    session,
                    scanner: Some(&StandIn),
                    builders: &builders,
                    gates: &[],
                    around: None,
                    share: Share::default(),
                    events: &events,
                    interrupt: &interrupt,
                };
                let ended = releases.run(&releases.plan(&[])?);
                said.extend(ended.done.into_iter().map(|one| one.digest));
                ended.result
            };
            let result = catch_unwind(AssertUnwindSafe(push)).unwrap_or_else(|_| Err(Failure::world("it panicked")));
            drop(events);
            let events = heard.iter().map(|event| serde_json::to_string(&event).unwrap_or_default()).collect();
            Pushed { said, result, events }
        })
    }
}
