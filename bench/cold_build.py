#!/usr/bin/env python3
"""Cold `cargo build -p xtask` beside a bare program with the same two SDK crates, in one run.

Both are built from nothing into target folders of their own, with the same profile, in turn. Needs only cargo and
its registry. Prints wall and CPU seconds, crates and binary size, and the ratio.
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
    wanted = re.compile(r"^(aws-config|aws-sdk-ecr|aws-sdk-ecs|aws-smithy-http-client) = ")
    dependencies = "\n".join(line for line in lines if wanted.match(line))
    (folder / "Cargo.toml").write_text(BARE_MANIFEST.format(dependencies=dependencies))
    (folder / "src/main.rs").write_text(BARE_MAIN)
    shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")
    subprocess.run(["cargo", "fetch"], cwd=folder, check=True, capture_output=True)
    return folder


def build(name: str, folder: pathlib.Path, arguments: list[str], binary: str) -> dict:
    target = WORK / f"target-{name}"
    shutil.rmtree(target, ignore_errors=True)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        ["cargo", "build", *arguments],
        cwd=folder,
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
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
    print(f"{'':8} {'wall s':>8} {'cpu s':>8} {'crates':>7} {'binary':>9}")
    ratios = []
    for _ in range(runs):
        bare = build("bare", bare_folder, [], "bare")
        ours = build("xtask", ROOT, ["-p", "xtask", "--locked"], "xtask")
        for name, one in (("bare", bare), ("xtask", ours)):
            print(f"{name:8} {one['wall']:8.1f} {one['cpu']:8.1f} {one['crates']:7} {one['size'] / 1e6:7.1f} MB")
        ratios.append((ours["wall"] / bare["wall"], ours["cpu"] / bare["cpu"]))
    wall, cpu = (sorted(column)[len(ratios) // 2] for column in zip(*ratios))
    print(f"ratio (median of {runs}): wall {wall:.2f}, cpu {cpu:.2f}")


if __name__ == "__main__":
    main()
