//! What images, downloads and repositories are called in a Dockerfile.

use super::Missing;

pub(super) fn is_pinned(image: &str) -> bool {
    image.rsplit_once('@').is_some_and(|(_, digest)| digest.starts_with("sha256:") || digest.starts_with("sha512:"))
}

/// An image's name as contexts are looked up by: `docker.io/library/debian:latest` is `debian`.
/// Source: distribution's `reference.FamiliarString`, BuildKit's frontend/dockerui/namedcontext.go.
pub(super) fn familiar(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").or_else(|| name.strip_prefix("index.docker.io/")).unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    name.strip_suffix(":latest").unwrap_or(name).to_lowercase()
}

/// What a source that is fetched lacks; `None` for a path, and where nothing is missing.
/// Source: BuildKit, frontend/dockerfile/dfgitutil/git_ref.go and util/gitutil/git_url.go.
pub(super) fn download(source: &str, checked: bool) -> Option<Missing> {
    let (rest, fragment) = source.split_once('#').unwrap_or((source, ""));
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let web = matches!(scheme.as_deref(), Some("http" | "https"));
    let git = match scheme.as_deref() {
        Some("git" | "ssh") => true,
        // Nothing else is a repository to BuildKit: the letters are as they are.
        Some(_) => web && address.trim_end_matches('/').strip_suffix(".git").is_some(),
        // user@host:path
        None => address.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/')),
    };
    let is_commit = |name: &str| [40, 64].contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let committed = || {
        is_commit(fragment.split(':').next().unwrap_or_default())
            || query.split('&').filter_map(|pair| pair.split_once('=')).any(|(key, value)| match key {
                "commit" | "checksum" => true,
                "ref" => is_commit(value),
                _ => false,
            })
    };
    match (git, web) {
        _ if checked => None,
        (true, _) => (!committed()).then_some(Missing::Commit),
        (false, true) => Some(Missing::Checksum),
        (false, false) => None,
    }
}

/// Whether a path is the build context itself, or everything in it.
pub(super) fn is_all(path: &str) -> bool {
    path.split('/').all(|part| matches!(part, "" | "." | ".." | "*" | "**"))
}
