//! Repositories that a push makes.
//! Source: Amazon ECR API Reference, DescribeRepositoryCreationTemplates and CreateRepositoryCreationTemplate.

use std::cell::OnceCell;

use serde_json::{Value, json};

use super::{ECR, Ecr, NO_REPOSITORY};
use crate::aws::{AwsError, calls};
use crate::reference::Repository;

/// The prefix of what no other template is for.
const ROOT: &str = "ROOT";

/// Which repositories are made with which settings, by the beginning of their names.
#[derive(Clone, Debug)]
struct Template {
    prefix: String,
    on_push: bool,
}

/// The templates of one registry, asked for where a repository is missing, and once.
pub(crate) struct Templates<'a> {
    ecr: &'a Ecr,
    asked: OnceCell<Result<Vec<Template>, AwsError>>,
}

impl<'a> Templates<'a> {
    pub(crate) fn new(ecr: &'a Ecr) -> Self {
        Self { ecr, asked: OnceCell::new() }
    }

    /// A question about a repository failed: the sentence why nothing is wrong, for the first push makes what is missing; or
    /// all that is wrong.
    pub(crate) fn made_by_push(&self, repository: &Repository, mut error: AwsError) -> Result<String, Vec<AwsError>> {
        if error.code != NO_REPOSITORY {
            return Err(vec![error]);
        }
        if self.ecr.is_foreign {
            error.fix += "; whether one of its creation templates has a push make it, only that account is told";
            return Err(vec![error]);
        }
        match self.asked.get_or_init(|| self.ecr.templates()) {
            Ok(templates) => match made_by_push(templates, repository) {
                Some(prefix) => {
                    Ok(format!("{repository} is not there, and made by the push: the template `{prefix}` says so"))
                }
                None => Err(vec![error]),
            },
            Err(untold) => Err(vec![error, untold.clone()]),
        }
    }
}

impl Ecr {
    /// The templates of this account in the registry's region. Another account's cannot be asked for.
    fn templates(&self) -> Result<Vec<Template>, AwsError> {
        let mut found = Vec::new();
        let mut input = json!({});
        loop {
            let answer =
                self.signed.json(&ECR, &calls::DESCRIBE_REPOSITORY_CREATION_TEMPLATES, "the registry", &input)?;
            for template in answer["repositoryCreationTemplates"].as_array().into_iter().flatten() {
                let prefix = template["prefix"].as_str().unwrap_or_default().to_owned();
                let mut scenarios = template["appliedFor"].as_array().into_iter().flatten();
                found.push(Template { prefix, on_push: scenarios.any(|it| it == "CREATE_ON_PUSH") });
            }
            match &answer["nextToken"] {
                Value::String(next) => input["nextToken"] = json!(next),
                _ => break,
            }
        }
        Ok(found)
    }
}

/// The prefix of the template by which a push makes this repository; `None` where none does. The closest template is the only
/// one that counts.
fn made_by_push<'a>(templates: &'a [Template], repository: &Repository) -> Option<&'a str> {
    let mut closest: Option<&Template> = None;
    for template in templates {
        let below = repository.as_str().strip_prefix(&template.prefix).is_some_and(|rest| rest.starts_with('/'));
        let closer = closest.is_none_or(|known| known.prefix == ROOT || known.prefix.len() < template.prefix.len());
        if below && closer || template.prefix == ROOT && closest.is_none() {
            closest = Some(template);
        }
    }
    closest.filter(|template| template.on_push).map(|template| template.prefix.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_with_the_longest_prefix_decides_and_the_root_only_where_there_is_no_other() {
        let template = |(prefix, on_push): (&str, bool)| Template { prefix: prefix.to_owned(), on_push };
        let all = [("team", true), ("ROOT", true), ("team/cache", false), ("other", false)].map(template);
        let mut turned = all.to_vec();
        turned.reverse();
        for (name, expected) in [
            ("team/app", Some("team")),
            ("team/cache/app", None),
            ("teamwork/app", Some("ROOT")),
            ("team", Some("ROOT")),
            ("other/app", None),
            ("app", Some("ROOT")),
        ] {
            let repository: Repository = name.parse().expect("a repository");
            assert_eq!(made_by_push(&all, &repository), expected, "{name}");
            assert_eq!(made_by_push(&turned, &repository), expected, "{name}");
            assert_eq!(made_by_push(&all[3..], &repository), None, "{name}");
        }
    }
}
