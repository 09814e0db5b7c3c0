//! An image as people write it.

/// `[HOST/]PATH[:TAG][@DIGEST]`, taken apart and not checked. A lookup (`${…}`) may stand for any part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// `HOST[:PORT]`, where one is written: without one it is Docker Hub's, or of no registry at all.
    pub host: Option<&'a str>,
    /// Its name in the registry, as it is written.
    pub path: &'a str,
    /// Without the colon.
    pub tag: Option<&'a str>,
    /// `sha256:…`, without the at sign.
    pub digest: Option<&'a str>,
}

/// Docker Hub's name in references.
const DOCKER_HUB: &str = "docker.io";

impl<'a> Named<'a> {
    /// As docker reads it: what stands before the first slash is a host where it could be no part of a path, and where it is
    /// `localhost`; `shop/api` is in no registry `shop`.
    /// Source: distribution's reference package, `splitDockerDomain`.
    pub fn of(text: &'a str) -> Self {
        let of_path = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter);
        let is_host = |name: &str| name == "localhost" || !name.chars().all(of_path);
        let (name, digest) = split(text, '@');
        let (host, rest) = match split(name, '/') {
            (host, Some(rest)) if is_host(host) => (Some(host), rest),
            _ => (None, name),
        };
        let (path, tag) = split(rest, ':');
        Self { host, path, tag, digest }
    }

    /// The registry that it means, and its name there, with what Docker Hub's shorthands leave out.
    pub(crate) fn full(&self) -> (&'a str, String) {
        let host = match self.host {
            None | Some("index.docker.io" | "registry-1.docker.io") => DOCKER_HUB,
            Some(host) => host,
        };
        let is_official = host == DOCKER_HUB && !self.path.contains('/');
        (host, if is_official { format!("library/{}", self.path) } else { self.path.to_owned() })
    }
}

/// What stands before the first such letter that is in no lookup, and behind it.
fn split(text: &str, letter: char) -> (&str, Option<&str>) {
    let mut depth = 0_usize;
    let at = text.char_indices().find(|(_, one)| {
        match one {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *one == letter
    });
    at.map_or((text, None), |(at, _)| (&text[..at], Some(&text[at + letter.len_utf8()..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_what_docker_takes_for_one_and_no_first_part_of_a_path() {
        for (text, host, path, tag, digest) in [
            ("shop/api", None, "shop/api", None, None),
            ("api:1.4", None, "api", Some("1.4"), None),
            ("team_a/sub-b/api:1", None, "team_a/sub-b/api", Some("1"), None),
            ("localhost/api", Some("localhost"), "api", None, None),
            ("localhost:5000/shop/api:1", Some("localhost:5000"), "shop/api", Some("1"), None),
            ("registry:5000/api", Some("registry:5000"), "api", None, None),
            (
                "public.ecr.aws/docker/library/debian:13",
                Some("public.ecr.aws"),
                "docker/library/debian",
                Some("13"),
                None,
            ),
            ("Registry/api", Some("Registry"), "api", None, None),
            ("[::1]:5000/api:1", Some("[::1]:5000"), "api", Some("1"), None),
            ("debian:13@sha256:0a", None, "debian", Some("13"), Some("sha256:0a")),
            ("ghcr.io/a/b@sha256:0a", Some("ghcr.io"), "a/b", None, Some("sha256:0a")),
            (
                "${env:REGISTRY}/shop/api:${env:TAG:-a/b@c}",
                Some("${env:REGISTRY}"),
                "shop/api",
                Some("${env:TAG:-a/b@c}"),
                None,
            ),
            ("${tfstate:a.url}:1", None, "${tfstate:a.url}", Some("1"), None),
            ("", None, "", None, None),
            ("/api", None, "/api", None, None),
        ] {
            assert_eq!(Named::of(text), Named { host, path, tag, digest }, "{text}");
        }
    }

    #[test]
    fn docker_hubs_shorthands_mean_what_docker_means_by_them() {
        for (text, host, path) in [
            ("debian", "docker.io", "library/debian"),
            ("grafana/grafana:1", "docker.io", "grafana/grafana"),
            ("index.docker.io/debian", "docker.io", "library/debian"),
            ("registry-1.docker.io/library/debian", "docker.io", "library/debian"),
            ("ghcr.io/debian", "ghcr.io", "debian"),
        ] {
            assert_eq!(Named::of(text).full(), (host, path.to_owned()), "{text}");
        }
    }
}
