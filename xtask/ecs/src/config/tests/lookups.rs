//! Lookups in the configuration.

use std::cell::RefCell;
use std::path::Path;

use serde_json::{Value, json};

use super::{brief, nothing, spoilt, workspace};
use crate::config::{Answers, Config, Loaded, Origin, State, load, load_every, load_resolved};
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::lookup::Lookup;
use crate::sorted::SortedSet;

const TOP: &str = "account = \"123456789012\"";

/// Loads a configuration in which `answers` knows what every lookup stands for, by how it is written; and what was asked.
fn resolved(manifest: &str, answers: &dyn Fn(&str) -> Result<Value>) -> (Result<Loaded>, Vec<String>) {
    resolved_with(manifest, answers, &nothing)
}

fn resolved_with(
    manifest: &str,
    answers: &dyn Fn(&str) -> Result<Value>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> (Result<Loaded>, Vec<String>) {
    let folder = workspace(&[("Cargo.toml", manifest)]);
    let asked = RefCell::new(Vec::new());
    let look_up = |_: &Config, wanted: &SortedSet<Lookup>| -> Result<Answers> {
        asked.borrow_mut().extend(wanted.iter().map(ToString::to_string));
        Ok(wanted.iter().map(|lookup| (lookup.clone(), answers(&lookup.to_string()))).gather())
    };
    let loaded = load_resolved(folder.path(), environment, Some(&look_up));
    (loaded, asked.into_inner())
}

fn origin_of(loaded: &Loaded, name: &str) -> String {
    loaded.origins.of(name).map_or_else(String::new, Origin::to_string)
}

#[test]
fn a_value_is_what_its_lookup_stands_for_and_says_so() {
    let manifest = spoilt(&[
        (
            "cluster = \"sample\"",
            "cluster = \"${cfn:base.Cluster}\"\nservice = \"app-${ssm:/suffix}\"\ndesired-count = \"${tfstate:x.y.n}\"\nforce-new-deployment = \"${ssm:/force}\"",
        ),
        (
            "[workspace.metadata.xtask.images.app]",
            "[workspace.metadata.xtask.scan]\nseverity = \"${ssm:/severity}\"\n\n[workspace.metadata.xtask.images.app]",
        ),
    ]);
    let (loaded, asked) = resolved(&manifest, &|lookup| {
        Ok(match lookup {
            "${cfn:base.Cluster}" => json!("main"),
            "${ssm:/suffix}" => json!("blue"),
            "${tfstate:x.y.n}" => json!(3),
            "${ssm:/force}" => json!("true"),
            "${ssm:/severity}" => json!(["HIGH", "CRITICAL"]),
            other => panic!("{other}"),
        })
    });
    let loaded = loaded.unwrap_or_else(|failure| panic!("{failure}"));
    let service = &loaded.config.services["app"];
    assert_eq!((service.cluster.as_str(), service.service.as_str()), ("main", "app-blue"));
    assert_eq!((service.desired_count, service.force_new_deployment), (Some(3), true));
    assert_eq!(loaded.config.scan.severity.len(), 2);
    assert_eq!(origin_of(&loaded, "services.app.cluster"), "${cfn:base.Cluster} at Cargo.toml:20");
    assert_eq!(origin_of(&loaded, "services.app.desired-count"), "${tfstate:x.y.n} at Cargo.toml:22");
    assert_eq!(origin_of(&loaded, "services.app.containers"), "Cargo.toml:25");
    assert_eq!(asked.len(), 5, "each once and together: {asked:?}");
}

#[test]
fn what_is_known_here_is_asked_of_nobody() {
    let manifest = spoilt(&[
        (TOP, "account = \"${env:ACCOUNT}\""),
        ("region = \"ap-northeast-1\"", "region = \"${env:REGION:-eu-west-1}\""),
        ("cluster = \"sample\"", "cluster = \"c-${account}-${region}\""),
        (
            "dockerfile = \"app/Dockerfile\"",
            "dockerfile = \"app/Dockerfile\"\nargs = { HOME = \"${HOME}\", LITERAL = \"$${ssm:/x}\" }",
        ),
    ]);
    let folder = workspace(&[("Cargo.toml", &manifest)]);
    let account = |name: &str| (name == "ACCOUNT").then(|| "210987654321".to_owned());
    let loaded = load(folder.path(), &account).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(!loaded.stands_in);
    assert_eq!(loaded.config.account, "210987654321");
    assert_eq!(loaded.config.services["app"].cluster, "c-210987654321-eu-west-1");
    assert_eq!(origin_of(&loaded, "account"), "${env:ACCOUNT} at Cargo.toml:8");
    let args =
        loaded.origins.settings.iter().find(|setting| setting.key == "args").map(|setting| setting.value.clone());
    assert_eq!(args, Some(json!({ "HOME": "${HOME}", "LITERAL": "${ssm:/x}" })));
}

#[test]
fn every_failure_is_told_with_its_place_and_no_value_of_it_is_judged() {
    let manifest = spoilt(&[
        (TOP, "account = \"${env:ACCOUNT}\""),
        (
            "cluster = \"sample\"",
            "cluster = \"${cfn:base.Cluster}\"\nservice = \"a-${ssm:/x}-${ssm:/y}\"\ndesired-count = \"${ssm:/n}\"",
        ),
    ]);
    let (loaded, _) = resolved(&manifest, &|lookup| match lookup {
        "${ssm:/n}" => Ok(json!("many")),
        other => Err(Failure::usage(format_args!("{other}: no such thing")).help("write another")),
    });
    let failure = loaded.expect_err("it is faulty");
    // Nobody is asked before it is known where.
    assert_eq!(
        brief(&failure),
        "8:12 [${env:ACCOUNT}] the environment variable ACCOUNT is not set | set it, or write `${env:ACCOUNT:-DEFAULT}`"
    );
    let (loaded, _) = resolved(&manifest.replace("${env:ACCOUNT}", "123456789012"), &|lookup| match lookup {
        "${ssm:/n}" => Ok(json!("many")),
        other => Err(Failure::usage(format_args!("{other}: no such thing")).help("write another")),
    });
    let failure = loaded.expect_err("it is faulty");
    assert_eq!(failure.ending, Ending::Usage);
    assert_eq!(
        brief(&failure),
        "17:12 [${cfn:base.Cluster}] ${cfn:base.Cluster}: no such thing | write another\n\
         18:14 [${ssm:/x}] ${ssm:/x}: no such thing | write another\n\
         18:24 [${ssm:/y}] ${ssm:/y}: no such thing | write another\n\
         19:17 [\"${ssm:/n}\"] `services.app.desired-count` should be a whole number from 0 to 2147483647 | that is what ${ssm:/n} stands for"
    );
}

#[test]
fn a_source_that_cannot_be_reached_is_the_worlds_failure_and_a_mistake_beside_it_is_not() {
    let manifest = spoilt(&[("cluster = \"sample\"", "cluster = \"${cfn:base.Cluster}\"")]);
    let gone = |_: &str| Err(Failure::world("no route"));
    let failure = resolved(&manifest, &gone).0.expect_err("it is not answered");
    assert_eq!((failure.ending, failure.to_string().as_str()), (Ending::World, "Cargo.toml:17:12: no route"));
    let failure = resolved(&manifest.replace("tag = \"1.4.0\"", "tag = \"a b\""), &gone).0.expect_err("both");
    assert_eq!((failure.ending, failure.faults.len()), (Ending::Usage, 2));
    let folder = workspace(&[("Cargo.toml", &manifest)]);
    let nobody = |_: &Config, _: &SortedSet<Lookup>| -> Result<Answers> { Err(Failure::world("no credentials")) };
    let failure = load_resolved(folder.path(), &nothing, Some(&nobody)).expect_err("nobody can be asked");
    assert_eq!((failure.ending, failure.message()), (Ending::World, "no credentials"));
}

#[test]
fn what_must_be_known_first_asks_nobody_and_a_flaw_is_told_where_it_stands() {
    for (old, new, told) in [
        (
            TOP,
            "account = \"${ssm:/x}\"",
            "8:12 [${ssm:/x}] `account` must be known before anybody is asked | only `env`",
        ),
        (TOP, "account = \"${account}\"", "8:12 [${account}] ${account} is not known | write `account`"),
        (TOP, "account = \"${env:A\"", "8:12 [${env:A] the lookup `${env:A` has no end | close it with `}`"),
        (
            "cluster = \"sample\"",
            "cluster = \"${environment}\"",
            "17:12 [${environment}] ${environment} is not known | there are no environments",
        ),
        (
            "cluster = \"sample\"",
            "cluster = \"\\\"\\u00e9${tfstate:a[\\\"b\\\"]\"",
            "17:20 [${tfstate:a[\\\"b\\\"]] the lookup `${tfstate:a[\"b\"]` has no end",
        ),
        ("cluster = \"sample\"", "cluster = \"${ssm:}\"", "17:12 [${ssm:}] the lookup `${ssm:}` names nothing"),
    ] {
        let failure = super::errors_of(&spoilt(&[(old, new)]));
        assert!(brief(&failure).starts_with(told), "{}\n{told}", brief(&failure));
    }
    for table in ["slack]\nmention-on-failure = \"${ssm:/x}\"", "workflows]\nrole = \"${ssm:/x}\""] {
        let table = format!("[workspace.metadata.xtask.{table}\n\n[workspace.metadata.xtask.images.app]");
        let failure = super::errors_of(&spoilt(&[("[workspace.metadata.xtask.images.app]", &table)]));
        assert!(brief(&failure).contains("must be known before anybody is asked"), "{}", brief(&failure));
    }
}

#[test]
fn only_the_chosen_environment_asks_and_names_stand_in_elsewhere() {
    let manifest =
        spoilt(&[("cluster = \"sample\"\n", "cluster = \"${ssm:/cluster}\"\ndesired-count = \"${ssm:/n}\"\n")])
            + "\n[workspace.metadata.xtask.environments.staging]\nregion = \"eu-west-1\"\n\n\
           [workspace.metadata.xtask.environments.production.services.app]\ncluster = \"${ssm:/${x}\"\n";
    let manifest =
        manifest.replace("${ssm:/${x}", "${ssm:/${environment}").replace("${ssm:/${environment}", "p-${environment}");
    let staging = |name: &str| (name == "XTASK_ENVIRONMENT").then(|| "staging".to_owned());
    let answer = |lookup: &str| Ok(json!(if lookup == "${ssm:/n}" { "2" } else { "blue" }));
    let (loaded, asked) = resolved_with(&manifest, &answer, &staging);
    let loaded = loaded.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!((loaded.config.services["app"].cluster.as_str(), asked.len()), ("blue", 2));
    let folder = workspace(&[("Cargo.toml", &manifest)]);
    let every = load_every(folder.path(), &nothing).unwrap_or_else(|failure| panic!("{failure}"));
    let of = |name: &str| {
        every.iter().find(|loaded| loaded.config.environment.as_deref() == Some(name)).expect("it is read")
    };
    assert!(of("staging").stands_in && of("production").stands_in);
    // A name cannot stand in for a number: what is known before anybody is asked is all there is.
    assert_eq!(of("production").config.region, "ap-northeast-1");
}

#[test]
fn a_name_stands_in_where_nobody_is_asked() {
    let manifest = spoilt(&[("cluster = \"sample\"", "cluster = \"${cfn:base.Cluster}\"")]);
    let folder = workspace(&[("Cargo.toml", &manifest)]);
    let loaded = load(folder.path(), &nothing).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(loaded.stands_in);
    assert_eq!(loaded.config.services["app"].cluster, "cfn-base-cluster");
}

#[test]
fn the_state_is_a_file_an_object_or_an_address_and_may_be_another_one_in_an_environment() {
    let at = |lookups: &str| {
        let table = format!("[workspace.metadata.xtask.lookups]\n{lookups}\n\n[workspace.metadata.xtask.images.app]");
        let manifest = spoilt(&[("[workspace.metadata.xtask.images.app]", &table)]);
        let folder = workspace(&[("Cargo.toml", &manifest)]);
        let loaded = load(folder.path(), &nothing);
        loaded
            .map(|loaded| (loaded.config.lookups.tfstate.expect("it is written"), folder))
            .map_err(|failure| brief(&failure))
    };
    let (state, folder) = at("tfstate = \"infra/terraform.tfstate\"").expect("a file");
    assert_eq!(
        state,
        State::File(Path::new(&folder.path().canonicalize().expect("a path")).join("infra/terraform.tfstate"))
    );
    let (state, _folder) = at("tfstate = \"s3://states-${account}/a/b\"").expect("an object");
    assert_eq!(state, State::Object { bucket: "states-123456789012".to_owned(), key: "a/b".to_owned() });
    let (state, _folder) = at("tfstate = \"https://x.example/state\"").expect("an address");
    assert_eq!(state, State::Address("https://x.example/state".to_owned()));
    for (wrong, told) in [
        ("tfstate = \"s3://bucket\"", "this names no object in S3 | write `s3://BUCKET/KEY`"),
        ("tfstate = \"gs://bucket/key\"", "a state cannot be read by way of `gs://`"),
        ("tfstates = \"x\"", "unknown key `tfstates` | did you mean `tfstate`?"),
    ] {
        let error = at(wrong).expect_err(wrong);
        assert!(error.contains(told), "{error}");
    }
}
