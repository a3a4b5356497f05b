#!/usr/bin/env python3
"""`drift --all` over a fleet: one emulator process serves every environment, each with the project applied.

    benches/fleet.py [--environments 100] [--size 300] [--latency 80] [--shards 1] [--runs 3]

Wall seconds, CPU seconds and peak memory are those of the client alone; with shards, which run one after the other, they are given for each.
"""

import argparse
import concurrent.futures
import pathlib

from harness import BINARY, Server, measure, scratch, write_project


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=100)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--latency", type=int, default=80)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with scratch() as name:
        folder = pathlib.Path(name)
        server = Server(folder, arguments.latency, ["--environments", str(arguments.environments)], {})
        try:
            names = {f"env{number:04}": url for number, url in enumerate(server.urls)}
            write_project(folder, arguments.size, server.url, shape="hard", environments=names)
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda name: measure([BINARY, "apply", "--env", name, "--yes"], folder), names))
            server.delay()
            print("| environments | shard | wall s | CPU s | peak MiB |")
            print("| ---: | ---: | ---: | ---: | ---: |")
            for _ in range(arguments.runs):
                for shard in range(1, arguments.shards + 1):
                    part = ["--shard", f"{shard}/{arguments.shards}"] if arguments.shards > 1 else []
                    figure = measure([BINARY, "drift", "--all", *part], folder)
                    print(
                        f"| {arguments.environments} | {shard} of {arguments.shards} "
                        f"| {figure['wall']:.2f} | {figure['cpu']:.2f} | {figure['rss']:.0f} |",
                        flush=True,
                    )
        finally:
            server.stop()


if __name__ == "__main__":
    main()
