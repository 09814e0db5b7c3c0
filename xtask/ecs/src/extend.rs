//! What a repository adds to its own `cargo xtask`: commands, hooks around the stages, notifiers.
//!
//! Nothing added here sees a verdict before it is given, and nothing can make one: the tag takes a proof that only
//! the scan gate makes.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use clap::{CommandFactory, FromArgMatches};

use crate::cli::{Cli, Log};
use crate::config::Loaded;
use crate::context::{Command, Context, Environment, Stage, load};
use crate::event::{Event, Reader, Stream};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::reader::github::GitHub;
use crate::reader::json::JsonLines;
use crate::reader::slack::{self, Slack};
use crate::reader::terminal::Terminal;

type Run = Box<dyn FnOnce(&clap::ArgMatches, &Context) -> anyhow::Result<()>>;
type Hook = Box<dyn Fn(&Context) -> anyhow::Result<()>>;

/// A repository's `cargo xtask`.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     xtask_ecs::Xtask::new().run()
/// }
/// ```
#[derive(Default)]
pub struct Xtask {
    commands: Vec<(clap::Command, Run)>,
    notifiers: Vec<Box<dyn Reader>>,
    before: Vec<(Stage, Hook)>,
    after: Vec<(Stage, Hook)>,
}

impl Xtask {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a command, under the name that its clap type gives it.
    #[must_use]
    pub fn command<C: Command>(mut self) -> Self {
        let run: Run = Box::new(|matches, context| C::from_arg_matches(matches)?.run(context));
        self.commands.push((C::command(), run));
        self
    }

    /// Adds a reader of the event stream. It runs apart from the work and cannot change how a command ends.
    #[must_use]
    pub fn notifier(mut self, reader: impl Reader + 'static) -> Self {
        self.notifiers.push(Box::new(reader));
        self
    }

    /// Runs before a stage's first effect; an error stops the stage, with nothing done.
    #[must_use]
    pub fn before(mut self, stage: Stage, hook: impl Fn(&Context) -> anyhow::Result<()> + 'static) -> Self {
        self.before.push((stage, Box::new(hook)));
        self
    }

    /// Runs after a stage that went well; an error fails the command, and what was done stays done.
    #[must_use]
    pub fn after(mut self, stage: Stage, hook: impl Fn(&Context) -> anyhow::Result<()> + 'static) -> Self {
        self.after.push((stage, Box::new(hook)));
        self
    }

    /// Reads the command line, runs what it says, and returns the exit code ([`Failure::exit_code`]).
    pub fn run(self) -> ExitCode {
        self.run_from(std::env::args_os())
    }

    /// The same with another command line. Its first word is the program's name.
    pub fn run_from(self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        let arguments = arguments.into_iter().map(Into::into).collect();
        self.run_with(arguments, &|name| std::env::var(name).ok())
    }

    fn run_with(mut self, arguments: Vec<OsString>, environment: Environment) -> ExitCode {
        let own = self.commands.iter().map(|(command, _)| command.clone());
        let command = own.fold(Cli::command(), clap::Command::subcommand);
        let matches = match command.try_get_matches_from(arguments) {
            Ok(matches) => matches,
            Err(error) => {
                drop(error.print());
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
        };
        let name = matches.subcommand_name().unwrap_or_default().to_owned();
        let log = matches.get_one::<Log>("log").copied().unwrap_or_default();
        let loaded = load(environment);
        let stream = Stream::start(self.readers(&matches, log, loaded.as_ref().ok(), environment));
        let interrupt = Interrupt::listen().unwrap_or_default();
        let commands = self.commands.iter().map(|(command, _)| command.get_name().to_owned()).collect();
        let context = Context::new(stream.events(), interrupt, loaded, commands);

        let started = Instant::now();
        context.events().emit(Event::CommandStarted { command: name.clone() });
        // What panics here may be this repository's own: the readers are told of this end as of any other.
        let dispatched = catch_unwind(AssertUnwindSafe(|| self.dispatch(&name, &matches, &context)));
        let result = dispatched.unwrap_or_else(|_| {
            Err(Failure::world(
                "a bug ended this command: it panicked, and stderr says where; what was done stays done",
            ))
        });
        let failure = result.err();
        let exit_code = failure.as_ref().map_or(0, Failure::exit_code);
        let seconds = started.elapsed().as_secs_f64();
        context.events().emit(Event::CommandFinished { command: name, failure, seconds });
        drop(context);
        stream.finish();
        ExitCode::from(exit_code)
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
        let printer: Box<dyn Reader> = match log {
            Log::Text => Box::new(Terminal::stderr()),
            Log::Json => Box::new(JsonLines::new(std::io::stderr())),
        };
        let runs_stage = match matches.subcommand() {
            Some(("release" | "deploy", arguments)) => !arguments.get_flag("plan"),
            _ => false,
        };
        if !runs_stage {
            return vec![printer];
        }
        let github = (log == Log::Text).then(|| GitHub::from_environment(environment, &secrets(environment))).flatten();
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

    fn dispatch(mut self, name: &str, matches: &clap::ArgMatches, context: &Context) -> Result<()> {
        if let Some(place) = self.commands.iter().position(|(command, _)| command.get_name() == name) {
            let (_, run) = self.commands.swap_remove(place);
            let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
            return Ok(run(matches, context)?);
        }
        let cli = Cli::from_arg_matches(matches).map_err(|error| Failure::Usage(error.to_string()))?;
        let stage = cli.command.stage();
        if stage.is_some() {
            // A hook may migrate a database: not for a stage that a mistake in Cargo.toml will stop.
            context.config()?;
        }
        run_hooks(&self.before, stage, context, "before")?;
        cli.command.run(context)?;
        run_hooks(&self.after, stage, context, "after")
    }
}

/// What GitHub is to mask before the first line is printed.
fn secrets(environment: Environment) -> Vec<String> {
    let keys = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].into_iter().filter_map(environment);
    keys.chain(slack::secrets(environment)).collect()
}

fn run_hooks(hooks: &[(Stage, Hook)], stage: Option<Stage>, context: &Context, when: &str) -> Result<()> {
    for (_, hook) in hooks.iter().filter(|(of, _)| Some(*of) == stage) {
        hook(context).map_err(|error| match error.downcast::<Failure>() {
            Ok(failure) => failure,
            Err(error) => Failure::World(error.context(format!("this repository's hook {when} the stage said no"))),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_panics_is_an_end_that_readers_hear_of() {
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
        let hook = |_: &Context| -> anyhow::Result<()> { panic!("the hook's own bug") };
        let xtask = Xtask::new().before(Stage::Deploy, hook).notifier(Heard(sender));
        // Whoever runs the tests may have a Slack and be on GitHub: neither is told of this.
        let code = xtask.run_with(["xtask", "deploy"].map(Into::into).to_vec(), &|_| None);
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
        let (code, error) = ends.recv().expect("the end is told");
        assert!(code == 1 && error.contains("panicked"), "{code} {error}");
    }
}
