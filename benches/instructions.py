#!/usr/bin/env python3
"""Instructions that the debug build executes, against the numbers in benches/instructions.json.

    benches/instructions.py [--update]

A count does not depend on how busy the machine is, so it can guard what seconds cannot. Each case may take a tenth more than its number; above
that the script ends with 1. The numbers are those of one toolchain: for another one they are printed, and nothing is compared. `--update` writes
what was counted; a commit that raises a number says why.

Needs: valgrind, and `cargo build` before.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess

os.environ.setdefault("DESKSTATE", str(pathlib.Path(__file__).resolve().parent.parent / "target" / "debug" / "deskstate"))

from harness import BINARY, ROOT, Server, scratch, write_project  # noqa: E402 (reads DESKSTATE)

NUMBERS = ROOT / "benches" / "instructions.json"
MORE = 1.1
SIZE = 1000
OTHERS = 2000


def count(arguments, folder, expected=0):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(BINARY), *arguments]
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1", "DESKSTATE_MEMORY": "400"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", ended.stderr)
    if ended.returncode != expected or not collected:
        raise SystemExit(f"{arguments} ended with {ended.returncode}:\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}")
    return int(collected[1])


def counted():
    plan = ["plan", "--env", "server"]
    with scratch() as name:
        folder = pathlib.Path(name)
        server = Server(folder, arguments=["--seed-sessions", str(OTHERS)])
        try:
            write_project(folder, SIZE, server.url)
            yield f"validate {SIZE} resources", count(["validate"], folder)
            yield f"plan {SIZE} new resources", count(plan, folder)
            subprocess.run([BINARY, "apply", "--env", "server", "--yes"], cwd=folder, check=True, capture_output=True)
            yield f"plan {SIZE} resources without a change", count(plan, folder)
            write_project(folder, 10, server.url)
            yield f"plan 10 resources among {2 * OTHERS + SIZE} rows", count(plan, folder)
        finally:
            server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    toolchain = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    numbers = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {}
    known = numbers.get(toolchain, {})
    if not known and not arguments.update:
        print(f"no numbers for {toolchain}: nothing is compared")
    worse = []
    found = {}
    for case, instructions in counted():
        found[case] = instructions
        before = known.get(case)
        ratio = f"  {instructions / before:.3f} of {before:,}" if before else ""
        print(f"{instructions:>15,}  {case}{ratio}", flush=True)
        if before and instructions > before * MORE:
            worse.append(case)
    if arguments.update:
        NUMBERS.write_text(json.dumps({**numbers, toolchain: found}, indent=2, sort_keys=True) + "\n")
    elif worse:
        raise SystemExit("more than a tenth above its number: " + "; ".join(worse))


if __name__ == "__main__":
    main()
