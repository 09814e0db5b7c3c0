//! How requests are read and answers are written.
//! Sources: Smithy, AWS JSON 1.1 protocol and AWS Query protocol; Amazon S3 API Reference, "Error responses".

use hyper::Response;
use hyper::http::request::Parts;
use hyper::http::response::Builder;
use serde_json::{Value, json};

use super::signature::Signature;
use super::{rest, rest_json, xml};
use crate::ecr::random_id;
use crate::fault::Refusal;
use crate::http::{Answer, Cut, full};
use crate::registry::decode;

/// A protocol of AWS's APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Json,
    Query,
    /// Of S3.
    Rest,
    /// Of EventBridge Scheduler.
    RestJson,
}

/// One operation of one service.
pub(super) struct Target {
    pub protocol: Protocol,
    /// As faults and IAM call it.
    pub service: &'static str,
    pub operation: String,
}

/// Service, the name before the dot of `X-Amz-Target`.
const JSON: &[(&str, &str)] = &[
    ("ecr", "AmazonEC2ContainerRegistry_V20150921"),
    ("ecs", "AmazonEC2ContainerServiceV20141113"),
    ("ssm", "AmazonSSM"),
    ("secretsmanager", "secretsmanager"),
    ("logs", "Logs_20140328"),
    ("application-autoscaling", "AnyScaleFrontendService"),
    ("events", "AWSEvents"),
    ("kms", "TrentService"),
];

/// Service, as its requests are signed for it, and the namespace of its answers.
const QUERY: &[(&str, &str)] = &[
    ("sts", "https://sts.amazonaws.com/doc/2011-06-15/"),
    ("iam", "https://iam.amazonaws.com/doc/2010-05-08/"),
    ("cloudformation", "http://cloudformation.amazonaws.com/doc/2010-05-15/"),
    ("elasticloadbalancing", "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"),
];

impl Target {
    /// Of a JSON API.
    pub fn in_head(head: &Parts) -> Option<Self> {
        let (prefix, operation) = head.headers.get("x-amz-target")?.to_str().ok()?.split_once('.')?;
        let (service, _) = JSON.iter().find(|(_, known)| *known == prefix)?;
        Some(Self { protocol: Protocol::Json, service, operation: operation.to_owned() })
    }

    pub fn is_form(head: &Parts) -> bool {
        head.headers.get("content-type").is_some_and(|it| it.as_bytes().starts_with(b"application/x-www-form"))
    }

    /// Of a Query API: the service that the signature is for; what needs none is STS's.
    pub fn in_form(head: &Parts, form: &[u8]) -> Self {
        let signed = Signature::of(&head.headers).and_then(|signature| signature.service());
        let service = QUERY.iter().find(|(name, _)| signed == Some(*name)).map_or("sts", |(service, _)| service);
        let operation = pairs(form).find(|(key, _)| key == "Action").map(|(_, value)| value).unwrap_or_default();
        Self { protocol: Protocol::Query, service, operation }
    }

    /// Such as `ecs:UpdateService`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

impl Protocol {
    /// The members of a request.
    pub fn read(self, head: &Parts, body: &[u8]) -> Result<Value, String> {
        match self {
            Self::Rest => Ok(rest::input(head)),
            Self::RestJson => rest_json::input(head, body),
            Self::Json if body.is_empty() => Ok(json!({})),
            Self::Json => serde_json::from_slice(body).map_err(|error| error.to_string()),
            Self::Query => {
                let mut input = json!({});
                for (key, value) in pairs(body).filter(|(key, _)| key != "Action" && key != "Version") {
                    place(&mut input, &key, value);
                }
                Ok(input)
            }
        }
    }

