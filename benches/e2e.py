#!/usr/bin/env python3
"""Whole-process figures: the release binary against the emulator in a process of its own.

    benches/e2e.py [--sizes 100,1000,10000] [--latency 0,20,80] [--runs 3] [--out FILE]

For each size and latency: validate, plan (all new), apply, plan (nothing changed), plan (10 % changed), drift, export. Each figure is the
median of the runs: wall and CPU seconds, peak resident memory, HTTP requests as the emulator counts them. Prints Markdown tables.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = ROOT / "target" / "release" / "deskstate"


def write_project(folder, size, url, changed=0):
    """Four tenths tabs, four tenths session templates with two tabs each, two tenths notification templates."""
    manifests = folder / "manifests"
    shutil.rmtree(manifests, ignore_errors=True)
    manifests.mkdir(parents=True)
    (folder / "deskstate.yaml").write_text(
        "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: bench}\nspec:\n"
        "  maxChangeset: 1000\n  defaults: {app: CustomerServiceApps}\n"
        f"  environments:\n    server: {{url: \"{url}\"}}\n"
    )
    (folder / ".deskstate" / "answers").mkdir(parents=True, exist_ok=True)
    (folder / ".deskstate" / "answers" / "server.json").write_text('{"formatVersion":1,"answers":{"tabMakesParameters":false}}')
    head = "---\napiVersion: deskstate/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n"
    tabs, sessions = size * 4 // 10, size * 4 // 10
    toasts = size - tabs - sessions
    documents = []
    for i in range(tabs):
        title = f"Found {i}" + (" again" if i < changed else "")
        documents.append(
            head.format("ApplicationTab", f"contoso_tab{i:06}")
            + f"  displayName: Tab {i}\n  title: {title}\n  pageType: Search\n  parameters: {{searchText: order {i}}}\n"
        )
    for i in range(sessions):
        documents.append(
            head.format("SessionTemplate", f"contoso_session{i:06}")
            + f"  displayName: Session {i}\n  type: Generic\n  title: \"{{customer}}\"\n  communicationPanelMode: Docked\n"
            + f"  anchorTab: contoso_tab{i % tabs:06}\n  additionalTabs: [contoso_tab{(i + 1) % tabs:06}]\n"
        )
    for i in range(toasts):
        documents.append(
            head.format("NotificationTemplate", f"contoso_toast{i:06}")
            + f"  displayName: Toast {i}\n  title: Call {i}\n  timeoutSeconds: 30\n  acceptButton: Accept\n"
        )
    for start in range(0, len(documents), 500):
        (manifests / f"part{start // 500:04}.yaml").write_text("".join(documents[start : start + 500]))


def measure(arguments, folder, expected=(0,)):
    """Wall, CPU and peak memory of one process."""
    before = time.perf_counter()
    process = subprocess.Popen(
        [str(BINARY), *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "NO_COLOR": "1"},
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in expected:
        raise SystemExit(f"{arguments} ended with {process.returncode}:\n{output.decode()[-3000:]}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss / 1024, "bytes": len(output)}


class Server:
    def __init__(self, folder, latency):
        answers = folder / "answers.json"
        answers.write_text('{"formatVersion":1,"answers":{"tabMakesParameters":false}}')
        self.process = subprocess.Popen(
            [str(BINARY), "emulator", "--listen", "127.0.0.1:0", "--answers", str(answers)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        line = self.process.stdout.readline().decode()
        self.url = next(word for word in line.split() if word.startswith("http://")).rstrip("/")
        self.latency = latency

    def call(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def delay(self):
        if self.latency:
            rule = {"when": {"every": 1}, "fault": {"kind": "delay", "delayMs": self.latency}}
            self.call("/__emulator/faults", {"formatVersion": 1, "rules": [rule]})

    def requests(self):
        return self.call("/__emulator/stats")["httpRequests"]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def median(figures, key):
    return statistics.median(figure[key] for figure in figures)


def run(size, latency, runs):
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = Server(folder, latency)
        try:
            write_project(folder, size, server.url)
            server.delay()

            def row(label, arguments, repeat=runs, expected=(0,)):
                figures = []
                for _ in range(repeat):
                    before = server.requests()
                    figure = measure(arguments, folder, expected)
                    figure["requests"] = server.requests() - before
                    figures.append(figure)
                rows.append((label, *(median(figures, key) for key in ("wall", "cpu", "rss", "requests"))))

            row("validate", ["validate"])
            row("plan, all new", ["plan", "--env", "server"])
            row("apply, all new", ["apply", "--env", "server", "--yes"], 1)
            row("plan, no change", ["plan", "--env", "server"])
            row("drift, no change", ["drift", "--env", "server"])
            write_project(folder, size, server.url, changed=size // 10)
            row("plan, 10 % changed", ["plan", "--env", "server"])
            row("export", ["export", "--env", "server", "--out", "exported", "--force"], 1)
        finally:
            server.stop()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,1000,10000")
    parser.add_argument("--latency", default="0")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    if not BINARY.is_file():
        raise SystemExit("build it first: cargo build --release")
    lines, data = [], []
    for latency in (int(text) for text in arguments.latency.split(",")):
        lines += [f"\nLatency {latency} ms\n", "| resources | command | wall s | CPU s | peak MiB | requests |", "| ---: | --- | ---: | ---: | ---: | ---: |"]
        for size in (int(text) for text in arguments.sizes.split(",")):
            for label, wall, cpu, rss, requests in run(size, latency, arguments.runs):
                lines.append(f"| {size:,} | {label} | {wall:.3f} | {cpu:.3f} | {rss:.0f} | {requests:.0f} |")
                data.append({"latency": latency, "size": size, "command": label, "wall": wall, "cpu": cpu, "rss": rss, "requests": requests})
                print(lines[-1], flush=True)
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
