//! An image could not be pulled.

use super::PULL;
use crate::cause::rule::Sign::{Clause, Denied, Named, NoManifest, Status};
use crate::cause::rule::{Decisive, Fault, Look, Rule, Sign, Whose};

const GUIDE: &str = "Amazon ECS Developer Guide, CannotPullContainer task errors";
const CONTAINERD: &str = "containerd, core/remotes/docker and core/images";

/// The way to a server is missing or blocked.
const NO_WAY: &[Sign] = &[
    Clause("i/o timeout"),
    Clause("context deadline exceeded"),
    Clause("context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
    Clause("connection refused"),
    Clause("no route to host"),
    Clause("network is unreachable"),
    Clause("connection timed out"),
    Clause("TLS handshake timeout"),
    Clause("request canceled while waiting for connection"),
    Clause("request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"),
    Clause("request canceled (Client.Timeout exceeded while awaiting headers)"),
    Clause("request canceled"),
    Clause("context canceled"),
    Clause("Unable to connect"),
    Clause("There is a connection issue between the task and …"),
    Clause("Check your network configuration"),
    Clause("Check your task network configuration"),
    Clause("inactivity time exceeded timeout while pulling image"),
    Clause("proxyconnect tcp"),
    Clause("timeout awaiting response headers"),
];

/// An answer says that there is no such image.
const NOT_THERE: &[Sign] = &[
    Clause("not found"),
    Clause("manifest unknown"),
    Clause("name unknown"),
    Clause("manifest unknown …"),
    Clause("manifest for … not found"),
    Clause("repository … not found"),
    Clause("The repository with name … does not exist in the registry with id …"),
    Clause("Requested image not found"),
    Clause("no such image"),
    Clause("content at … not found"),
    NoManifest,
    Named("RepositoryNotFoundException"),
    Named("ImageNotFoundException"),
    Status(404),
];

/// The steps that fetch layers: from Amazon S3, where the image is in ECR.
const LAYERS: &[&str] = &[
    "failed to copy",
    "httpReadSeeker",
    "httpReaderSeeker",
    "error pulling image configuration",
    "error pulling image conf",
    "failed to register layer",
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "pull-rate-limit",
        signs: &[
            Status(429),
            Clause("toomanyrequests"),
            Clause("Too Many Requests"),
            Clause("Rate exceeded"),
            Clause("You have reached your pull rate limit"),
            Clause("You have reached your unauthenticated pull rate limit"),
            Named("ThrottlingException"),
        ],
        fault: Fault::Registry,
        sentence: "{image} could not be pulled: {registry} limits the rate of pulls",
        fix: "keep a copy of the image in ECR (a pull-through cache, or mirror it) and use that, or give the pull a login \
              (`repositoryCredentials`)",
        source: "Amazon ECS Developer Guide, CannotPullContainer task errors; aws/amazon-ecs-agent#932",
        decisive: Decisive::No("a rate limit passes"),
        ..PULL
    },
    Rule {
        name: "pull-disk-full",
        signs: &[Clause("no space left on device"), Clause("devmapper"), Clause("disk quota exceeded")],
        fault: Fault::Host,
        sentence: "{image} could not be pulled: there is no space left on the disk of the task or its instance",
        fix: "raise `ephemeralStorage` (Fargate) or the instance's disk, or make the image smaller",
        source: "Amazon ECS Developer Guide, CannotPullContainer task errors; aws/amazon-ecs-agent#1434",
        decisive: Decisive::No("another instance may have the space"),
        ..PULL
    },
    Rule {
        name: "pull-wrong-platform",
        signs: &[
            Clause("image Manifest does not contain descriptor matching platform …"),
            Clause("failed to find a descriptor for platform …"),
            Clause("no match for platform in manifest"),
            Clause("no match for platform in manifest …"),
            Clause("no matching manifest for … in the manifest list entries"),
            Clause("no matching manifest for …"),
            Clause("image operating system … cannot be used on this platform"),
            Clause("cannot be used on this platform"),
        ],
        fault: Fault::Image,
        sentence: "{image} is built for another platform than the task runs on",
        fix: "build it for the task's platform (`platforms`), or set `runtimePlatform.cpuArchitecture` in the task \
              definition to the image's",
        source: CONTAINERD,
        decisive: Decisive::Yes("the same image has the same platforms"),
        ..PULL
    },
    Rule {
        name: "pull-not-an-image",
        signs: &[
            Clause("failed to get stream processor for …"),
            Clause("no processor for media-type"),
            Clause("unsupported media type …"),
            Clause("invalid reference format"),
            Clause("unknown manifest type"),
        ],
        fault: Fault::Image,
        sentence: "{image} is nothing that can run: the reference is malformed, or it leads to an attestation or another \
                   artifact",
        fix: "correct the reference, or build the image without attestations beside it",
        source: "containerd, client/pull.go, core/diff/stream.go; public reports of `application/vnd.in-toto+json`",
        decisive: Decisive::Yes("the same reference leads to the same artifact"),
        ..PULL
    },
    Rule {
        name: "pull-owner-out-of-range",
        signs: &[Clause("failed to Lchown … for UID …"), Clause("failed to lchown …")],
        fault: Fault::Image,
        sentence: "{image} has files that belong to a user or group whose number the host does not map",
        fix: "build it so that its files belong to numbers below 65536 (`chown`, `COPY --chown`)",
        source: "containerd, pkg/archive/tar_unix.go; docker/docs, rootless mode, subordinate ids",
        decisive: Decisive::Yes("the same image has the same owners"),
        ..PULL
    },
    Rule {
        name: "pull-no-credentials",
        signs: &[Clause("engine ecr credentials"), Clause("engine docker private registry credentials")],
        fault: Fault::Definition,
        sentence: "the task has no credentials to pull {image} with",
        fix: "name an execution role in `executionRoleArn`, and let ecs-tasks.amazonaws.com assume it",
        source: "amazon-ecs-agent, agent/engine/docker_task_engine.go",
        decisive: Decisive::Yes("a role does not come by itself"),
        ..PULL
    },
    Rule {
        name: "pull-ours-gone",
        whose: &[Whose::Ours],
        signs: NOT_THERE,
        fault: Fault::Image,
        sentence: "the image of {container} was in ECR when it was registered and is gone now: something deleted it, such \
                   as a lifecycle policy",
        fix: "release it again, and keep the lifecycle policy from deleting what runs",
        look: Look::Release,
        source: CONTAINERD,
        decisive: Decisive::Yes("an image that was deleted does not come back by itself"),
        ..PULL
    },
    Rule {
        name: "pull-not-found",
        signs: NOT_THERE,
        fault: Fault::Image,
        sentence: "{image} is not at {registry}",
        fix: "correct the repository and tag in the task definition",
        source: CONTAINERD,
        decisive: Decisive::Yes("an image does not come by itself"),
        ..PULL
    },
    Rule {
        name: "pull-denied",
        signs: &[Denied],
        fault: Fault::Permission,
        sentence: "{role} may not pull {image}",
        fix: "{allow}; a pull from ECR needs ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer",
        source: "amazon-ecs-agent, agent/api/errormessages/error_messages.go",
        decisive: Decisive::Yes("a right does not come by itself"),
        ..PULL
    },
    Rule {
        name: "pull-layers-denied",
        doing: LAYERS,
        signs: &[Status(403)],
        fault: Fault::Permission,
        sentence: "the layers of {image} may not be fetched: the storage behind {registry} answered 403",
        fix: "give the role ecr:GetDownloadUrlForLayer, and let the policy of the VPC's S3 endpoint allow s3:GetObject on \
              the region's bucket `prod-REGION-starport-layer-bucket`",
        source: "Amazon ECR User Guide, Amazon ECR interface VPC endpoints, minimum Amazon S3 bucket permissions",
        decisive: Decisive::Yes("a right does not come by itself"),
        ..PULL
    },
    Rule {
        name: "pull-private-or-missing",
        whose: &[Whose::Foreign],
        signs: &[
            Clause("requested access to the resource is denied"),
            Clause("repository does not exist or may require authorization"),
            Clause("repository does not exist or may require …"),
            Clause("insufficient_scope"),
            Clause("authorization failed"),
            Clause("pull access denied for …"),
            Clause("pull access denied"),
        ],
        fault: Fault::Image,
        sentence: "{image} does not exist at {registry}, or may not be pulled without a login",
        fix: "correct the reference, or give the pull a login (`repositoryCredentials`)",
        source: "moby, daemon/containerd/image_pull.go; containerd, core/remotes/docker/resolver.go",
        decisive: Decisive::Yes("neither the image nor a login comes by itself"),
        ..PULL
    },
    Rule {
        name: "pull-login-refused",
        whose: &[Whose::Foreign],
        signs: &[
            Status(401),
            Status(403),
            Clause("unauthorized"),
            Clause("incorrect username or password"),
            Clause("authentication required"),
            Clause("denied"),
            Clause("no basic auth credentials"),
            Clause("Forbidden"),
            Clause("access forbidden"),
        ],
        fault: Fault::Permission,
        sentence: "{registry} refuses to let {image} be pulled with the login that the task has",
        fix: "correct the secret that `repositoryCredentials` names, or the rights of that login at the registry",
        source: "amazon-ecs-agent, agent/api/errormessages/error_messages_test.go; aws/amazon-ecs-agent#1266",
        decisive: Decisive::Yes("a login does not come by itself"),
        ..PULL
    },
    Rule {
        name: "pull-forbidden",
        signs: &[
            Status(401),
            Status(403),
            Clause("denied"),
            Clause("unauthorized"),
            Clause("Forbidden"),
            Clause("requested access to the resource is denied"),
            Clause("authorization failed"),
            Clause("insufficient_scope"),
            Clause("no basic auth credentials"),
            Clause("pull access denied for …"),
            Clause("pull access denied"),
            Clause("Check that the role has the permissions to pull images from the registry"),
            Named("AccessDeniedException"),
        ],
        fault: Fault::Permission,
        sentence: "{role} may not pull {image}",
        fix: "give it ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer; where the repository is \
              another account's, its own policy must allow them, too",
        source: GUIDE,
        decisive: Decisive::Yes("a right does not come by itself"),
        ..PULL
    },
    Rule {
        name: "pull-no-such-host",
        signs: &[Clause("no such host"), Clause("server misbehaving"), Clause("Temporary failure in name resolution")],
        fault: Fault::Network,
        sentence: "the task has no way to the registry: the name of {registry} could not be resolved",
        fix: "correct the registry's name; if it is right, check DNS in the VPC (`enableDnsSupport`, DHCP options) and the \
              private DNS name of the VPC endpoint",
        source: "public reports; Amazon ECS Developer Guide, Verifying Amazon ECS stopped task connectivity",
        decisive: Decisive::No("name resolution may pass"),
        ..PULL
    },
    Rule {
        name: "pull-certificate",
        signs: &[
            Clause("x509"),
            Clause("certificate signed by unknown authority"),
            Clause("certificate has expired or is not yet valid"),
            Clause("server gave HTTP response to HTTPS client"),
        ],
        fault: Fault::Network,
        sentence: "{registry} does not show a certificate that the task's host trusts, so {image} could not be pulled",
        fix: "give the registry a certificate of a public authority, or the instance that of a private one",
        source: "Go, crypto/x509/verify.go; net/http/transport.go",
        decisive: Decisive::Yes("the same certificate is shown again"),
        ..PULL
    },
    Rule {
        name: "pull-layers-no-way",
        doing: LAYERS,
        signs: NO_WAY,
        fault: Fault::Network,
        sentence: "the task has no way to the storage behind {registry}, from where the layers of {image} come",
        fix: "for ECR that is Amazon S3: add the S3 gateway endpoint to the subnet's route table, or a route to a NAT \
              gateway; with a public subnet, `assignPublicIp`",
        source: GUIDE,
        decisive: Decisive::No("a route may be missing in one subnet alone, and a timeout may pass"),
        ..PULL
    },
    Rule {
        name: "pull-no-way",
        signs: NO_WAY,
        fault: Fault::Network,
        sentence: "the task has no way to the registry {registry}",
        fix: "check the subnet's route to a NAT gateway or the VPC endpoints of ECR and S3, their security groups, and \
              `assignPublicIp`",
        source: GUIDE,
        decisive: Decisive::No("a route may be missing in one subnet alone, and a timeout may pass"),
        ..PULL
    },
    Rule {
        name: "pull-broken-off",
        signs: &[
            Clause("unexpected EOF"),
            Clause("EOF"),
            Clause("connection reset by peer"),
            Clause("connection reset"),
            Clause("broken pipe"),
            Clause("unexpected commit digest …"),
            Clause("unexpected commit size …"),
            Clause("short read"),
            Clause("filesystem layer verification failed for digest …"),
            Clause("pull command failed"),
            Clause("panic"),
        ],
        fault: Fault::Network,
        sentence: "{image} could not be pulled: the transfer from {registry} broke off",
        fix: "that passes by itself as a rule; if it stays, check the route to the registry and, for ECR, to S3",
        source: "containerd, core/content; public reports",
        decisive: Decisive::No("a broken transfer passes"),
        ..PULL
    },
    Rule {
        name: "pull-registry-down",
        signs: &[
            Status(500),
            Status(502),
            Status(503),
            Status(504),
            Clause("Internal Server Error"),
            Clause("Service Unavailable"),
            Clause("Bad Gateway"),
            Named("ServerException"),
        ],
        fault: Fault::Registry,
        sentence: "{image} could not be pulled: that is {registry}'s own trouble",
        fix: "wait for the registry, or keep a copy of the image in ECR",
        source: CONTAINERD,
        decisive: Decisive::No("a server's trouble passes"),
        ..PULL
    },
];
