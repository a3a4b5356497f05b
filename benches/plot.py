#!/usr/bin/env python3
"""Draws growth curves from the figures of `benches/e2e.py --out FILE`: wall seconds over resources, both logarithmic, a curve per command.

    benches/plot.py FIGURES.json > docs/benchmarks-growth.svg

Curves are those without latency. A dashed line shows what growing with the size alone looks like.
"""

import json
import math
import pathlib
import sys

COLOURS = ("#0b6e4f", "#1d4ed8", "#b45309", "#be123c", "#6d28d9", "#0e7490", "#4b5563")
LEFT, RIGHT, TOP, BOTTOM, WIDTH, HEIGHT = 60, 210, 20, 50, 760, 420


def main():
    figures = [row for row in json.loads(pathlib.Path(sys.argv[1]).read_text()) if row["latency"] == 0 and row["shape"] == "hard"]
    sizes = sorted({row["size"] for row in figures})
    curves = {}
    for row in figures:
        curves.setdefault(row["command"], []).append((row["size"], max(row["wall"], 0.001)))
    low = min(wall for curve in curves.values() for _, wall in curve)
    high = max(wall for curve in curves.values() for _, wall in curve)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))

    def x(size):
        span = math.log10(sizes[-1]) - math.log10(sizes[0]) or 1
        return LEFT + (math.log10(size) - math.log10(sizes[0])) / span * (WIDTH - LEFT - RIGHT)

    def y(wall):
        return HEIGHT - BOTTOM - (math.log10(wall) - first) / (last - first) * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img">',
        "<title>Wall time over the number of resources, without latency</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for power in range(first, last + 1):
        at = y(10**power)
        out.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#e5e7eb"/>')
        out.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>')
    for size in sizes:
        at = x(size)
        out.append(f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e5e7eb"/>')
        out.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{size:,}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">resources</text>')
    reach = min(sizes[-1], sizes[0] * 10 ** (last - first))
    out.append(
        f'<path d="M{x(sizes[0]):.1f} {y(10**first):.1f}L{x(reach):.1f} {y(10**first * reach / sizes[0]):.1f}" stroke="#9ca3af" stroke-dasharray="4 4"/>'
    )
    # Labels stand beside the last point of their curve, moved apart where they would touch.
    ends = sorted((y(curve[-1][1]), name) for name, curve in curves.items())
    labels, floor = {}, TOP
    for at, name in ends:
        labels[name] = floor = max(at, floor + 15)
    for colour, (name, curve) in zip(COLOURS, curves.items()):
        points = " ".join(f"{x(size):.1f},{y(wall):.1f}" for size, wall in curve)
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.extend(f'<circle cx="{x(size):.1f}" cy="{y(wall):.1f}" r="3" fill="{colour}"/>' for size, wall in curve)
        text = f"{name}: {curve[-1][1]:.2f} s"
        out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{labels[name] + 4:.1f}" fill="{colour}">{text}</text>')
    print("\n".join(out + ["</svg>"]))


if __name__ == "__main__":
    main()
