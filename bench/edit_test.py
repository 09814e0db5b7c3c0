#!/usr/bin/env python3
"""An edit of one line in xtask-ecs to the end of `cargo test -p xtask-ecs`.

    bench/edit_test.py [ROUNDS] [CHECKOUT…]

Compiles what there is first, then changes one line of a function in xtask-ecs, runs the tests, and puts the line back. Several
checkouts are measured in turn, so that the machine is as busy for each. Needs only cargo and its registry. Prints
wall and CPU seconds, those of every compiler and program that the tests start included, and how they are spread.
"""

import pathlib
import resource
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STEPS = {
    "compile": ["test", "-p", "xtask-ecs", "--no-run"],
    "run": ["test", "-p", "xtask-ecs"],
}


def cargo(folder: pathlib.Path, arguments: list[str]) -> tuple[float, float]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(["cargo", *arguments], cwd=folder, capture_output=True, text=True)
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{folder}: cargo {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def turn(folder: pathlib.Path) -> dict[str, tuple[float, float]]:
    file = next((folder / "xtask/ecs/src").glob("**/digest.rs"))
    text = file.read_text()
    cargo(folder, STEPS["compile"])
    try:
        # A line with an effect of its own: a comment alone would leave every object file as it was.
        start = text.index("{\n", text.index("pub fn ")) + 2
        line = f"        std::hint::black_box({time.time_ns()}_u64);\n"
        file.write_text(text[:start] + line + text[start:])
        return {name: cargo(folder, arguments) for name, arguments in STEPS.items()}
    finally:
        file.write_text(text)


def main() -> None:
    arguments = sys.argv[1:]
    rounds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else 1
    folders = [pathlib.Path(argument).resolve() for argument in arguments] or [ROOT]
    print(f"{'seconds':24} {'compile wall':>12} {'cpu':>6} {'run wall':>9} {'cpu':>6} {'turn wall':>10} {'cpu':>6}")
    for _ in range(rounds):
        for folder in folders:
            one = turn(folder)
            (compile_wall, compile_cpu), (run_wall, run_cpu) = one["compile"], one["run"]
            print(
                f"{folder.name:24} {compile_wall:12.1f} {compile_cpu:6.1f} {run_wall:9.1f} {run_cpu:6.1f} "
                f"{compile_wall + run_wall:10.1f} {compile_cpu + run_cpu:6.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
