//! ECR: repositories, images and layers, and the JSON API over them.
//! Source: Amazon ECR API Reference, version 2015-09-21.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};
use crate::validate::{Kind, Violation, check};

mod images;
mod layers;
pub(crate) mod manifest;
pub(crate) mod names;
mod put;
mod repositories;
mod shapes;

pub(crate) use images::Image;
pub(crate) use layers::{Layer, Mark, Upload, random_id, server_error};
pub(crate) use names::digest_of;
pub(crate) use put::Put;

/// The registry of one account in one region.
#[derive(Debug)]
pub(crate) struct Ecr {
    pub account: String,
    pub region: String,
    /// `HOST:PORT` under which the registry answers.
    pub host: String,
    /// Where layers are kept, by their hexadecimal digest, and uploads until they are layers.
    folder: PathBuf,
    repositories: BTreeMap<String, Repository>,
    uploads: HashMap<String, Upload>,
}

/// One repository. Layers belong to it: another repository's are not seen.
#[derive(Debug)]
pub(crate) struct Repository {
    pub name: String,
    created: Instant,
    immutable: bool,
    scan_on_push: bool,
    encryption: Value,
    pub layers: BTreeMap<String, Layer>,
    /// By digest.
    pub images: BTreeMap<String, Image>,
    /// Tag to digest.
    pub tags: BTreeMap<String, String>,
}

impl Ecr {
    /// An account without repositories.
    pub fn new(account: &str, region: &str, host: String, folder: PathBuf) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            host,
            folder,
            repositories: BTreeMap::new(),
            uploads: HashMap::new(),
        }
    }

    /// One API call; GetAuthorizationToken is not among them, for tokens are the server's.
    pub fn call(&mut self, operation: &str, input: &Value, now: Instant) -> ApiResult {
        let Some(members) = shapes::members(operation) else {
            return Err(ApiError::new("UnknownOperationException", format!("ECR has no operation {operation} here")));
        };
        check(input, members).map_err(invalid)?;
        if let Some(account) = input["registryId"].as_str().filter(|account| *account != self.account) {
            return Err(ApiError::new(
                "InvalidParameterException",
                format!("there is no registry with id '{account}'"),
            ));
        }
        match operation {
            "CreateRepository" => self.create_repository(input, now),
            "DescribeRepositories" => self.describe_repositories(input),
            "DeleteRepository" => self.delete_repository(input),
            "PutImageTagMutability" => self.put_image_tag_mutability(input),
            "BatchGetImage" => self.batch_get_image(input),
            "DescribeImages" => self.describe_images(input),
            "ListImages" => self.list_images(input),
            "PutImage" => self.put_image(input, now),
            "BatchDeleteImage" => self.batch_delete_image(input),
            "BatchCheckLayerAvailability" => self.batch_check_layer_availability(input),
            "InitiateLayerUpload" => self.initiate_layer_upload(input),
            "UploadLayerPart" => self.upload_layer_part(input),
            "CompleteLayerUpload" => self.complete_layer_upload(input),
            "GetDownloadUrlForLayer" => self.get_download_url_for_layer(input),
            _ => Ok(json!({})),
        }
    }

    /// The repository, or AWS's sentence about its absence.
    pub fn repository(&self, name: &str) -> Result<&Repository, ApiError> {
        self.repositories.get(name).ok_or_else(|| self.no_repository(name))
    }

    pub fn repository_mut(&mut self, name: &str) -> Result<&mut Repository, ApiError> {
        if self.repositories.contains_key(name) {
            Ok(self.repositories.get_mut(name).expect("it was just seen"))
        } else {
            Err(self.no_repository(name))
        }
    }

    fn no_repository(&self, name: &str) -> ApiError {
        let account = &self.account;
        ApiError::new(
            "RepositoryNotFoundException",
            format!("The repository with name '{name}' does not exist in the registry with id '{account}'"),
        )
    }

    /// The repository and the rest of an image's name, where the registry in front is this one under either of its names.
    pub fn own<'a>(&self, image: &'a str) -> Option<(&'a str, Wanted<'a>)> {
        let (registry, rest) = image.split_once('/')?;
        let aws = format!("{}.dkr.ecr.{}.amazonaws.com", self.account, self.region);
        if registry != self.host && registry != aws {
            return None;
        }
        if let Some((name, digest)) = rest.split_once('@') {
            let name = name.split_once(':').map_or(name, |(name, _tag)| name);
            return Some((name, Wanted::Digest(digest)));
        }
        Some(match rest.split_once(':') {
            Some((name, tag)) => (name, Wanted::Tag(tag)),
            None => (rest, Wanted::Tag("latest")),
        })
    }
}

/// How a caller names an image in a repository.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted<'a> {
    Tag(&'a str),
    Digest(&'a str),
}

fn invalid(violation: Violation) -> ApiError {
    let Violation { path, kind } = violation;
    match kind {
        Kind::Unknown => ApiError::new("SerializationException", format!("Unknown member '{path}' in the request")),
        Kind::WrongType(found, expected) => {
            ApiError::new("SerializationException", format!("{found} can not be converted to {expected} at '{path}'"))
        }
        Kind::Missing => invalid_parameter(&path, "Member must not be null"),
        Kind::Constraint(rule) => invalid_parameter(&path, &rule),
    }
}

/// ECR's way to say that a parameter breaks a rule.
fn invalid_parameter(path: &str, rule: &str) -> ApiError {
    ApiError::new(
        "InvalidParameterException",
        format!("Invalid parameter at '{path}' failed to satisfy constraint: '{rule}'"),
    )
}

/// The text member of a checked input; empty where it is absent.
fn text<'a>(input: &'a Value, member: &str) -> &'a str {
    input[member].as_str().unwrap_or_default()
}
