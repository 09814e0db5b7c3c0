//! What AWS's APIs answer where they do not do what they were asked, as far as the way out differs.
//!
//! A row is chosen by the error's code, by the status of the answer and by whole clauses of the message; the first that
//! fits wins. Rows for what a message says stand before those for a code alone: one code covers a wrong clock, a wrong
//! region and a wrong key.

use super::Message;
use crate::gather::Gather;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Expired, malformed or unknown credentials.
    Credentials,
    /// This machine's clock is not AWS's.
    Clock,
    /// The region is not enabled, or not one of the credentials' partition.
    Region,
    Denied,
    /// Too much was asked at once; later it is answered.
    Throttled,
    /// AWS's own trouble.
    Unavailable,
    /// No answer: connection, name resolution, TLS, timeout.
    Unreachable,
    /// Anything else; the code says what.
    Answered,
}

struct Row {
    codes: &'static [&'static str],
    /// Whole clauses of the message; none where the code is enough.
    says: &'static [&'static str],
    kind: Kind,
    fix: &'static str,
}

/// Source: Common Error Types of the API references of Amazon ECR, ECS, STS and IAM; botocore, retries/standard.py;
/// aws-runtime, retries/classifiers.rs.
const ROWS: [Row; 15] = [
    Row {
        codes: &[],
        says: &["Signature expired", "Signature not yet current"],
        kind: Kind::Clock,
        fix: "set this machine's clock{times}",
    },
    Row {
        codes: &["RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired"],
        says: &[],
        kind: Kind::Clock,
        fix: "set this machine's clock",
    },
    Row {
        codes: &["OptInRequired", "SubscriptionRequiredException", "NotSignedUp", "RegionDisabledException"],
        says: &[],
        kind: Kind::Region,
        fix: "enable the region for this account (or the service, where the account is new), or correct `region`",
    },
    Row {
        codes: &[],
        says: &[
            "Credential should be scoped to a valid region",
            "Credential should be scoped to correct region",
            "STS is not activated in this region for account",
        ],
        kind: Kind::Region,
        fix: "correct `region` and any AWS_ENDPOINT_URL: the signature is for another region than the endpoint's",
    },
    Row {
        codes: &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"],
        says: &[],
        kind: Kind::Credentials,
        fix: "sign in again, or set fresh AWS credentials; in CI, let the role's session last as long as the job",
    },
    Row {
        codes: &["InvalidIdentityToken", "InvalidIdentityTokenException", "IDPRejectedClaim"],
        says: &[],
        kind: Kind::Credentials,
        fix: "check that the account has the OIDC provider of the token's issuer, and that the token's `aud` is \
              sts.amazonaws.com",
    },
    Row {
        codes: &["UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure"],
        says: &[],
        kind: Kind::Credentials,
        fix: "sign in again, or set fresh AWS credentials; where the same ones work elsewhere, the region is not enabled \
              for the account, or they are of another partition (China and GovCloud have their own)",
    },
    Row {
        codes: &["InvalidSignatureException", "SignatureDoesNotMatch"],
        says: &[],
        kind: Kind::Credentials,
        fix: "set AWS_SECRET_ACCESS_KEY to the key that belongs to AWS_ACCESS_KEY_ID, without a space or a line break \
              around it",
    },
    Row {
        codes: &[
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "IncompleteSignature",
            "IncompleteSignatureException",
        ],
        says: &[],
        kind: Kind::Credentials,
        fix: "sign in again, or set fresh AWS credentials",
    },
    Row {
        codes: &["BlockedByOrganizationPolicyException"],
        says: &[],
        kind: Kind::Denied,
        fix: "ask who manages the AWS organisation: one of its policies forbids this; allowing more in this identity's IAM \
              policy does not help",
    },
    Row {
        codes: &["AccessDenied", "AccessDeniedException", "UnauthorizedException", "UnauthorizedOperation"],
        says: &[],
        kind: Kind::Denied,
        fix: "",
    },
    Row {
        codes: &[
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "ProvisionedThroughputExceededException",
            "SlowDown",
            "PriorRequestNotComplete",
        ],
        says: &[],
        kind: Kind::Throttled,
        fix: LATER,
    },
    Row {
        codes: &[],
        says: &["Too many concurrent attempts to create a new revision of the specified family", "Rate exceeded"],
        kind: Kind::Throttled,
        fix: LATER,
    },
    Row {
        codes: &["KmsException", "KmsError"],
        says: &[],
        kind: Kind::Answered,
        fix: "check that the key which the repository is encrypted with is enabled, and that its policy lets this identity \
              and Amazon ECR use it",
    },
    Row {
        codes: &["LimitExceededException"],
        says: &[],
        kind: Kind::Answered,
        fix: "delete what is not needed any more, or ask for more in Service Quotas",
    },
];

