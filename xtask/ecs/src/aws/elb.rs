//! What load balancers find of their targets.
//! Source: Elastic Load Balancing API Reference, version 2015-12-01, DescribeTargetHealth and DescribeTargetGroups.

use super::signed::{Api, Signed};
use super::xml::Element;
use super::{AwsError, SdkConfig, calls};
use crate::event::{TargetGroup, TargetHealth};
use crate::gather::Gather;

const ELB: Api = Api { id: "Elastic Load Balancing v2", target: "2015-12-01" };

/// How a target group checks, and what it finds.
pub(crate) fn target_group(sdk: &SdkConfig, arn: &str) -> Result<TargetGroup, AwsError> {
    let signed = Signed::new(sdk);
    let subject = format!("target group {}", short(arn));
    let group = signed.query(&ELB, &calls::DESCRIBE_TARGET_GROUPS, &subject, &[("TargetGroupArns.member.1", arn)])?;
    let health = signed.query(&ELB, &calls::DESCRIBE_TARGET_HEALTH, &subject, &[("TargetGroupArn", arn)])?;
    Ok(read(arn, &group, &health))
}

/// What a target group's targets are, such as `ip`; `None` where there is no such group.
pub(crate) fn target_type(sdk: &SdkConfig, arn: &str) -> Result<Option<String>, AwsError> {
    let subject = format!("target group {}", short(arn));
    let asked = [("TargetGroupArns.member.1", arn)];
    match Signed::new(sdk).query(&ELB, &calls::DESCRIBE_TARGET_GROUPS, &subject, &asked) {
        Ok(answer) => {
            let result = answer.child("DescribeTargetGroupsResult");
            let group = result.and_then(|result| result.members("TargetGroups").next().cloned());
            Ok(group.map(|group| group.text_of("TargetType").to_owned()))
        }
        Err(error) if error.code == "TargetGroupNotFound" => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(arn: &str, group: &Element, health: &Element) -> TargetGroup {
    let result = group.child("DescribeTargetGroupsResult");
    let group = result.and_then(|result| result.child("TargetGroups")).and_then(|groups| groups.child("member"));
    let of_group = |name: &str| group.map_or("", |group| group.text_of(name)).to_owned();
    let matcher = group.and_then(|group| group.child("Matcher"));
    let codes = matcher.map(|matcher| [matcher.text_of("HttpCode"), matcher.text_of("GrpcCode")].concat());
    let descriptions = health.child("DescribeTargetHealthResult").and_then(|it| it.child("TargetHealthDescriptions"));
    let target = |described: &Element| {
        let health = described.child("TargetHealth");
        let of = |name: &str| health.map_or("", |health| health.text_of(name)).to_owned();
        let of_target = |name: &str| described.child("Target").map_or("", |target| target.text_of(name)).to_owned();
        TargetHealth {
            target: of_target("Id"),
            port: of_target("Port").parse().ok(),
            state: of("State"),
            reason: of("Reason"),
            description: of("Description"),
        }
    };
    TargetGroup {
        name: short(arn).to_owned(),
        protocol: of_group("HealthCheckProtocol"),
        path: of_group("HealthCheckPath"),
        port: of_group("HealthCheckPort"),
        matcher: codes.unwrap_or_default(),
        targets: descriptions.map(|all| all.children.iter().map(target).gather()).unwrap_or_default(),
    }
}

/// `blue` of `arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/blue/0123456789abcdef`.
fn short(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::super::xml;
    use super::*;

    #[test]
    fn a_target_group_says_how_it_checks_and_what_each_target_answered() {
        let group = "<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups><member>\
             <HealthCheckProtocol>HTTP</HealthCheckProtocol><HealthCheckPath>/healthz</HealthCheckPath>\
             <HealthCheckPort>traffic-port</HealthCheckPort><Matcher><HttpCode>200-299</HttpCode></Matcher></member>\
             </TargetGroups></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>";
        let health = "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions><member>\
             <Target><Id>10.0.1.7</Id><Port>8080</Port></Target><TargetHealth><State>unhealthy</State>\
             <Reason>Target.ResponseCodeMismatch</Reason><Description>Health checks failed with these codes: [404]\
             </Description></TargetHealth></member></TargetHealthDescriptions></DescribeTargetHealthResult>\
             </DescribeTargetHealthResponse>";
        let arn = "arn:aws:elasticloadbalancing:r:1:targetgroup/green/0123456789abcdef";
        let found = read(arn, &xml::parse(group).expect("XML"), &xml::parse(health).expect("XML"));
        let expected = TargetGroup {
            name: "green".into(),
            protocol: "HTTP".into(),
            path: "/healthz".into(),
            port: "traffic-port".into(),
            matcher: "200-299".into(),
            targets: vec![TargetHealth {
                target: "10.0.1.7".into(),
                port: Some(8080),
                state: "unhealthy".into(),
                reason: "Target.ResponseCodeMismatch".into(),
                description: "Health checks failed with these codes: [404]".into(),
            }],
        };
        assert_eq!(found, expected);
    }
}
