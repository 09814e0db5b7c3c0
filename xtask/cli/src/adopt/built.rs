//! An image that another tool builds.

use xtask_ecs::reference::{Home, Named};

use super::{key, quoted};
use crate::init::{Shipped, Survey, candidates, tag};

/// Paths are relative to the root, with `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// The key under `images`.
    pub name: String,
    /// Empty where the other tool does not say.
    pub repository: String,
    pub dockerfile: String,
    pub context: String,
    pub target: String,
    pub args: Vec<(String, String)>,
    pub platforms: Vec<String>,
    /// Build secrets: an id, and the variable that has it.
    pub secrets: Vec<(String, String)>,
    pub cache: Option<&'static str>,
    /// What a command line calls it, where one does.
    pub tags: Vec<String>,
}

impl Built {
    /// One more name, as `docker tag` gives; the repository is that of the registry's.
    pub fn called(&mut self, name: &str) {
        self.tags.push(name.to_owned());
        if let Some(repository) = repository_of(self.tags.iter().map(String::as_str)) {
            self.repository = repository;
        }
    }

    /// Whether it is the same but for what command lines call it.
    pub fn is_built_as(&self, other: &Self) -> bool {
        let told = |built: &Self| {
            let repository = if built.tags.is_empty() { built.repository.clone() } else { String::new() };
            Self { repository, tags: Vec::new(), ..built.clone() }
        };
        told(self) == told(other)
    }

    /// Whether a command line called it so; without a tag it is `latest`. What is known to nobody here is no name.
    pub fn is_called(&self, name: &str) -> bool {
        if Named::of(name).path.contains('\0') {
            return false;
        }
        let full = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
        self.tags.iter().any(|tag| full(tag) == full(name))
    }

    /// The table `images.NAME`.
    pub fn table(&self, found: &Survey) -> (String, String) {
        let repository = if self.repository.is_empty() { &self.name } else { &self.repository };
        let known = found.dockerfiles.iter().find(|one| one.name == self.dockerfile);
        let shipped = known.map_or_else(
            || Shipped::Package(self.name.clone(), None),
            |dockerfile| Shipped::Dockerfile(dockerfile.clone()),
        );
        let mut lines = vec![format!("repository = {}", quoted(repository)), format!("tag = {}", tag(found, &shipped))];
        if !self.platforms.is_empty() {
            let platforms: Vec<String> = self.platforms.iter().map(|platform| quoted(platform)).collect();
            lines.push(format!("platforms = [{}]", platforms.join(", ")));
        }
        lines.push(format!("dockerfile = {}", quoted(&self.dockerfile)));
        if !self.context.is_empty() && self.context != "." {
            lines.push(format!("context = {}", quoted(&self.context)));
        }
        if !self.target.is_empty() {
            lines.push(format!("target = {}", quoted(&self.target)));
        }
        lines.extend(inline("args", &self.args));
        lines.extend(inline("secrets", &self.secrets));
        lines.extend(self.cache.map(|cache| format!("cache = \"{cache}\"")));
        (format!("images.{}", key(&self.name)), lines.join("\n") + "\n")
    }

    /// Of a command that runs in a folder.
    pub fn below(mut self, folder: &str) -> Self {
        self.context = joined(folder, &self.context);
        self.dockerfile = joined(folder, &self.dockerfile);
        self
    }

    /// The Dockerfile in the context's folder, unless it is named.
    pub fn at(mut self, context: &str, dockerfile: Option<&str>) -> Self {
        self.context = joined("", context);
        self.dockerfile = dockerfile.map_or_else(|| joined(context, "Dockerfile"), |name| joined("", name));
        self
    }
}

/// What here builds the image of a container: by the container's name, by the repository's, or (`only`) the one service there is.
pub fn builder(found: &Survey, container: &str, repository: &str, only: bool) -> Option<Shipped> {
    let all = candidates(found);
    let last = repository.rsplit('/').next().unwrap_or_default();
    let named = [container, last].iter().find_map(|name| all.iter().find(|(it, _)| it.name() == *name));
    let services: Vec<_> = all.iter().filter(|(_, is_service)| *is_service).collect();
    let one = || services.first().copied().filter(|_| only && services.len() == 1);
    named.or_else(one).map(|(shipped, _)| shipped.clone())
}

/// What could be built here, for whoever asked for another one.
pub fn buildable(found: &Survey) -> String {
    let all = candidates(found);
    let known: Vec<&str> = all.iter().map(|(it, _)| it.name()).collect();
    format!("a Dockerfile or a package of that name would; there are {}", known.join(", "))
}

