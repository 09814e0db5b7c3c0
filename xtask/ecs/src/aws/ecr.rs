//! ECR's JSON API: which tags and blobs are there, the registry's token, and the tag itself.
//! Source: Amazon ECR API Reference, version 2015-09-21.

mod id;
mod kept;
mod referrers;
mod signing;
mod tagged;
mod templates;

use std::error::Error;
use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::Builder;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::batch_get_image::BatchGetImageOutput;
use aws_sdk_ecr::types::{ImageFailure, ImageFailureCode, ImageIdentifier, LayerAvailability};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::Value;
use tokio::sync::Semaphore;

use id::Id;
pub(crate) use kept::{Kept, Known};
pub(crate) use signing::Signing;
pub(crate) use tagged::Tagged;
pub(crate) use templates::Templates;

use super::retry::Later;
use super::signed::{Api, Signed};
use super::{AwsError, calls};
use crate::digest::Digest;
use crate::gate::Passed;
use crate::gather::Gather;
use crate::net;
use crate::oci::layout::{Index, Marks};
use crate::oci::registry::Credentials;
use crate::reference::{Home, Repository, Tag};
use crate::sorted::SortedMap;

/// What the SDK has no call for.
const ECR: Api = Api { id: "ECR", target: "AmazonEC2ContainerRegistry_V20150921" };
/// How ECR says that there is no such repository.
pub(crate) const NO_REPOSITORY: &str = "RepositoryNotFoundException";

/// Image ids in one BatchGetImage, digests in one BatchCheckLayerAvailability.
const BATCH: usize = 100;

/// Questions under way at once. More would spend longer on opening connections than they save by waiting together.
const LANES: usize = 16;

/// Without them ECR converts an OCI manifest to Docker's and answers with another digest.
const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// ECR in the account and the region of one registry. Methods block.
#[derive(Clone)]
pub(crate) struct Ecr {
    client: Client,
    signed: Signed,
    home: Home,
    /// What stands before a repository's name: nothing for the registry of the session's own account and region.
    place: String,
    /// Whether the registry is of another account than these credentials.
    is_foreign: bool,
}

/// The image under a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub digest: Digest,
    pub marks: Marks,
}

/// What became of a manifest and a tag.
#[derive(Debug)]
pub(crate) enum Put {
    New,
    /// The same content under the same tag was there already.
    AlreadyThere,
    /// The tag holds other content, which it keeps.
    TakenBy(Option<Digest>),
}

impl Ecr {
    /// `host` is the registry's, and asked is the account and the region that it names; else `own`.
    pub(super) fn new(sdk: &SdkConfig, host: &str, own: &Home) -> Self {
        let home = Home::of(host).unwrap_or_else(|| own.clone());
        let region = Region::new(home.region.clone());
        Self {
            client: Client::from_conf(Builder::from(sdk).region(region).retry_classifier(Later).build()),
            signed: Signed::new(sdk).in_region(home.region.clone()),
            place: if home == *own { String::new() } else { format!("{host}/") },
            is_foreign: home.account != own.account,
            home,
        }
    }

    /// `repository sample/app`; with the registry where that is not the session's own.
    fn subject(&self, repository: &Repository) -> String {
        format!("repository {}{repository}", self.place)
    }

    /// With the command that creates the repository, where it is missing.
    fn failed<E>(&self, call: &'static str, repository: &Repository, error: &SdkError<E, HttpResponse>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut failed = AwsError::new(call, self.subject(repository), error);
        if failed.code == NO_REPOSITORY {
            let Home { account, region } = &self.home;
            let whose = if self.place.is_empty() { String::new() } else { format!(" in account {account}") };
            failed.fix = format!(
                "create it{whose}: `aws ecr create-repository --repository-name {repository} --region {region}`"
            );
        }
        failed
    }

    /// The image under each tag, `None` where ECR says that there is no such image; answers in the order asked.
    /// One BatchGetImage for each repository and hundred tags, all at once. An image that is inaccessible or
    /// archived, or a repository that is missing, is an error and not an absence.
    pub(crate) fn find(&self, wanted: &[(&Repository, &Tag)]) -> Vec<Result<Option<Found>, AwsError>> {
        let id = |(repository, tag): &(&Repository, &Tag)| (repository.to_owned().clone(), Id::Tag(tag.to_string()));
        self.find_each(&wanted.iter().map(id).gather::<Vec<_>>())
    }

