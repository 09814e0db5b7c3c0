#!/usr/bin/env python3
"""Cold `cargo build -p xtask` beside a bare program with the same two SDK crates, in one run.

Both are built from nothing into target folders of their own, with the same profile, in turn, and xtask once more as
the workflows build it, without what speeds up a second build (CARGO_INCREMENTAL=0; cargo does the same for a crate
that is not of the workspace, as xtask-ecs is for those who use it). Needs only cargo and its registry. Prints wall and
CPU seconds, crates and binary size, and the ratios.
"""

import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "bench" / "cold-build"

BARE_MANIFEST = """\
[package]
name = "bare"
version = "0.0.0"
edition = "2024"

[workspace]

[profile.dev]
debug = 0

[dependencies]
{dependencies}
# The SDK's own HTTP client, which xtask-ecs does without.
aws-smithy-http-client = {{ version = "1.5", default-features = false, features = ["rustls-ring"] }}
tokio = {{ version = "1", default-features = false, features = ["rt-multi-thread"] }}
"""

BARE_MAIN = """\
fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(async {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
                aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
            ))
            .build_https();
        let sdk = aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(http).load().await;
        let tokens = aws_sdk_ecr::Client::new(&sdk).get_authorization_token().send().await;
        let services = aws_sdk_ecs::Client::new(&sdk).describe_services().send().await;
        std::process::exit(i32::from(tokens.is_err() || services.is_err()));
    });
}
"""


def bare_workspace() -> pathlib.Path:
    """A program that calls both services once, with the very dependency lines of xtask-ecs."""
    folder = WORK / "bare"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "src").mkdir(parents=True)
    lines = (ROOT / "xtask/ecs/Cargo.toml").read_text().splitlines()
    wanted = re.compile(r"^(aws-config|aws-sdk-ecr|aws-sdk-ecs) = ")
    dependencies = "\n".join(line for line in lines if wanted.match(line))
    (folder / "Cargo.toml").write_text(BARE_MANIFEST.format(dependencies=dependencies))
    (folder / "src/main.rs").write_text(BARE_MAIN)
    shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")
    subprocess.run(["cargo", "fetch"], cwd=folder, check=True, capture_output=True)
    return folder


def build(name: str, folder: pathlib.Path, arguments: list[str], binary: str, incremental: str = "1") -> dict:
    target = WORK / f"target-{name}"
    shutil.rmtree(target, ignore_errors=True)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        ["cargo", "build", *arguments],
        cwd=folder,
        env={**os.environ, "CARGO_TARGET_DIR": str(target), "CARGO_INCREMENTAL": incremental},
        capture_output=True,
        text=True,
    )
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{name} does not build:\n{done.stderr}")
    size = (target / "debug" / binary).stat().st_size
    shutil.rmtree(target, ignore_errors=True)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "crates": done.stderr.count("Compiling "), "size": size}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    bare_folder = bare_workspace()
    print(f"{'':12} {'wall s':>8} {'cpu s':>8} {'crates':>7} {'binary':>9}")
    ratios = {"xtask": [], "as in CI": []}
    for _ in range(runs):
        bare = build("bare", bare_folder, [], "bare")
        ours = build("xtask", ROOT, ["-p", "xtask", "--locked"], "xtask")
        bare_in_ci = build("bare", bare_folder, [], "bare", "0")
        in_ci = build("xtask", ROOT, ["-p", "xtask", "--locked"], "xtask", "0")
        for name, one in (("bare", bare), ("xtask", ours), ("bare in CI", bare_in_ci), ("xtask in CI", in_ci)):
            print(f"{name:12} {one['wall']:8.1f} {one['cpu']:8.1f} {one['crates']:7} {one['size'] / 1e6:7.1f} MB")
        for name, (one, other) in (("xtask", (ours, bare)), ("as in CI", (in_ci, bare_in_ci))):
            ratios[name].append((one["wall"] / other["wall"], one["cpu"] / other["cpu"]))
    for name, all_of_it in ratios.items():
        wall, cpu = (sorted(column)[len(all_of_it) // 2] for column in zip(*all_of_it))
        print(f"ratio {name} (median of {runs}): wall {wall:.2f}, cpu {cpu:.2f}")


if __name__ == "__main__":
    main()
