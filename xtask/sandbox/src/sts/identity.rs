//! Tokens of an OIDC provider. The sandbox knows no provider's keys: it takes what a token says.
//! Source: RFC 7519.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::clock::Instant;
use crate::protocol::ApiError;

/// What is read out of a token.
pub(super) struct Identity {
    pub subject: String,
    pub audience: String,
    /// Without its scheme.
    pub issuer: String,
}

pub(super) fn read(token: &str, now: Instant) -> Result<Identity, ApiError> {
    let claims = claims(token).ok_or_else(|| {
        let message =
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)".to_owned();
        ApiError::new("InvalidIdentityToken", message)
    })?;
    let expires = claims["exp"].as_u64().map(|seconds| Instant(seconds * 1000));
    if let Some(expires) = expires.filter(|expires| *expires <= now) {
        let message = format!(
            "Token expired: current date/time {} must be before the expiration date/time {}",
            now.0 / 1000,
            expires.0 / 1000
        );
        return Err(ApiError::new("ExpiredTokenException", message));
    }
    let text = |claim: &Value| claim.as_str().unwrap_or_default().to_owned();
    let audience = if claims["aud"].is_array() { &claims["aud"][0] } else { &claims["aud"] };
    let issuer = text(&claims["iss"]);
    Ok(Identity {
        subject: text(&claims["sub"]),
        audience: text(audience),
        issuer: issuer.strip_prefix("https://").unwrap_or(&issuer).to_owned(),
    })
}

/// The middle one of three parts.
fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (claims.is_object() && parts.next().is_none()).then_some(claims)
}
