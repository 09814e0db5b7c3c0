//! AWS's sentence about a right that is missing, and what lifts it: allowing more in the identity's own policy helps
//! only where that is what is missing.
//! Source: IAM User Guide, Troubleshoot access denied error messages.

use super::names::bare;
use crate::gather::Gather;

/// `User: WHO is not authorized to perform: ACTION on resource: RESOURCE` with or without a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    /// The ARN of who asked; may be empty.
    pub who: String,
    /// `SERVICE:ACTION`.
    pub action: String,
    /// The ARN of what it was asked for; empty where AWS does not say.
    pub resource: String,
    pub reason: Reason,
}

/// Which kind of policy decided, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// `because no … policy allows the … action`.
    NotAllowed(Policy),
    /// `with an explicit deny in a … policy`.
    Forbidden(Policy),
    Unsaid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Identity,
    Resource,
    /// A service control policy.
    Organisation,
    /// A resource control policy.
    OrganisationOfResource,
    Boundary,
    Session,
    Endpoint,
    Trust,
}

/// As AWS writes them.
const POLICIES: [(&str, Policy); 9] = [
    ("identity-based policy", Policy::Identity),
    ("resource-based policy", Policy::Resource),
    ("service control policy", Policy::Organisation),
    ("resource control policy", Policy::OrganisationOfResource),
    ("permissions boundary", Policy::Boundary),
    ("session policy", Policy::Session),
    ("sessions policy", Policy::Session),
    ("vpc endpoint policy", Policy::Endpoint),
    ("role trust policy", Policy::Trust),
];

impl Denial {
    /// Reads it from a text's clauses: `… is not authorized to perform`, `ACTION on resource`, `RESOURCE because …`.
    pub(super) fn parse(clauses: &[&str]) -> Option<Self> {
        let at = clauses.iter().position(|clause| clause.ends_with(" is not authorized to perform"))?;
        let who = clauses[at].split_whitespace().next().map(bare).filter(|who| who.starts_with("arn:"));
        let (action, rest) = first_word(clauses.get(at + 1)?);
        let (resource, rest) = match (rest, clauses.get(at + 2)) {
            ("on resource" | "on this resource", Some(next)) => first_word(next),
            _ => ("", rest),
        };
        let reason = reason(rest);
        Some(Self {
            who: who.unwrap_or_default().to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            reason,
        })
    }

    /// What lifts it. `identity` is who asked, as a phrase: `this identity`, `the task's execution role`; `subject` what
    /// it was asked for, where AWS does not say.
    pub(crate) fn fix(&self, identity: &str, subject: &str) -> String {
        let Self { action, .. } = self;
        let resource = if self.resource.is_empty() { subject } else { &self.resource };
        let useless = format!("allowing more in {identity}'s IAM policy does not help");
        match self.reason {
            Reason::Unsaid => format!("allow the action `{action}` on {resource} in {identity}'s IAM policy"),
            Reason::NotAllowed(Policy::Identity) => {
                format!("allow the action `{action}` on {resource} in {identity}'s IAM policy")
            }
            Reason::Forbidden(Policy::Identity) => format!(
                "take `{action}` on {resource} out of the Deny statement in {identity}'s IAM policy; a further Allow does \
                 not help"
            ),
            Reason::NotAllowed(Policy::Resource) => format!(
                "allow the action `{action}` to {} in the policy of {resource} itself; {useless}",
                self.asker(identity)
            ),
            Reason::Forbidden(Policy::Resource) => {
                format!("take `{action}` out of the Deny statement in the policy of {resource} itself; {useless}")
            }
            Reason::NotAllowed(Policy::Organisation) => format!(
                "ask who manages the AWS organisation to allow `{action}` in the account's service control policy; {useless}"
            ),
            Reason::Forbidden(Policy::Organisation) => format!(
                "ask who manages the AWS organisation: one of its service control policies denies `{action}`; {useless}"
            ),
            Reason::NotAllowed(Policy::OrganisationOfResource) | Reason::Forbidden(Policy::OrganisationOfResource) => {
                format!(
                    "ask who manages the AWS organisation of {resource}: one of its resource control policies denies \
                     `{action}`; {useless}"
                )
            }
            Reason::NotAllowed(Policy::Boundary) => {
                format!("allow the action `{action}` in the permissions boundary of {identity}, too; {useless}")
            }
            Reason::Forbidden(Policy::Boundary) => {
                format!(
                    "take `{action}` out of the Deny statement in the permissions boundary of {identity}; {useless}"
                )
            }
            Reason::NotAllowed(Policy::Session) => format!(
                "allow the action `{action}` in the session policy that {identity}'s role was assumed with; {useless}"
            ),
            Reason::Forbidden(Policy::Session) => format!(
                "take `{action}` out of the Deny statement in the session policy that {identity}'s role was assumed \
                 with; {useless}"
            ),
            Reason::NotAllowed(Policy::Endpoint) => {
                format!(
                    "allow the action `{action}` in the policy of the VPC endpoint that the call went through; {useless}"
                )
            }
            Reason::Forbidden(Policy::Endpoint) => format!(
                "take `{action}` out of the Deny statement in the policy of the VPC endpoint that the call went \
                 through; {useless}"
            ),
            Reason::NotAllowed(Policy::Trust) | Reason::Forbidden(Policy::Trust) => {
                format!(
                    "allow `{action}` to {} in the trust policy of the role {resource}; {useless}",
                    self.asker(identity)
                )
            }
        }
    }

