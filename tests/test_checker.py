#!/usr/bin/env python3
"""tests/test_checker.py - proves that holdfast-check accepts every legal store and reports each kind
of violation, with stores made by support/make_store.py from the FORMAT pages alone.

    test_checker.py HOLDFAST-CHECK SOURCE-ROOT [CASE]
"""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(HERE, "support"), os.path.join(HERE, "checker")]

from cases import cases, rich  # noqa: E402
from make_store import DONE, record_bytes  # noqa: E402
import legal  # noqa: E402,F401
import wrong_catalog  # noqa: E402,F401
import wrong_checkpoints  # noqa: E402,F401
import wrong_files  # noqa: E402,F401
import wrong_log  # noqa: E402,F401


def example_is_right(source):
    with open(os.path.join(source, "wal/FORMAT.md"), encoding="utf-8") as file:
        lines = re.findall(r"^00[0-3]0  ((?:[0-9a-f]{2} +){16})", file.read(), re.M)
    page = bytes.fromhex("".join(lines).replace(" ", ""))
    ours = record_bytes(0, DONE, 4096, durable=4096, transaction=4096)
    if page != ours:
        print("wal/FORMAT.md, section 5: the record is\n  %s\nand should be\n  %s" %
              (page.hex(" "), ours.hex(" ")))
    return page == ours


def run_case(check, function, modes, pattern):
    """What the checker said where it was wrong: (mode, exit, output)."""
    # In memory where that can be had: it is 600 MB in all, and nothing of it shall last.
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="holdfast-checker-", dir=parent) as folder:
        root = os.path.join(folder, "root")
        store = rich()
        after = function(store)
        store.write(root)
        if after:
            after(root)
        for mode in modes:
            done = subprocess.run([check, root, mode], capture_output=True, text=True, check=False)
            if pattern is None:
                good = done.returncode == 0 and not done.stderr
            else:
                good = done.returncode == 1 and re.search(pattern, done.stderr)
            if not good:
                yield mode, done.returncode, done.stderr


def main():
    check, source = sys.argv[1:3]
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    failed = run = 0
    for function, modes, pattern in cases:
        if only not in function.__name__:
            continue
        run += 1
        for mode, code, said in run_case(check, function, modes, pattern):
            failed += 1
            print("FAILED %s %s: exit %d, wanted %s\n%s" %
                  (function.__name__, mode, code, pattern or "no complaint", said))
    failed += not example_is_right(source)
    print("%d stores, %d failures" % (run, failed))
    return 1 if failed or not run else 0


if __name__ == "__main__":
    sys.exit(main())
