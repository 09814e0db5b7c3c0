//! Which thing a path means.

use serde_json::{Value, json};

use crate::home::Home;

/// The endpoints of the distribution specification, and the one behind download URLs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Base,
    Blob {
        name: String,
        digest: String,
    },
    Uploads {
        name: String,
    },
    Upload {
        name: String,
        id: String,
    },
    Manifest {
        name: String,
        reference: String,
    },
    Tags {
        name: String,
    },
    Referrers {
        name: String,
        digest: String,
    },
    /// Speaks for itself: its URL was handed out.
    Layer {
        home: Home,
        name: String,
        digest: String,
    },
    None,
}

impl Route {
    /// The last words decide, for a repository's name may hold slashes and the words themselves.
    pub fn of(path: &str) -> Self {
        if let Some(rest) = path.strip_prefix("/layers/") {
            return Self::layer(rest).unwrap_or(Self::None);
        }
        let Some(rest) = path.strip_prefix("/v2") else { return Self::None };
        let rest = rest.trim_start_matches('/');
        if rest.is_empty() {
            return Self::Base;
        }
        let words: Vec<&str> = rest.split('/').collect();
        let name = |last: usize| decode(&words[..words.len() - last].join("/"));
        match words.as_slice() {
            [_, .., "blobs", "uploads", ""] => Self::Uploads { name: name(3) },
            [_, .., "blobs", "uploads"] => Self::Uploads { name: name(2) },
            [_, .., "blobs", "uploads", id] => Self::Upload { name: name(3), id: decode(id) },
            [_, .., "blobs", digest] => Self::Blob { name: name(2), digest: decode(digest) },
            [_, .., "manifests", reference] => Self::Manifest { name: name(2), reference: decode(reference) },
            [_, .., "referrers", digest] => Self::Referrers { name: name(2), digest: decode(digest) },
            [_, .., "tags", "list"] => Self::Tags { name: name(2) },
            _ => Self::None,
        }
    }

    fn layer(path: &str) -> Option<Self> {
        let (account, rest) = path.split_once('/')?;
        let (region, rest) = rest.split_once('/')?;
        let (name, digest) = rest.rsplit_once('/')?;
        Some(Self::Layer { home: Home::new(account, region), name: decode(name), digest: decode(digest) })
    }

    /// What a fault or the log calls it. POST, PATCH and PUT of an upload are steps of a blob's.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Blob { .. } | Self::Uploads { .. } | Self::Upload { .. } => "blob",
            Self::Manifest { .. } => "manifest",
            Self::Tags { .. } => "tags",
            Self::Referrers { .. } => "referrers",
            Self::Layer { .. } => "layer",
            Self::None => "nothing",
        }
    }

    /// What the log says of a call to it; the members that the JSON API has are called the same.
    pub fn note(&self) -> Value {
        match self {
            Self::Base | Self::None => json!({}),
            Self::Blob { name, digest } | Self::Layer { name, digest, .. } | Self::Referrers { name, digest } => {
                json!({"repositoryName": name, "reference": digest})
            }
            Self::Uploads { name } | Self::Tags { name } => json!({"repositoryName": name}),
            Self::Upload { name, id } => json!({"repositoryName": name, "uploadId": id}),
            Self::Manifest { name, reference } => {
                let member = if reference.contains(':') { "imageDigest" } else { "imageTag" };
                let mut note = json!({"repositoryName": name, "reference": reference});
                note[member] = json!(reference);
                note
            }
        }
    }
}

/// Percent-decoding; what is not well-formed stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escaped = (bytes[index] == b'%')
            .then(|| text.get(index + 1..index + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escaped.unwrap_or(bytes[index]));
        index += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_one_thing_however_deep_the_name() {
        let name = || "sample/blobs".to_owned();
        assert_eq!(Route::of("/v2/"), Route::Base);
        assert_eq!(Route::of("/v2"), Route::Base);
        assert_eq!(Route::of("/v2/sample/blobs/blobs/uploads/"), Route::Uploads { name: name() });
        assert_eq!(Route::of("/v2/sample/blobs/blobs/uploads/x1"), Route::Upload { name: name(), id: "x1".into() });
        assert_eq!(
            Route::of("/v2/sample/blobs/blobs/sha256%3Aab"),
            Route::Blob { name: name(), digest: "sha256:ab".into() }
        );
        assert_eq!(
            Route::of("/v2/sample/blobs/manifests/1.0"),
            Route::Manifest { name: name(), reference: "1.0".into() }
        );
        assert_eq!(Route::of("/v2/sample/blobs/tags/list"), Route::Tags { name: name() });
        let (home, digest) = (Home::new("123456789012", "eu-west-1"), "sha256:ab".to_owned());
        assert_eq!(
            Route::of("/layers/123456789012/eu-west-1/sample/blobs/sha256:ab"),
            Route::Layer { home, name: name(), digest }
        );
        assert_eq!(Route::of("/layers/123456789012/sha256:ab"), Route::None);
        assert_eq!(Route::of("/v2/_catalog"), Route::None);
        assert_eq!(Route::of("/v2/manifests/1.0"), Route::None);
    }

    #[test]
    fn a_stray_percent_sign_is_kept() {
        assert_eq!(decode("a%2fb%zz%4"), "a/b%zz%4");
    }
}
