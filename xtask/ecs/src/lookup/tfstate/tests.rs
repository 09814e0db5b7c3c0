use serde_json::json;

use super::*;

/// Written by Terraform 1.11.4 (`terraform apply` in `tests/network`, then in `tests`), with its built-in provider alone.
const CURRENT: &str = include_str!("tests/terraform.tfstate");
/// Of version 3, after the examples of hashicorp/terraform, internal/states/statefile/testdata.
const OLD: &str = include_str!("tests/version3.tfstate");

fn in_state(state: &str, address: &str) -> Result<Value, String> {
    let state = read(state.as_bytes()).unwrap_or_else(|missing| panic!("{missing:?}"));
    state
        .find(address)
        .map_err(|Missing { message, help }| if help.is_empty() { message } else { format!("{message} | {help}") })
}

#[test]
fn a_state_that_terraform_wrote_has_its_values_with_their_types() {
    for (address, value) in [
        ("output.id", json!("vpc-1")),
        ("output.ids", json!(["subnet-1", "subnet-2"])),
        ("output.ids[1]", json!("subnet-2")),
        ("output.count", json!(3)),
        ("output.settings.port", json!(8080)),
        ("output.settings[\"nested\"].list[0]", json!(1)),
        ("output.settings.nested", json!({ "list": [1, 2] })),
        ("terraform_data.single.input", json!("one")),
        ("terraform_data.counted[1].output.port", json!(8081)),
        ("terraform_data.counted[*].input.name", json!(["n0", "n1"])),
        ("terraform_data.zoned[\"c d\"].input[0]", json!("subnet-c d")),
        ("terraform_data.zoned[\"a\"].input", json!(["subnet-a", true, 1.5])),
        ("terraform_data.zoned[*].input[0]", json!(["subnet-a", "subnet-c d"])),
        ("terraform_data.single[*].input", json!(["one"])),
        ("terraform_data.replaced.input", json!(null)),
        ("terraform_data.secret.input.user", json!("app")),
        ("data.terraform_remote_state.network.outputs.vpc_id", json!("vpc-9")),
        ("data.terraform_remote_state.network.outputs.subnets[1]", json!("subnet-9")),
        ("module.service[\"web\"].terraform_data.this.input", json!("web")),
        ("module.service[\"quo\\\"te}\"].terraform_data.this.output", json!("quo\"te}")),
        ("module.service[\"web\"].module.inner.terraform_data.deep[1].input", json!(1)),
        ("module.counted[0].module.inner.terraform_data.deep[*].input", json!([0, 1])),
    ] {
        assert_eq!(in_state(CURRENT, address), Ok(value), "{address}");
    }
}

#[test]
fn what_is_sensitive_is_refused_and_so_is_what_holds_it() {
    let secret = format!("is sensitive | {SECRET}");
    for (address, named) in [
        ("output.password", "the output `password` "),
        ("terraform_data.secret.input.password", "terraform_data.secret.input.password "),
        ("terraform_data.secret.input[\"password\"]", "terraform_data.secret.input[\"password\"] "),
        ("terraform_data.secret.input", "terraform_data.secret.input "),
        ("terraform_data.secret", "terraform_data.secret "),
        ("terraform_data.secret.input[*]", "terraform_data.secret.input[*] "),
    ] {
        assert_eq!(in_state(CURRENT, address), Err(format!("{named}{secret}")));
    }
}

#[test]
fn a_secret_that_an_older_terraform_left_unmarked_is_refused_by_its_kind() {
    let state = |kind: &str, attributes: &Value| {
        json!({ "version": 4, "resources": [{ "mode": "data", "type": kind, "name": "x", "instances": [
            { "attributes": attributes, "sensitive_attributes": [] }] }] })
        .to_string()
    };
    let secret = state("aws_secretsmanager_secret_version", &json!({ "arn": "arn:x", "secret_string": "hunter2" }));
    let of = |state: &str, rest: &str, kind: &str| in_state(state, &format!("data.{kind}.x{rest}"));
    let kind = "aws_secretsmanager_secret_version";
    assert_eq!(of(&secret, ".arn", kind), Ok(json!("arn:x")));
    assert!(of(&secret, ".secret_string", kind).is_err_and(|error| error.contains("is sensitive")));
    assert!(of(&secret, "", kind).is_err_and(|error| error.contains("is sensitive")));
    assert!(of(&secret, "[*].secret_string", kind).is_err_and(|error| error.contains("is sensitive")));
    for (form, is_plain) in [("SecureString", false), ("String", true)] {
        let parameter = state("aws_ssm_parameter", &json!({ "type": form, "value": "v" }));
        assert_eq!(of(&parameter, ".value", "aws_ssm_parameter").is_ok(), is_plain, "{form}");
    }
    let old = in_state(OLD, "random_password.db.result");
    assert!(old.is_err_and(|error| error.contains("is sensitive")));
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    for (address, message) in [
        ("output.idd", "the state has no output `idd` | did you mean `id`?"),
        ("output.ids[2]", "output.ids[2] is not there: output.ids has 2 elements"),
        ("output.settings.prot", "output.settings has no `prot` | did you mean `port`?"),
        ("output.id.x", "output.id is one value, and has no `.x`"),
        ("terraform_data.singel.id", "the state has no terraform_data.singel | did you mean `terraform_data.single`?"),
        ("terraform_data.single[0].id", "terraform_data.single has no `[0]`: it is only one | leave the index out"),
        ("terraform_data.single.inptu", "terraform_data.single has no `inptu` | did you mean `input`?"),
        ("terraform_data.replaced.input.x", "terraform_data.replaced.input is null, and has no `.x`"),
        (
            "terraform_data.counted.id",
            "terraform_data.counted has 2 instances, and none is named | name one of `[0]`, `[1]`, or all of them with `[*]`",
        ),
        ("terraform_data.counted[2].id", "terraform_data.counted has no `[2]` | there is `[0]`, `[1]`"),
        ("terraform_data.zoned[\"b\"].id", "terraform_data.zoned has no `[\"b\"]` | there is `[\"a\"]`, `[\"c d\"]`"),
    ] {
        assert_eq!(in_state(CURRENT, address), Err(message.to_owned()), "{address}");
    }
    for address in ["module.service[\"web\"].handed", "module.service[\"web\"].output.handed"] {
        let error = in_state(CURRENT, address).expect_err("it is not in the state");
        assert!(error.contains("outputs of its root module alone"), "{error}");
    }
    for address in
        ["", ".", "a", "a.", "a..b", "a.b[", "a.b[x]", "a.b[\"x]", "a b", "data.x", "output", "[0]", "a.b[0]x"]
    {
        let error = in_state(CURRENT, address).expect_err(address);
        assert!(
            error.starts_with(&format!("`{address}` is no address in a Terraform state | an address is ")),
            "{error}"
        );
    }
}

