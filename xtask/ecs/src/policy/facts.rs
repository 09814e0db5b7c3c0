//! What a configuration says of what it acts on, as ARNs.
//!
//! Source: Service Authorization Reference, the resource types of Amazon ECR, Amazon ECS, Amazon CloudWatch Logs and so on.

use serde_json::Value;

use crate::aws::calls::{By, Call, On};
use crate::config::{
    Base, Builder, Clockwork, DAEMON, DAEMON_FAMILY, FailFast, Kind, Loaded, OnInterrupt, Origin, Partition, Schedule,
    State, TaskDefinitionSource,
};
use crate::deploy::verify::hooks;
use crate::deploy::{render, service_definition, task_definition};
use crate::failure::Result;
use crate::gather::Gather;
use crate::lookup::{self, Lookup};
use crate::reference::{Home, Named};
use crate::sources::LookUps;
use crate::text::short;

/// Everything that a policy is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    partition: &'static str,
    account: String,
    region: String,
    repositories: Vec<String>,
    /// Where layers of builds are kept.
    caches: Vec<String>,
    /// Of images that others are built on.
    bases: Vec<String>,
    /// Names of clusters, each once.
    clusters: Vec<String>,
    /// Cluster and service.
    services: Vec<(String, String)>,
    /// Cluster and daemon.
    daemons: Vec<(String, String)>,
    families: Vec<String>,
    daemon_families: Vec<String>,
    /// What hooks call, and the roles that they call it with.
    functions: Vec<String>,
    hook_roles: Vec<String>,
    roles: Vec<String>,
    execution_roles: Vec<String>,
    log_groups: Vec<String>,
    secrets: Vec<String>,
    /// The key that signs evidence.
    key: Option<String>,
    /// The alias that it is asked for by.
    pub(super) alias: Option<String>,
    lookups: Vec<Lookup>,
    /// Each with the role that it is known to have.
    schedules: Vec<Schedule>,
    /// The object that Terraform's state is.
    state: Option<String>,
    /// The roles that these commands run as.
    own_roles: Vec<String>,
    habits: Vec<Habit>,
    /// Families whose documents are not here, so that their roles and log groups are not known.
    pub unknown: Vec<String>,
}

/// What only some configurations lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// A deploy locks its services.
    Locks,
    /// How many tasks a service has is written.
    Counts,
    /// A service is an Express service.
    Expresses,
    /// A service may be created of its document.
    Creates,
    /// A deploy reads the key of signatures from KMS.
    AsksForTheKey,
    /// A deploy asks whether ECR has signed the images.
    WantsSignatures,
    /// A task definition is for more than Fargate.
    RunsOnInstances,
    /// A push makes a repository that is missing.
    HasPushesCreate,
    /// A service has tasks before or after it.
    RunsTasks,
    /// A rollout that cannot succeed, or is interrupted, is stopped.
    StopsRollouts,
    /// The repository's own checks decide at pauses.
    DecidesAtPauses,
    /// A task definition has tags.
    Tags,
}

impl Facts {
    /// Reads the configuration and its documents; AWS is asked for lookups alone.
    pub(crate) fn of(loaded: &Loaded, look_up: &dyn LookUps) -> Result<Self> {
        let config = &loaded.config;
        let mut facts = Self {
            partition: Partition::of(&config.region).name,
            account: config.account.clone(),
            region: config.region.clone(),
            own_roles: config.role.iter().chain(&config.workflows.role).cloned().gather(),
            lookups: loaded.origins.settings.iter().flat_map(|setting| lookups_of(&setting.origin)).gather(),
            ..Self::default()
        };
        facts.learn(Habit::Locks, config.lock.deploys);
        facts.learn(Habit::WantsSignatures, config.deploy.signed);
        if let Some(key) = &config.evidence_key {
            facts.learn(Habit::AsksForTheKey, config.deploy.gate.is_some() && key.public.is_none());
            facts.read_key(&key.kms);
        }
        if let Some(State::Object { bucket, key }) = &config.lookups.tfstate {
            facts.state = Some(format!("arn:{}:s3:::{bucket}/{key}", facts.partition));
        }
        for image in config.images.values() {
            facts.repositories.push(facts.repository(&image.reference.registry, image.repository().as_str()));
            facts.caches.extend(image.cache_repository().map(|it| facts.repository(&image.reference.registry, &it)));
            if let Builder::Package(package) = &image.builder
                && let Some(Base::Reference(reference)) = &package.base
                && let Named { host: Some(host), path, .. } = Named::of(reference)
                && Home::of(host).is_some()
            {
                facts.bases.push(facts.repository(host, path));
            }
        }
        let mut sources: Vec<&TaskDefinitionSource> = Vec::new();
        for service in config.services.values() {
            let cluster = short(&service.cluster).to_owned();
            match service.service.strip_prefix(DAEMON) {
                Some(daemon) => facts.daemons.push((cluster.clone(), daemon.to_owned())),
                None => facts.services.push((cluster.clone(), service.service.clone())),
            }
            facts.clusters.push(cluster);
            facts.learn(Habit::RunsTasks, !service.before_deploy.is_empty() || !service.after_deploy.is_empty());
            facts.learn(Habit::Expresses, service.kind == Kind::Express);
            facts.learn(Habit::Creates, service.definition.is_some());
            facts.learn(Habit::Counts, service.definition.is_some() || service.desired_count.is_some());
            facts.lookups.extend(service.definition.iter().flat_map(service_definition::lookups));
            facts.read_hooks(render::render_service(config, service, look_up)?);
            let rollout = &service.rollout;
            let stops = rollout.fail_fast != FailFast::Off || rollout.on_interrupt == OnInterrupt::Rollback;
            facts.learn(Habit::StopsRollouts, stops);
            sources.push(&service.task_definition);
        }
        for task in config.tasks.values() {
            facts.clusters.push(short(&task.cluster).to_owned());
            sources.extend(task.own.as_ref().map(|own| &own.source));
        }
        facts.schedules.extend(config.schedules.iter().cloned());
        for source in sources {
            facts.lookups.extend(task_definition::lookups_of(source));
            match render::document(config, source, look_up)? {
                Some(document) => facts.read(&document, source),
                None => facts.family_of_somebody_else(source),
            }
        }
        facts.each_once();
        Ok(facts)
    }

