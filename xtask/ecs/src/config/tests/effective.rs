use super::super::render;
use super::{loaded, workspace};

#[test]
fn every_value_is_shown_with_its_origin() {
    let folder = workspace(&[]);
    let text = render(&loaded(folder.path())).replace(&folder.path().display().to_string(), "ROOT");
    assert_eq!(
        text,
        r#"# workspace: ROOT
# target:    ROOT/target  (default)

[workspace.metadata.xtask]
account  = "123456789012"    # Cargo.toml:8
region   = "ap-northeast-1"  # Cargo.toml:9
registry = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"  # default

[workspace.metadata.xtask.images.app]
repository = "sample/app"      # Cargo.toml:12
tag        = "1.4.0"           # Cargo.toml:13
dockerfile = "app/Dockerfile"  # Cargo.toml:14
context    = "."               # default
platforms  = ["linux/amd64"]   # default
args       = {}                # default
contexts   = {}                # default
secrets    = {}                # default
binaries   = []                # default

[workspace.metadata.xtask.scan]
severity       = ["HIGH", "CRITICAL"]  # default
ignore-unfixed = true                  # default
ignore         = []                    # default
timeout        = "10m"                 # default
args           = []                    # default

[workspace.metadata.xtask.services.app]
cluster              = "sample"                        # Cargo.toml:17
service              = "app"                           # default
task-definition      = "app/ecs/task-definition.json"  # Cargo.toml:18
containers           = { app = "app" }                 # Cargo.toml:19
force-new-deployment = false                           # default

[workspace.metadata.xtask.services.app.rollout]
deadline     = "15m"    # default
poll         = "1s"     # default
on-interrupt = "leave"  # default
"#
    );
}
