//! A Compose file: what is built in it becomes images and services. Source: the Compose Specification, "Services top-level
//! element", "Compose Build Specification", "Interpolation".

use std::path::Path;

use serde_json::{Value, json};
use xtask_ecs::Failure;

use super::adopted::Adopted;
use super::built::{Built, joined};
use super::draft::{self, Container};
use super::yaml::{texts, written};
use super::{document, key, quoted};
use crate::init::Survey;

pub fn adopt(found: &Survey, file: &Path) -> Result<Adopted, Failure> {
    let name = found.name_of(file);
    let document = document(file, &name)?;
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let services = document.value["services"].as_object().cloned().unwrap_or_default();
    let is_built = |name: &str| services.get(name).is_some_and(|of| !of["build"].is_null());
    let mut adopted = Adopted::default();
    for (service, of) in &services {
        let at = |member: &str| {
            let path =
                if member.is_empty() { format!("services.{service}") } else { format!("services.{service}.{member}") };
            format!("{name}:{}", document.line(&path))
        };
        if !is_built(service) {
            let image = of["image"].as_str().unwrap_or_default();
            adopted
                .todo
                .push(format!("{}: {service} runs {image}, which is not built here: it stays out", at("image")));
            continue;
        }
        let mut one = Service { of, folder, at: &at, todo: &mut adopted.todo };
        let built = one.built(service);
        let container = one.container(service, &built);
        let after: Vec<String> = one.dependencies().into_iter().filter(|name| is_built(name)).collect();
        one.rest();
        let mut lines = Vec::new();
        if let Some(count) = of["deploy"]["replicas"].as_u64().or_else(|| of["scale"].as_u64()) {
            lines.push(format!("desired-count = {count}"));
        }
        if !after.is_empty() {
            let after: Vec<String> = after.iter().map(|name| quoted(&key(name))).collect();
            lines.push(format!("after = [{}]", after.join(", ")));
        }
        adopted.tables.push(built.table(found));
        draft::service(&name, &container, &built.name, &lines, &mut adopted);
    }
    if adopted.documents.is_empty() {
        return Err(Failure::usage(format_args!("no service of {name} is built here")).said(&adopted.todo));
    }
    adopted.takes_default_cluster();
    Ok(adopted)
}

struct Service<'a> {
    of: &'a Value,
    /// The Compose file's, from the root.
    folder: &'a str,
    at: &'a dyn Fn(&str) -> String,
    todo: &'a mut Vec<String>,
}

