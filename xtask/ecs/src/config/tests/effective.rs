//! What a configuration comes to, and where each value is from.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{load, loaded, nothing, spoilt, workspace};
use crate::config::{
    Base, Builder, Compression, Config, Exits, FailFast, Loaded, OnInterrupt, Program, Severity, TaskDefinitionSource,
    images_named, render, services_named, to_json,
};
use crate::failure::Ending;

fn with_environment(manifest: &str, variables: &[(&str, &str)]) -> Loaded {
    let folder = workspace(&[("Cargo.toml", manifest)]);
    let environment =
        |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
    load(folder.path(), &environment).unwrap_or_else(|errors| panic!("{errors}"))
}

fn read(manifest: &str) -> Config {
    with_environment(manifest, &[]).config
}

#[test]
fn every_value_is_shown_with_its_origin() {
    let manifest = spoilt(&[
        ("region = \"ap-northeast-1\"\n", ""),
        ("tag = \"1.4.0\"", "tag = { package = \"app\" }"),
        (
            "[workspace.metadata.xtask.services.app]",
            "[workspace.metadata.xtask.scan]\nignore = [\n  { id = \"CVE-2026-1\", reason = \"never called\", until = \"2027-01-31\" },\n  \
             { id = \"CVE-2026-2\", reason = \"no fix\", until = 2027-02-28 },\n]\n\n[workspace.metadata.xtask.services.app]",
        ),
        ("cluster = \"sample\"\n", "rollout = { deadline = \"90m\" }\n"),
        ("[workspace.metadata.xtask]\n", "[workspace.metadata.xtask]\ncluster = \"sample\"\n"),
    ]);
    let folder = workspace(&[("Cargo.toml", &manifest)]);
    let environment = |name: &str| (name == "AWS_REGION").then(|| "cn-north-1".to_owned());
    let loaded = load(folder.path(), &environment).unwrap();
    let text = render(&loaded).replace(&folder.path().display().to_string(), "ROOT");
    assert_eq!(
        text,
        r#"# workspace: ROOT
# target:    ROOT/target  (default)

[workspace.metadata.xtask]
account  = "123456789012"                                      # Cargo.toml:9
region   = "cn-north-1"                                        # AWS_REGION
registry = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"  # default
cluster  = "sample"                                            # Cargo.toml:8
evidence = ["verdict"]                                         # default
lock     = false                                               # default

[workspace.metadata.xtask.images.app]
repository = "sample/app"      # Cargo.toml:12
tag        = "1.4.0"           # Cargo.toml:5, through Cargo.toml:13
platforms  = ["linux/amd64"]   # default
dockerfile = "app/Dockerfile"  # Cargo.toml:14
context    = "."               # default
args       = {}                # default
contexts   = {}                # default
secrets    = {}                # default
ssh        = []                # default
cache-from = []                # default
cache-to   = []                # default
binaries   = []                # default

[workspace.metadata.xtask.scan]
severity       = ["HIGH", "CRITICAL"]  # default
ignore-unfixed = true                  # default
ignore         = [                     # Cargo.toml:17
    { id = "CVE-2026-1", reason = "never called", until = "2027-01-31" },
    { id = "CVE-2026-2", reason = "no fix", until = "2027-02-28" },
]
accept-systems = []                    # default
timeout        = "10m"                 # default
args           = []                    # default

[workspace.metadata.xtask.services.app]
cluster              = "sample"                        # Cargo.toml:8
service              = "app"                           # default
task-definition      = "app/ecs/task-definition.json"  # Cargo.toml:24
containers           = { app = "app" }                 # Cargo.toml:25
force-new-deployment = false                           # default
after                = []                              # default
before-deploy        = []                              # default
after-deploy         = []                              # default

[workspace.metadata.xtask.services.app.rollout]
deadline     = "1h30m"     # Cargo.toml:23
poll         = "1s"        # default
on-interrupt = "leave"     # default
fail-fast    = "decisive"  # default
exits        = 3           # default
log-lines    = 20          # default

[workspace.metadata.xtask.deploy]
on-failure   = "stop"  # default
signed       = false   # default
verdict-days = 30      # default

[workspace.metadata.xtask.promotion]
by       = "copy"  # default
deadline = "30m"   # default

[workspace.metadata.xtask.slack]
quiet-when-nothing-to-do = false  # default

[workspace.metadata.xtask.workflows]
runner         = "ubuntu-24.04"  # default
lfs            = false           # default
submodules     = false           # default
slack          = "webhook"       # default
tags           = ["v*"]          # default
tag-must-match = true            # default
setup          = []              # default
env            = {}              # default
secrets        = []              # default
actions        = {}              # default
build-timeout  = "1h"            # default

[workspace.metadata.xtask.workflows.ci]
timeout = "1h"  # default
setup   = []    # default
run     = []    # default
"#
    );
}

