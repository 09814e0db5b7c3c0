//! What a repository adds to its own `cargo xtask`: commands, hooks around the stages, a scanner, notifiers, wrappers.
//!
//! Nothing added here can make a verdict: the tag takes a proof that only the scan gate makes.

use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::FromArgMatches;

use crate::cli::{Cli, Log, command_line};
use crate::config::{Builder, ENVIRONMENT_VARIABLE, Loaded};
use crate::context::{Command, Context, Environment, Own, load};
use crate::deploy::{self, Answer, DeployPlan, Pause, Report};
use crate::event::{Event, Reader, Stream};
use crate::failure::{Ending, Failure, Result};
use crate::gate::{Scanned, Scanner};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::reader::github::{Defused, GitHub, is_read_by_runner};
use crate::reader::json::JsonLines;
use crate::reader::slack::{self, Slack};
use crate::reader::terminal::Terminal;
use crate::release::{Order, Planned, Released};
use crate::sources::Asking;
use crate::text;
use crate::time;

type Run = Box<dyn FnOnce(&clap::ArgMatches, &Context) -> anyhow::Result<()>>;
type Wrapper = Box<dyn Fn(&Context, &str, &mut dyn FnMut() -> anyhow::Result<()>) -> anyhow::Result<()>>;
/// A command that the repository adds.
struct Added {
    command: clap::Command,
    /// [`Command::STAGE`].
    stage: bool,
    run: Run,
}

impl Added {
    fn name(&self) -> &str {
        self.command.get_name()
    }
}

/// A repository's `cargo xtask`.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     xtask_ecs::Xtask::new().run()
/// }
/// ```
#[derive(Default)]
pub struct Xtask {
    commands: Vec<Added>,
    notifiers: Vec<Box<dyn Reader>>,
    wrappers: Vec<Wrapper>,
    own: Own,
}

impl Xtask {
    /// The library's commands and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how people call this program where that is not `cargo xtask`: what an alias of the workspace's makes of it, such as
    /// `cargo ship`. Help, hints and workflows name it so. It holds for all of this process.
    #[must_use]
    pub fn called(self, name: &str) -> Self {
        text::program::call(name);
        self
    }

    /// Adds a command, under the name that its clap type gives it.
    #[must_use]
    pub fn command<C: Command>(mut self) -> Self {
        let run: Run = Box::new(|matches, context| C::from_arg_matches(matches)?.run(context));
        self.commands.push(Added { command: C::command(), stage: C::STAGE, run });
        self
    }

    /// Adds a reader of the event stream. It runs apart from the work and cannot change how a command ends.
    #[must_use]
    pub fn notifier(mut self, reader: impl Reader + 'static) -> Self {
        self.notifiers.push(Box::new(reader));
        self
    }

    /// Scans with another scanner than trivy. What it reports is judged by the same gate.
    #[must_use]
    pub fn scanner(mut self, scanner: impl Scanner + 'static) -> Self {
        self.own.scanner = Some(Box::new(scanner));
        self
    }

