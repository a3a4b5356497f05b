#!/usr/bin/env python3
"""Whole-process figures: the release binary against the emulator in a process of its own.

    benches/e2e.py [--shapes hard,easy] [--sizes 100,1000,10000,50000] [--latency 0,20,80] [--runs 3] [--out FILE]

For each shape, latency and size: validate, plan (all new), apply, plan (nothing changed), drift, plan (10 % changed), apply (all changed),
export. Each figure is the median of the runs (of one for apply and export): wall and CPU seconds, peak resident memory, HTTP requests and bytes
of their bodies as the emulator counts them. The hard shape has tabs of records with three parameters, three links for each session template,
a service that makes parameter rows by itself, and ten rows of others for each resource; the easy one has none of this. An export of the hard
shape is left out: it writes all that is there. Prints Markdown tables; `--out` keeps the figures as JSON, from which `benches/plot.py` draws.
"""

import argparse
import itertools
import json
import pathlib
import statistics

from harness import BINARY, SHAPES, Server, answers_of, foreign, measure, scratch, write_project

COLUMNS = ("wall", "cpu", "rss", "httpRequests", "requestBytes", "replyBytes")


def memory(size):
    """The memory to allow, in MiB: an export of 10,000 resources holds more YAML values than the usual limit."""
    return str(max(200, size // 25))


def run(shape, size, latency, runs):
    rows = []
    with scratch() as name:
        folder = pathlib.Path(name)
        server = Server(folder, latency, foreign(shape, size), answers_of(shape))
        try:
            write_project(folder, size, server.url, shape=shape)
            server.delay()

            def row(label, arguments, repeat=runs):
                figures = []
                for _ in range(repeat):
                    before = server.stats()
                    figure = measure([BINARY, *arguments], folder, environment={"DESKSTATE_MEMORY": memory(size)})
                    after = server.stats()
                    figure |= {column: after[column] - before[column] for column in COLUMNS[3:]}
                    figures.append(figure)
                rows.append({"command": label} | {column: statistics.median(figure[column] for figure in figures) for column in COLUMNS})

            row("validate", ["validate"])
            row("plan, all new", ["plan", "--env", "server"])
            row("apply, all new", ["apply", "--env", "server", "--yes"], 1)
            row("plan, no change", ["plan", "--env", "server"])
            row("drift, no change", ["drift", "--env", "server"])
            write_project(folder, size, server.url, changed=size // 10, shape=shape)
            row("plan, 10 % changed", ["plan", "--env", "server"])
            write_project(folder, size, server.url, changed=size, shape=shape)
            row("apply, all changed", ["apply", "--env", "server", "--yes"], 1)
            if shape == "easy":
                row("export", ["export", "--env", "server", "--out", "exported", "--force"], 1)
        finally:
            server.stop()
    return rows


def line(row):
    sent, received = (row[column] / 1e6 for column in ("requestBytes", "replyBytes"))
    return (
        f"| {row['size']:,} | {row['command']} | {row['wall']:.3f} | {row['cpu']:.3f} | {row['rss']:.0f} "
        f"| {row['httpRequests']:.0f} | {sent:.2f} | {received:.2f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--sizes", default="100,1000,10000,50000")
    parser.add_argument("--latency", default="0,20,80")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    if not BINARY.is_file():
        raise SystemExit("build it first: cargo build --release")
    data = []
    latencies = [int(text) for text in arguments.latency.split(",")]
    for shape, latency in itertools.product(arguments.shapes.split(","), latencies):
        print(f"\nThe {shape} shape, latency {latency} ms\n")
        print("| resources | command | wall s | CPU s | peak MiB | requests | MB sent | MB received |")
        print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        for size in (int(text) for text in arguments.sizes.split(",")):
            for row in run(shape, size, latency, arguments.runs):
                data.append({"shape": shape, "latency": latency, "size": size} | row)
                print(line(data[-1]), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
