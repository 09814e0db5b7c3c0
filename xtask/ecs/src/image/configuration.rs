//! The image's configuration: what runs, as whom, where.
//! Source: OCI image specification 1.1, config.md and annotations.md.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Request;
use super::base::BaseImage;
use super::furnish;
use super::layer::Written;
use crate::gather::Gather as _;
use crate::time::timestamp;

/// The configuration's JSON; the same input gives the same bytes. What the base says and nobody changes stays.
pub(super) fn document(
    request: &Request<'_>,
    base: &BaseImage,
    written: &[(Written, &str)],
    entrypoint: &str,
    certificates: bool,
) -> Value {
    let package = request.package;
    let created = timestamp(request.commit.time);
    let mut config = base.config.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    config.insert("User".to_owned(), json!(package.user));
    config.insert("WorkingDir".to_owned(), json!(package.workdir));
    config.insert("Entrypoint".to_owned(), entrypoint_of(entrypoint, &package.args));
    // The base's command would become arguments of this entrypoint.
    config.remove("Cmd");
    config.insert("Env".to_owned(), environment(config.get("Env"), &package.env, certificates));
    if !package.ports.is_empty() {
        let ports = object(&mut config, "ExposedPorts");
        ports.extend(package.ports.iter().map(|port| (port.clone(), json!({}))));
    }
    let own = labels(request, &created);
    object(&mut config, "Labels").extend(own.into_iter().map(|(name, value)| (name, json!(value))));

    let list = |path: &str| base.config.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut diff_ids = list("/rootfs/diff_ids");
    let mut history = list("/history");
    // History and layers belong together one by one; a base that tells nothing gets a line a layer.
    if history.is_empty() {
        history = diff_ids.iter().map(|_| json!({ "created": created, "created_by": "base" })).gather();
    }
    for (layer, what) in written {
        diff_ids.push(json!(layer.diff_id));
        history.push(json!({ "created": created, "created_by": format!("cargo xtask: {what}") }));
    }
    let mut document = Map::new();
    document.insert("created".to_owned(), json!(created));
    for member in ["architecture", "os", "variant"] {
        if let Some(value) = base.config.get(member) {
            document.insert(member.to_owned(), value.clone());
        }
    }
    document.insert("config".to_owned(), Value::Object(config));
    document.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": diff_ids }));
    document.insert("history".to_owned(), Value::Array(history));
    Value::Object(document)
}

fn entrypoint_of(program: &str, args: &[String]) -> Value {
    std::iter::once(program).chain(args.iter().map(String::as_str)).collect()
}

/// The base's variables in their order, then ours by name; ours win.
fn environment(base: Option<&Value>, own: &BTreeMap<String, String>, certificates: bool) -> Value {
    let base: Vec<&str> = base.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).gather();
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let mut own = own.clone();
    let mut default = |wanted: &str, value: String| {
        if base.iter().all(|variable| name(variable) != wanted) {
            own.entry(wanted.to_owned()).or_insert(value);
        }
    };
    default("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    if certificates {
        // For TLS libraries that were compiled with another idea of where certificates are.
        default("SSL_CERT_FILE", format!("/{}", furnish::CERTIFICATES));
    }
    let kept = base.iter().filter(|variable| !own.contains_key(&name(variable))).map(|variable| (*variable).to_owned());
    kept.chain(own.iter().map(|(name, value)| format!("{name}={value}"))).collect()
}

/// The labels that OCI defines, from the commit and the package, and over them the configured ones.
fn labels(request: &Request<'_>, created: &str) -> BTreeMap<String, String> {
    let (binary, commit) = (request.binary, request.commit);
    let known = [
        ("title", Some(binary.package.as_str())),
        ("version", Some(binary.version.as_str())),
        ("created", Some(created)),
        ("revision", commit.revision.as_deref()),
        // The manifest's own word first: a clone from elsewhere has another remote.
        ("source", binary.repository.as_deref().or(commit.remote.as_deref())),
        ("licenses", binary.license.as_deref()),
    ];
    let mut labels: BTreeMap<String, String> = known
        .into_iter()
        .filter_map(|(name, value)| Some((format!("org.opencontainers.image.{name}"), value?.to_owned())))
        .gather();
    labels.extend(request.package.labels.clone());
    labels
}

fn object<'a>(config: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let member = config.entry(name).or_insert_with(|| json!({}));
    if !member.is_object() {
        // Some builders write null for nothing.
        *member = json!({});
    }
    member.as_object_mut().expect("it was just made one")
}