    /// The same of images that are named by their digests.
    pub(crate) fn images(&self, wanted: &[(Repository, Digest)]) -> Vec<Result<Option<Found>, AwsError>> {
        let id = |(repository, digest): &(Repository, Digest)| (repository.clone(), Id::Digest(digest.to_string()));
        self.find_each(&wanted.iter().map(id).gather::<Vec<_>>())
    }

    fn find_each(&self, wanted: &[(Repository, Id)]) -> Vec<Result<Option<Found>, AwsError>> {
        let mut groups: SortedMap<&Repository, Vec<usize>> = SortedMap::new();
        for (position, (repository, _)) in wanted.iter().enumerate() {
            groups.or_default(repository).push(position);
        }
        let batches: Vec<(&Repository, Vec<usize>)> = groups
            .into_iter()
            .flat_map(|(repository, positions)| {
                positions.chunks(BATCH).map(|chunk| (repository, chunk.to_vec())).gather::<Vec<_>>()
            })
            .gather();
        let mut answers: Vec<Option<Result<Option<Found>, AwsError>>> = vec![None; wanted.len()];
        let lanes = Arc::new(Semaphore::new(LANES));
        let ask = |(repository, positions): &(&Repository, Vec<usize>)| {
            let ids: Vec<Id> = positions.iter().map(|&position| wanted[position].1.clone()).gather();
            let (ecr, repository, lanes) = (self.clone(), (*repository).clone(), Arc::clone(&lanes));
            async move {
                let _lane = lanes.acquire().await;
                ecr.find_in(&repository, &ids).await
            }
        };
        let found = net::all(batches.iter().map(ask).gather());
        for ((_, positions), found) in batches.iter().zip(found) {
            for (place, &position) in positions.iter().enumerate() {
                answers[position] = Some(match &found {
                    Ok(found) => found[place].clone(),
                    Err(error) => Err(error.clone()),
                });
            }
        }
        answers.into_iter().map(|answer| answer.expect("each position is in one batch")).gather()
    }

    async fn find_in(
        &self,
        repository: &Repository,
        ids: &[Id],
    ) -> Result<Vec<Result<Option<Found>, AwsError>>, AwsError> {
        const CALL: &str = calls::BATCH_GET_IMAGE.action;
        let subject = self.subject(repository);
        let answer = self.under(repository, ids.iter().map(Id::asked).gather()).await?;
        Ok(ids
            .iter()
            .map(|id| {
                let image = answer.images().iter().find(|image| id.is(image.image_id()));
                if let Some(digest) = image.and_then(|image| image.image_id()?.image_digest()) {
                    let marks = Marks::of(image.and_then(|image| image.image_manifest()).unwrap_or_default());
                    return digest
                        .parse()
                        .map(|digest| Some(Found { digest, marks }))
                        .map_err(|_| AwsError::answered(CALL, &subject, "an unknown kind of digest", digest));
                }
                let failure = answer.failures().iter().find(|failure| id.is(failure.image_id()));
                match failure.map(|failure| (failure.failure_code(), failure.failure_reason())) {
                    Some((Some(ImageFailureCode::ImageNotFound), _)) => Ok(None),
                    Some((code, reason)) => Err(AwsError::answered(
                        CALL,
                        format_args!("image {}{repository}{id}", self.place),
                        code.map_or("a failure without a code", ImageFailureCode::as_str),
                        reason.unwrap_or_default(),
                    )),
                    None => Err(AwsError::answered(
                        CALL,
                        format_args!("image {}{repository}{id}", self.place),
                        "no answer for this image",
                        "the response names it neither among images nor among failures",
                    )),
                }
            })
            .gather())
    }

    /// Where each image is kept, and under which tags, in the order asked, all at once.
    pub(crate) fn kept(&self, wanted: &[(Repository, Digest)]) -> Vec<Result<Kept, AwsError>> {
        let ask = |(repository, digest): &(Repository, Digest)| {
            let (ecr, repository, digest) = (self.clone(), repository.clone(), digest.clone());
            async move { ecr.kept_one(&repository, &digest).await }
        };
        net::all(wanted.iter().map(ask).gather())
    }

