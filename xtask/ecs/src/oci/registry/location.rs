//! Addresses: of registries, and those that registries answer with.

use hyper::Uri;

use crate::net::is_loopback;

/// Scheme and host of a registry's API. Docker Hub's is not at the name that its references carry.
pub(super) fn endpoint(registry: &str) -> (&'static str, &str) {
    let host = match registry {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        other => other,
    };
    (if is_loopback(host) { "http" } else { "https" }, host)
}

/// What a `Location` means that came in answer to a request to `from`: an absolute URL, a path, or a name beside it.
/// A registry behind a proxy that ends TLS may think it is spoken to in plain HTTP: its own host keeps the scheme of
/// the request. Source: RFC 9110, section 10.2.2.
pub(super) fn resolve(from: &str, location: &str) -> Option<String> {
    let base: Uri = from.parse().ok()?;
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let resolved = if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.contains("://") {
        match location.split_once("://")? {
            (_, rest) if location.parse::<Uri>().ok()?.authority() == Some(authority) => format!("{scheme}://{rest}"),
            _ => location.to_owned(),
        }
    } else {
        let folder = base.path().rfind('/').map_or("", |end| &base.path()[..end]);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    resolved.parse::<Uri>().ok()?.authority()?;
    Some(resolved)
}

/// Whether two URLs lead to one server, so that what one may see the other may.
pub(super) fn same_server(one: &str, other: &str) -> bool {
    let server = |url: &str| {
        let uri: Uri = url.parse().ok()?;
        Some((uri.scheme_str()?.to_owned(), uri.authority()?.clone()))
    };
    server(one).is_some_and(|first| Some(first) == server(other))
}

/// The URL with one more query parameter.
pub(super) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_plain_http() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.0.1", "[::1]:5000"] {
            assert_eq!(endpoint(host).0, "http", "{host}");
        }
        for host in ["registry.example", "localhost.example:5000", "10.0.0.1:5000", "docker.io", "127.0.0.1.example"] {
            assert_eq!(endpoint(host).0, "https", "{host}");
        }
    }

    #[test]
    fn a_location_is_absolute_or_relative() {
        let from = "https://registry.example/v2/app/blobs/uploads/";
        for (location, meant) in [
            ("/v2/app/blobs/uploads/1?_state=a%3D", "https://registry.example/v2/app/blobs/uploads/1?_state=a%3D"),
            ("1?_state=a", "https://registry.example/v2/app/blobs/uploads/1?_state=a"),
            ("//other.example/1", "https://other.example/1"),
            ("https://other.example/1", "https://other.example/1"),
            ("http://registry.example/v2/app/blobs/uploads/1", "https://registry.example/v2/app/blobs/uploads/1"),
        ] {
            assert_eq!(resolve(from, location).as_deref(), Some(meant), "{location}");
        }
        assert_eq!(resolve(from, "https://"), None);
    }

    #[test]
    fn a_parameter_joins_those_that_are_there() {
        assert_eq!(with_parameter("http://h/u", "digest", "d"), "http://h/u?digest=d");
        assert_eq!(with_parameter("http://h/u?_state=s", "digest", "d"), "http://h/u?_state=s&digest=d");
    }
}