impl Service<'_> {
    fn built(&mut self, service: &str) -> Built {
        let given = &self.of["build"];
        let (context, dockerfile) = match given {
            Value::String(context) => (context.as_str(), "Dockerfile"),
            of => (of["context"].as_str().unwrap_or("."), of["dockerfile"].as_str().unwrap_or("Dockerfile")),
        };
        let context = joined(self.folder, context);
        let mut built =
            Built { name: key(service), ..Built::default() }.at(&context, Some(&joined(&context, dockerfile)));
        given["target"].as_str().unwrap_or_default().clone_into(&mut built.target);
        built.args = self.pairs("build.args");
        built.platforms = texts(&given["platforms"]);
        if let Some(platform) = self.of["platform"].as_str().filter(|_| built.platforms.is_empty()) {
            built.platforms.push(platform.to_owned());
        }
        let image = self.of["image"].as_str().unwrap_or_default();
        built.repository = super::built::repository(image).unwrap_or_default();
        for member in ["ssh", "secrets", "additional_contexts", "dockerfile_inline"] {
            if !given[member].is_null() {
                self.todo
                    .push(format!("{}: `build.{member}` is not taken over", (self.at)(&format!("build.{member}"))));
            }
        }
        built
    }

    fn container(&mut self, service: &str, built: &Built) -> Container {
        let repository = if built.repository.is_empty() { built.name.clone() } else { built.repository.clone() };
        let limits = &self.of["deploy"]["resources"]["limits"];
        let [cpus, memory] = [(&limits["cpus"], "cpus"), (&limits["memory"], "mem_limit")]
            .map(|(limit, member)| if limit.is_null() { &self.of[member] } else { limit });
        let cpus = cpus.as_str().map_or_else(|| cpus.as_f64(), |text| text.parse().ok());
        let memory = mebibytes(&written(memory));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few CPUs, as units of 1/1024")]
        let units = cpus.map(|cpus: f64| (cpus * 1024.0).round() as u64);
        Container {
            name: key(service),
            repository,
            environment: self.pairs("environment"),
            secrets: Vec::new(),
            ports: self.ports(),
            command: words(&self.of["command"]),
            entrypoint: words(&self.of["entrypoint"]),
            user: self.of["user"].as_str().map(str::to_owned),
            health: self.health(),
            size: (units.unwrap_or(0), memory.unwrap_or(0)),
        }
    }

    /// Both forms: a map, and `NAME=VALUE`. A name alone is the variable of whoever runs Compose.
    fn pairs(&mut self, path: &str) -> Vec<(String, String)> {
        let value = path.split('.').fold(self.of, |value, part| &value[part]);
        let mut pairs = Vec::new();
        let is_table = value.is_object();
        let mut add = |name: &str, value: Option<String>| {
            let value = value.unwrap_or_else(|| format!("${{{name}}}"));
            if let Some(value) = lookups(&value) {
                pairs.push((name.to_owned(), value));
            } else {
                let line = if is_table { (self.at)(&format!("{path}.{name}")) } else { (self.at)(path) };
                self.todo.push(format!("{line}: `{value}` is no lookup: write what it stands for"));
            }
        };
        match value {
            Value::Object(of) => {
                for (name, value) in of {
                    let text = if value.is_null() { None } else { Some(written(value)) };
                    add(name, text);
                }
            }
            Value::Array(items) => {
                for item in items.iter().filter_map(Value::as_str) {
                    match item.split_once('=') {
                        Some((name, value)) => add(name, Some(value.to_owned())),
                        None => add(item, None),
                    }
                }
            }
            _ => {}
        }
        pairs
    }

    /// The container's side of `8080:80`, `127.0.0.1:8080:80/tcp`, `80` and of the long form; a variable's default.
    fn ports(&mut self) -> Vec<u16> {
        let mut ports = Vec::new();
        for member in ["ports", "expose"] {
            for (at, value) in self.of[member].as_array().into_iter().flatten().enumerate() {
                let text = written(if value.is_object() { &value["target"] } else { value });
                let last = text.split('/').next().unwrap_or_default().rsplit(':').next().unwrap_or_default();
                let default = last.strip_prefix('-').and_then(|it| it.strip_suffix('}'));
                match default.unwrap_or(last).parse::<u16>() {
                    Ok(port) => ports.push(port),
                    Err(_) => self.todo.push(format!(
                        "{}: `{text}` is not one port of the container: `portMappings` takes each",
                        (self.at)(&format!("{member}[{at}]"))
                    )),
                }
            }
        }
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    fn health(&mut self) -> Option<Value> {
        let of = &self.of["healthcheck"];
        let command = match &of["test"] {
            Value::String(text) => vec!["CMD-SHELL".to_owned(), text.clone()],
            other => texts(other),
        };
        if command.is_empty() || command[0] == "NONE" {
            return None;
        }
        let mut health = json!({ "command": command });
        for (theirs, ours) in [("interval", "interval"), ("timeout", "timeout"), ("start_period", "startPeriod")] {
            if let Some(text) = of[theirs].as_str() {
                match seconds(text) {
                    Some(seconds) => health[ours] = json!(seconds),
                    None => self.todo.push(format!(
                        "{}: `{theirs}` {text}: ECS has whole seconds",
                        (self.at)(&format!("healthcheck.{theirs}"))
                    )),
                }
            }
        }
        if let Some(retries) = of["retries"].as_u64() {
            health["retries"] = json!(retries);
        }
        Some(health)
    }

    fn dependencies(&self) -> Vec<String> {
        match &self.of["depends_on"] {
            Value::Object(of) => of.keys().cloned().collect(),
            other => texts(other),
        }
    }

    /// Members that nothing above has read.
    fn rest(&mut self) {
        let read = [
            "build",
            "image",
            "platform",
            "deploy",
            "cpus",
            "mem_limit",
            "scale",
            "environment",
            "ports",
            "expose",
            "command",
            "entrypoint",
            "user",
            "healthcheck",
            "depends_on",
            "restart",
            "container_name",
            "init",
            "stdin_open",
            "tty",
            "develop",
            "pull_policy",
        ];
        for member in self.of.as_object().into_iter().flat_map(|of| of.keys()) {
            if !read.contains(&member.as_str()) && !member.starts_with("x-") {
                let at = (self.at)(member);
                self.todo.push(match member.as_str() {
                    "secrets" => {
                        format!("{at}: `secrets` are files in Compose: `secrets` of the container takes their ARNs")
                    }
                    "env_file" => {
                        format!("{at}: `env_file`: its variables go into `environment` or `secrets` of the container")
                    }
                    "volumes" => format!("{at}: `volumes` of a laptop are not those of ECS"),
                    other => format!("{at}: `{other}` is not taken over"),
                });
            }
        }
    }
}

