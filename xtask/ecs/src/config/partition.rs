//! The parts of AWS that know nothing of each other: each has its own names for the same things.

/// What a partition calls things by. Source: the partitions in the endpoint rules of aws-sdk-ecr; of IAM, AWS General
/// Reference, "IAM endpoints and quotas".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// What ARNs begin with, behind `arn:`.
    pub name: &'static str,
    /// What hosts end in.
    pub dns_suffix: &'static str,
    /// What hosts end in that are reached over IPv6, too.
    pub dual_stack: &'static str,
    /// The region that answers for IAM.
    pub iam_region: &'static str,
}

const fn of(
    name: &'static str,
    dns_suffix: &'static str,
    dual_stack: &'static str,
    iam_region: &'static str,
) -> Partition {
    Partition { name, dns_suffix, dual_stack, iam_region }
}

/// What regions begin with, and the partition that they are of.
const PARTITIONS: [(&str, Partition); 7] = [
    ("cn-", of("aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "cn-north-1")),
    ("us-gov-", of("aws-us-gov", "amazonaws.com", "api.aws", "us-gov-west-1")),
    ("eusc-", of("aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", "eusc-de-east-1")),
    ("us-iso-", of("aws-iso", "c2s.ic.gov", "api.aws.ic.gov", "us-iso-east-1")),
    ("us-isob-", of("aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", "us-isob-east-1")),
    ("us-isof-", of("aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "us-isof-south-1")),
    ("eu-isoe-", of("aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "eu-isoe-west-1")),
];

impl Partition {
    /// Of a region; one that is not known is of the one that nearly all are of.
    pub fn of(region: &str) -> Self {
        let known = PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix));
        known.map_or(of("aws", "amazonaws.com", "api.aws", "us-east-1"), |(_, partition)| *partition)
    }
}

#[cfg(test)]
mod tests {
    use super::Partition;

    #[test]
    fn each_region_is_of_its_partition() {
        for (region, name, dns_suffix, iam) in [
            ("ap-northeast-1", "aws", "amazonaws.com", "us-east-1"),
            ("us-east-1", "aws", "amazonaws.com", "us-east-1"),
            ("cn-northwest-1", "aws-cn", "amazonaws.com.cn", "cn-north-1"),
            ("us-gov-east-1", "aws-us-gov", "amazonaws.com", "us-gov-west-1"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu", "eusc-de-east-1"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov", "us-isob-east-1"),
        ] {
            let partition = Partition::of(region);
            assert_eq!(
                (partition.name, partition.dns_suffix, partition.iam_region),
                (name, dns_suffix, iam),
                "{region}"
            );
        }
    }
}
