//! What lookups read: parameters, stacks, objects, secrets.

use serde_json::{Value, json};
use xtask_sandbox::{Clock, Effect, Fault, Sandbox, Which};

use crate::accounts::two_accounts;
use crate::client::{Reply, call, call_with};
use crate::signer::{Credentials, Request, element};

fn seeded() -> Sandbox {
    let sandbox = two_accounts(Clock::Manual);
    let document = json!([
        {
            "ssm": {"/app/port": "8080", "/app/subnets": ["subnet-1", "subnet-2"],
                "/app/key": {"type": "SecureString", "value": "do not show"}, "plain": "one"},
            "cloudformation": {"network": {"VpcId": "vpc-1", "Subnet": {"value": "a<b", "export": "network-subnet"}}},
            "s3": {"states": {"app/my state.tfstate": {"version": 4}, "note.txt": "text"}},
            "secretsmanager": {"app/password": "correct horse"},
        },
        {"region": "eu-west-1", "ssm": {"/app/port": "9090"}, "s3": {"states-of-europe": {"it": "is here"}}},
        {"account": "222222222222", "s3": {"theirs": {"it": "is theirs"}}},
    ]);
    sandbox.seed(&document).unwrap();
    sandbox
}

fn ssm(sandbox: &Sandbox, operation: &str, input: &Value) -> Result<Value, (String, String)> {
    call(sandbox, "ssm", operation, input)
}

#[test]
fn parameters_are_read_in_each_type() {
    let sandbox = seeded();
    let names = json!({"Names": ["/app/port", "/app/subnets", "/app/nothing", "/app/key"], "WithDecryption": true});
    let found = ssm(&sandbox, "GetParameters", &names).unwrap();
    assert_eq!(found["InvalidParameters"], json!(["/app/nothing"]));
    let read: Vec<_> = found["Parameters"].as_array().unwrap().iter().map(|it| (&it["Type"], &it["Value"])).collect();
    let expected = [("String", "8080"), ("StringList", "subnet-1,subnet-2"), ("SecureString", "do not show")];
    assert_eq!(json!(read), json!(expected));
    let port = &found["Parameters"][0];
    assert_eq!(port["ARN"], "arn:aws:ssm:ap-northeast-1:123456789012:parameter/app/port");
    let sealed = ssm(&sandbox, "GetParameter", &json!({"Name": "/app/key"})).unwrap();
    assert!(!sealed["Parameter"]["Value"].as_str().unwrap().contains("show"), "{sealed}");
    let there = call_with(&sandbox, ("AKIATEST", "eu-west-1"), "ssm", "GetParameter", &json!({"Name": "/app/port"}));
    assert_eq!(there.unwrap()["Parameter"]["Value"], "9090");
}

#[test]
fn parameters_are_found_by_their_arn_and_their_versions_by_number() {
    let sandbox = seeded();
    let name = |name: &str| json!({ "Name": name });
    let put = json!({"Name": "plain", "Value": "two", "Overwrite": true});
    assert_eq!(ssm(&sandbox, "PutParameter", &put).unwrap()["Version"], 2);
    for (wanted, value) in [
        ("plain", "two"),
        ("plain:1", "one"),
        ("arn:aws:ssm:ap-northeast-1:123456789012:parameter/plain:1", "one"),
        ("arn:aws:ssm:ap-northeast-1:123456789012:parameter/app/port", "8080"),
    ] {
        assert_eq!(ssm(&sandbox, "GetParameter", &name(wanted)).unwrap()["Parameter"]["Value"], value, "{wanted}");
    }
    assert_eq!(ssm(&sandbox, "GetParameter", &name("plain:1")).unwrap()["Parameter"]["Selector"], ":1");
    let sentence = "Systems Manager could not find version 3 of plain. Verify the version and try again.";
    let refused = ssm(&sandbox, "GetParameter", &name("plain:3"));
    assert_eq!(refused, Err(("ParameterVersionNotFound".to_owned(), sentence.to_owned())));
    assert_eq!(ssm(&sandbox, "GetParameter", &name("/app/nothing")).unwrap_err().0, "ParameterNotFound");
    let again = ssm(&sandbox, "PutParameter", &json!({"Name": "plain", "Value": "three"}));
    assert_eq!(again.unwrap_err().0, "ParameterAlreadyExists");
}

