//! Something else that a task needs before its containers start could not be set up: the log's destination, volumes,
//! environment files, the execution role, the network interface.

use super::INIT;
use crate::cause::rule::Sign::{Clause, Denied, Last, Named, Status};
use crate::cause::rule::{Decisive, Fault, Rule, Sign};

pub(super) const GUIDE: &str =
    "Amazon ECS Developer Guide, Troubleshooting Amazon ECS ResourceInitializationError errors";
pub(super) const AGENT: &str = "amazon-ecs-agent, agent/asm/asm.go, agent/ssm/ssm.go, agent/taskresource";

/// The way to a service is missing or blocked.
pub(super) const NO_WAY: &[Sign] = &[
    Clause("i/o timeout"),
    Clause("context deadline exceeded"),
    Clause("no such host"),
    Clause("connection refused"),
    Clause("connection reset by peer"),
    Clause("TLS handshake timeout"),
    Clause("request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"),
    Clause("request context canceled"),
    Clause("killed"),
    Clause("pull command failed"),
    Clause("There is a connection issue between the task and …"),
    Clause("Check your network connection between the task and …"),
    Clause("Check your network configuration"),
    Clause("Check your task network configuration"),
    Clause("Please check your task network configuration"),
];

const LOG: &[&str] = &[
    "failed to validate logger args",
    "failed to initialize logging driver",
    "error setting log driver",
    "failed to create Cloudwatch log stream",
    "failed to create Cloudwatch log group",
];
const EFS: &[&str] = &["failed to invoke EFS utils commands to set up EFS volumes", "EFS utils command failed"];
const FILES: &[&str] = &[
    "failed to download env files",
    "The task can't download the environment variable files from Amazon S3",
    "The task can't download the environment variable files from Amazon S3 …",
    "unable to download env file with key … from bucket …",
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "log-denied",
        doing: LOG,
        signs: &[Denied, Named("AccessDeniedException")],
        fault: Fault::Permission,
        sentence: "{role} may not write to the log group of {container}",
        fix: "{allow}; `awslogs-create-group` also needs logs:CreateLogGroup, which AmazonECSTaskExecutionRolePolicy lacks",
        source: GUIDE,
        decisive: Decisive::Yes("a right does not come by itself"),
        ..INIT
    },
    Rule {
        name: "log-group-missing",
        doing: LOG,
        signs: &[
            Named("ResourceNotFoundException"),
            Clause("The specified log group does not exist"),
            Clause("The specified log group does not exist …"),
            Clause("LogGroup does not exist"),
        ],
        fault: Fault::Definition,
        sentence: "the log group of {container} does not exist in its region",
        fix: "create it, or set `awslogs-create-group` to \"true\" and give the execution role logs:CreateLogGroup; check \
              `awslogs-group` and `awslogs-region`",
        source: GUIDE,
        decisive: Decisive::Yes("a log group does not come by itself"),
        ..INIT
    },
    Rule {
        name: "log-options",
        doing: LOG,
        signs: &[
            Clause("unable to get awslogs driver arguments"),
            Clause("awslogs-region is required"),
            Clause("MissingEndpoint"),
            Clause("missing … option"),
            Clause("unknown log opt … for awslogs log driver"),
            Clause("must specify a value for log opt …"),
        ],
        fault: Fault::Definition,
        sentence: "the log driver of {container} does not take its options",
        fix: "check `logConfiguration.options`: `awslogs-group`, `awslogs-region` (a region's name, such as eu-west-1) and \
              `awslogs-stream-prefix`",
        source: "moby, daemon/logger/awslogs/cloudwatchlogs.go; TechToSpeech/terraform-aws-serverless-static-wordpress#74",
        decisive: Decisive::Yes("a document does not change by itself"),
        ..INIT
    },
    Rule {
        name: "log-no-credentials",
        doing: LOG,
        signs: &[
            Named("CredentialsEndpointError"),
            Clause("NoCredentialProviders"),
            Clause("failed to load credentials"),
        ],
        fault: Fault::Permission,
        sentence: "the log driver of {container} has no credentials",
        fix: "name an execution role in the task definition, and let the instance's agent hand its credentials to log \
              drivers (`ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true`)",
        source: "aws/amazon-ecs-cli#752; Amazon ECS Developer Guide, container agent configuration",
        decisive: Decisive::Yes("a role does not come by itself"),
        ..INIT
    },
    Rule {
        name: "log-no-way",
        doing: LOG,
        signs: NO_WAY,
        fault: Fault::Network,
        sentence: "the task has no way to CloudWatch Logs, where {container} is to write its log",
        fix: "check the subnet's route to a NAT gateway or the VPC endpoint `logs`, its security group, and \
              `assignPublicIp`; check `awslogs-region`",
        source: GUIDE,
        decisive: Decisive::No("a route may be missing in one subnet alone, and a timeout may pass"),
        ..INIT
    },
    Rule {
        name: "efs-name",
        doing: EFS,
        signs: &[
            Clause("Failed to resolve …"),
            Clause("Failed to resolve … - check that your file system ID is correct"),
        ],
        fault: Fault::Definition,
        sentence: "a volume could not be mounted: the name of the EFS file system could not be resolved",
        fix: "check `fileSystemId`, that there is a mount target in the task's availability zone, and that the VPC has DNS \
              hostnames and resolution on",
        source: "efs-utils, mount_efs; public reports",
        decisive: Decisive::No("a mount target may be missing in one zone alone"),
        ..INIT
    },
    Rule {
        name: "efs-denied",
        doing: EFS,
        signs: &[Clause("access denied by server while mounting …")],
        fault: Fault::Permission,
        sentence: "a volume could not be mounted: the EFS file system does not let the task in",
        fix: "give the task role elasticfilesystem:ClientMount (and ClientWrite), let the file system's own policy allow \
              it, and check that the access point exists",
        source: "efs-utils, mount_efs; Amazon EFS User Guide, troubleshooting mount issues",
        decisive: Decisive::Yes("a right does not come by itself"),
        ..INIT
    },
    Rule {
        name: "efs",
        doing: EFS,
        signs: &[
            Clause("mount.nfs4"),
            Clause("b'mount.nfs4"),
            Clause("Mount attempt … failed due to timeout after … sec"),
            Clause("Connection timed out"),
            Clause("Connection reset by peer"),
            Clause("killed"),
        ],
        fault: Fault::Definition,
        sentence: "a volume could not be mounted: the EFS file system did not answer",
        fix: "check that its security group lets the task's in on port 2049, and that a mount target is in the task's zone",
        source: "Amazon ECS Developer Guide, failed to invoke EFS utils commands to set up EFS volumes",
        decisive: Decisive::No("a mount target may be missing in one zone alone"),
        ..INIT
    },
    Rule {
        name: "volume",
        signs: &[
            Named("CannotCreateVolumeError"),
            Named("InvalidVolumeError"),
            Clause("error creating volume …"),
            Clause("task scoped volume could not be autoprovisioned"),
        ],
        fault: Fault::Definition,
        sentence: "a volume could not be mounted: {said}",
        fix: "check `volumes` in the task definition, the volume's driver on the instance, and who may mount it",
        source: "amazon-ecs-agent, agent/taskresource/volume; moby, volume/service",
        decisive: Decisive::No("another instance may have the driver"),
        ..INIT
    },
    Rule {
        name: "env-file-denied",
        doing: FILES,
        signs: &[Denied, Named("AccessDenied"), Status(403), Clause("Forbidden"), Clause("AccessDenied")],
        fault: Fault::Permission,
        sentence: "{role} may not read an environment file from S3",
        fix: "allow it s3:GetObject on the file and s3:GetBucketLocation on its bucket",
        source: "Amazon ECS Developer Guide, Passing environment variables to a container",
        decisive: Decisive::Yes("a right does not come by itself"),
        ..INIT
    },
    Rule {
        name: "env-file-missing",
        doing: FILES,
        signs: &[
            Status(404),
            Clause("NotFound"),
            Clause("Not Found"),
            Clause("NoSuchKey"),
            Clause("NoSuchBucket"),
            Clause("The specified key does not exist"),
        ],
        fault: Fault::Definition,
        sentence: "an environment file is not in its S3 bucket",
        fix: "put it there, or correct `environmentFiles[].value`",
        source: "amazon-ecs-agent, agent/taskresource/envFiles/envfile.go",
        decisive: Decisive::Yes("a file does not come by itself"),
        ..INIT
    },
    Rule {
        name: "env-file-no-way",
        doing: FILES,
        signs: NO_WAY,
        fault: Fault::Network,
        sentence: "the task has no way to S3, where an environment file is",
        fix: "add the S3 gateway endpoint to the subnet's route table, or a route to a NAT gateway",
        source: GUIDE,
        decisive: Decisive::No("a route may be missing in one subnet alone, and a timeout may pass"),
        ..INIT
    },
    Rule {
        name: "no-execution-role",
        signs: &[
            Clause("ASM secret resource"),
            Clause("ssm secret resource"),
            Clause("asm resource"),
            Clause("environment file resource"),
            Clause("unable to find execution role credentials"),
            Clause("unable to get execution role credentials"),
        ],
        fault: Fault::Definition,
        sentence: "the task has no execution role whose credentials could be used before the start",
        fix: "name one in `executionRoleArn`, and let ecs-tasks.amazonaws.com assume it",
        source: AGENT,
        decisive: Decisive::Yes("a role does not come by itself"),
        ..INIT
    },
    Rule {
        name: "network-interface",
        doing: &[
            "failed to configure ENI",
            "failed to setup regular eni",
            "unable to set up network namespace",
            "network setup failed",
            "add network failed",
        ],
        signs: &[],
        fault: Fault::Aws,
        sentence: "the task's network interface could not be set up; the image is not at fault",
        fix: "nothing is to be done: ECS tries again; if it stays, look at AWS's health dashboard",
        source: "amazon-ecs-agent, agent/ecscni; public reports of `netplugin failed with no error message`",
        decisive: Decisive::No("another task gets another interface"),
        ..INIT
    },
    Rule {
        name: "bare-secrets-or-login",
        doing: &["unable to pull secrets or registry auth"],
        signs: NO_WAY,
        fault: Fault::Network,
        sentence: "the task has no way to what it reads before the start: ECR's token, Secrets Manager or SSM",
        fix: "check the subnet's route to a NAT gateway or the VPC endpoints `ecr.api`, `ecr.dkr`, `secretsmanager`, `ssm` \
              and S3, their security groups, and `assignPublicIp`",
        source: GUIDE,
        decisive: Decisive::No("a route may be missing in one subnet alone, and a timeout may pass"),
        ..INIT
    },
    Rule {
        name: "bare-secrets-or-login-denied",
        doing: &["unable to pull secrets or registry auth"],
        signs: &[Denied, Named("AccessDeniedException")],
        fault: Fault::Permission,
        sentence: "{role} may not read what the task needs before the start",
        fix: "{allow}",
        source: GUIDE,
        decisive: Decisive::Yes("a right does not come by itself"),
        ..INIT
    },
    Rule {
        name: "secrets-or-login-unsaid",
        doing: &["unable to pull secrets or registry auth"],
        signs: &[
            Last("unable to pull secrets or registry auth"),
            Last("execution resource retrieval failed"),
            Last("service call has been retried … time(s)"),
        ],
        fault: Fault::Unknown,
        sentence: "the task could not get the registry's token, the registry's login or a secret before the start, and ECS \
                   does not say which",
        fix: "check the subnet's way to ECR, S3, Secrets Manager and SSM first, then what the execution role may do",
        source: GUIDE,
        decisive: Decisive::No("what it is about is not said"),
        ..INIT
    },
];
