//! For [`crate::hostile`]: a Dockerfile.

use std::collections::BTreeMap;

use super::dockerfile::{Given, moving, takes_all};
use crate::gather::Gather;

pub(crate) fn dockerfile(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let args = BTreeMap::from([("BASE".to_owned(), "debian:12".to_owned())]);
    let lines = text.lines().count().max(1);
    for target in [None, Some("app")] {
        let given = Given { args: &args, contexts: ["data"].into_iter().gather(), target, platform: "linux/amd64" };
        for found in moving(&text, &given) {
            assert!((1..=lines).contains(&found.line), "{} of {lines}", found.line);
        }
        assert!(takes_all(&text, &given).is_none_or(|line| (1..=lines).contains(&line)));
    }
}
