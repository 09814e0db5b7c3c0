//! The registry's token, its login, and secrets: what a task reads before its containers start.

use super::INIT;
use super::initialising::{AGENT, GUIDE, NO_WAY};
use crate::cause::rule::Sign::{Clause, Denied, DeniedAction, Last, Named, Status};
use crate::cause::rule::{Decisive, Fault, Rule, Stage};

const TOKEN: &[&str] = &[
    "unable to retrieve ecr registry auth",
    "The task cannot pull registry auth from Amazon ECR",
    "operation error ECR",
];
const LOGIN: &[&str] = &[
    "unable to get registry auth from asm",
    "asm fetching secret from the service for …",
    "asm fetching authorization data",
    "asm fetching username",
    "asm fetching password",
];
const SECRET: &[&str] = &[
    "unable to retrieve secret from asm",
    "unable to retrieve secrets from ssm",
    "unable to retrieve secrets from asm",
    "failed to fetch secret … from secrets manager",
    "fetching secret data from AWS Secrets Manager in region …",
    "fetching secret data from SSM Parameter Store in …",
    "trying to retrieve secret with value … resulted in error",
    "The task can't pull the secret from Secrets Manager",
    "The task can't pull the secret from Secrets Manager …",
    "The task cannot pull secrets from AWS Systems Manager",
    "The task cannot pull secrets from AWS Systems Manager Parameter Store",
    "secret …",
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "throttled-before-start",
        at: &[Stage::Initialising],
        signs: &[Named("ThrottlingException"), Named("TooManyRequestsException"), Clause("Rate exceeded"), Status(429)],
        fault: Fault::Aws,
        sentence: "what the task needs before its start was asked for too often at once: AWS throttles it",
        fix: "nothing is to be done: the next tasks try again; if it stays, raise the throughput of Parameter Store, or \
              start fewer tasks at once",
        source: "AWS Systems Manager, Parameter Store throughput; public reports",
        decisive: Decisive::No("throttling passes"),
        ..INIT
    },
    Rule {
        name: "service-down-before-start",
        at: &[Stage::Initialising],
        signs: &[
            Status(500),
            Status(502),
            Status(503),
            Status(504),
            Named("InternalServiceError"),
            Named("InternalServerError"),
            Named("ServerException"),
        ],
        fault: Fault::Aws,
        sentence: "a service that the task needs before its start answered with an error of its own; the image is not at \
                   fault",
        fix: "nothing is to be done: ECS tries again; if it stays, look at AWS's health dashboard",
        source: "AWS Secrets Manager and Systems Manager API References, InternalServiceError",
        decisive: Decisive::No("a service's trouble passes"),
        ..INIT
    },
    Rule {
        name: "token-denied",
        doing: TOKEN,
        signs: &[Denied, Named("AccessDeniedException")],
        fault: Fault::Permission,
        sentence: "{role} may not get the token for pulls from ECR",
        fix: "{allow}; AmazonECSTaskExecutionRolePolicy has ecr:GetAuthorizationToken and what else a pull needs",
        source: GUIDE,
        decisive: Decisive::Yes("a right does not come by itself"),
        ..INIT
    },
    Rule {
        name: "token-no-way",
        doing: TOKEN,
        signs: NO_WAY,
        fault: Fault::Network,
        sentence: "the task has no way to ECR's API, where it gets the token for pulls",
        fix: "check the subnet's route to a NAT gateway or the VPC endpoints `ecr.api`, `ecr.dkr` and S3, their security \
              groups, and `assignPublicIp`",
        source: GUIDE,
        decisive: Decisive::No("a route may be missing in one subnet alone, and a timeout may pass"),
        ..INIT
    },
    Rule {
        name: "login-denied",
        doing: LOGIN,
        signs: &[Denied, Named("AccessDeniedException")],
        fault: Fault::Permission,
        sentence: "{role} may not read the registry's login, which `repositoryCredentials` names",
        fix: "{allow}; with a key of your own also kms:Decrypt on it",
        source: AGENT,
        decisive: Decisive::Yes("a right does not come by itself"),
        ..INIT
    },
    Rule {
        name: "login-no-way",
        doing: LOGIN,
        signs: NO_WAY,
        fault: Fault::Network,
        sentence: "the task has no way to Secrets Manager, where the registry's login is (`repositoryCredentials`)",
        fix: "check the subnet's route to a NAT gateway or the VPC endpoint `secretsmanager`, its security group, and \
              `assignPublicIp`",
        source: GUIDE,
        decisive: Decisive::No("a route may be missing in one subnet alone, and a timeout may pass"),
        ..INIT
    },
    Rule {
        name: "login-unusable",
        doing: LOGIN,
        signs: &[],
        fault: Fault::Definition,
        sentence: "the registry's login, which `repositoryCredentials` names, cannot be used",
        fix: "check that the secret exists in this region and is JSON with `username` and `password`",
        source: AGENT,
        decisive: Decisive::Yes("a secret does not change by itself"),
        ..INIT
    },
    Rule {
        name: "secret-key-denied",
        doing: SECRET,
        signs: &[
            Clause("Access to KMS is not allowed"),
            Clause("The ciphertext refers to a customer master key that does not exist"),
            DeniedAction("kms:Decrypt"),
        ],
        fault: Fault::Permission,
        sentence: "a secret could not be read before the start: {role} may not use the key that {secret} is encrypted with",
        fix: "allow it kms:Decrypt on that key, in its own policy and in the key's",
        source: "AWS Secrets Manager User Guide, troubleshooting; AWS KMS, Decrypt",
        decisive: Decisive::Yes("a right does not come by itself"),
        ..INIT
    },
    Rule {
        name: "secret-denied",
        doing: SECRET,
        signs: &[Denied, Named("AccessDeniedException")],
        fault: Fault::Permission,
        sentence: "a secret could not be read before the start: {role} may not read {secret}",
        fix: "{allow}; with a key of your own also kms:Decrypt on it",
        source: GUIDE,
        decisive: Decisive::Yes("a right does not come by itself"),
        ..INIT
    },
    Rule {
        name: "secret-part-missing",
        doing: SECRET,
        signs: &[
            Clause("retrieved secret from Secrets Manager did not contain json key …"),
            Clause("invalid character … looking for beginning of value"),
            Clause("invalid character … in literal true (expecting …)"),
            Clause("invalid character … in literal …"),
            Clause("json"),
            Clause("Secrets Manager can't find the specified secret value for staging label"),
            Clause("Secrets Manager can't find the specified secret value for VersionId"),
        ],
        fault: Fault::Definition,
        sentence: "a secret could not be read before the start: {secret} is there, but not the JSON key or version that \
                   `valueFrom` asks for",
        fix: "correct `valueFrom` (ARN:JSON-KEY:VERSION-STAGE:VERSION-ID), or store the value as JSON with that key",
        source: AGENT,
        decisive: Decisive::Yes("a secret does not change by itself"),
        ..INIT
    },
    Rule {
        name: "secret-missing",
        doing: SECRET,
        signs: &[
            Named("ResourceNotFoundException"),
            Named("ParameterNotFound"),
            Clause("invalid parameters"),
            Clause("invalid ssm parameters"),
            Clause("Secrets Manager can't find the specified secret"),
            Clause("You can't perform this operation on the secret because it was marked for deletion"),
            Clause("Check whether the secret exists in the specified Region"),
            Clause("Secret does not exist or has no value"),
        ],
        fault: Fault::Definition,
        sentence: "a secret could not be read before the start: {secret} does not exist in this region",
        fix: "create it, or correct `secrets[].valueFrom`",
        source: GUIDE,
        decisive: Decisive::Yes("a secret does not come by itself"),
        ..INIT
    },
    Rule {
        name: "secret-malformed",
        doing: SECRET,
        signs: &[
            Named("ValidationException"),
            Clause("Invalid name"),
            Clause("an invalid ARN format for the AWS Secrets Manager secret was specified"),
            Clause("could not find a secretsmanager secretID from value …"),
            Clause("invalid ARN …"),
            Clause("unexpected ARN format with parameters when trying to retrieve ASM secret"),
        ],
        fault: Fault::Definition,
        sentence: "a secret could not be read before the start: `valueFrom` of {secret} is no ARN or name that AWS takes",
        fix: "write the whole ARN: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX, or \
              arn:aws:ssm:REGION:ACCOUNT:parameter/NAME",
        source: AGENT,
        decisive: Decisive::Yes("a document does not change by itself"),
        ..INIT
    },
    Rule {
        name: "secret-unsaid",
        doing: SECRET,
        signs: &[
            Last("unable to retrieve secret from asm"),
            Last("unable to retrieve secrets from ssm"),
            Last("service call has been retried … time(s)"),
        ],
        fault: Fault::Unknown,
        sentence: "a secret could not be read before the start, and ECS does not say why",
        fix: "check its name, that the execution role may read it, and the way to Secrets Manager or SSM",
        source: "public reports, cut short",
        decisive: Decisive::No("what it is about is not said"),
        ..INIT
    },
    Rule {
        name: "secret-no-way",
        doing: SECRET,
        signs: NO_WAY,
        fault: Fault::Network,
        sentence: "a secret could not be read before the start: the task has no way to Secrets Manager or SSM",
        fix: "check the subnet's route to a NAT gateway or the VPC endpoints `secretsmanager` and `ssm`, their security \
              groups, and `assignPublicIp`",
        source: GUIDE,
        decisive: Decisive::No("a route may be missing in one subnet alone, and a timeout may pass"),
        ..INIT
    },
];