#[test]
fn parameter_store_refuses_what_its_model_forbids() {
    let sandbox = seeded();
    let many: Vec<String> = (0..11).map(|n| format!("/{n}")).collect();
    let sentence = "at 'names' failed to satisfy constraint: Member must have length less than or equal to 10";
    for (operation, input, part) in [
        ("GetParameters", json!({ "Names": many }), sentence),
        ("GetParameters", json!({"Names": ["/a", "/a"]}), "Duplicate"),
        ("GetParameter", json!({}), "Value null at 'name' failed to satisfy constraint: Member must not be null"),
        ("PutParameter", json!({"Name": "/a", "Value": "b"}), "type is required"),
    ] {
        let (code, message) = ssm(&sandbox, operation, &input).unwrap_err();
        assert_eq!(code, "ValidationException");
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(ssm(&sandbox, "DescribeParameters", &json!({})).unwrap_err().0, "UnknownOperationException");
}

fn user() -> Credentials {
    Credentials::user("AKIATEST")
}

#[test]
fn stacks_are_described_with_their_outputs_and_exports_are_listed() {
    let sandbox = seeded();
    let found = user().query(&sandbox, "cloudformation", "DescribeStacks", &[("StackName", "network")]);
    assert_eq!((element(&found, "StackStatus"), element(&found, "ExportName")), ("CREATE_COMPLETE", "network-subnet"));
    let text = String::from_utf8(found.body.clone()).unwrap();
    assert!(text.contains("<OutputKey>VpcId</OutputKey><OutputValue>vpc-1</OutputValue>"), "{text}");
    assert!(text.contains("<OutputValue>a&lt;b</OutputValue>"), "{text}");
    let id = element(&found, "StackId");
    let again = user().query(&sandbox, "cloudformation", "DescribeStacks", &[("StackName", id)]);
    assert_eq!(element(&again, "StackName"), "network");
    let answer = sandbox.site("123456789012", "ap-northeast-1");
    let answer = answer.call("cloudformation", "DescribeStacks", json!({})).unwrap();
    assert_eq!(xtask_sandbox::oddity("cloudformation", "DescribeStacks", &answer), None);

    let exports = user().query(&sandbox, "cloudformation", "ListExports", &[]);
    assert_eq!((element(&exports, "Name"), element(&exports, "ExportingStackId")), ("network-subnet", id));
    let missing = user().query(&sandbox, "cloudformation", "DescribeStacks", &[("StackName", "nothing")]);
    assert_eq!((missing.status, element(&missing, "Code")), (400, "ValidationError"));
    assert_eq!(element(&missing, "Message"), "Stack with id nothing does not exist");
    let theirs = Credentials::user("AKIDPRODUCTION").query(&sandbox, "cloudformation", "ListExports", &[]);
    assert_eq!(element(&theirs, "Exports"), "");
}

#[test]
fn exports_come_in_pages_of_a_hundred() {
    let sandbox = two_accounts(Clock::Manual);
    let outputs: Value =
        (0..150).map(|n| (format!("O{n}"), json!({"value": "v", "export": format!("e{n}")}))).collect();
    sandbox.seed(&json!({"cloudformation": {"many": outputs}})).unwrap();
    let first = user().query(&sandbox, "cloudformation", "ListExports", &[]);
    let count = |reply: &Reply| String::from_utf8_lossy(&reply.body).matches("<ExportingStackId>").count();
    let token = element(&first, "NextToken");
    let second = user().query(&sandbox, "cloudformation", "ListExports", &[("NextToken", token)]);
    assert_eq!((count(&first), count(&second), element(&second, "NextToken")), (100, 50, ""));
}

fn s3(sandbox: &Sandbox, who: &Credentials, method: &str, target: &str, region: &str) -> Reply {
    who.send(sandbox, &Request { service: "s3", region, method, target, headers: &[], body: b"" })
}

#[test]
fn objects_are_read_as_they_were_put() {
    let sandbox = seeded();
    let home = "ap-northeast-1";
    let reply = s3(&sandbox, &user(), "GET", "/states/app/my%20state.tfstate", home);
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{\"version\":4}"[..]));
    assert!(reply.header("last-modified").ends_with("GMT") && reply.header("etag").len() == 34, "{reply:?}");
    assert_eq!(s3(&sandbox, &user(), "GET", "/states/note.txt?x-id=GetObject", home).body, b"text");
    let head = s3(&sandbox, &user(), "HEAD", "/states/note.txt", home);
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "4", 0));
    let bucket = s3(&sandbox, &user(), "HEAD", "/states", home);
    assert_eq!((bucket.status, bucket.header("x-amz-bucket-region")), (200, home));
    let missing = s3(&sandbox, &user(), "GET", "/states/nothing", home);
    assert_eq!((missing.status, element(&missing, "Code"), element(&missing, "Key")), (404, "NoSuchKey", "nothing"));
    let missing = s3(&sandbox, &user(), "GET", "/nowhere/nothing", home);
    assert_eq!((missing.status, element(&missing, "Code")), (404, "NoSuchBucket"));
    assert_eq!(s3(&sandbox, &user(), "HEAD", "/nowhere", home).status, 404);
    assert_eq!(s3(&sandbox, &user(), "PUT", "/states/note.txt", home).status, 501);
    let operations: Vec<_> = sandbox.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(operations[..2], ["s3:GetObject", "s3:GetObject"]);
}

