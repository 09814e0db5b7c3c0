use super::check;
use crate::config::WhenLocked;

#[test]
fn an_account_has_twelve_digits() {
    check(
        r#"account = "123456789012""#,
        &[
            (
                r#"account = "12345678901""#,
                r#"8:11 ["12345678901"] `12345678901` is not a valid `account` | an AWS account's number has twelve digits"#,
            ),
            (
                r#"account = "12345678901x""#,
                r#"8:11 ["12345678901x"] `12345678901x` is not a valid `account` | an AWS account's number has twelve digits"#,
            ),
            (
                "account = 123456789012",
                r#"8:11 [123456789012] `account` is an integer, and should be a string | write it in quotes, leading zeros too: "123456789012""#,
            ),
            ("account = true", "8:11 [true] `account` is a boolean, and should be a string | write it in quotes"),
            (r#"account = """#, r#"8:11 [""] `account` is empty | an AWS account's number has twelve digits"#),
        ],
    );
}

#[test]
fn a_region_has_the_shape_of_one() {
    check(
        r#"region = "ap-northeast-1""#,
        &[
            (
                r#"region = "tokyo""#,
                r#"9:10 ["tokyo"] `tokyo` is not a valid `region` | a region looks like `ap-northeast-1`"#,
            ),
            (
                r#"region = "ap-northeast-1a""#,
                r#"9:10 ["ap-northeast-1a"] `ap-northeast-1a` is not a valid `region` | a region looks like `ap-northeast-1`"#,
            ),
            (
                r#"region = "AP-NORTHEAST-1""#,
                r#"9:10 ["AP-NORTHEAST-1"] `AP-NORTHEAST-1` is not a valid `region` | a region looks like `ap-northeast-1`"#,
            ),
            (
                r#"region = ["ap-northeast-1"]"#,
                r#"9:10 [["ap-northeast-1"]] `region` is an array, and should be a string"#,
            ),
        ],
    );
}

#[test]
fn what_is_missing_is_named_with_every_way_to_give_it() {
    check(
        r#"account = "123456789012"
region = "ap-northeast-1"
"#,
        &[(
            "",
            r#"7:1 [[workspace.metadata.xtask]] `[workspace.metadata.xtask]` has no `account` | add `account = "123456789012"`, or set AWS_ACCOUNT_ID
7:1 [[workspace.metadata.xtask]] `[workspace.metadata.xtask]` has no `region` | add `region = "ap-northeast-1"`, or set AWS_REGION or AWS_DEFAULT_REGION"#,
        )],
    );
}

#[test]
fn a_registry_is_a_host_with_or_without_a_port() {
    check(
        r#"region = "ap-northeast-1""#,
        &[
            (
                r#"region = "ap-northeast-1"
registry = "https://registry.example""#,
                r#"10:12 ["https://registry.example"] `https://registry.example` is not a valid `registry` | a registry is `HOST` or `HOST:PORT`, without `https://` and without a path"#,
            ),
            (
                r#"region = "ap-northeast-1"
registry = "registry.example/team""#,
                r#"10:12 ["registry.example/team"] `registry.example/team` is not a valid `registry` | a registry is `HOST` or `HOST:PORT`, without `https://` and without a path"#,
            ),
            (
                r#"region = "ap-northeast-1"
registry = "registry.example:0""#,
                r#"10:12 ["registry.example:0"] `registry.example:0` is not a valid `registry` | a registry is `HOST` or `HOST:PORT`, without `https://` and without a path"#,
            ),
            (
                r#"region = "ap-northeast-1"
registry = ":5000""#,
                r#"10:12 [":5000"] `:5000` is not a valid `registry` | a registry is `HOST` or `HOST:PORT`, without `https://` and without a path"#,
            ),
            (
                r#"region = "ap-northeast-1"
registry = 5000"#,
                "10:12 [5000] `registry` is an integer, and should be a string | write it in quotes",
            ),
        ],
    );
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest_or_with_all() {
    check(
        r#"region = "ap-northeast-1""#,
        &[
            (
                r#"region = "ap-northeast-1"
reigon = "x""#,
                "10:1 [reigon] unknown key `reigon` | did you mean `region`?",
            ),
            (
                r#"region = "ap-northeast-1"
image = {}"#,
                "10:1 [image] unknown key `image` | did you mean `images`?",
            ),
            (
                r#"region = "ap-northeast-1"
zzz = 1"#,
                "10:1 [zzz] unknown key `zzz` | known keys are `account`, `region`, `registry`, `cluster`, `role`, `images`, `scan`, `evidence`, `evidence-key`, `services`, `tasks`, `schedules`, `deploy`, `promotion`, `lock`, `slack`, `workflows`, `lookups`, `environments`, `default-environment`",
            ),
            (
                r#"region = "ap-northeast-1"
"é\u0007" = 1"#,
                r#"10:1 ["é\u0007"] unknown key `é\u{7}` | known keys are `account`, `region`, `registry`, `cluster`, `role`, `images`, `scan`, `evidence`, `evidence-key`, `services`, `tasks`, `schedules`, `deploy`, `promotion`, `lock`, `slack`, `workflows`, `lookups`, `environments`, `default-environment`"#,
            ),
            (
                r#"region = "ap-northeast-1"
images-dir.x = 1"#,
                "10:1 [images-dir] unknown key `images-dir` | did you mean `images`?",
            ),
            (r#"regoin = "ap-northeast-1""#, "9:1 [regoin] unknown key `regoin` | did you mean `region`?"),
        ],
    );
}

#[test]
fn a_table_is_where_a_table_should_be() {
    check(
        "[workspace.metadata.xtask]
",
        &[(
            "[workspace.metadata.xtask]
scan = 1
",
            "8:8 [1] `scan` is an integer, and should be a table",
        )],
    );
}

#[test]
fn a_lock_is_true_false_or_a_table_of_how_long_and_what_then() {
    let region = r#"region = "ap-northeast-1""#;
    let good = |lock: &str| {
        let folder = super::workspace(&[("Cargo.toml", &super::spoilt(&[(region, &format!("{region}\n{lock}"))]))]);
        let lock = super::loaded(folder.path()).config.lock;
        (lock.deploys, lock.expires.as_secs(), lock.when_locked)
    };
    assert_eq!(good(""), (false, 3600, WhenLocked::Refuse));
    assert_eq!(good("lock = true"), (true, 3600, WhenLocked::Refuse));
    assert_eq!(good("lock = {}"), (true, 3600, WhenLocked::Refuse));
    assert_eq!(good(r#"lock = { expires = "2h", when-locked = "wait" }"#), (true, 7200, WhenLocked::Wait));
    check(
        region,
        &[
            ("region = \"ap-northeast-1\"\nlock = 1", "10:8 [1] `lock` is an integer, and should be true or false"),
            (
                "region = \"ap-northeast-1\"\nlock = { expires = 5 }",
                r#"10:20 [5] `lock.expires` is an integer, and should be a duration | write the unit: "5s" for seconds, "5m" for minutes"#,
            ),
            (
                "region = \"ap-northeast-1\"\nlock = { when-locked = \"refus\" }",
                r#"10:24 ["refus"] `refus` is not a valid `when-locked` | did you mean `refuse`?"#,
            ),
        ],
    );
}

#[test]
fn a_key_that_signs_is_an_arn_an_alias_or_a_table_with_its_public_half() {
    let region = r#"region = "ap-northeast-1""#;
    let good = |key: &str| {
        let files = [("Cargo.toml", super::spoilt(&[(region, &format!("{region}\nevidence-key = {key}"))]))];
        let folder = super::workspace(&[("Cargo.toml", &files[0].1), ("evidence.pem", "")]);
        super::loaded(folder.path()).config.evidence_key.expect("it is written")
    };
    for key in [
        "alias/evidence",
        "arn:aws:kms:eu-west-1:222222222222:alias/a/b",
        "arn:aws-cn:kms:cn-north-1:222222222222:key/mrk-1",
    ] {
        assert_eq!(good(&format!("{key:?}")).kms, key);
    }
    let pinned = good(r#"{ kms = "alias/evidence", public-key = "evidence.pem" }"#);
    assert!(pinned.public.is_some_and(|path| path.ends_with("evidence.pem")));
    let says = "a key is named by its ARN, `arn:aws:kms:REGION:ACCOUNT:key/ID`, by its alias's, or as `alias/NAME`";
    let wrong = |key: &str| {
        let line = format!("{region}\nevidence-key = {key:?}");
        (line, format!("10:16 [{key:?}] `{key}` is not a valid `evidence-key` | {says}"))
    };
    let all = [
        "evidence",
        "alias/",
        "alias/a b",
        "arn:aws:kms:eu-west-1:22:key/x",
        "arn:aws:s3:eu-west-1:222222222222:key/x",
    ]
    .map(wrong);
    check(region, &all.each_ref().map(|(line, fault)| (line.as_str(), fault.as_str())));
    check(
        region,
        &[(
            "region = \"ap-northeast-1\"\nevidence-key = { public-key = \"Cargo.toml\" }",
            "10:16 [{ public-key = \"Cargo.toml\" }] `evidence-key` has no `kms` | add `kms = \"alias/evidence\"`",
        )],
    );
}
