"""fault-injection/calls.py - finds calls that change the disk in the sources, and names each by
its file and function (#2: the second of its kind in that function)."""

import os
import re

FOLDERS = ("wal", "src/catalog", "src/store", "src/fsck", "src/image", "src/transfer", "src/rootfs",
           "tools")
# Also those of trees (src/rootfs/sys.h), without their definitions.
SYNC = re.compile(r"(?<!int )\bhf_(?:io_(?:fsync|fdatasync|sync_dir)|sys_sync(?:_all)?)\(")


def function_around(text, place):
    """The name that the last line before it begins which starts in the first column."""
    starts = re.findall(r"^[a-z][^\n;{}]*?(\w+)\([^\n;]*$", text[:place], re.MULTILINE)
    return starts[-1]


def call_end(text, place):
    depth = 0
    for i in range(text.index("(", place), len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    raise ValueError("a call that does not end")


def calls_of(root, pattern, folders=FOLDERS):
    """{name: (file, begin, end)}, of all calls that the pattern finds the beginning of."""
    found = {}
    for folder in folders:
        for name in sorted(os.listdir(os.path.join(root, folder))):
            if not name.endswith(".c"):
                continue
            path = folder + "/" + name
            with open(os.path.join(root, path), encoding="utf-8") as file:
                text = file.read()
            for call in pattern.finditer(text):
                key = again = "%s %s" % (path, function_around(text, call.start()))
                count = 1
                while again in found:
                    count += 1
                    again = "%s #%d" % (key, count)
                found[again] = (path, call.start(), call_end(text, call.start()))
    return found