const LATER: &str = "the account's request rate is used up; run it again in a minute, nothing is repeated";
const AWSS_OWN: &str = "that is AWS's own trouble; run it again in a minute, nothing is repeated";

/// Codes of trouble that is AWS's own, where the status does not say it.
const OWN_TROUBLE: [&str; 5] =
    ["ServerException", "InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException"];

/// The kind of an answer, and what to do where that follows from the answer alone.
pub(crate) fn answered(status: Option<u16>, code: &str, message: &Message) -> (Kind, String) {
    let fits = |row: &&Row| {
        let says = row.says.iter().any(|clause| message.says(clause));
        if row.codes.is_empty() { says } else { row.codes.contains(&code) && (row.says.is_empty() || says) }
    };
    if let Some(row) = ROWS.iter().find(fits) {
        return (row.kind, row.fix.replace("{times}", &times(message)));
    }
    match status {
        Some(429) => (Kind::Throttled, LATER.to_owned()),
        Some(500..) => (Kind::Unavailable, AWSS_OWN.to_owned()),
        _ if OWN_TROUBLE.contains(&code) => (Kind::Unavailable, AWSS_OWN.to_owned()),
        _ => (Kind::Answered, String::new()),
    }
}

/// `Signature expired: OURS is now earlier than LIMIT (AWS'S - 5 min.)`, the two times that matter.
fn times(message: &Message) -> String {
    let stamps: Vec<&str> = message.words().filter(|word| is_stamp(word)).gather();
    let &[ours, _, theirs, ..] = stamps.as_slice() else { return String::new() };
    format!(": it says {}, and AWS's {}", readable(ours), readable(theirs))
}

/// `20261127T051000Z`.
fn is_stamp(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() == 16
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        })
}

fn readable(stamp: &str) -> String {
    let (date, time) = (&stamp[..8], &stamp[9..15]);
    format!("{}-{}-{} {}:{}:{} UTC", &date[..4], &date[4..6], &date[6..], &time[..2], &time[2..4], &time[4..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_kind_and_its_fix() {
        let lines = include_str!("tests/answers.tsv").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut count = 0;
        for line in lines {
            let cells: Vec<_> = line.split('\t').collect();
            let [kind, status, code, says, source, text] = cells[..] else { panic!("six cells in a line: {line}") };
            let message = Message::parse(text);
            let (found, fix) = answered(status.parse().ok(), code, &message);
            let fix = if fix.is_empty() {
                message.denial.map_or(fix, |denial| denial.fix("this identity", "the subject"))
            } else {
                fix
            };
            assert_eq!(format!("{found:?}"), kind, "{line}");
            assert!(fix.contains(says) && (says.is_empty() == fix.is_empty()), "{line}\n{fix}");
            assert!(!source.is_empty() && !fix.contains('{'), "{line}\n{fix}");
            count += 1;
        }
        assert!(count >= 45, "{count}");
    }

    #[test]
    fn a_wrong_clock_is_told_with_both_times() {
        let text =
            "Signature expired: 20190430T075732Z is now earlier than 20190430T105409Z (20190430T105909Z - 5 min.)";
        let (kind, fix) = answered(Some(400), "InvalidSignatureException", &Message::parse(text));
        assert_eq!(kind, Kind::Clock);
        assert_eq!(fix, "set this machine's clock: it says 2019-04-30 07:57:32 UTC, and AWS's 2019-04-30 10:59:09 UTC");
    }
}