    /// Adds a builder: images with `builder = "NAME"` are built by it. It writes an OCI layout, which is scanned and pushed
    /// as any other.
    #[must_use]
    pub fn builder(mut self, name: &str, build: impl Fn(&Order<'_>) -> anyhow::Result<()> + Sync + 'static) -> Self {
        self.own.builders.insert(name.to_owned(), Box::new(build));
        self
    }

    /// Adds a gate, asked of each image that the scan gate let pass and before its tag is put; an error refuses the image
    /// (exit 3). It can refuse more than the scan gate, and never less.
    #[must_use]
    pub fn gate(mut self, gate: impl Fn(&Scanned<'_>) -> anyhow::Result<()> + Sync + 'static) -> Self {
        self.own.gates.push(Box::new(gate));
        self
    }

    /// Adds a source of lookups: `${NAME:…}` in the configuration and in documents is what `look_up` answers to what stands
    /// in the place of the `…`. It is asked once for each, before any effect; an error is told with file, line and column.
    ///
    /// Panics for a name that is taken, or is none: small letters, digits, `-` and `_`.
    #[must_use]
    pub fn lookup<V: Into<serde_json::Value>>(
        mut self,
        name: &str,
        look_up: impl Fn(&Asking<'_>, &str) -> anyhow::Result<V> + 'static,
    ) -> Self {
        self.own.sources.add(name, Box::new(move |asking, name| Ok(look_up(asking, name)?.into())));
        self
    }

    /// Runs after the plan of a release and before its first effect, where there is something to build; an error stops
    /// the release with nothing done.
    #[must_use]
    pub fn before_release(mut self, hook: impl Fn(&Context, &[Planned]) -> anyhow::Result<()> + 'static) -> Self {
        self.own.before_release.push(Box::new(hook));
        self
    }

    /// Runs after a release that went well, with what is now in ECR; an error fails the command, and what was done stays
    /// done.
    #[must_use]
    pub fn after_release(mut self, hook: impl Fn(&Context, &[Released]) -> anyhow::Result<()> + 'static) -> Self {
        self.own.after_release.push(Box::new(hook));
        self
    }

    /// Runs after the plan of a deploy and before its first effect, where there is something to do. An error stops the
    /// deploy with nothing done. A migration that runs in ECS is a task, and its place `before-deploy` of a service.
    #[must_use]
    pub fn before_deploy(mut self, hook: impl Fn(&Context, &DeployPlan) -> anyhow::Result<()> + 'static) -> Self {
        self.own.before_deploy.push(Box::new(hook));
        self
    }

    /// Runs after a deploy that went well, with what became of each service; an error fails the command, and what was
    /// done stays done.
    #[must_use]
    pub fn after_deploy(mut self, hook: impl Fn(&Context, &Report) -> anyhow::Result<()> + 'static) -> Self {
        self.own.after_deploy.push(Box::new(hook));
        self
    }

    /// Runs while a rollout waits at a PAUSE hook of this stage (`post-test-traffic-shift`, or as ECS writes it), once for
    /// each hook, and decides whether it goes on or is rolled back (exit 4). An error rolls it back, too.
    ///
    /// Panics for what is no lifecycle stage.
    #[must_use]
    pub fn at_pause(
        mut self,
        stage: &str,
        check: impl Fn(&Context, &Pause) -> anyhow::Result<Answer> + 'static,
    ) -> Self {
        let known = deploy::stage(stage).unwrap_or_else(|| panic!("`{stage}` is no lifecycle stage of ECS's"));
        self.own.at_pause.push((known, Box::new(check)));
        self
    }

    /// Runs around every command, which has this name; `go` runs the command. A wrapper can keep a command from running
    /// and can make one fail that went well; it cannot hide that one failed.
    #[must_use]
    pub fn wrap(
        mut self,
        wrapper: impl Fn(&Context, &str, &mut dyn FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> + 'static,
    ) -> Self {
        self.wrappers.push(Box::new(wrapper));
        self
    }

    /// The command line as clap has it, this repository's commands in it: for completions, a man page, or a page of one's own.
    pub fn command_line(&self) -> clap::Command {
        let own = self.commands.iter().map(|added| added.command.clone());
        own.fold(command_line(), clap::Command::subcommand)
    }

    /// Reads the command line, runs what it says, and returns the exit code ([`Failure::exit_code`]).
    pub fn run(self) -> ExitCode {
        self.run_from(std::env::args_os())
    }

    /// The same with another command line. Its first word is the program's name.
    pub fn run_from(self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        let arguments = arguments.into_iter().map(Into::into).gather();
        self.run_with(arguments, &|name| std::env::var(name).ok())
    }

    fn run_with(mut self, arguments: Vec<OsString>, environment: Environment) -> ExitCode {
        let matches = match self.command_line().try_get_matches_from(arguments) {
            Ok(matches) => matches,
            Err(error) => {
                drop(error.print());
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
        };
        let name = matches.subcommand_name().unwrap_or_default().to_owned();
        let log = matches.get_one::<Log>("log").copied().unwrap_or_default();
        let asked = match matches.subcommand() {
            // It acts on the one that it copies to.
            Some(("promote", arguments)) => arguments.get_one::<String>("to").cloned(),
            _ => matches.get_one::<String>("environment").cloned(),
        };
        let environment: Environment = &|variable| match &asked {
            Some(name) if variable == ENVIRONMENT_VARIABLE => Some(name.clone()),
            _ => environment(variable),
        };
        let loaded = load(environment);
        let stream = Stream::start(self.readers(&matches, log, loaded.as_ref().ok(), environment));
        let interrupt = Interrupt::listen().unwrap_or_default();
        let mut own = std::mem::take(&mut self.own);
        own.commands = self.commands.iter().map(|added| added.name().to_owned()).gather();
        let chosen = loaded.as_ref().ok().and_then(|loaded| loaded.config.environment.clone());
        let who = slack::who(environment);
        let context = Context::new(stream.events(), interrupt, loaded, own, (&name, &who));

        let started = time::instant();
        context.events().emit(Event::CommandStarted { command: name.clone(), environment: chosen });
        // What panics here may be this repository's own: the readers are told of this end as of any other.
        let dispatched = catch_unwind(AssertUnwindSafe(|| self.wrapped(&name, &matches, &context)));
        let result = dispatched.unwrap_or_else(|_| {
            Err(Failure::world(
                "a bug ended this command: it panicked, and stderr says where; what was done stays done",
            ))
        });
        let failure = result.err();
        let exit_code = failure.as_ref().map_or(0, Failure::exit_code);
        let seconds = time::since(started).as_secs_f64();
        context.events().emit(Event::CommandFinished { command: name, failure, seconds });
        let successor = context.into_successor().filter(|_| exit_code == 0);
        stream.finish();
        let Some(successor) = successor else { return ExitCode::from(exit_code) };
        let program = successor.program;
        successor.take_over().unwrap_or_else(|error| {
            drop(writeln!(std::io::stderr(), "error: `{program}` could not be started: {error}"));
            ExitCode::from(Ending::World as u8)
        })
    }

    /// The first prints; the others tell GitHub, Slack and whom this repository added of a stage's run. A plan is
    /// for whoever asked, and commands to GitHub's runner do not go between lines of JSON.
    fn readers(
        &mut self,
        matches: &clap::ArgMatches,
        log: Log,
        loaded: Option<&Loaded>,
        environment: Environment,
    ) -> Vec<Box<dyn Reader>> {
        let stderr = Defused { log: std::io::stderr(), is_read_by_runner: is_read_by_runner(environment) };
        let printer: Box<dyn Reader> = match log {
            Log::Text => Box::new(Terminal::stderr(stderr)),
            Log::Json => Box::new(JsonLines::new(stderr)),
        };
        let runs_stage = match matches.subcommand() {
            Some(("release" | "promote" | "deploy" | "rollback" | "run", arguments)) => !arguments.get_flag("plan"),
            Some((name, _)) => self.commands.iter().any(|added| added.stage && added.name() == name),
            None => false,
        };
        if !runs_stage {
            return vec![printer];
        }
        let secrets = secrets(environment, loaded);
        let github = (log == Log::Text).then(|| GitHub::from_environment(environment, &secrets)).flatten();
        let mut readers = vec![match github {
            Some(github) => Box::new(github.around(printer)),
            None => printer,
        }];
        let (slack, root) =
            loaded.map_or_else(Default::default, |loaded| (loaded.config.slack.clone(), loaded.config.root.clone()));
        if let Some(slack) = Slack::from_environment(environment, slack, &root) {
            readers.push(Box::new(slack));
        }
        readers.append(&mut self.notifiers);
        readers
    }

    /// The command inside its wrappers, the first of which is the outermost.
    fn wrapped(mut self, name: &str, matches: &clap::ArgMatches, context: &Context) -> Result<()> {
        let wrappers = std::mem::take(&mut self.wrappers);
        let mut command = Some(self);
        let mut ended = Ok(());
        let mut go = || {
            let command = command.take().context("a wrapper ran the command twice")?;
            ended = command.dispatch(name, matches, context);
            Ok(ended.clone()?)
        };
        let wrapped = around(&wrappers, context, name, &mut go);
        ended.and_then(|()| Ok(wrapped?))
    }

    fn dispatch(mut self, name: &str, matches: &clap::ArgMatches, context: &Context) -> Result<()> {
        if let Some(place) = self.commands.iter().position(|added| added.name() == name) {
            let Added { run, .. } = self.commands.swap_remove(place);
            let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
            return Ok(run(matches, context)?);
        }
        let cli = Cli::from_arg_matches(matches).map_err(Failure::usage)?;
        cli.command.run(context)
    }
}

/// What GitHub is to mask before the first line is printed.
fn secrets(environment: Environment, loaded: Option<&Loaded>) -> Vec<String> {
    let keys = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].into_iter().filter_map(environment);
    let mut secrets: Vec<String> = keys.chain(slack::secrets(environment)).gather();
    for image in loaded.into_iter().flat_map(|loaded| loaded.config.images.values()) {
        if let Builder::Dockerfile(dockerfile) = &image.builder {
            secrets.extend(dockerfile.secrets.values().filter_map(|variable| environment(variable)));
        }
    }
    secrets
}

fn around(
    wrappers: &[Wrapper],
    context: &Context,
    name: &str,
    go: &mut dyn FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match wrappers {
        [] => go(),
        [outer, inner @ ..] => outer(context, name, &mut || around(inner, context, name, go)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_that_panics_is_an_end_that_readers_hear_of() {
        struct Heard(std::sync::mpsc::Sender<(u8, String)>);
        impl Reader for Heard {
            fn name(&self) -> &'static str {
                "heard"
            }

            fn read(&mut self, event: &Event) -> anyhow::Result<()> {
                if let Event::CommandFinished { failure: Some(failure), .. } = event {
                    self.0.send((failure.exit_code(), failure.to_string()))?;
                }
                Ok(())
            }
        }
        let (sender, ends) = std::sync::mpsc::channel();
        let wrapper = |_: &Context, _: &str, _: &mut dyn FnMut() -> anyhow::Result<()>| -> anyhow::Result<()> {
            panic!("the wrapper's own bug")
        };
        let xtask = Xtask::new().wrap(wrapper).notifier(Heard(sender));
        // Whoever runs the tests may have a Slack and be on GitHub: neither is told of this.
        let code = xtask.run_with(["xtask", "deploy"].map(Into::into).to_vec(), &|_| None);
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
        let (code, error) = ends.recv().expect("the end is told");
        assert!(code == 1 && error.contains("panicked"), "{code} {error}");
    }
}
