"""Writes each shell script that stands in a workflow or pipeline to a file of its own, for shellcheck.

    python3 ci/shell_of_yaml.py OUT FILE...

Expressions such as `${{ ... }}` and `$(Variable)` are filled in before a shell sees them, so they become a word.
"""

import pathlib
import re
import sys

import yaml

SCRIPTS = ("run", "bash", "inlineScript")


def scripts(node):
    """Every script below a node, in the order of the file."""
    if isinstance(node, dict):
        if node.get("shell") in ("powershell", "pwsh"):
            return
        for key, value in node.items():
            if key in SCRIPTS and isinstance(value, str):
                yield value
            else:
                yield from scripts(value)
    elif isinstance(node, list):
        for item in node:
            yield from scripts(item)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:]:
        path = pathlib.Path(name)
        for number, script in enumerate(scripts(yaml.safe_load(path.read_text(encoding="utf-8")))):
            script = re.sub(r"\$\{\{.*?\}\}|\$\([A-Za-z.]+\)", "word", script)
            target = out / f"{path.parent.name}-{path.stem}-{number}.sh"
            target.write_text("#!/usr/bin/env bash\n" + script + "\n", encoding="utf-8")


main()
