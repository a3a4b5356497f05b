#!/usr/bin/env python3
"""Plan, apply and drift over and over against the emulator, with faults, service protection limits and somebody who edits by hand.

    benches/soak.py [--minutes 15] [--seed 1]

Fails if a run ends in a way that is not documented, if a run that failed said nothing, if the last run is not in sync, or if the emulator's
memory or open files grow from the first third of the time to the last.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import statistics
import tempfile
import time
import urllib.error
import urllib.request

from harness import BINARY, Server, measure, write_project

EXPECTED = {"plan": {0, 1}, "apply": {0, 1, 4}, "drift": {0, 1, 2}}
FAULTS = [
    {"kind": "throttle", "limit": "requests", "retryAfter": 1},
    {"kind": "gateway", "status": 503, "retryAfter": 1},
    {"kind": "dropBefore"},
    {"kind": "dropAfter"},
    {"kind": "lateCommit", "delayMs": 300},
    {"kind": "cutBody", "bytes": 200},
    {"kind": "delay", "delayMs": 50},
]


def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def edit(server, rng):
    """Somebody changes a title by hand."""
    rows = server.call("/api/data/v9.2/msdyn_notificationtemplates?$select=msdyn_title&$filter=startswith(msdyn_uniquename,'contoso_')")["value"]
    if rows:
        row = rng.choice(rows)["msdyn_notificationtemplateid"]
        body = json.dumps({"msdyn_title": f"by hand {rng.randrange(1000)}"}).encode()
        request = urllib.request.Request(
            f"{server.url}/api/data/v9.2/msdyn_notificationtemplates({row})", data=body, method="PATCH",
            headers={"Content-Type": "application/json", "If-Match": "*"},
        )
        urllib.request.urlopen(request).read()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    ends = collections.Counter()
    samples, silent = [], 0
    peaks = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = Server(folder, 0)
        write_project(folder, 200, server.url)
        commands = {
            "plan": ["plan", "--env", "server"],
            "apply": ["apply", "--env", "server", "--yes"],
            "drift": ["drift", "--env", "server"],
        }

        def run(command):
            figure = measure([BINARY, *commands[command]], folder, EXPECTED[command])
            peaks[command].append(figure["rss"])
            return figure["code"], figure["output"]

        # A tenth of what the service allows, in a window short enough to be felt.
        server.call("/__emulator/limits", {"requests": 20, "executionMs": 20000, "concurrent": 52, "windowSeconds": 10})
        until = time.monotonic() + arguments.minutes * 60
        while time.monotonic() < until:
            rules = [{"when": {"nth": rng.randrange(1, 5)}, "fault": rng.choice(FAULTS)}] if rng.random() < 0.5 else []
            server.call("/__emulator/faults", {"formatVersion": 1, "rules": rules})
            command = rng.choice(["plan", "apply", "apply", "drift"])
            code, said = run(command)
            ends[(command, code)] += 1
            silent += code == 1 and "error" not in said
            server.call("/__emulator/faults", {"formatVersion": 1, "rules": []})
            if rng.random() < 0.5:
                try:
                    edit(server, rng)
                except urllib.error.HTTPError as refusal:
                    # Whoever edits by hand meets the limits too.
                    if refusal.code != 429:
                        raise
            samples.append((memory(server.process.pid), files(server.process.pid)))
        server.call("/__emulator/limits", {"requests": 6000})
        code, _ = run("apply")
        in_sync, _ = run("drift")
        server.stop()
    third = max(1, len(samples) // 3)
    early, late = samples[:third], samples[-third:]
    for (command, code), count in sorted(ends.items()):
        print(f"{command:>6} ended with {code}: {count}")
    print(f"emulator: {statistics.median(m for m, _ in early):.0f} MiB, {statistics.median(f for _, f in early):.0f} files in the first third; "
          f"{statistics.median(m for m, _ in late):.0f} MiB, {statistics.median(f for _, f in late):.0f} files in the last")
    for command, peak in peaks.items():
        print(f"{command}: at most {max(peak):.0f} MiB, median {statistics.median(peak):.0f} MiB")
    print(f"runs: {sum(ends.values())}, failures without a word: {silent}, in sync at the end: {in_sync == 0}")
    grown = statistics.median(m for m, _ in late) > 1.5 * statistics.median(m for m, _ in early) + 16
    leaked = statistics.median(f for _, f in late) > statistics.median(f for _, f in early) + 4
    if code or in_sync or silent or grown or leaked:
        raise SystemExit("the soak failed")


if __name__ == "__main__":
    main()