/// A command in both forms.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => super::command_line::commands(text).concat(),
        other => texts(other),
    }
}

/// `${X}`, `$X`, `${X:-y}`, `${X-y}`, `${X:?why}` as lookups, `$$` as `$`; None where it is another form.
fn lookups(text: &str) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('$') {
            // `$${` is how a literal `${` is written here.
            out.push_str(if behind.starts_with('{') { "$$" } else { "$" });
            rest = behind;
            continue;
        }
        let (name, behind) = match rest.strip_prefix('{') {
            Some(inside) => inside.split_once('}')?,
            None => rest.split_at(rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(rest.len())),
        };
        // `${X:?why}` is an error where there is no X, as every lookup is.
        let end = name.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(name.len());
        let (name, form) = name.split_at(end);
        let default = match form.trim_start_matches(':') {
            "" => String::new(),
            form if form.starts_with('?') => String::new(),
            form => [":-", form.strip_prefix('-')?].concat(),
        };
        if name.is_empty() || default.contains('$') {
            return None;
        }
        out.push_str(&["${env:", name, &default, "}"].concat());
        rest = behind;
    }
    Some(out + rest)
}

/// `90s`, `1m30s`.
fn seconds(text: &str) -> Option<u64> {
    let (mut total, mut number) = (0, String::new());
    for letter in text.chars() {
        let unit = match letter {
            '0'..='9' => {
                number.push(letter);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total += std::mem::take(&mut number).parse::<u64>().ok()? * unit;
    }
    (number.is_empty() && total > 0).then_some(total)
}

/// `512M`, `1g`, `1gb`, as Compose counts them.
fn mebibytes(text: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let lower = lower.trim_end_matches('b');
    let (number, unit) = lower.split_at(lower.find(|it: char| it.is_ascii_alphabetic()).unwrap_or(lower.len()));
    let number: f64 = number.parse().ok()?;
    let mebibytes = match unit {
        "g" => number * 1024.0,
        "m" => number,
        "k" => number / 1024.0,
        _ => number / f64::from(1 << 20),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the memory of one container")]
    let whole = mebibytes.ceil() as u64;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compose_puts_in_is_a_lookup() {
        for (compose, ours) in [
            ("$HOST:${PORT}", Some("${env:HOST}:${env:PORT}")),
            ("${LEVEL:-info}", Some("${env:LEVEL:-info}")),
            ("costs 5$$", Some("costs 5$")),
            ("$${A}", Some("$${A}")),
            ("${A:?must be set}${B?}", Some("${env:A}${env:B}")),
            ("${LEVEL-info}", Some("${env:LEVEL:-info}")),
            ("${A:+b}", None),
            ("${A:-${B}}", None),
            ("${A", None),
        ] {
            assert_eq!(lookups(compose).as_deref(), ours, "{compose}");
        }
    }

    #[test]
    fn times_and_sizes_are_read_as_compose_writes_them() {
        assert_eq!(
            ["90s", "1m30s", "1h", "500ms", "", "5"].map(seconds),
            [Some(90), Some(90), Some(3600), None, None, None]
        );
        assert_eq!(
            ["512M", "1g", "1.5GB", "1048577", "x"].map(mebibytes),
            [Some(512), Some(1024), Some(1536), Some(2), None]
        );
    }
}
