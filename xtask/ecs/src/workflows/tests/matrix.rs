//! Build Stage with a job for each platform or each image, and one that puts the tags.

use super::*;

/// Beside the sample's image, which is for one platform.
pub(super) const IMAGES: &str = r#"
[workspace.metadata.xtask.images.web]
repository = "sample/web"
tag = "1.4.0"
dockerfile = "Dockerfile"
platforms = ["linux/amd64", "linux/aarch64"]
cache = "gha"

[workspace.metadata.xtask.images.edge]
repository = "sample/edge"
tag = "1.4.0"
dockerfile = "Dockerfile"
platforms = ["linux/arm64"]
"#;

pub(super) const KEYS: &str = r#"
[workspace.metadata.xtask.workflows]
slack = "none"
matrix = "BY"
"#;

/// The job that builds and the one that puts the tags.
fn jobs(by: &str, more: &str) -> (String, String) {
    let text = rendered(&format!("{IMAGES}{}{more}", KEYS.replace("BY", by)), "build.yml");
    let (_, jobs) = text.split_once("\njobs:\n  build:\n").expect("a job that builds");
    let (build, release) = jobs.split_once("\n  release:\n").expect("and one that releases");
    (build.to_owned(), release.to_owned())
}

#[test]
fn each_platform_is_built_on_a_runner_that_has_it_and_one_job_puts_the_tags() {
    let (build, release) = jobs("platform", "");
    let include = "        include:
          - { platform: linux/amd64, part: linux-amd64, runner: ubuntu-24.04 }
          - { platform: linux/arm64, part: linux-arm64, runner: ubuntu-24.04-arm }
    runs-on: ${{ matrix.runner }}
";
    assert!(build.contains(include), "{build}");
    for part in [
        "    name: Build ${{ matrix.platform }}\n",
        "        run: exec cargo xtask release --platform \"$PLATFORM\"\n",
        "          PLATFORM: ${{ matrix.platform }}\n",
        "          NPM_TOKEN: ${{ secrets.NPM_TOKEN }}\n",
        "          name: part-${{ matrix.part }}\n          path: target/xtask/parts\n",
        "core.exportVariable",
    ] {
        assert!(build.contains(part), "{part} is not in\n{build}");
        assert!(!release.contains(part), "{part} is in\n{release}");
    }
    for part in [
        "    needs: build\n    runs-on: ubuntu-24.04\n",
        "          pattern: part-*\n          merge-multiple: true\n          path: target/xtask/parts\n",
        "        run: exec cargo xtask release --assemble\n",
        "      - name: Hand xtask to Deploy Stage\n",
    ] {
        assert!(release.contains(part), "{part} is not in\n{release}");
        assert!(!build.contains(part), "{part} is in\n{build}");
    }
    assert!(release.contains("secrets.AWS_SECRET_ACCESS_KEY") && build.contains("secrets.AWS_SECRET_ACCESS_KEY"));
}

#[test]
fn each_image_is_built_by_itself_where_that_is_asked_for() {
    let (build, release) = jobs("image", "arm-runner = [\"self-hosted\", \"arm64\"]\n");
    for part in [
        "          - { image: app, runner: ",
        "          - { image: web, runner: ",
        "          - { image: edge, runner: [self-hosted, arm64] }\n",
        "    name: Build ${{ matrix.image }}\n",
        "        run: exec cargo xtask release --no-tag \"$IMAGE\"\n",
        "          IMAGE: ${{ matrix.image }}\n",
        "          name: part-${{ matrix.image }}\n",
    ] {
        assert!(build.contains(part), "{part} is not in\n{build}");
    }
    assert!(release.contains("        run: exec cargo xtask release --assemble\n"), "{release}");
}

#[test]
fn without_a_matrix_one_job_does_it_all() {
    let text = rendered(IMAGES, "build.yml");
    for part in ["matrix", "--assemble", "download-artifact", "needs:", "part-"] {
        assert!(!text.contains(part), "{part} is in\n{text}");
    }
}
