#!/usr/bin/env python3
"""fault-injection/sites.py - was the power cut before and behind every call in the sources that syncs,
renames, links, unlinks or truncates?

    sites.py SOURCES BUILD [FILES...]

Runs power-cut as RUNS says, with few states of each cut, for what counts is where it is cut; or takes
what runs with --sites have printed into FILES. Fails if a call was not reached that UNREACHED does not
name, or one was that it names."""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import calls  # noqa: E402

CALL = re.compile(r"\bhf_io_(fsync|fdatasync|sync_dir|rename|link|unlink|discard|rmdir|truncate)\(")
FOLDERS = ("wal", "src/catalog", "src/store", "src/fsck", "src/image", "src/transfer", "src/rootfs")
RUNS = (
    ("--length", "1", "--deep", "2", "--runs", "2"),
    ("--scenarios", "--runs", "2"),
)
# What is not reached, and why.
FAILED = "only after an operation failed: tests/test_faults.c"
UNSOUND = "mends what no store may be in before it, so that there is nothing to compare with: " \
    "tests/test_check_order.c"
UNREACHED = {
    "wal/segment.c make_zero_file": FAILED,
    "wal/segment.c hf_wal_segment_make #2": FAILED,
    "src/catalog/checkpoint_write.c take_back": FAILED,
    "src/store/stage.c keep_blob": FAILED,
    "src/fsck/files.c remove_file": UNSOUND,
    "src/fsck/files.c remove_file #2": UNSOUND,
    "src/fsck/files.c hf_check_folders": UNSOUND,
    "src/fsck/files.c hf_check_folders #2": UNSOUND,
    "src/fsck/quarantine.c set_aside #3": "only if another process heals meanwhile",
    "src/store/publish.c replace_published": "recovery empties trash/ before it comes here",
    "src/store/sweep.c hf_sweep_new #3": "the opening of the log has used that name before",
    "src/transfer/save_": "what a save writes is not in the store: tests/test_save_output.c",
    "src/rootfs/workspace.c": "what is in workspaces/ is not in the log: tests/test_workspace.c",
}


def lines_of(root, path, begin, end):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    return range(text.count("\n", 0, begin) + 1, text.count("\n", 0, end) + 2)


def outputs(build, files):
    for name in files:
        with open(name, encoding="utf-8") as file:
            yield file.read()
    if not files:
        for run in RUNS:
            yield subprocess.run([build + "/fault-injection/power-cut", *run, "--sites"],
                                 check=True, stdout=subprocess.PIPE, text=True).stdout


def count_cuts(texts):
    """{(file, line): [before, behind]}"""
    cuts = {}
    for text in texts:
        for path, line, before, behind in re.findall(
                r"^site \S*?((?:wal|src/\w+)/\w+\.c):(\d+) (\d+) (\d+)$", text, re.MULTILINE):
            sums = cuts.setdefault((path, int(line)), [0, 0])
            sums[0] += int(before)
            sums[1] += int(behind)
    return cuts


def reason_for(name):
    """An entry without a function stands for all whose names begin with it."""
    for entry, reason in UNREACHED.items():
        if name == entry or (" " not in entry and name.startswith(entry)):
            return reason
    return None


def main():
    root, build, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    sites = calls.calls_of(root, CALL, FOLDERS)
    cuts = count_cuts(outputs(build, files))
    reached, wrong = 0, 0
    for name, (path, begin, end) in sites.items():
        found = [cuts[path, line] for line in lines_of(root, path, begin, end)
                 if (path, line) in cuts]
        is_reached = bool(found) and found[0][0] > 0 and found[0][1] > 0
        reason = reason_for(name)
        reached += is_reached
        if not is_reached:
            print("not cut: %s: %s" % (name, reason or "NOT EXPECTED"))
        elif reason:
            print("cut: %s, which UNREACHED names" % name)
        wrong += is_reached == bool(reason)
    print("%d calls, %d cut before and behind, %d not" % (len(sites), reached,
                                                         len(sites) - reached))
    sys.exit(1 if wrong or not reached else 0)


main()
