//! A verdict, written down.

use serde_json::{Value, json};

use super::{Report, Summary};
use crate::config::Scan;
use crate::digest::Digest;
use crate::event::Finding;
use crate::gather::Gather;

/// The type of a verdict's statement.
pub(crate) const VERDICT: &str = "urn:xtask-ecs:verdict:v1";

/// What a scan said of a digest, and by which rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub digest: Digest,
    pub passed: bool,
    /// The day of the scan, `YYYY-MM-DD`, UTC: two scans of one day that say the same are one.
    pub day: String,
    /// Such as `trivy 0.76.0`.
    pub scanner: String,
    /// The moment that its database is of; empty where it does not say.
    pub database: String,
    /// The severities that refused.
    pub severity: Vec<String>,
    pub ignore_unfixed: bool,
    /// The findings' ids that were accepted, each with its last day.
    pub accepted: Vec<(String, String)>,
    /// The operating system that the scanner did not know and that was good enough; empty where it knew it.
    pub unknown_system: String,
    /// The ids of the findings that refused.
    pub findings: Vec<String>,
}

impl Record {
    /// `today` is `YYYY-MM-DD`.
    pub(crate) fn new(
        (digest, passed): (&Digest, bool),
        scanner: &str,
        (report, summary): (&Report, &Summary),
        scan: &Scan,
        today: &str,
    ) -> Self {
        let mut severity: Vec<String> = scan.severity.iter().map(|severity| severity.as_str().to_owned()).gather();
        severity.sort();
        // Both are YYYY-MM-DD, which sorts as text.
        let accepted = scan.ignore.iter().filter(|it| summary.matched.contains(&it.id) && it.until.as_str() >= today);
        let mut findings: Vec<String> = summary.findings.iter().map(|Finding { id, .. }| id.clone()).gather();
        findings.sort();
        findings.dedup();
        let unknown_system = if report.system_is_unknown { report.system.clone() } else { String::new() };
        Self {
            digest: digest.clone(),
            passed,
            day: today.to_owned(),
            scanner: scanner.to_owned(),
            database: report.database.clone(),
            severity,
            ignore_unfixed: scan.ignore_unfixed,
            accepted: accepted.map(|ignore| (ignore.id.clone(), ignore.until.clone())).gather(),
            unknown_system,
            findings,
        }
    }

    /// What is said of an index by what is said of its images: it passed where each of them did.
    pub(crate) fn of_index(digest: &Digest, images: &[Self]) -> Option<Self> {
        let (first, others) = images.split_first()?;
        let mut all = Self { digest: digest.clone(), ..first.clone() };
        for one in others {
            all.passed &= one.passed;
            all.database = std::mem::take(&mut all.database).min(one.database.clone());
            if one.unknown_system != all.unknown_system {
                let both = [&*all.unknown_system, &*one.unknown_system].join(" ");
                both.trim().clone_into(&mut all.unknown_system);
            }
            all.accepted.extend(one.accepted.iter().cloned());
            all.findings.extend(one.findings.iter().cloned());
        }
        all.accepted.sort();
        all.accepted.dedup();
        all.findings.sort();
        all.findings.dedup();
        Some(all)
    }

    /// An in-toto statement. Source: in-toto Attestation Framework, Statement v1.
    pub(crate) fn statement(&self) -> Vec<u8> {
        let accepted: Vec<Value> = self.accepted.iter().map(|(id, until)| json!({ "id": id, "until": until })).gather();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": self.digest.hex() } }],
            "predicateType": VERDICT,
            "predicate": {
                "result": if self.passed { "passed" } else { "refused" },
                "scannedOn": self.day,
                "scanner": self.scanner,
                "database": self.database,
                "policy": { "severity": self.severity, "ignoreUnfixed": self.ignore_unfixed },
                "accepted": accepted,
                "unknownSystem": self.unknown_system,
                "findings": self.findings,
            },
        });
        statement.to_string().into_bytes()
    }

    /// `None` of what is no such statement, or of several images.
    pub(crate) fn read(statement: &[u8]) -> Option<Self> {
        let statement: Value = serde_json::from_slice(statement).ok()?;
        let [subject] = statement["subject"].as_array()?.as_slice() else { return None };
        let digest = format!("sha256:{}", subject["digest"]["sha256"].as_str()?).parse().ok()?;
        let predicate = &statement["predicate"];
        let passed = match predicate["result"].as_str()? {
            "passed" => true,
            "refused" => false,
            _ => return None,
        };
        let text = |name: &str| predicate[name].as_str().unwrap_or_default().to_owned();
        let texts = |list: &Value| -> Option<Vec<String>> {
            list.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let accepted = |item: &Value| Some((item["id"].as_str()?.to_owned(), item["until"].as_str()?.to_owned()));
        (statement["predicateType"] == VERDICT).then_some(())?;
        Some(Self {
            digest,
            passed,
            day: predicate["scannedOn"].as_str()?.to_owned(),
            scanner: text("scanner"),
            database: text("database"),
            severity: texts(&predicate["policy"]["severity"])?,
            ignore_unfixed: predicate["policy"]["ignoreUnfixed"].as_bool()?,
            accepted: predicate["accepted"].as_array()?.iter().map(accepted).collect::<Option<_>>()?,
            unknown_system: text("unknownSystem"),
            findings: texts(&predicate["findings"])?,
        })
    }
}