    fn asker<'a>(&'a self, identity: &'a str) -> &'a str {
        if self.who.is_empty() { identity } else { &self.who }
    }
}

/// The first word, without the quotes that some services put around it, and what follows.
fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (bare(word), rest.trim())
}

fn reason(words: &str) -> Reason {
    let words = words.split_whitespace().gather::<Vec<_>>().join(" ").to_ascii_lowercase();
    let named = |rest: &str| POLICIES.iter().find(|(name, _)| rest.starts_with(name)).map(|(_, policy)| *policy);
    if let Some(rest) = words.strip_prefix("because no ") {
        return named(rest).map_or(Reason::Unsaid, Reason::NotAllowed);
    }
    let Some(rest) = words.strip_prefix("with an explicit deny in ") else { return Reason::Unsaid };
    // An endpoint's policy is named for what another one behind it decided.
    if let Some((_, through)) = rest.split_once(" transitively through a ") {
        return named(through).map_or(Reason::Unsaid, Reason::Forbidden);
    }
    let rest = ["an ", "a ", "the "].iter().find_map(|article| rest.strip_prefix(article)).unwrap_or(rest);
    named(rest).map_or(Reason::Unsaid, Reason::Forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Message;

    const WHO: &str = "arn:aws:iam::123456789012:user/ci";
    const WHAT: &str = "arn:aws:ecr:eu-west-1:123456789012:repository/sample/app";

    fn parsed(because: &str) -> Denial {
        let text = format!("User: {WHO} is not authorized to perform: ecr:PutImage on resource: {WHAT} {because}");
        Message::parse(&text).denial.expect("it is one")
    }

    #[test]
    fn each_kind_of_policy_is_lifted_where_it_stands() {
        for (because, fix) in [
            ("because no identity-based policy allows the ecr:PutImage action", "in this identity's IAM policy"),
            ("with an explicit deny in an identity-based policy", "take `ecr:PutImage` on arn:aws:ecr"),
            ("because no resource-based policy allows the ecr:PutImage action", "in the policy of arn:aws:ecr"),
            ("with an explicit deny in a resource-based policy", "Deny statement in the policy of arn:aws:ecr"),
            (
                "because no service control policy allows the ecr:PutImage action",
                "the account's service control policy",
            ),
            ("with an explicit deny in a service control policy", "service control policies denies"),
            (
                "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/p-1",
                "service control policies denies",
            ),
            ("with an explicit deny in a resource control policy", "resource control policies denies"),
            (
                "because no permissions boundary allows the ecr:PutImage action",
                "permissions boundary of this identity, too",
            ),
            ("with an explicit deny in a permissions boundary", "Deny statement in the permissions boundary"),
            (
                "because no session policy allows the ecr:PutImage action",
                "allow the action `ecr:PutImage` in the session policy",
            ),
            ("with an explicit deny in a sessions policy", "Deny statement in the session policy"),
            ("because no VPC endpoint policy allows the ecr:PutImage action", "policy of the VPC endpoint"),
            ("with an explicit deny in a VPC endpoint policy", "Deny statement in the policy of the VPC endpoint"),
            (
                "with an explicit deny in a VPC endpoint policy transitively through a service control policy",
                "service control policies denies",
            ),
            ("because no role trust policy allows the sts:AssumeRole action", "trust policy"),
            ("with an explicit deny in the role trust policy", "trust policy"),
            ("", "in this identity's IAM policy"),
        ] {
            let found = parsed(because).fix("this identity", "the registry");
            assert!(found.contains(fix), "{because}: {found}");
        }
    }

    #[test]
    fn who_what_and_on_what_are_read_whether_or_not_there_is_a_resource() {
        let denial = parsed("because no identity-based policy allows the ecr:PutImage action");
        assert_eq!(
            (denial.who.as_str(), denial.action.as_str(), denial.resource.as_str()),
            (WHO, "ecr:PutImage", WHAT)
        );
        let text = format!(
            "User: {WHO} is not authorized to perform: ecr:GetAuthorizationToken because no identity-based policy allows the ecr:GetAuthorizationToken action"
        );
        let denial = Message::parse(&text).denial.expect("it is one");
        assert_eq!((denial.action.as_str(), denial.resource.as_str()), ("ecr:GetAuthorizationToken", ""));
        assert_eq!(denial.reason, Reason::NotAllowed(Policy::Identity));
        let quoted = format!(
            "User: {WHO} is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::bucket/key\" with an explicit deny in a resource control policy"
        );
        let denial = Message::parse(&quoted).denial.expect("it is one");
        assert_eq!(denial.resource, "arn:aws:s3:::bucket/key");
        assert_eq!(denial.reason, Reason::Forbidden(Policy::OrganisationOfResource));
    }

    #[test]
    fn a_resource_that_is_called_like_a_policy_decides_nothing() {
        let text = format!(
            "User: {WHO} is not authorized to perform: ecr:PutImage on resource: {WHAT}-explicit-deny-service-control-policy because no identity-based policy allows the ecr:PutImage action"
        );
        assert_eq!(
            Message::parse(&text).denial.map(|denial| denial.reason),
            Some(Reason::NotAllowed(Policy::Identity))
        );
    }
}
