#!/usr/bin/env python3
"""fault-injection/pictures.py - draws what real_disk.py has done.

    pictures.py FILE FOLDER    FILE: of --tsv, or of --resume

states.svg: the states of each file system that were mounted, and how many of them broke a promise.
recording.svg (only of --tsv): the last recording, flush by flush: writes since the flush before, states
tried, acknowledgements, violations. The same FILE always gives the same pictures."""

import json
import os
import sys
from xml.sax.saxutils import escape

INK, PALE, GOOD, BAD, ACK = "#333", "#ddd", "#4878a8", "#c22", "#383"


class Picture:
    def __init__(self, width, height):
        self.width, self.height, self.parts = width, height, []

    def box(self, x, y, width, height, colour, told=""):
        inside = "<title>%s</title>" % escape(told) if told else ""
        self.parts.append('<rect x="%.2f" y="%.2f" width="%.2f" height="%.2f" fill="%s">%s</rect>'
                          % (x, y, width, height, colour, inside))

    def text(self, x, y, what, anchor="start", colour=INK):
        self.parts.append('<text x="%.2f" y="%.2f" text-anchor="%s" fill="%s">%s</text>'
                          % (x, y, anchor, colour, escape(what)))

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif"'
                       ' font-size="12">\n<rect width="%d" height="%d" fill="white"/>\n%s\n</svg>\n'
                       % (self.width, self.height, self.width, self.height, "\n".join(self.parts)))


def read_tsv(text):
    """{kind: [recordings, states, unmountable, violations]}, (name, epochs) of the last recording."""
    kinds, epochs, last = {}, [], None
    for words in (line.split("\t") for line in text.splitlines()):
        if words[0] == "epoch":
            epochs.append([int(word) for word in words[1:]])
        elif words[0] == "recording":
            _, _, _, states, unmountable, violations = (int(word) for word in words[3:9])
            sums = kinds.setdefault(words[1], [0, 0, 0, 0])
            for i, value in enumerate((1, states, unmountable, violations)):
                sums[i] += value
            last, epochs = ("%s, seed %s" % (words[1], words[2]), epochs), []
    return kinds, last


def read(path):
    with open(path, encoding="ascii") as file:
        text = file.read()
    if not text.startswith("["):
        return read_tsv(text)
    return {kind: [int(value) for value in sums[:4]] for kind, sums in json.loads(text)[0].items()}, None


def draw_states(kinds):
    picture = Picture(760, 60 + 26 * len(kinds))
    most = max([states for _, states, _, _ in kinds.values()] + [1])
    picture.text(10, 22, "%d states of disks that lost power, %d of them break a promise" % (
        sum(sums[1] for sums in kinds.values()), sum(sums[3] for sums in kinds.values())))
    for i, (kind, (recordings, states, unmountable, broken)) in enumerate(sorted(kinds.items())):
        y, scale = 40 + 26 * i, 400 / most
        picture.text(140, y + 13, kind, "end")
        picture.box(150, y, states * scale, 18, GOOD, "%d states" % states)
        if broken:
            picture.box(150, y, max(2, min(broken, states) * scale), 18, BAD, "%d broken" % broken)
        picture.text(156 + states * scale, y + 13, "%d of %d recordings%s%s" % (
            states, recordings, ", %d unmountable" % unmountable if unmountable else "",
            ", %d broken" % broken if broken else ""))
    return picture


def draw_recording(name, epochs):
    picture = Picture(760, 330)
    step = 700 / max(len(epochs), 1)
    writes_most = max([epoch[1] for epoch in epochs] + [1])
    states_most = max([epoch[4] for epoch in epochs] + [1])
    picture.text(30, 22, "%s: %d flushes, %d writes, %d states" % (
        name, len(epochs) - 1, sum(epoch[1] for epoch in epochs), sum(epoch[4] for epoch in epochs)))
    picture.text(30, 44, "writes between two flushes (at most %d)" % writes_most)
    picture.text(30, 184, "states tried (at most %d); green: something was acknowledged" % states_most)
    for number, writes, acks, _, states, broken in epochs:
        x, width = 30 + number * step, max(step * 0.8, 0.5)
        picture.box(x, 160 - 105 * writes / writes_most, width, 105 * writes / writes_most, INK,
                    "flush %d: %d writes" % (number, writes))
        picture.box(x, 300 - 105 * states / states_most, width, 105 * states / states_most,
                    BAD if broken else GOOD, "flush %d: %d states, %d broken" % (number, states, broken))
        if acks:
            picture.box(x, 304, width, 8, ACK, "%d acknowledged" % acks)
    picture.box(30, 160, 700, 1, PALE)
    picture.box(30, 300, 700, 1, PALE)
    return picture


def main():
    if len(sys.argv) != 3:
        print("usage: pictures.py FILE FOLDER; its top says what FILE is", file=sys.stderr)
        return 2
    kinds, last = read(sys.argv[1])
    if not kinds:
        print("%s tells of no recording" % sys.argv[1], file=sys.stderr)
        return 1
    os.makedirs(sys.argv[2], exist_ok=True)
    draw_states(kinds).write(os.path.join(sys.argv[2], "states.svg"))
    if last:
        draw_recording(*last).write(os.path.join(sys.argv[2], "recording.svg"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