#[test]
fn a_bucket_of_another_region_says_where_it_is() {
    let sandbox = seeded();
    let moved = s3(&sandbox, &user(), "GET", "/states-of-europe/it", "ap-northeast-1");
    assert_eq!((moved.status, moved.header("x-amz-bucket-region")), (301, "eu-west-1"));
    assert_eq!(element(&moved, "Code"), "PermanentRedirect");
    assert_eq!(element(&moved, "Endpoint"), "states-of-europe.s3.eu-west-1.amazonaws.com");
    let wrong = s3(&sandbox, &user(), "GET", "/states-of-europe/it", "us-east-1");
    assert_eq!((wrong.status, wrong.header("x-amz-bucket-region")), (400, "eu-west-1"));
    assert_eq!((element(&wrong, "Code"), element(&wrong, "Region")), ("AuthorizationHeaderMalformed", "eu-west-1"));
    let sentence = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'";
    assert_eq!(element(&wrong, "Message"), sentence);
    let head = s3(&sandbox, &user(), "HEAD", "/states-of-europe", "ap-northeast-1");
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (301, "eu-west-1"));
    assert_eq!(s3(&sandbox, &user(), "GET", "/states-of-europe/it", "eu-west-1").body, b"is here");
    let asked = s3(&sandbox, &user(), "GET", "/states-of-europe?location", "us-east-1");
    assert!(String::from_utf8_lossy(&asked.body).ends_with(">eu-west-1</LocationConstraint>"), "{asked:?}");
}

#[test]
fn a_bucket_may_be_called_as_a_folder_of_the_registry_is() {
    let sandbox = seeded();
    sandbox.seed(&json!({"s3": {"layers": {"a/b/c/d": "an object"}}})).unwrap();
    assert_eq!(s3(&sandbox, &user(), "GET", "/layers/a/b/c/d", "ap-northeast-1").body, b"an object");
}

#[test]
fn a_bucket_of_another_account_is_forbidden() {
    let sandbox = seeded();
    let reply = s3(&sandbox, &user(), "GET", "/theirs/it", "ap-northeast-1");
    assert_eq!((reply.status, element(&reply, "Code")), (403, "AccessDenied"));
    assert!(element(&reply, "Message").contains("s3:GetObject on resource: &quot;arn:aws:s3:::theirs/it&quot;"));
    let theirs = Credentials::user("AKIDPRODUCTION");
    assert_eq!(s3(&sandbox, &theirs, "GET", "/theirs/it", "ap-northeast-1").body, b"is theirs");
}

#[test]
fn s3_refuses_credentials_in_its_own_words() {
    let sandbox = seeded();
    let code = |key: &str| {
        let reply = s3(&sandbox, &Credentials::user(key), "GET", "/states/note.txt", "ap-northeast-1");
        (reply.status, element(&reply, "Code").to_owned())
    };
    assert_eq!(code("EXPIRED"), (400, "ExpiredToken".to_owned()));
    assert_eq!(code("DENIED"), (403, "AccessDenied".to_owned()));
    assert_eq!(code(xtask_sandbox::ACCESS_KEY), (403, "SignatureDoesNotMatch".to_owned()));
    let (status, message) = (503, "Please reduce your request rate.".to_owned());
    let effect = Effect::Error { status, code: "SlowDown".to_owned(), message, retry_after: None };
    sandbox.inject(Fault { call: "s3:GetObject".to_owned(), which: Which::Nth(1), effect });
    assert_eq!(code("AKIATEST"), (503, "SlowDown".to_owned()));
}

#[test]
fn a_secret_is_read_by_name_and_by_arn() {
    let sandbox = seeded();
    let read = |id: &str| call(&sandbox, "secretsmanager", "GetSecretValue", &json!({ "SecretId": id }));
    let found = read("app/password").unwrap();
    assert_eq!(found["SecretString"], "correct horse");
    let arn = found["ARN"].as_str().unwrap();
    assert_eq!(read(arn).unwrap(), found);
    assert_eq!(read(&arn[..arn.len() - 7]).unwrap(), found);
    let sentence = "Secrets Manager can't find the specified secret.";
    assert_eq!(read("nothing"), Err(("ResourceNotFoundException".to_owned(), sentence.to_owned())));
}

#[test]
fn a_seed_that_is_none_says_which_member() {
    let sandbox = two_accounts(Clock::Manual);
    for (seed, error) in [
        (json!("text"), "a seed is an object, or a list of them"),
        (
            json!({"sns": {"topic": "x"}}),
            "`sns` is none of ssm, cloudformation, s3, secretsmanager, iam, elasticloadbalancing, lambda, logs, kms",
        ),
        (json!({"ssm": {"/a": 7}}), "`ssm`, `/a`: it is a text, a list of texts, or {type, value}"),
        (json!({"account": 7}), "`account` is no text"),
        (json!({"cloudformation": {"a": {"b": 7}}}), "`cloudformation`, `a`: output `b` is a text, or {value, export}"),
        (json!({"s3": {"a": "b"}}), "`s3`, `a`: it is an object of keys and contents"),
    ] {
        assert_eq!(sandbox.seed(&seed), Err(error.to_owned()));
    }
}