/// `name = { a = "b" }`, where there is something.
pub fn inline(name: &str, pairs: &[(String, String)]) -> Option<String> {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{} = {}", bare(name), quoted(value))).collect();
    (!pairs.is_empty()).then(|| format!("{name} = {{ {} }}", pairs.join(", ")))
}

fn bare(name: &str) -> String {
    if !name.is_empty() && key(name) == name { name.to_owned() } else { quoted(name) }
}

/// A path from a folder, without `./`, `..` where they cancel out, and slashes at the end.
pub fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// The repository of a reference, where its registry and its tag may be anything: `HOST/shop/api:TAG`. What is no literal
/// in it is a NUL here. A name alone, without a registry and without a folder, is what an image is called on a laptop.
pub fn repository(reference: &str) -> Option<String> {
    repository_of([reference])
}

/// The repository of an image with several references: of the first in ECR, else in a registry that is known to the run alone,
/// else in any other, else of the first that has a folder.
pub fn repository_of<'a>(references: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let of = |reference| {
        let Named { host, path, .. } = Named::of(reference);
        let is_told = !path.is_empty() && !path.contains('\0') && (host.is_some() || path.contains('/'));
        let rank = match host {
            Some(host) if Home::of(host).is_some() => 0,
            Some(host) if host.contains('\0') => 1,
            Some(_) => 2,
            None => 3,
        };
        is_told.then(|| (rank, path.to_owned()))
    };
    references.into_iter().filter_map(of).min_by_key(|(rank, _)| *rank).map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_as_people_write_them() {
        for (folder, path, whole) in [
            ("", "./", "."),
            (".", "Dockerfile", "Dockerfile"),
            ("./services/api/", "Dockerfile", "services/api/Dockerfile"),
            ("services/api", "../Dockerfile", "services/Dockerfile"),
            ("", "../x", "../x"),
        ] {
            assert_eq!(joined(folder, path), whole);
        }
    }

    #[test]
    fn what_is_built_once_and_named_twice_is_one_image_and_what_nobody_knows_is_no_name() {
        let built = |names: &[&str]| {
            let mut built = Built { name: "api".to_owned(), ..Built::default() }.at(".", None);
            for name in names {
                built.called(name);
            }
            built
        };
        assert!(built(&["\0/api:staging"]).is_built_as(&built(&["\0/api:production"])));
        assert!(
            built(&["api:\0", "\0/team/api:1"]).is_built_as(&built(&["api:\0"])),
            "a repository from names is none of it"
        );
        let told = Built { repository: "team/api".to_owned(), ..built(&[]) };
        assert!(!told.is_built_as(&built(&[])), "one that is told apart is");
        assert!(!built(&["\0"]).is_called("\0") && !built(&["\0/\0:\0"]).is_called("\0/\0:\0"));
        assert!(built(&["worker:\0"]).is_called("worker:\0") && built(&["api"]).is_called("api:latest"));
    }

    #[test]
    fn a_repository_is_read_beside_what_is_known_at_run_time_alone() {
        assert_eq!(repository("\0/shop/api:\0").as_deref(), Some("shop/api"));
        assert_eq!(repository("1.dkr.ecr.x.amazonaws.com/api@sha256:0").as_deref(), Some("api"));
        assert_eq!(repository("\0/\0:latest"), None);
        assert_eq!(repository("api:latest"), None);
    }

    #[test]
    fn a_folder_is_part_of_the_repository_and_no_registry() {
        assert_eq!(repository("shop/api").as_deref(), Some("shop/api"));
        assert_eq!(repository("shop/api:1.4").as_deref(), Some("shop/api"));
        assert_eq!(repository("localhost/api").as_deref(), Some("api"));
        assert_eq!(repository("registry:5000/shop/api").as_deref(), Some("shop/api"));
        let of_all = |all: &[&str]| repository_of(all.iter().copied());
        assert_eq!(of_all(&["api", "shop/api:1", "\0/team/api:\0"]).as_deref(), Some("team/api"));
        assert_eq!(of_all(&["api", "shop/api:1"]).as_deref(), Some("shop/api"));
        let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api";
        assert_eq!(of_all(&["ghcr.io/me/api", ecr]).as_deref(), Some("shop/api"));
        assert_eq!(of_all(&["localhost/me", "\0/team/api:1"]).as_deref(), Some("team/api"));
        assert_eq!(of_all(&["\0", "api"]), None);
    }
}
