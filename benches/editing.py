#!/usr/bin/env python3
"""How long an edit takes in an editor: from the change of a file to the findings that follow from it.

    benches/editing.py [--documents 1000] [--edits 200] [--most MILLISECONDS]

A project of session templates and the tabs that they open, each document in a file of its own, two environments, an overlay. Every edit
changes one file, so that a finding comes or goes. Exits with 1 if the 95th percentile is above `--most`.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

from harness import BINARY, scratch

PROJECT = """apiVersion: deskstate/v1
kind: Project
metadata: {name: editing}
spec:
  owns: {prefixes: [contoso]}
  environments:
    dev: {url: https://contoso-dev.crm4.dynamics.com}
    prod: {url: https://contoso.crm4.dynamics.com, overlay: overlays/prod}
"""
TAB = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_tab{0}}}\nspec:\n  displayName: Tab {0}\n  title: Tab {0}\n  pageType: ThirdPartyWebsite\n  parameters: {{url: 'https://cti.example/{0}'}}\n"
SESSION = "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_session{0}}}\nspec:\n  displayName: Session {0}\n  type: Generic\n  title: '{{customer}}'\n  communicationPanelMode: Docked\n  anchorTab: contoso_tab{0}\n"
OVERLAY = "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_session{0}}}\nspec: {{communicationPanelMode: Hidden}}\n"


class Editor:
    """Speaks the protocol of `deskstate lsp`."""

    def __init__(self, root):
        self.process = subprocess.Popen([BINARY, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        folders = [{"uri": root.as_uri(), "name": "desk"}]
        self.send("initialize", {"processId": None, "capabilities": {}, "workspaceFolders": folders}, id=1)
        while self.read().get("id") != 1:
            pass
        self.send("initialized", {})

    def send(self, method, params, **more):
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def read(self):
        length = 0
        while line := self.process.stdout.readline().strip():
            name, value = line.split(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(self.process.stdout.read(length))

    def findings(self, uri):
        while True:
            message = self.read()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                return message["params"]["diagnostics"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--most", type=float)
    arguments = parser.parse_args()
    with scratch() as name:
        root = pathlib.Path(name).resolve()
        for folder in ("manifests", "overlays/prod"):
            (root / folder).mkdir(parents=True)
        (root / "deskstate.yaml").write_text(PROJECT)
        for number in range(arguments.documents // 2):
            (root / f"manifests/tab{number}.yaml").write_text(TAB.format(number))
            (root / f"manifests/session{number}.yaml").write_text(SESSION.format(number))
            if number % 10 == 0:
                (root / f"overlays/prod/session{number}.yaml").write_text(OVERLAY.format(number))
        editor = Editor(root)
        uri = (root / "manifests/session7.yaml").as_uri()
        text = SESSION.format(7)
        item = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        editor.send("textDocument/didOpen", {"textDocument": item})
        times = []
        for edit in range(arguments.edits + 10):
            wrong = edit % 2 == 0
            changed = text.replace("Docked", "Doked") if wrong else text
            start = time.perf_counter()
            editor.send("textDocument/didChange", {"textDocument": {"uri": uri, "version": edit + 2}, "contentChanges": [{"text": changed}]})
            found = editor.findings(uri)
            took = (time.perf_counter() - start) * 1000
            assert len(found) == wrong, found
            if edit >= 10:
                times.append(took)
        editor.send("shutdown", None, id=2)
        editor.send("exit", None)
        editor.process.wait()
    times.sort()
    middle, late = times[len(times) // 2], times[len(times) * 95 // 100]
    print(f"{arguments.documents:,} documents, {len(times)} edits: median {middle:.1f} ms, 95th percentile {late:.1f} ms, slowest {times[-1]:.1f} ms")
    if arguments.most is not None and late > arguments.most:
        sys.exit(1)


if __name__ == "__main__":
    main()
