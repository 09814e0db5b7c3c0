//! What a command is given, whether it is built in or a repository's own.

use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use clap::Parser;

use crate::aws::{Identity, SdkConfig, Session, session_name};
use crate::config::{self, Answers, Config, ENVIRONMENT_VARIABLE, Loaded, LookUp, suggestion};
use crate::deploy::lock::Holder;
use crate::deploy::{Answer, Checks, DeployPlan, Deploys, Pause, Report, Tasks, unanswered};
use crate::event::Events;
use crate::failure::{Failure, Result};
use crate::gate::{Gate, Scanner};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::lookup::Lookup;
use crate::net;
use crate::process::Successor;
use crate::reader::{github, terminal};
use crate::release::{Builders, Planned, Released, Releases, Share};
use crate::sorted::SortedSet;
use crate::sources::{LookUps, Sources};
use crate::stage::Around;
use crate::text::{Last, plain, table};

/// A command of the repository's own: a clap type that runs.
pub trait Command: Parser {
    /// Whether it releases or deploys. GitHub, Slack and the notifiers are told of such a command, and of no other.
    const STAGE: bool = false;

    /// Does the work. A [`Failure`](crate::Failure) inside the error keeps its exit code; anything else exits with 1.
    fn run(self, context: &Context) -> anyhow::Result<()>;
}

/// What a repository adds that its stages look at.
#[derive(Default)]
pub(crate) struct Own {
    /// The names of its commands.
    pub commands: Vec<String>,
    pub scanner: Option<Box<dyn Scanner>>,
    pub builders: Builders,
    pub gates: Vec<Gate>,
    pub before_release: Hooks<[Planned]>,
    pub after_release: Hooks<[Released]>,
    pub before_deploy: Hooks<DeployPlan>,
    pub after_deploy: Hooks<Report>,
    /// By stage.
    pub at_pause: Vec<(&'static str, PauseCheck)>,
    pub sources: Sources,
}

pub(crate) type PauseCheck = Box<dyn Fn(&Context, &Pause) -> anyhow::Result<Answer>>;

pub(crate) type Hooks<T> = Vec<Box<dyn Fn(&Context, &T) -> anyhow::Result<()>>>;

/// What a command or a hook may use: the same that the built-in commands use.
pub struct Context {
    events: Events,
    interrupt: Interrupt,
    loaded: Result<Loaded>,
    /// The same with what its lookups stand for, where it has some that somebody must be asked for.
    resolved: OnceLock<Result<Loaded>>,
    own: Own,
    /// What a role is assumed as.
    session_name: String,
    who: String,
    session: OnceLock<Session>,
    successor: OnceLock<Successor>,
}

impl Context {
    /// `run` is which command this is, and who gave it.
    pub(crate) fn new(
        events: Events,
        interrupt: Interrupt,
        loaded: Result<Loaded>,
        own: Own,
        run: (&str, &str),
    ) -> Self {
        let session_name = session_name(run.0, run.1);
        let (resolved, session, successor) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let who = run.1.to_owned();
        Self { events, interrupt, loaded, resolved, own, session_name, who, session, successor }
    }

    /// The same with this session, whatever the environment says.
    #[cfg(feature = "rehearse")]
    pub(crate) fn with_session(self, session: Session) -> Self {
        Self { session: OnceLock::from(session), ..self }
    }

    /// The workspace's configuration. Fails (exit 2) with every mistake in it.
    pub fn config(&self) -> Result<&Config> {
        Ok(&self.loaded()?.config)
    }

    pub(crate) fn loaded(&self) -> Result<&Loaded> {
        let drafted = self.drafted()?;
        if !drafted.stands_in {
            return Ok(drafted);
        }
        let resolved = self.resolved.get_or_init(|| {
            let look_up: LookUp<'_> =
                &|config, wanted| self.own.sources.ask(config, &|| self.session_of(config), wanted);
            resolve(drafted, look_up)
        });
        resolved.as_ref().map_err(Clone::clone)
    }

    /// Another environment than the one that is acted on, and its credentials, with which its lookups are answered.
    pub(crate) fn other(&self, drafted: Loaded) -> Result<(Loaded, Session)> {
        let session = OnceLock::new();
        let open = |config: &Config| {
            if let Some(session) = session.get() {
                return Ok(session);
            }
            let opened = self.open(config)?;
            Ok(session.get_or_init(|| opened))
        };
        let loaded = if drafted.stands_in {
            resolve(&drafted, &|config, wanted| self.own.sources.ask(config, &|| open(config), wanted))?
        } else {
            drafted
        };
        open(&loaded.config)?;
        Ok((loaded, session.into_inner().expect("it was opened")))
    }

