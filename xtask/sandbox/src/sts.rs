//! STS: whose an access key is, and the temporary ones that come with a role.
//! Source: AWS Security Token Service API Reference, version 2011-06-15.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Instant;
use crate::ecr::random_id;
use crate::protocol::{ApiError, ApiResult};
use crate::tables::{Tables, unknown};

mod identity;
mod role;

use role::Role;

pub(crate) static TABLES: LazyLock<Tables> = Tables::lazy(|| {
    let (inputs, answers) = (include_str!("sts/members.txt"), include_str!("sts/answers.txt"));
    Tables::new(inputs, answers, role::rule, "ValidationError").textual()
});

/// One account more than the one that a sandbox is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// The access key id whose calls are this account's.
    pub access_key: String,
    /// Names of the roles that may be assumed in it; none here: any, but for one called `denied`.
    pub roles: Vec<String>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    pub account: String,
    pub arn: String,
    /// The unique id of a user, or of a role and its session.
    id: String,
    /// Whether it is a role already.
    assumed: bool,
}

impl Principal {
    /// The owner of an account.
    pub fn root(account: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:root");
        Self { account: account.to_owned(), arn, id: account.to_owned(), assumed: false }
    }
}

/// Temporary credentials, and whose they are.
#[derive(Debug)]
pub(crate) struct Session {
    principal: Principal,
    pub secret: String,
    pub token: String,
    pub expires: Instant,
}

/// The access keys of all accounts.
#[derive(Debug)]
pub(crate) struct Sts {
    /// Whose calls are those with a key that nobody knows.
    account: String,
    accounts: Vec<Account>,
    sessions_last: Option<Duration>,
    /// By access key.
    sessions: BTreeMap<String, Session>,
}

impl Sts {
    pub fn new(account: &str, accounts: Vec<Account>, sessions_last: Option<Duration>) -> Self {
        Self { account: account.to_owned(), accounts, sessions_last, sessions: BTreeMap::new() }
    }

    /// Whether an account of this id is among those of the sandbox.
    pub fn knows(&self, account: &str) -> bool {
        self.account == account || self.accounts.iter().any(|it| it.id == account)
    }

    pub fn session(&self, access_key: &str) -> Option<&Session> {
        self.sessions.get(access_key)
    }

    /// Whose an access key is: a session's, a declared account's, and otherwise a user's of the first account.
    pub fn principal(&self, access_key: &str, user: &str) -> Principal {
        if let Some(session) = self.sessions.get(access_key) {
            return session.principal.clone();
        }
        let declared = self.accounts.iter().find(|it| it.access_key == access_key);
        let account = declared.map_or(&self.account, |it| &it.id).clone();
        let arn = format!("arn:aws:iam::{account}:user/{user}");
        Principal { account, arn, id: role::unique_id("AIDA", access_key), assumed: false }
    }

    /// One API call; `caller` is None where the request is not signed, `now` is real time, which credentials live by.
    pub fn call(&mut self, operation: &str, input: Value, caller: Option<&Principal>, now: Instant) -> ApiResult {
        let input = &TABLES.check(operation, input)?;
        let unsigned = || ApiError::with(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
        match operation {
            "GetCallerIdentity" => {
                let caller = caller.ok_or_else(unsigned)?;
                Ok(json!({"UserId": caller.id, "Account": caller.account, "Arn": caller.arn}))
            }
            "AssumeRole" => self.assume_role(input, caller.ok_or_else(unsigned)?, now),
            "AssumeRoleWithWebIdentity" => self.assume_role_with_web_identity(input, now),
            _ => Err(unknown(operation)),
        }
    }

    fn assume_role(&mut self, input: &Value, caller: &Principal, now: Instant) -> ApiResult {
        let role = Role::read(input)?;
        if !self.admits(&role) {
            let message =
                format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {}", caller.arn, role.arn);
            return Err(ApiError::with(403, "AccessDenied", message));
        }
        if caller.assumed && role.seconds > role::CHAINED_SECONDS {
            let message =
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
            return Err(ApiError::new("ValidationError", message));
        }
        let mut answer = self.begin(&role, now);
        if let Some(identity) = input["SourceIdentity"].as_str() {
            answer["SourceIdentity"] = json!(identity);
        }
        Ok(answer)
    }

    fn assume_role_with_web_identity(&mut self, input: &Value, now: Instant) -> ApiResult {
        let role = Role::read(input)?;
        let identity = identity::read(input["WebIdentityToken"].as_str().unwrap_or_default(), now)?;
        if !self.admits(&role) {
            let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
            return Err(ApiError::with(403, "AccessDenied", message));
        }
        let mut answer = self.begin(&role, now);
        answer["SubjectFromWebIdentityToken"] = json!(identity.subject);
        answer["Audience"] = json!(identity.audience);
        answer["Provider"] = json!(format!("arn:aws:iam::{}:oidc-provider/{}", role.account, identity.issuer));
        Ok(answer)
    }

    /// Whether a role of this name is there and trusts everybody.
    fn admits(&self, role: &Role) -> bool {
        let declared = self.accounts.iter().find(|it| it.id == role.account).map_or(&[][..], |it| &it.roles);
        let there = if declared.is_empty() { role.name != "denied" } else { declared.contains(&role.name) };
        there && self.knows(&role.account)
    }

    /// Hands out credentials of a role.
    fn begin(&mut self, role: &Role, now: Instant) -> Value {
        let key = role::unique_id("ASIA", &random_id());
        let id = format!("{}:{}", role::unique_id("AROA", &role.arn), role.session);
        let arn = format!("arn:aws:sts::{}:assumed-role/{}/{}", role.account, role.name, role.session);
        let principal = Principal { account: role.account.clone(), arn: arn.clone(), id: id.clone(), assumed: true };
        let secret = role::words(40);
        let lasts = self
            .sessions_last
            .map_or(role.seconds * 1000, |lasts| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
        let (token, expires) = (role::words(356), Instant(now.0.saturating_add(lasts)));
        let answer = json!({
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": secret,
                "SessionToken": token,
                "Expiration": expires.iso(),
            },
            "AssumedRoleUser": {"AssumedRoleId": id, "Arn": arn},
            "PackedPolicySize": 6,
        });
        self.sessions.insert(key, Session { principal, secret, token, expires });
        answer
    }
}
