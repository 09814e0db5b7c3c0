//! Images of several platforms: a layout and a scan each, and one index under the tag.

use serde_json::{Value, json};
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

use crate::many::{docker, trivy};
use crate::support::{Run, Workspace, calls, layout, sandbox, tagged};

pub const BOTH: &str = "platforms = [\"linux/amd64\", \"linux/arm64\"]";

/// The sample, its image of these platforms.
pub fn workspace(platforms: &str) -> (Workspace, Sandbox) {
    let workspace = Workspace::sample();
    set(&workspace, platforms, "");
    for architecture in ["amd64", "arm64"] {
        let folder = workspace.root().join("built").join(format!("linux-{architecture}"));
        layout::write_for(&folder, architecture, &[b"the layer of all", architecture.as_bytes()]);
    }
    layout::write(&workspace.root().join("built/app"), &[b"the layer of all"]);
    docker(&workspace, "");
    trivy(&workspace, "");
    (workspace, sandbox(vec![]))
}

/// Has these keys in the image's table, and these in the whole one.
fn set(workspace: &Workspace, image: &str, all: &str) {
    workspace.change(&[
        ("dockerfile =", &format!("{image}\ndockerfile =")),
        ("region = \"ap-northeast-1\"\n", &format!("region = \"ap-northeast-1\"\n{all}\n")),
    ]);
}

/// A trivy that finds this in what is for linux/arm64.
pub fn finding_on_arm64(workspace: &Workspace) {
    let found = r#""Vulnerabilities": [{"VulnerabilityID": "CVE-2026-7", "PkgName": "openssl", "InstalledVersion": "1.0", "FixedVersion": "1.1", "Severity": "HIGH"}],"#;
    let script = include_str!("support/trivy.sh").replacen("\"Packages\"", "$found \"Packages\"", 1).replacen(
        "while [",
        &format!("case \"$PWD\" in *linux-arm64) found='{found}' ;; esac\nwhile ["),
        1,
    );
    workspace.tool("trivy", &script);
}

/// A manifest or an index as ECR has it.
pub fn in_ecr(sandbox: &Sandbox, digest: &str) -> Value {
    let asked = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageDigest": digest }],
        "acceptedMediaTypes": ["application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"] });
    let answer = sandbox.ecr("BatchGetImage", asked).unwrap();
    serde_json::from_str(answer["images"][0]["imageManifest"].as_str().expect("it is there")).unwrap()
}

pub fn verdicts(sandbox: &Sandbox, digest: &Value) -> usize {
    let asked = json!({ "repositoryName": "sample/app", "subjectId": { "imageDigest": digest } });
    sandbox.ecr("ListImageReferrers", asked).unwrap()["referrers"].as_array().unwrap().len()
}

/// The service's task definition asks for this.
fn wants(workspace: &Workspace, architecture: &str) {
    let path = workspace.root().join("app/ecs/task-definition.json");
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    document["runtimePlatform"] = json!({ "cpuArchitecture": architecture, "operatingSystemFamily": "LINUX" });
    workspace.write("app/ecs/task-definition.json", &document.to_string());
}

fn count(run: &Run, text: &str) -> usize {
    run.stderr.matches(text).count()
}

#[test]
fn each_platform_is_scanned_by_itself_and_the_tag_is_on_their_index() {
    let (workspace, sandbox) = workspace(BOTH);
    let run = workspace.xtask(&sandbox, &["release", "--format", "json"]);
    run.ends(0).says("Passed app (linux/amd64)").says("Passed app (linux/arm64)");
    let tag = tagged(&sandbox, "sample/app", "1.4.0").expect("the tag is in ECR");
    let index = in_ecr(&sandbox, &tag);
    let platforms: Vec<&Value> =
        index["manifests"].as_array().unwrap().iter().map(|entry| &entry["platform"]["architecture"]).collect();
    assert_eq!(platforms, ["amd64", "arm64"]);
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    for (place, entry) in index["manifests"].as_array().unwrap().iter().enumerate() {
        let digest = entry["digest"].as_str().unwrap();
        assert_eq!(in_ecr(&sandbox, digest)["annotations"]["xtask-ecs.made-by"], "cargo xtask release");
        assert_eq!(told["images"][0]["platforms"][place]["digest"], digest, "{}", run.stdout);
        assert_eq!(verdicts(&sandbox, &entry["digest"]), 1);
    }
    assert_eq!(verdicts(&sandbox, &json!(tag)), 1, "and one says it of all");
    let operations: Vec<String> = sandbox.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(operations.iter().filter(|operation| *operation == "ecr:PutImage").count(), 1);
    assert_eq!(
        operations.iter().rposition(|it| it.contains("Put") || it.contains("PUT")),
        operations.iter().position(|it| it == "ecr:PutImage")
    );
    let sent = calls(&sandbox, "registry:PUT blob");
    workspace.xtask(&sandbox, &["release"]).ends(0).says("1.4.0 is already");
    assert_eq!(calls(&sandbox, "registry:PUT blob"), sent);
}