    pub fn answer(self, target: &Target, output: &Value) -> Answer {
        let body = match self {
            Self::Rest => return rest::answer(&target.operation, output),
            Self::Json | Self::RestJson => output.to_string(),
            Self::Query => {
                let operation = &target.operation;
                let result = xml::element(&format!("{operation}Result"), output);
                let metadata = xml::element("ResponseMetadata", &json!({"RequestId": random_id()}));
                xml::document(&format!("{operation}Response"), namespace(target.service), &(result + &metadata))
            }
        };
        self.respond(200).body(full(body)).map_err(|_| Cut)
    }

    pub fn refuse(self, service: &str, refusal: &Refusal) -> Answer {
        let Refusal { status, code, message, retry_after, members, headers } = refusal;
        let mut builder = self.respond(*status);
        for (name, value) in headers {
            builder = builder.header(*name, value);
        }
        if let Some(seconds) = retry_after {
            builder = builder.header("retry-after", *seconds);
        }
        let body = match self {
            Self::Json | Self::RestJson => {
                builder = builder.header("x-amzn-errortype", code);
                let mut body = json!({"__type": code, "message": message});
                if self == Self::RestJson {
                    body = json!({"Message": message});
                }
                for (name, value) in members {
                    body[*name] = json!(value);
                }
                body.to_string()
            }
            Self::Query => {
                let fault = if *status < 500 { "Sender" } else { "Receiver" };
                let error = xml::element("Error", &json!({"Type": fault, "Code": code, "Message": message}));
                let id = xml::element("RequestId", &json!(random_id()));
                xml::document("ErrorResponse", namespace(service), &(error + &id))
            }
            Self::Rest => {
                let mut error = json!({"Code": code, "Message": message});
                for (name, value) in members {
                    error[*name] = json!(value);
                }
                error["RequestId"] = json!(random_id());
                xml::element("Error", &error)
            }
        };
        builder.body(full(body)).map_err(|_| Cut)
    }

    fn respond(self, status: u16) -> Builder {
        let kind = match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::RestJson => "application/json",
            Self::Query => "text/xml",
            Self::Rest => "application/xml",
        };
        Response::builder().status(status).header("content-type", kind).header("x-amzn-requestid", random_id())
    }
}

fn namespace(service: &str) -> &'static str {
    QUERY.iter().find(|(name, _)| *name == service).map_or("", |(_, namespace)| namespace)
}

/// The decoded pairs of a form.
fn pairs(form: &[u8]) -> impl Iterator<Item = (String, String)> {
    let form = String::from_utf8_lossy(form).into_owned();
    let pairs: Vec<_> =
        form.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (plain(k), plain(v))).collect();
    pairs.into_iter()
}

fn plain(text: &str) -> String {
    decode(&text.replace('+', " "))
}

/// Puts a value where its name says: `TargetGroupArns.member.1` is the first of a list.
fn place(input: &mut Value, name: &str, value: String) {
    let mut place = input;
    for word in name.split('.').filter(|word| *word != "member" && *word != "entry") {
        place = if let Ok(nth) = word.parse::<usize>() {
            if !place.is_array() {
                *place = json!([]);
            }
            let Value::Array(items) = place else { return };
            // A list is written from 1 on; what skips ahead is no list of ours.
            let index = nth.saturating_sub(1).min(items.len());
            if index == items.len() {
                items.push(Value::Null);
            }
            &mut items[index]
        } else {
            if !place.is_object() {
                *place = json!({});
            }
            &mut place[word]
        };
    }
    *place = Value::String(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_the_members_that_it_spells() {
        let form =
            b"Action=AssumeRole&Version=2011-06-15&RoleSessionName=a%2Bb+c&Tags.member.1.Key=k&Tags.member.1.Value=v\
            &Tags.member.2.Key=l&PolicyArns=";
        let head = hyper::Request::new(()).into_parts().0;
        let read = Protocol::Query.read(&head, form).expect("a form");
        let tags = json!([{"Key": "k", "Value": "v"}, {"Key": "l"}]);
        assert_eq!(read, json!({"RoleSessionName": "a+b c", "Tags": tags, "PolicyArns": ""}));
    }
}
