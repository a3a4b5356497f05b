#!/usr/bin/env python3
"""From an empty machine to a posted comment: installing deskstate, a first plan, the comment on a pull request. Nothing leaves the machine.

    benches/install.py [--runs 5] [--compile] [--limit SECONDS]

Needs what `just dist`, `just wheel` and `just npm` put into target/dist. Each run installs into empty folders with empty caches: the archive
with `ci/install.sh` from a web server on this machine, the wheel with pip in a new virtual environment, the npm packages with npm. `--compile`
also compiles, once, from crates that cargo has downloaded. Prints medians as a Markdown table: wall seconds of each step, and the CPU seconds
of all three, which depend less on what else the machine does. With `--limit`, fails if the archive takes longer from its installation to the plan.
"""

import argparse
import functools
import http.server
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIST = pathlib.Path(os.environ.get("DESKSTATE_DIST", ROOT / "target" / "dist"))
VERSION = next(line.split('"')[1] for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version ="))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a release, as `/v0.1.0/NAME`, and takes one comment for each pull request, as GitHub does."""

    def log_message(self, *_):
        pass

    def translate_path(self, path):
        return super().translate_path(path.removeprefix(f"/v{VERSION}"))

    def do_GET(self):
        if self.path.startswith("/repos/"):
            self.answer(200, [])
        else:
            super().do_GET()

    def do_POST(self):
        self.server.comments.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"])
        self.answer(201, {"id": 1})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def shell(command, folder, environment=(), out=None):
    with open(out or os.devnull, "wb") as stdout:
        done = subprocess.run(command, cwd=folder, env={**os.environ, **dict(environment)}, stdout=stdout, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}\n{done.stderr.decode()}")


def archive(folder, url):
    shell(["bash", ROOT / "ci/install.sh", VERSION, folder / "tools"], folder, {"DESKSTATE_RELEASES": url}.items())
    return folder / "tools/bin/deskstate"


def wheel(folder, _):
    shell([sys.executable, "-m", "venv", folder / "venv"], folder)
    shell([folder / "venv/bin/pip", "install", "--quiet", "--no-index", "--no-cache-dir", "--find-links", DIST, "deskstate"], folder)
    return folder / "venv/bin/deskstate"


def npm(folder, _):
    (folder / "package.json").write_text('{"private": true}')
    tarballs = sorted((DIST / "npm").glob("*.tgz"))
    linux = [path for path in tarballs if "win32" not in path.name and "arm64" not in path.name and "darwin" not in path.name]
    shell(["npm", "install", "--silent", "--offline", "--no-audit", "--no-fund", "--cache", folder / "cache", *linux], folder)
    return folder / "node_modules/.bin/deskstate"


def compiled(folder, _):
    shell(
        ["cargo", "install", "--quiet", "--locked", "--offline", "--path", ROOT / "crates/cli", "--root", folder / "tools"],
        folder,
        {"CARGO_TARGET_DIR": str(folder / "target")}.items(),
    )
    return folder / "tools/bin/deskstate"


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def once(way, url, comments):
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        shutil.copytree(ROOT / "examples/tenfold", folder / "desk")
        before = cpu()
        times = [time.monotonic()]
        program = way(folder, url)
        times.append(time.monotonic())
        shell([program, "plan", "--env", "local", "--format", "markdown"], folder / "desk", out=folder / "plan.md")
        times.append(time.monotonic())
        host = {"GITHUB_ACTIONS": "true", "GITHUB_API_URL": url, "GITHUB_REPOSITORY": "contoso/desk", "GITHUB_TOKEN": "t"}
        posted = len(comments)
        shell([program, "comment", "--env", "local", "--pull-request", "7", folder / "plan.md"], folder / "desk", host.items())
        times.append(time.monotonic())
        if len(comments) != posted + 1 or "to create" not in comments[-1]:
            sys.exit("error: the comment did not arrive")
        return [end - start for start, end in zip(times, times[1:])] + [cpu() - before]
    finally:
        shutil.rmtree(folder)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--compile", action="store_true")
    arguments.add_argument("--limit", type=float)
    given = arguments.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(DIST)))
    server.comments = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    ways = {"archive": archive, "wheel (pip)": wheel, "npm": npm}
    print("| way | install s | plan s | comment s | in all s | CPU s |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    slow = False
    if given.compile:
        ways["compiling"] = compiled
    for name, way in ways.items():
        runs = [once(way, url, server.comments) for _ in range(1 if name == "compiling" else given.runs)]
        install, plan, comment, used = (statistics.median(column) for column in zip(*runs))
        print(f"| {name} | {install:.2f} | {plan:.2f} | {comment:.2f} | {install + plan + comment:.2f} | {used:.1f} |", flush=True)
        slow |= name == "archive" and given.limit is not None and install + plan > given.limit
    if slow:
        sys.exit(f"error: from the archive to the first plan takes longer than {given.limit} s")


if __name__ == "__main__":
    main()
