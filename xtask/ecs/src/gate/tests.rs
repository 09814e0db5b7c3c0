use std::collections::BTreeMap;

use super::*;
use crate::config::{Builder, Dockerfile};
use crate::oci::layout::Descriptor;
use crate::reference::Reference;

const CONFIG: &[u8] = b"config";

fn manifest() -> Manifest {
    let bytes = b"manifest".to_vec();
    let config = Descriptor { media_type: String::new(), digest: Digest::of(CONFIG), size: 6 };
    Manifest { digest: Digest::of(&bytes), media_type: String::new(), bytes, config, layers: Vec::new() }
}

fn image(expect: Option<&[&str]>) -> Image {
    let reference = Reference {
        registry: "registry".to_owned(),
        repository: "sample/app".parse().expect("a good name"),
        tag: "1.0.0".parse().expect("a good tag"),
    };
    let builder = Builder::Dockerfile(Dockerfile {
        file: "Dockerfile".into(),
        context: ".".into(),
        platform: "linux/amd64".to_owned(),
        builder: None,
        args: BTreeMap::new(),
        target: None,
        contexts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        ssh: Vec::new(),
        cache: None,
        cache_from: Vec::new(),
        cache_to: Vec::new(),
        binaries: Vec::new(),
    });
    let expect = expect.map(|kinds| kinds.iter().map(|&kind| kind.to_owned()).collect());
    Image { name: "app".to_owned(), reference, platforms: Vec::new(), builder, expect }
}

fn scan() -> Scan {
    Scan {
        at_once: None,
        severity: vec![Severity::High, Severity::Critical],
        ignore_unfixed: true,
        ignore: vec![Ignore { id: "CVE-1".to_owned(), reason: "no path".to_owned(), until: "2026-12-31".to_owned() }],
        accept_systems: Vec::new(),
        timeout: std::time::Duration::from_secs(1),
        args: Vec::new(),
        trivy: None,
    }
}

fn finding(id: &str, severity: &str, fixed: &str) -> Finding {
    Finding {
        package: "openssl".to_owned(),
        installed: "1.0".to_owned(),
        fixed: fixed.to_owned(),
        id: id.to_owned(),
        aliases: Vec::new(),
        severity: severity.to_owned(),
        target: "app".to_owned(),
        title: String::new(),
    }
}

fn report(findings: Vec<Finding>) -> Report {
    Report {
        image_id: Digest::of(CONFIG).to_string(),
        kinds: vec![("debian".to_owned(), 3)],
        findings,
        ..Report::default()
    }
}

fn verdict(findings: Vec<Finding>, today: &str) -> Verdict {
    judge(manifest(), &report(findings), &image(None), &scan(), today).expect("the report is about this image")
}

#[test]
fn only_fixable_findings_of_the_configured_severities_refuse() {
    let harmless = vec![finding("CVE-2", "MEDIUM", "1.1"), finding("CVE-3", "HIGH", "")];
    assert!(matches!(verdict(harmless, "2026-11-23"), Verdict::Passed(_)));
    let Verdict::Refused(summary) =
        verdict(vec![finding("CVE-4", "HIGH", "1.1"), finding("CVE-5", "CRITICAL", "1.1")], "2026-11-23")
    else {
        panic!("passed")
    };
    assert_eq!(summary.findings.iter().map(|finding| finding.id.as_str()).collect::<Vec<_>>(), ["CVE-5", "CVE-4"]);
}

#[test]
fn a_severity_that_nobody_knows_yet_refuses() {
    assert!(matches!(verdict(vec![finding("CVE-6", "APOCALYPTIC", "1.1")], "2026-11-23"), Verdict::Refused(_)));
}

#[test]
fn an_accepted_finding_passes_until_its_day_and_counts_again_after_it() {
    let Verdict::Passed(passed) = verdict(vec![finding("CVE-1", "HIGH", "1.1")], "2026-12-31") else {
        panic!("refused on its last day")
    };
    assert_eq!(passed.summary().ignored, ["CVE-1"]);
    let Verdict::Refused(summary) = verdict(vec![finding("CVE-1", "HIGH", "1.1")], "2027-01-01") else {
        panic!("passed after its day")
    };
    assert_eq!(summary.expired, ["CVE-1 (accepted until 2026-12-31: no path)"]);
}