    pub(crate) fn learn(&mut self, habit: Habit, has: bool) {
        if has && !self.has(habit) {
            self.habits.push(habit);
        }
    }

    pub(super) fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    fn each_once(&mut self) {
        let lists = [
            &mut self.repositories,
            &mut self.caches,
            &mut self.bases,
            &mut self.clusters,
            &mut self.families,
            &mut self.daemon_families,
            &mut self.roles,
            &mut self.execution_roles,
            &mut self.log_groups,
            &mut self.secrets,
            &mut self.unknown,
        ];
        for list in lists {
            list.sort();
            list.dedup();
        }
    }

    /// What a document's registration and its tasks lead to.
    fn read(&mut self, document: &Value, source: &TaskDefinitionSource) {
        let family = document["family"].as_str().map(str::to_owned);
        let daemon = matches!(source, TaskDefinitionSource::File { kind: Kind::Daemon, .. });
        if daemon { &mut self.daemon_families } else { &mut self.families }.extend(family);
        let mut compatible = document["requiresCompatibilities"].as_array().into_iter().flatten();
        self.learn(Habit::RunsOnInstances, !daemon && compatible.any(|it| it != "FARGATE"));
        self.learn(Habit::Tags, document["tags"].as_array().is_some_and(|tags| !tags.is_empty()));
        let role = |member: &str| document[member].as_str().filter(|arn| !arn.is_empty()).map(str::to_owned);
        self.roles.extend(role("taskRoleArn"));
        self.execution_roles.extend(role("executionRoleArn"));
        for container in document["containerDefinitions"].as_array().into_iter().flatten() {
            let log = &container["logConfiguration"];
            if let (Some("awslogs"), Some(group)) =
                (log["logDriver"].as_str(), log["options"]["awslogs-group"].as_str())
            {
                let region = log["options"]["awslogs-region"].as_str().unwrap_or(&self.region);
                let arn = format!("arn:{}:logs:{region}:{}:log-group:{group}", self.partition, self.account);
                self.log_groups.push(arn);
            }
            let listed = |list: &'static str| container[list].as_array().into_iter().flatten();
            for secret in listed("secrets").filter_map(|secret| secret["valueFrom"].as_str()) {
                let parts: Vec<&str> = secret.split(':').gather();
                if parts.get(2) == Some(&"secretsmanager") {
                    self.secrets.push(parts[..parts.len().min(7)].join(":"));
                }
            }
        }
    }

    /// What `verify` looks at of a service definition; hooks that only the live service has are not known here.
    fn read_hooks(&mut self, definition: Option<Value>) {
        for hook in hooks(&definition.unwrap_or_default()["deploymentConfiguration"]) {
            self.functions.push(hook.function.split(':').take(7).gather::<Vec<_>>().join(":"));
            self.hook_roles.push(hook.role);
        }
    }

    /// A key is granted by its ARN, one that is asked for by an alias by that.
    fn read_key(&mut self, key: &str) {
        let (partition, region, account) = (self.partition, &self.region, &self.account);
        let arn = if key.starts_with("arn:") {
            key.to_owned()
        } else {
            format!("arn:{partition}:kms:{region}:{account}:{key}")
        };
        let Some((place, alias)) = arn.split_once(":alias/") else {
            self.key = Some(arn);
            return;
        };
        (self.key, self.alias) = (Some(format!("{place}:key/*")), Some(format!("alias/{alias}")));
    }