    /// The configuration with names in the place of what somebody else would have to be asked for.
    pub(crate) fn drafted(&self) -> Result<&Loaded> {
        self.loaded.as_ref().map_err(Clone::clone)
    }

    /// The release stage: `releases.run(releases.plan(&[])?)` is `cargo xtask release`.
    ///
    /// Fails (exit 1) where there are no credentials.
    pub fn releases(&self) -> Result<Releases<'_>> {
        Ok(Releases {
            config: self.config()?,
            session: self.session()?,
            scanner: self.scanner(),
            builders: self.builders(),
            gates: self.gates(),
            around: Some(self),
            share: Share::default(),
            events: &self.events,
            interrupt: &self.interrupt,
        })
    }

    /// The deploy stage: `deploys.run(&deploys.plan(&[])?)` is `cargo xtask deploy`.
    ///
    /// Fails (exit 1) where there are no credentials.
    pub fn deploys(&self) -> Result<Deploys<'_>> {
        let config = self.config().map_err(|failure| self.with_documents(failure))?;
        let deploys = Deploys::new(config, self.session()?, &self.events, &self.interrupt);
        Ok(deploys.around(self).checked(self).look_up(self).held_by(self.holder()))
    }

    /// What lookups of the configuration failed with, and with it what those of the documents do: one run tells of all.
    fn with_documents(&self, failure: Failure) -> Failure {
        let of_lookups = self.drafted().ok().filter(|drafted| drafted.stands_in && !failure.faults.is_empty());
        let Some(Loaded { config, .. }) = of_lookups else { return failure };
        let mut all = unanswered(config, &|wanted| self.own.sources.ask(config, &|| self.session_of(config), wanted));
        all.insert(0, failure);
        Failure::together(all)
    }

    /// One-off tasks: `tasks.run("migrate")` is `cargo xtask run migrate`.
    ///
    /// Fails (exit 1) where there are no credentials.
    pub fn tasks(&self) -> Result<Tasks<'_>> {
        Ok(Tasks::new(self.deploys()?))
    }

    /// What the AWS SDK's clients are made from, of any service: `aws_sdk_s3::Client::new(context.aws()?)`. The region is
    /// the configuration's; credentials and connections are those of the stages.
    ///
    /// Fails (exit 1) where there are no credentials.
    pub fn aws(&self) -> Result<&SdkConfig> {
        Ok(self.session()?.sdk())
    }

    /// Whose locks are this command's own. The number of a run of GitHub's is the same for each of its attempts.
    pub(crate) fn holder(&self) -> Holder {
        Holder::new(&self.who, std::env::var("GITHUB_RUN_ID").ok().filter(|run| !run.is_empty()))
    }

    /// Runs a call of an AWS client to its end.
    pub fn block_on<T>(&self, call: impl Future<Output = T>) -> T {
        net::runtime().block_on(call)
    }

    pub(crate) fn session(&self) -> Result<&Session> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        self.session_of(self.config()?)
    }

    fn session_of(&self, config: &Config) -> Result<&Session> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let session = self.open(config)?;
        Ok(self.session.get_or_init(|| session))
    }

    /// Credentials for an environment that may be another one than this command acts on.
    fn open(&self, config: &Config) -> Result<Session> {
        let session = Session::open(config, &self.session_name)?;
        if let (Some(name), Some(Identity { account, arn })) = (&config.environment, session.identity()) {
            self.events.note("Environment", format!("{name}: {account} in {}, as {arn}", config.region));
        }
        Ok(session)
    }

    /// What this repository scans with in place of trivy.
    pub(crate) fn scanner(&self) -> Option<&dyn Scanner> {
        self.own.scanner.as_deref()
    }

    pub(crate) fn builders(&self) -> &Builders {
        &self.own.builders
    }

    pub(crate) fn gates(&self) -> &[Gate] {
        &self.own.gates
    }

    /// Whether this repository's xtask has such a command of its own.
    pub(crate) fn has_command(&self, name: &str) -> bool {
        self.own.commands.iter().any(|own| own == name)
    }

    /// Where a command tells what it does; readers draw it as they draw the stages.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Ctrl-C and SIGTERM, for what a command starts and waits for.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Has a program take this one's place once the command has ended well.
    pub fn hand_over(&self, to: Successor) {
        // A command hands over once.
        drop(self.successor.set(to));
    }

    pub(crate) fn into_successor(self) -> Option<Successor> {
        self.successor.into_inner()
    }

    fn run_hooks<T: ?Sized>(&self, hooks: &Hooks<T>, facts: &T, when: &str) -> Result<()> {
        for hook in hooks {
            let said_no = |error: anyhow::Error| {
                Failure::from(error).during(format_args!("this repository's hook {when} said no"))
            };
            hook(self, facts).map_err(|error| error.downcast().unwrap_or_else(said_no))?;
        }
        Ok(())
    }

    /// Writes a line of data to stdout, of which neither a terminal nor GitHub's runner acts on anything. A reader that went
    /// away is no failure.
    pub fn print(&self, line: impl std::fmt::Display) {
        let line = format!("{line}\n");
        let line = plain(&line);
        let runner = github::is_read_by_runner(&|name| std::env::var(name).ok());
        self.write(if runner { github::defuse(&line) } else { line }.as_bytes());
    }

    /// Prints rows in columns: on a terminal in those that it has, and else each on a line of its own.
    pub(crate) fn print_table(&self, rows: &[Vec<String>], last: Last) {
        for line in table(rows, last, terminal::columns()) {
            self.print(line);
        }
    }

    /// Writes these bytes to stdout, as they are: what another program reads, such as a patch. A reader that went away is no
    /// failure.
    pub fn write(&self, bytes: &[u8]) {
        if let Err(error) = std::io::stdout().write_all(bytes)
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.events.warn(format!("stdout could not be written: {error}"));
        }
    }
}