#[test]
fn a_report_about_another_image_is_no_verdict() {
    let mut other = report(Vec::new());
    other.image_id = Digest::of(b"another").to_string();
    let error = judge(manifest(), &other, &image(None), &scan(), "2026-11-23").expect_err("is about another image");
    assert!(error.to_string().contains("speaks of another image"), "{error}");
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn an_empty_report_is_no_verdict_unless_the_configuration_expects_nothing() {
    let empty = Report { kinds: Vec::new(), ..report(Vec::new()) };
    let error = judge(manifest(), &empty, &image(None), &scan(), "2026-11-23").expect_err("saw nothing");
    assert!(error.to_string().contains("saw nothing"), "{error}");
    assert!(judge(manifest(), &empty, &image(Some(&[])), &scan(), "2026-11-23").is_ok());
}

#[test]
fn a_kind_without_a_package_is_nothing_seen() {
    let stripped = Report { kinds: vec![("debian".to_owned(), 0)], ..report(Vec::new()) };
    for expect in [None, Some(&["debian"][..])] {
        let verdict = judge(manifest(), &stripped, &image(expect), &scan(), "2026-11-23");
        assert!(verdict.is_err(), "{expect:?}: {verdict:?}");
    }
}

#[test]
fn a_base_that_gets_no_more_updates_is_told() {
    let json =
        br#"{"Metadata":{"ImageID":"sha256:abc","OS":{"Family":"debian","Name":"9.13","EOSL":true}},"Results":[]}"#;
    let report = Report::parse(json).expect("is trivy's");
    assert!(report.warnings[0].contains("debian 9.13, gets no security updates"), "{:?}", report.warnings);
}

#[test]
fn a_rust_binary_that_is_expected_and_not_seen_is_no_verdict() {
    let error = judge(manifest(), &report(Vec::new()), &image(Some(&["rustbinary"])), &scan(), "2026-11-23")
        .expect_err("holds no rustbinary");
    assert!(error.to_string().contains(".dep-v0"), "{error}");
}

/// As trivy 0.76 reports an image that holds a program, a Cargo.lock and an SBOM, and a layer that replaces the program.
const LISTS: &[u8] = br#"{ "Metadata": { "ImageID": "sha256:abc" }, "Results": [
    { "Target": "opt/bom.cdx.json", "Class": "lang-pkgs", "Type": "cargo", "Packages": [{ "ID": "leaf@1.0.0" }],
      "Vulnerabilities": [{ "VulnerabilityID": "CVE-1", "PkgName": "leaf", "Severity": "HIGH" }] },
    { "Target": "src/Cargo.lock", "Class": "lang-pkgs", "Type": "cargo", "Packages": [{ "ID": "leaf@1.0.0" }],
      "Vulnerabilities": [{ "VulnerabilityID": "CVE-1", "PkgName": "leaf", "Severity": "HIGH" }] },
    { "Target": "usr/bin/app", "Class": "lang-pkgs", "Type": "rustbinary",
      "Packages": [{ "ID": "app@1.0.0", "Layer": { "Digest": "sha256:d", "DiffID": "sha256:below" } }],
      "Vulnerabilities": [{ "VulnerabilityID": "CVE-2", "PkgName": "leaf", "Severity": "HIGH" }] }] }"#;

#[test]
fn a_finding_in_a_file_that_only_lists_crates_is_told_as_that() {
    let report = Report::parse(LISTS).expect("is trivy's");
    let lines = table(&report.findings);
    assert!(lines[1].ends_with("opt/bom.cdx.json (only a list of crates)"), "{lines:#?}");
    assert!(lines[2].ends_with("src/Cargo.lock (only a list of crates)"), "{lines:#?}");
    assert!(lines[3].ends_with("HIGH      usr/bin/app"), "{lines:#?}");
    let advice = only_lists(&report.findings).expect("two are only lists");
    assert!(advice.starts_with("nothing runs opt/bom.cdx.json, src/Cargo.lock, which only lists crates"), "{advice}");
    assert_eq!(only_lists(&report.findings[2..]), None);
}

#[test]
fn a_program_that_a_layer_above_has_replaced_is_not_seen() {
    let mut report = Report::parse(LISTS).expect("is trivy's");
    assert_eq!(
        (report.programs[0].path.as_str(), report.programs[0].diff_id.as_str()),
        ("usr/bin/app", "sha256:below")
    );
    report.image_id = Digest::of(CONFIG).to_string();
    let program = report.programs[0].clone();
    let judged = |report: &Report| judge(manifest(), report, &image(Some(&["rustbinary"])), &scan(), "2026-11-23");
    assert!(judged(&report).is_ok());
    report.unsee(&program);
    let error = judged(&report).expect_err("none is seen any more").to_string();
    for cause in
        ["holds no `rustbinary` result", "the list of its crates", "upx", "executable", "no package of the system"]
    {
        assert!(error.contains(cause), "{cause}: {error}");
    }
    assert!(report.warnings[0].contains("usr/bin/app from a layer below"), "{:?}", report.warnings);
    assert_eq!(report.findings[2].target, "usr/bin/app (of a layer below)");
}

#[test]
fn the_table_is_aligned() {
    let lines = table(&[finding("CVE-2026-1", "HIGH", "1.1")]);
    assert_eq!(
        lines,
        [
            "PACKAGE  INSTALLED  FIXED IN  ID          SEVERITY  TARGET",
            "openssl  1.0        1.1       CVE-2026-1  HIGH      app",
        ]
    );
}

#[test]
fn what_a_finding_says_stays_in_its_row_and_a_long_name_moves_no_other() {
    let long = Finding { package: "p".repeat(200), target: "a\nb".to_owned(), ..finding("CVE-2026-2", "HIGH", "") };
    let lines = table(&[finding("CVE-2026-1", "HIGH", "1.1"), long]);
    assert_eq!(lines[1], "openssl  1.0        1.1       CVE-2026-1  HIGH      app");
    assert_eq!(lines[2], format!("{}  1.0        -         CVE-2026-2  HIGH      a b", "p".repeat(200)));
    assert_eq!(lines.len(), 3);
}

#[test]
fn reads_what_trivy_writes() {
    let json = br#"{"SchemaVersion":2,"ArtifactName":"layout","Metadata":{"ImageID":"sha256:abc","OS":{"Family":"debian"}},
        "Results":[{"Target":"layout (debian 12.1)","Class":"os-pkgs","Type":"debian","Packages":[{"ID":"a"},{"ID":"b"}],
        "Vulnerabilities":[{"VulnerabilityID":"CVE-7","PkgName":"a","InstalledVersion":"1","FixedVersion":"2","Severity":"HIGH","Title":"t"}]}]}"#;
    let report = Report::parse(json).expect("is trivy's");
    assert_eq!(report.image_id, "sha256:abc");
    assert_eq!(report.kinds, [("debian".to_owned(), 2)]);
    assert_eq!(report.findings[0].fixed, "2");
}
