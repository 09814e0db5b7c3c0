use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::json;

use super::*;
use crate::aws::ssm::{Kept, Parameter};
use crate::aws::{Kind, calls, cloudformation, http_client, s3, ssm};
use crate::net::loopback::{Answer, Server};

const LOGS: Api = Api { id: "CloudWatch Logs", target: "Logs_20140328" };

/// What a call ends with where a server gives these answers, and the server with what it heard.
fn asked(answers: Vec<Answer>) -> (Result<Value, AwsError>, Server) {
    let (sdk, server) = served(answers);
    (Signed::new(&sdk).json(&LOGS, &calls::BATCH_GET_IMAGE, "repository app", &json!({ "limit": 3 })), server)
}

fn served(answers: Vec<Answer>) -> (SdkConfig, Server) {
    let server = Server::start(answers);
    let keys = Credentials::new("AKIAEXAMPLE", "secret", Some("token".to_owned()), None, "test");
    let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1));
    let sdk = SdkConfig::builder()
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .http_client(http_client().expect("a client"))
        .retry_config(retries)
        .endpoint_url(server.url(""))
        .build();
    (sdk, server)
}

#[test]
fn a_call_is_signed_and_says_which_operation_is_meant() {
    let (answer, server) = asked(vec![Answer::ok(r#"{"events":[1]}"#)]);
    assert_eq!(answer.expect("an answer"), json!({ "events": [1] }));
    let request = server.requests.recv().expect("it was asked");
    assert_eq!((request.line.as_str(), request.body.as_slice()), ("POST / HTTP/1.1", &br#"{"limit":3}"#[..]));
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(request.header("x-amz-target"), Some("Logs_20140328.BatchGetImage"));
    assert_eq!(request.header("x-amz-security-token"), Some("token"));
    let signature = request.header("authorization").expect("a signature");
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"), "{signature}");
    assert!(signature.contains("/eu-west-1/ecr/aws4_request"), "{signature}");
}

#[test]
fn over_ipv6_or_with_certified_cryptography_another_host_is_asked() {
    let host = |region: &'static str, (service, id): (&str, &'static str), dual: bool, fips: bool| {
        let sdk = SdkConfig::builder().region(Region::new(region)).use_dual_stack(dual).use_fips(fips).build();
        Signed::new(&sdk).endpoint(&Api { id, target: "" }, service)
    };
    let (ssm, s3) = (("ssm", "SSM"), ("s3", "S3"));
    for (host, expected) in [
        (host("eu-west-1", ssm, false, false), "https://ssm.eu-west-1.amazonaws.com"),
        (host("us-gov-west-1", ssm, false, true), "https://ssm-fips.us-gov-west-1.amazonaws.com"),
        (host("eu-west-1", ssm, true, false), "https://ssm.eu-west-1.api.aws"),
        (host("us-east-1", ("ecr", "ECR"), true, true), "https://ecr-fips.us-east-1.api.aws"),
        (host("cn-north-1", ssm, true, false), "https://ssm.cn-north-1.api.amazonwebservices.com.cn"),
        (host("eu-west-1", s3, true, false), "https://s3.dualstack.eu-west-1.amazonaws.com"),
        (host("us-east-1", s3, true, true), "https://s3-fips.dualstack.us-east-1.amazonaws.com"),
    ] {
        assert_eq!(host, expected);
    }
}

#[test]
fn what_passes_is_asked_again_and_what_does_not_is_told_with_its_fix() {
    let no = |status, body: &str| Answer::Full(status, String::new(), body.into());
    let throttled = || no(400, r#"{"__type":"com.amazonaws.logs#ThrottlingException","message":"Rate exceeded"}"#);
    let (answer, server) = asked(vec![throttled(), no(503, "<html>"), Answer::ok("{}")]);
    assert_eq!(answer.expect("the third try"), json!({}));
    assert_eq!(server.requests.iter().count(), 3);

    let denied = r#"{"__type":"AccessDeniedException","Message":"User: arn:aws:iam::1:user/ci is not authorized to perform: logs:GetLogEvents on resource: arn:aws:logs:eu-west-1:1:log-group:app because no identity-based policy allows it"}"#;
    let error = asked(vec![no(400, denied)]).0.expect_err("it is denied");
    assert_eq!((error.kind, error.code.as_str()), (Kind::Denied, "AccessDeniedException"));
    assert!(error.fix.contains("allow the action `logs:GetLogEvents` on arn:aws:logs:"), "{}", error.fix);
}

/// What AWS says where a request was signed by a clock that is an hour behind, and its own time.
fn an_hour_behind(status: u16, body: &str) -> Answer {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(3600));
    Answer::Full(status, format!("date: {date}\r\n"), body.into())
}

#[test]
fn a_clock_that_is_off_is_put_right_by_what_each_protocol_answers() {
    let minutes = |request: &crate::net::loopback::Request| {
        let signed = request.header("x-amz-date").expect("it is signed").to_owned();
        let number = |from: usize| signed[from..from + 2].parse::<i64>().expect("digits");
        number(9) * 60 + number(11)
    };
    let expired =
        "Signature expired: 20261127T100000Z is now earlier than 20261127T105500Z (20261127T110000Z - 5 min.)";
    let json = format!(r#"{{"__type":"InvalidSignatureException","message":"{expired}"}}"#);
    let xml = format!(
        "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{expired}</Message></Error></ErrorResponse>"
    );
    let rest = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>";
    let stack = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>net</StackName></member></Stacks>\
                 </DescribeStacksResult></DescribeStacksResponse>";
    let heard = [
        {
            let (answer, server) = asked(vec![an_hour_behind(400, &json), Answer::ok("{}")]);
            answer.expect("JSON");
            server
        },
        {
            let (sdk, server) = served(vec![an_hour_behind(403, &xml), Answer::ok(stack)]);
            assert!(cloudformation::outputs(&sdk, "net").expect("XML").is_some());
            server
        },
        {
            let (sdk, server) = served(vec![an_hour_behind(403, rest), Answer::ok("state")]);
            assert_eq!(s3::object(&sdk, "states", "k").expect("REST"), b"state");
            server
        },
    ];
    for server in heard {
        let requests: Vec<_> = server.requests.iter().collect();
        let later = (minutes(&requests[1]) - minutes(&requests[0])).rem_euclid(24 * 60);
        assert!((59..=61).contains(&later), "the second of {} is signed {later} minutes later", requests[0].line);
    }
}

#[test]
fn an_answer_that_is_not_aws_s_is_told_as_such() {
    for answer in [
        Answer::Full(407, String::new(), b"<html>sign in".to_vec()),
        Answer::ok("<html>welcome"),
        Answer::Full(400, String::new(), b"{}".to_vec()),
    ] {
        let error = asked(vec![answer]).0.expect_err("it is none");
        assert_eq!(error.code, "an answer that is not AWS's", "{error}");
    }
    let error = asked(vec![]).0.expect_err("nobody answers");
    assert_eq!((error.kind, error.code.as_str()), (Kind::Unreachable, ""), "{error}");
}

#[test]
fn parameters_are_asked_for_at_once_and_never_decrypted() {
    let body = json!({ "Parameters": [{ "Name": "/a", "Type": "String", "Value": "x", "ARN": "arn:a" }],
                       "InvalidParameters": ["/b"] });
    let (sdk, server) = served(vec![Answer::ok(body.to_string())]);
    let found = ssm::parameters(&sdk, &["/a", "/b"]).expect("an answer");
    assert_eq!(found["/a"], Parameter { arn: "arn:a".to_owned(), value: Kept::Text("x".to_owned()) });
    assert_eq!(found.len(), 1);
    let request = server.requests.recv().expect("it was asked");
    assert_eq!(request.body, br#"{"Names":["/a","/b"],"WithDecryption":false}"#);
    assert_eq!(request.header("x-amz-target"), Some("AmazonSSM.GetParameters"));
}

#[test]
fn a_stack_is_asked_for_in_a_form_and_answers_in_xml() {
    let body = "<DescribeStacksResponse xmlns=\"http://x/\"><DescribeStacksResult><Stacks><member><StackName>net</StackName>\
                <Outputs><member><OutputKey>Vpc</OutputKey><OutputValue>vpc-1</OutputValue></member></Outputs></member>\
                </Stacks></DescribeStacksResult></DescribeStacksResponse>";
    let no = |code: &str, message: &str| {
        let error =
            format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>");
        Answer::Full(400, String::new(), error.into_bytes())
    };
    let (sdk, server) = served(vec![
        no("Throttling", "Rate exceeded"),
        Answer::ok(body),
        no("ValidationError", "Stack with id net does not exist"),
        no(
            "AccessDenied",
            "User: arn:aws:iam::1:user/ci is not authorized to perform: cloudformation:DescribeStacks on resource: \
             arn:aws:cloudformation:eu-west-1:1:stack/net/*",
        ),
    ]);
    let found = cloudformation::outputs(&sdk, "a/net").expect("an answer").expect("a stack");
    assert_eq!(found["Vpc"], "vpc-1");
    assert_eq!(cloudformation::outputs(&sdk, "net").expect("an answer"), None);
    let denied = cloudformation::outputs(&sdk, "net").expect_err("it is denied");
    assert!(denied.fix.contains("allow the action `cloudformation:DescribeStacks` on arn:aws:"), "{}", denied.fix);
    let request = server.requests.recv().expect("it was asked");
    assert_eq!(request.body, b"Action=DescribeStacks&Version=2010-05-15&StackName=a%2Fnet");
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn a_bucket_in_another_region_is_found_by_what_the_refusal_says() {
    let refused = |headers: &str, body: &str| Answer::Full(400, headers.to_owned(), body.into());
    let moved = "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>";
    let malformed =
        "<Error><Code>AuthorizationHeaderMalformed</Code><Message>no</Message><Region>us-west-2</Region></Error>";
    for refusal in [refused("x-amz-bucket-region: us-west-2\r\n", moved), refused("", malformed)] {
        let (sdk, server) = served(vec![refusal, Answer::ok("state")]);
        assert_eq!(s3::object(&sdk, "states", "a b/ü.tfstate").expect("an object"), b"state");
        let heard: Vec<_> = server.requests.iter().collect();
        assert_eq!(heard[1].line, "GET /states/a%20b/%C3%BC.tfstate HTTP/1.1");
        assert!(heard[0].header("authorization").is_some_and(|it| it.contains("/eu-west-1/s3/aws4_request")));
        assert!(heard[1].header("authorization").is_some_and(|it| it.contains("/us-west-2/s3/aws4_request")));
        assert!(heard[1].header("x-amz-content-sha256").is_some());
    }
    let (sdk, _server) = served(vec![refused("", moved)]);
    let error = s3::object(&sdk, "states", "k").expect_err("nobody says where");
    assert_eq!((error.code.as_str(), error.subject.as_str()), ("PermanentRedirect", "s3://states/k"));
}