    async fn kept_one(&self, repository: &Repository, digest: &Digest) -> Result<Kept, AwsError> {
        let asked = self
            .client
            .describe_images()
            .registry_id(&self.home.account)
            .repository_name(repository.as_str())
            .image_ids(ImageIdentifier::builder().image_digest(digest.as_str()).build());
        match asked.send().await {
            Ok(answer) => Ok(Kept::of(answer.image_details())),
            Err(error) if error.code() == Some("ImageNotFoundException") => Ok(Kept::Gone),
            Err(error) => Err(self.failed(calls::DESCRIBE_IMAGES.action, repository, &error)),
        }
    }

    /// The lifecycle policy of a repository; `None` without one.
    pub(crate) fn lifecycle_policy(&self, repository: &Repository) -> Result<Option<Value>, AwsError> {
        let asked =
            self.client.get_lifecycle_policy().registry_id(&self.home.account).repository_name(repository.as_str());
        match net::wait(asked.send()) {
            Ok(answer) => Ok(answer.lifecycle_policy_text().and_then(|text| serde_json::from_str(text).ok())),
            Err(error) if error.code() == Some("LifecyclePolicyNotFoundException") => Ok(None),
            Err(error) => Err(self.failed(calls::GET_LIFECYCLE_POLICY.action, repository, &error)),
        }
    }

    /// The images that an index names, without attestations; none where the digest is that of one image.
    pub(crate) fn children(&self, repository: &Repository, digest: &Digest) -> Result<Vec<Digest>, AwsError> {
        let answer = net::wait(self.under(repository, vec![Id::Digest(digest.to_string()).asked()]))?;
        if let Some(failure) = answer.failures().first() {
            return Err(self.refused(repository, digest, failure));
        }
        let manifest = answer.images().first().and_then(|image| image.image_manifest()).unwrap_or_default();
        let index = Index::parse(manifest.as_bytes()).ok();
        let digests = index.iter().flat_map(Index::entries).map(|entry| entry.descriptor.digest.clone());
        Ok(digests.gather())
    }

    /// The image of a digest, under a tag or not; `None` where ECR says that there is no such image.
    pub(crate) fn image(&self, repository: &Repository, digest: &Digest) -> Result<Option<Found>, AwsError> {
        self.images(&[(repository.clone(), digest.clone())]).pop().expect("an answer for each")
    }

    fn refused(&self, repository: &Repository, digest: &Digest, failure: &ImageFailure) -> AwsError {
        let code = failure.failure_code().map_or("a failure without a code", ImageFailureCode::as_str);
        let subject = format_args!("image {}{repository}@{digest}", self.place);
        AwsError::answered(calls::BATCH_GET_IMAGE.action, subject, code, failure.failure_reason().unwrap_or_default())
    }

    /// What the repository has under these tags and digests.
    async fn under(&self, repository: &Repository, ids: Vec<ImageIdentifier>) -> Result<BatchGetImageOutput, AwsError> {
        let asked = self
            .client
            .batch_get_image()
            .registry_id(&self.home.account)
            .repository_name(repository.as_str())
            .set_image_ids(Some(ids))
            .set_accepted_media_types(Some(MANIFEST_TYPES.map(str::to_owned).to_vec()));
        asked.send().await.map_err(|error| self.failed(calls::BATCH_GET_IMAGE.action, repository, &error))
    }

    /// Which of these blobs the repository does not hold yet; one question for each hundred. One that is not there holds
    /// none: the push makes it, or the registry says that it is missing.
    pub(crate) fn missing(&self, repository: &Repository, blobs: &[Digest]) -> Result<Vec<Digest>, AwsError> {
        const CALL: &str = calls::BATCH_CHECK_LAYER_AVAILABILITY.action;
        let mut missing = Vec::new();
        for batch in blobs.chunks(BATCH) {
            let asked = self
                .client
                .batch_check_layer_availability()
                .registry_id(&self.home.account)
                .repository_name(repository.as_str())
                .set_layer_digests(Some(batch.iter().map(ToString::to_string).gather()));
            let answer = match net::wait(asked.send()) {
                Err(error) if error.code() == Some(NO_REPOSITORY) => return Ok(blobs.to_vec()),
                answer => answer.map_err(|error| self.failed(CALL, repository, &error))?,
            };
            let available: Vec<&str> = answer
                .layers()
                .iter()
                .filter(|layer| layer.layer_availability() == Some(&LayerAvailability::Available))
                .filter_map(|layer| layer.layer_digest())
                .gather();
            missing.extend(batch.iter().filter(|digest| !available.contains(&digest.as_str())).cloned());
        }
        Ok(missing)
    }