#[test]
fn programs_get_the_same_as_json() {
    let folder = workspace(&[]);
    let json = to_json(&loaded(folder.path()));
    assert_eq!(json["root"], folder.path().display().to_string());
    let settings = json["settings"].as_array().unwrap();
    let of = |table: &str, key: &str| {
        settings.iter().find(|setting| setting["table"] == table && setting["key"] == key).unwrap().to_string()
    };
    assert_eq!(
        of("images.app", "repository"),
        r#"{"table":"images.app","key":"repository","value":"sample/app","origin":{"file":{"file":"Cargo.toml","line":12,"column":1}}}"#
    );
    assert_eq!(
        of("scan", "severity"),
        r#"{"table":"scan","key":"severity","value":["HIGH","CRITICAL"],"origin":"default"}"#
    );
}

#[test]
fn the_environment_fills_in_what_the_file_leaves_out() {
    let bare = spoilt(&[("account = \"123456789012\"\nregion = \"ap-northeast-1\"\n", "")]);
    let both = [("AWS_ACCOUNT_ID", "000000000001"), ("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "us-east-1")];
    let loaded = with_environment(&bare, &both);
    assert_eq!(loaded.config.registry, "000000000001.dkr.ecr.eu-west-1.amazonaws.com");
    assert_eq!(loaded.origins.of("account").unwrap().to_string(), "AWS_ACCOUNT_ID");
    assert_eq!(loaded.origins.of("region").unwrap().to_string(), "AWS_REGION");
    assert_eq!(loaded.origins.place("region"), None);
    assert_eq!(loaded.origins.place("services.app.cluster").unwrap().line, 15);
    assert_eq!(with_environment(&bare, &[both[0], ("AWS_REGION", ""), both[2]]).config.region, "us-east-1");
    let written = with_environment(super::GOOD, &both);
    assert_eq!((written.config.account.as_str(), written.config.region.as_str()), ("123456789012", "ap-northeast-1"));
}

#[test]
fn the_registry_is_the_accounts_unless_the_file_or_before_it_the_variable_says_otherwise() {
    let in_region = |region: &str| read(&super::GOOD.replace("ap-northeast-1", region)).registry;
    assert_eq!(in_region("cn-north-1"), "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn");
    assert_eq!(in_region("us-gov-west-1"), "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com");
    assert_eq!(in_region("eusc-de-east-1"), "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu");
    let file = spoilt(&[("region =", "registry = \"registry.example\"\nregion =")]);
    assert_eq!(read(&file).images["app"].reference.to_string(), "registry.example/sample/app:1.4.0");
    let loaded = with_environment(&file, &[("XTASK_REGISTRY", "127.0.0.1:5000")]);
    assert_eq!(loaded.config.images["app"].reference.to_string(), "127.0.0.1:5000/sample/app:1.4.0");
    assert_eq!(loaded.origins.of("registry").unwrap().to_string(), "XTASK_REGISTRY");
    for address in ["[::1]", "[::1]:5000", "localhost", "127.0.0.1:1"] {
        assert_eq!(with_environment(&file, &[("XTASK_REGISTRY", address)]).config.registry, address);
    }
}

#[test]
fn paths_are_absolute_and_without_detours() {
    let folder = workspace(&[(
        "Cargo.toml",
        &spoilt(&[(
            "\"app/Dockerfile\"",
            "\"./app/../app/Dockerfile\"\ncontexts = { data = \"app\", base = \"docker-image://x\" }",
        )]),
    )]);
    let loaded = loaded(folder.path());
    let shown = render(&loaded);
    assert!(shown.contains(r#"= "app/Dockerfile" "#), "{shown}");
    assert!(shown.contains(r#"= { base = "docker-image://x", data = "app" } "#), "{shown}");
    let config = loaded.config;
    let Builder::Dockerfile(dockerfile) = &config.images["app"].builder else { panic!("a dockerfile") };
    assert_eq!(dockerfile.file, folder.path().join("app/Dockerfile"));
    assert_eq!(dockerfile.context, folder.path());
    assert_eq!(dockerfile.platform, "linux/amd64");
    assert_eq!(Path::new(&dockerfile.contexts["data"]), folder.path().join("app"));
    assert_eq!(dockerfile.contexts["base"], "docker-image://x");
    let TaskDefinitionSource::File { file, .. } = &config.services["app"].task_definition else { panic!("a file") };
    assert_eq!(*file, folder.path().join("app/ecs/task-definition.json"));
}

#[test]
fn a_builder_of_the_repositorys_own_takes_a_platform_and_arguments() {
    let manifest = spoilt(&[(
        "dockerfile = \"app/Dockerfile\"",
        "builder = \"nix\"\nplatforms = [\"linux/arm64\"]\nargs = { attribute = \"image\" }",
    )]);
    let image = read(&manifest).images.remove("app").unwrap();
    assert_eq!((image.platform(), image.expected()), ("linux/arm64", None));
    let Builder::Own(own) = image.builder else { panic!("its own builder") };
    assert_eq!((own.builder.as_str(), own.args["attribute"].as_str()), ("nix", "image"));
}

#[test]
fn the_native_builder_has_defaults_and_takes_every_key() {
    let native = |keys: &str| {
        let manifest = spoilt(&[("dockerfile = \"app/Dockerfile\"", &format!("package = \"app\"\n{keys}"))]);
        match read(&manifest).images.remove("app").unwrap().builder {
            Builder::Package(package) => package,
            Builder::Dockerfile(_) | Builder::Own(_) => panic!("a package"),
        }
    };
    let defaults = native("");
    assert_eq!(
        (defaults.platform.as_str(), defaults.profile.as_str(), defaults.user.as_str(), defaults.workdir.as_str()),
        ("linux/amd64", "release", "65532:65532", "/")
    );
    assert!(defaults.base.is_none() && defaults.assets.is_empty() && defaults.compression == Compression::Gzip);
    let digest = "0".repeat(64);
    let package = native(&format!(
        "base = \"debian@sha256:{digest}\"\nassets = [{{ source = \"app\", path = \"/a\", mode = 0o755, owner = \"1:2\" }}, \
         {{ source = \"app/Cargo.toml\", path = \"/b\", mode = \"0600\" }}]\nports = [80, \"53/udp\"]\ncompression = \"zstd\"\n\
         args = [\"--port\", \"80\"]\nbin = \"server\"\nfeatures = [\"a\", \"sqlx/tls\"]\ndefault-features = false\nenv = {{ RUST_LOG = \"\" }}"
    ));
    assert!(matches!(package.base, Some(Base::Reference(reference)) if reference.ends_with(&digest)));
    let assets: Vec<_> =
        package.assets.iter().map(|asset| (asset.path.as_str(), asset.mode, asset.owner.as_str())).collect();
    assert_eq!(assets, [("/a", Some(0o755), "1:2"), ("/b", Some(0o600), "0:0")]);
    assert_eq!(package.ports, ["80/tcp", "53/udp"]);
    assert_eq!(package.args, ["--port", "80"]);
    assert_eq!(package.compression, Compression::Zstd);
    let program = Program {
        package: "app".to_owned(),
        bin: Some("server".to_owned()),
        features: vec!["a".to_owned(), "sqlx/tls".to_owned()],
        default_features: false,
    };
    assert_eq!(package.program, program);
    assert_eq!(defaults.program, Program::new("app"));
    assert_eq!(package.env["RUST_LOG"], "");
}

#[test]
fn programs_caches_and_the_ssh_agent_are_for_a_dockerfile() {
    let manifest = spoilt(&[(
        "dockerfile = \"app/Dockerfile\"",
        "dockerfile = \"app/Dockerfile\"\nssh = [\"default\"]\ncache-from = [\"type=gha\"]\ncache-to = [\"type=gha,mode=max\"]\n\
         binaries = [\"app\", { package = \"app\", bin = \"migrate\", features = [\"cli\"], default-features = false }]",
    )]);
    let loaded = with_environment(&manifest, &[]);
    let Builder::Dockerfile(dockerfile) = &loaded.config.images["app"].builder else { panic!("a dockerfile") };
    assert_eq!(dockerfile.ssh, ["default"]);
    assert_eq!(
        (&dockerfile.cache_from[..], &dockerfile.cache_to[..]),
        (&["type=gha".to_owned()][..], &["type=gha,mode=max".to_owned()][..])
    );
    let migrate = Program {
        package: "app".to_owned(),
        bin: Some("migrate".to_owned()),
        features: vec!["cli".to_owned()],
        default_features: false,
    };
    assert_eq!(dockerfile.binaries, [Program::new("app"), migrate]);
    let shown = render(&loaded);
    assert!(shown.contains("    \"app\",\n    { package = \"app\", bin = \"migrate\", features = [\"cli\"], default-features = false },"), "{shown}");
}

#[test]
fn a_base_can_be_a_layout_of_the_workspace() {
    let manifest = spoilt(&[("dockerfile = \"app/Dockerfile\"", "package = \"app\"\nbase = \"base\"")]);
    let folder = workspace(&[("Cargo.toml", &manifest), ("base/index.json", "{}")]);
    let config = loaded(folder.path()).config;
    let Builder::Package(package) = &config.images["app"].builder else { panic!("a package") };
    assert!(matches!(&package.base, Some(Base::Layout(layout)) if *layout == folder.path().join("base")));
}

#[test]
fn scan_and_rollout_have_defaults_and_take_every_key() {
    let config = read(super::GOOD);
    assert_eq!(config.scan.severity, [Severity::High, Severity::Critical]);
    assert!(config.scan.ignore_unfixed && config.scan.ignore.is_empty() && config.scan.args.is_empty());
    assert_eq!(config.scan.timeout, Duration::from_secs(600));
    let service = &config.services["app"];
    assert_eq!((service.service.as_str(), service.desired_count, service.force_new_deployment), ("app", None, false));
    assert_eq!(service.rollout.deadline, Duration::from_secs(900));
    assert_eq!(service.rollout.poll, Duration::from_secs(1));
    assert_eq!(service.rollout.on_interrupt, OnInterrupt::Leave);
    assert_eq!((service.rollout.fail_fast, service.rollout.exits), (FailFast::Decisive, Exits(Some(3))));
    let config = read(&spoilt(&[(
        "cluster = \"sample\"",
        "cluster = \"arn:aws:ecs:eu-west-1:123456789012:cluster/x\"\nservice = \"web\"\ndesired-count = 0\nforce-new-deployment = true\n\
         rollout = { deadline = \"1h30m\", poll = \"200ms\", on-interrupt = \"rollback\", fail-fast = \"off\", exits = \"off\" }",
    )]));
    let service = &config.services["app"];
    assert_eq!((service.service.as_str(), service.desired_count, service.force_new_deployment), ("web", Some(0), true));
    assert_eq!(service.rollout.deadline, Duration::from_secs(5_400));
    assert_eq!(service.rollout.poll, Duration::from_millis(200));
    assert_eq!(service.rollout.on_interrupt, OnInterrupt::Rollback);
    assert_eq!((service.rollout.fail_fast, service.rollout.exits), (FailFast::Off, Exits(None)));
}

#[test]
fn names_on_the_command_line_are_found_or_answered_with_the_nearest() {
    let config = read(super::GOOD);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(images_named(&config, &[]).unwrap().len(), 1);
    assert_eq!(images_named(&config, &names(&["app", "app"])).unwrap().len(), 1);
    let failure = images_named(&config, &names(&["ap", "worker"])).unwrap_err();
    assert_eq!(failure.ending, Ending::Usage);
    assert_eq!(
        failure.to_string(),
        "2 images are unknown:\n- no image is named `ap`\n  did you mean `app`?\n- no image is named `worker`\n  the images \
         are `app`"
    );
    let failure = services_named(&config, &names(&["api"])).unwrap_err();
    assert_eq!(failure.to_string(), "no service is named `api`\ndid you mean `app`?");
    let empty = Config { services: BTreeMap::default(), ..config };
    assert_eq!(
        services_named(&empty, &[]).unwrap_err().to_string(),
        "no service is configured\ndescribe one in Cargo.toml, under `[workspace.metadata.xtask.services.NAME]`"
    );
}

#[test]
fn images_without_services_are_a_configuration() {
    let manifest = &super::GOOD[..super::GOOD.find("[workspace.metadata.xtask.services").unwrap()];
    let folder = workspace(&[("Cargo.toml", manifest)]);
    assert!(load(folder.path(), &nothing).unwrap().config.services.is_empty());
}
