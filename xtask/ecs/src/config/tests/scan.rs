use super::check;

#[test]
fn severities_are_trivys() {
    check(
        "[workspace.metadata.xtask.services.app]",
        &[
            (
                r#"[workspace.metadata.xtask.scan]
severity = ["HIHG"]

[workspace.metadata.xtask.services.app]"#,
                r#"17:13 ["HIHG"] `HIHG` is not a valid `severity[0]` | did you mean `HIGH`?"#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
severity = ["high", "SEVERE"]

[workspace.metadata.xtask.services.app]"#,
                r#"17:13 ["high"] `high` is not a valid `severity[0]` | did you mean `HIGH`?
17:21 ["SEVERE"] `SEVERE` is not a valid `severity[1]` | the choices are `UNKNOWN`, `LOW`, `MEDIUM`, `HIGH`, `CRITICAL`"#,
            ),
            (
                "[workspace.metadata.xtask.scan]
severity = []

[workspace.metadata.xtask.services.app]",
                r#"17:12 [[]] `severity` is empty: no finding would refuse an image | name at least one, such as "CRITICAL""#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
severity = "HIGH"

[workspace.metadata.xtask.services.app]"#,
                r#"17:12 ["HIGH"] `scan.severity` is a string, and should be an array | write `["HIGH"]`"#,
            ),
            (
                "[workspace.metadata.xtask.scan]
severity = [1]

[workspace.metadata.xtask.services.app]",
                "17:13 [1] `scan.severity[0]` is an integer, and should be a string | write it in quotes",
            ),
        ],
    );
}

#[test]
fn an_ignored_finding_has_a_reason_and_a_last_day() {
    check(
        "[workspace.metadata.xtask.services.app]",
        &[
            (
                r#"[workspace.metadata.xtask.scan]
ignore = [{ id = "CVE-2026-1", until = "2027-01-31" }]

[workspace.metadata.xtask.services.app]"#,
                r#"17:11 [{ id = "CVE-2026-1", until = "2027-01-31" }] `scan.ignore[0]` has no `reason` | say why the finding can wait: `reason = "…"`"#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = [{ id = "CVE-2026-1", reason = "", until = "2027-01-31" }]

[workspace.metadata.xtask.services.app]"#,
                r#"17:41 [""] `scan.ignore[0].reason` is empty"#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = [{ id = "CVE-2026-1", reason = "x" }]

[workspace.metadata.xtask.services.app]"#,
                r#"17:11 [{ id = "CVE-2026-1", reason = "x" }] `scan.ignore[0]` has no `until` | say until when it can wait: `until = "2027-01-31"`"#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = [{ reason = "x", until = "2027-01-31" }]

[workspace.metadata.xtask.services.app]"#,
                r#"17:11 [{ reason = "x", until = "2027-01-31" }] `scan.ignore[0]` has no `id` | which finding: add `id = "CVE-…"`"#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = [{ id = "CVE-2026-1", reason = "x", until = "31.01.2027" }]

[workspace.metadata.xtask.services.app]"#,
                r#"17:54 ["31.01.2027"] `31.01.2027` is not a valid `until` | a day is written "2027-01-31""#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = [{ id = "CVE-2026-1", reason = "x", until = "2027-02-29" }]

[workspace.metadata.xtask.services.app]"#,
                r#"17:54 ["2027-02-29"] `2027-02-29` is not a valid `until` | a day is written "2027-01-31""#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = [{ id = "CVE-2026-1", reason = "x", until = 2027-01-31T00:00:00Z }]

[workspace.metadata.xtask.services.app]"#,
                r#"17:54 [2027-01-31T00:00:00Z] `scan.ignore[0].until` is a date or time, and should be a day | a day is written "2027-01-31""#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = [{ id = "CVE-2026-1", reason = "x", until = 20270131 }]

[workspace.metadata.xtask.services.app]"#,
                r#"17:54 [20270131] `scan.ignore[0].until` is an integer, and should be a day | a day is written "2027-01-31""#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = [{ id = "CVE-2026-1", raeson = "x", until = "2027-01-31" }]

[workspace.metadata.xtask.services.app]"#,
                "17:32 [raeson] unknown key `raeson` | did you mean `reason`?",
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = ["CVE-2026-1"]

[workspace.metadata.xtask.services.app]"#,
                r#"17:11 ["CVE-2026-1"] `scan.ignore[0]` is a string, and should be a table"#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
ignore = { id = "CVE-2026-1" }

[workspace.metadata.xtask.services.app]"#,
                r#"17:10 [{ id = "CVE-2026-1" }] `scan.ignore` is a table, and should be an array"#,
            ),
        ],
    );
}

#[test]
fn scan_options_have_their_types() {
    check(
        "[workspace.metadata.xtask.services.app]",
        &[
            (
                "[workspace.metadata.xtask.scan]
ignore_unfixed = true

[workspace.metadata.xtask.services.app]",
                "17:1 [ignore_unfixed] unknown key `ignore_unfixed` | did you mean `ignore-unfixed`?",
            ),
            (
                "[workspace.metadata.xtask.scan]
ignore-unfixed = 1

[workspace.metadata.xtask.services.app]",
                "17:18 [1] `scan.ignore-unfixed` is an integer, and should be true or false",
            ),
            (
                "[workspace.metadata.xtask.scan]
timeout = 600

[workspace.metadata.xtask.services.app]",
                r#"17:11 [600] `scan.timeout` is an integer, and should be a duration | write the unit: "600s" for seconds, "600m" for minutes"#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
args = ["--cache-dir=/c", "--skip-db-update", "--skip-dirs=/usr"]

[workspace.metadata.xtask.services.app]"#,
                r#"17:47 ["--skip-dirs=/usr"] `--skip-dirs` is not an argument that the scan gate takes | taken are those that say where the database is, such as `--cache-dir` and `--skip-db-update`; what refuses is set by `severity` and `ignore-unfixed`, and a finding that can wait stands in `ignore`"#,
            ),
            (
                r#"[workspace.metadata.xtask.scan]
args = "--quiet"

[workspace.metadata.xtask.services.app]"#,
                r#"17:8 ["--quiet"] `scan.args` is a string, and should be an array | write `["--quiet"]`"#,
            ),
        ],
    );
}

#[test]
fn evidence_and_the_gate_before_a_deploy_have_their_words() {
    check(
        "region = \"ap-northeast-1\"",
        &[
            (
                "region = \"ap-northeast-1\"\nevidence = [\"verdct\"]",
                "10:13 [\"verdct\"] `verdct` is not a valid `evidence[0]` | did you mean `verdict`?",
            ),
            (
                "region = \"ap-northeast-1\"\ndeploy.gate = \"sbom\"",
                "10:15 [\"sbom\"] `sbom` is not a valid `gate` | the choices are `verdict`",
            ),
            (
                "region = \"ap-northeast-1\"\nscan.at-once = 0",
                "10:16 [0] `at-once` is 0: nothing would ever be scanned | 1 scans one image after the other",
            ),
        ],
    );
}
