#!/usr/bin/env python3
"""fault-injection/report.py - pictures of what power-cut has seen.

    report.py STEPS FOLDER

STEPS is what `power-cut --steps STEPS` wrote. In FOLDER there is one SVG for each sequence, the power cut
at each of its steps, with the states that are legal then and the recoveries that told all of them apart;
and syncs.svg, how often each sequence's last operation syncs. The same STEPS make the same pictures."""

import csv
import math
import os
import sys
from xml.sax.saxutils import escape

STATES, RECOVERIES = "#4878a8", "#c06030"
LEFT, TOP, STEP, UNIT, BELOW = 110, 50, 22, 60, 230
SYNCS = ("sync", "sync-dir")


def read(path):
    """sequence: its steps, in order"""
    sequences = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            sequences.setdefault(row["sequence"], []).append(
                (row["operation"], os.path.basename(row["site"]), float(row["log10_states"]),
                 int(row["recoveries"])))
    return sequences


def text(x, y, words, more=""):
    return '<text x="%g" y="%g"%s>%s</text>' % (x, y, more, escape(words))


def line(x1, y1, x2, y2, color):
    return '<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s"/>' % (x1, y1, x2, y2, color)


def turned(x, y, words):
    return text(x, y, words, ' text-anchor="end" transform="rotate(-60 %g %g)"' % (x, y))


def document(width, height, parts):
    return "\n".join(
        ['<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" font-family="sans-serif" '
         'font-size="11">' % (width, height),
         '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def curve(points, color, kind):
    path = " ".join("%g,%g" % point for point in points)
    yield '<polyline fill="none" stroke="%s" points="%s"/>' % (color, path)
    for x, y in points:
        yield '<circle class="%s" cx="%g" cy="%g" r="3" fill="%s"/>' % (kind, x, y, color)


def draw_sequence(name, steps):
    most = max([1.0] + [max(states, math.log10(max(runs, 1))) for _, _, states, runs in steps])
    bottom, right = TOP + UNIT * math.ceil(most), LEFT + STEP * len(steps)
    parts = [text(LEFT, 20, "%s: %d cuts, %d recoveries" % (
        name, len(steps), sum(step[3] for step in steps)), ' font-size="14"'),
        text(LEFT, 38, "legal states", ' fill="%s"' % STATES),
        text(LEFT + 80, 38, "recoveries (none: a disk that was tried before)",
             ' fill="%s"' % RECOVERIES)]
    for power in range(math.ceil(most) + 1):
        y = bottom - UNIT * power
        parts += [line(LEFT, y, right, y, "#dddddd"), text(70, y + 4, "%d" % 10 ** power)]
    xs = [LEFT + STEP * (i + 0.5) for i in range(len(steps))]
    parts += curve([(x, bottom - UNIT * step[2]) for x, step in zip(xs, steps)], STATES, "states")
    parts += curve([(x, bottom - UNIT * math.log10(step[3]))
                    for x, step in zip(xs, steps) if step[3] > 0], RECOVERIES, "recoveries")
    for x, (operation, site, _, _) in zip(xs, steps):
        parts.append(turned(x + 4, bottom + 14, (operation + " " + site).strip()))
    return document(max(right + 20, 420), bottom + BELOW, parts)


def draw_syncs(sequences):
    parts = [text(20, 20, "syncs of an operation", ' font-size="14"')]
    for i, (name, steps) in enumerate(sequences.items()):
        files, folders = (sum(step[0] == kind for step in steps) for kind in SYNCS)
        y = 40 + 22 * i
        parts += [text(20, y + 12, name),
                  '<rect class="files" x="220" y="%g" width="%g" height="16" fill="%s"/>' % (
                      y, 20 * files, STATES),
                  '<rect class="folders" x="%g" y="%g" width="%g" height="16" fill="%s"/>' % (
                      220 + 20 * files, y, 20 * folders, RECOVERIES),
                  text(226 + 20 * (files + folders), y + 12,
                       "%d files, %d folders" % (files, folders))]
    return document(760, 60 + 22 * len(sequences), parts)


def main():
    steps_path, folder = sys.argv[1:]
    sequences = read(steps_path)
    os.makedirs(folder, exist_ok=True)
    pictures = {name.replace(", ", "+"): draw_sequence(name, steps)
                for name, steps in sequences.items()}
    pictures["syncs"] = draw_syncs(sequences)
    for name, picture in pictures.items():
        with open("%s/%s.svg" % (folder, name), "w", encoding="utf-8") as file:
            file.write(picture)
    print("%d pictures in %s" % (len(pictures), folder))


if __name__ == "__main__":
    main()