    /// A fresh password for the registry, good for twelve hours: `Basic …`, for the Authorization header.
    pub(crate) fn authorization(&self) -> Result<String, AwsError> {
        const CALL: &str = calls::GET_AUTHORIZATION_TOKEN.action;
        let answer = net::wait(self.client.get_authorization_token().send())
            .map_err(|error| AwsError::new(CALL, "the registry", &error))?;
        let token =
            answer.authorization_data().first().and_then(|data| data.authorization_token()).ok_or_else(|| {
                AwsError::answered(CALL, "the registry", "no token", "the response holds no authorizationToken")
            })?;
        Ok(format!("Basic {token}"))
    }

    /// What is under a tag that has this digest; `None` where by now it has another, or is gone.
    pub(crate) fn tagged(
        &self,
        repository: &Repository,
        tag: &Tag,
        digest: &Digest,
    ) -> Result<Option<Tagged>, AwsError> {
        let answer = net::wait(self.under(repository, vec![Id::Tag(tag.to_string()).asked()]))?;
        let Some(image) = answer.images().first() else { return Ok(None) };
        let (media_type, manifest) = (image.image_manifest_media_type(), image.image_manifest());
        Ok(Tagged::read(tag, digest, media_type.unwrap_or_default(), manifest.unwrap_or_default()))
    }

    /// Puts the tag on the manifest that passed the scan gate, whose blobs are in the repository. ECR refuses bytes
    /// whose digest differs.
    pub(crate) fn put_image(&self, repository: &Repository, tag: &Tag, passed: &Passed) -> Result<Put, AwsError> {
        let document = passed.document();
        self.put(repository, tag, (&document.digest, &document.media_type, &document.bytes))
    }

    /// Puts the tag that another registry has on the same bytes here.
    pub(crate) fn put_tagged(&self, repository: &Repository, tagged: &Tagged) -> Result<Put, AwsError> {
        let document = tagged.document();
        self.put(repository, tagged.tag(), (&document.digest, &document.media_type, &document.bytes))
    }

    /// Never moves a tag: in a repository whose tags are mutable ECR would, without a word.
    fn put(
        &self,
        repository: &Repository,
        tag: &Tag,
        (digest, media_type, bytes): (&Digest, &str, &[u8]),
    ) -> Result<Put, AwsError> {
        let holder = || -> Result<Option<Digest>, AwsError> {
            Ok(self.find(&[(repository, tag)]).pop().transpose()?.flatten().map(|found| found.digest))
        };
        match holder()? {
            Some(holder) if holder == *digest => return Ok(Put::AlreadyThere),
            Some(holder) => return Ok(Put::TakenBy(Some(holder))),
            None => {}
        }
        let sent = net::wait(
            self.client
                .put_image()
                .registry_id(&self.home.account)
                .repository_name(repository.as_str())
                .image_tag(tag.as_str())
                .image_manifest(String::from_utf8_lossy(bytes))
                .image_manifest_media_type(media_type)
                .image_digest(digest.as_str())
                .send(),
        );
        match sent {
            Ok(_) => Ok(Put::New),
            Err(error) => match error.code() {
                Some("ImageAlreadyExistsException") => Ok(Put::AlreadyThere),
                Some("ImageTagAlreadyExistsException") => match holder().ok().flatten() {
                    Some(holder) if holder == *digest => Ok(Put::AlreadyThere),
                    holder => Ok(Put::TakenBy(holder)),
                },
                _ => Err(self.failed(calls::PUT_IMAGE.action, repository, &error)),
            },
        }
    }
}

/// The registry's password, asked for again when the registry no longer takes it.
impl Credentials for Ecr {
    fn authorization(&self, _stale: bool) -> anyhow::Result<Option<String>> {
        Ok(Some(Self::authorization(self)?))
    }
}
