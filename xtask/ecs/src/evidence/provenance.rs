//! How an image was made. Source: SLSA v1.0, provenance.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::PROVENANCE;
use crate::commit::Commit;
use crate::config::{Base, Builder, Image};
use crate::digest::Digest;
use crate::gather::Gather;

/// A statement of what was built of what, by whom; `variable` answers for environment variables. No secret is in it: of
/// build secrets the configuration has names, and so has this.
pub(crate) fn provenance(
    digest: &Digest,
    image: &Image,
    commit: &Commit,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Vec<u8> {
    let mut parameters = Map::new();
    parameters.insert("image".to_owned(), json!(image.name));
    parameters.insert("reference".to_owned(), json!(image.reference.to_string()));
    parameters.insert("platform".to_owned(), json!(image.platforms.join(",")));
    let mut materials = Vec::new();
    if let Some(revision) = &commit.revision {
        let mut source = json!({ "digest": { "gitCommit": revision.trim_end_matches("-dirty") } });
        if let Some(remote) = &commit.remote {
            source["uri"] = json!(format!("git+{remote}"));
        }
        parameters.insert("dirty".to_owned(), json!(revision.ends_with("-dirty")));
        materials.push(source);
    }
    let (builder, own) = of_builder(&image.builder, &mut materials);
    parameters.insert(builder.to_owned(), own);
    let (id, invocation) = who(variable);
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": image.reference.to_string(), "digest": { "sha256": digest.hex() } }],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:xtask-ecs:release:v1",
                "externalParameters": parameters,
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": { "id": id, "version": { "xtask-ecs": env!("CARGO_PKG_VERSION") } },
                "metadata": invocation.map_or_else(|| json!({}), |invocation| json!({ "invocationId": invocation })),
            },
        },
    });
    statement.to_string().into_bytes()
}

fn of_builder(builder: &Builder, materials: &mut Vec<Value>) -> (&'static str, Value) {
    match builder {
        Builder::Dockerfile(dockerfile) => {
            let secrets: Vec<&String> = dockerfile.secrets.keys().gather();
            let own = json!({ "args": dockerfile.args, "target": dockerfile.target, "secrets": secrets });
            ("dockerfile", own)
        }
        Builder::Package(package) => {
            if let Some(Base::Reference(reference)) = &package.base
                && let Some((_, digest)) = reference.split_once("@sha256:")
            {
                materials.push(json!({ "uri": format!("docker://{reference}"), "digest": { "sha256": digest } }));
            }
            ("package", json!({ "name": package.program.package, "profile": package.profile }))
        }
        Builder::Own(own) => ("builder", json!({ "name": own.builder })),
    }
}

/// Who made an image, as its provenance says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MadeBy {
    /// Such as the workflow, by its address.
    pub builder: String,
    /// The run, where there was one.
    pub run: Option<String>,
}

impl MadeBy {
    /// `None` of what is no provenance.
    pub(super) fn read(statement: &[u8]) -> Option<Self> {
        let statement: Value = serde_json::from_slice(statement).ok()?;
        let details = &statement["predicate"]["runDetails"];
        let run = details["metadata"]["invocationId"].as_str().map(str::to_owned);
        Some(Self { builder: details["builder"]["id"].as_str()?.to_owned(), run })
    }

    /// The run, or else what made it.
    pub(crate) fn told(&self) -> &str {
        self.run.as_deref().unwrap_or(if self.builder == BY_HAND { "by hand" } else { &self.builder })
    }
}

const BY_HAND: &str = "urn:xtask-ecs:by-hand";

/// Where it ran, and which run it was. Source: GitHub Docs, "Variables reference".
fn who(variable: &dyn Fn(&str) -> Option<String>) -> (String, Option<String>) {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let workflow = || Some((set("GITHUB_SERVER_URL")?, set("GITHUB_WORKFLOW_REF")?));
    let Some((server, workflow)) = workflow() else { return (BY_HAND.to_owned(), None) };
    let run = || {
        let (repository, run) = (set("GITHUB_REPOSITORY")?, set("GITHUB_RUN_ID")?);
        Some(format!("{server}/{repository}/actions/runs/{run}/attempts/{}", set("GITHUB_RUN_ATTEMPT")?))
    };
    (format!("{server}/{workflow}"), run())
}
