#!/usr/bin/env python3
"""fault-injection/test_lost.py - which syncs are found missing on each profile of the disk, by two loads
one after the other: what a weaker disk finds, and a better one hides.

    test_lost.py SOURCES POWER-CUT"""

import re
import subprocess
import sys

sys.dont_write_bytecode = True
import calls  # noqa: E402

RUN = ["--length", "2", "--part", "14/133", "--lost"]
ALL = {"strict", "ext4", "xfs", "btrfs"}
FOUND = {
    "src/store/stage.c sync_blob": ALL,
    "wal/append.c sync_to": ALL,
    "src/store/finish_sync.c hf_finish_sync_folders": ALL,
    "src/store/stage.c make_slot": {"strict"},
    "src/store/stage.c hf_txn_sync_staged": {"strict"},
    "src/catalog/layout.c make_contents": {"strict"},
}


def names_of(root):
    """FILE:LINE: the call's name"""
    names = {}
    for name, (path, begin, _) in calls.calls_of(root, calls.SYNC).items():
        with open(root + "/" + path, encoding="utf-8") as file:
            names["%s:%d" % (path, file.read().count("\n", 0, begin) + 1)] = name
    return names


def found_by(power_cut, profile, names):
    output = subprocess.run([power_cut, *RUN, "--profile", profile], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    found = set()
    for site, verdict in re.findall(r"^lost (\S+) (found|unfound) ", output, re.M):
        name = next(name for place, name in names.items() if site.endswith("/" + place))
        if verdict == "found":
            found.add(name)
    return found


def main():
    root, power_cut = sys.argv[1:]
    names, wrong = names_of(root), 0
    for profile in sorted(ALL):
        found = found_by(power_cut, profile, names)
        for name, profiles in FOUND.items():
            if (name in found) != (profile in profiles):
                wrong += 1
                print("%s: without %s: %s" % (profile, name,
                                              "found" if name in found else "not found"))
    sys.exit(wrong > 0)


main()
