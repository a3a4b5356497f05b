#!/usr/bin/env python3
"""How long somebody waits who works on deskstate.

    benches/contributors.py [--revision HEAD] [--only demo,tests,one] [--keep DIR]

In a fresh clone with an empty target folder: `cargo run -- demo`, then `cargo test --workspace`, then, after a line of a crate has changed,
the tests of that crate again. `.ci/run` prints the minutes of its own steps. Wall and CPU seconds; what is downloaded is not counted
if the registry is at hand.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import tempfile
import time

from harness import ROOT

CHANGED = {
    "deskstate-files": "crates/files/src/lib.rs",
    "deskstate-model": "crates/model/src/lib.rs",
    "deskstate-dataverse": "crates/dataverse/src/lib.rs",
    "deskstate-emulator": "crates/emulator/src/lib.rs",
    "deskstate-reconcile": "crates/reconcile/src/lib.rs",
    "deskstate": "crates/cli/src/lib.rs",
}


def timed(label, command, folder):
    environment = {name: value for name, value in os.environ.items() if name not in ("CARGO_TARGET_DIR", "DESKSTATE")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"| {label} | {wall:.0f} | {cpu:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--revision", default="HEAD")
    parser.add_argument("--only", default="demo,tests,one")
    parser.add_argument("--keep", type=pathlib.Path, help="clone into this folder and leave it")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    with tempfile.TemporaryDirectory() as name:
        clone = arguments.keep or pathlib.Path(name) / "deskstate"
        revision = subprocess.run(["git", "rev-parse", arguments.revision], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, clone], check=True)
        subprocess.run(["git", "checkout", "--quiet", revision], cwd=clone, check=True)
        print("| what | wall s | CPU s |\n| --- | ---: | ---: |")
        if "demo" in wanted:
            timed("`cargo run -- demo` in a fresh clone", ["cargo", "run", "--", "demo"], clone)
        if "tests" in wanted:
            timed("`cargo test --workspace` after it", ["cargo", "test", "--workspace"], clone)
        for crate, path in CHANGED.items() if "one" in wanted else ():
            source = clone / path
            source.write_text(source.read_text() + "// a line\n")
            timed(f"`cargo test -p {crate}` after a change in it", ["cargo", "test", "-p", crate], clone)


if __name__ == "__main__":
    main()
