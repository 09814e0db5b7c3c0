//! A policy as Terraform has it.

use serde_json::Value;

use crate::gather::Gather;

/// A document of IAM's as the data source `aws_iam_policy_document`.
/// Source: the AWS provider's documentation of that data source.
pub(crate) fn terraform(name: &str, document: &Value) -> String {
    let statements = document["Statement"].as_array().into_iter().flatten().map(statement);
    format!("data \"aws_iam_policy_document\" \"{name}\" {{\n{}}}", statements.gather::<Vec<_>>().join("\n"))
}

fn statement(statement: &Value) -> String {
    let mut lines = vec!["  statement {".to_owned()];
    if let Some(sid) = statement["Sid"].as_str() {
        lines.push(format!("    sid     = {}", quoted(sid)));
    }
    lines.push(format!("    actions = {}", list(&statement["Action"])));
    if !statement["Resource"].is_null() {
        lines.push(format!("    resources = {}", list(&statement["Resource"])));
    }
    for (kind, ids) in statement["Principal"].as_object().into_iter().flatten() {
        lines.push("\n    principals {".to_owned());
        lines.push(format!("      type        = {}", quoted(kind)));
        lines.push(format!("      identifiers = {}\n    }}", list(ids)));
    }
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            lines.push("\n    condition {".to_owned());
            lines.push(format!("      test     = {}", quoted(operator)));
            lines.push(format!("      variable = {}", quoted(key)));
            lines.push(format!("      values   = {}\n    }}", list(values)));
        }
    }
    lines.join("\n") + "\n  }\n"
}

fn list(value: &Value) -> String {
    let items: Vec<&Value> = value.as_array().map_or_else(|| vec![value], |items| items.iter().gather());
    let items = items.iter().filter_map(|item| item.as_str()).map(quoted);
    format!("[{}]", items.gather::<Vec<_>>().join(", "))
}

/// What Terraform would take for an expression stays what it is.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace("${", "$${").replace("%{", "%%{")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::terraform;

    #[test]
    fn a_document_is_a_data_source_of_terraforms() {
        let document = json!({ "Statement": [{ "Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:x/${y}",
            "Principal": { "Federated": "p" }, "Condition": { "StringEquals": { "k": ["v"] } } }] });
        assert_eq!(
            terraform("xtask", &document),
            "data \"aws_iam_policy_document\" \"xtask\" {\n  statement {\n    sid     = \"A\"\n    actions = [\"s3:GetObject\"]\n    resources = [\"arn:x/$${y}\"]\n\n    \
             principals {\n      type        = \"Federated\"\n      identifiers = [\"p\"]\n    }\n\n    condition {\n      test     = \"StringEquals\"\n      \
             variable = \"k\"\n      values   = [\"v\"]\n    }\n  }\n}"
        );
    }
}
