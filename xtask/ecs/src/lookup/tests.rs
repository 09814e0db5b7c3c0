use serde_json::{Value, json};

use super::*;

/// The lookups of a text, `SOURCE NAME` each.
fn lookups(text: &str) -> Vec<String> {
    let template = parse(text).unwrap_or_else(|flaw| panic!("{text}: {flaw:?}"));
    template.iter().flat_map(Template::lookups).map(|(_, it)| format!("{} {}", it.source, it.name)).collect()
}

/// The text with each lookup's value as this says.
fn filled(text: &str, value: &Value) -> Result<Value, String> {
    let template = parse(text).expect("it is well written").expect("it has lookups");
    template.fill(|_| Some(value)).map_err(|flaw| format!("{}: {}", &text[flaw.at], flaw.message))
}

#[test]
fn a_lookup_is_a_source_and_a_name() {
    for (text, found) in [
        ("${ssm:/app/host}", vec!["ssm /app/host"]),
        ("${cfn:network.VpcId}", vec!["cfn network.VpcId"]),
        ("${env:NAME:-a: b}", vec!["env NAME:-a: b"]),
        ("${account}", vec!["account "]),
        ("https://${account}.${region}.x/${env:PATH}", vec!["account ", "region ", "env PATH"]),
        (r#"${tfstate:aws_subnet.private["a"].id}"#, vec![r#"tfstate aws_subnet.private["a"].id"#]),
        (r#"${tfstate:x.y["}"].id}-${git:commit}"#, vec![r#"tfstate x.y["}"].id"#, "git commit"]),
        (r#"${tfstate:x.y["\"}"].id}"#, vec![r#"tfstate x.y["\"}"].id"#]),
        // A quote outside of an index is a letter as any other.
        (r#"${env:X:-"}"#, vec![r#"env X:-""#]),
        ("${vault:kv/data#key}", vec!["vault kv/data#key"]),
        ("é${ssm:/ü}é", vec!["ssm /ü"]),
    ] {
        assert_eq!(lookups(text), found, "{text}");
    }
}

#[test]
fn what_somebody_else_reads_is_left_alone() {
    for text in [
        "",
        "$",
        "$ {ssm:/x}",
        "plain",
        "${HOME}",
        "${home}",
        "${AWS::Region}",
        "${PATH:-/bin}",
        "${name:-x}",
        "${name:=x}",
        "${name:+x}",
        "${name:?not set}",
        "${{ github.sha }}",
        "${var.x}",
        "${}",
        "${",
        "${ssm",
        "${ssm}",
        "$(ssm:/x)",
        "{{ssm:/x}}",
    ] {
        assert_eq!(parse(text), Ok(None), "{text}");
    }
}

#[test]
fn a_doubled_dollar_stands_for_itself() {
    for (text, value) in [
        ("$${ssm:/x}", "${ssm:/x}"),
        ("a$${b}${ssm:/x}$${c}", "a${b}7${c}"),
        ("$${HOME}", "${HOME}"),
        ("$$${ssm:/x}", "$${ssm:/x}"),
        ("$$ ${ssm:/x}", "$$ 7"),
        ("${HOME} ${ssm:/x}", "${HOME} 7"),
    ] {
        assert_eq!(filled(text, &json!(7)), Ok(json!(value)), "{text}");
    }
}

#[test]
fn a_value_keeps_its_type_where_it_is_the_whole_and_becomes_text_where_it_is_not() {
    for value in [json!("a"), json!(7), json!(0.5), json!(true), json!([1, "b"]), json!({ "a": 1 }), json!("")] {
        assert_eq!(filled("${tfstate:x.y}", &value), Ok(value));
    }
    assert_eq!(filled("port ${tfstate:x.y}", &json!(80)), Ok(json!("port 80")));
    assert_eq!(filled("${tfstate:x.y} ", &json!(true)), Ok(json!("true ")));
    for (value, what) in [(json!([1]), "is a list inside of a text"), (json!({}), "is an object inside of a text")] {
        let error = filled("é ${ssm:/x}", &value);
        assert_eq!(error, Err(format!("${{ssm:/x}}: ${{ssm:/x}} {what}")));
    }
    for text in ["${ssm:/x}", "a ${ssm:/x}"] {
        assert_eq!(filled(text, &Value::Null), Err("${ssm:/x}: ${ssm:/x} is null".to_owned()));
    }
}

#[test]
fn a_flaw_is_told_with_its_bytes() {
    for (text, at, message) in [
        ("a ${ssm:/x", "${ssm:/x", "the lookup `${ssm:/x` has no end"),
        (r#"${tfstate:a.b["c}"#, r#"${tfstate:a.b["c}"#, r#"the lookup `${tfstate:a.b["c}` has no end"#),
        ("${ssm:}", "${ssm:}", "the lookup `${ssm:}` names nothing"),
        ("é${env: }", "${env: }", "the lookup `${env: }` names nothing"),
        ("${ssm:/${env:X}/y}", "${", "a lookup stands inside of another"),
        ("${env:X:-${env:Y}}", "${", "a lookup stands inside of another"),
    ] {
        let flaw = parse(text).expect_err(text);
        assert_eq!((&text[flaw.at], flaw.message.as_str()), (at, message));
        assert!(flaw.help.ends_with("write `$${` where `${` is meant as it stands"), "{}", flaw.help);
    }
}

#[test]
fn a_source_that_nobody_has_is_told_with_the_nearest() {
    let told = |source: &str| {
        let lookup = Lookup { source: source.to_owned(), name: "x".to_owned() };
        unknown_source(&lookup, &SOURCES)
    };
    let literal = "write `$${` where `${` is meant as it stands";
    assert_eq!(
        told("tfsate"),
        ("${tfsate:x}: there is no source `tfsate`".to_owned(), format!("did you mean `tfstate`?\n{literal}"))
    );
    assert_eq!(told("kubernetes").1, format!("the sources are `cfn`, `env`, `git`, `ssm`, `tfstate`\n{literal}"));
}

#[test]
fn no_text_can_upset_it() {
    let letters = ['$', '{', '}', ':', '[', ']', '"', '\\', 'a', 's', 'é', '-', '.'];
    let mut seed = 7_u32;
    for _ in 0..20_000 {
        let text: String = (0..12)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                letters[(seed >> 16) as usize % letters.len()]
            })
            .collect();
        match parse(&text) {
            Ok(Some(template)) => {
                for (at, lookup) in template.lookups() {
                    assert_eq!(text[at.clone()], lookup.to_string());
                }
            }
            Ok(None) => {}
            Err(flaw) => assert!(text.is_char_boundary(flaw.at.start) && text.is_char_boundary(flaw.at.end)),
        }
    }
}

#[test]
fn a_byte_of_a_text_is_found_in_the_literal_that_it_was_read_from() {
    for (literal, text) in [
        (r#""${ssm:/x}""#, "${ssm:/x}"),
        (r#""a\"b${ssm:/x}""#, "a\"b${ssm:/x}"),
        (r#""\u00e9\t\\ ${ssm:/x}""#, "\u{e9}\t\\ ${ssm:/x}"),
        (r"'C:\${ssm:/x}'", r"C:\${ssm:/x}"),
        ("\"\"\"\na\n${ssm:/x}\"\"\"", "a\n${ssm:/x}"),
        ("'''${ssm:/x}'''", "${ssm:/x}"),
    ] {
        let start = text.find('$').expect("it has a lookup");
        assert!(literal[offset(literal, start)..].starts_with("${ssm"), "{literal}");
    }
    assert_eq!((offset("", 3), offset("\"", 3), offset("\"a\"", 9)), (0, 1, 3));
}

#[test]
fn a_variable_that_is_not_set_has_its_default_or_is_missing() {
    let get = |name: &str| (name == "A").then(|| "a".to_owned());
    for (name, value) in [("A", "a"), ("A:-b", "a"), ("B:-b:-c", "b:-c"), ("B:-", "")] {
        assert_eq!(variable(name, get).expect(name), json!(value));
    }
    let missing = variable("B", get).expect_err("it is not set");
    assert_eq!(missing.message(), "the environment variable B is not set");
    assert_eq!(missing.help, ["set it, or write `${env:B:-DEFAULT}`"]);
}