#[test]
fn a_state_of_version_3_has_its_values_as_texts() {
    for (address, value) in [
        ("output.vpc_id", json!("vpc-3")),
        ("output.subnets[0]", json!("subnet-1")),
        ("aws_vpc.main.id", json!("vpc-3")),
        ("aws_vpc.main.tags[\"kubernetes.io/cluster\"]", json!("x")),
        ("aws_vpc.main.tags.Name", json!("main")),
        ("aws_subnet.private[10].id", json!("subnet-10")),
        ("aws_subnet.private[*].id", json!(["subnet-0", "subnet-2", "subnet-10"])),
        ("aws_security_group.app.ingress[0].cidr_blocks[1]", json!("10.1.0.0/16")),
        ("aws_security_group.app.ingress.0.from_port", json!("80")),
        ("data.aws_region.here.name", json!("eu-west-1")),
        ("module.child.module.inner.null_resource.foo.id", json!("1361")),
    ] {
        assert_eq!(in_state(OLD, address), Ok(value), "{address}");
    }
    assert_eq!(in_state(OLD, "output.password"), Err(format!("the output `password` is sensitive | {SECRET}")));
}

#[test]
fn an_instance_that_waits_to_be_destroyed_is_none_and_a_mark_in_a_set_marks_all_of_it() {
    let state = json!({ "version": 4, "resources": [
        { "mode": "managed", "type": "a", "name": "b", "instances": [
            { "deposed": "00000001", "attributes": { "id": "old" } },
            { "attributes": { "id": "new", "set": [{ "k": "v" }], "list": ["x", "y"] }, "sensitive_attributes": [
                [{ "type": "get_attr", "value": "set" }, { "type": "index", "value": { "value": { "k": "v" }, "type": ["object", {}] } }],
                [{ "type": "get_attr", "value": "list" }, { "type": "index", "value": { "value": 1, "type": "number" } }],
            ] },
        ] },
        { "mode": "managed", "type": "a", "name": "flat", "instances": [{ "attributes_flat": { "id": "f", "l.#": "0" } }] },
    ] })
    .to_string();
    assert_eq!(in_state(&state, "a.b.id"), Ok(json!("new")));
    assert_eq!(in_state(&state, "a.b.list[0]"), Ok(json!("x")));
    assert!(in_state(&state, "a.b.list[1]").is_err());
    assert!(in_state(&state, "a.b.set[0].k").is_err());
    assert_eq!(in_state(&state, "a.flat"), Ok(json!({ "id": "f", "l": [] })));
}

#[test]
fn what_is_no_state_is_told_as_what_it_is() {
    for (text, message, help) in [
        ("<html>", "it is no Terraform state: not valid JSON", ""),
        ("[]", "it is no Terraform state: no JSON object", ""),
        ("{}", "it is no Terraform state: it has no `version`", ""),
        (r#"{"version":2}"#, "it is of version 2, and 3 and 4 are read", "writes it anew"),
        (r#"{"version":5}"#, "it is of version 5, and 3 and 4 are read", ""),
        (r#"{"encrypted_data":"x","encryption_version":"v0"}"#, "it is encrypted by OpenTofu", "tofu state pull"),
        (
            r#"{"version":3,"backend":{"type":"s3","config":{"bucket":"b","key":"a/k"}}}"#,
            "it holds no state, only where the state is",
            "name `s3://b/a/k`",
        ),
        (
            r#"{"version":3,"backend":{"type":"gcs","config":{"bucket":"b"}}}"#,
            "it holds no state, only where the state is",
            "backend `gcs`",
        ),
    ] {
        let told = read(text.as_bytes()).expect_err(text);
        assert!(told.message.starts_with(message) && told.help.contains(help), "{told:?}");
    }
}
