//! ECR: repositories, images and layers, and the JSON API over them.
//! Source: Amazon ECR API Reference, version 2015-09-21.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::protocol::{ApiError, ApiResult};

mod archive;
mod images;
mod layers;
pub(crate) mod manifest;
pub(crate) mod member;
pub(crate) mod mutability;
pub(crate) mod names;
mod policies;
mod put;
mod referrers;
mod repositories;
mod settings;
mod signing;
mod tags;
mod templates;

use mutability::Mutability;
use policies::Policy;

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
    /// What the account has set, of its settings.
    settings: BTreeMap<String, &'static str>,
    /// By prefix.
    templates: BTreeMap<String, Value>,
    /// The rules that have images signed, and since when.
    signing: Option<(Value, Instant)>,
}

/// One repository. Layers belong to it: another repository's are not seen.
#[derive(Debug)]
pub(crate) struct Repository {
    pub name: String,
    created: Instant,
    mutability: Mutability,
    scan_on_push: bool,
    encryption: Value,
    /// The repository's own tags, which AWS bills and searches by.
    labels: BTreeMap<String, String>,
    policy: Option<String>,
    lifecycle: Option<String>,
    pub layers: BTreeMap<String, Layer>,
    /// By digest.
    pub images: BTreeMap<String, Image>,
    /// Tag to digest.
    pub tags: BTreeMap<String, String>,
}

impl Repository {
    /// Whether another account may pull from it; who, its policy says, and that is not read here.
    pub fn is_shared(&self) -> bool {
        self.policy.is_some()
    }
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
            settings: BTreeMap::new(),
            templates: BTreeMap::new(),
            signing: None,
        }
    }

    /// One API call; of GetAuthorizationToken the input alone, for tokens are the server's.
    pub fn call(&mut self, operation: &str, input: Value, now: Instant) -> ApiResult {
        let input = &member::check(operation, input)?;
        if let Some(account) = input["registryId"].as_str().filter(|account| *account != self.account) {
            return elsewhere(operation, input, account);
        }
        match operation {
            "CreateRepository" => self.create_repository(input, now),
            "DescribeRepositories" => self.describe_repositories(input),
            "DeleteRepository" => self.delete_repository(input),
            "PutImageTagMutability" => self.put_image_tag_mutability(input),
            "PutImageScanningConfiguration" => self.put_image_scanning_configuration(input),
            "ListTagsForResource" => self.list_tags_for_resource(input),
            "TagResource" => self.tag_resource(input),
            "UntagResource" => self.untag_resource(input),
            "SetRepositoryPolicy" => self.put_policy(Policy::Repository, input),
            "GetRepositoryPolicy" => self.get_policy(Policy::Repository, input),
            "DeleteRepositoryPolicy" => self.delete_policy(Policy::Repository, input),
            "PutLifecyclePolicy" => self.put_policy(Policy::Lifecycle, input),
            "GetLifecyclePolicy" => self.get_policy(Policy::Lifecycle, input),
            "DeleteLifecyclePolicy" => self.delete_policy(Policy::Lifecycle, input),
            "BatchGetImage" => self.batch_get_image(input, now),
            "DescribeImages" => self.describe_images(input, now),
            "ListImages" => self.list_images(input, now),
            "PutImage" => self.put_image(input, now),
            "BatchDeleteImage" => self.batch_delete_image(input),
            "UpdateImageStorageClass" => self.update_image_storage_class(input, now),
            "BatchCheckLayerAvailability" => self.batch_check_layer_availability(input, now),
            "InitiateLayerUpload" => self.initiate_layer_upload(input, now),
            "UploadLayerPart" => self.upload_layer_part(input),
            "CompleteLayerUpload" => self.complete_layer_upload(input),
            "GetDownloadUrlForLayer" => self.get_download_url_for_layer(input, now),
            "PutAccountSetting" => self.put_account_setting(input),
            "GetAccountSetting" => self.get_account_setting(input),
            "CreateRepositoryCreationTemplate" => self.create_repository_creation_template(input, now),
            "DescribeRepositoryCreationTemplates" => self.describe_repository_creation_templates(input),
            "DeleteRepositoryCreationTemplate" => self.delete_repository_creation_template(input),
            "PutSigningConfiguration" => self.put_signing_configuration(input, now),
            "GetSigningConfiguration" => self.get_signing_configuration(),
            "DeleteSigningConfiguration" => self.delete_signing_configuration(),
            "DescribeImageSigningStatus" => self.describe_image_signing_status(input, now),
            "ListImageReferrers" => self.list_image_referrers(input, now),
            "GetAuthorizationToken" => Ok(json!({})),
            _ => Err(ApiError::new("UnknownOperationException", format!("ECR has no operation {operation} here"))),
        }
    }

    /// The repository, or AWS's sentence about its absence.
    pub fn repository(&self, name: &str) -> Result<&Repository, ApiError> {
        self.repositories.get(name).ok_or_else(|| no_repository(name, &self.account))
    }

    pub fn repository_mut(&mut self, name: &str) -> Result<&mut Repository, ApiError> {
        if self.repositories.contains_key(name) {
            Ok(self.repositories.get_mut(name).expect("it was just seen"))
        } else {
            Err(no_repository(name, &self.account))
        }
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

fn no_repository(name: &str, account: &str) -> ApiError {
    ApiError::new(
        "RepositoryNotFoundException",
        format!("The repository with name '{name}' does not exist in the registry with id '{account}'"),
    )
}

/// What another account's registry answers: there is nothing in it, and nothing can be made there from here.
fn elsewhere(operation: &str, input: &Value, account: &str) -> ApiResult {
    let name = input["repositoryName"].as_str().or(input["repositoryNames"][0].as_str());
    match (operation, name) {
        ("CreateRepository", _) => Err(ApiError::new(
            "AccessDeniedException",
            format!("the sandbox holds one account's registry, and no repository can be made in that of {account}"),
        )),
        (_, Some(name)) => Err(no_repository(name, account)),
        (_, None) => Ok(json!({"repositories": []})),
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