    /// What is not in this workspace could be anything of the account.
    fn family_of_somebody_else(&mut self, source: &TaskDefinitionSource) {
        let TaskDefinitionSource::Family(family) = source else { return };
        match family.strip_prefix(DAEMON_FAMILY) {
            Some(family) => self.daemon_families.push(family.to_owned()),
            None => self.families.push(family.clone()),
        }
        self.unknown.push(family.trim_start_matches(DAEMON_FAMILY).to_owned());
        let (any_role, partition) = (self.role_arn("*"), self.partition);
        self.roles.push(any_role.clone());
        self.execution_roles.push(any_role);
        self.log_groups.push(format!("arn:{partition}:logs:{}:{}:log-group:*", self.region, self.account));
        self.secrets.push(format!("arn:{partition}:secretsmanager:{}:{}:secret:*", self.region, self.account));
    }

    /// The ARNs that an action of a command is about.
    pub(super) fn resources(&self, call: &Call, by: By) -> Vec<String> {
        let of_services = |kind: &str, behind: &str| -> Vec<String> {
            let one = |(cluster, service): &(String, String)| self.ecs(&format!("{kind}/{cluster}/{service}{behind}"));
            self.services.iter().map(one).gather()
        };
        let of_daemons = |kind: &str, behind: &str| -> Vec<String> {
            let one = |(cluster, daemon): &(String, String)| self.ecs(&format!("{kind}/{cluster}/{daemon}{behind}"));
            self.daemons.iter().map(one).gather()
        };
        let services = || of_services("service", "");
        let daemons = || of_daemons("daemon", "");
        let of_family = |family: &String| self.ecs(&format!("daemon-task-definition/{family}:*"));
        let daemon_definitions = || self.daemon_families.iter().map(of_family);
        let tasks = || self.clusters.iter().map(|cluster| self.ecs(&format!("task/{cluster}/*"))).gather::<Vec<_>>();
        let definitions = || self.families.iter().map(|family| self.ecs(&format!("task-definition/{family}:*")));
        match call.on {
            On::Nothing | On::Role => Vec::new(),
            On::Anything | On::Clusters => vec!["*".to_owned()],
            On::Repositories => self.of_repositories(call, by),
            On::Key => self.key.clone().into_iter().gather(),
            On::Services | On::Locked => services(),
            On::Rollouts => [services(), of_services("service-deployment", "/*")].concat(),
            On::Revisions => [services(), of_services("service-revision", "/*")].concat(),
            On::TaskDefinitions => definitions().gather(),
            On::Daemons => daemons(),
            On::DaemonRollouts => [daemons(), of_daemons("daemon-deployment", "/*")].concat(),
            On::DaemonRevisions => [daemons(), of_daemons("daemon-revision", "/*")].concat(),
            On::DaemonTaskDefinitions => daemon_definitions().gather(),
            On::Tasks => tasks(),
            On::Instances => {
                let of = |cluster: &String| self.ecs(&format!("container-instance/{cluster}/*"));
                [self.cluster_arns(), self.clusters.iter().map(of).gather()].concat()
            }
            On::Shells => [self.cluster_arns(), tasks()].concat(),
            On::Forwarding => {
                let document = "document/AWS-StartPortForwardingSession";
                let documents = format!("arn:{}:ssm:{}::{document}", self.partition, self.region);
                [tasks(), vec![documents.clone(), documents + "ToRemoteHost"]].concat()
            }
            On::Tagged => {
                let locks = by == By::Lock || (self.has(Habit::Locks) && by != By::Run);
                let tagged = self.has(Habit::Tags) && [By::Deploy, By::Run].contains(&by);
                let services = if locks { services() } else { Vec::new() };
                let definitions =
                    definitions().chain(daemon_definitions().filter(|_| by == By::Deploy)).filter(|_| tagged);
                services.into_iter().chain(definitions).chain(tasks().into_iter().filter(|_| tagged)).gather()
            }
            On::Schedules => self.scheduled(Clockwork::Scheduler, "scheduler", "schedule/default"),
            On::Rules => self.scheduled(Clockwork::Rule, "events", "rule"),
            On::ScheduleRoles => self.scheduling_roles(Clockwork::Scheduler),
            On::RuleRoles => self.scheduling_roles(Clockwork::Rule),
            On::Targets => {
                let scaling = format!("arn:{}:application-autoscaling:{}", self.partition, self.region);
                vec![format!("{scaling}:{}:scalable-target/*", self.account)]
            }
            On::LogStreams => self.log_groups.iter().map(|group| format!("{group}:log-stream:*")).gather(),
            On::LogGroups => self.log_groups.iter().flat_map(|group| [group.clone(), format!("{group}:*")]).gather(),
            On::Secrets => self.secrets.clone(),
            On::Roles if by == By::Check => vec![self.role_arn("*")],
            On::Functions => self.functions.clone(),
            On::Roles if by == By::Verify => {
                [&self.roles[..], &self.execution_roles, &self.own_roles, &self.hook_roles].concat()
            }
            On::Roles => [&self.roles[..], &self.execution_roles].concat(),
            On::Simulated => self.simulated(by),
            On::Parameters => self.looked_up("ssm", |name| {
                let name = name.trim_start_matches('/');
                format!("arn:{}:ssm:{}:{}:parameter/{name}", self.partition, self.region, self.account)
            }),
            On::Stacks => self.looked_up("cfn", |name| {
                let stack = name.rsplit_once('.').map_or(name, |(stack, _)| stack);
                format!("arn:{}:cloudformation:{}:{}:stack/{stack}/*", self.partition, self.region, self.account)
            }),
            On::State => {
                let is_asked = self.lookups.iter().any(|lookup| lookup.source == "tfstate");
                self.state.iter().filter(|_| is_asked).cloned().gather()
            }
        }
    }

