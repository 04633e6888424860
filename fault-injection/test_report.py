#!/usr/bin/env python3
"""fault-injection/test_report.py - the pictures of a run have a point for each step, and are the same
each time.

    test_report.py POWER-CUT"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.dont_write_bytecode = True
import report  # noqa: E402


def count(path, kind):
    root = xml.etree.ElementTree.parse(path).getroot()
    return sum(element.get("class") == kind for element in root.iter())


def pictures(steps, folder):
    subprocess.run([sys.executable, report.__file__, steps, folder], check=True,
                   stdout=subprocess.DEVNULL)
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


def main():
    with tempfile.TemporaryDirectory() as folder:
        steps = folder + "/steps"
        output = subprocess.run(
            [sys.argv[1], "--length", "1", "--profile", "btrfs", "--steps", steps], check=True,
            stdout=subprocess.PIPE, text=True).stdout
        sequences = report.read(steps)
        cuts = sum(len(found) for found in sequences.values())
        runs = sum(step[3] for found in sequences.values() for step in found)
        assert "%d sequences, %d cuts" % (len(sequences), cuts) in output, output
        assert " %d recoveries" % runs in output, output
        assert any(step[:1] == ("sync",) and step[1] for step in sequences["load-app"])
        first, again = pictures(steps, folder + "/1"), pictures(steps, folder + "/2")
        assert first == again and len(first) == len(sequences) + 1
        for name, found in sequences.items():
            path = "%s/1/%s.svg" % (folder, name)
            assert count(path, "states") == len(found), name
            assert count(path, "recoveries") == sum(step[3] > 0 for step in found), name
        assert count(folder + "/1/syncs.svg", "files") == len(sequences)


main()
