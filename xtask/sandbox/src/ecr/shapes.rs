//! The inputs of ECR's operations.
//! Source: Amazon ECR API Reference, section Actions.

use super::names::{REPOSITORY_RULE, is_digest, is_repository, is_tag};
use crate::validate::Shape::{Any, Flag, List, Number, Ruled, Structure, Text};
use crate::validate::{Member, Shape, optional, required};

const REGISTRY: Member = optional("registryId", Ruled(is_account, "must satisfy regular expression '[0-9]{12}'"));
const NAME: Shape = Ruled(is_repository, REPOSITORY_RULE);
const REPOSITORY: Member = required("repositoryName", NAME);
const TOKEN: Member = optional("nextToken", Text);
const MUTABILITY: Shape =
    Ruled(|text| matches!(text, "MUTABLE" | "IMMUTABLE"), "Member must satisfy enum value set: [IMMUTABLE, MUTABLE]");
const TAG_STATUS: Shape = Ruled(
    |text| matches!(text, "TAGGED" | "UNTAGGED" | "ANY"),
    "Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]",
);
const DIGEST: Shape = Ruled(is_digest, "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
/// A bad tag or digest in here is a failure of that id, not of the call.
const IMAGE_IDS: Shape = List(&Structure(&[optional("imageTag", Text), optional("imageDigest", Text)]), 1, 100);
const LAYER_DIGESTS: Shape = List(&Text, 1, 100);
const FILTER: Member = optional("filter", Structure(&[optional("tagStatus", TAG_STATUS)]));
const PAGE: Member = optional("maxResults", Number(1, 1000));

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

const CREATE_REPOSITORY: &[Member] = &[
    REGISTRY,
    REPOSITORY,
    optional("tags", List(&Structure(&[required("Key", Text), required("Value", Text)]), 0, 50)),
    optional("imageTagMutability", MUTABILITY),
    optional("imageTagMutabilityExclusionFilters", Any),
    optional("imageScanningConfiguration", Structure(&[optional("scanOnPush", Flag)])),
    optional("encryptionConfiguration", Structure(&[required("encryptionType", Text), optional("kmsKey", Text)])),
];
const DESCRIBE_REPOSITORIES: &[Member] = &[REGISTRY, optional("repositoryNames", List(&NAME, 1, 100)), TOKEN, PAGE];
const DELETE_REPOSITORY: &[Member] = &[REGISTRY, REPOSITORY, optional("force", Flag)];
const PUT_IMAGE_TAG_MUTABILITY: &[Member] = &[
    REGISTRY,
    REPOSITORY,
    required("imageTagMutability", MUTABILITY),
    optional("imageTagMutabilityExclusionFilters", Any),
];
const BATCH_GET_IMAGE: &[Member] =
    &[REGISTRY, REPOSITORY, required("imageIds", IMAGE_IDS), optional("acceptedMediaTypes", List(&Text, 1, 100))];
const DESCRIBE_IMAGES: &[Member] = &[REGISTRY, REPOSITORY, optional("imageIds", IMAGE_IDS), TOKEN, PAGE, FILTER];
const LIST_IMAGES: &[Member] = &[REGISTRY, REPOSITORY, TOKEN, PAGE, FILTER];
const PUT_IMAGE: &[Member] = &[
    REGISTRY,
    REPOSITORY,
    required(
        "imageManifest",
        Ruled(|text| !text.is_empty() && text.len() <= 4_194_304, "Member must have length between 1 and 4194304"),
    ),
    optional("imageManifestMediaType", Text),
    optional("imageTag", Ruled(is_tag, "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'")),
    optional("imageDigest", DIGEST),
];
const BATCH_DELETE_IMAGE: &[Member] = &[REGISTRY, REPOSITORY, required("imageIds", IMAGE_IDS)];
const BATCH_CHECK_LAYER_AVAILABILITY: &[Member] = &[REGISTRY, REPOSITORY, required("layerDigests", LAYER_DIGESTS)];
const INITIATE_LAYER_UPLOAD: &[Member] = &[REGISTRY, REPOSITORY];
const UPLOAD_LAYER_PART: &[Member] = &[
    REGISTRY,
    REPOSITORY,
    required("uploadId", Text),
    required("partFirstByte", Number(0, i64::MAX)),
    required("partLastByte", Number(0, i64::MAX)),
    required("layerPartBlob", Text),
];
const COMPLETE_LAYER_UPLOAD: &[Member] =
    &[REGISTRY, REPOSITORY, required("uploadId", Text), required("layerDigests", LAYER_DIGESTS)];
const GET_DOWNLOAD_URL_FOR_LAYER: &[Member] = &[REGISTRY, REPOSITORY, required("layerDigest", DIGEST)];
const GET_AUTHORIZATION_TOKEN: &[Member] = &[optional("registryIds", List(&Text, 1, 10))];

/// The members of an operation's input; None where there is no such operation.
pub fn members(operation: &str) -> Option<&'static [Member]> {
    Some(match operation {
        "CreateRepository" => CREATE_REPOSITORY,
        "DescribeRepositories" => DESCRIBE_REPOSITORIES,
        "DeleteRepository" => DELETE_REPOSITORY,
        "PutImageTagMutability" => PUT_IMAGE_TAG_MUTABILITY,
        "BatchGetImage" => BATCH_GET_IMAGE,
        "DescribeImages" => DESCRIBE_IMAGES,
        "ListImages" => LIST_IMAGES,
        "PutImage" => PUT_IMAGE,
        "BatchDeleteImage" => BATCH_DELETE_IMAGE,
        "BatchCheckLayerAvailability" => BATCH_CHECK_LAYER_AVAILABILITY,
        "InitiateLayerUpload" => INITIATE_LAYER_UPLOAD,
        "UploadLayerPart" => UPLOAD_LAYER_PART,
        "CompleteLayerUpload" => COMPLETE_LAYER_UPLOAD,
        "GetDownloadUrlForLayer" => GET_DOWNLOAD_URL_FOR_LAYER,
        "GetAuthorizationToken" => GET_AUTHORIZATION_TOKEN,
        _ => return None,
    })
}
