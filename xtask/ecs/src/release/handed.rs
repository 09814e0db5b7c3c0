//! What a build is handed from the environment, looked at before it begins: BuildKit takes a secret that is not there
//! for an empty file, and builds.

use std::ffi::OsString;

use crate::config::{Builder, Image};
use crate::failure::Failure;
use crate::gather::Gather;

/// What an image's build would lack, a failure each.
pub(super) fn missing(image: &Image, variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<Failure> {
    let Builder::Dockerfile(dockerfile) = &image.builder else { return Vec::new() };
    let lacks = |name: &str| match variable(name) {
        None => Some("not set"),
        Some(value) if value.is_empty() => Some("empty"),
        Some(_) => None,
    };
    let secrets = dockerfile.secrets.iter().filter_map(|(id, name)| {
        let state = lacks(name)?;
        Some(
            Failure::usage(format_args!(
                "image `{}` has the build secret `{id}` from the variable {name}, which is {state}",
                image.name
            ))
            .help("set it, in a workflow with `workflows.secrets`"),
        )
    });
    let agent = "SSH_AUTH_SOCK";
    let ssh = dockerfile.ssh.iter().filter(|entry| !entry.contains('=')).filter_map(|id| {
        let state = lacks(agent)?;
        Some(
            Failure::usage(format_args!(
                "image `{}` has the SSH agent for `ssh = [\"{id}\"]`, and {agent} is {state}",
                image.name
            ))
            .help(format!("start an agent, or name a key: `{id}=PATH`")),
        )
    });
    secrets.chain(ssh).gather()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Dockerfile;
    use crate::reference::Reference;

    #[test]
    fn secrets_and_agents_that_are_not_there_are_told_by_image_id_and_variable() {
        let secrets = ["FULL", "EMPTY", "UNSET"].map(|name| (name.to_lowercase(), name.to_owned()));
        let dockerfile = Dockerfile {
            file: "/w/Dockerfile".into(),
            context: "/w".into(),
            platform: "linux/amd64".to_owned(),
            builder: None,
            args: BTreeMap::new(),
            target: None,
            contexts: BTreeMap::new(),
            secrets: secrets.into(),
            ssh: vec!["default".to_owned(), "deploy=/keys/deploy".to_owned()],
            cache: None,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            binaries: Vec::new(),
        };
        let reference = Reference {
            registry: "registry.example".to_owned(),
            repository: "sample/app".parse().expect("a name"),
            tag: "1.0.0".parse().expect("a tag"),
        };
        let builder = Builder::Dockerfile(dockerfile);
        let image = Image { name: "app".to_owned(), reference, platforms: Vec::new(), builder, expect: None };
        let variable = |name: &str| match name {
            "FULL" => Some("x".into()),
            "EMPTY" => Some(OsString::new()),
            _ => None,
        };
        let told: Vec<String> = missing(&image, &variable).iter().map(ToString::to_string).collect();
        let [empty, unset, agent] = told.as_slice() else { panic!("{told:?}") };
        assert!(empty.contains("image `app` has the build secret `empty` from the variable EMPTY, which is empty"));
        assert!(unset.contains("`unset` from the variable UNSET, which is not set"));
        assert!(agent.contains("SSH_AUTH_SOCK is not set"), "{agent}");
        assert!(missing(&image, &|_| Some("x".into())).is_empty());
    }
}
