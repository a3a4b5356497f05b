"""What the benchmarks share: generated projects, the emulator in a process of its own, the figures of one process."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("DESKSTATE", ROOT / "target" / "release" / "deskstate"))


# The hard shape is what environments are like: tabs with several parameters, three links for each session template, the service makes rows of
# parameters by itself, and ten rows of others for each resource. The easy one leaves all this out.
SHAPES = ("hard", "easy")
EASY_ANSWERS = {"tabMakesParameters": False}


def answers_of(shape):
    return EASY_ANSWERS if shape == "easy" else {}


def foreign(shape, size):
    """Arguments of the emulator: each generated session template has a tab and a link, so half as many sessions as rows."""
    return ["--seed-sessions", str(size * 10 // 2)] if shape == "hard" else []


RECORD = "  pageType: EntityRecord\n  parameters: {entityName: contact, entityId: \"{customerRecordId}\", validateRecord: true}\n"


def write_project(folder, size, url, changed=0, shape="easy", environments=None):
    """Four tenths tabs, four tenths session templates with two tabs each (hard: four), two tenths notification templates.

    So many of them are changed, of each kind in its share. The environment is called `server`, unless others are given by name. Gives what a
    plain reader compares: by table, unique name to display name and title.
    """
    environments = environments or {"server": url}
    hard = shape == "hard"
    manifests = folder / "manifests"
    shutil.rmtree(manifests, ignore_errors=True)
    manifests.mkdir(parents=True)
    (folder / "deskstate.yaml").write_text(
        "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: bench}\nspec:\n"
        "  maxChangeset: 1000\n  defaults: {app: CustomerServiceApps}\n"
        "  environments:\n" + "".join(f"    {name}: {{url: \"{url}\"}}\n" for name, url in environments.items())
    )
    answers = folder / ".deskstate" / "answers"
    answers.mkdir(parents=True, exist_ok=True)
    for name in environments:
        (answers / f"{name}.json").write_text(json.dumps({"formatVersion": 1, "answers": answers_of(shape)}))
    head = "---\napiVersion: deskstate/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n"
    tabs, sessions = size * 4 // 10, size * 4 // 10
    toasts = size - tabs - sessions
    again = lambda number, of: " again" if number < changed * of // size else ""  # noqa: E731
    documents = []
    tab_rows, session_rows, toast_rows = {}, {}, {}
    for i in range(tabs):
        title = f"Found {i}" + again(i, tabs)
        tab_rows[f"contoso_tab{i:06}"] = (f"Tab {i}", title)
        documents.append(
            head.format("ApplicationTab", f"contoso_tab{i:06}")
            + f"  displayName: Tab {i}\n  title: {title}\n"
            + (RECORD if hard else f"  pageType: Search\n  parameters: {{searchText: order {i}}}\n")
        )
    for i in range(sessions):
        title = "{customerName}" + again(i, sessions)
        session_rows[f"contoso_session{i:06}"] = (f"Session {i}", title)
        documents.append(
            head.format("SessionTemplate", f"contoso_session{i:06}")
            + f"  displayName: Session {i}\n  type: Generic\n  title: \"{title}\"\n  communicationPanelMode: Docked\n"
            + f"  anchorTab: contoso_tab{i % tabs:06}\n"
            + f"  additionalTabs: [{', '.join(f'contoso_tab{(i + step) % tabs:06}' for step in range(1, 4 if hard else 2))}]\n"
        )
    for i in range(toasts):
        title = f"Call {i}" + again(i, toasts)
        toast_rows[f"contoso_toast{i:06}"] = (f"Toast {i}", title)
        documents.append(
            head.format("NotificationTemplate", f"contoso_toast{i:06}")
            + f"  displayName: Toast {i}\n  title: {title}\n  timeoutSeconds: 30\n  acceptButton: Accept\n"
        )
    for start in range(0, len(documents), 500):
        (manifests / f"part{start // 500:04}.yaml").write_text("".join(documents[start : start + 500]))
    return {
        "msdyn_applicationtabtemplate": tab_rows, "msdyn_sessiontemplate": session_rows, "msdyn_notificationtemplate": toast_rows,
    }


# A process starts as a copy of its parent, whose memory counts as its own; so the parent is a small one.
LAUNCHER = """
import json, os, sys, time
report, words = int(sys.argv[1]), sys.argv[2:]
before = time.perf_counter()
child = os.posix_spawn(words[0], words, os.environ)
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - before
cpu, rss = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
os.write(report, json.dumps({"code": os.waitstatus_to_exitcode(status), "wall": wall, "cpu": cpu, "rss": rss}).encode())
"""


def measure(command, folder, expected=(0,), environment=None):
    """Wall, CPU and peak memory of one process, and what it printed."""
    report, into = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-ISc", LAUNCHER, str(into), *map(str, command)], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, pass_fds=[into], env={"PATH": os.environ["PATH"], "NO_COLOR": "1", **(environment or {})},
    )
    os.close(into)
    output = process.stdout.read()
    process.wait()
    with os.fdopen(report) as figures:
        figure = json.loads(figures.read())
    if figure["code"] not in expected:
        raise SystemExit(f"{command} ended with {figure['code']}:\n{output.decode()[-3000:]}")
    return figure | {"output": output.decode()}


def scratch():
    """A folder in memory where there is one: how a disk finds room for thousands of files is not what is measured."""
    memory = pathlib.Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


class Server:
    def __init__(self, folder, latency=0, arguments=(), answers=EASY_ANSWERS):
        sheet = folder / "answers.json"
        sheet.write_text(json.dumps({"formatVersion": 1, "answers": answers}))
        self.process = subprocess.Popen(
            [str(BINARY), "emulator", "--listen", "127.0.0.1:0", "--answers", str(sheet), *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        lines = int(arguments[arguments.index("--environments") + 1]) if "--environments" in arguments else 1
        self.urls = [self.process.stdout.readline().decode().strip().rstrip("/") for _ in range(lines)]
        self.url = self.urls[0]
        self.latency = latency

    def call(self, path, body=None, url=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request((url or self.url) + path, data=data, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def delay(self):
        if self.latency:
            rule = {"when": {"every": 1}, "fault": {"kind": "delay", "delayMs": self.latency}}
            for url in self.urls:
                self.call("/__emulator/faults", {"formatVersion": 1, "rules": [rule]}, url)

    def stats(self):
        return self.call("/__emulator/stats")

    def stop(self):
        self.process.terminate()
        self.process.wait()
