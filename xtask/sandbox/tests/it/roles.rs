//! Roles that are assumed, and how long.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use xtask_sandbox::{Account, Clock, Effect, Fault, Options, Sandbox, Which};

use crate::accounts::two_accounts;
use crate::client::{Reply, send};
use crate::signer::{Credentials, FORM, element, form};

const ROLE: &str = "arn:aws:iam::222222222222:role/ci/deployer";

fn assume(sandbox: &Sandbox, by: &Credentials, parameters: &[(&str, &str)]) -> Reply {
    by.query(sandbox, "sts", "AssumeRole", parameters)
}

fn session(reply: &Reply) -> Credentials {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let text = |name: &str| element(reply, name).to_owned();
    Credentials { key: text("AccessKeyId"), secret: text("SecretAccessKey"), token: Some(text("SessionToken")) }
}

fn refusal(reply: &Reply) -> (u16, &str, &str) {
    (reply.status, element(reply, "Code"), element(reply, "Message"))
}

fn clusters(sandbox: &Sandbox, by: &Credentials) -> Result<Value, (String, String)> {
    by.call(sandbox, "ecs", "ListClusters", &json!({}))
}

#[test]
fn a_role_of_another_account_acts_there() {
    let sandbox = two_accounts(Clock::Manual);
    let site = sandbox.site("222222222222", "ap-northeast-1");
    site.ecs("CreateCluster", json!({"clusterName": "production"})).unwrap();
    let reply =
        assume(&sandbox, &Credentials::user("AKIATEST"), &[("RoleArn", ROLE), ("RoleSessionName", "deploy-app")]);
    let arn = "arn:aws:sts::222222222222:assumed-role/deployer/deploy-app";
    assert_eq!(element(&reply, "Arn"), arn);
    let session = session(&reply);
    assert!(session.key.starts_with("ASIA"), "{session:?}");
    let identity = session.query(&sandbox, "sts", "GetCallerIdentity", &[]);
    assert_eq!((element(&identity, "Account"), element(&identity, "Arn")), ("222222222222", arn));
    let id = element(&identity, "UserId");
    assert!(id.starts_with("AROA") && id.ends_with(":deploy-app") && id.len() == 31, "{id}");
    let found = clusters(&sandbox, &session).unwrap();
    assert_eq!(found["clusterArns"], json!(["arn:aws:ecs:ap-northeast-1:222222222222:cluster/production"]));
}

#[test]
fn what_ecs_registers_for_a_role_says_whose_session_it_was() {
    let sandbox = two_accounts(Clock::Manual);
    let session =
        session(&assume(&sandbox, &Credentials::user("AKIATEST"), &[("RoleArn", ROLE), ("RoleSessionName", "me")]));
    let definition = json!({"family": "app", "containerDefinitions": [{"name": "app", "image": "app", "memory": 128}]});
    let made = session.call(&sandbox, "ecs", "RegisterTaskDefinition", &definition).unwrap();
    let by = "arn:aws:sts::222222222222:assumed-role/deployer/me";
    assert_eq!(made["taskDefinition"]["registeredBy"], by);
}

#[test]
fn temporary_credentials_need_their_token_and_their_secret() {
    let sandbox = two_accounts(Clock::Manual);
    let session =
        session(&assume(&sandbox, &Credentials::user("AKIATEST"), &[("RoleArn", ROLE), ("RoleSessionName", "me")]));
    for (token, secret, json, query) in [
        (None, session.secret.as_str(), "UnrecognizedClientException", "InvalidClientTokenId"),
        (Some("another".to_owned()), &session.secret, "UnrecognizedClientException", "InvalidClientTokenId"),
        (session.token.clone(), "another", "InvalidSignatureException", "SignatureDoesNotMatch"),
    ] {
        let broken = Credentials { token, secret: secret.to_owned(), ..session.clone() };
        assert_eq!(clusters(&sandbox, &broken).unwrap_err().0, json);
        let reply = broken.query(&sandbox, "sts", "GetCallerIdentity", &[]);
        assert_eq!((reply.status, element(&reply, "Code")), (403, query));
    }
}

