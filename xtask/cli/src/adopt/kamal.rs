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
    let document = read_file(file, &name)?;
    // `deploy.staging.yml` is laid over `deploy.yml`.
    let base = file.with_file_name("deploy.yml");
    let base = if base != file && base.is_file() {
        let name = found.name_of(&base);
        Some((read_file(&base, &name)?, name))
    } else {
        None
    };
    let mut value = base.as_ref().map_or(Value::Null, |(base, _)| base.value.clone());
    lay_over(&mut value, &document.value);
    let service =
        value["service"].as_str().ok_or_else(|| Failure::usage(format_args!("{name} names no `service`")))?.to_owned();
    let mut kamal =
        Kamal { name: &name, document: &document, base: base.as_ref(), value: &value, adopted: Adopted::default() };
    let built = kamal.built(&service);
    kamal.adopted.tables.push(built.table(found));
    for (role, of) in roles(&value["servers"]) {
        kamal.role(&service, &role, of, &built);
    }
    kamal.rest();
    kamal.adopted.takes_default_cluster();
    Ok(kamal.adopted)
}

fn read_file(file: &Path, name: &str) -> Result<Document, Failure> {
    let text = read(file, name)?;
    let text = without_ruby(&text);
    if let Some(line) = text.lines().position(|line| line.contains("<%") && !line.trim_start().starts_with('#')) {
        return Err(Failure::usage(format_args!("{name}:{}: Ruby in it is not run", line + 1))
            .help("`kamal config` prints what comes of it: name a file with that"));
    }
    let mut document = parsed(&text, name)?;
    as_lookups(&mut document.value);
    Ok(document)
}

/// Stand for the ends of a lookup until what else looks like one is escaped.
const ENDS: [&str; 2] = ["\u{e000}", "\u{e001}"];

/// `<%= ENV["X"] %>`, `<%= ENV.fetch("X", "y") %>` and `<%= ENV["X"] || "y" %>` are variables; other Ruby stays.
fn without_ruby(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, inside, behind)) = rest
        .split_once("<%=")
        .and_then(|(before, rest)| rest.split_once("%>").map(|(inside, rest)| (before, inside, rest)))
    {
        out.push_str(before);
        match variable(inside.trim_end_matches('-').trim()) {
            Some(variable) => out.push_str(&[ENDS[0], "env:", &variable, ENDS[1]].concat()),
            None => out.push_str(&["<%=", inside, "%>"].concat()),
        }
        rest = behind;
    }
    out + rest
}

fn variable(ruby: &str) -> Option<String> {
    let literal = |text: &str| {
        let text = text.trim();
        let quote = text.chars().next().filter(|it| ['"', '\''].contains(it))?;
        let inside = text[1..].strip_suffix(quote)?;
        (!inside.contains(['"', '\'', '#', '\\'])).then(|| inside.to_owned())
    };
    let (name, default) = if let Some(arguments) = ruby.strip_prefix("ENV.fetch(").and_then(|it| it.strip_suffix(')')) {
        arguments.split_once(',').map_or((arguments, None), |(name, default)| (name, Some(default)))
    } else {
        let (name, behind) = ruby.strip_prefix("ENV[")?.split_once(']')?;
        match behind.trim() {
            "" => (name, None),
            behind => (name, Some(behind.strip_prefix("||")?)),
        }
    };
    let default = match default {
        Some(default) => [":-", &literal(default)?].concat(),
        None => String::new(),
    };
    Some(literal(name)? + &default)
}

fn as_lookups(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("${", "$${").replace(ENDS[0], "${").replace(ENDS[1], "}"),
        Value::Array(items) => items.iter_mut().for_each(as_lookups),
        Value::Object(members) => members.values_mut().for_each(as_lookups),
        _ => {}
    }
}

/// Tables member by member, everything else as a whole.
fn lay_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                lay_over(below.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => below.clone_from(above),
    }
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
    /// What it is laid over.
    base: Option<&'a (Document, String)>,
    /// Both.
    value: &'a Value,
    adopted: Adopted,
}

impl Kamal<'_> {
    fn at(&self, path: &str) -> String {
        match self.base.filter(|(base, _)| base.has(path) && !self.document.has(path)) {
            Some((base, name)) => format!("{name}:{}", base.line(path)),
            None => format!("{}:{}", self.name, self.document.line(path)),
        }
    }

    fn todo(&mut self, path: &str, what: &str) {
        let line = format!("{}: {what}", self.at(path));
        self.adopted.todo.push(line);
    }

    fn built(&mut self, service: &str) -> Built {
        let builder = &self.value["builder"];
        // In Kamal the registry's host is apart, and the image is the repository alone.
        let repository = self.value["image"].as_str().unwrap_or(service).to_owned();
        let context = builder["context"].as_str().unwrap_or(".");
        let mut built =
            Built { name: key(service), repository, ..Built::default() }.at(context, builder["dockerfile"].as_str());
        builder["target"].as_str().unwrap_or_default().clone_into(&mut built.target);
        built.args = pairs(&builder["args"]);
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
        let top = &self.value["env"];
        // A list of clear variables stands without `clear` where there are no secrets.
        let is_plain = top["clear"].is_null() && top["secret"].is_null();
        let mut environment = pairs(if is_plain { top } else { &top["clear"] });
        environment.extend(pairs(&of["env"]["clear"]));
        let mut secrets = texts(&top["secret"]);
        secrets.extend(texts(&of["env"]["secret"]));
        let proxy = &self.value["proxy"];
        let is_web = role == "web" || !of["proxy"].is_null();
        if proxy["app_port"].is_string() {
            self.todo(
                "proxy.app_port",
                &format!("the port of {name} is told when it is deployed, and is written as 80"),
            );
        }
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
        for member in of.as_object().into_iter().flat_map(|of| of.keys()) {
            if !["hosts", "cmd", "env", "proxy"].contains(&member.as_str()) {
                self.todo(&format!("servers.{role}.{member}"), &format!("`{member}` of {role} is not taken over"));
            }
        }
        let mut lines = Vec::new();
        let hosts = of["hosts"].as_array().or_else(|| of.as_array()).map_or(0, Vec::len);
        if hosts > 1 {
            lines.push(format!("desired-count = {hosts}"));
        }
        if let Some(seconds) = self.value["deploy_timeout"].as_u64() {
            lines.push(format!("rollout = {{ deadline = {} }}", quoted(&format!("{}s", seconds.max(60)))));
        }
        draft::service(self.name, &container, &built.name, &lines, &mut self.adopted);
    }

    fn rest(&mut self) {
        for (member, value) in self.value.as_object().into_iter().flatten() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_ruby_are_lookups_and_other_ruby_stays() {
        for (ruby, ours) in [
            ("<%= ENV[\"HOST\"] %>/api", "${env:HOST}/api"),
            ("<%= ENV.fetch('STAGE', \"live\") -%>", "${env:STAGE:-live}"),
            ("<%= ENV['A'] || 'b' %>${C}", "${env:A:-b}$${C}"),
            ("<%= `hostname` %>", "<%= `hostname` %>"),
            ("<%= ENV[name] %>", "<%= ENV[name] %>"),
        ] {
            let mut value = Value::from(without_ruby(ruby));
            as_lookups(&mut value);
            assert_eq!(value, ours, "{ruby}");
        }
    }
}
