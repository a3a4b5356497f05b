#!/usr/bin/env python3
"""Checks the sentences that people read: documents, with the help of every command, explanations and fields in the reference, and messages.

`ci/prose.txt` lists constructions to avoid. A sentence in a document has at most 45 words. Prints `file:line: ...` for each finding and exits with 1.
"""

import re
import subprocess
import sys

MOST_WORDS = 45
FENCE = re.compile(r"^\s*(```+|~~~+)")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def rules():
    for line in open("ci/prose.txt", encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            pattern, better = line.rstrip("\n").split(" => ")
            yield re.compile(pattern, re.IGNORECASE), better


def document(text):
    """Paragraphs, list items, headings and table cells of Markdown with their first lines; no code, no comments."""
    fence, begun, paragraph = None, 0, []
    hidden = False
    for number, line in enumerate(text.splitlines() + [""], 1):
        mark = FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence):
                fence = None
            continue
        if hidden or line.lstrip().startswith("<!--"):
            hidden = "-->" not in line
            continue
        if mark or not line.strip() or re.match(r"\s*([-*|#>]|\d+\.)\s?", line):
            if paragraph:
                yield begun, " ".join(paragraph)
            paragraph = []
        if mark:
            fence = mark.group(1)
            continue
        if line.startswith("|"):
            for cell in re.split(r"(?<!\\)\|", line):
                yield number, cell
        elif line.strip():
            if not paragraph:
                begun = number
            paragraph.append(line.strip())
    if paragraph:
        yield begun, " ".join(paragraph)


def plain(text):
    text = re.sub(r"`[^`]*`", "`x`", text)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)


def source(text):
    """Texts of Rust code outside its tests. The reference has the doc comments that people read."""
    text = re.split(r"^#\[cfg\(test\)\]\s*\nmod ", text, flags=re.MULTILINE)[0]
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("//"):
            for found in STRING.finditer(line):
                if " " in found.group(1).strip():
                    yield number, found.group(1)


def main():
    names = subprocess.run(["git", "ls-files", *sys.argv[1:]], capture_output=True, text=True, check=True).stdout.split("\n")
    checks, found = list(rules()), 0
    for name in names:
        left_out = re.search(r"(^|/)(tests|fixtures|corpus|snapshots|target|fuzz)/|wording\.rs$|/tests?\.rs$", name)
        if left_out or not re.search(r"\.(md|rs)$", name):
            continue
        text = open(name, encoding="utf-8").read()
        is_document = name.endswith(".md")
        for number, prose in document(text) if is_document else source(text):
            prose = plain(prose)
            for pattern, better in checks:
                for match in pattern.finditer(prose):
                    found += 1
                    print(f"{name}:{number}: `{match.group(0)}`: {better}")
            if is_document and name != "CHANGELOG.md":
                for sentence in re.split(r"(?<=[.:;?!·])\s", prose):
                    words = len(sentence.split())
                    if words > MOST_WORDS:
                        found += 1
                        print(f"{name}:{number}: {words} words in one sentence: {sentence[:80]}")
    if found:
        print(f"{found} sentences to rewrite")
    return 1 if found else 0


sys.exit(main())