    fn scheduled(&self, target: Clockwork, service: &str, kind: &str) -> Vec<String> {
        let home = format!("arn:{}:{service}:{}:{}", self.partition, self.region, self.account);
        let mine = self.schedules.iter().filter(|schedule| schedule.target == target);
        mine.map(|schedule| format!("{home}:{kind}/{}", schedule.name)).collect()
    }

    /// One that somebody else gave a role may have any.
    fn scheduling_roles(&self, target: Clockwork) -> Vec<String> {
        let mine = self.schedules.iter().filter(|schedule| schedule.target == target);
        mine.map(|schedule| schedule.role.clone().unwrap_or_else(|| self.role_arn("*"))).collect()
    }

    fn of_repositories(&self, call: &Call, by: By) -> Vec<String> {
        let bases = match (call.action, by) {
            ("ecr:GetDownloadUrlForLayer" | "ecr:BatchGetImage", By::Release) => &self.bases[..],
            _ => &[],
        };
        // Nothing is downloaded for a release but bases, and what one repository mounts from another.
        let is_alone = self.repositories.len() == 1 && (call.action, by) == ("ecr:GetDownloadUrlForLayer", By::Release);
        let own = if is_alone { &[] } else { &self.repositories[..] };
        let caches = if by == By::Release { &self.caches[..] } else { &[] };
        [own, bases, caches].concat()
    }

    /// Whose policies are asked for: those of the tasks' roles, and whoever asks.
    fn simulated(&self, by: By) -> Vec<String> {
        let own =
            if self.own_roles.is_empty() { vec![self.role_arn("*"), self.user("*")] } else { self.own_roles.clone() };
        if by == By::Check {
            vec![self.role_arn("*"), self.user("*")]
        } else {
            [&self.execution_roles[..], &own, &self.hook_roles].concat()
        }
    }

    fn looked_up(&self, source: &str, arn: impl Fn(&str) -> String) -> Vec<String> {
        let names = self.lookups.iter().filter(|lookup| lookup.source == source).map(|lookup| lookup.name.as_str());
        names.map(|name| if name.starts_with("arn:") { name.to_owned() } else { arn(name) }).gather()
    }

    pub(super) fn cluster_arns(&self) -> Vec<String> {
        self.clusters.iter().map(|cluster| self.ecs(&format!("cluster/{cluster}"))).gather()
    }

    fn ecs(&self, what: &str) -> String {
        format!("arn:{}:ecs:{}:{}:{what}", self.partition, self.region, self.account)
    }

    fn role_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:role/{name}", self.partition, self.account)
    }

    fn user(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:user/{name}", self.partition, self.account)
    }

    /// A registry of another account or region says so by its host.
    fn repository(&self, registry: &str, name: &str) -> String {
        let home = Home::of(registry);
        let (account, region) =
            home.as_ref().map_or((&self.account, &self.region), |home| (&home.account, &home.region));
        format!("arn:{}:ecr:{region}:{account}:repository/{name}", self.partition)
    }
}

/// The lookups that a value of the configuration is made of.
fn lookups_of(origin: &Origin) -> Vec<Lookup> {
    let Origin::Lookup { written, .. } = origin else { return Vec::new() };
    let Ok(Some(template)) = lookup::parse(written) else { return Vec::new() };
    template.lookups().map(|(_, lookup)| lookup.clone()).gather()
}