#[test]
fn a_platform_that_is_refused_leaves_no_tag_on_any() {
    let (workspace, sandbox) = workspace(BOTH);
    finding_on_arm64(&workspace);
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(3).says("image `app (linux/arm64)` is refused by the scan gate").says("no tag was put");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);
    assert_eq!(calls(&sandbox, "ecr:PutImage"), 0);
    // Nor does one that could not be scanned.
    trivy(&workspace, "if [ $name = linux-arm64 ]; then echo 'panic: nil map' >&2; exit 2; fi");
    workspace.xtask(&sandbox, &["release"]).ends(1).says("trivy crashed on image `app (linux/arm64)`");
    assert_eq!(tagged(&sandbox, "sample/app", "1.4.0"), None);
}

#[test]
fn an_image_is_deployed_only_to_what_it_is_built_for() {
    let (workspace, sandbox) = workspace("");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    wants(&workspace, "ARM64");
    let before = sandbox.calls().len();
    let why = "image `app` of container `app` is built for linux/amd64, and the task definition asks for ARM64";
    workspace.xtask(&sandbox, &["deploy"]).ends(2).says(why);
    // What it is built for is what was built, and not what would be built today.
    set(&workspace, "platforms = [\"linux/arm64\"]", "");
    workspace.xtask(&sandbox, &["deploy"]).ends(2).says(why);
    assert!(sandbox.calls()[before..].iter().all(|call| !call.operation.contains("Register")));

    set(&workspace, BOTH, "");
    workspace.write("app/Cargo.toml", "[package]\nname = \"app\"\nversion = \"1.5.0\"\nedition = \"2024\"\n");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    workspace.xtask(&sandbox, &["deploy"]).ends(0).says("Deployed");
}

/// Has the service run on these.
fn runs_on(sandbox: &Sandbox, providers: &[&str]) {
    let item = |name: &&str| json!({ "capacityProvider": name, "weight": 1 });
    let strategy: Vec<Value> = providers.iter().map(item).collect();
    let update = json!({ "cluster": "sample", "service": "app", "capacityProviderStrategy": strategy });
    sandbox.ecs("UpdateService", update).unwrap();
}

fn provider(sandbox: &Sandbox, name: &str, makers: Option<Value>) {
    let group = json!({ "autoScalingGroupArn": "arn:aws:autoscaling:ap-northeast-1:123456789012:autoScalingGroup:1:autoScalingGroupName/one" });
    let managed = |makers: Value| {
        let template = json!({
            "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/one",
            "networkConfiguration": { "subnets": ["subnet-1"] },
            "instanceRequirements": { "vCpuCount": { "min": 1 }, "memoryMiB": { "min": 1024 }, "cpuManufacturers": makers },
        });
        json!({ "infrastructureRoleArn": "arn:aws:iam::123456789012:role/one", "instanceLaunchTemplate": template })
    };
    let input = match makers {
        None => json!({ "name": name, "autoScalingGroupProvider": group }),
        Some(makers) => json!({ "name": name, "cluster": "sample", "managedInstancesProvider": managed(makers) }),
    };
    sandbox.ecs("CreateCapacityProvider", input).unwrap();
}

#[test]
fn five_hundred_instances_are_looked_at_in_pages_and_what_more_there_are_keeps_nobody_from_deploying() {
    let (workspace, sandbox) = workspace("");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let path = workspace.root().join("app/ecs/task-definition.json");
    let document = std::fs::read_to_string(&path).unwrap();
    workspace.write("app/ecs/task-definition.json", &document.replace("\"FARGATE\"", "\"EC2\""));
    provider(&sandbox, "graviton", None);
    runs_on(&sandbox, &["graviton"]);
    let site = sandbox.site("123456789012", "ap-northeast-1");
    (0..500).for_each(|_| site.join("sample", "arm64", Some("graviton")));
    let why = "is built for linux/amd64, and the capacity of the service is ARM64";
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(2).says(why);
    let looked = |operation: &str| crate::support::calls(&sandbox, operation);
    let looks = || (looked("ecs:ListContainerInstances"), looked("ecs:DescribeContainerInstances"));
    assert_eq!(looks(), (5, 5));
    site.join("sample", "arm64", Some("graviton"));
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(0).does_not_say("built for");
    assert_eq!(looks(), (10, 10), "no sixth page is asked for");
}

