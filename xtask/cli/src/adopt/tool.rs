//! Which tool a configuration is of, and the one that is here.

use std::path::{Path, PathBuf};

use xtask_ecs::Failure;

use super::adopted::Adopted;
use super::{bake, compose, copilot, ecspresso, kamal, workflow};
use crate::init::Survey;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Ecspresso,
    Copilot,
    Kamal,
    Workflow,
    Compose,
    Bake,
}

impl Tool {
    /// By the name of the file or folder; what has none of these names is taken to be ecspresso's.
    pub fn of(file: &Path) -> Self {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_yaml = [".yml", ".yaml"].iter().any(|end| name.ends_with(end));
        let folder = |wanted: &str| file.parent().is_some_and(|it| it.ends_with(wanted));
        if name == "copilot" || (name == "manifest.yml" && copilot::folder(file).is_some()) {
            Self::Copilot
        } else if is_yaml && folder(".github/workflows") {
            Self::Workflow
        } else if is_yaml && folder("config") && name.starts_with("deploy.") {
            Self::Kamal
        } else if is_yaml && (name.starts_with("compose.") || name.starts_with("docker-compose.")) {
            Self::Compose
        } else if name.starts_with("docker-bake.") || name.ends_with(".hcl") {
            Self::Bake
        } else {
            Self::Ecspresso
        }
    }

    pub fn adopt(self, found: &Survey, file: &Path) -> Result<Adopted, Failure> {
        match self {
            Self::Ecspresso => ecspresso::adopt(found, file),
            Self::Copilot => copilot::adopt(found, file),
            Self::Kamal => kamal::adopt(found, file),
            Self::Workflow => workflow::adopt(found, file),
            Self::Compose => compose::adopt(found, file),
            Self::Bake => bake::adopt(found, file),
        }
    }
}

/// The only configuration here. What deploys goes before what only builds or is for developers, too.
pub fn only_one(found: &Survey) -> Result<(Tool, PathBuf), Failure> {
    let places = |names: &[&str]| names.iter().map(|name| found.root.join(name)).filter(|path| path.exists()).collect();
    let mut deploying: Vec<PathBuf> = places(&[
        "ecspresso.yml",
        "ecspresso.yaml",
        "ecspresso.json",
        "ecspresso.jsonnet",
        "ecspresso/ecspresso.yml",
        "copilot",
        "config/deploy.yml",
    ]);
    let git = found.git.as_ref().unwrap_or(&found.root);
    let workflows = std::fs::read_dir(git.join(".github/workflows")).into_iter().flatten().flatten();
    let deploys = |path: &PathBuf| {
        std::fs::read_to_string(path).is_ok_and(|text| Tool::of(path) == Tool::Workflow && workflow::deploys(&text))
    };
    deploying.extend(workflows.map(|entry| entry.path()).filter(deploys));
    let others: Vec<PathBuf> = places(&[
        "docker-bake.hcl",
        "docker-bake.json",
        "compose.yaml",
        "compose.yml",
        "docker-compose.yml",
        "docker-compose.yaml",
    ]);
    let here = if deploying.is_empty() { others } else { deploying };
    match &here[..] {
        [one] => Ok((Tool::of(one), one.clone())),
        [] => Err(Failure::usage("nothing here is another tool's configuration").help(
            "looked for: ecspresso.yml, copilot/, config/deploy.yml, workflows that deploy to ECS, docker-bake.hcl, compose.yaml; another file is named on \
             the command line",
        )),
        several => {
            let names: Vec<String> = several.iter().map(|path| found.name_of(path)).collect();
            Err(Failure::usage(format_args!("several tools are configured here: {}", names.join(", ")))
                .help("name one of them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_known_by_the_name_of_its_configuration() {
        for (file, tool) in [
            ("/r/ecspresso.yml", Tool::Ecspresso),
            ("/r/ops/production.json", Tool::Ecspresso),
            ("/r/ecspresso.jsonnet", Tool::Ecspresso),
            ("/r/copilot", Tool::Copilot),
            ("/r/copilot/api/manifest.yml", Tool::Copilot),
            ("/r/config/deploy.yml", Tool::Kamal),
            ("/r/config/deploy.staging.yml", Tool::Kamal),
            ("/r/.github/workflows/deploy.yml", Tool::Workflow),
            ("/r/docker-compose.prod.yml", Tool::Compose),
            ("/r/compose.yaml", Tool::Compose),
            ("/r/docker-bake.hcl", Tool::Bake),
            ("/r/ci/images.hcl", Tool::Bake),
        ] {
            assert_eq!(Tool::of(Path::new(file)), tool, "{file}");
        }
    }
}
