//! Several services, each on a thread of its own, as far as their order lets them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::group::{End, Group};
use super::pause::{Answer, Checks, Pause};
use super::plan::{Action, Plan};
use super::report::{Became, Report, ServiceReport};
use super::service::{Shared, Stage};
use crate::beside::Work;
use crate::config::OnFailure;
use crate::event::{Outcome, ServiceAction};
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::sorted::Arrange;
use crate::stage::Ended;

/// Deploys all of them and says how that ended.
pub(super) fn deploy(shared: &Shared<'_>, checks: Option<&dyn Checks>, plans: &[Plan]) -> Ended<Report> {
    let services: Vec<(&str, &[String])> =
        plans.iter().map(|plan| (plan.service.name.as_str(), &plan.service.after[..])).gather();
    let on_failure = shared.config.deploy.on_failure;
    let mut group = Group::new(&services, on_failure);
    let mut many = Many { shared, checks, plans, reports: plans.iter().map(waiting).gather(), failures: Vec::new() };
    many.run(&mut group, &|stage| stage.deploy());
    let mut returned = Vec::new();
    if let (OnFailure::RollBackAll, Some(why)) = (on_failure, shared.looks.recalled())
        && !shared.interrupt.is_set()
    {
        returned = (0..plans.len()).filter(|place| many.goes_back(*place)).gather();
        many.run(&mut group.back(&returned), &|stage| stage.go_back(why));
    }
    let Many { reports: services, failures, .. } = many;
    let result = ended(shared, &services, &returned, failures);
    Ended { done: Report { services, schedules: Vec::new() }, result }
}

/// What the threads tell the one that began them.
enum Heard {
    Ended(usize, Box<ServiceReport>, thread::Result<Result<()>>),
    Paused(Pause, Sender<Answer>),
}

struct Many<'a> {
    shared: &'a Shared<'a>,
    checks: Option<&'a dyn Checks>,
    plans: &'a [Plan],
    reports: Vec<ServiceReport>,
    failures: Vec<Failure>,
}

impl Many<'_> {
    /// Does this to each of the group, as soon as it may begin. An interrupt lets nothing else begin.
    fn run(&mut self, group: &mut Group, work: &(dyn Fn(&mut Stage<'_>) -> Result<()> + Sync)) {
        let Self { shared, checks, plans, reports, failures } = self;
        let (shared, checks, plans) = (*shared, *checks, *plans);
        let (tell, heard) = channel();
        if let Some(checks) = checks {
            let ask = tell.clone();
            let check = move |pause: &Pause| {
                let (answer, answered) = channel();
                drop(ask.send(Heard::Paused(pause.clone(), answer)));
                answered.recv().unwrap_or_else(|_| Answer::RollBack("the command ended before its check".to_owned()))
            };
            shared.looks.check_at(checks.stages(), Box::new(check));
        }
        thread::scope(|scope| {
            let mut any = false;
            loop {
                let places = if any && shared.interrupt.is_set() { Vec::new() } else { group.begin() };
                for place in places {
                    any = true;
                    let (tell, mut report) = (tell.clone(), reports[place].clone());
                    let service: Work<'_> = Box::new(move || {
                        let mut stage = Stage { shared, plan: &plans[place], report: &mut report };
                        let result = catch_unwind(AssertUnwindSafe(|| work(&mut stage)));
                        drop(tell.send(Heard::Ended(place, Box::new(report), result)));
                    });
                    scope.spawn(service);
                }
                if !group.runs() {
                    break;
                }
                let (place, report, result) = match heard.recv() {
                    Ok(Heard::Ended(place, report, result)) => (place, report, result),
                    // Checks are this repository's own, which are made one at a time, on the thread that they were made for.
                    Ok(Heard::Paused(pause, answer)) => {
                        if let Some(checks) = checks {
                            drop(answer.send(checks.check(&pause)));
                        }
                        continue;
                    }
                    Err(_) => break,
                };
                let result = result.unwrap_or_else(|panic| resume_unwind(panic));
                reports[place] = *report;
                group.ended(place, end(&reports[place], &result));
                if let Err(failure) = result {
                    let name = &plans[place].service.name;
                    if shared.config.deploy.on_failure == OnFailure::RollBackAll && failure.ending != Ending::Paused {
                        shared.looks.recall(format!("service {name} failed"));
                    }
                    reports[place].failure = Some(failure.to_string());
                    failures.push(failure);
                }
            }
        });
    }

    /// Whether this deploy changed what the service runs, and knows what that was before.
    fn goes_back(&self, place: usize) -> bool {
        let plan = &self.plans[place];
        let deployed = self.reports[place].outcome == Became::Ended(Outcome::Deployed);
        if deployed && matches!(plan.action, Action::Follow { .. }) {
            let name = &plan.service.name;
            self.shared.events.warn(format!("service {name} stays as it is: another run began its rollout"));
        }
        deployed && !matches!(plan.action, Action::NothingToDo { .. } | Action::Follow { .. })
    }
}