#[test]
fn an_image_is_held_against_the_instances_that_a_service_runs_on_where_they_can_be_seen() {
    let (workspace, sandbox) = workspace("");
    workspace.xtask(&sandbox, &["release"]).ends(0);
    let path = workspace.root().join("app/ecs/task-definition.json");
    let document = std::fs::read_to_string(&path).unwrap();
    workspace.write("app/ecs/task-definition.json", &document.replace("\"FARGATE\"", "\"EC2\""));
    let site = sandbox.site("123456789012", "ap-northeast-1");
    let plan = |code: i32| {
        let run = workspace.xtask(&sandbox, &["deploy", "--plan"]);
        run.ends(code);
        run
    };
    let why = "image `app` of container `app` is built for linux/amd64, and the capacity of the service is ARM64";
    let looks = ["DescribeCapacityProviders", "ListContainerInstances", "DescribeContainerInstances"];
    let looked = || sandbox.calls().iter().filter(|call| looks.iter().any(|it| call.operation.ends_with(it))).count();
    plan(0);
    assert_eq!(looked(), 0, "Fargate is asked about nothing");

    provider(&sandbox, "graviton", None);
    runs_on(&sandbox, &["graviton"]);
    site.join("sample", "x86_64", Some("another"));
    plan(0);
    site.join("sample", "arm64", Some("graviton"));
    plan(2).says(why);
    let verified = workspace.xtask(&sandbox, &["verify"]);
    assert!(
        verified.stdout.contains("is built for linux/amd64, and the capacity of the service is ARM64"),
        "{verified}"
    );
    for look in looks {
        let refused = Effect::Error {
            status: 400,
            code: "AccessDeniedException".into(),
            message: "no".into(),
            retry_after: None,
        };
        sandbox.inject(Fault { call: format!("ecs:{look}"), which: Which::Nth(1), effect: refused });
        plan(0);
    }
    plan(2).says(why);
    // One that fits is enough, whatever else is there.
    site.join("sample", "x86_64", Some("graviton"));
    plan(0);

    provider(&sandbox, "ours", Some(json!(["amazon-web-services"])));
    provider(&sandbox, "theirs", Some(json!(["intel", "amd"])));
    provider(&sandbox, "any", Some(json!([])));
    for (providers, code) in
        [(&["ours"][..], 2), (&["theirs"], 0), (&["any"], 0), (&["ours", "theirs"], 0), (&["gone"], 0)]
    {
        runs_on(&sandbox, providers);
        plan(code);
    }
    runs_on(&sandbox, &["ours"]);
    let before = sandbox.calls().len();
    workspace.xtask(&sandbox, &["deploy"]).ends(2).says(why);
    assert!(sandbox.calls()[before..].iter().all(|call| !call.operation.contains("Register")));
    let policy = workspace.xtask(&sandbox, &["iam", "--command", "deploy"]);
    for look in looks {
        assert!(policy.ends(0).stdout.contains(&format!("ecs:{look}")), "{policy}");
    }
}

#[test]
fn a_rescan_of_an_index_looks_at_each_of_its_platforms_and_its_verdict_is_that_of_all() {
    let (workspace, sandbox) = workspace(BOTH);
    let gate = "evidence = []\ndeploy.gate = \"verdict\"";
    set(&workspace, BOTH, gate);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    workspace.xtask(&sandbox, &["deploy"]).ends(3).says("has no verdict attached");
    let run = workspace.xtask(&sandbox, &["rescan"]);
    assert_eq!(count(run.ends(0), "Attached verdict"), 3, "{}", run.stderr);
    workspace.xtask(&sandbox, &["deploy", "--plan"]).ends(0);
    // Whatever the configuration builds today.
    set(&workspace, "", gate);
    finding_on_arm64(&workspace);
    workspace.xtask(&sandbox, &["rescan"]).ends(3).says("image `app (linux/arm64)` is refused");
    workspace.xtask(&sandbox, &["deploy"]).ends(3).says("was refused on").says("CVE-2026-7");
}

#[test]
fn a_dockerfile_is_built_by_the_builder_that_is_named_and_its_absence_is_told_before_anything_is_built() {
    let (workspace, sandbox) = workspace("");
    set(&workspace, &format!("{BOTH}\nbuilder = \"fleet\""), "");
    let unknown = "case \"$*\" in *\"inspect fleet\") echo 'ERROR: no builder \"fleet\" found' >&2; exit 1 ;; esac";
    let script = std::fs::read_to_string(workspace.root().join("tools/docker")).unwrap();
    workspace.tool("docker", &script.replacen("case \"$1 $2\"", &format!("{unknown}\ncase \"$1 $2\""), 1));
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(2).says("image `app` is built by the buildx builder `fleet`, which is not there").says("no builder");
    run.does_not_say("Building");

    let known = "case \"$*\" in *bake*\"--builder fleet\"*) echo built by the fleet >&2 ;; *bake*) exit 9 ;; esac";
    workspace.tool("docker", &script.replacen("case \"$1 $2\"", &format!("{known}\ncase \"$1 $2\""), 1));
    workspace.xtask(&sandbox, &["release"]).ends(0);
}