#[test]
fn temporary_credentials_end_when_they_say() {
    let sandbox = two_accounts(Clock::Manual);
    let lasting = [("RoleArn", ROLE), ("RoleSessionName", "me"), ("DurationSeconds", "900")];
    let reply = assume(&sandbox, &Credentials::user("AKIATEST"), &lasting);
    let session = session(&reply);
    sandbox.advance(Duration::from_secs(890));
    clusters(&sandbox, &session).expect("ten seconds are left");
    sandbox.advance(Duration::from_secs(10));
    let sentence = "The security token included in the request is expired";
    assert_eq!(clusters(&sandbox, &session), Err(("ExpiredTokenException".to_owned(), sentence.to_owned())));
    let reply = session.query(&sandbox, "sts", "GetCallerIdentity", &[]);
    assert_eq!(refusal(&reply), (403, "ExpiredToken", sentence));
}

#[test]
fn a_session_says_when_it_ends() {
    let sandbox = two_accounts(Clock::Manual);
    let reply = assume(&sandbox, &Credentials::user("AKIATEST"), &[("RoleArn", ROLE), ("RoleSessionName", "me")]);
    let ends = element(&reply, "Expiration");
    let hour = xtask_sandbox::Instant(sandbox.now().0 + 3_600_000).basic();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    assert!(digits(ends).parse::<u64>().unwrap().abs_diff(digits(&hour).parse().unwrap()) < 100, "{ends} {hour}");
    assert!(ends.ends_with('Z') && ends.len() == 20, "{ends}");
}

#[test]
fn what_sts_refuses_is_refused_in_its_words() {
    let sandbox = two_accounts(Clock::Manual);
    let user = Credentials::user("AKIATEST");
    let refused = |parameters: &[(&str, &str)]| {
        let reply = assume(&sandbox, &user, parameters);
        let (status, code, message) = refusal(&reply);
        (status, code.to_owned(), message.replace("&quot;", "\""))
    };
    let invalid = |value: &str, member: &str, rule: &str| {
        let what = format!("Value {value} at '{member}' failed to satisfy constraint: {rule}");
        (400, "ValidationError".to_owned(), format!("1 validation error detected: {what}"))
    };
    let named = |name: &'static str| [("RoleArn", ROLE), ("RoleSessionName", name)];
    let pattern = "Member must satisfy regular expression pattern: [\\w+=,.@-]*";
    assert_eq!(refused(&named("a b")), invalid("'a b'", "roleSessionName", pattern));
    let short = "Member must have length greater than or equal to 2";
    assert_eq!(refused(&named("a")), invalid("'a'", "roleSessionName", short));
    assert_eq!(refused(&[("RoleArn", ROLE)]), invalid("null", "roleSessionName", "Member must not be null"));
    let lasting = |seconds: &'static str| [("RoleArn", ROLE), ("RoleSessionName", "me"), ("DurationSeconds", seconds)];
    let least = "Member must have value greater than or equal to 900";
    assert_eq!(refused(&lasting("899")), invalid("'899'", "durationSeconds", least));
    let most = "Member must have value less than or equal to 43200";
    assert_eq!(refused(&lasting("43201")), invalid("'43201'", "durationSeconds", most));
    assert_eq!(
        refused(&[("RoleArn", "arn:aws:iam::222222222222:user/me"), ("RoleSessionName", "me")]).1,
        "ValidationError"
    );
    for role in ["arn:aws:iam::222222222222:role/denied", "arn:aws:iam::333333333333:role/deployer"] {
        let denied = format!(
            "User: arn:aws:iam::123456789012:user/akiatest is not authorized to perform: sts:AssumeRole on resource: {role}"
        );
        assert_eq!(refused(&[("RoleArn", role), ("RoleSessionName", "me")]), (403, "AccessDenied".to_owned(), denied));
    }
}

