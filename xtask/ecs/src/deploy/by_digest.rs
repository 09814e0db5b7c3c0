//! `--digest`: bytes that are to run in the place of those under the tag.

use std::fmt;
use std::slice::from_ref;
use std::str::FromStr;

use crate::config::{Config, Service, images_named};
use crate::digest::Digest;
use crate::failure::{Failure, Result};
use crate::gather::Gather as _;
use crate::sorted::{SortedMap, SortedSet};

/// `sha256:…` of the only image that is deployed, or `IMAGE=sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByDigest {
    image: Option<String>,
    digest: Digest,
}

impl FromStr for ByDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (image, digest) = match text.split_once('=') {
            Some((image, digest)) => (Some(image.to_owned()), digest),
            None => (None, text),
        };
        let digest = digest.parse().map_err(|error| format!("{error}; a tag is named in Cargo.toml"))?;
        Ok(Self { image, digest })
    }
}

impl fmt::Display for ByDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.image {
            Some(image) => write!(f, "{image}={}", self.digest),
            None => self.digest.fmt(f),
        }
    }
}

/// The digests by the names of their images.
///
/// Fails (exit 2) where an image is unknown, named twice or run by none of the services, or left open and not the only one.
pub(super) fn named(config: &Config, services: &[&Service], digests: &[ByDigest]) -> Result<SortedMap<String, Digest>> {
    let mut named = SortedMap::new();
    let run: SortedSet<&String> = services.iter().flat_map(|service| service.containers.values()).gather();
    let all = run.iter().map(|image| format!("`{image}`")).gather::<Vec<_>>().join(", ");
    for ByDigest { image, digest } in digests {
        let image = match image {
            Some(image) => images_named(config, from_ref(image))?[0].name.clone(),
            None if run.len() == 1 => run.iter().map(ToString::to_string).collect(),
            None => {
                return Err(Failure::usage(format_args!("`--digest {digest}` names no image, and there are several"))
                    .help(format!("write `--digest IMAGE={digest}`, with one of {all}")));
            }
        };
        if !run.contains(&image) {
            return Err(Failure::usage(format_args!("none of the services to deploy runs the image `{image}`"))
                .help(format!("they run {all}")));
        }
        if let Some(before) = named.insert(image.clone(), digest.clone()).filter(|before| before != digest) {
            return Err(Failure::usage(format_args!("image `{image}` is named by two digests: {before} and {digest}")));
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_is_written_alone_or_with_the_image_that_has_it() {
        for text in [DIGEST.to_owned(), format!("app={DIGEST}")] {
            assert_eq!(text.parse::<ByDigest>().expect("it is one").to_string(), text);
        }
        for text in ["", "1.4.0", "app", "app=1.4.0", "sha256:e3b0"] {
            assert!(text.parse::<ByDigest>().is_err(), "{text}");
        }
    }
}
