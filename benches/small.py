#!/usr/bin/env python3
"""A small project in a big environment, beside the same project in an empty one: the five resources of `examples/tenfold`.

    benches/small.py [--others 20000] [--runs 11]

Others are session templates and application tabs, half of each. Runs in the two environments take turns. Prints medians, and what the big
environment costs more.
"""

import argparse
import pathlib
import shutil
import statistics

from harness import BINARY, ROOT, Server, measure, scratch

COLUMNS = ("wall", "cpu", "rss", "httpRequests", "requestBytes", "replyBytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", type=int, default=20000)
    parser.add_argument("--runs", type=int, default=11)
    arguments = parser.parse_args()
    print("| command | environment | wall s | CPU s | peak MiB | requests | MB sent | MB received |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with scratch() as name:
        places = {}
        for place, others in (("empty", 0), (f"{arguments.others:,} other rows", arguments.others)):
            folder = pathlib.Path(name) / place.replace(" ", "")
            shutil.copytree(ROOT / "examples" / "tenfold", folder)
            server = Server(folder, arguments=["--seed-sessions", str(others // 2)], answers={})
            project = folder / "deskstate.yaml"
            project.write_text(project.read_text().replace("  environments:\n", f"  environments:\n    server: {{url: \"{server.url}\", variables: {{widgetOrigin: \"https://widget.tenfold.example\"}}}}\n"))
            places[place] = (folder, server)
        try:
            for label, command, after in (
                ("plan, all new", "plan", None), ("plan, no change", "plan", "apply"), ("drift, no change", "drift", None),
            ):
                if after:
                    for folder, _ in places.values():
                        measure([BINARY, after, "--env", "server", "--yes"], folder)
                figures = {place: [] for place in places}
                for _ in range(arguments.runs):
                    for place, (folder, server) in places.items():
                        before = server.stats()
                        figure = measure([BINARY, command, "--env", "server"], folder)
                        after_it = server.stats()
                        figures[place].append(figure | {column: after_it[column] - before[column] for column in COLUMNS[3:]})
                medians = {}
                for place in places:
                    medians[place] = [statistics.median(figure[column] for figure in figures[place]) for column in COLUMNS]
                    wall, cpu, rss, requests, sent, received = medians[place]
                    print(f"| {label} | {place} | {wall:.3f} | {cpu:.3f} | {rss:.0f} | {requests:.0f} | {sent / 1e6:.2f} | {received / 1e6:.2f} |")
                empty, big = medians.values()
                times = " | ".join(f"{many / max(few, 1e-9):.2f}" for few, many in zip(empty, big))
                print(f"| {label} | times | {times} |", flush=True)
        finally:
            for _, server in places.values():
                server.stop()


if __name__ == "__main__":
    main()
