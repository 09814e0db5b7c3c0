//! What an image runs on, compared as registries do.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use serde::Deserialize;

/// What an image runs on: `linux/amd64`, `linux/arm64`, `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `amd64` or `arm64`, as Go names it.
    pub architecture: String,
    /// Such as `v7`; empty where the architecture has none, or it is the usual one.
    #[serde(default)]
    pub variant: String,
}

impl Platform {
    /// What a configuration says that its image runs on.
    pub fn of_config(config: &serde_json::Value) -> Result<Self> {
        let member = |name: &str| config.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let platform = Self { os: member("os"), architecture: member("architecture"), variant: member("variant") };
        ensure!(
            !platform.os.is_empty() && !platform.architecture.is_empty(),
            "the image's configuration does not say which platform it is for"
        );
        Ok(platform.normal())
    }

    /// Builders write the default variant or leave it out as they please, and some say an architecture in the words of
    /// its machine. Source: containerd's platforms package, normalizeArch.
    #[must_use]
    pub fn normal(mut self) -> Self {
        match self.architecture.as_str() {
            "x86_64" | "x86-64" => "amd64".clone_into(&mut self.architecture),
            "aarch64" => "arm64".clone_into(&mut self.architecture),
            _ => {}
        }
        match (self.architecture.as_str(), self.variant.as_str()) {
            ("arm64", "v8" | "8") | ("amd64", "v1") => self.variant.clear(),
            ("arm", "" | "7") => "v7".clone_into(&mut self.variant),
            ("arm", "5" | "6" | "8") => self.variant.insert(0, 'v'),
            _ => {}
        }
        self
    }
}

impl FromStr for Platform {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split('/').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), variant, None) if !os.is_empty() && !architecture.is_empty() => {
                Ok(Self { os, architecture, variant: variant.unwrap_or_default() }.normal())
            }
            _ => bail!("`{text}` is not a platform; write it as `linux/amd64` or `linux/arm/v7`"),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_platform_is_one_whatever_it_is_called() {
        let is = |text: &str| text.parse::<Platform>().expect("a platform").to_string();
        for (written, means) in [
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/amd64/v3", "linux/amd64/v3"),
        ] {
            assert_eq!(is(written), means, "{written}");
        }
        assert!("linux".parse::<Platform>().is_err());
    }
}