#[test]
fn a_role_assumed_by_a_role_lasts_an_hour_at_most() {
    let sandbox = two_accounts(Clock::Manual);
    let first =
        session(&assume(&sandbox, &Credentials::user("AKIATEST"), &[("RoleArn", ROLE), ("RoleSessionName", "me")]));
    let back = "arn:aws:iam::123456789012:role/reader";
    let lasting = |seconds: &'static str| [("RoleArn", back), ("RoleSessionName", "me"), ("DurationSeconds", seconds)];
    let sentence = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    assert_eq!(refusal(&assume(&sandbox, &first, &lasting("3601"))), (400, "ValidationError", sentence));
    let second = session(&assume(&sandbox, &first, &lasting("3600")));
    let identity = second.query(&sandbox, "sts", "GetCallerIdentity", &[]);
    assert_eq!(element(&identity, "Account"), "123456789012");
    assume(&sandbox, &Credentials::user("AKIATEST"), &lasting("43200"));
}

#[test]
fn where_roles_are_listed_no_other_may_be_assumed() {
    let account = |roles: &[&str]| Account {
        id: "222222222222".to_owned(),
        access_key: "AKIDPRODUCTION".to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    };
    let sandbox = Sandbox::start(Options { accounts: vec![account(&["deployer"])], ..Options::default() }).unwrap();
    let user = Credentials::user("AKIATEST");
    session(&assume(&sandbox, &user, &[("RoleArn", ROLE), ("RoleSessionName", "me")]));
    let other =
        assume(&sandbox, &user, &[("RoleArn", "arn:aws:iam::222222222222:role/admin"), ("RoleSessionName", "me")]);
    assert_eq!(refusal(&other).1, "AccessDenied");
}

#[test]
fn a_token_of_an_identity_provider_is_taken_without_a_signature() {
    let sandbox = two_accounts(Clock::Manual);
    let ask = |token: &str| {
        let parameters = [("RoleArn", ROLE), ("RoleSessionName", "GitHubActions"), ("WebIdentityToken", token)];
        send(&sandbox, "POST", "/", &[FORM], form("AssumeRoleWithWebIdentity", &parameters).as_bytes()).unwrap()
    };
    let token = |expires: u64| {
        let claims = json!({"iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com",
            "sub": "repo:octo/app:environment:production", "exp": expires});
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    };
    let now = sandbox.now().0 / 1000;
    let reply = ask(&token(now + 300));
    let session = session(&reply);
    assert_eq!(element(&reply, "SubjectFromWebIdentityToken"), "repo:octo/app:environment:production");
    let provider = "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com";
    assert_eq!((element(&reply, "Provider"), element(&reply, "Audience")), (provider, "sts.amazonaws.com"));
    clusters(&sandbox, &session).unwrap();

    let expired = ask(&token(now - 1));
    assert_eq!(refusal(&expired).1, "ExpiredTokenException");
    assert!(refusal(&expired).2.starts_with("Token expired: current date/time"), "{expired:?}");
    assert_eq!(refusal(&ask("opaque")).1, "InvalidIdentityToken");
    let unsigned = send(&sandbox, "POST", "/", &[FORM], form("AssumeRole", &[]).as_bytes()).unwrap();
    assert_eq!(refusal(&unsigned), (403, "MissingAuthenticationToken", "Request is missing Authentication Token"));
}

#[test]
fn faults_befall_sts_too_and_its_calls_are_noted() {
    let sandbox = two_accounts(Clock::Manual);
    let effect = Effect::Error {
        status: 403,
        code: "AccessDenied".to_owned(),
        message: "as was wished".to_owned(),
        retry_after: None,
    };
    sandbox.inject(Fault { call: "sts:AssumeRole".to_owned(), which: Which::Nth(1), effect });
    let parameters = [("RoleArn", ROLE), ("RoleSessionName", "deploy-app")];
    assert_eq!(
        refusal(&assume(&sandbox, &Credentials::user("AKIATEST"), &parameters)),
        (403, "AccessDenied", "as was wished")
    );
    session(&assume(&sandbox, &Credentials::user("AKIATEST"), &parameters));
    let call = sandbox.calls().pop().unwrap();
    assert_eq!((call.operation.as_str(), call.status), ("sts:AssumeRole", 200));
    assert_eq!(call.input, json!({"RoleArn": ROLE, "RoleSessionName": "deploy-app"}));
}
