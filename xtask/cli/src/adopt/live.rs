//! A service that is there: its task definition becomes a file, its images become keys, and what stays with ECS is said.

use std::str::FromStr;

use serde_json::{Map, Value, json};
use xtask_ecs::Failure;
use xtask_ecs::config::is_moving_tag;
use xtask_ecs::deploy::{Account, LiveService};
use xtask_ecs::reference::Home;

use super::adopted::Adopted;
use super::built::{buildable, builder, inline};
use super::plain::{Hidden, hide};
use super::running::{Image, leave_out_empty, without_tags};
use super::{key, quoted};
use crate::init::{Shipped, Survey, image_lines, tag, version_of};

/// A service as somebody names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub cluster: String,
    pub name: String,
    /// Of an ARN.
    pub region: Option<String>,
    pub account: Option<String>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let (path, region, account) = match parts[..] {
            ["arn", _, "ecs", region, account, resource] => {
                (resource.strip_prefix("service/").unwrap_or_default(), Some(region), Some(account))
            }
            _ => (text, None, None),
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        match path.split_once('/') {
            Some((cluster, name)) if !cluster.is_empty() && !name.is_empty() && !name.contains('/') => Ok(Self {
                cluster: cluster.to_owned(),
                name: name.to_owned(),
                region: owned(region),
                account: owned(account),
            }),
            _ => Err("write CLUSTER/NAME, or an ARN that has both".to_owned()),
        }
    }
}

/// What reads them.
pub struct Live<'a> {
    pub found: &'a Survey,
    pub account: &'a Account,
    pub region: &'a str,
    /// Whether their service definitions become files, too.
    pub definition: bool,
}

impl Live<'_> {
    pub fn adopt(&self, wanted: &[Wanted], account: Option<&str>) -> Result<Adopted, Failure> {
        self.refuse_others(wanted, account)?;
        let mut adopted =
            Adopted { account: self.account.id().to_owned(), region: self.region.to_owned(), ..Adopted::default() };
        for one in wanted {
            let live = self.account.service(&one.cluster, &one.name)?;
            if adopted.cluster.is_empty() {
                adopted.cluster.clone_from(&live.cluster);
            }
            self.service(&live, &mut adopted)?;
        }
        Ok(adopted)
    }

    /// Nothing of another account or region than the credentials reach.
    fn refuse_others(&self, wanted: &[Wanted], account: Option<&str>) -> Result<(), Failure> {
        let (id, region) = (self.account.id(), self.region);
        let of_arn = wanted.iter().filter_map(|it| it.account.as_deref());
        if let Some(other) = account.into_iter().chain(of_arn).find(|account| *account != id) {
            return Err(Failure::usage(format_args!("these credentials are of {id}, and {other} is asked for"))
                .help(format!("take credentials of {other}: another AWS_PROFILE, another role")));
        }
        match wanted.iter().filter_map(|it| it.region.as_deref()).find(|other| *other != region) {
            Some(other) => Err(Failure::usage(format_args!("--region is {region}, and a service is of {other}"))
                .help("each region is a configuration of its own: leave --region out, or name services of one region")),
            None => Ok(()),
        }
    }

    fn service(&self, live: &LiveService, adopted: &mut Adopted) -> Result<(), Failure> {
        let LiveService { cluster, name, service, .. } = live;
        let images = self.images(live, adopted)?;
        let (table, file) = (key(name), format!("ecs/{}.json", key(name)));
        let document = document(live, &images, &file, adopted);
        let text = |value: &Value| format!("{value:#}\n");
        let mut lines = Vec::new();
        if *cluster != adopted.cluster {
            lines.push(format!("cluster = {}", quoted(cluster)));
        }
        if *name != table {
            lines.push(format!("service = {}", quoted(name)));
        }
        let is_express = service["resourceManagementType"] == "ECS";
        lines.extend(is_express.then(|| "express = true".to_owned()));
        lines.push(format!("task-definition = {}", quoted(&file)));
        lines.extend(inline("containers", &images));
        if self.definition && !is_express {
            let path = format!("ecs/{table}.service.json");
            lines.push(format!("service-definition = {}", quoted(&path)));
            adopted.documents.push((path, text(&definition(service))));
        }
        adopted.documents.push((file, text(&document)));
        adopted.table(format!("services.{table}"), &lines);
        self.kept(live, is_express, adopted);
        Ok(())
    }

    /// Containers, each with the image that is built here for it, whose tables are written.
    fn images(&self, live: &LiveService, adopted: &mut Adopted) -> Result<Vec<(String, String)>, Failure> {
        let definitions = live.task_definition["containerDefinitions"].as_array().into_iter().flatten();
        let running: Vec<Image> = definitions.filter_map(Image::of).collect();
        let mut taken = Vec::new();
        for image in &running {
            let here = builder(self.found, &image.container, &image.repository, running.len() == 1);
            let Some(shipped) = here else {
                adopted.kept.push(format!(
                    "container {} of {} runs {}, which nothing here builds: its image stays as it is",
                    image.container,
                    live.name,
                    image.reference()
                ));
                continue;
            };
            let name = key(shipped.name());
            if adopted.tables.iter().all(|(table, _)| *table != format!("images.{name}")) {
                let table = self.image(&shipped, image, adopted);
                adopted.tables.push((format!("images.{name}"), table));
            }
            taken.push((image.container.clone(), name));
        }
        if taken.is_empty() {
            let runs = running.iter().map(|image| format!("{} runs {}", image.container, image.reference()));
            return Err(Failure::usage(format_args!("nothing here builds what {} runs", live.name))
                .said(runs)
                .help(buildable(self.found)));
        }
        Ok(taken)
    }

    fn image(&self, shipped: &Shipped, image: &Image, adopted: &mut Adopted) -> String {
        let own = Home { account: self.account.id().to_owned(), region: self.region.to_owned() };
        let is_registry = image.home.is_some() || std::env::var("XTASK_REGISTRY").is_ok_and(|host| host == image.host);
        let repository = if is_registry {
            if image.home.as_ref().is_some_and(|home| *home != own) {
                image.host.clone_into(&mut adopted.registry);
            }
            image.repository.as_str()
        } else {
            let last = image.repository.rsplit('/').next().unwrap_or_default();
            adopted.todo.push(format!(
                "container {} runs {}: from the first deploy on it is an image of ECR, in a repository {last} that has to be there",
                image.container,
                image.reference()
            ));
            last
        };
        let versioned = tag(self.found, shipped);
        let version = version_of(self.found, shipped).and_then(|package| package.version.as_deref());
        let tag = match image.tag.as_deref().filter(|tag| is_registry && !is_moving_tag(tag)) {
            Some(live) if Some(live) != version => {
                adopted.todo.push(format!(
                    "Cargo.toml: images.{}.tag is {live}, which runs now; `tag = {versioned}` has the next release take the version",
                    key(shipped.name())
                ));
                quoted(live)
            }
            _ => versioned,
        };
        image_lines(shipped, repository, &tag)
    }

    fn kept(&self, live: &LiveService, is_express: bool, adopted: &mut Adopted) {
        let name = &live.name;
        if !live.read_only.is_empty() {
            adopted
                .kept
                .push(format!("the task definition of {name}: {} are ECS's own to write", list(&live.read_only)));
        }
        let is_said = |value: &&Value| !value.is_null() && !["[]", "{}", "false", "0"].contains(&&*value.to_string());
        let there: Vec<String> = OF_SERVICES
            .iter()
            .chain(&["desiredCount"])
            .filter(|member| !self.definition || **member == "desiredCount")
            .filter(|member| live.service.get(**member).as_ref().is_some_and(is_said))
            .map(|member| (*member).to_owned())
            .collect();
        if !there.is_empty() {
            let how = match (is_express, self.definition) {
                (true, _) => "",
                (false, false) => "; `--service-definition` writes a file of them",
                (false, true) => "; `desired-count` would set it",
            };
            adopted.kept.push(format!("service {name}: {} stay as they are in ECS{how}", list(&there)));
        }
    }
}

