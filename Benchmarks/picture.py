"""Draws time over drift from what `compare --drift ... --json F` wrote: picture.py DRIFT.json PICTURE.svg

The area of a circle is the peak memory. Colors follow the reader's light or dark theme."""

import json
import math
import statistics
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 960, 600
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 60, 80
# Of the names: the height of a line, the width of a character, the gap to the circle without and with a line to it.
LINE, CHARACTER, GAP, LEADER = 17, 7.8, 5, 14

STYLE = """
    .paper { fill: #ffffff; }
    .grid { stroke: #dfe3e9; }
    text { fill: #1b1d21; font-size: 13px; }
    .heading { font-size: 17px; font-weight: 600; }
    .soft { fill: #555c68; }
    .ours { fill: #1f63ad; fill-opacity: 0.35; stroke: #1f63ad; stroke-width: 1.5; }
    .peer { fill: #8a92a0; fill-opacity: 0.25; stroke: #6b7280; stroke-width: 1.5; }
    .name-ours { fill: #174f8c; font-weight: 600; }
    .leader { stroke: #8a92a0; }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #16181c; }
      .grid { stroke: #2f343d; }
      text { fill: #e8eaee; }
      .soft { fill: #a6aebb; }
      .ours { fill: #7fb4ee; stroke: #7fb4ee; }
      .peer { fill: #8a92a0; stroke: #a6aebb; }
      .name-ours { fill: #9cc7f5; }
    }"""


@dataclass
class Point:
    label: str
    decibels: float
    milliseconds: float
    megabytes: float

    @property
    def radius(self) -> float:
        """50 MB are a circle with a radius of 8."""
        return 8 * math.sqrt(self.megabytes / 50)


def points(found: dict) -> list[Point]:
    """One thread; fp32 has no drift that a scale in dB could show."""
    rows = []
    for label, entry in found["rows"].items():
        timing = entry["timing"].get("1")
        if timing and "fp32" not in label:
            rows.append(Point(
                label, statistics.mean(entry["sqnr"]), min(timing["minima"]),
                statistics.median(timing["peak_rss"]) / 1e6))
    return rows


def ticks(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


@dataclass
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "Box") -> float:
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


def name_box(x: float, y: float, radius: float, text: str, right: bool, shift: float) -> Box:
    """Beside a circle, `shift` lower than its centre."""
    width = CHARACTER * len(text)
    gap = radius + (GAP if shift == 0 else LEADER)
    left = x + gap if right else x - gap - width
    return Box(left, y + shift - LINE / 2, left + width, y + shift + LINE / 2)


def name_places(circles: dict[str, tuple[float, float, float]]) -> dict[str, tuple[Box, bool]]:
    """Where each name covers the least of circles and of names that have their place already; whether it is on the
    right. Among equals, on the right and near."""
    obstacles = [Box(x - radius, y - radius, x + radius, y + radius) for x, y, radius in circles.values()]
    places: dict[str, tuple[Box, bool]] = {}
    for text, (x, y, radius) in sorted(circles.items(), key=lambda circle: circle[1][1]):
        best = None
        for shift in sorted((step * LINE for step in range(-3, 4)), key=abs):
            for right in (True, False):
                box = name_box(x, y, radius, text, right, shift)
                outside = max(0.0, LEFT - box.left) + max(0.0, box.right - WIDTH + RIGHT)
                cost = sum(box.overlap(other) for other in obstacles) + outside * LINE + abs(shift) / LINE
                if best is None or cost < best[0]:
                    best = (cost, box, right)
        places[text] = best[1:]
        obstacles.append(best[1])
    return places


def draw(found: dict) -> str:
    rows = points(found)
    slowest = max(point.milliseconds for point in rows)
    fastest = min(point.milliseconds for point in rows)
    # A logarithmic axis, with room for the names on the right.
    low, high = math.log(fastest / 1.25), math.log(slowest * 2.1)
    floor, ceiling = min(point.decibels for point in rows) - 4, max(point.decibels for point in rows) + 3

    def x(milliseconds: float) -> float:
        return LEFT + (math.log(milliseconds) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(decibels: float) -> float:
        return HEIGHT - BOTTOM - (decibels - floor) / (ceiling - floor) * (HEIGHT - TOP - BOTTOM)

    title = "Time and drift of int8 and bf16 runtimes on DINOv2 ViT-S/14, one thread"
    description = "; ".join(
        f"{point.label}: {point.decibels:.1f} dB, {point.milliseconds:.1f} ms, {point.megabytes:.0f} MB"
        for point in sorted(rows, key=lambda point: point.milliseconds))
    body = []
    for decibels in ticks(floor, ceiling, 5):
        place = y(decibels)
        body += [
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}"/>',
            f'<text class="soft" x="{LEFT - 8}" y="{place + 4:.1f}" text-anchor="end">{decibels:g}</text>',
        ]
    for milliseconds in [10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640]:
        if low < math.log(milliseconds) < high:
            place = x(milliseconds)
            foot = HEIGHT - BOTTOM
            body += [
                f'<line class="grid" x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{foot}"/>',
                f'<text class="soft" x="{place:.1f}" y="{foot + 20}" text-anchor="middle">{milliseconds}</text>',
            ]
    circles = {point.label: (x(point.milliseconds), y(point.decibels), point.radius) for point in rows}
    places = name_places(circles)
    for point in sorted(rows, key=lambda point: -point.radius):
        kind = "ours" if point.label.startswith("vit-quant") else "peer"
        across, down, radius = circles[point.label]
        body.append(f'<circle class="{kind}" cx="{across:.1f}" cy="{down:.1f}" r="{radius:.1f}"/>')
        box, right = places[point.label]
        edge, height = (box.left if right else box.right), (box.top + box.bottom) / 2
        if abs(height - down) > 1:
            end = edge - 3 if right else edge + 3
            ends = f'x1="{across:.1f}" y1="{down:.1f}" x2="{end:.1f}" y2="{height:.1f}"'
            body.append(f'<line class="leader" {ends}/>')
        anchor = "start" if right else "end"
        name = escape(point.label)
        body.append(f'<text class="name-{kind}" x="{edge:.1f}" y="{height + 4:.1f}" text-anchor="{anchor}">{name}</text>')
    note = (
        f"{found['machine'].split(', ')[0]}, {found['date']}. Area of a circle: peak memory, of the peers with Python "
        f"({min(point.megabytes for point in rows):.0f} to {max(point.megabytes for point in rows):.0f} MB).")
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" \
aria-labelledby="title desc" font-family="system-ui, 'DejaVu Sans', sans-serif">
  <title id="title">{escape(title)}</title>
  <desc id="desc">{escape(description)}</desc>
  <style>{STYLE}
  </style>
  <rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>
  <text class="heading" x="{LEFT - 40}" y="28">{escape(title)}</text>
  <text class="soft" x="{LEFT - 40}" y="48">Final tokens against fp32: mean SQNR in dB (higher is more faithful)</text>
  <text class="soft" x="{WIDTH - RIGHT}" y="{HEIGHT - BOTTOM + 40}" text-anchor="end">\
milliseconds for an image (left is faster)</text>
  <text class="soft" x="{LEFT - 40}" y="{HEIGHT - 14}">{escape(note)}</text>
  """ + "\n  ".join(body) + "\n</svg>\n"


def main() -> None:
    source, product = map(Path, sys.argv[1:])
    product.write_text(draw(json.loads(source.read_text())))


if __name__ == "__main__":
    main()