fn waiting(plan: &Plan) -> ServiceReport {
    ServiceReport { outcome: Became::NotAttempted, ..ServiceReport::of_plan(plan) }
}

fn end(report: &ServiceReport, result: &Result<()>) -> End {
    let back = report.outcome == Became::Ended(Outcome::RolledBack);
    match result {
        Ok(()) if back => End::Open,
        Ok(()) => End::Well,
        Err(failure) if failure.ending == Ending::Paused => End::Open,
        Err(_) => End::Failed,
    }
}

/// One result of all: the failure of the worst, with what became of the others, and of those that `returned` with them.
fn ended(shared: &Shared<'_>, services: &[ServiceReport], returned: &[usize], failures: Vec<Failure>) -> Result<()> {
    let names_at = |which: &dyn Fn(usize, &ServiceReport) -> bool| {
        let places = services.iter().enumerate().filter(|(place, it)| which(*place, it));
        let names: Vec<&str> = places.map(|(_, it)| it.service.as_str()).gather();
        names.join(", ")
    };
    let names = |which: &dyn Fn(&ServiceReport) -> bool| names_at(&|_, it| which(it));
    let acts = |it: &ServiceReport| it.action != ServiceAction::NothingToDo;
    if services.iter().filter(|it| acts(it)).count() > 1 {
        shared.events.note("Services", counts(services));
    }
    let Some(failure) = Failure::of_many(failures, services.len()) else { return Ok(()) };
    let is_back = |it: &ServiceReport| it.outcome == Became::Ended(Outcome::RolledBack);
    let with_it = |it: &ServiceReport| it.failure.is_none() && is_back(it);
    // Its rollout went well, and something behind that did not.
    let itself = |place: usize, it: &ServiceReport| it.failure.is_some() && is_back(it) && returned.contains(&place);
    let is_well = |it: &ServiceReport| matches!(it.outcome, Became::Ended(outcome) if outcome.is_good());
    let would_go_back = shared.config.deploy.on_failure == OnFailure::RollBackAll;
    let stays = |it: &ServiceReport| would_go_back && it.failure.is_some() && is_well(it);
    let left = |it: &ServiceReport| it.failure.is_none() && it.outcome == Became::NotAttempted && acts(it);
    let clauses = [
        ("back on what it ran before", names_at(&itself)),
        ("deployed all the same", names(&stays)),
        ("rolled back with it", names(&with_it)),
        ("not attempted", names(&left)),
    ];
    let told = clauses.iter().filter(|(_, names)| !names.is_empty());
    Err(told.fold(failure, |failure, (what, names)| failure.and(format_args!("{what}: {names}"))))
}

/// `48 deployed, 1 rolled back, 1 not attempted`, the most frequent first.
fn counts(services: &[ServiceReport]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for service in services {
        let word = service.outcome.words();
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.arrange_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(word, count)| format!("{count} {word}")).gather::<Vec<_>>().join(", ")
}