/// What could be registered again: without tags of images that are keys now, without what says nothing, and without values
/// that look like secrets.
fn document(live: &LiveService, images: &[(String, String)], file: &str, adopted: &mut Adopted) -> Value {
    let mut document = live.task_definition.clone();
    without_tags(&mut document, |image| images.iter().any(|(container, _)| *container == image.container));
    leave_out_empty(&mut document);
    escape(&mut document);
    for Hidden { path, variable } in hide(&mut document) {
        adopted.warnings.push(format!(
            "{path} of {} looks like a secret in plain sight: it is not written to {file}, where `${{env:{variable}}}` stands; make it one of `secrets`",
            live.name
        ));
    }
    document
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What CreateService and UpdateService take of what DescribeServices tells. Source: Amazon ECS API Reference.
const OF_SERVICES: [&str; 18] = [
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "deploymentConfiguration",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "launchType",
    "loadBalancers",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
    "schedulingStrategy",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

fn definition(service: &Value) -> Value {
    let mut members = Map::new();
    for member in OF_SERVICES {
        let value = &service[member];
        if !value.is_null() && *value != json!([]) {
            members.insert(member.to_owned(), value.clone());
        }
    }
    let mut definition = Value::Object(members);
    escape(&mut definition);
    definition
}

/// What begins like a lookup is none.
fn escape(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("${", "$${"),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(members) => members.values_mut().for_each(escape),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_its_cluster_or_its_arn() {
        let plain = Wanted { cluster: "shop".into(), name: "api".into(), region: None, account: None };
        assert_eq!("shop/api".parse(), Ok(plain.clone()));
        let arn: Result<Wanted, _> = "arn:aws-cn:ecs:cn-north-1:123456789012:service/shop/api".parse();
        let region = Some("cn-north-1".to_owned());
        assert_eq!(arn, Ok(Wanted { region, account: Some("123456789012".to_owned()), ..plain }));
        for wrong in ["api", "/api", "shop/", "a/b/c", "arn:aws:ecs:eu-west-1:123456789012:service/api", ""] {
            assert!(wrong.parse::<Wanted>().is_err(), "{wrong}");
        }
    }
}