impl LookUps for Context {
    fn look_up(&self, wanted: &SortedSet<Lookup>) -> Result<Answers> {
        if wanted.is_empty() {
            return Ok(Answers::new());
        }
        self.own.sources.ask(self.config()?, &|| self.session(), wanted)
    }
}

impl Around<[Planned], [Released]> for Context {
    fn before(&self, plan: &[Planned]) -> Result<()> {
        self.run_hooks(&self.own.before_release, plan, "before the release")
    }

    fn after(&self, done: &[Released]) -> Result<()> {
        self.run_hooks(&self.own.after_release, done, "after the release")
    }
}

impl Checks for Context {
    fn stages(&self) -> Vec<&'static str> {
        self.own.at_pause.iter().map(|(stage, _)| *stage).gather()
    }

    /// All of them have to agree. One that could not be made says no: nothing moves that nobody looked at.
    fn check(&self, pause: &Pause) -> Answer {
        let checks = self.own.at_pause.iter().filter(|(stage, _)| *stage == pause.stage);
        let answers =
            checks.map(|(_, check)| check(self, pause).unwrap_or_else(|error| Answer::RollBack(format!("{error:#}"))));
        answers.into_iter().find(|answer| *answer != Answer::Continue).unwrap_or(Answer::Continue)
    }
}

impl Around<DeployPlan, Report> for Context {
    fn before(&self, plan: &DeployPlan) -> Result<()> {
        self.run_hooks(&self.own.before_deploy, plan, "before the deploy")
    }

    fn after(&self, done: &Report) -> Result<()> {
        self.run_hooks(&self.own.after_deploy, done, "after the deploy")
    }
}

/// Looks an environment variable up.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The configuration around the current folder.
pub(crate) fn load(environment: Environment<'_>) -> Result<Loaded> {
    // A folder that is gone is found by nobody, and that is what the error then says.
    config::load(&std::env::current_dir().unwrap_or_default(), environment)
}

/// The same environment, with what its lookups stand for.
fn resolve(drafted: &Loaded, look_up: LookUp<'_>) -> Result<Loaded> {
    let chosen = drafted.config.environment.clone();
    let environment: Environment<'_> = &|name| match &chosen {
        Some(chosen) if name == ENVIRONMENT_VARIABLE => Some(chosen.clone()),
        _ => std::env::var(name).ok(),
    };
    config::load_resolved(&std::env::current_dir().unwrap_or_default(), environment, Some(look_up))
}

/// Every environment that is declared around the current folder, in the order written.
pub(crate) fn environments() -> Result<Vec<Loaded>> {
    config::load_every(&std::env::current_dir().unwrap_or_default(), &|name| std::env::var(name).ok())
}

/// The environment of this name, with names in the place of what would have to be looked up. Fails (exit 2) where there is
/// none, and with the mistakes of any.
pub(crate) fn environment(name: &str) -> Result<Loaded> {
    let mut all = environments()?;
    let found = all.iter().position(|loaded| loaded.config.environment.as_deref() == Some(name));
    found.map(|place| all.swap_remove(place)).ok_or_else(|| {
        let known = all.iter().filter_map(|loaded| loaded.config.environment.as_deref());
        let help = suggestion(name, known, "environments");
        Failure::usage(format_args!("there is no environment `{name}`")).help(help)
    })
}
