//! Who calls, and whether they may.

use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use serde_json::Value;

use super::permission::needs;
use super::protocol::{Protocol, Target};
use super::resource::resource;
use super::signature::{ACCESS_KEY, SECRET_KEY, Signature};
use crate::clock::Instant;
use crate::home::Home;
use crate::policy::Need;
use crate::protocol::ApiError;
use crate::sts::Principal;
use crate::world::{State, World};

/// A caller who was let in.
pub(super) struct Visitor {
    /// Nobody, where a call needs no signature.
    pub principal: Option<Principal>,
    /// The caller's account, in the region that the call is signed for.
    pub home: Home,
}

/// Why one is not let in; each protocol has its own words.
enum Refused {
    Unsigned,
    Mismatched,
    Expired,
    /// A session token that is missing or another's.
    Unknown,
}

/// Who calls, if they may.
pub(super) fn admit(
    state: &State,
    head: &Parts,
    body: &[u8],
    target: &Target,
    input: &Value,
) -> Result<Visitor, ApiError> {
    let refuse = |refused: Refused| Err(refused.error(target.protocol));
    let Some(signature) = Signature::of(&head.headers) else {
        if target.operation == "AssumeRoleWithWebIdentity" {
            return Ok(Visitor { principal: None, home: state.home.clone() });
        }
        return refuse(Refused::Unsigned);
    };
    let key = signature.access_key;
    let user = if key == ACCESS_KEY { "sandbox".to_owned() } else { key.to_lowercase() };
    let principal = state.sts.principal(key, &user);
    let region = signature.region().unwrap_or(&state.home.region);
    let home = Home::new(principal.account.as_str(), region);
    if let Some(session) = state.sts.session(key) {
        let token = head.headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
        if token != Some(&session.token) {
            return refuse(Refused::Unknown);
        }
        if !signature.holds(head, body, &session.secret) {
            return refuse(Refused::Mismatched);
        }
        if session.expires <= state.timeline.wall() {
            return refuse(Refused::Expired);
        }
    }
    match key {
        // The one whose secret is known here.
        ACCESS_KEY if !signature.holds(head, body, SECRET_KEY) => refuse(Refused::Mismatched),
        "EXPIRED" => refuse(Refused::Expired),
        // STS answers that to everybody.
        "DENIED" if target.operation != "GetCallerIdentity" => {
            Err(denied(target, &principal.arn, &resource(&home, target, input)))
        }
        _ => Ok(Visitor { principal: Some(principal), home }),
    }
}

impl Refused {
    fn error(self, protocol: Protocol) -> ApiError {
        const MISMATCHED: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.";
        let (status, code, message) = match (protocol, self) {
            (Protocol::Json | Protocol::RestJson, Self::Unsigned) => {
                (400, "MissingAuthenticationTokenException", "Missing Authentication Token")
            }
            (Protocol::Json | Protocol::RestJson, Self::Mismatched) => (400, "InvalidSignatureException", MISMATCHED),
            (Protocol::Json | Protocol::RestJson, Self::Expired) => {
                (400, "ExpiredTokenException", "The security token included in the request is expired")
            }
            (Protocol::Json | Protocol::RestJson, Self::Unknown) => {
                (400, "UnrecognizedClientException", "The security token included in the request is invalid.")
            }
            (Protocol::Query, Self::Unsigned) => {
                (403, "MissingAuthenticationToken", "Request is missing Authentication Token")
            }
            (Protocol::Query | Protocol::Rest, Self::Mismatched) => (403, "SignatureDoesNotMatch", MISMATCHED),
            (Protocol::Query, Self::Expired) => {
                (403, "ExpiredToken", "The security token included in the request is expired")
            }
            (Protocol::Query, Self::Unknown) => {
                (403, "InvalidClientTokenId", "The security token included in the request is invalid")
            }
            (Protocol::Rest, Self::Unsigned) => (403, "AccessDenied", "Access Denied"),
            (Protocol::Rest, Self::Expired) => (400, "ExpiredToken", "The provided token has expired."),
            (Protocol::Rest, Self::Unknown) => {
                (400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
            }
        };
        ApiError::with(status, code, message)
    }
}

/// What this call needs and nobody allows.
pub(super) fn permit(state: &mut State, visitor: &Visitor, target: &Target, input: &Value) -> Result<(), ApiError> {
    let (Some(principal), true) = (&visitor.principal, state.policy.is_some()) else { return Ok(()) };
    let needs = needs(state, &visitor.home, target, input);
    let missing = needs.into_iter().find(|need| state.policy.as_ref().is_some_and(|policy| !policy.allows(need)));
    match missing {
        Some(Need { action, resource, .. }) => Err(denied_action(target, &principal.arn, &action, &resource)),
        None => Ok(()),
    }
}

fn denied(target: &Target, arn: &str, resource: &str) -> ApiError {
    denied_action(target, arn, &target.name(), resource)
}

fn denied_action(target: &Target, arn: &str, action: &str, resource: &str) -> ApiError {
    let message = format!(
        "User: {arn} is not authorized to perform: {action} on resource: {resource} because no identity-based policy \
         allows the {action} action"
    );
    match target.protocol {
        Protocol::Json | Protocol::RestJson => ApiError::new("AccessDeniedException", message),
        Protocol::Query | Protocol::Rest => ApiError::with(403, "AccessDenied", message),
    }
}

/// What a clock so many seconds ahead says to a request, if it was not signed within five minutes of it, and that
/// clock's date, by which a client may correct itself.
pub(super) fn skewed(world: &World, head: &Parts, target: &Target, seconds: i64) -> Option<(ApiError, HeaderValue)> {
    const MINUTES: i64 = 5;
    let signed = Instant::of_basic(head.headers.get("x-amz-date")?.to_str().ok()?)?;
    let at = |moment: Instant, seconds: i64| Instant(moment.0.saturating_add_signed(seconds * 1000));
    let now = at(world.lock().timeline.wall(), seconds);
    let (earliest, latest) = (at(now, -60 * MINUTES), at(now, 60 * MINUTES));
    let (signed_at, now_at) = (signed.basic(), now.basic());
    let message = if signed < earliest {
        let bound = earliest.basic();
        format!("Signature expired: {signed_at} is now earlier than {bound} ({now_at} - {MINUTES} min.)")
    } else if signed > latest {
        let bound = latest.basic();
        format!("Signature not yet current: {signed_at} is still later than {bound} ({now_at} + {MINUTES} min.)")
    } else {
        return None;
    };
    let error = match target.protocol {
        Protocol::Json | Protocol::RestJson => ApiError::new("InvalidSignatureException", message),
        Protocol::Query => ApiError::with(403, "SignatureDoesNotMatch", message),
        Protocol::Rest => {
            let message = "The difference between the request time and the current time is too large.";
            ApiError::with(403, "RequestTimeTooSkewed", message)
        }
    };
    Some((error, now.http().parse().ok()?))
}
