//! Kamal's `config/deploy.yml`. Source: its documentation, "Configuration" (basecamp/kamal, lib/kamal/configuration/docs).

use std::path::Path;

use serde_json::Value;
use xtask_ecs::Failure;

use super::adopted::Adopted;
use super::built::Built;
use super::command_line::commands;
use super::draft::{self, Container};
use super::yaml::{Document, pairs, texts};
use super::{key, parsed, quoted, read};
use crate::init::Survey;

pub fn adopt(found: &Survey, file: &Path) -> Result<Adopted, Failure> {
    let name = found.name_of(file);
    let text = read(file, &name)?;
    if let Some(line) = text.lines().position(|line| line.contains("<%")) {
        return Err(Failure::usage(format_args!("{name}:{}: Ruby in it is not run", line + 1))
            .help("`kamal config` prints what comes of it: name a file with that"));
    }
    let document = parsed(&text, &name)?;
    let service =
        document.text("service").ok_or_else(|| Failure::usage(format_args!("{name} names no `service`")))?.to_owned();
    let mut kamal = Kamal { name: &name, document: &document, adopted: Adopted::default() };
    let built = kamal.built(&service);
    kamal.adopted.tables.push(built.table(found));
    for (role, of) in roles(&document.value["servers"]) {
        kamal.role(&service, &role, of, &built);
    }
    kamal.rest();
    kamal.adopted.takes_default_cluster();
    Ok(kamal.adopted)
}

/// A list of servers is the role `web`; a table has a role each.
fn roles(servers: &Value) -> Vec<(String, &Value)> {
    match servers {
        Value::Object(roles) => roles.iter().map(|(role, of)| (role.clone(), of)).collect(),
        other => vec![("web".to_owned(), other)],
    }
}

struct Kamal<'a> {
    name: &'a str,
    document: &'a Document,
    adopted: Adopted,
}

impl Kamal<'_> {
    fn at(&self, path: &str) -> String {
        format!("{}:{}", self.name, self.document.line(path))
    }

    fn todo(&mut self, path: &str, what: &str) {
        let line = format!("{}: {what}", self.at(path));
        self.adopted.todo.push(line);
    }

    fn built(&mut self, service: &str) -> Built {
        let builder = &self.document.value["builder"];
        // In Kamal the registry's host is apart, and the image is the repository alone.
        let repository = self.document.text("image").unwrap_or(service).to_owned();
        let context = builder["context"].as_str().unwrap_or(".");
        let mut built =
            Built { name: key(service), repository, ..Built::default() }.at(context, builder["dockerfile"].as_str());
        builder["target"].as_str().unwrap_or_default().clone_into(&mut built.target);
        built.args = literals(&builder["args"]);
        built.platforms = match &builder["arch"] {
            Value::String(arch) => vec![format!("linux/{arch}")],
            other => texts(other).iter().map(|arch| format!("linux/{arch}")).collect(),
        };
        built.secrets = texts(&builder["secrets"]).into_iter().map(|name| (name.clone(), name)).collect();
        built.cache = match builder["cache"]["type"].as_str() {
            Some("gha") => Some("gha"),
            Some("registry") => Some("registry"),
            _ => None,
        };
        for member in builder.as_object().into_iter().flat_map(|of| of.keys()) {
            let known = ["context", "dockerfile", "target", "args", "arch", "secrets", "cache", "driver", "local"];
            if !known.contains(&member.as_str()) {
                self.todo(&format!("builder.{member}"), &format!("`builder.{member}` is not taken over"));
            }
        }
        built
    }

    fn role(&mut self, service: &str, role: &str, of: &Value, built: &Built) {
        let name = if role == "web" { key(service) } else { format!("{}-{}", key(service), key(role)) };
        let top = &self.document.value["env"];
        // A list of clear variables stands without `clear` where there are no secrets.
        let is_plain = top["clear"].is_null() && top["secret"].is_null();
        let mut environment = literals(if is_plain { top } else { &top["clear"] });
        environment.extend(literals(&of["env"]["clear"]));
        let mut secrets = texts(&top["secret"]);
        secrets.extend(texts(&of["env"]["secret"]));
        let proxy = &self.document.value["proxy"];
        let is_web = role == "web" || !of["proxy"].is_null();
        let port = proxy["app_port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(80);
        let container = Container {
            name: name.clone(),
            repository: built.repository.clone(),
            environment,
            // `ALIAS:NAME` is the variable ALIAS with the secret NAME.
            secrets: secrets.iter().map(|name| name.split(':').next().unwrap_or_default().to_owned()).collect(),
            ports: if is_web { vec![port] } else { Vec::new() },
            command: commands(of["cmd"].as_str().unwrap_or_default()).concat(),
            ..Container::default()
        };
        let mut lines = Vec::new();
        let hosts = of["hosts"].as_array().or_else(|| of.as_array()).map_or(0, Vec::len);
        if hosts > 1 {
            lines.push(format!("desired-count = {hosts}"));
        }
        if let Some(seconds) = self.document.value["deploy_timeout"].as_u64() {
            lines.push(format!("rollout = {{ deadline = {} }}", quoted(&format!("{}s", seconds.max(60)))));
        }
        draft::service(self.name, &container, &built.name, &lines, &mut self.adopted);
    }

    fn rest(&mut self) {
        for (member, value) in self.document.value.as_object().into_iter().flatten() {
            match member.as_str() {
                "service" | "image" | "builder" | "env" | "minimum_version" | "retain_containers" | "drain_timeout"
                | "deploy_timeout" | "labels" | "primary_role" | "allow_empty_roles" => {}
                "servers" => {
                    let line = self.at(member);
                    self.adopted.kept.push(format!("{line}: `servers`: Fargate has none; each role is a service of ECS, with as many tasks as it had hosts"));
                }
                "registry" => {
                    let line = self.at(member);
                    self.adopted.kept.push(format!("{line}: `registry`: images are in ECR, with its own login"));
                }
                "proxy" => self.todo(member, "`proxy`: a load balancer's target group has host, TLS and health check; its port is in the task definition"),
                "accessories" => {
                    for name in value.as_object().into_iter().flat_map(|of| of.keys()) {
                        let image = value[name]["image"].as_str().unwrap_or_default();
                        self.todo(&format!("accessories.{name}"), &format!("{name} runs {image}, which is not built here: it stays out"));
                    }
                }
                "aliases" => self.todo(member, "`aliases`: commands of this repository's own xtask, or `tasks`, take their place"),
                "volumes" | "asset_path" | "logging" | "boot" | "ssh" | "sshkit" | "hooks_path" | "error_pages_path" => {
                    self.todo(member, &format!("`{member}` has no counterpart"));
                }
                other => self.todo(other, &format!("`{other}` is not taken over")),
            }
        }
    }
}

/// Nothing in them is looked up.
fn literals(value: &Value) -> Vec<(String, String)> {
    pairs(value).into_iter().map(|(name, value)| (name, value.replace("${", "$${"))).collect()
}
